package entra

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
)

// Refusal is Entra's refusal of a sign-in. Its fields are those of auth.EntraRefusal.
type Refusal struct {
	Number        int
	OAuthError    string
	CorrelationID string
}

// Error returns the number and what it means in plain words.
func (r Refusal) Error() string {
	meaning, _ := sentence.Entra(r.Number)
	meaning = cmp.Or(meaning, "Entra refused the sign-in")
	switch {
	case r.Number != 0:
		return fmt.Sprintf("%s (AADSTS%d)", meaning, r.Number)
	case r.OAuthError != "":
		return fmt.Sprintf("%s (%s)", meaning, r.OAuthError)
	}
	return meaning
}

// OfAudience reports whether Entra does not know, or does not serve, the requested
// resource.
func (r Refusal) OfAudience() bool {
	return r.Number == 50001 || r.Number == 500011 || r.Number == 500014
}

// Code returns the code of the refusal's number.
func (r Refusal) Code() acrkit.Code {
	switch r.Number {
	case 53003, 65001:
		return acrkit.CodeDenied
	case 90033, 90024:
		return acrkit.CodeUnavailable
	}
	return acrkit.CodeCredentialRejected
}

// Fix returns the hint that fixes the refusal; "" if none is known.
func (r Refusal) Fix() string {
	_, key := sentence.Entra(r.Number)
	return sentence.Fix(key, nil)
}

// Cause returns the cause of the refusal's number.
func (r Refusal) Cause() acrkit.Cause {
	switch r.Number {
	case 7000215:
		return cause.EntraSecretWrong
	case 7000222:
		return cause.EntraSecretExpired
	case 700016, 7000112:
		return cause.EntraApplicationUnknown
	case 700082, 700084, 70043, 50173:
		return cause.EntraSignInEnded
	case 50001, 500011, 500014:
		return cause.EntraAudienceUnknown
	case 90002, 900023:
		return cause.EntraTenantUnknown
	case 70021, 700211, 700212, 700213, 700023, 700024, 700027, 50027:
		return cause.EntraAssertionRefused
	case 50034, 50053, 50055, 50057, 50076, 50079, 50126:
		return cause.EntraUserRefused
	case 53003, 65001:
		return cause.EntraPolicy
	case 90033, 90024:
		return cause.EntraUnreachable
	}
	return cause.EntraRefused
}

var (
	aadstsNumber = regexp.MustCompile(`AADSTS([0-9]{4,9})`)
	correlation  = regexp.MustCompile(`(?i)correlation[ _]?id"?:? *"?(` + guid.String() + `)`)
	oauthWord    = regexp.MustCompile(`^[a-z_]{3,40}$`)
)

// ReadRefusal reads the AADSTS number and the correlation id out of any text
// that quotes an answer of Entra, such as azidentity's errors, and reports
// whether it found a number.
func ReadRefusal(text string) (Refusal, bool) {
	m := aadstsNumber.FindStringSubmatch(text)
	if m == nil {
		return Refusal{}, false
	}
	r := Refusal{}
	r.Number, _ = strconv.Atoi(m[1])
	if c := correlation.FindStringSubmatch(text); c != nil {
		r.CorrelationID = strings.ToLower(c[1])
	}
	return r, true
}
