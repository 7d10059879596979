package demo

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/wire"
)

// exchange is one request and its answer, as far as they are shown: no header and
// no body, so no secret.
type exchange struct {
	method, path string
	status       int // 0 if there was no answer
	note         string
	refused      bool
	times        int
}

// tracer is the transport beneath every client of the demonstration.
type tracer struct {
	base http.RoundTripper
	mu   sync.Mutex
	log  []exchange
}

// take returns what was traced since the last time.
func (t *tracer) take() []exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	log := t.log
	t.log = nil
	return log
}

// tokenBody bounds what is read of a token's request or answer to be shown.
var tokenBody = limit.Limit{Name: "the body of a token request", Bytes: 256 << 10}

func (t *tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	e := exchange{method: req.Method, path: req.URL.EscapedPath(), times: 1}
	isToken := req.URL.Path == "/oauth2/token"
	asked := ""
	if isToken && req.Body != nil {
		body, err := tokenBody.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
		if form, err := url.ParseQuery(string(body)); err == nil {
			asked = form.Get("scope")
		}
	}
	resp, err := t.base.RoundTrip(req)
	if err == nil {
		e.status = resp.StatusCode
		switch {
		case isToken && resp.StatusCode == http.StatusOK:
			body, readErr := tokenBody.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if readErr != nil {
				return nil, readErr
			}
			resp.Body = io.NopCloser(bytes.NewReader(body))
			e.note, e.refused = grantNote(asked, body)
		case resp.StatusCode == http.StatusUnauthorized:
			e.refused = true
			if c, ok, err := wire.BearerChallenge(resp.Header); ok && err == nil {
				e.note = strings.TrimSpace(c.Error + ", required " + c.Scope.String())
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log = append(t.log, e)
	return resp, err
}

// CloseIdleConnections passes on what http.Client.CloseIdleConnections asks for.
func (t *tracer) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// grantNote compares what was asked with what the token's access claim grants.
func grantNote(asked string, body []byte) (note string, short bool) {
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", false
	}
	claims, err := wire.ReadClaims(answer.AccessToken)
	if s, err := acrkit.ParseScope(asked); err == nil {
		asked = s.String()
	}
	switch {
	case err != nil || claims.Access == nil:
		return "asked " + asked, false
	case claims.Access.String() == asked:
		return "asked and granted " + asked, false
	case claims.Access.IsEmpty():
		return "asked " + asked + ", granted nothing", true
	}
	return "asked " + asked + ", granted " + claims.Access.String(), true
}
