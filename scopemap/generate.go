package scopemap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// Target is the repositories that jobs use in one of their roles.
type Target struct {
	Role    string // "" = the role of each job that has only one
	Pattern Pattern
}

// ParseTarget reads [ROLE=]PATTERN, as in "team/app" and "source=team/*".
func ParseTarget(s string) (Target, error) {
	role, pattern, ok := strings.Cut(s, "=") // no name of a repository has one
	if !ok {
		role, pattern = "", s
	}
	p, err := ParsePattern(pattern)
	return Target{role, p}, err
}

// Grant is a right that a job needs.
type Grant struct {
	Job      Job
	Role     string
	Rule     Rule
	Optional *OptionalRight // nil = without it the job fails
}

// Generate returns the rights that jobs need on repositories, in the order of the jobs, their
// roles and the targets. It is an error if a role of a job has no target, or a target no job.
func Generate(jobs []Job, targets []Target) ([]Grant, error) {
	used := make([]bool, len(targets))
	var grants []Grant
	for _, j := range jobs {
		roles := j.Roles()
		for _, n := range j.Needs {
			add := func(p Pattern) {
				for _, a := range n.Actions {
					grants = append(grants, Grant{j, n.Role, Rule{Pattern: p, Action: a}, nil})
				}
				for k := range n.Optional {
					o := &n.Optional[k]
					grants = append(grants, Grant{j, n.Role, Rule{Pattern: p, Action: o.Action}, o})
				}
			}
			if n.Role == RoleCatalog {
				add(Root)
				continue
			}
			found := false
			for i, t := range targets {
				if t.Role != n.Role && (t.Role != "" || len(roles) > 1) {
					continue
				}
				used[i], found = true, true
				add(t.Pattern)
			}
			if !found {
				return nil, wrongTarget("the job %s needs %s", j.Name, j.Usage())
			}
		}
	}
	for i, t := range targets {
		switch {
		case used[i]:
		case t.Role == "":
			return nil, wrongTarget("no job takes %s without a role: the job %s needs %s", t.Pattern, jobs[0].Name,
				jobs[0].Usage())
		default:
			return nil, wrongTarget("no job has the role %q: the job %s needs %s", t.Role, jobs[0].Name,
				jobs[0].Usage())
		}
	}
	return grants, nil
}

func wrongTarget(format string, a ...any) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "generate a scope map", Reason: fmt.Sprintf(format, a...)}
}

// Roles returns the roles that take a [Target], in the order of j.Needs.
func (j Job) Roles() []string {
	roles := make([]string, 0, len(j.Needs))
	for _, n := range j.Needs {
		if n.Role != RoleCatalog {
			roles = append(roles, n.Role)
		}
	}
	return roles
}

// Usage says which repositories the job takes, as "no repository", "a repository" or
// "source=REPOSITORY and target=REPOSITORY".
func (j Job) Usage() string {
	switch roles := j.Roles(); len(roles) {
	case 0:
		return "no repository"
	case 1:
		return "a repository"
	default:
		return strings.Join(roles, "=REPOSITORY and ") + "=REPOSITORY"
	}
}

// MapOf returns the smallest scope map with the rights of grants, in the order of repositories
// and actions; optional includes those that are.
func MapOf(grants []Grant, optional bool) Map {
	var m Map
	for _, g := range grants {
		if g.Optional == nil || optional {
			m.Rules = append(m.Rules, g.Rule)
		}
	}
	slices.SortFunc(m.Rules, func(a, b Rule) int {
		return cmp.Or(cmp.Compare(a.Pattern, b.Pattern), cmp.Compare(a.Action, b.Action))
	})
	return Minimal(m)
}
