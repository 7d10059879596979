package auth

import (
	"context"

	"github.com/acrkit/acrkit/internal/redact"
)

// SecretSource gives a secret when it is needed: the password of a
// [ScopedTokenSource], or the assertion of a [FederatedServicePrincipal]. Values
// are made by [SecretFile], [SecretFunc] and [GitHubOIDC], and are safe for
// concurrent use.
type SecretSource interface {
	// String describes the source without its secret: `file "/run/secrets/acr"`.
	String() string

	// read returns the secret as it is now.
	read(ctx context.Context, t *Transport) (Secret, error)
	// costly reports whether its password should be kept until it is refused, because
	// reading it calls another program or service.
	costly() bool
}

// describedSource is the printable text of a source, as description is for credentials.
type describedSource struct{ description }

func sourceText(text string) describedSource { return describedSource{description{text: text}} }

// fixedSecret is a secret that was given once and for all.
type fixedSecret struct {
	describedSource
	value Secret
}

func fixed(value string) SecretSource { return fixedAs(redact.NewSecret(value)) }

func fixedAs(value Secret) SecretSource { return &fixedSecret{sourceText("given value"), value} }

func (s *fixedSecret) read(context.Context, *Transport) (Secret, error) { return s.value, nil }
func (s *fixedSecret) costly() bool                                     { return false }
