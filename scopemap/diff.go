package scopemap

import (
	"cmp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// Right is actions on a set of repositories: those that Pattern covers, without those that
// Except covers. The set is never empty. The right of a connected registry is a Gateway line
// and nothing else.
type Right struct {
	Pattern Pattern
	Except  []Pattern // sorted; Pattern covers each, and none covers another
	Actions []acrkit.Action
	Gateway string
}

// Catalog reports whether the right contains the catalog of the registry, which only a rule
// on [Root] grants.
func (r Right) Catalog() bool {
	return r.Pattern == Root && slices.Contains(r.Actions, acrkit.MetadataRead)
}

// Repositories names the repositories of the right, as "samples/* except samples/app"; "" for
// a gateway line.
func (r Right) Repositories() string {
	if len(r.Except) == 0 {
		return string(r.Pattern)
	}
	except := make([]string, 0, len(r.Except))
	for _, p := range r.Except {
		except = append(except, string(p))
	}
	return string(r.Pattern) + " except " + strings.Join(except, ", ")
}

// String returns one line: "content/read, metadata/read on samples/* except samples/app", with
// "; the catalog" where that is part of it, or the gateway line.
func (r Right) String() string {
	if r.Gateway != "" {
		return r.Gateway
	}
	actions := make([]string, 0, len(r.Actions))
	for _, a := range r.Actions {
		actions = append(actions, a.String())
	}
	text := strings.Join(actions, ", ") + " on " + r.Repositories()
	if r.Catalog() {
		text += "; the catalog"
	}
	return text
}

// Difference is how the rights of two maps differ. The rights are in the order of their
// patterns, gateway lines last.
type Difference struct {
	Gained []Right // the second map has them, the first has not
	Lost   []Right // the first map has them, the second has not
}

// Same reports whether both maps decide every request alike, those of connected registries
// included.
func (d Difference) Same() bool { return len(d.Gained) == 0 && len(d.Lost) == 0 }

// Widens reports whether the second map allows something that the first refuses.
func (d Difference) Widens() bool { return len(d.Gained) > 0 }

// String returns a line for each right, after "+ " if it was gained and "- " if it was lost;
// "same rights" if there is none.
func (d Difference) String() string {
	if d.Same() {
		return "same rights"
	}
	lines := make([]string, 0, len(d.Gained)+len(d.Lost))
	for _, r := range d.Gained {
		lines = append(lines, "+ "+r.String())
	}
	for _, r := range d.Lost {
		lines = append(lines, "- "+r.String())
	}
	return strings.Join(lines, "\n")
}

// Diff compares the rights of two maps, not their lines: the order, repeated lines and lines
// that a wider one contains make no difference. It is exact for maps of at most [MaxActions]
// lines. Diff(Map{}, m).Gained are all rights of m.
//
// Gateway lines are compared as text, because what a connected registry does with them is not
// documented.
func Diff(before, after Map) Difference {
	return Difference{Gained: more(after, before), Lost: more(before, after)}
}

// more returns the rights of m that other has not.
func more(m, other Map) []Right {
	has, others := m.sets(), other.sets()
	var rights []Right
	at := map[string]int{} // repositories → index of their right
	for _, a := range acrkit.Actions() {
		for _, p := range has[a] {
			r, ok := others[a].without(p, a)
			if !ok {
				continue
			}
			if i, ok := at[r.Repositories()]; ok {
				rights[i].Actions = append(rights[i].Actions, a)
				continue
			}
			at[r.Repositories()] = len(rights)
			rights = append(rights, r)
		}
	}
	slices.SortFunc(rights, func(x, y Right) int {
		return cmp.Or(cmp.Compare(x.Pattern, y.Pattern), slices.Compare(x.Actions, y.Actions))
	})
	var gateways []string
	for _, r := range m.Rules {
		if r.IsGateway() && !slices.Contains(other.Rules, r) && !slices.Contains(gateways, r.gateway) {
			gateways = append(gateways, r.gateway)
		}
	}
	slices.Sort(gateways)
	for _, line := range gateways {
		rights = append(rights, Right{Gateway: line})
	}
	return rights
}
