// Package roles says which rights on the content of a registry a role of Azure gives, by its
// permissions: in a registry in ABAC mode, and in one that is not. Conditions are in package
// condition.
package roles

import (
	"slices"
	"strings"
)

// Registries begins the actions on registries.
const Registries = "Microsoft.ContainerRegistry/registries/"

const repositories = Registries + "repositories/"

// Catalog is the right to list all repositories. The others are called as in scope maps:
// content/read.
const Catalog = "catalog"

// Key is the last part of a role's resource id, in lower case: it is the same in every scope.
func Key(id string) string { return strings.ToLower(id[strings.LastIndexByte(id, '/')+1:]) }

// Permission is a part of a role: actions, in which "*" stands for any text and case does
// not matter, and those of them that it leaves out.
type Permission struct {
	Actions, NotActions         []string // of the control plane
	DataActions, NotDataActions []string // on the content of registries
}

// Action is an action in Azure, and the rights that come with it.
type Action struct {
	Name   string
	Rights []string
}

// inLegacyMode are the actions of the control plane that give rights on all repositories.
// Which gives what is believed, from Microsoft's table of roles.
var inLegacyMode = []Action{
	{Registries + "pull/read", []string{"content/read", "metadata/read", Catalog}},
	{Registries + "push/write", []string{"content/write", "metadata/write"}},
	{Registries + "artifacts/delete", []string{"content/delete"}},
}

// inABACMode are actions on data (documented).
var inABACMode = []Action{
	{repositories + "content/read", []string{"content/read"}},
	{repositories + "content/write", []string{"content/write"}},
	{repositories + "content/delete", []string{"content/delete"}},
	{repositories + "metadata/read", []string{"metadata/read"}},
	{repositories + "metadata/write", []string{"metadata/write"}},
	{Registries + "catalog/read", []string{Catalog}},
}

// Actions returns the actions that give rights on content: data actions in ABAC mode, those
// of the control plane otherwise.
func Actions(abac bool) []Action {
	if abac {
		return inABACMode
	}
	return inLegacyMode
}

// Rights returns the rights that permissions give, apart from a condition.
func Rights(permissions []Permission, abac bool) (rights []string) {
	for _, a := range Actions(abac) {
		if slices.ContainsFunc(permissions, func(p Permission) bool { return p.Allows(a.Name, abac) }) {
			rights = append(rights, a.Rights...)
		}
	}
	return rights
}

// Allows reports whether a permission has an action, of the control plane or on data.
func (p Permission) Allows(action string, data bool) bool {
	yes, no := p.Actions, p.NotActions
	if data {
		yes, no = p.DataActions, p.NotDataActions
	}
	//rule:access-role-not
	return matchesAny(yes, action) && !matchesAny(no, action)
}

func matchesAny(patterns []string, action string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return matches(strings.ToLower(p), strings.ToLower(action))
	})
}

// matches compares a text with a pattern in which "*" stands for any text.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok || len(parts) == 1 {
		return ok && text == ""
	}
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = rest
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}
