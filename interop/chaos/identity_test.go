package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// identity is a token's name and password.
type identity struct{ name, password string }

var (
	writer        = identity{"chaos-writer", "chaos-writer-password-0000000001"}
	reader        = identity{"chaos-reader", "chaos-reader-password-0000000002"}
	stranger      = identity{"chaos-stranger", "chaos-strange-password-0000000003"} // has all rights elsewhere
	wrongPassword = identity{"chaos-writer", "chaos-writer-password-of-someone"}
	anonymous     = identity{"", ""} // anonymous pull is off
	noCredential  = identity{"no credential", ""}
)

// changingRights are what one token may do from one start to the next.
type changingRights struct {
	scopeMap string
	actions  []string
	disabled bool
	password string
}

func (r changingRights) identity() identity { return identity{"chaos-changing", r.password} }

// identities knows the rights at each start, and keeps tokens of earlier ones.
type identities struct {
	mu     sync.Mutex
	by     map[int64]changingRights
	tokens map[string]string
}

// choose takes new rights for the start after generation.
func (i *identities) choose(generation int64, n int) changingRights {
	r := changingRights{password: fmt.Sprintf("chaos-changing-password-%010d", n%3)}
	switch n % 5 {
	case 0:
		r.scopeMap, r.actions = "reads-c", []string{"pull", "metadata_read"}
	case 1:
		r.scopeMap, r.actions = "all-of-c", []string{"pull", "push", "delete", "metadata_read", "metadata_write"}
	case 2:
		r.scopeMap = "elsewhere"
	case 3:
		r.scopeMap, r.disabled = "all-of-c", true
	case 4:
		r.scopeMap, r.actions = "content-c", []string{"pull"}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.by[generation+1] = r
	return r
}

func (i *identities) rights(generation int64) changingRights {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.by[generation]
}

func (i *identities) keep(repo, token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens[repo] = token
}

func (i *identities) earlier(repo string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.tokens[repo]
}

// seed is the registry with its tokens.
func seed(r changingRights) string {
	status := "enabled"
	if r.disabled {
		status = "disabled"
	}
	return fmt.Sprintf(`
registries:
  - name: chaos
    scopeMaps:
      - name: all-of-c
        actions: [repositories/c/*/content/read, repositories/c/*/content/write, repositories/c/*/content/delete, repositories/c/*/metadata/read, repositories/c/*/metadata/write]
      - name: reads-c
        actions: [repositories/c/*/content/read, repositories/c/*/metadata/read]
      - name: content-c
        actions: [repositories/c/*/content/read]
      - name: elsewhere
        actions: [repositories/d/*/content/read, repositories/d/*/content/write, repositories/d/*/content/delete, repositories/d/*/metadata/read, repositories/d/*/metadata/write]
    tokens:
      - {name: %s, scopeMap: all-of-c, passwords: [{name: password1, value: %s}]}
      - {name: %s, scopeMap: reads-c, passwords: [{name: password1, value: %s}]}
      - {name: %s, scopeMap: elsewhere, passwords: [{name: password2, value: %s}]}
      - {name: %s, scopeMap: %s, status: %s, passwords: [{name: password1, value: %s}]}
`, writer.name, writer.password, reader.name, reader.password, stranger.name, stranger.password,
		r.identity().name, r.scopeMap, status, r.password)
}

// accessToken asks for a token; "" is a refusal with its status.
func (i *identities) accessToken(ctx context.Context, s *server, who identity,
	scopes ...string) (token string, status int, err error) {
	form := url.Values{"grant_type": {"password"}, "service": {s.addr}, "scope": {strings.Join(scopes, " ")}}
	if who.name != "" {
		form.Set("username", who.name)
		form.Set("password", who.password)
	}
	a, err := s.send(ctx, http.MethodPost, "/oauth2/token",
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, err
	}
	if a.status == http.StatusUnauthorized {
		return "", a.status, nil
	}
	var body struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil || a.status != http.StatusOK || body.AccessToken == "" {
		return "", a.status, wrong("the token service: %d %s", a.status, a.body)
	}
	return body.AccessToken, a.status, nil
}
