package auth

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// Secret is a value that prints, logs and marshals as "[redacted]". Its method
// Reveal returns the value. Compare secrets by what Reveal returns.
type Secret = redact.Secret

// NewSecret returns value as a Secret, for a [TokenStore] that reads tokens back, and for
// options that take a Secret.
func NewSecret(value string) Secret { return redact.NewSecret(value) }

// Kind is a sort of credential.
type Kind string

// The kinds of credentials.
const (
	KindScopedToken      Kind = "scoped-token"
	KindServicePrincipal Kind = "service-principal"
	KindEntra            Kind = "entra"       // a source of Entra tokens
	KindEntraToken       Kind = "entra-token" // one Entra access token
	KindRefreshToken     Kind = "refresh-token"
	KindUserPassword     Kind = "user-password"
	KindAnonymous        Kind = "anonymous"
	KindDockerConfig     Kind = "docker-config" // what Docker's or podman's file has for the registry
	KindByRepository     Kind = "by-repository" // several, each for some repositories
	KindChain            Kind = "chain"         // the first of several that is available
)

// Credential is an identity and its secret. It sends nothing itself; a [Transport] binds
// it to one registry and uses it. Values are made by the constructors of this package,
// are safe for concurrent use, and print without their secrets.
type Credential interface {
	// Kind returns the sort of credential.
	Kind() Kind
	// String describes the credential without its secret, as `token "ci-pull"`,
	// `service principal 22222222-…`, `anonymous`.
	String() string
	// Name returns the token name, user name or client id; "" of other kinds.
	Name() string

	// bind checks the credential and ties it to the registry of t.
	bind(t *Transport) (grant, error)
}

// description is what a credential may show of itself. Every credential embeds
// it, so that no verb of fmt and no log handler reaches its fields.
type description struct {
	kind Kind
	text string
}

func (d description) Kind() Kind                   { return d.kind }
func (d description) String() string               { return d.text }
func (d description) GoString() string             { return "auth.Credential(" + d.text + ")" }
func (d description) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, d.text) }
func (d description) LogValue() slog.Value         { return slog.StringValue(d.text) }
func (d description) MarshalText() ([]byte, error) { return []byte(d.text), nil }

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

// zeroGUID is the user name that goes with an ACR refresh token where a client
// only knows user names and passwords.
const zeroGUID = "00000000-0000-0000-0000-000000000000"

// identityUser is the user name Docker's helpers put beside an identity token.
const identityUser = "<token>"

// UserPassword is any pair of user name and password: of a scope-mapped token,
// the admin user ([AdminUser] has better errors), or a service principal's client
// id and secret.
//
// A password that is a token is recognized by its issuer and audience, with any user
// name: an ACR refresh token is used as [RefreshToken] uses it, an Entra
// token as [EntraToken], and an ACR access token is an error with [acrkit.CodeUsage].
// Under the user names 00000000-0000-0000-0000-000000000000 and <token> every password
// that is not an Entra token is taken for an ACR refresh token. Any other token is
// sent as a password. Kind and String say what the password is, as far as it is known
// before it is needed. All credentials of a name and password do the same, whether the
// values are fixed or come from a source.
func UserPassword(user, password string) Credential {
	return newPasswordCredential(KindUserPassword, fmt.Sprintf("user %q", user), named(user, fixed(password))...)
}

type refreshCredential struct {
	description
	token Secret
}

// RefreshToken is an ACR refresh token, as `az acr login --expose-token` prints
// it (under the name accessToken). It lives three hours and cannot be renewed
// from itself.
func RefreshToken(acrRefreshToken string) Credential {
	return &refreshCredential{description{KindRefreshToken, "ACR refresh token"}, redact.NewSecret(acrRefreshToken)}
}

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

type anonymousCredential struct{ description }

// Anonymous is no credential: requests are anonymous. It reads what a registry with
// anonymous pull makes public.
func Anonymous() Credential {
	return &anonymousCredential{description{KindAnonymous, string(KindAnonymous)}}
}

// checkSecret returns an error if a secret is malformed, without showing it. White space
// around a secret usually comes from a file or a pipe; the service may answer it with
// status 500.
func checkSecret(what string, s string) error {
	why, white := "", cause.PasswordWhitespace
	switch {
	case s == "":
		why, white = "is empty", ""
	case loginfile.ByteOrderMark(s) != "":
		why, white = loginfile.ByteOrderMark(s), cause.PasswordByteOrderMark
	case s != strings.TrimSpace(s):
		why = "begins or ends with white space (perhaps a line feed from a file)"
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		why = "has a control character"
	default:
		return nil
	}
	return wire.Final(&acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Cause: white, Reason: what + " " + why})
}
