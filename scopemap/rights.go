package scopemap

import (
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// set holds, for one action, the fewest patterns that cover the repositories on which a map
// grants it, sorted. Two maps grant an action on the same repositories exactly when their sets
// are equal.
type set []Pattern

// sets returns the set of each action that the map grants.
func (m Map) sets() map[acrkit.Action]set {
	patterns := map[acrkit.Action][]Pattern{}
	for _, r := range m.Rules {
		if r.grants() {
			patterns[r.Action] = append(patterns[r.Action], r.Pattern)
		}
	}
	all := map[acrkit.Action]set{}
	for a, ps := range patterns {
		ps = append(ps, full(ps)...)
		slices.Sort(ps)
		every := set(slices.Compact(ps))
		for _, p := range every {
			if every.above(p) == "" {
				all[a] = append(all[a], p)
			}
		}
	}
	return all
}

func (s set) has(p Pattern) bool {
	_, ok := slices.BinarySearch(s, p)
	return ok
}

// grants reports whether there is a request that the rule allows. A gateway line, an unknown
// action and a pattern that covers no valid name have none.
func (r Rule) grants() bool {
	if r.IsGateway() || !slices.Contains(acrkit.Actions(), r.Action) {
		return false
	}
	_, err := ParsePattern(string(r.Pattern))
	return err == nil && len(r.Pattern.base()) <= acrkit.MaxRepositoryName-len("/a")
}

// base returns the prefix of a wildcard without its slash, and "" for other patterns.
func (p Pattern) base() string {
	if prefix, ok := strings.CutSuffix(string(p), "/*"); ok {
		return prefix
	}
	return ""
}

// above returns a pattern of the set, other than p, that covers p; "" if there is none.
func (s set) above(p Pattern) Pattern {
	if p == Root {
		return ""
	}
	if s.has(Root) {
		return Root
	}
	for i := range len(p) {
		if p[i] != '/' {
			continue
		}
		if wide := p[:i] + "/*"; wide != p && s.has(wide) {
			return wide
		}
	}
	return ""
}

// under returns the patterns of the set, other than p, that p covers.
func (s set) under(p Pattern) []Pattern {
	if p == Root {
		return s
	}
	prefix, ok := strings.CutSuffix(string(p), "*")
	if !ok {
		return nil
	}
	i, _ := slices.BinarySearch(s, Pattern(prefix))
	j := i
	for j < len(s) && strings.HasPrefix(string(s[j]), prefix) {
		j++
	}
	return s[i:j]
}

// without returns the right to an action on the repositories of p that are not in the set;
// false if the set has them all.
func (s set) without(p Pattern, a acrkit.Action) (Right, bool) {
	if s.has(p) || s.above(p) != "" {
		return Right{}, false
	}
	return Right{Pattern: p, Actions: []acrkit.Action{a}, Except: slices.Clone(s.under(p))}, true
}

// letters is how many names have one letter.
const letters = len("abcdefghijklmnopqrstuvwxyz0123456789")

// full returns the wildcards of which every name is among the patterns. A prefix has that few
// names only where it leaves room for one letter; where it leaves room for two, it has more
// names than two maps have lines.
func full(patterns []Pattern) (wide []Pattern) {
	names := map[Pattern]map[Pattern]bool{}
	for _, p := range patterns {
		i := len(p) - len("/a")
		if len(p) != acrkit.MaxRepositoryName || p[i] != '/' {
			continue
		}
		base := p[:i]
		if names[base] == nil {
			names[base] = map[Pattern]bool{}
		}
		names[base][p] = true
		if len(names[base]) == letters {
			wide = append(wide, base+"/*")
		}
	}
	return wide
}

// Minimal returns the map with the fewest lines that have exactly the same rights, in the
// order of m. It leaves out lines that are there twice, lines that a wider line contains, and
// lines that grant nothing, such as a wildcard below a prefix that leaves no room for a name.
// Gateway lines stay, each once.
func Minimal(m Map) Map {
	kept := m.sets()
	out := m
	out.Rules = nil
	seen, written := map[Rule]bool{}, map[Rule]bool{}
	for _, r := range m.Rules {
		written[r] = true
	}
	add := func(r Rule) {
		if !seen[r] {
			seen[r] = true
			out.Rules = append(out.Rules, r)
		}
	}
	for _, r := range m.Rules {
		if r.IsGateway() || r.grants() && kept[r.Action].has(r.Pattern) {
			add(r)
			continue
		}
		// Where the wider pattern has no line of its own, it stands for lines such as this one.
		wide := Rule{Pattern: kept[r.Action].above(r.Pattern), Action: r.Action}
		if r.grants() && !written[wide] {
			add(wide)
		}
	}
	return out
}
