package diagnose

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/sentence"
)

// roleMode says which roles give rights on the content of a registry.
type roleMode int

const (
	unknownMode roleMode = iota
	legacyMode           // AcrPull, AcrPush, AcrDelete
	abacMode             // roles on repositories, with conditions
)

// roleMode finds out the mode of the registry, once, by Azure Resource Manager or by a claim
// of the refresh token. The second value is the evidence for ABAC mode.
func (x *examiner) roleMode(ctx context.Context) (roleMode, string) {
	if x.mode == unknownMode {
		x.mode, x.modeShown = x.askMode(ctx)
	}
	return x.mode, x.modeShown
}

func (x *examiner) askMode(ctx context.Context) (roleMode, string) {
	if x.o.ARM != nil {
		state, err := x.o.ARM.Registry(ctx, x.reg)
		x.noteARM("the registry "+x.reg.Name(), err)
		if err == nil && state.ABAC {
			return abacMode, "Azure Resource Manager: roleAssignmentMode is AbacRepositoryPermissions"
		}
		if err == nil {
			return legacyMode, ""
		}
	}
	if x.a.Transport == nil || !x.isEntra() || !x.mayAsk() {
		return unknownMode, ""
	}
	token, err := x.a.Transport.RefreshToken(ctx)
	switch {
	case err != nil:
		return unknownMode, ""
	case hasClaim(token.Value.Reveal(), "aad_identity"):
		// Source: acr-cli detects the mode in the same way.
		return abacMode, "the registry is in ABAC mode: the ACR refresh token has the claim aad_identity"
	}
	return legacyMode, ""
}

// hasClaim reports whether a signed token has a claim that is not empty.
func hasClaim(token, name string) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	data, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	var claims map[string]json.RawMessage
	return err == nil && json.Unmarshal(data, &claims) == nil && len(claims[name]) > 0 && string(claims[name]) != "null"
}

// ofIdentity returns the fix of a missing right for who lacks it: a scope map gives nothing to
// an identity of Entra, nor to a client without a credential.
func (x *examiner) ofIdentity(ctx context.Context, key sentence.FixKey) sentence.FixKey {
	c := x.credential()
	switch {
	case !key.OfScopeMap():
		return key
	case c != nil && c.Kind() == auth.KindAnonymous && !x.onlyText:
		return sentence.Login
	case !x.hasRoles():
		return key
	}
	if mode, _ := x.roleMode(ctx); mode == abacMode {
		return sentence.AssignRepositoryRole
	}
	return sentence.AssignRole
}

// RolesOf returns the built-in roles with the fewest rights that give all of a scope, in a
// registry that is not in ABAC mode and in one that is. Where no single role gives it, the
// role is the one for the strongest action.
func RolesOf(lacks acrkit.Scope) (legacy, abac string) {
	legacy, abac = "AcrPull", "Container Registry Repository Reader"
	if lacks.Equal(acrkit.CatalogScope()) {
		return legacy, "Container Registry Repository Catalog Lister"
	}
	for _, action := range repositoryActions(lacks) {
		switch action {
		case acrkit.ContentDelete:
			return "AcrDelete", "Container Registry Repository Contributor"
		case acrkit.ContentWrite, acrkit.MetadataWrite:
			legacy, abac = "AcrPush", "Container Registry Repository Writer"
		}
	}
	return legacy, abac
}
