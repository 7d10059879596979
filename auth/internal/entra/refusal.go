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
	return numbers[r.Number].cause == cause.EntraAudienceUnknown
}

// Code returns the code of the refusal's number.
func (r Refusal) Code() acrkit.Code {
	return cmp.Or(numbers[r.Number].code, acrkit.CodeCredentialRejected)
}

// Fix returns the hint that fixes the refusal; "" if none is known.
func (r Refusal) Fix() string {
	_, key := sentence.Entra(r.Number)
	return sentence.Fix(key, nil)
}

// Cause returns the cause of the refusal's number.
func (r Refusal) Cause() acrkit.Cause {
	return cmp.Or(numbers[r.Number].cause, cause.EntraRefused)
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
