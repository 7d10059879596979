package scopemap

import (
	"maps"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// set holds, for one action, the fewest patterns that cover the repositories on which a map
// grants it. Two maps grant an action on the same repositories exactly when their sets are
// equal.
type set map[Pattern]bool

// sets returns the set of each action that the map grants.
func (m Map) sets() map[acrkit.Action]set {
	all := map[acrkit.Action]set{}
	for _, r := range m.Rules {
		if !r.grants() {
			continue
		}
		if all[r.Action] == nil {
			all[r.Action] = set{}
		}
		all[r.Action][r.Pattern] = true
	}
	for _, s := range all {
		s.fold()
		maps.DeleteFunc(s, func(p Pattern, _ bool) bool { return s.above(p) != "" })
	}
	return all
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

// covers reports whether every repository of q is one of p: to [Pattern.Match], the text of
// a wildcard is a name under its prefix.
func (p Pattern) covers(q Pattern) bool { return p.Match(string(q)) }

// above returns a pattern of the set, other than p, that covers p; "" if there is none.
func (s set) above(p Pattern) Pattern {
	if p == Root {
		return ""
	}
	if s[Root] {
		return Root
	}
	for i := range len(p) {
		if p[i] != '/' {
			continue
		}
		if wide := p[:i] + "/*"; wide != p && s[wide] {
			return wide
		}
	}
	return ""
}

// lastLetters are the names that one letter is.
const lastLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

// fold adds the wildcards of which every name is in the set. A prefix has that few names
// only where it leaves room for one letter; where it leaves room for two, it has more names
// than two maps have lines.
func (s set) fold() {
	names := map[string]int{}
	for p := range s {
		i := strings.LastIndexByte(string(p), '/')
		if len(p) == acrkit.MaxRepositoryName && i == len(p)-2 && !p.IsWildcard() {
			names[string(p[:i])]++
		}
	}
	for base, n := range names {
		if n == len(lastLetters) {
			s[Pattern(base+"/*")] = true
		}
	}
}

// without returns the right to an action on the repositories of p that are not in the set;
// false if the set has them all.
func (s set) without(p Pattern, a acrkit.Action) (Right, bool) {
	if s[p] || s.above(p) != "" {
		return Right{}, false
	}
	r := Right{Pattern: p, Actions: []acrkit.Action{a}}
	if p.IsWildcard() {
		for q := range s {
			if p.covers(q) {
				r.Except = append(r.Except, q)
			}
		}
		slices.Sort(r.Except)
	}
	return r, true
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
		if r.IsGateway() || r.grants() && kept[r.Action][r.Pattern] {
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
