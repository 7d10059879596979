package scopemap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// Severity says how much a [Finding] matters.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // the service refuses the map
	SeverityWarning Severity = "warning" // the map does not do what it seems to do, or too much
	SeverityInfo    Severity = "info"    // worth knowing, and often intended
)

// FindingKind says what is wrong with a scope map.
type FindingKind string

// The kinds of findings.
const (
	MissingPrefix     FindingKind = "missing-prefix"     // a line without repositories/
	InvalidLine       FindingKind = "invalid-line"       // a line without any known form
	InvalidAction     FindingKind = "invalid-action"     // an action that the service does not have
	InvalidWildcard   FindingKind = "invalid-wildcard"   // a wildcard that is no whole last part
	InvalidRepository FindingKind = "invalid-repository" // what is no name of a repository
	UpperCase         FindingKind = "upper-case"         // a line that is valid in lower case
	TooManyActions    FindingKind = "too-many-actions"   // more than MaxActions lines
	ReservedName      FindingKind = "reserved-name"      // a map's name that begins as those of the service
	InvalidName       FindingKind = "invalid-name"       // a map's name that the service refuses

	Duplicate     FindingKind = "duplicate"      // a line that is there twice
	Shadowed      FindingKind = "shadowed"       // a line that a wider one contains
	GrantsNothing FindingKind = "grants-nothing" // a wildcard that no name has room under
	RootTooBroad  FindingKind = "root-too-broad" // all repositories can be changed

	WriteWithoutRead                 FindingKind = "write-without-read"
	DeleteWithoutMetadataRead        FindingKind = "delete-without-metadata-read"
	MetadataWriteWithoutMetadataRead FindingKind = "metadata-write-without-metadata-read"

	RootRead               FindingKind = "root-read"                      // all repositories can be read
	PushCannotListTags     FindingKind = "push-cannot-list-tags"          // content/write without metadata/read
	PullOnlyCannotListTags FindingKind = "pull-only-cannot-list-tags"     // content/read and nothing else
	SameAsSystemMap        FindingKind = "same-as-system-map"             // the rights of one of the service's own
	NamedLikeRegistry      FindingKind = "repository-named-like-registry" // a registry's host in a name
)

// Finding is something about a scope map that its author should know.
type Finding struct {
	Kind     FindingKind
	Severity Severity
	Line     int    // the line that it is about, from 1; 0 = the map
	Text     string // that line, shortened if it is too long for one
	Other    int    // the line that makes this one unnecessary, from 1; 0 = none does
	Reason   string // what is wrong, and why that matters
	// Instead are the lines that were probably meant. They may grant more than the line does.
	Instead []string
}

// String returns the finding as one line.
func (f Finding) String() string {
	where := "the map"
	if f.Line > 0 {
		where = fmt.Sprintf("line %d, %s", f.Line, f.Text)
	}
	reason := f.Reason
	if f.Other > 0 {
		reason += fmt.Sprintf(" (line %d)", f.Other)
	}
	return fmt.Sprintf("%s: %s: %s (%s)", where, f.Severity, reason, f.Kind)
}

// Lint returns what is wrong with the lines of a scope map, in the order of the lines, what
// is about the whole map first. The map is valid exactly when no finding has
// [SeverityError].
//
// What a map lacks is found only if all of its lines are valid: the missing right may be in
// the one that is not.
//
// Source: Microsoft's documentation of wildcards, limits and actions, and answers of the
// service that users report.
func Lint(lines []string) []Finding {
	l := &linter{lines: lines, first: map[Rule]int{}}
	valid := true
	for i, line := range lines {
		r, err := ParseRule(line)
		if err != nil {
			valid = false
			l.found = append(l.found, invalid(i, line)...)
			continue
		}
		if at, ok := l.first[r]; ok {
			l.add(i, Finding{Kind: Duplicate, Severity: SeverityWarning, Other: at + 1, Reason: "it is there already"})
			continue
		}
		l.first[r] = i
		l.m.Rules = append(l.m.Rules, r)
	}
	if len(lines) > MaxActions {
		l.add(-1, Finding{Kind: TooManyActions, Severity: SeverityError,
			Reason: fmt.Sprintf("the map has %d actions; the service allows %d", len(lines), MaxActions)})
	}
	l.sets = l.m.sets()
	l.unused()
	l.root()
	if valid {
		l.lacking()
		l.system()
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int { return cmp.Compare(a.Line, b.Line) })
	return l.found
}

type linter struct {
	lines []string
	m     Map          // the valid lines, each once
	first map[Rule]int // index of the first line with a rule
	sets  map[acrkit.Action]set
	found []Finding
}

// add adds a finding about the line with an index, or about the map if it is -1.
func (l *linter) add(i int, f Finding) {
	f.Line = i + 1
	if i >= 0 {
		f.Text = shorten(l.lines[i])
	}
	l.found = append(l.found, f)
}

// rule returns the index of the line that has a pattern and an action.
func (l *linter) rule(p Pattern, a acrkit.Action) (int, bool) {
	i, ok := l.first[Rule{Pattern: p, Action: a}]
	return i, ok
}

// has reports whether the map grants the action on the repositories of a pattern that no
// narrower one covers.
func (l *linter) has(p Pattern, a acrkit.Action) bool {
	return l.sets[a].has(p) || l.sets[a].above(p) != ""
}

