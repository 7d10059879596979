package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

func TestNewTransport_Hosts(t *testing.T) {
	tests := []struct {
		registry string
		opts     auth.Options
		want     acrkit.Code
	}{
		{"myregistry", auth.Options{}, ""},
		{"myregistry.azurecr.io", auth.Options{}, ""},
		{"https://MYREGISTRY.azurecr.us/", auth.Options{}, ""},
		{"myregistry-d4f5g6.azurecr.cn:443", auth.Options{}, ""},
		{"myregistry.westeurope.geo.azurecr.io", auth.Options{}, ""},
		{"localhost:5443", auth.Options{}, ""},
		{"[::1]:5443", auth.Options{}, ""},
		{"127.0.0.1:5080", auth.Options{PlainHTTP: true}, ""},
		{"registry.contoso.com", auth.Options{CustomLoginServer: true}, ""},
		{"registry.contoso.com", auth.Options{}, acrkit.CodeHostRefused},
		// Look-alikes.
		{"myregistry.azurecr.io.evil.example", auth.Options{}, acrkit.CodeHostRefused},
		{"azurecr.io", auth.Options{}, acrkit.CodeHostRefused},
		{"evilazurecr.io", auth.Options{}, acrkit.CodeHostRefused},
		{"a.b.azurecr.io", auth.Options{}, acrkit.CodeHostRefused},
		{"myregistry.azurecr.io:8443", auth.Options{}, acrkit.CodeHostRefused},
		{"myregistry-azurecr.io", auth.Options{}, acrkit.CodeHostRefused},
		{"myregistry.azurecr.de", auth.Options{}, acrkit.CodeHostRefused},
		{"localhost.evil.example", auth.Options{}, acrkit.CodeHostRefused},
		{"127.0.0.1.evil.example", auth.Options{}, acrkit.CodeHostRefused},
		{"evil.example/myregistry.azurecr.io", auth.Options{}, acrkit.CodeUsage},
		{"myregistry.azurecr.io@evil.example", auth.Options{}, acrkit.CodeUsage},
		{"evil.example#.azurecr.io", auth.Options{}, acrkit.CodeUsage},
		{"evil.example?.azurecr.io", auth.Options{}, acrkit.CodeUsage},
		{"http://myregistry.azurecr.io", auth.Options{}, acrkit.CodeUsage},
		{"", auth.Options{}, acrkit.CodeUsage},
		// Plain HTTP.
		{"myregistry.azurecr.io", auth.Options{PlainHTTP: true}, acrkit.CodeHostRefused},
		{"registry.contoso.com", auth.Options{PlainHTTP: true, CustomLoginServer: true}, acrkit.CodeHostRefused},
	}
	for _, tt := range tests {
		t.Run(tt.registry, func(t *testing.T) {
			rt, err := auth.NewTransport(tt.registry, ci(), &tt.opts)
			if got := acrkit.CodeOf(err); got != tt.want || (err == nil) != (tt.want == "") {
				t.Fatalf("error %v, want code %q", err, tt.want)
			}
			if rt != nil {
				_ = rt.Close()
			}
		})
	}
}

// D14: a host check by pattern let reg.azurecr.io.evil.example pass, and the
// Entra token was posted there.
func TestD14_LookAlikeGetsNothing(t *testing.T) {
	_, err := auth.NewTransport("reg.azurecr.io.evil.example", auth.EntraToken("entra"), nil)
	if !errors.Is(err, acrkit.CodeHostRefused) {
		t.Fatal(err)
	}
}

// D13: an Entra token went over plain http without a word.
func TestD13_PlainHTTP(t *testing.T) {
	if _, err := auth.NewTransport("myregistry.azurecr.io", auth.EntraToken("entra"),
		&auth.Options{PlainHTTP: true}); !errors.Is(err, acrkit.CodeHostRefused) {
		t.Error(err)
	}
	// Even on loopback, not without the option: the transport is for https there.
	d := &direct{hosts: map[string]http.Handler{"http://localhost:5080": http.NotFoundHandler()}}
	rt, err := auth.NewTransport("localhost:5080", ci(), &auth.Options{Base: d})
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://localhost:5080/v2/", nil)
	req.Header.Set("Authorization", "Bearer mine")
	// It is not sent without one either: clients that try http beside https, and
	// stay with what answers first, would be anonymous from then on.
	resp, err := rt.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, acrkit.CodeHostRefused) || len(d.sent) != 0 {
		t.Errorf("plain http with a registry on https: %v, %d sent", err, len(d.sent))
	}
	if _, err := auth.NewTransport("myregistry.azurecr.io",
		auth.ServicePrincipal("t", "c", "s", &auth.EntraOptions{AuthorityHost: "http://localhost:5080/"}),
		nil); !errors.Is(err, acrkit.CodeHostRefused) {
		t.Errorf("an authority on plain http: %v", err)
	}
}

