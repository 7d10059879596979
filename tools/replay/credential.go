package main

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/tools/replay/recording"
)

// tokenForm returns the form of a token request with good credentials in the
// places of those that were recorded as good. The parameters keep their order.
func (s *session) tokenForm(ctx context.Context, n int) (string, error) {
	x := &s.r.Exchanges[n]
	body := x.Body
	if !s.r.KeepsBodies {
		var err error
		if body, err = s.likelyForm(ctx, n); err != nil {
			return "", err
		}
	}
	anonymous := isAnonymous(&s.r, n)
	parts := strings.Split(body, "&")
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(value)
		if err != nil {
			plain = value
		}
		plain = registryHost.ReplaceAllLiteralString(plain, s.host)
		good := x.Status/100 == 2
		switch {
		case good && name == "access_token":
			if plain, err = s.entraToken(ctx); err != nil {
				return "", err
			}
		case name == "access_token" && strings.Contains(x.Content, refusedForThat):
			if plain, err = s.t.entraToken(ctx, forAnotherARM); err != nil {
				return "", err
			}
		case name == "refresh_token" && anonymous:
			plain = "" // even if a recorder replaced it
		case good && name == "refresh_token" && plain != "":
			if plain, err = s.refreshToken(ctx); err != nil {
				return "", err
			}
		case good && name == "tenant":
			plain = s.t.owner.TenantID
		}
		parts[i] = name + "=" + url.QueryEscape(plain)
	}
	return strings.Join(parts, "&"), nil
}

// likelyForm returns a form for a token request whose body was not recorded. Its
// scope is the one that the next request needs.
func (s *session) likelyForm(ctx context.Context, n int) (string, error) {
	x := &s.r.Exchanges[n]
	service := "service=" + url.QueryEscape(s.host)
	if strings.HasSuffix(x.URL.Path, "/exchange") {
		return "grant_type=access_token&" + service + "&access_token=none", nil
	}
	form := "grant_type=password&" + service
	if exchanged(s.r.Exchanges[:n]) {
		form = "grant_type=refresh_token&" + service + "&refresh_token=none"
	}
	for i := n + 1; i < len(s.r.Exchanges); i++ {
		next := s.r.Exchanges[i]
		if strings.HasPrefix(next.URL.Path, "/oauth2/") {
			continue
		}
		scope, err := s.scopeFor(ctx, next)
		if scope != "" {
			form += "&scope=" + url.QueryEscape(scope)
		}
		return form, err
	}
	return form, nil
}

// exchanged reports whether a refresh token was got in exchange for one of Entra.
func exchanged(exchanges []recording.Exchange) bool {
	return slices.ContainsFunc(exchanges, func(x recording.Exchange) bool {
		return x.URL.Path == "/oauth2/exchange" && x.Status == http.StatusOK
	})
}

// scopeFor returns the scope that the registry asks for a request.
func (s *session) scopeFor(ctx context.Context, x recording.Exchange) (string, error) {
	req, err := http.NewRequestWithContext(ctx, x.Method, s.t.scheme+"://"+s.host+s.path(x.URL), http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := s.t.client.Do(req)
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	if c := parseChallenge(resp.Header.Get("WWW-Authenticate")); c != nil {
		return c.parameters["scope"], nil
	}
	return "", nil
}

func (s *session) entraToken(ctx context.Context) (_ string, err error) {
	if s.entra == "" {
		s.entra, err = s.t.entraToken(ctx, forRegistries)
	}
	return s.entra, err
}

func (s *session) refreshToken(ctx context.Context) (string, error) {
	if s.refresh == "" {
		entra, err := s.entraToken(ctx)
		if err != nil {
			return "", err
		}
		if s.refresh, err = s.t.refreshToken(ctx, s.host, entra); err != nil {
			return "", err
		}
	}
	return s.refresh, nil
}

// credential returns the Authorization header for a request to the registry.
//
// Where the recorder kept that header, it says whether there was a credential,
// and the answer says which kind. Where the recorder removed it, the order of the
// exchanges says it: a token that was just issued goes with the next request,
// and a challenge with error="invalid_token" was given to an Entra token.
func (s *session) credential(ctx context.Context, x recording.Exchange) (string, error) {
	var recorded string
	if c := parseChallenge(x.Answer.Get("WWW-Authenticate")); c != nil && !c.rewritten() {
		recorded = c.parameters["error"]
	}
	refused := x.Status == http.StatusUnauthorized
	if recorded == "invalid_token" {
		token, err := s.entraToken(ctx)
		return "Bearer " + token, err
	}
	has := x.Header.Get("Authorization") != ""
	if !s.r.KeepsCredentials {
		has = s.unused || !refused && x.Status != http.StatusNotFound || recorded == "insufficient_scope" || !refused &&
			isError(x.Content)
	}
	switch {
	case !has:
		return "", nil
	case refused && s.access == "", !refused && (s.access == "" || s.challenged != "") && !s.unused:
		// The recording leaves out how the client got this token.
		if err := s.ownToken(ctx, x, refused); err != nil {
			return "", err
		}
	}
	s.unused = false
	return "Bearer " + s.access, nil
}

// isError reports whether a body is the registry's own list of errors.
func isError(body string) bool { return strings.HasPrefix(strings.TrimSpace(body), `{"errors"`) }

// ownToken gets a token with what the last challenge asked for, or, where a
// request was refused for a missing right, one without rights.
func (s *session) ownToken(ctx context.Context, x recording.Exchange, refused bool) error {
	scope := s.challenged
	if refused {
		scope = ""
	} else if scope == "" {
		var err error
		if scope, err = s.scopeFor(ctx, x); err != nil {
			return err
		}
	}
	refresh, err := s.refreshToken(ctx)
	if err != nil {
		return err
	}
	s.access, err = s.t.accessToken(ctx, s.host, scope, refresh)
	s.challenged = ""
	return err
}
