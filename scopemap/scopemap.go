package scopemap

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// MaxActions is the most lines one scope map may have (a limit of the service
// in every tier).
const MaxActions = 500

// maxLine is the longest line that is read, in bytes: a repository name has at most
// [acrkit.MaxRepositoryName].
const maxLine = 512

// Pattern says which repositories a rule covers: one name, all under a prefix
// ("samples/*"), or all ("*").
type Pattern string

// Root is the pattern that covers every repository, and the only one that can grant the
// catalog.
const Root Pattern = "*"

// ParsePattern reads a pattern. Its errors say how a wildcard is malformed.
func ParsePattern(s string) (Pattern, error) {
	bad := func(why string) (Pattern, error) {
		quoted := s
		if len(quoted) > acrkit.MaxRepositoryName {
			quoted = quoted[:64] + "…"
		}
		return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "read a scope map pattern",
			Reason: fmt.Sprintf("%q %s", quoted, why)}
	}
	if s == string(Root) {
		return Root, nil
	}
	name, wild := strings.CutSuffix(s, "/*")
	if strings.Contains(name, "*") {
		switch {
		case strings.Count(s, "*") > 1:
			return bad("has more than one wildcard")
		case strings.HasSuffix(s, "*"):
			return bad("has a wildcard inside a name; only a whole last part may be one, as in samples/*")
		}
		return bad("has a wildcard that is not at the end")
	}
	if err := acrkit.CheckRepositoryName(name); err != nil {
		return "", err
	}
	if wild {
		name += "/*"
	}
	return Pattern(name), nil
}

// Match reports whether the pattern covers the repository. "samples/*" covers
// what is under samples/, at any depth, and not "samples" itself. A pattern that
// [ParsePattern] would not return ("sam*", "") covers nothing but its own text. Match does
// not check that repository is a valid name; [Map.Decide] and [Map.Effective] do.
func (p Pattern) Match(repository string) bool {
	if repository == "" {
		return false
	}
	if p == Root {
		return true
	}
	if prefix, ok := strings.CutSuffix(string(p), "/*"); ok {
		under, ok := strings.CutPrefix(repository, prefix+"/")
		return ok && under != ""
	}
	return string(p) == repository
}

// IsWildcard reports whether the pattern covers more than one name.
func (p Pattern) IsWildcard() bool { return p == Root || strings.HasSuffix(string(p), "/*") }

// Rule is one line of a scope map. A gateway line (rights of a connected
// registry) has an empty Pattern and grants nothing here; its text is kept.
type Rule struct {
	Pattern Pattern
	Action  acrkit.Action
	gateway string
}

// ParseRule reads repositories/PATTERN/{content|metadata}/VERB, or a gateway
// line gateway/NAME/{config|message}/{read|write}.
func ParseRule(line string) (Rule, error) {
	bad := func(why string) (Rule, error) {
		return Rule{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read a scope map action",
			Reason: fmt.Sprintf("%q %s", line, why)}
	}
	if len(line) > maxLine {
		line = shorten(line)
		return bad(fmt.Sprintf("is longer than %d bytes", maxLine))
	}
	kind, rest, _ := strings.Cut(line, "/")
	j := strings.LastIndexByte(rest, '/')
	if j < 0 {
		return bad("is not of the form repositories/NAME/content/read")
	}
	i := strings.LastIndexByte(rest[:j], '/')
	if i <= 0 {
		return bad("is not of the form repositories/NAME/content/read")
	}
	name, action := rest[:i], rest[i+1:]
	switch kind {
	case "gateway":
		switch action {
		case "config/read", "config/write", "message/read", "message/write":
		default:
			return bad(
				"has an action that gateways do not know (config/read, config/write, message/read, message/write)")
		}
		if !gatewayName(name) {
			return bad("does not name a connected registry in lower case")
		}
		return Rule{gateway: line}, nil
	case "repositories":
	default:
		return bad("does not begin with repositories/")
	}
	a, err := acrkit.ParseAction(action)
	if err != nil || a.String() != action {
		return bad(
			"has an action that is none of content/read, content/write, content/delete, metadata/read, metadata/write")
	}
	p, err := ParsePattern(name)
	if err != nil {
		return Rule{}, err
	}
	return Rule{Pattern: p, Action: a}, nil
}

func gatewayName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '*' {
			return false
		}
	}
	return s != ""
}

// IsGateway reports whether the rule is a gateway line.
func (r Rule) IsGateway() bool { return r.gateway != "" }

// Equal reports whether both rules are the same line, as == does; package cmp calls it.
func (r Rule) Equal(other Rule) bool { return r == other }

// String returns the line as [ParseRule] reads it.
func (r Rule) String() string {
	if r.gateway != "" {
		return r.gateway
	}
	return "repositories/" + string(r.Pattern) + "/" + r.Action.String()
}

// Map is a scope map. The zero value grants nothing.
type Map struct {
	Name        string
	Description string
	System      bool // one of the service's own
	Rules       []Rule
}

// Parse reads the lines of a scope map. Every bad line is reported, with its
// number from 1.
func Parse(lines []string) (Map, error) {
	if len(lines) > MaxActions {
		return Map{}, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "read a scope map",
			Reason: fmt.Sprintf("it has %d actions; the service allows %d", len(lines), MaxActions)}
	}
	var m Map
	var errs []error
	for i, line := range lines {
		r, err := ParseRule(line)
		if err != nil {
			errs = append(errs, fmt.Errorf("action %d: %w", i+1, err))
			continue
		}
		m.Rules = append(m.Rules, r)
	}
	if len(errs) > 0 {
		return Map{}, errors.Join(errs...)
	}
	return m, nil
}

