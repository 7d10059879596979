package auth

import (
	"context"
	"net/url"

	"github.com/acrkit/acrkit"
)

type anonymousCredential struct{ description }

// Anonymous is no credential: requests are anonymous. It reads what a registry with
// anonymous pull makes public.
func Anonymous() Credential {
	return &anonymousCredential{description{KindAnonymous, string(KindAnonymous)}}
}

// anonymousGrant is the password grant without user and password (recorded).
type anonymousGrant struct{}

func (c *anonymousCredential) bind(*Transport) (grant, error) { return anonymousGrant{}, nil }

func (anonymousGrant) proof(context.Context) (proof, error) {
	return proof{fields: url.Values{"grant_type": {"password"}}}, nil
}

func (anonymousGrant) refused(proof) bool { return false }

func (anonymousGrant) renew(*refreshToken) {}

func (anonymousGrant) close() {}

func (anonymousGrant) rejected(_ proof, e *acrkit.Error, said string) {
	e.Code = acrkit.CodeCredentialMissing
	e.Reason = "the registry does not answer without a credential, and none was given" + said
}

// Anonymous reports whether the credential in use is [Anonymous].
func (t *Transport) Anonymous() bool { return t.status().Credential.Kind() == KindAnonymous }
