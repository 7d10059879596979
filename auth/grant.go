package auth

import (
	"context"
	"net/url"

	"github.com/acrkit/acrkit"
)

// grant is a credential bound to a registry: what it puts into a request to
// /oauth2/token.
type grant interface {
	// proof returns the fields that authenticate a token request.
	proof(ctx context.Context) (proof, error)
	// refused is called when the token service did not accept p, and reports whether
	// another proof may be accepted.
	refused(p proof) bool
	// renew makes the next proof come from the root credential, and not from p's
	// refresh token.
	renew(root *refreshToken)
	// rejected sets reason and hint of e, the error for the refusal of p. said is the
	// service's own text.
	rejected(p proof, e *acrkit.Error, said string)
	// close ends background work.
	close()
}

// proof is one set of fields, with the secrets in it.
type proof struct {
	fields  url.Values
	secrets []Secret
	slot    int32         // which of two passwords, of a passwordGrant
	root    *refreshToken // the refresh token, where it has one
	fresh   bool          // the refresh token was made for this proof
	pair    *boundPair    // what a passwordGrant made it from
	by      grant         // the grant that made it, if a dockerGrant chose one
}

// equal reports whether p and other have the same fields. The name counts: two tokens
// may have the same password.
func (p proof) equal(other proof) bool {
	//rule:password-refused-equal
	return len(p.secrets) > 0 && p.fields.Encode() == other.fields.Encode()
}