// D1: two callers share a fetch, the first gives up, the second got
// "context canceled" though the caller did not cancel it.
func TestD1_ACallerThatGivesUpFailsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, rt, _ := setup(t, ci())
		defer rt.Close()
		release := make(chan struct{})
		f.intercept = func(_ http.ResponseWriter, r *http.Request, _ url.Values) bool {
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return false
		}
		first, cancel := context.WithCancel(t.Context())
		errs := [2]chan error{make(chan error, 1), make(chan error, 1)}
		for i, ctx := range []context.Context{first, t.Context()} {
			go func() {
				_, err := rt.Token(ctx, mustScope("repository:team/app:pull"))
				errs[i] <- err
			}()
			synctest.Wait()
		}
		cancel()
		if err := <-errs[0]; !errors.Is(err, context.Canceled) {
			t.Errorf("the first: %v", err)
		}
		close(release)
		if err := <-errs[1]; err != nil {
			t.Errorf("the second: %v", err)
		}
		if got := f.took(); len(got) != 1 {
			t.Errorf("requests: %q", got)
		}
	})
}

// D4: a request with its own Authorization was changed; at its third use it
// carried three.
func TestD4_TheRequestIsNotChanged(t *testing.T) {
	_, rt, d := setup(t, ci())
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+testHost+"/v2/team/app/tags/list", nil)
	req.Header.Set("Authorization", "Bearer placeholder")
	for range 3 {
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.Request != req {
			t.Error("the answer names another request, which holds the token")
		}
	}
	if got := req.Header.Values("Authorization"); len(got) != 1 || got[0] != "Bearer placeholder" {
		t.Errorf("Authorization is now %q", got)
	}
	for _, sent := range d.sent[1:] {
		if got := sent.Header.Values("Authorization"); len(got) != 1 || !strings.HasPrefix(got[0], "Bearer eyJ") {
			t.Errorf("sent %q", got)
		}
	}
}

