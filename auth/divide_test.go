package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

// users records which user asks for which scope.
type users struct {
	mu  sync.Mutex
	log []string
}

func (u *users) watch(f *fake) {
	f.intercept = func(_ http.ResponseWriter, r *http.Request, form url.Values) bool {
		if r.URL.Path == "/oauth2/token" {
			u.mu.Lock()
			defer u.mu.Unlock()
			who := form.Get("username")
			if who == "" {
				who = form.Get("refresh_token")
			}
			u.log = append(u.log, strings.TrimSpace(who+" "+form.Get("scope")))
		}
		return false
	}
}

func (u *users) took() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := u.log
	u.log = nil
	return out
}

// everyone lets these users in, each with the password "pw-NAME".
func everyone(f *fake, names ...string) {
	for _, n := range names {
		f.password[n] = "pw-" + n
	}
	f.allowed = mustScope(
		"registry:catalog:* repository:team/app:delete,metadata_read,pull,push repository:team:pull " +
			"repository:teamwork:pull repository:team/app/deep:pull repository:other:pull repository:team/base:pull")
}

func byRepository() auth.Credential {
	return auth.ByRepository(map[string]auth.Credential{
		"team/app": auth.ScopedToken("app", "pw-app"),
		"team":     auth.ScopedToken("team", "pw-team"),
		"":         auth.ScopedToken("rest", "pw-rest"),
	})
}

