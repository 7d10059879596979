package emulator_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
)

// caller makes requests of an emulator without a listener.
type caller struct {
	ctx context.Context
	h   http.Handler
}

func (c caller) do(method, path, token string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(c.ctx, method, "http://localhost"+path, nil)
	r.Header.Set("Accept", accepts)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return c.send(r)
}

func (c caller) send(r *http.Request) *httptest.ResponseRecorder {
	r.RemoteAddr = "" // no connection: not from another machine
	w := httptest.NewRecorder()
	func() {
		defer func() {
			// The connection would be broken off, which a client sees.
			if err := recover(); err != nil {
				if err != http.ErrAbortHandler {
					panic(err)
				}
				w = &httptest.ResponseRecorder{Code: 0}
			}
		}()
		c.h.ServeHTTP(w, r)
	}()
	return w
}

// token returns an access token for a scope, "" if the password is refused.
func (c caller) token(name, password, scope string) string {
	form := url.Values{"grant_type": {"password"}, "service": {"localhost"}, "scope": {scope}, "username": {name},
		"password": {password}}
	r := httptest.NewRequestWithContext(c.ctx, "POST", "http://localhost/oauth2/token",
		strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := c.send(r)
	var answer struct {
		Token string `json:"access_token"`
	}
	if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &answer) != nil {
		return ""
	}
	return answer.Token
}