// Lines returns the map's lines in their order, as [Parse] reads them.
func (m Map) Lines() []string {
	lines := make([]string, 0, len(m.Rules))
	for _, r := range m.Rules {
		lines = append(lines, r.String())
	}
	return lines
}

// Effective returns the actions the map grants on a repository, in the order of
// [acrkit.Actions]. For a name that is not valid it returns none.
func (m Map) Effective(repository string) []acrkit.Action {
	if acrkit.CheckRepositoryName(repository) != nil {
		return nil
	}
	var out []acrkit.Action
	for _, a := range acrkit.Actions() {
		if _, ok := m.ruleFor(repository, a); ok {
			out = append(out, a)
		}
	}
	return out
}

func (m Map) ruleFor(repository string, a acrkit.Action) (Rule, bool) {
	for _, r := range m.Rules {
		if !r.IsGateway() && r.Action == a && r.Pattern.Match(repository) {
			return r, true
		}
	}
	return Rule{}, false
}

// catalogRule returns the rule that grants the catalog: metadata/read on the root
// pattern. That a root map is needed is reported by users and confirmed by
// Microsoft (Azure/acr#675, #751); that metadata/read is the action is believed.
func (m Map) catalogRule() (Rule, bool) {
	i := slices.IndexFunc(m.Rules, func(r Rule) bool { return r.Pattern == Root && r.Action == acrkit.MetadataRead })
	if i < 0 {
		return Rule{}, false
	}
	return m.Rules[i], true
}

// ruleForRight returns the rule that grants one right of a scope, if one does. An unknown
// resource or action has none. The caller has checked the name of a repository.
func (m Map) ruleForRight(typ, name, word string) (Rule, bool) {
	switch typ {
	case "repository":
		if a, err := acrkit.ParseAction(word); err == nil && a.Wire() == word {
			return m.ruleFor(name, a)
		}
	case "registry":
		if name == "catalog" && word == "*" {
			return m.catalogRule()
		}
	}
	return Rule{}, false
}

// Grant returns the part of the requested scope that the map grants, as a token service
// puts it into an access token. Unknown resources and actions are not granted.
func (m Map) Grant(requested acrkit.Scope) acrkit.Scope {
	return m.Decide(requested).Granted
}

// Decision is the answer to "may this request be made?".
type Decision struct {
	Granted acrkit.Scope // the required rights that a rule grants
	Missing acrkit.Scope // the required rights that none does
	By      []Rule       // the rules that granted, each once
}

// String returns one line: what the rules granted, by which rules, and what is missing.
func (d Decision) String() string {
	if d.Granted.IsEmpty() && d.Missing.IsEmpty() {
		return "nothing required"
	}
	var parts []string
	if !d.Granted.IsEmpty() {
		rules := make([]string, 0, len(d.By))
		for _, r := range d.By {
			rules = append(rules, r.String())
		}
		parts = append(parts, "granted "+d.Granted.String()+" by "+strings.Join(rules, ", "))
	}
	if !d.Missing.IsEmpty() {
		parts = append(parts, "missing "+d.Missing.String())
	}
	return strings.Join(parts, "; ")
}

// GoString is String, for %#v.
func (d Decision) GoString() string { return "scopemap.Decision{" + d.String() + "}" }

// Allowed reports whether nothing is missing. An empty requirement is allowed.
func (d Decision) Allowed() bool { return d.Missing.IsEmpty() }

// Decide checks a required scope against the map. Unknown resources and actions are
// missing, and so is every right on a name that is not valid.
func (m Map) Decide(required acrkit.Scope) Decision {
	// Collected first and joined once: a requirement may have thousands of rights.
	var granted, missing []acrkit.Access
	var d Decision
	for access := range required.All() {
		yes, no := access, access
		yes.Actions, no.Actions = nil, nil
		if access.Type == "repository" && acrkit.CheckRepositoryName(access.Name) != nil {
			// A wildcard covers repositories that do not exist yet, but not invalid names:
			// "samples/*" as a name would look like a right to all of them.
			missing = append(missing, access)
			continue
		}
		for _, word := range access.Actions {
			by, ok := m.ruleForRight(access.Type, access.Name, word)
			if !ok {
				no.Actions = append(no.Actions, word)
				continue
			}
			yes.Actions = append(yes.Actions, word)
			if !slices.Contains(d.By, by) {
				d.By = append(d.By, by)
			}
		}
		granted, missing = append(granted, yes), append(missing, no)
	}
	d.Granted, d.Missing = acrkit.NewScope(granted...), acrkit.NewScope(missing...)
	return d
}

// System returns the five scope maps that every registry has.
//
// Source: recorded ARM answers of 2022 for three; template exports for the two
// with metadata in their names.
func System() []Map {
	root := func(name, description string, actions ...acrkit.Action) Map {
		m := Map{Name: name, Description: description, System: true}
		for _, a := range actions {
			m.Rules = append(m.Rules, Rule{Pattern: Root, Action: a})
		}
		return m
	}
	const (
		cr, cw, cd = acrkit.ContentRead, acrkit.ContentWrite, acrkit.ContentDelete
		mr, mw     = acrkit.MetadataRead, acrkit.MetadataWrite
	)
	return []Map{
		root("_repositories_admin",
			"Can perform all read, write and delete operations on the registry", mr, mw, cr, cw, cd),
		root("_repositories_pull", "Can pull any repository of the registry", cr),
		root("_repositories_pull_metadata_read", "Can perform all read operations on the registry", cr, mr),
		root("_repositories_push", "Can push to any repository of the registry", cr, cw),
		root("_repositories_push_metadata_write",
			"Can perform all read and write operations on the registry", mr, mw, cr, cw),
	}
}