func TestByRepository(t *testing.T) {
	for _, tt := range []struct{ name, method, path, want string }{
		{"longest prefix", "GET", "/v2/team/app/manifests/v1", "app repository:team/app:pull"},
		{"below it", "GET", "/v2/team/app/deep/manifests/v1", "app repository:team/app/deep:pull"},
		{"escaped", "GET", "/v2/team%2Fapp/manifests/v1", "app repository:team/app:pull"},
		{"shorter prefix", "GET", "/v2/team/base/manifests/v1", "team repository:team/base:pull"},
		{"the prefix itself", "GET", "/v2/team/manifests/v1", "team repository:team:pull"},
		{"whole parts only", "GET", "/v2/teamwork/manifests/v1", "rest repository:teamwork:pull"},
		{"the rest", "GET", "/v2/other/manifests/v1", "rest repository:other:pull"},
		{"catalog", "GET", "/v2/_catalog", "rest registry:catalog:*"},
		{"ping", "GET", "/v2/", "rest"},
		{"mount goes by its target", "POST", "/v2/team/app/blobs/uploads/?mount=sha256:00&from=other",
			"app repository:other:pull repository:team/app:pull,push"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, rt, _ := setup(t, byRepository())
			everyone(f, "app", "team", "rest")
			var u users
			u.watch(f)
			wantStatus(t, do(t, rt, tt.method, tt.path, ""), 200)
			if diff := difftest.Diff([]string{tt.want}, u.took()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A token of one credential never serves a request of another, even if its scope would.
func TestByRepository_noSharing(t *testing.T) {
	f, rt, _ := setup(t, byRepository())
	everyone(f, "app", "team", "rest")
	var u users
	u.watch(f)
	wantStatus(t, do(t, rt, "POST", "/v2/team/app/blobs/uploads/?mount=sha256:00&from=other", ""), 200)
	u.took()
	wantStatus(t, do(t, rt, "GET", "/v2/other/manifests/v1", ""), 200)
	if diff := difftest.Diff([]string{"rest repository:other:pull"}, u.took()); diff != "" {
		t.Error(diff)
	}
	// And the other way round: a fitting token is used again.
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)
	if got := u.took(); len(got) != 0 {
		t.Errorf("asked again: %q", got)
	}
}

func TestByRepository_tokens(t *testing.T) {
	f, rt, _ := setup(t, byRepository())
	everyone(f, "app", "team", "rest")
	var u users
	u.watch(f)
	for _, tt := range []struct {
		scope, want string
		code        acrkit.Code
	}{
		{"repository:team/app:pull", "app repository:team/app:pull", ""},
		{"registry:catalog:*", "rest registry:catalog:*", ""},
		{"repository:other:pull repository:team/app:pull,push",
			"app repository:other:pull repository:team/app:pull,push", ""},
		{"repository:team:pull repository:team/base:pull", "team repository:team/base:pull repository:team:pull", ""},
		{"repository:other:pull repository:team/app:pull", "", acrkit.CodeUsage},
		{"repository:other:push repository:team/app:push", "", acrkit.CodeUsage},
		{"", "rest", ""},
	} {
		u.took()
		_, err := rt.Token(t.Context(), mustScope(tt.scope))
		if !(tt.code == "" && err == nil || errors.Is(err, tt.code)) {
			t.Errorf("%q: error %v", tt.scope, err)
		}
		got := strings.Join(u.took(), ",")
		if want := mustScope(strings.TrimSpace(strings.TrimPrefix(tt.want,
			strings.SplitN(tt.want+" ", " ", 2)[0]))); tt.scope == "" && got != "" || tt.scope != "" && tt.want != "" &&
			!strings.HasSuffix(got, " "+want.String()) {
			t.Errorf("%q: asked %q, want %q", tt.scope, got, tt.want)
		}
		if tt.code == "" && tt.scope != "" && rt.Granted(mustScope(tt.scope)) == nil {
			t.Errorf("%q: not known what was granted", tt.scope)
		}
	}
}

func TestByRepository_withoutTheRest(t *testing.T) {
	f, rt, d := setup(t, auth.ByRepository(map[string]auth.Credential{"team": auth.ScopedToken("team", "pw-team")}))
	everyone(f, "team")
	wantStatus(t, do(t, rt, "GET", "/v2/", ""), 200)
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)
	wantStatus(t, do(t, rt, "POST", "/v2/team/app/blobs/uploads/?mount=sha256:00&from=other", ""), 200)
	before := len(d.sentTo(testHost))
	for path, text := range map[string]string{"/v2/other/manifests/v1": `"other"`,
		"/v2/_catalog": "names no repository", "/acr/v1/teamwork": `"teamwork"`} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+testHost+path, nil)
		resp, err := rt.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if !errors.Is(err, acrkit.CodeCredentialMissing) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	if _, err := rt.Token(t.Context(), mustScope("repository:other:pull repository:team/app:pull,push")); err != nil {
		t.Errorf("a mount from elsewhere: %v", err)
	}
	if _, err := rt.Token(t.Context(), mustScope("repository:other:pull")); !errors.Is(err,
		acrkit.CodeCredentialMissing) {
		t.Errorf("error %v", err)
	}
	if got := len(d.sentTo(testHost)) - before; got != 0 {
		t.Errorf("%d requests, want none: the mount has its token, the rest no credential", got)
	}
}

// Credentials by repository within credentials by repository, and in a chain.
func TestByRepository_nested(t *testing.T) {
	inner := auth.ByRepository(map[string]auth.Credential{"team/app": auth.ScopedToken("app", "pw-app"),
		"other": auth.ScopedToken("other", "pw-other"), "": auth.ScopedToken("rest", "pw-rest")})
	for name, cred := range map[string]auth.Credential{
		"map": auth.ByRepository(map[string]auth.Credential{"team": inner, "": auth.ScopedToken("outer", "pw-outer")}),
		"chain": auth.Chain(auth.ScopedTokenSource("none", auth.SecretFile("/does/not/exist")),
			auth.ByRepository(map[string]auth.Credential{"team": inner}), auth.ScopedToken("outer", "pw-outer")),
	} {
		t.Run(name, func(t *testing.T) {
			f, rt, _ := setup(t, cred)
			everyone(f, "app", "rest", "outer", "other")
			var u users
			u.watch(f)
			for path, want := range map[string]string{"team/app": "app", "team/base": "rest", "other": "outer"} {
				wantStatus(t, do(t, rt, "GET", "/v2/"+path+"/manifests/v1", ""), 200)
				if diff := difftest.Diff([]string{want + " repository:" + path + ":pull"}, u.took()); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestByRepository_refusals(t *testing.T) {
	many := map[string]auth.Credential{}
	for i := range 300 {
		many[fmt.Sprint("a", i)] = ci()
	}
	for name, tt := range map[string]struct {
		entries map[string]auth.Credential
		code    acrkit.Code
	}{
		"none":          {nil, acrkit.CodeUsage},
		"wildcard":      {map[string]auth.Credential{"team/*": ci()}, acrkit.CodeUsage},
		"slash":         {map[string]auth.Credential{"team/": ci()}, acrkit.CodeUsage},
		"upper case":    {map[string]auth.Credential{"Team": ci()}, acrkit.CodeUsage},
		"nil":           {map[string]auth.Credential{"team": nil}, acrkit.CodeUsage},
		"bad password":  {map[string]auth.Credential{"team": auth.ScopedToken("ci", "s3cret\n")}, acrkit.CodeUsage},
		"nothing in it": {map[string]auth.Credential{"team": auth.Chain()}, acrkit.CodeUsage},
		"too many":      {many, acrkit.CodeTooLarge},
	} {
		if _, err := auth.NewTransport(testHost, auth.ByRepository(tt.entries), nil); !errors.Is(err, tt.code) ||
			strings.Contains(fmt.Sprint(err), "s3cret") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if shown := dump(byRepository()); strings.Contains(shown, "pw-") {
		t.Errorf("a secret is shown: %.600s", shown)
	}
}

// The message names the credential that was used, not the map.
func TestByRepository_explains(t *testing.T) {
	f, rt, _ := setup(t, byRepository())
	everyone(f, "app", "team", "rest")
	f.allowed = mustScope("repository:team/app:pull")
	resp := do(t, rt, "PUT", "/v2/team/app/manifests/v1", "{}")
	wantStatus(t, resp, 401)
	err := rt.ResponseError(resp, "push")
	if !errors.Is(err, acrkit.CodeInsufficientScope) || !strings.Contains(err.Error(), `token "app"`) {
		t.Errorf("error %v", err)
	}
}
