package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// A token service may put anything into the header with the correlation id.
func TestCorrelationIDShowsNoSecret(t *testing.T) {
	const password = "correct-horse" // looks like an id
	for name, cred := range map[string]auth.Credential{
		"password":          auth.ScopedToken("ci", password),
		"service principal": auth.ServicePrincipal("tenant-1", "client-1", password, nil),
		"refresh token":     auth.RefreshToken(password),
		"Entra token":       auth.EntraToken(password),
	} {
		for _, status := range []int{200, 401, 403, 429, 503} {
			for _, spelled := range []string{password, "id-" + password + "-1",
				base64.RawURLEncoding.EncodeToString([]byte("ci:" + password)), "Bearer " + password} {
				f, rt, _ := setup(t, cred)
				f.intercept = func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
					w.Header().Set("X-Ms-Correlation-Request-Id", spelled)
					w.WriteHeader(status)
					return true
				}
				_, err := rt.Token(t.Context(), acrkit.CatalogScope())
				e, ok := errors.AsType[*acrkit.Error](err)
				if !ok {
					t.Fatalf("%s: %v", name, err)
				}
				if e.RequestID != "" || strings.Contains(fmt.Sprintf("%v %+v", e, *e), spelled) {
					t.Errorf("%s, %d: the error shows %q: %v", name, status, spelled, e)
				}
			}
		}
	}
	_, rt, _ := setup(t, auth.ScopedToken("ci", "wrong"))
	if _, err := rt.Token(t.Context(), acrkit.CatalogScope()); !strings.Contains(err.Error(),
		"request 00000000-1111-2222-3333-444444444444") {
		t.Errorf("an id of the service is not shown: %v", err)
	}
}

// endless is the body of a refusal that never ends.
type endless struct {
	ctx    context.Context
	closed chan struct{}
}

func (b *endless) Read([]byte) (int, error) {
	select {
	case <-b.closed:
		return 0, http.ErrBodyReadAfterClose
	case <-b.ctx.Done():
		return 0, b.ctx.Err()
	}
}

func (b *endless) Close() error { close(b.closed); return nil }

type rtFunc func(*http.Request) (*http.Response, error)

func (f rtFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRefusalWithoutAnEnd(t *testing.T) {
	for _, length := range []int64{-1, 20, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			d := &direct{hosts: map[string]http.Handler{"https://" + testHost: f}}
			base := rtFunc(func(r *http.Request) (*http.Response, error) {
				resp, err := d.RoundTrip(r)
				if err == nil && resp.StatusCode == 401 {
					resp.Body, resp.ContentLength = &endless{r.Context(), make(chan struct{})}, length
				}
				return resp, err
			})
			rt, err := auth.NewTransport(testHost, ci(), &auth.Options{Base: base})
			if err != nil {
				t.Fatal(err)
			}
			defer rt.Close()
			wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)
			f.kill()
			start := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			req, _ := http.NewRequestWithContext(ctx, "GET", "https://"+testHost+"/v2/team/app/manifests/v1", nil)
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			wantStatus(t, resp, 200)
			if took := time.Since(start); took > time.Second {
				t.Errorf("length %d: it took %s", length, took)
			}
		})
	}
}

// net/http sends the keys of a header map unchanged.
func TestAuthorizationInAnySpelling(t *testing.T) {
	const value = "Bearer the-callers-own"
	for _, key := range []string{"Authorization", "authorization", "AUTHORIZATION", "aUthorization"} {
		f, rt, d := setup(t, ci())
		d.hosts["https://elsewhere.example"] = f
		for _, host := range []string{testHost, "elsewhere.example"} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+host+"/v2/team/app/manifests/v1", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header[key] = []string{value}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			sent := d.sentTo(host)
			var got []string
			for k, v := range sent[len(sent)-1].Header {
				if strings.EqualFold(k, "Authorization") {
					got = append(got, v...)
				}
			}
			if home := host == testHost; home && len(got) != 1 || !home && len(got) != 0 ||
				strings.Contains(strings.Join(got, ""), "callers") {
				t.Errorf("%s on %s: sent %d values, the caller's among them: %v", key, host, len(got),
					strings.Contains(strings.Join(got, ""), "callers"))
			}
			if v := req.Header[key]; len(v) != 1 || v[0] != value {
				t.Errorf("%s: the caller's header was changed to %q", key, v)
			}
		}
	}
	_, rt, _ := setup(t, ci())
	req := (&http.Request{Method: "GET", URL: &url.URL{Scheme: "https", Host: testHost, Path: "/v2/"}}).WithContext(
		t.Context())
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatalf("a request without a header map: %v", err)
	}
	_ = resp.Body.Close()
}

func TestRealmWithoutAScheme(t *testing.T) {
	_, rt, _ := setup(t, ci())
	for realm, want := range map[string]string{"//evil.example/oauth2/token": "on another host, evil.example;",
		"https://evil.example/oauth2/token": "on another host, https://evil.example;",
		"/oauth2/token":                     "an unreadable one"} {
		if err := auth.CheckRealm(rt, realm); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", realm, err, want)
		}
	}
}

