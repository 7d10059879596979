package auth

import (
	"context"

	"github.com/acrkit/acrkit/internal/redact"
)

// funcSource is a function that gives a secret.
type funcSource struct {
	describedSource
	callback[string]
}

// SecretFunc is a function that returns the secret, for example from a vault. The
// function must honour its context, which ends after 30 seconds at the latest.
//
// As a password's source it is called when a password is needed for the first
// time and when the registry has refused the last one; one call at a time. As an
// assertion's source it is called for each request to Entra. Where the name changes
// with the password, use [ScopedTokenFunc].
//
// An error with [acrkit.CodeCredentialMissing] says that there is no such secret
// here, and a [Chain] tries its next credential; any other error stops it. The
// function's error text is shown and must not hold a secret.
func SecretFunc(get func(ctx context.Context) (string, error)) SecretSource {
	return &funcSource{sourceText("function"), newCallback("get a secret from its source", get)}
}

func (s *funcSource) costly() bool { return true }

func (s *funcSource) read(ctx context.Context, _ *Transport) (Secret, error) {
	value, err := s.call(ctx)
	return redact.NewSecret(value), err
}

// pairFunc is a function that gives a name and password.
type pairFunc struct {
	describedSource
	callback[userSecret]
}

func newPairFunc(get func(context.Context) (name, password string, err error)) *pairFunc {
	s := &pairFunc{describedSource: sourceText("function")}
	var pair func(context.Context) (userSecret, error)
	if get != nil {
		pair = func(ctx context.Context) (userSecret, error) {
			name, password, err := get(ctx)
			return userSecret{name, redact.NewSecret(password)}, err
		}
	}
	s.callback = newCallback("get a token's name and password from the function", pair)
	return s
}

func (s *pairFunc) costly() bool { return true }

func (s *pairFunc) read(ctx context.Context, _ *Transport) (userSecret, error) { return s.call(ctx) }
