package cmdutil

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
)

// subject names the credential at the beginning of a clause.
func subject(c auth.Credential) string {
	if c == nil {
		return "the credential"
	}
	if c.Kind() == auth.KindAnonymous {
		return "the anonymous user"
	}
	return "the " + c.String()
}

// missingRights says what the credential has and has not, in scope-map names. To
// know what it has, it asks for a token with every right on the repository.
func missingRights(ctx context.Context, c *Connection, e *acrkit.Error, cred auth.Credential) (string, *acrkit.Scope) {
	who, required := subject(cred), e.Required
	if required.Contains(acrkit.CatalogScope()) {
		if cred != nil && cred.Kind() == auth.KindScopedToken {
			return who + ` may not list the catalog; a scope-mapped token can only with a scope map on "*"`, e.Granted
		}
		return who + " may not list the catalog", e.Granted
	}
	var wants []string
	name := ""
	for access := range required.All() {
		name = access.Name
		for _, word := range access.Actions {
			wants = append(wants, actionName(word))
		}
	}
	if len(wants) == 0 {
		return who + " lacks a right that the registry does not name", nil
	}
	var granted *acrkit.Scope
	if c.Transport != nil {
		if token, err := c.Transport.Token(ctx, acrkit.RepositoryScope(name, acrkit.Actions()...)); err == nil {
			granted = token.Granted
		}
	}
	if granted == nil {
		return fmt.Sprintf("%s does not have %s on %q", who, strings.Join(wants, " and "), name), nil
	}
	var has, lacks []string
	for _, a := range acrkit.Actions() {
		if granted.Contains(acrkit.RepositoryScope(name, a)) {
			has = append(has, a.String())
		}
	}
	for _, want := range wants {
		if a, err := acrkit.ParseAction(want); err != nil || !granted.Contains(acrkit.RepositoryScope(name, a)) {
			lacks = append(lacks, want)
		}
	}
	if len(lacks) == 0 {
		lacks = wants
	}
	if len(has) == 0 {
		return fmt.Sprintf("%s has no right on %q; this needs %s", who, name, strings.Join(lacks, " and ")), granted
	}
	return fmt.Sprintf("%s has %s but not %s", who, strings.Join(has, " and "), strings.Join(lacks, " and ")), granted
}

// causeOfMissing returns the cause of a missing right, if the granted rights show it, else
// "".
func causeOfMissing(required acrkit.Scope, granted *acrkit.Scope, scoped bool) acrkit.Cause {
	if required.Contains(acrkit.CatalogScope()) {
		if scoped {
			return cause.CatalogScoped
		}
		return ""
	}
	if granted == nil {
		return ""
	}
	for access := range required.All() {
		may := func(a acrkit.Action) bool { return granted.Contains(acrkit.RepositoryScope(access.Name, a)) }
		one := func(a acrkit.Action) bool {
			return required.Minus(*granted).Equal(acrkit.RepositoryScope(access.Name, a))
		}
		switch {
		case !slices.ContainsFunc(acrkit.Actions(), may):
			return cause.NoRightHere
		case one(acrkit.MetadataRead):
			return cause.MetadataReadMissing
		case one(acrkit.ContentRead) && may(acrkit.ContentWrite):
			return cause.PushWithoutPull
		}
	}
	return ""
}

func actionName(word string) string {
	if a, err := acrkit.ParseAction(word); err == nil {
		return a.String()
	}
	return word
}

func rightsHint(c *Connection, required acrkit.Scope, cred auth.Credential) string {
	reg := c.Registry
	facts := map[string]string{"host": reg.Host(), "name": reg.Name()}
	for access := range required.All() {
		if access.Type != "repository" || acrkit.CheckRepositoryName(access.Name) != nil {
			continue
		}
		facts["repository"] = access.Name
		if cred != nil && cred.Kind() == auth.KindScopedToken && reg.IsACR() {
			var actions []string
			for _, word := range access.Actions {
				if a, err := acrkit.ParseAction(word); err == nil {
					actions = append(actions, a.String())
				}
			}
			if len(actions) == 0 {
				break
			}
			facts["actions"] = strings.Join(actions, " ")
			return sentence.Fix(sentence.AddRights, facts)
		}
		return sentence.Fix(sentence.ShowRights, facts)
	}
	return sentence.Fix(sentence.ShowIdentity, facts)
}
