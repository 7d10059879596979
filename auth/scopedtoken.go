package auth

import (
	"context"
	"fmt"
	"regexp"
)

func scopedToken(name string, passwords ...SecretSource) Credential {
	return newPasswordCredential(KindScopedToken, tokenText(name), named(name, passwords...)...)
}

// tokenText describes a scope-mapped token. What cannot be a name is not shown: it may
// be the password in the name's place.
func tokenText(name string) string {
	if !shownName.MatchString(name) {
		return "token"
	}
	return fmt.Sprintf("token %q", name)
}

// shownName is the form of the names of tokens (Microsoft: 5 to 50 letters, digits and
// hyphens), with some room for those of users and applications. A token's password has
// 52 characters, "+" and "/" among them.
var shownName = regexp.MustCompile(`^[A-Za-z0-9<][A-Za-z0-9<>@._-]{0,49}$`)

// ScopedToken is a scope-mapped token: its name and one of its two passwords. A
// password that is a token itself is taken as [UserPassword] takes it.
func ScopedToken(name, password string) Credential { return scopedToken(name, fixed(password)) }

// ScopedTokenPair is a scope-mapped token with both its passwords, so that a
// rotation of either needs no change here: when the registry does not accept the
// one in use, the other is tried once, and kept if it is accepted.
func ScopedTokenPair(name, password1, password2 string) Credential {
	return scopedToken(name, fixed(password1), fixed(password2))
}

// ScopedTokenSource is a scope-mapped token whose password comes from a source
// and is read again when the registry refuses it, so that a running client
// outlives the rotation of its password:
//
//	cred := auth.ScopedTokenSource("ci-pull", auth.SecretFile("/run/secrets/acr"))
//
// A refused password is never sent twice in a row: where the source still gives
// the same one, the refusal is the answer. A password that is a token itself is taken
// as [UserPassword] takes it, each time the source gives another one.
func ScopedTokenSource(name string, password SecretSource) Credential {
	return scopedToken(name, password)
}

// ScopedTokenFunc is a scope-mapped token whose name and password both come from a
// function, such as a vault that rotates from one token to another:
//
//	cred := auth.ScopedTokenFunc(func(ctx context.Context) (name, password string, err error) {
//		secret, err := vault.Read(ctx, "acr")
//		return secret.Name, secret.Password, err
//	})
//
// The function is called when a password is needed for the first time and again when
// the registry has refused the last pair; one call at a time. It must honour its
// context, which ends after 30 seconds at the latest. A refused pair is never sent
// twice in a row: where the function still gives the same one, the refusal is the
// answer. Access tokens that were made with an earlier pair are used until they end.
//
// An error with [acrkit.CodeCredentialMissing] says that there is no such secret
// here, and a [Chain] tries its next credential; any other error stops it. An error that
// is not an [*acrkit.Error] gets [acrkit.CodeUnavailable]; a name without a password, or
// the reverse, [acrkit.CodeUsage]. The function's error text is shown and must not hold
// a secret.
//
// The credential is "token from function" until the first call, and then the token of
// the name that the function gave: see [Transport.Status] and [Transport.Describe]. A
// password that is a token itself is taken as [UserPassword] takes it.
func ScopedTokenFunc(get func(ctx context.Context) (name, password string, err error)) Credential {
	return newPasswordCredential(KindScopedToken, "token from function", newPairFunc(get))
}
