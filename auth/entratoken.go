package auth

import (
	"context"
	"fmt"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth/internal/entra"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

type entraTokenCredential struct {
	description
	token Secret
}

// EntraToken is one Entra access token, for the audience of Azure Container
// Registry or, where the registry allows it, of Azure Resource Manager. It is
// good until it expires.
func EntraToken(accessToken string) Credential {
	return &entraTokenCredential{description{KindEntraToken, entraTokenText}, redact.NewSecret(accessToken)}
}

const entraTokenText = "Entra access token"

func (c *entraTokenCredential) bind(t *Transport) (grant, error) {
	if err := checkSecret("the Entra token", c.token.Reveal()); err != nil {
		return nil, err
	}
	if err := checkEntraToken(t, c.token); err != nil {
		return nil, err
	}
	return newEntraGrant(t, c.text, AudienceAuto, func(context.Context, string) (Secret, error) { return c.token, nil },
		func(context.Context) (Secret, bool) { return joined(string(c.kind), c.token.Reveal()), true })
}

// checkEntraToken refuses to hand a token for Azure Resource Manager to a host
// that is not Microsoft's.
func checkEntraToken(t *Transport, token Secret) error {
	value := token.Reveal()
	if value == "" {
		return wire.Final(&acrkit.Error{Code: acrkit.CodeProtocol, Op: "exchange an Entra token", Registry: t.registry,
			Reason: "the Entra token is empty"})
	}
	if len(value) > wire.MaxToken {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "exchange an Entra token", Registry: t.registry,
			Reason: fmt.Sprintf("it is longer than %d bytes", wire.MaxToken)}
	}
	claims, err := wire.ReadClaims(value)
	if err == nil && claims.IsResourceManager() && !entra.MayHoldManagementToken(t.registry) {
		return wire.Final(&acrkit.Error{Code: acrkit.CodeHostRefused, Op: "exchange an Entra token",
			Registry: t.registry,
			Reason:   "the token is for Azure Resource Manager, and the host is not one of Microsoft's"})
	}
	return nil
}
