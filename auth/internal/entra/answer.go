package entra

import (
	"encoding/json"
	"net/http"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// maxAnswer bounds Entra's refusals; their descriptions run to a page.
var maxAnswer = limit.Limit{Name: "a refusal of Entra", Bytes: 64 << 10}

// ReadAnswer reads an answer of Entra that is no success, and reports whether it is a
// refusal; for all others it completes e. Source: RFC 6749 §5.2, with Entra's own error_codes
// and correlation_id.
func ReadAnswer(resp *http.Response, e *acrkit.Error) (Refusal, bool) {
	status := resp.StatusCode
	if e.RequestID == "" {
		e.RequestID = guid.FindString(resp.Header.Get("X-Ms-Request-Id"))
	}
	switch {
	case status >= 300 && status < 400:
		e.Code, e.Reason = acrkit.CodeProtocol, "Entra answers with a redirect, which a token request never follows"
		return Refusal{}, false
	case status == http.StatusTooManyRequests:
		e.Code, e.Reason = acrkit.CodeThrottled, wire.Throttled(resp.Header)
		return Refusal{}, false
	case status == http.StatusRequestTimeout || status >= 500:
		e.Cause = cause.EntraUnreachable
		e.Code, e.Reason = acrkit.CodeUnavailable, "Entra failed"
		return Refusal{}, false
	}
	data, err := maxAnswer.ReadAll(resp.Body)
	if err != nil {
		e.Errs = append(e.Errs, err)
	}
	r, id := readBody(data)
	if id != "" {
		e.RequestID = id
	}
	if r.Number == 0 && r.OAuthError == "" {
		e.Cause = cause.EntraUnreachable
		e.Code, e.Reason = acrkit.CodeProtocol, "the address of the Entra authority answers, but not as Entra does"
		e.Hint = sentence.Fix(sentence.CheckAuthority, nil)
		return Refusal{}, false
	}
	return r, true
}

// ReadBody reads the document of a refusal; in any other text it finds the number alone.
func ReadBody(data []byte) Refusal {
	r, _ := readBody(data)
	if r.Number == 0 {
		found, _ := ReadRefusal(string(data))
		r.Number = found.Number
	}
	return r
}

// readBody reads the document of a refusal, and the correlation id of its own field.
func readBody(data []byte) (r Refusal, id string) {
	var doc struct {
		Error         string `json:"error"`
		Description   string `json:"error_description"`
		Codes         []int  `json:"error_codes"`
		CorrelationID string `json:"correlation_id"`
	}
	_ = json.Unmarshal(data, &doc) // an answer in another form is still a refusal
	r, _ = ReadRefusal(doc.Description)
	if r.Number == 0 && len(doc.Codes) > 0 {
		r.Number = doc.Codes[0]
	}
	if oauthWord.MatchString(doc.Error) {
		r.OAuthError = doc.Error
	}
	if id = guid.FindString(doc.CorrelationID); id != "" {
		r.CorrelationID = id
	}
	return r, id
}
