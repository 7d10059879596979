package scopemapcmd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/internal/condition"
	"github.com/acrkit/acrkit/internal/guid"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/scopemap"
)

// maxCondition is the longest condition of a role assignment, in bytes.
//
// Source: Microsoft, "Troubleshoot Azure role assignment conditions".
//
//rule:suggest-limits-condition
const maxCondition = 8 << 10

// minInCondition is the fewest bytes that a repository takes there: 'a' and a comma.
const minInCondition = 4

// The roles of ABAC mode, from the smallest, and what else than actions on repositories each
// gives.
//
// Source: Microsoft, "Azure built-in roles for Containers".
var abacRoles = []struct {
	name    string
	actions []string
}{
	{"Container Registry Repository Reader", []string{"content/read", "metadata/read"}},
	{"Container Registry Repository Writer", []string{"content/read", "metadata/read", "content/write",
		"metadata/write"}},
	{"Container Registry Repository Contributor", []string{"content/read", "metadata/read", "content/write",
		"metadata/write", "content/delete", "metadata/delete"}},
}

const catalogRole = "Container Registry Repository Catalog Lister"

// assignment is a role assignment in ABAC mode.
type assignment struct {
	Principal string `json:"principalId"`
	Role      string `json:"roleDefinitionName"`
	Condition string `json:"condition,omitempty"`
	Version   string `json:"conditionVersion,omitempty"`
}

// assignments returns the fewest role assignments that give exactly the rights of lines on
// names and wildcards; catalog adds the list of all repositories.
func assignments(rules []scopemap.Rule, catalog bool) (list []assignment, err error) {
	patterns := map[string][]scopemap.Pattern{} // of each action
	for _, r := range rules {
		patterns[r.Action.String()] = append(patterns[r.Action.String()], r.Pattern)
	}
	if len(rules) > 0 {
		i := slices.IndexFunc(abacRoles, func(role struct {
			name    string
			actions []string
		}) bool {
			for a := range patterns {
				if !slices.Contains(role.actions, a) {
					return false
				}
			}
			return true
		})
		role := abacRoles[i] // the last one has every action
		a := assignment{Role: role.name, Condition: conditionOf(role.actions, patterns), Version: condition.Version}
		if len(a.Condition) > maxCondition {
			return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "write the condition of a role assignment",
				Reason: fmt.Sprintf("it would have %d bytes, and Azure allows %d; --wildcards makes it shorter",
					len(a.Condition), maxCondition)}
		}
		list = append(list, a)
	}
	if catalog {
		list = append(list, assignment{Role: catalogRole})
	}
	return list, nil
}

// conditionOf narrows the actions of a role to the patterns of each. An action without patterns
// is forbidden.
func conditionOf(actions []string, patterns map[string][]scopemap.Pattern) string {
	type group struct {
		actions []string
		where   string
	}
	var groups []group
	for _, a := range actions {
		where := repositoriesOf(patterns[a])
		i := slices.IndexFunc(groups, func(g group) bool { return g.where == where })
		if i < 0 {
			groups = append(groups, group{where: where})
			i = len(groups) - 1
		}
		not := fmt.Sprintf("!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/%s'})", a)
		groups[i].actions = append(groups[i].actions, not)
	}
	var parts []string
	for _, g := range groups {
		part := "(" + strings.Join(g.actions, " AND ") + ")"
		if g.where != "" {
			part = "(" + part + " OR (" + g.where + "))"
		}
		parts = append(parts, part)
	}
	return "(" + strings.Join(parts, " AND ") + ")"
}

// repositoriesOf is the part of a condition that is true of the repositories of patterns.
func repositoriesOf(patterns []scopemap.Pattern) string {
	var names, parts []string
	const name = "@Request[" + condition.Attribute + "] "
	for _, p := range patterns {
		if prefix, ok := strings.CutSuffix(string(p), "*"); ok {
			parts = append(parts, name+"StringStartsWith '"+prefix+"'")
			continue
		}
		names = append(names, "'"+string(p)+"'")
	}
	switch len(names) {
	case 0:
	case 1:
		parts = append(parts, name+"StringEquals "+names[0])
	default:
		parts = append(parts, name+"ForAnyOfAnyValues:StringEquals {"+strings.Join(names, ", ")+"}")
	}
	return strings.Join(parts, " OR ")
}

// printRoles prints role assignments for an identity.
func (opts *suggestOptions) printRoles(rules []scopemap.Rule, catalog bool, identity string) error {
	list, err := assignments(rules, catalog)
	if err != nil {
		return err
	}
	//rule:suggest-role-principal
	if !guid.Is(identity) && !strings.Contains(identity, "@") {
		if identity != "" {
			cmdutil.Say(opts.IO.ErrOut, "%q is no object id or user name of Entra, which alone can have a role",
				identity)
		}
		identity = ""
	}
	for i := range list {
		list[i].Principal = identity
	}
	var b strings.Builder
	switch mapfile.Format(opts.Format) {
	case mapfile.AsJSON:
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(list); err != nil {
			return err
		}
	case mapfile.AsTerraform:
		for i, a := range list {
			b.WriteString(a.terraform(i))
		}
	default:
		for _, a := range list {
			b.WriteString(a.az(opts.Registry))
		}
	}
	_, err = io.WriteString(opts.IO.Out, b.String())
	return err
}

// az returns the command that makes the assignment.
func (a assignment) az(registry string) string {
	text := "az role assignment create --assignee " + shell.Quote(cmp.Or(a.Principal, "OBJECT_ID")) + " --role " +
		shell.Quote(a.Role) + ` --scope "$(az acr show --name ` + shell.Quote(cmp.Or(registry, "REGISTRY")) +
		` --query id --output tsv)"`
	if a.Condition != "" {
		text += " --condition-version " + a.Version + " --condition " + shell.Quote(a.Condition)
	}
	return text + "\n"
}

// terraform returns a resource of the provider azurerm, as terraform fmt writes it.
func (a assignment) terraform(i int) string {
	pairs := [][2]string{{"scope", "var.container_registry_id"}, {"role_definition_name", mapfile.HCLString(a.Role)},
		{"principal_id", "var.principal_id"}}
	if a.Condition != "" {
		pairs = append(pairs, [2]string{"condition_version", mapfile.HCLString(a.Version)},
			[2]string{"condition", mapfile.HCLString(a.Condition)})
	}
	label := "repositories"
	if a.Role == catalogRole {
		label = "catalog"
	}
	var b strings.Builder
	if i > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "resource \"azurerm_role_assignment\" %q {\n", label)
	for _, p := range pairs {
		fmt.Fprintf(&b, "  %-20s = %s\n", p[0], p[1])
	}
	b.WriteString("}\n")
	return b.String()
}
