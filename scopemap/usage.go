package scopemap

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
)

// Use is a right that was used, as the line of a scope map that gives it, and the evidence.
type Use struct {
	Rule        Rule
	First, Last time.Time // zero = not known
	Count       int64
	Failed      int64    // how often it was tried besides, and failed for another reason than the right
	Sources     []string // where it was seen, sorted
}

// tried reports whether the right was tried and always failed: it is not known whether it was
// needed.
func (u Use) tried() bool { return u.Count == 0 && u.Failed > 0 }

// Merge returns the evidence of both as one; the line is that of u. First and last are those of
// uses alone, if there are any.
func (u Use) Merge(other Use) Use {
	switch {
	case u.tried() && other.Count > 0:
		u.First, u.Last = time.Time{}, time.Time{}
	case other.tried() && u.Count > 0:
		other.First, other.Last = time.Time{}, time.Time{}
	}
	if u.First.IsZero() || !other.First.IsZero() && other.First.Before(u.First) {
		u.First = other.First
	}
	if other.Last.After(u.Last) {
		u.Last = other.Last
	}
	u.Count += other.Count
	u.Failed += other.Failed
	if !slices.Equal(u.Sources, other.Sources) {
		all := append(slices.Clone(u.Sources), other.Sources...)
		slices.Sort(all)
		u.Sources = slices.Compact(all)
	}
	return u
}

// CompareRules orders lines by pattern, then by action; [Root] is the first pattern.
func CompareRules(a, b Rule) int {
	return cmp.Or(cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.Action, b.Action), cmp.Compare(a.gateway, b.gateway))
}

// RulesFor returns the lines of the smallest scope map that allows a required scope, in
// the order of [CompareRules]. Only metadata/read on [Root] gives the catalog. never is what
// no scope map allows.
func RulesFor(required acrkit.Scope) (rules []Rule, never acrkit.Scope) {
	var not []acrkit.Access
	for access := range required.All() {
		no := access
		no.Actions = nil
		for _, word := range access.Actions {
			a, err := acrkit.ParseAction(word)
			switch {
			case access.Type == "registry" && access.Name == "catalog" && word == "*":
				rules = append(rules, Rule{Pattern: Root, Action: acrkit.MetadataRead})
			case access.Type == "repository" && err == nil && a.Wire() == word &&
				acrkit.CheckRepositoryName(access.Name) == nil:
				rules = append(rules, Rule{Pattern: Pattern(access.Name), Action: a})
			default:
				no.Actions = append(no.Actions, word)
			}
		}
		not = append(not, no)
	}
	slices.SortFunc(rules, CompareRules)
	return rules, acrkit.NewScope(not...)
}

// WildcardNames is how many patterns under one prefix become a wildcard of the prefix, if
// wildcards are wanted.
const WildcardNames = 3

// Suggest yields the lines of the smallest scope map that allows all uses, each once, with
// the evidence of all uses that it allows. The uses are in the order of [CompareRules]. What was
// tried and always failed is left out.
//
// With wildcards, PREFIX/* replaces the names and wildcards under PREFIX/ that have the same
// action if there are at least [WildcardNames] of them. The longest prefixes are first, and
// none becomes [Root]. Such a map allows more than was used.
//
// It keeps at most a few uses for each part of a name, so that there may be any number.
func Suggest(uses iter.Seq[Use], wildcards bool) iter.Seq[Use] {
	return func(yield func(Use) bool) {
		s := suggester{wildcards: wildcards, yield: yield}
		for u := range uses {
			//rule:suggest-tried
			if u.tried() {
				continue
			}
			if !s.add(u) {
				return
			}
		}
		s.close(0)
		for _, a := range acrkit.Actions() {
			if root, ok := s.root[a]; ok {
				s.emit(root)
			}
		}
	}
}

type suggester struct {
	wildcards bool
	yield     func(Use) bool
	done      bool

	last *Use                  // equal ones that follow are merged into it
	root map[acrkit.Action]Use // those of the root pattern, with all that they contain
	open []prefix              // from the shortest; each begins with the one before it
}

// prefix is a prefix of names that may still grow.
type prefix struct {
	text    string // ends with /
	pending map[acrkit.Action][]Use
}

func (s *suggester) add(u Use) bool {
	if root, ok := s.root[u.Rule.Action]; ok {
		s.root[u.Rule.Action] = root.Merge(u)
		return true
	}
	if u.Rule.Pattern == Root {
		if s.root == nil {
			s.root = map[acrkit.Action]Use{}
		}
		s.root[u.Rule.Action] = u
		return true
	}
	if s.last != nil && s.last.Rule == u.Rule {
		*s.last = s.last.Merge(u)
		return true
	}
	s.flush()
	s.last = &u
	return !s.done
}

// flush puts the last use, which is complete, under its prefix.
func (s *suggester) flush() {
	if s.last == nil {
		return
	}
	u := *s.last
	s.last = nil
	if !s.wildcards {
		s.emit(u)
		return
	}
	name := string(u.Rule.Pattern)
	n := 0
	for n < len(s.open) && strings.HasPrefix(name, s.open[n].text) {
		n++
	}
	s.end(n)
	at := 0
	if n > 0 {
		at = len(s.open[n-1].text)
	}
	for {
		i := strings.IndexByte(name[at:], '/')
		if i < 0 {
			break
		}
		at += i + 1
		s.open = append(s.open, prefix{text: name[:at], pending: map[acrkit.Action][]Use{}})
	}
	s.put(u)
}

// put adds a complete use to the longest open prefix.
func (s *suggester) put(u Use) {
	if len(s.open) == 0 {
		s.emit(u)
		return
	}
	p := s.open[len(s.open)-1]
	held := append(p.pending[u.Rule.Action], u)
	if wide := Pattern(p.text + "*"); len(held) >= WildcardNames || held[0].Rule.Pattern == wide {
		all := held[0]
		all.Rule.Pattern = wide
		for _, x := range held[1:] {
			all = all.Merge(x)
		}
		held = []Use{all}
	}
	p.pending[u.Rule.Action] = held
}

// end ends the open prefixes from the one with index n on.
func (s *suggester) end(n int) {
	for len(s.open) > n {
		p := s.open[len(s.open)-1]
		s.open = s.open[:len(s.open)-1]
		for _, a := range acrkit.Actions() {
			for _, u := range p.pending[a] {
				s.put(u)
			}
		}
	}
}

func (s *suggester) close(n int) {
	s.flush()
	s.end(n)
}

func (s *suggester) emit(u Use) {
	if !s.done {
		s.done = !s.yield(u)
	}
}
