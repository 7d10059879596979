package auth

import (
	"net/http"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth/internal/entra"
	"github.com/acrkit/acrkit/internal/wire"
)

// EntraRefusal is Entra's refusal of a sign-in: the cause beneath an error. It
// holds numbers and ids, and none of Entra's text.
type EntraRefusal struct {
	Number        int    // of AADSTS7000215; 0 if it gave none
	OAuthError    string // "invalid_client" (RFC 6749 §5.2); "" if it gave none
	CorrelationID string
}

// Error returns the number and what it means in plain words.
func (r EntraRefusal) Error() string { return entra.Refusal(r).Error() }

// Cause returns the cause of the refusal's number.
func (r EntraRefusal) Cause() acrkit.Cause { return entra.Refusal(r).Cause() }

// ReadEntraRefusal reads the AADSTS number and the correlation id out of any text
// that quotes an answer of Entra, such as azidentity's errors, and reports
// whether it found a number.
func ReadEntraRefusal(text string) (EntraRefusal, bool) {
	r, ok := entra.ReadRefusal(text)
	return EntraRefusal(r), ok
}

// failure completes e with code, reason and hint of r.
func (r EntraRefusal) failure(e *acrkit.Error) error {
	e.Code, e.Reason, e.Hint = entra.Refusal(r).Code(), r.Error(), entra.Refusal(r).Fix()
	e.Cause = r.Cause()
	if e.RequestID == "" {
		e.RequestID = r.CorrelationID
	}
	e.Errs = append(e.Errs, r)
	return wire.Final(e)
}

// refusedByEntra returns the error for an answer of Entra that is no success.
func refusedByEntra(resp *http.Response, e *acrkit.Error) error {
	r, refused := entra.ReadAnswer(resp, e)
	if refused {
		return EntraRefusal(r).failure(e)
	}
	return wire.Final(e)
}
