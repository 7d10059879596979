package principal

import (
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/condition"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/scopemap"
)

// Rights are what a principal may do now: a scope map, or roles written as one. The
// catalog is apart, because in ABAC mode it is a role of its own.
type Rights struct {
	Source  string  // `scope map "ci-pull"`, `role AcrPull`, for the decision log
	Lacks   rule.ID // the rule by which a missing right is refused; "" = [rule.RightMissing]
	Map     scopemap.Map
	catalog *bool // nil: the map decides

	conditional []conditional // roles with a condition, beside the map

	wildcard  bool // a token may be asked for all repositories at once: [AllRepositories]
	anonymous bool // every token has the form of an anonymous client's
}

// AllRepositories means, in a token, every repository that exists now or later. It
// is requested as "repository:*:ACTIONS", where the action * is all of them.
//
// Source: acr-cli and PowerShell's gallery client ask for it; recorded in the tokens
// of anonymous clients.
const AllRepositories = "*"

// Grant is the part of a scope that some rights hold, and the rest.
type Grant struct {
	Granted acrkit.Scope
	Missing acrkit.Scope
	Rules   []string // what granted, each once
}

// Decide checks a required scope. Unknown resources and actions are missing.
func (r Rights) Decide(required acrkit.Scope) Grant {
	d, by := r.decide(required)
	d.Rules = append(d.Rules, r.texts(by)...)
	return d
}

// decide is Decide, with the rules of the map that granted apart.
func (r Rights) decide(required acrkit.Scope) (d Grant, by []scopemap.Rule) {
	rest := required
	if r.catalog != nil {
		if asked := required.Intersect(acrkit.CatalogScope()); !asked.IsEmpty() {
			rest = required.Minus(asked)
			if *r.catalog {
				d.Granted = asked
				d.Rules = append(d.Rules, r.Source+": the catalog")
			} else {
				d.Missing = asked
			}
		}
	}
	m := r.Map.Decide(rest)
	d.Granted = d.Granted.Union(m.Granted)
	rest = m.Missing
	for _, c := range r.conditional {
		granted := c.grants(rest)
		if !granted.IsEmpty() {
			d.Granted, rest = d.Granted.Union(granted), rest.Minus(granted)
			d.Rules = append(d.Rules, c.String())
		}
	}
	d.Missing = d.Missing.Union(rest)
	return d, m.By
}

// conditional is a role on the repositories of which its condition is true.
type conditional struct {
	role      string // its name
	actions   []acrkit.Action
	condition *condition.Condition
}

func (c conditional) String() string {
	return "role " + c.role + " with the condition " + c.condition.Line()
}

// has reports whether the role has an action, anywhere.
func (c conditional) has(word string) (acrkit.Action, bool) {
	a, err := acrkit.ParseAction(word)
	return a, err == nil && a.Wire() == word && slices.Contains(c.actions, a)
}

// grants returns the part of a scope that the role has and the condition allows.
func (c conditional) grants(asked acrkit.Scope) (granted acrkit.Scope) {
	for access := range asked.All() {
		for _, word := range access.Actions {
			a, has := c.has(word)
			//rule:abac-condition-grants
			if has && access.Type == "repository" && c.condition.Allows(a, access.Name) {
				granted = granted.Union(acrkit.RepositoryScope(access.Name, a))
			}
		}
	}
	return granted
}

// narrowed reports whether a role has an action of a scope and its condition does not
// allow it.
func (r Rights) narrowed(missing acrkit.Scope) bool {
	for access := range missing.All() {
		for _, word := range access.Actions {
			if access.Type == "repository" && slices.ContainsFunc(r.conditional, func(c conditional) bool {
				_, has := c.has(word)
				return has
			}) {
				return true
			}
		}
	}
	return false
}

// texts writes rules for the decision log.
func (r Rights) texts(rules []scopemap.Rule) (out []string) {
	for _, rule := range rules {
		out = append(out, r.Source+": "+rule.String())
	}
	return out
}