func TestThrottledTokenServiceIsNotAsked(t *testing.T) {
	for _, tt := range []struct {
		name       string
		retryAfter string
		status     int
		pause      time.Duration // how long it is left alone
		told       time.Duration // the error's RetryAfter
	}{
		{"seconds", "30", 429, 30 * time.Second, 30 * time.Second},
		{"date", "", 429, 40 * time.Second, 40 * time.Second},
		{"too long", "3000", 429, 5 * time.Minute, 3000 * time.Second},
		{"not said", "no", 429, 0, 0},
		{"unavailable", "30", 503, 0, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, rt, _ := setup(t, ci())
				defer rt.Close()
				throttled := true
				f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
					if !throttled || r.URL.Path != "/oauth2/token" {
						return false
					}
					v := tt.retryAfter
					if v == "" {
						v = time.Now().Add(tt.pause).UTC().Format(http.TimeFormat)
					}
					w.Header().Set("Retry-After", v)
					w.WriteHeader(tt.status)
					return true
				}
				ask := func(scope string) error {
					_, err := rt.Token(t.Context(), mustScope(scope))
					return err
				}
				first := ask("repository:team/app:pull")
				e, ok := errors.AsType[*acrkit.Error](first)
				if !ok || e.RetryAfter != tt.told || e.Status != tt.status {
					t.Fatalf("got %v, RetryAfter %v, want %v", first, e.RetryAfter, tt.told)
				}
				f.took()
				throttled = false
				if tt.pause > 0 {
					time.Sleep(tt.pause - 5*time.Second)
					// The scope does not matter: it is the credential that is throttled.
					for _, scope := range []string{"repository:team/app:pull", "repository:team/base:pull"} {
						again, _ := errors.AsType[*acrkit.Error](ask(scope))
						if again == nil || again.Error() != first.Error() || again.RetryAfter != 5*time.Second {
							t.Errorf("%s, before the wait is over: %+v", scope, again)
						}
					}
					req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+testHost+
						"/v2/team/app/manifests/v1", nil)
					if resp, err := rt.RoundTrip(req); !errors.Is(err, acrkit.CodeThrottled) {
						t.Errorf("RoundTrip: %v, %v", resp, err)
					}
					wantLog(t, f)
					time.Sleep(5 * time.Second)
				}
				if err := ask("repository:team/app:pull"); err != nil {
					t.Errorf("after the wait: %v", err)
				}
				wantLog(t, f, "POST /oauth2/token password repository:team/app:pull")
			})
		})
	}
}

// Another registry, credential or authority has its own counter.
func TestThrottledTokenServiceAlone(t *testing.T) {
	f, rt, _ := setup(t, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil))
	f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
		if strings.HasPrefix(r.URL.Path, "/tenant-1/") {
			return false
		}
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(429)
		return true
	}
	for range 3 {
		if _, err := rt.Token(t.Context(), mustScope("repository:team/app:pull")); !errors.Is(err,
			acrkit.CodeThrottled) {
			t.Error(err)
		}
	}
	exchanges := 0
	for _, line := range f.took() {
		if strings.Contains(line, "/oauth2/exchange") {
			exchanges++
		}
	}
	if exchanges != 1 {
		t.Errorf("the registry was asked %d times", exchanges)
	}
}

// The scope of a challenge is kept once it has helped, and only while it helps.
func TestLessonsProveThemselves(t *testing.T) {
	const manifest = "/v2/team/app/manifests/v1"
	const derived, wide = "repository:team/app:pull", "repository:team/app:delete,pull"
	tokenFor := func(scope string) string { return "POST /oauth2/token password " + scope }
	f, rt, _ := setup(t, ci())
	f.allowed = mustScope(wide)
	mode, word := "refuse", ""
	f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
		if r.URL.Path == "/oauth2/token" {
			return false
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		held := f.issued[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")].scope
		if mode == "open" || mode == "demand" && held.Contains(mustScope(wide)) {
			return false
		}
		w.Header().Set("Www-Authenticate", `Bearer realm="https://`+testHost+`/oauth2/token",service="`+testHost+
			`",scope="`+wide+`"`+word)
		w.WriteHeader(401)
		return true
	}
	// The challenge is followed, and was wrong: the next request asks as derived.
	wantStatus(t, do(t, rt, "GET", manifest, ""), 401)
	wantLog(t, f, tokenFor(derived), "GET "+manifest, tokenFor(wide), "GET "+manifest)
	mode = "open"
	const other = "/v2/team/base/manifests/v1"
	f.allowed = mustScope(wide + " repository:team/base:delete,pull")
	wantStatus(t, do(t, rt, "GET", other, ""), 200)
	wantLog(t, f, tokenFor("repository:team/base:pull"), "GET "+other)

	word = `,error="insufficient_scope"`
	// It helps: the next request of its kind begins with it.
	mode = "demand"
	wantStatus(t, do(t, rt, "GET", manifest, ""), 200)
	wantLog(t, f, "GET "+manifest, "GET "+manifest)
	wantStatus(t, do(t, rt, "GET", manifest, ""), 200)
	wantLog(t, f, "GET "+manifest)

	// It does not help any more: it is forgotten.
	mode = "refuse"
	wantStatus(t, do(t, rt, "GET", manifest, ""), 401)
	wantLog(t, f, "GET "+manifest)
	mode = "open"
	const third = "/v2/team/third/manifests/v1"
	f.allowed = mustScope("repository:team/third:pull")
	wantStatus(t, do(t, rt, "GET", third, ""), 200)
	wantLog(t, f, tokenFor("repository:team/third:pull"), "GET "+third)
}
