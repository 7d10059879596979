package scopemap

import (
	"iter"
	"slices"
)

// UseState is what is known of the use of a granted right.
type UseState string

// The states.
const (
	Used   UseState = "used"
	Unused UseState = "unused" // a source that shows such uses has none
	// Unknown is a right of which no source shows the use. It is never taken away.
	Unknown    UseState = "unknown"
	NotGranted UseState = "not-granted" // used, and no line of the map gives it
)

// GrantedUse is a line of a granted map and its use; of a right that is not granted, the line
// that would give it.
type GrantedUse struct {
	Use
	State UseState
	// Instead are the lines that replace a wildcard of which only some names were used; nil =
	// nothing replaces the line, which stays exactly if it is not [Unused].
	Instead []Rule
}

// Review says which rights of a granted map were used, and returns the map without those that
// were not. shown reports whether a source shows uses of a line; a line of which none does
// stays as it is, and so does a gateway line. What [Minimal] leaves out is not reviewed.
//
// A wildcard of which only some names were used is replaced by these names, unless wildcards
// are kept, or the map would have more than [MaxActions] lines. The uses are in the order of
// [CompareRules]. What was used and is not granted follows the lines of the map, at most
// [MaxActions] lines. What was tried and always failed is [Unknown], and stays.
func Review(granted Map, uses iter.Seq[Use], shown func(Rule) bool, wildcards bool) (rows []GrantedUse, left Map) {
	least := Minimal(granted)
	index := map[Rule]int{}
	for i, r := range least.Rules {
		index[r] = i
		rows = append(rows, GrantedUse{Use: Use{Rule: r}, State: Unknown})
		//rule:suggest-unknown
		if !r.IsGateway() && shown(r) {
			rows[i].State = Unused
		}
	}
	instead := make([][]Rule, len(rows)) // at most MaxActions+1 for each line
	for u := range uses {
		i, ok := covering(index, u.Rule)
		if !ok && u.tried() {
			continue
		}
		if !ok {
			last := len(rows) - 1
			switch {
			case last >= len(least.Rules) && rows[last].Rule == u.Rule:
				rows[last].Use = rows[last].Use.Merge(u)
			case last < len(least.Rules)+MaxActions-1:
				rows = append(rows, GrantedUse{Use: u, State: NotGranted})
			}
			continue
		}
		if n := len(instead[i]); n == 0 || n <= MaxActions && instead[i][n-1] != u.Rule {
			instead[i] = append(instead[i], u.Rule)
		}
		rows[i].Use = rows[i].Use.Merge(u)
		switch {
		case !u.tried():
			//rule:suggest-used
			rows[i].State = Used
		//rule:suggest-tried-granted
		case rows[i].State == Unused:
			rows[i].State = Unknown
		}
	}
	left = least
	left.Rules = nil
	lines := 0
	for _, row := range rows[:len(least.Rules)] {
		if row.State != Unused {
			lines++
		}
	}
	for i, r := range least.Rules {
		switch {
		case rows[i].State == Unused:
		//rule:suggest-unknown-wildcard
		case !shown(r) || !r.Pattern.IsWildcard() || wildcards || instead[i] == nil || instead[i][0] == r ||
			lines-1+len(instead[i]) > MaxActions:
			left.Rules = append(left.Rules, r)
		default:
			lines += len(instead[i]) - 1
			slices.SortFunc(instead[i], CompareRules)
			rows[i].Instead = instead[i]
			left.Rules = append(left.Rules, instead[i]...)
		}
	}
	return rows, left
}

// covering returns the index of the line that gives a right.
func covering(index map[Rule]int, r Rule) (int, bool) {
	for p := r.Pattern; p != ""; {
		if i, ok := index[Rule{Pattern: p, Action: r.Action}]; ok {
			return i, true
		}
		p = wider(p)
	}
	return 0, false
}

// wider returns the next wider pattern: samples/app/* of samples/app/web, then samples/*, then
// [Root], then none.
func wider(p Pattern) Pattern {
	if p == Root {
		return ""
	}
	name := string(p)
	if p.IsWildcard() {
		name = name[:len(name)-len("/*")]
	}
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '/' {
			return Pattern(name[:i] + "/*")
		}
	}
	return Root
}