// Grant returns what an access token holds for a requested scope: the part of it
// within the rights. Only a rule for all repositories (the pattern *) grants all
// repositories: a token never holds more than its scope map.
func (r Rights) Grant(asked acrkit.Scope) Grant {
	var named []acrkit.Access
	var all []string
	for access := range asked.All() {
		if access.Type == "repository" && access.Name == AllRepositories && r.wildcard {
			all = append(all, access.Actions...)
			continue
		}
		named = append(named, access)
	}
	d, by := r.decide(acrkit.NewScope(named...))
	for _, action := range acrkit.Actions() {
		//rule:all-repositories-grant-2
		if !slices.Contains(all, action.Wire()) && !slices.Contains(all, "*") {
			continue
		}
		one := acrkit.NewScope(acrkit.Access{Type: "repository", Name: AllRepositories,
			Actions: []string{action.Wire()}})
		i := slices.IndexFunc(r.Map.Rules, func(rule scopemap.Rule) bool {
			//rule:all-repositories-grant
			return !rule.IsGateway() && rule.Pattern == scopemap.Root && rule.Action == action
		})
		if i < 0 {
			d.Missing = d.Missing.Union(one)
			continue
		}
		d.Granted = d.Granted.Union(one)
		if !slices.Contains(by, r.Map.Rules[i]) {
			by = append(by, r.Map.Rules[i])
		}
	}
	d.Rules = append(d.Rules, r.texts(by)...)
	if r.anonymous {
		d.Granted = anonymousGrant(asked)
	}
	return d
}

// anonymousGrant is what the token of an anonymous client holds: pull on all
// repositories, for every request, and the catalog if that was requested
// (recorded).
func anonymousGrant(asked acrkit.Scope) acrkit.Scope {
	granted := asked.Intersect(acrkit.CatalogScope())
	for access := range asked.All() {
		if access.Type == "repository" {
			return granted.Union(acrkit.RepositoryScope(AllRepositories, acrkit.ContentRead))
		}
	}
	return granted
}

// maxCondition is how many bytes of a condition the source of some rights has.
const maxCondition = 300

// roleRights joins role assignments.
func (s *Store) roleRights(mode string, assignments []*Assignment) Rights {
	catalog := false
	out := Rights{catalog: &catalog}
	var names []string
	other := service.ModeABAC
	if mode == other {
		other = service.ModeLegacy
	}
	for _, a := range assignments {
		role, ok := s.RoleByName(a.Role)
		if !ok || !role.Gives(mode) && role.Gives(other) {
			continue
		}
		actions, lists := role.Rights(mode)
		//rule:abac-condition-assignment
		if a.Condition != "" {
			c, err := condition.Parse(a.Condition)
			//rule:abac-condition-unreadable
			if err != nil { // none is stored that this version cannot read
				continue
			}
			//rule:abac-condition-mode
			if mode != service.ModeABAC { // it is on data actions, which give nothing here
				continue
			}
			out.conditional = append(out.conditional, conditional{role.Name, actions, c})
			names = append(names, role.Name+" with the condition "+wording.Clip(c.Line(), maxCondition))
			continue
		}
		names = append(names, role.Name)
		catalog = catalog || lists
		for _, action := range actions {
			out.Map.Rules = append(out.Map.Rules, scopemap.Rule{Pattern: scopemap.Root, Action: action})
		}
	}
	switch len(names) {
	case 0:
		out.Source = "no role"
		if mode == service.ModeABAC && len(assignments) > 0 {
			out.Source, out.Lacks = "the role", rule.ABACRole
		}
	case 1:
		out.Source = "role " + names[0]
	default:
		out.Source = "roles " + strings.Join(names, ", ")
	}
	return out
}

func allRights(source string, actions ...acrkit.Action) Rights {
	r := Rights{Source: source}
	for _, a := range actions {
		r.Map.Rules = append(r.Map.Rules, scopemap.Rule{Pattern: scopemap.Root, Action: a})
	}
	return r
}
