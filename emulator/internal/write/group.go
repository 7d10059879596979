package write

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/refusal"
	"github.com/acrkit/acrkit/internal/wording"
)

var groupNameRE = regexp.MustCompile(`^[a-zA-Z0-9._()-]{1,90}$`)

// Group finds a resource group; case does not matter.
func (tx *Tx) Group(subscription, name string) (principal.Group, bool) {
	s, ok := tx.c.Subscription(subscription)
	if !ok {
		return principal.Group{}, false
	}
	i := slices.IndexFunc(s.Groups, principal.Group{Name: name}.SameName)
	if i < 0 {
		return principal.Group{}, false
	}
	return s.Groups[i], true
}

// PutGroup makes a resource group, or changes the tags of the one of that name.
func (tx *Tx) PutGroup(subscription string, g principal.Group) error {
	const op = "store the resource group"
	s, ok := tx.c.Subscription(subscription)
	switch {
	case !ok:
		return refusal.NotFound("subscription", subscription)
	case !groupNameRE.MatchString(g.Name) || strings.HasSuffix(g.Name, "."):
		return refusal.Usage(op, "%s is not a resource group's name (letters, digits and . _ - ( ), at most 90, "+
			"no . at its end)", wording.Quote(g.Name))
	}
	if err := checkLocation(op, g.Location); err != nil {
		return err
	}
	if err := checkTags(op, g.Tags); err != nil {
		return err
	}
	next := *s
	next.Groups = slices.Clone(s.Groups)
	if i := slices.IndexFunc(next.Groups, g.SameName); i >= 0 {
		next.Groups[i].Tags = g.Tags
	} else {
		if len(next.Groups) >= MaxGroups {
			return tooManyOf(op, "resource groups", MaxGroups)
		}
		next.Groups = append(next.Groups, g)
	}
	tx.c.Put(&next)
	return nil
}

// DeleteGroup removes a resource group with its registries and the role assignments on it.
func (tx *Tx) DeleteGroup(subscription, name string) error {
	s, ok := tx.c.Subscription(subscription)
	if !ok {
		return refusal.NotFound("subscription", subscription)
	}
	for _, r := range tx.c.RegistriesIn(subscription, name) {
		(&Registry{tx, r}).Delete()
	}
	id := principal.GroupID(subscription, name)
	for _, a := range tx.c.Assignments(func(a *principal.Assignment) bool { return principal.Within(a.Scope, id) }) {
		tx.c.RemoveAssignment(a)
	}
	next := *s
	next.Groups = slices.DeleteFunc(slices.Clone(s.Groups), principal.Group{Name: name}.SameName)
	tx.c.Put(&next)
	return nil
}

func tooManyOf(op, what string, limit int) error {
	return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: op,
		Reason: fmt.Sprintf("there are %d %s, and no more are allowed", limit, what)}
}
