package auth

import (
	"context"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// passwordCredential is a user name with its password, or with two of which one may
// have been rotated away. Its kind and text are those of a token where the password is
// known to be one.
type passwordCredential struct {
	description
	given   description // of the credential if the password is no token
	sources []pairSource
}

// pairSource gives a user name and its password together.
type pairSource interface {
	String() string
	read(ctx context.Context, t *Transport) (userSecret, error)
	costly() bool // as SecretSource has it
}

// namedPassword is a fixed name with a source of its password.
type namedPassword struct {
	user string
	SecretSource
}

func (n namedPassword) read(ctx context.Context, t *Transport) (userSecret, error) {
	secret, err := n.SecretSource.read(ctx, t)
	return userSecret{n.user, secret}, err
}

// named gives one name to several passwords.
func named(user string, passwords ...SecretSource) []pairSource {
	sources := make([]pairSource, 0, len(passwords))
	for _, p := range passwords {
		sources = append(sources, namedPassword{user, p})
	}
	return sources
}

// fixedPair returns the pair of a source that always gives the same one.
func fixedPair(s pairSource) (userSecret, bool) {
	if n, ok := s.(namedPassword); ok {
		if f, ok := n.SecretSource.(*fixedSecret); ok {
			return userSecret{n.user, f.value}, true
		}
	}
	return userSecret{}, false
}

// seenPair returns the last pair of a source without reading it again.
func seenPair(s pairSource) (userSecret, bool) {
	if n, ok := s.(namedPassword); ok {
		if f, ok := n.SecretSource.(*fileSource); ok {
			f.mu.Lock()
			defer f.mu.Unlock()
			return userSecret{n.user, f.good}, !f.good.IsZero()
		}
	}
	return fixedPair(s)
}

func newPasswordCredential(kind Kind, text string, sources ...pairSource) Credential {
	c := &passwordCredential{description{kind, text}, description{kind, text}, sources}
	if len(sources) == 1 {
		if pair, ok := seenPair(sources[0]); ok {
			if token := tokenOf(pair); token != nil {
				c.description = description{token.Kind(), token.String()}
			}
		}
	}
	return c
}

// tokenOf returns the credential of a password that is itself a token of ACR or Entra,
// with any user name; nil if it is a password. All names and passwords are read by this
// rule.
func tokenOf(pair userSecret) Credential {
	value := pair.secret.Reveal()
	claims, err := wire.ReadClaims(value)
	switch {
	//rule:password-token-token-of
	case err == nil && claims.IsACR():
		return RefreshToken(value)
	//rule:password-token-token-of-2
	case err == nil && claims.IsEntra():
		return EntraToken(value)
	//rule:password-token-token-of-3
	case isRefreshUser(pair.user):
		return RefreshToken(value)
	}
	return nil
}

// isToken reports whether a secret is a token of ACR or Entra by its own claims.
func isToken(secret string) bool { return tokenOf(userSecret{secret: redact.NewSecret(secret)}) != nil }

// isRefreshUser reports whether a user name is one that goes with an ACR refresh token.
func isRefreshUser(name string) bool { return name == wire.ZeroGUID || name == identityUser }

func (c *passwordCredential) bind(t *Transport) (grant, error) {
	usage := func(reason string) (grant, error) {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Registry: t.registry, Reason: reason}
	}
	g := &passwordGrant{t: t, given: c.given}
	for _, source := range c.sources {
		if n, ok := source.(namedPassword); ok {
			if n.SecretSource == nil {
				return usage("the source of the password is nil")
			}
			if err := checkName(n.user, ""); err != nil {
				return nil, err
			}
		}
		s := &passwordSlot{source: source}
		s.reads.init()
		// A fault in a fixed value is reported at once.
		if pair, fixed := fixedPair(source); fixed {
			if _, err := s.bound(g, pair); err != nil {
				return nil, err
			}
		}
		g.slots = append(g.slots, s)
	}
	return g, nil
}

// checkName says what is wrong with a user name; from is where it came from.
func checkName(name, from string) error {
	if name == "" {
		return wire.Final(&acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential",
			Reason: "the name that goes with the password" + from + " is empty"})
	}
	return checkSecret("the user name"+from, name)
}

// Name returns the user name, if it is known; "" if the password is a token, which has
// its own identity.
func (c *passwordCredential) Name() string {
	if len(c.sources) == 0 || c.kind != c.given.kind {
		return ""
	}
	n, _ := c.sources[0].(namedPassword)
	return n.user
}
