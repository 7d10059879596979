package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth/internal/entra"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// EntraTokenSource gives Entra access tokens for a scope such as
// https://containerregistry.azure.net/.default. It is asked each time a new ACR
// refresh token is needed (about every 2.4 hours, and after a refusal), may be
// called by several goroutines, and may cache.
//
// Where Entra refuses the scope's audience, the error should hold an
// [EntraRefusal]; the source is then asked for the audience of Azure Resource
// Manager, if the registry is one of Microsoft's.
type EntraTokenSource interface {
	EntraToken(ctx context.Context, scope string) (token string, expiresOn time.Time, err error)
}

type entraCredential struct {
	description
	source EntraTokenSource
}

// Entra is an Entra identity whose tokens come from a source. These methods of the
// source are optional:
//
//   - String() string describes the credential; the text must not hold a secret;
//   - Kind() Kind is its kind, instead of [KindEntra];
//   - ForRegistry(acrkit.Registry) (EntraTokenSource, error) is called when a
//     [Transport] binds the credential, for sources that must know the registry's
//     cloud; the source that it returns is asked for tokens. Its error is the error
//     of [NewTransport].
func Entra(source EntraTokenSource) Credential {
	c := &entraCredential{description{KindEntra, "Entra identity"}, source}
	if s, ok := source.(fmt.Stringer); ok {
		c.text = s.String()
	}
	if s, ok := source.(interface{ Kind() Kind }); ok {
		c.kind = s.Kind()
	}
	return c
}

func (c *entraCredential) bind(t *Transport) (grant, error) {
	if c.source == nil {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry,
			Reason: "the source of Entra tokens is nil"}
	}
	source := c.source
	if s, ok := source.(interface {
		ForRegistry(acrkit.Registry) (EntraTokenSource, error)
	}); ok {
		var err error
		if source, err = s.ForRegistry(t.registry); err != nil {
			return nil, err
		}
		if source == nil {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry,
				Reason: "the source has no Entra tokens for this registry, and does not say why"}
		}
	}
	op := "get an Entra token for " + c.text
	return newEntraGrant(t, c.text, AudienceAuto, func(ctx context.Context, scope string) (Secret, error) {
		token, _, err := source.EntraToken(ctx, scope)
		if err != nil {
			return Secret{}, sourceError(ctx, op, err)
		}
		return redact.NewSecret(token), nil
	}, nil)
}

// sourceError returns the error for a failure of a source. An *acrkit.Error of the source
// keeps its reason.
func sourceError(ctx context.Context, op string, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil && errors.Is(err, ctxErr) {
		return wire.NetworkError(err, op, acrkit.Registry{}, askedHost(err))
	}
	refusal, isRefusal := errors.AsType[EntraRefusal](err)
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		if fix := entra.Refusal(refusal).Fix(); isRefusal && e.Code == acrkit.CodeCredentialRejected &&
			(entra.Refusal(refusal).Code() != e.Code || e.Hint == "" && fix != "") {
			with := *e
			with.Cause = cmp.Or(e.Cause, refusal.Cause())
			with.Code, with.Hint = entra.Refusal(refusal).Code(), cmp.Or(e.Hint, fix)
			return wire.Final(&with)
		}
		return err
	}
	if isRefusal {
		return refusal.failure(&acrkit.Error{Op: op})
	}
	if refusal, ok := ReadEntraRefusal(err.Error()); ok {
		e := &acrkit.Error{Op: op}
		return refusal.failure(e)
	}
	return wire.NetworkError(err, op, acrkit.Registry{}, askedHost(err))
}

// askedHost is the host of a request of a source that failed: a source may ask any.
func askedHost(err error) string {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		if u, err := url.Parse(ue.URL); err == nil && u.Host != "" {
			return u.Host
		}
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.Name != "" {
		return strings.TrimSuffix(dns.Name, ".")
	}
	return "Entra"
}
