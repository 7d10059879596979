package auth

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
)

// Secret is a value that prints, logs and marshals as "[redacted]". Its method Reveal
// returns the value, and Equal compares two in constant time; == does not compile.
type Secret = redact.Secret

// NewSecret returns value as a Secret, for a [TokenStore] that reads tokens back, and for
// options that take a Secret.
func NewSecret(value string) Secret { return redact.NewSecret(value) }

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

// checkSecret returns an error if a secret is malformed, without showing it. White space
// around a secret usually comes from a file or a pipe; the service may answer it with
// status 500.
func checkSecret(what string, s string) error {
	why, white := "", cause.PasswordWhitespace
	switch {
	case s == "":
		why, white = "is empty", ""
	//rule:byte-order-marks-check-secret
	case loginfile.ByteOrderMark(s) != "":
		why, white = loginfile.ByteOrderMark(s), cause.PasswordByteOrderMark
	case s != strings.TrimSpace(s):
		why = "begins or ends with white space (perhaps a line feed from a file)"
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		why = "has a control character"
	default:
		return nil
	}
	return wire.Final(&acrkit.Error{Code: acrkit.CodeUsage, Op: "use a credential", Cause: white,
		Reason: what + " " + why})
}

// Name returns "": most credentials have no name of their own.
func (description) Name() string { return "" }