// unused finds lines that can be left out, and repositories that are probably none.
func (l *linter) unused() {
	for _, r := range l.m.Rules {
		i := l.first[r]
		if host, _, _ := strings.Cut(string(r.Pattern), "/"); strings.HasSuffix(host, ".azurecr.io") {
			l.add(i, Finding{Kind: NamedLikeRegistry, Severity: SeverityInfo,
				Reason: "the name of a repository does not contain its registry; " + host + " looks like one"})
		}
		if !r.IsGateway() && !r.grants() {
			l.add(i, Finding{Kind: GrantsNothing, Severity: SeverityWarning, Reason: fmt.Sprintf(
				"the prefix leaves no room for a name of at most %d bytes", acrkit.MaxRepositoryName)})
			continue
		}
		wide := l.sets[r.Action].above(r.Pattern)
		if at, ok := l.rule(wide, r.Action); ok {
			l.add(i, Finding{Kind: Shadowed, Severity: SeverityWarning, Other: at + 1,
				Reason: shorten(l.lines[at]) + " contains it"})
		}
	}
}

// root finds rights on all repositories.
func (l *linter) root() {
	var all, read, change []acrkit.Action
	for _, a := range acrkit.Actions() {
		if _, ok := l.rule(Root, a); !ok {
			continue
		}
		all = append(all, a)
		if a == acrkit.ContentRead || a == acrkit.MetadataRead {
			read = append(read, a)
		} else {
			change = append(change, a)
		}
	}
	switch {
	case len(change) > 0:
		f := Finding{Kind: RootTooBroad, Severity: SeverityWarning,
			Reason: names(all) + " on every repository, also on those that are made later"}
		if slices.ContainsFunc(l.m.Rules, Rule.IsGateway) {
			f.Severity = SeverityInfo
			f.Reason += "; a connected registry that has all repositories needs that"
		}
		i, _ := l.rule(Root, change[0])
		l.add(i, f)
	case len(read) > 0:
		i, _ := l.rule(Root, read[0])
		l.add(i, Finding{Kind: RootRead, Severity: SeverityInfo,
			Reason: names(read) + " on every repository, also on those that are made later"})
	}
}

// lacking finds rights that are of little use without another one.
func (l *linter) lacking() {
	const cr, cw, mr = acrkit.ContentRead, acrkit.ContentWrite, acrkit.MetadataRead
	for _, need := range []struct {
		action, other acrkit.Action
		kind          FindingKind
		why           string
	}{
		{cw, cr, WriteWithoutRead, "a push asks for content/read as well, and is refused without it"},
		{acrkit.ContentDelete, mr, DeleteWithoutMetadataRead,
			"what is to be deleted cannot be listed without metadata/read"},
		{acrkit.MetadataWrite, mr, MetadataWriteWithoutMetadataRead,
			"locks that can be set cannot be seen without metadata/read"},
	} {
		for _, r := range l.m.Rules {
			if r.Action != need.action || !l.sets[r.Action].has(r.Pattern) {
				continue
			}
			if right, lacks := l.sets[need.other].without(r.Pattern, need.other); lacks {
				l.add(l.first[r], Finding{Kind: need.kind, Severity: SeverityWarning,
					Reason:  fmt.Sprintf("%s is not granted on %s: %s", need.other, right.Repositories(), need.why),
					Instead: []string{r.String(), Rule{Pattern: r.Pattern, Action: need.other}.String()}})
			}
		}
	}
	for _, r := range l.m.Rules {
		p := r.Pattern
		if !l.sets[r.Action].has(p) || l.has(p, mr) {
			continue
		}
		writes := l.has(p, cw)
		switch {
		case r.Action == cw && l.has(p, cr):
			l.add(l.first[r], Finding{Kind: PushCannotListTags, Severity: SeverityInfo,
				Reason: fmt.Sprintf("tags of %s can be pushed and not listed, which needs metadata/read", p)})
		case r.Action == cr && !writes && !l.has(p, acrkit.ContentDelete) && !l.has(p, acrkit.MetadataWrite):
			l.add(l.first[r], Finding{Kind: PullOnlyCannotListTags, Severity: SeverityInfo, Reason: fmt.Sprintf(
				"images of %s can be pulled and tags not listed, which is enough for docker and a kubelet", p)})
		}
	}
}

// system finds the rights of a map that every registry has.
func (l *linter) system() {
	if len(l.m.Rules) == 0 {
		return
	}
	for _, m := range System() {
		if Diff(l.m, m).Same() {
			l.add(-1, Finding{Kind: SameAsSystemMap, Severity: SeverityInfo,
				Reason: "every registry has a map with these rights: " + m.Name})
		}
	}
}

// The shortest and the longest name of a scope map, in bytes.
//
// Source: the service's answer to a name that it refuses.
const (
	minName = 5
	maxName = 50
)

// LintName returns what is wrong with the name of a scope map that is to be made. The maps of
// [System] have names that users cannot give.
func LintName(name string) []Finding {
	quoted := fmt.Sprintf("%q", shorten(name))
	f := Finding{Kind: InvalidName, Severity: SeverityError}
	valid := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
	}
	switch {
	case strings.HasPrefix(name, "_"):
		f.Kind = ReservedName
		f.Reason = quoted + " begins with _, as only the service's own maps do; the service refuses to make it"
	case len(name) < minName || len(name) > maxName:
		f.Reason = fmt.Sprintf("%s has %d bytes; a name has %d to %d", quoted, len(name), minName, maxName)
	case strings.ContainsFunc(name, func(c rune) bool { return !valid(c) }):
		f.Reason = quoted + " has other characters than letters, digits, - and _"
	default:
		return nil
	}
	return []Finding{f}
}

func names(actions []acrkit.Action) string {
	texts := make([]string, 0, len(actions))
	for _, a := range actions {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}