// D5: a body that cannot be read twice was sent again empty after a 401.
func TestD5_BodyWithoutGetBody(t *testing.T) {
	f, rt, _ := setup(t, ci())
	put := func(body io.Reader) *http.Response {
		req, _ := http.NewRequestWithContext(t.Context(), "PUT", "https://"+testHost+"/v2/team/app/manifests/v1", body)
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	wantStatus(t, put(io.NopCloser(strings.NewReader("one"))), 200) // cold: the token is there before the body
	f.kill()
	wantStatus(t, put(io.NopCloser(strings.NewReader("two"))), 401) // the answer, and not an empty manifest
	wantStatus(t, put(io.NopCloser(strings.NewReader("three"))), 200)
	f.kill()
	wantStatus(t, put(strings.NewReader("four")), 200) // rewinds
	if got := strings.Join(f.bodies, " "); got != "one three four" {
		t.Errorf("the registry got %q", got)
	}
}

// D6: a deadline of 200 ms, a token endpoint that hangs, and the call came back
// after 3 s.
func TestD6_TheCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, rt, _ := setup(t, ci())
		defer rt.Close()
		f.intercept = func(_ http.ResponseWriter, r *http.Request, _ url.Values) bool {
			<-r.Context().Done()
			return true
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://"+testHost+"/v2/", nil)
		start := time.Now()
		_, err := rt.RoundTrip(req)
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 200*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// D7: a realm on another host got the password.
func TestD7_ForeignRealm(t *testing.T) {
	for _, realm := range []string{
		"http://" + testHost + "/oauth2/token", "https://evil.example/oauth2/token", "http://other-host/token",
		"https://" + testHost + ".evil.example/oauth2/token", "https://" + testHost + ":8443/oauth2/token",
		"https://" + testHost + "@evil.example/", "https://other.azurecr.io/oauth2/token",
		"https://myregistry.azurecr.cn/oauth2/token",
		"//evil.example", "file:///etc/passwd", "https://" + testHost + "\\@evil.example/", "::",
	} {
		t.Run(realm, func(t *testing.T) {
			f, rt, d := setup(t, ci())
			f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
				if r.URL.Path == "/oauth2/token" {
					return false
				}
				w.Header().Set("Www-Authenticate", `Bearer realm="`+strings.ReplaceAll(realm, `\`, `\\`)+
					`",service="x",scope="repository:team/app:delete"`)
				w.WriteHeader(401)
				return true
			}
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+testHost+"/v2/team/app/tags/list", nil)
			_, err := rt.RoundTrip(req)
			if !errors.Is(err, acrkit.CodeProtocol) {
				t.Errorf("error %v", err)
			}
			if len(d.sent) != 2 || len(d.sentTo(testHost)) != 2 {
				t.Errorf("%d requests", len(d.sent))
			}
		})
	}
	t.Run("own", func(t *testing.T) {
		_, rt, _ := setup(t, ci())
		for _, realm := range []string{"https://" + testHost + ":443/oauth2/token",
			"https://MyRegistry.azurecr.io/oauth2/token", ""} {
			if err := auth.CheckRealm(rt, realm); err != nil {
				t.Errorf("%s: %v", realm, err)
			}
		}
	})
}

// D8: scopes only grew.
func TestD8_ScopesDoNotGrow(t *testing.T) {
	f, rt, _ := setup(t, ci())
	for _, name := range []string{"a", "b", "c", "d"} {
		do(t, rt, "GET", "/v2/"+name+"/manifests/v1", "")
	}
	for _, l := range f.took() {
		if strings.Count(l, "repository:") > 1 {
			t.Error(l)
		}
	}
}

// D9: an error held the token endpoint's body, with the refresh token, and a
// request with a live bearer token.
func TestD9_NoSecretInErrors(t *testing.T) {
	secrets := []string{"correct-horse", "hunter2-refresh", "sp-secret", "eyJ"}
	refresh := jwt(map[string]any{"iss": "Azure Container Registry"})
	bodies := map[string]string{
		"not json":   `{"refresh_token":"hunter2-refresh", "access_`,
		"no token":   `{"refresh_token":"hunter2-refresh"}`,
		"wrong type": `{"access_token":{"refresh_token":"hunter2-refresh"}}`,
		"echo": `{"errors":[{"code":"UNAUTHORIZED","message":"no: ECHO ` + refresh +
			`","detail":"hunter2-refresh"}]}`,
		"entra error": `{"error":"invalid_client","error_description":"AADSTS7000215: ECHO","error_codes":[7000215]}`,
	}
	creds := []auth.Credential{ci(), auth.UserPassword("u", "correct-horse"), auth.RefreshToken(refresh),
		auth.RefreshToken("hunter2-refresh"),
		auth.EntraToken(refresh), auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil)}
	for name, body := range bodies {
		for _, status := range []int{200, 307, 400, 401, 403, 404, 429, 500} {
			for _, cred := range creds {
				var log bytes.Buffer
				body := body
				d := &direct{}
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Location", "https://evil.example/?code=hunter2-refresh")
					w.WriteHeader(status)
					_ = r.ParseForm()
					for _, field := range []string{"password", "refresh_token", "access_token", "client_secret"} {
						if v := r.PostForm.Get(field); v != "" {
							body = strings.ReplaceAll(body, "ECHO", v)
						}
					}
					_, _ = io.WriteString(w, body)
				})
				d.hosts = map[string]http.Handler{"https://" + testHost: h, "https://login.microsoftonline.com": h}
				rt, err := auth.NewTransport(testHost, cred,
					&auth.Options{Base: d,
						Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
				if err != nil {
					t.Fatal(err)
				}
				_, err = rt.Token(t.Context(), mustScope("repository:team/app:pull"))
				if err == nil {
					t.Fatalf("%s %d: no error", name, status)
				}
				inner, _ := errors.AsType[*acrkit.Error](err)
				if inner == nil || inner.Code == "" || inner.Reason == "" {
					t.Errorf("%s %d %v: %#v", name, status, cred, err)
				}
				shown := dump(err) + dump(inner) + log.String()
				for _, s := range secrets {
					if strings.Contains(shown, s) {
						t.Errorf("%s %d %v: %q is shown in %.400s", name, status, cred, s, shown)
					}
				}
			}
		}
	}
}

// dump shows a value in every way a program might.
func dump(v any) string {
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
	j, _ := json.Marshal(v)
	type holder struct {
		V any
		v any
	}
	h := holder{v, v}
	return fmt.Sprintf("%v %+v %#v %s %q %x %d %v %+v %#v %s %s", v, v, v, v, v, v, v, h, h, h, log.String(), j)
}

func TestNothingPrintsASecret(t *testing.T) {
	_, rt, _ := setup(t, ci())
	token, err := rt.Token(t.Context(), mustScope("repository:team/app:pull"))
	if err != nil {
		t.Fatal(err)
	}
	const secret = "correct-horse"
	refresh := jwt(map[string]any{"iss": "Azure Container Registry"})
	env, err := auth.FromEnvironment(func(n string) (string, bool) {
		v, ok := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": secret}[n]
		return v, ok
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{ci(), auth.ScopedTokenPair("ci", secret, secret+"2"), auth.UserPassword("u", secret),
		auth.UserPassword("u", refresh), auth.RefreshToken(refresh),
		auth.EntraToken(refresh), auth.ServicePrincipal("t", "c", secret, nil),
		auth.GitHubOIDC("https://x.example/", secret, ""),
		auth.FederatedServicePrincipal("t", "c", auth.GitHubOIDC("https://x.example/", secret, ""), nil),
		auth.Chain(ci(), auth.DockerConfig("/x")), auth.ByRepository(map[string]auth.Credential{"a": ci()}), rt, token,
		&token, token.Value, env} {
		shown := dump(v)
		for _, s := range []string{secret, fmt.Sprintf("%x", secret), "eyJ", token.Value.Reveal()} {
			if strings.Contains(shown, s) {
				t.Errorf("%T shows %q: %.600s", v, s, shown)
			}
		}
	}
	if got := fmt.Sprint(ci()); got != `token "ci"` {
		t.Error(got)
	}
	resp := do(t, rt, "GET", "/v2/team/app/manifests/v1", "")
	if shown := fmt.Sprintf("%+v %+v", resp, resp.Request); strings.Contains(shown, "eyJ") {
		t.Errorf("the answer shows the token: %s", shown)
	}
}

// D10: a token whose payload uses - or _ was "illegal base64 data".
func TestD10_Base64URL(t *testing.T) {
	// Bytes that become "-" and "_", and a payload of each length modulo 3.
	for _, sub := range []string{"~~~???>>>", "ÿÿÿ¾¾¾", "ûïÿ", "a", "ab", "abc"} {
		refresh := jwt(map[string]any{"iss": "Azure Container Registry", "sub": sub, "grant_type": "refresh_token"})
		f, rt, _ := setup(t, auth.UserPassword("whoever", refresh))
		f.issued[refresh] = issued{}
		if rt.Credential().Kind() != auth.KindRefreshToken {
			t.Errorf("%q was not recognised", sub)
		}
		wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)
	}
	// An opaque token is as good.
	f, rt, _ := setup(t, auth.RefreshToken("opaque"))
	f.issued["opaque"] = issued{}
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)
}

// D11: the answer {} was a panic.
func TestD11_EmptyAnswers(t *testing.T) {
	for _, body := range []string{`{}`, ``, `null`, `[]`, `"x"`, `{"access_token":null}`, `{"access_token":""}`,
		`{"access_token":7}`, `{"access_token":"a\nb"}`,
		`{"access_token":"` + strings.Repeat("a", 65<<10) + `"}`, `{"access_token":"x"} trailing`,
		`{"refresh_token":"x"}`} {
		for _, cred := range []auth.Credential{ci(), auth.ServicePrincipal("t", "c", "sp-secret", nil)} {
			f, rt, _ := setup(t, cred)
			f.intercept = func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
				_, _ = io.WriteString(w, body)
				return true
			}
			if _, err := rt.Token(t.Context(), acrkit.CatalogScope()); !errors.Is(err, acrkit.CodeProtocol) {
				t.Errorf("%.40q: %v", body, err)
			}
		}
	}
	f, rt, _ := setup(t, ci())
	f.intercept = func(w http.ResponseWriter, _ *http.Request, _ url.Values) bool {
		_, _ = io.Copy(w, io.LimitReader(zeros{}, 1<<20))
		return true
	}
	if _, err := rt.Token(t.Context(), acrkit.CatalogScope()); !errors.Is(err, acrkit.CodeTooLarge) {
		t.Errorf("a megabyte: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// D12: one access token for the whole client; two repositories in turn cost one
// 401 and one token request each time.
func TestD12_TwoRepositoriesInTurn(t *testing.T) {
	f, rt, _ := setup(t, ci())
	for range 5 {
		do(t, rt, "GET", "/v2/team/app/manifests/v1", "")
		do(t, rt, "GET", "/v2/team/base/manifests/v1", "")
	}
	if got := f.took(); len(got) != 12 {
		t.Errorf("%d requests, want 12: %q", len(got), got)
	}
}

// net/http forwards an Authorization header to the same host name at any port.
func TestRedirects(t *testing.T) {
	seen := map[string][]string{}
	see := func(name string, then http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen[name] = append(seen[name], r.URL.Path+" "+strings.SplitN(r.Header.Get("Authorization")+" ", " ", 2)[0])
			then.ServeHTTP(w, r)
		})
	}
	tests := []struct {
		name, to string
		want     acrkit.Code
	}{
		{"other host", "https://blobs.example/x", ""},
		{"same host, other port", "https://" + testHost + ":8443/x", ""},
		{"https to http", "http://" + testHost + "/x", acrkit.CodeHostRefused},
		{"https to http elsewhere", "http://blobs.example/x", acrkit.CodeHostRefused},
		{"https to http on loopback", "http://localhost:1/x", acrkit.CodeHostRefused},
		{"abroad and back", "https://blobs.example/back", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clear(seen)
			f, rt, d := setup(t, ci())
			f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
				if strings.Contains(r.URL.Path, "/blobs/") {
					http.Redirect(w, r, tt.to, http.StatusTemporaryRedirect)
					return true
				}
				return false
			}
			ok := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/back" {
					http.Redirect(w, r, "https://"+testHost+"/v2/team/app/manifests/stolen",
						http.StatusTemporaryRedirect)
				}
			})
			d.hosts["https://"+testHost] = see("home", f)
			d.hosts["https://blobs.example"] = see("abroad", ok)
			d.hosts["https://"+testHost+":8443"] = see("abroad", ok)
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+testHost+"/v2/team/app/blobs/sha256:aa",
				nil)
			req.Header.Set("Authorization", "Bearer placeholder")
			resp, err := (&http.Client{Transport: rt}).Do(req)
			if acrkit.CodeOf(err) != tt.want {
				t.Fatalf("error %v", err)
			}
			if err == nil {
				_ = resp.Body.Close()
			}
			for _, s := range seen["abroad"] {
				if !strings.HasSuffix(s, " ") {
					t.Errorf("abroad saw %q", s)
				}
			}
			if tt.want == "" && len(seen["abroad"]) != 1 {
				t.Errorf("abroad saw %q", seen["abroad"])
			}
			for _, s := range seen["home"] {
				if strings.HasSuffix(s, "/stolen Bearer") {
					t.Error("a foreign host had a request sent with the credential")
				}
			}
		})
	}
}

func TestTokenRequestsFollowNoRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, cred := range []auth.Credential{ci(), auth.EntraToken(jwt(map[string]any{"iss": "https://sts/"})),
			auth.ServicePrincipal("t", "c", "sp-secret", nil)} {
			f, rt, d := setup(t, cred)
			f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
				http.Redirect(w, r, "https://evil.example/", status)
				return true
			}
			d.hosts["https://evil.example"] = http.NotFoundHandler()
			_, err := rt.Token(t.Context(), acrkit.CatalogScope())
			if !errors.Is(err, acrkit.CodeProtocol) || len(d.sent) != 1 {
				t.Errorf("%d: %d requests, %v", status, len(d.sent), err)
			}
		}
	}
}

func TestHostileHeaders(t *testing.T) {
	for _, header := range []string{"Bearer", "Bearer realm", `Bearer realm="`, `Bearer scope="a"`,
		`Bearer realm="x",realm="y"`, strings.Repeat("x", 200<<10), "\x00", "Negotiate"} {
		f, rt, _ := setup(t, ci())
		f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
			if r.URL.Path == "/oauth2/token" {
				return false
			}
			w.Header().Set("Www-Authenticate", header)
			w.WriteHeader(401)
			return true
		}
		wantStatus(t, do(t, rt, "GET", "/v2/team/app/tags/list", ""), 401)
	}
}

func TestNetworkFailures(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	srv.StartTLS()
	defer srv.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	closedPort := plain.Listener.Addr().String()
	plain.Close()
	tests := []struct {
		name, registry string
		want           acrkit.Code
		text           string
	}{
		{"untrusted certificate", srv.Listener.Addr().String(), acrkit.CodeTLS,
			"is not trusted: it is signed by an unknown authority"},
		{"nothing listens", closedPort, acrkit.CodeUnavailable, "refuses the connection"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rt, err := auth.NewTransport(tt.registry, ci(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer rt.Close()
			_, err = rt.Token(t.Context(), acrkit.CatalogScope())
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Error(err)
			}
		})
	}
}
