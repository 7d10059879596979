package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

func wantLog(t *testing.T, f *fake, want ...string) {
	t.Helper()
	if diff := difftest.Diff(want, f.took()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestTransport_RequestCounts(t *testing.T) {
	f, rt, _ := setup(t, ci())
	const tags = "/v2/team/app/tags/list"

	wantStatus(t, do(t, rt, "GET", tags, ""), 200)
	wantLog(t, f, "POST /oauth2/token password repository:team/app:metadata_read", "GET "+tags) // cold: 2
	wantStatus(t, do(t, rt, "GET", tags, ""), 200)
	wantLog(t, f, "GET "+tags) // warm: 1

	wantStatus(t, do(t, rt, "PUT", "/v2/team%2Fapp/manifests/v1", "{}"), 200)
	wantLog(t, f, "POST /oauth2/token password repository:team/app:pull,push", "PUT /v2/team/app/manifests/v1")
	// A wider token serves.
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)
	wantStatus(t, do(t, rt, "GET", "/v2/", ""), 200)
	wantLog(t, f, "GET /v2/team/app/manifests/v1", "GET /v2/")
}

func TestTransport_TwentyGoroutinesOneTokenRequest(t *testing.T) {
	f, rt, _ := setup(t, ci())
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { do(t, rt, "GET", "/v2/team/app/tags/list", "") })
	}
	wg.Wait()
	n := 0
	for _, l := range f.took() {
		if strings.HasPrefix(l, "POST") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
}

func TestTransport_Mount(t *testing.T) {
	f, rt, _ := setup(t, ci())
	wantStatus(t, do(t, rt, "POST", "/v2/team/app/blobs/uploads/?mount=sha256:aa&from=team%2Fbase", ""), 200)
	wantLog(t, f, "POST /oauth2/token password repository:team/app:pull,push repository:team/base:pull",
		"POST /v2/team/app/blobs/uploads/")
}

func TestTransport_RequiredScopeFromContext(t *testing.T) {
	f, rt, _ := setup(t, ci())
	ctx := acrkit.ContextWithRequiredScope(t.Context(), mustScope("repository:team/base:pull repository:team/app:pull"))
	for _, name := range []string{"team/app", "team/base"} {
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://"+testHost+"/v2/"+name+"/manifests/v1", nil)
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		wantStatus(t, resp, 200)
	}
	wantLog(t, f, "POST /oauth2/token password repository:team/app:pull repository:team/base:pull",
		"GET /v2/team/app/manifests/v1", "GET /v2/team/base/manifests/v1")
}

func TestTransport_FollowsAChallengeAndLearns(t *testing.T) {
	f, rt, _ := setup(t, ci())
	f.allowed = mustScope("repository:team/app:metadata_read,pull repository:team/base:metadata_read,pull")
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/referrers/sha256:aa", ""), 200)
	wantLog(t, f, "POST /oauth2/token password repository:team/app:pull", "GET /v2/team/app/referrers/sha256:aa",
		"POST /oauth2/token password repository:team/app:metadata_read,pull", "GET /v2/team/app/referrers/sha256:aa")
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/referrers/sha256:bb", ""), 200)
	wantLog(t, f, "GET /v2/team/app/referrers/sha256:bb")
	wantStatus(t, do(t, rt, "GET", "/v2/team/base/referrers/sha256:bb", ""), 200)
	wantLog(t, f, "POST /oauth2/token password repository:team/base:metadata_read,pull",
		"GET /v2/team/base/referrers/sha256:bb")
}

func TestTransport_InsufficientScope(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, rt, _ := setup(t, ci())
		defer rt.Close()
		f.allowed = acrkit.Scope{}
		const tags = "/v2/team/app/tags/list"
		resp := do(t, rt, "GET", tags, "")
		wantStatus(t, resp, 401) // young: the refusal is the answer
		wantLog(t, f, "POST /oauth2/token password repository:team/app:metadata_read", "GET "+tags)
		if body, _ := io.ReadAll(resp.Body); !strings.Contains(string(body), "UNAUTHORIZED") ||
			!strings.Contains(resp.Header.Get("Www-Authenticate"), "insufficient_scope") {
			t.Errorf("the answer was changed: %s %v", body, resp.Header)
		}
		time.Sleep(11 * time.Second)
		f.allowed = mustScope("repository:team/app:metadata_read")
		wantStatus(t, do(t, rt, "GET", tags, ""), 200) // old: rights may have changed
		wantLog(t, f, "GET "+tags, "POST /oauth2/token password repository:team/app:metadata_read", "GET "+tags)
		time.Sleep(11 * time.Second)
		f.kill()
		f.allowed = acrkit.Scope{}
		wantStatus(t, do(t, rt, "GET", tags, ""), 401)
		wantLog(t, f, "GET "+tags, "POST /oauth2/token password repository:team/app:metadata_read", "GET "+tags)
	})
}

func TestTransport_RenewsFromTheRoot(t *testing.T) {
	f, rt, _ := setup(t, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil))
	const tags = "/v2/team/app/tags/list"
	cold := []string{"POST /tenant-1/oauth2/v2.0/token https://containerregistry.azure.net/.default",
		"POST /oauth2/exchange access_token",
		"POST /oauth2/token refresh_token repository:team/app:metadata_read", "GET " + tags}
	wantStatus(t, do(t, rt, "GET", tags, ""), 200)
	wantLog(t, f, cold...)
	wantStatus(t, do(t, rt, "GET", tags, ""), 200)
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)
	wantLog(t, f, "GET "+tags, "POST /oauth2/token refresh_token repository:team/app:pull",
		"GET /v2/team/app/manifests/v1")
	f.kill()
	wantStatus(t, do(t, rt, "GET", tags, ""), 200)
	wantLog(t, f, append([]string{"GET " + tags}, cold...)...)
	// A service that accepts nothing gets one renewal, not a loop.
	f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
		if r.URL.Path == tags {
			w.WriteHeader(401)
		}
		return r.URL.Path == tags
	}
	wantStatus(t, do(t, rt, "GET", tags, ""), 401)
	wantLog(t, f, append([]string{"GET " + tags}, cold...)...)
}

// Many requests whose token was revoked renew it once, from the root.
func TestTransport_NoStampede(t *testing.T) {
	f, rt, _ := setup(t, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil))
	do(t, rt, "GET", "/v2/team/app/tags/list", "")
	f.kill()
	f.took()
	var arrived sync.WaitGroup
	arrived.Add(20)
	var first atomic.Int32
	f.intercept = func(_ http.ResponseWriter, r *http.Request, _ url.Values) bool {
		if r.Method == "GET" && first.Add(1) <= 20 {
			arrived.Done()
			arrived.Wait() // all hold the dead token
		}
		return false
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+testHost+"/v2/team/app/tags/list", nil)
			resp, err := rt.RoundTrip(req)
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("%v %v", resp, err)
			}
			if err == nil {
				_ = resp.Body.Close()
			}
		})
	}
	wg.Wait()
	counts := map[string]int{}
	for _, l := range f.took() {
		counts[strings.Fields(l)[1]]++
	}
	want := map[string]int{"/v2/team/app/tags/list": 40, "/oauth2/token": 1, "/oauth2/exchange": 1,
		"/tenant-1/oauth2/v2.0/token": 1}
	if diff := difftest.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

func TestTransport_PlainHTTPOnLoopback(t *testing.T) {
	f := newFake()
	srv := httptest.NewServer(f)
	defer srv.Close()
	f.host, f.scheme = srv.Listener.Addr().String(), "http"
	rt, err := auth.NewTransport(f.host, ci(), &auth.Options{PlainHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	resp, err := (&http.Client{Transport: rt}).Get(srv.URL + "/v2/team/app/tags/list")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	wantStatus(t, resp, 200)
}

// A registry that refuses for ever gets a bounded number of requests, also when
// it asks for something else each time.
func TestTransport_NoLoops(t *testing.T) {
	for _, tt := range []struct {
		word, scope string
		want        int
	}{
		{"invalid_token", "repository:team/app:pull", 4}, // one renewal, of a new token too
		{"", "repository:team/app:pull", 4},
		{"insufficient_scope", "repository:team/app:pull", 2},
		{"insufficient_scope", "repository:n%d:pull", 4}, // one other scope is followed
	} {
		n := 0
		f, rt, d := setup(t, ci())
		f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
			if r.URL.Path == "/oauth2/token" {
				return false
			}
			n++
			w.Header().Set("Www-Authenticate",
				fmt.Sprintf(`Bearer realm="https://%s/oauth2/token",service="%s",scope="%s",error="%s"`, testHost,
					testHost, strings.ReplaceAll(tt.scope, "%d", fmt.Sprint(n)), tt.word))
			w.WriteHeader(401)
			return n < 100
		}
		wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 401)
		if len(d.sent) != tt.want {
			t.Errorf("%q %q: %d requests, want %d", tt.word, tt.scope, len(d.sent), tt.want)
		}
	}
}

func TestTransport_RevokedRefreshToken(t *testing.T) {
	f, rt, _ := setup(t, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil))
	do(t, rt, "GET", "/v2/team/app/tags/list", "")
	f.took()
	f.kill()
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)
	wantLog(t, f, "POST /oauth2/token refresh_token repository:team/app:pull",
		"POST /tenant-1/oauth2/v2.0/token https://containerregistry.azure.net/.default",
		"POST /oauth2/exchange access_token",
		"POST /oauth2/token refresh_token repository:team/app:pull", "GET /v2/team/app/manifests/v1")
}

func TestTransport_TwoPasswords(t *testing.T) {
	f, rt, _ := setup(t, auth.ScopedTokenPair("ci", "rotated-away", "correct-horse"))
	do(t, rt, "GET", "/v2/team/app/tags/list", "")
	do(t, rt, "GET", "/v2/team/app/manifests/v1", "")
	wantLog(t, f, "POST /oauth2/token password repository:team/app:metadata_read",
		"POST /oauth2/token password repository:team/app:metadata_read",
		"GET /v2/team/app/tags/list", "POST /oauth2/token password repository:team/app:pull",
		"GET /v2/team/app/manifests/v1")
}

func TestTransport_Lifetimes(t *testing.T) {
	const tags = "/v2/team/app/tags/list"
	tests := []struct {
		name string
		set  func(*fake)
		skew time.Duration // of this machine's clock
		used time.Duration // still used after
		gone time.Duration // fetched anew after
	}{
		{"an hour", func(*fake) {}, 0, 47 * time.Minute, time.Hour},
		{"this clock is two hours ahead", func(*fake) {}, 2 * time.Hour, 47 * time.Minute, time.Hour},
		{"this clock is two hours behind", func(*fake) {}, -2 * time.Hour, 47 * time.Minute, time.Hour},
		{"no expiry", func(f *fake) { f.bareJWT = true }, 0, 47 * time.Second, 61 * time.Second},
		{"no date", func(f *fake) { f.noDate = true }, 0, 47 * time.Second, 61 * time.Second},
		{"expired when it came", func(f *fake) { f.life = -time.Minute }, 0, 47 * time.Second, 61 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				tt.set(f)
				// The service accepts any token here: the test counts the requests.
				f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
					return r.URL.Path == tags
				}
				d := &direct{hosts: map[string]http.Handler{"https://" + testHost: f}}
				rt, err := auth.NewTransport(testHost, ci(), &auth.Options{Base: d, Now: func() time.Time {
					return time.Now().Add(tt.skew)
				}})
				if err != nil {
					t.Fatal(err)
				}
				defer rt.Close()
				token := "POST /oauth2/token password repository:team/app:metadata_read"
				do(t, rt, "GET", tags, "")
				wantLog(t, f, token, "GET "+tags)
				if tt.used > 0 {
					time.Sleep(tt.used)
					do(t, rt, "GET", tags, "")
					wantLog(t, f, "GET "+tags)
				}
				time.Sleep(tt.gone - tt.used)
				do(t, rt, "GET", tags, "")
				wantLog(t, f, token, "GET "+tags)
			})
		})
	}
}

func TestTransport_RenewsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, rt, _ := setup(t, ci())
		defer rt.Close()
		const tags, token = "/v2/team/app/tags/list", "POST /oauth2/token password repository:team/app:metadata_read"
		do(t, rt, "GET", tags, "")
		f.took()
		time.Sleep(49 * time.Minute)
		release := make(chan struct{})
		fail := true
		f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
			if r.URL.Path != "/oauth2/token" {
				return false
			}
			<-release
			if fail {
				w.WriteHeader(503)
			}
			return fail
		}
		for range 5 { // the renewal hangs, and no request waits for it
			wantStatus(t, do(t, rt, "GET", tags, ""), 200)
		}
		synctest.Wait()
		got := f.took()
		if n := strings.Count(strings.Join(got, "\n"), token); n != 1 || len(got) != 6 {
			t.Errorf("requests %q: want five and one renewal", got)
		}
		close(release) // it fails, silently
		synctest.Wait()
		wantStatus(t, do(t, rt, "GET", tags, ""), 200)
		wantLog(t, f, "GET "+tags) // and is not repeated at once
		time.Sleep(31 * time.Second)
		fail = false
		do(t, rt, "GET", tags, "")
		synctest.Wait()
		if got := f.took(); len(got) != 2 {
			t.Errorf("requests %q: want a renewal beside the request", got)
		}
		time.Sleep(20 * time.Minute) // beyond the first token's life
		wantStatus(t, do(t, rt, "GET", tags, ""), 200)
		wantLog(t, f, "GET "+tags)
	})
}

func TestTransport_RenewsTheRefreshTokenInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, rt, _ := setup(t, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil))
		defer rt.Close()
		do(t, rt, "GET", "/v2/team/app/tags/list", "")
		f.took()
		time.Sleep(150 * time.Minute) // of 180
		do(t, rt, "GET", "/v2/team/app/tags/list", "")
		synctest.Wait()
		n := strings.Count(strings.Join(f.took(), "\n"), "/oauth2/exchange")
		if n != 1 {
			t.Errorf("%d exchanges, want 1", n)
		}
		time.Sleep(40 * time.Minute)
		do(t, rt, "GET", "/v2/team/app/tags/list", "")
		if got := strings.Join(f.took(), "\n"); strings.Contains(got, "exchange") {
			t.Errorf("the renewed refresh token was not used: %s", got)
		}
	})
}

func TestTransport_LastWaiterCancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, rt, _ := setup(t, ci())
		defer rt.Close()
		var cancelled atomic.Bool
		hang := true
		f.intercept = func(_ http.ResponseWriter, r *http.Request, _ url.Values) bool {
			if hang && r.URL.Path == "/oauth2/token" {
				<-r.Context().Done()
				cancelled.Store(true)
				return true
			}
			return false
		}
		errs := make(chan error, 2)
		for i := range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*time.Second)
			defer cancel()
			go func() {
				_, err := rt.Token(ctx, mustScope("repository:team/app:pull"))
				errs <- err
			}()
		}
		if err := <-errs; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("first: %v", err)
		}
		synctest.Wait()
		if cancelled.Load() {
			t.Error("the fetch was cancelled while a caller waited")
		}
		<-errs
		synctest.Wait()
		if !cancelled.Load() {
			t.Error("the fetch goes on without a caller")
		}
		hang = false
		if _, err := rt.Token(t.Context(), mustScope("repository:team/app:pull")); err != nil {
			t.Errorf("a newcomer: %v", err)
		}
	})
}

func TestTransport_TokenEndpointHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, rt, _ := setup(t, ci())
		defer rt.Close()
		f.intercept = func(_ http.ResponseWriter, r *http.Request, _ url.Values) bool {
			<-r.Context().Done()
			return true
		}
		start := time.Now()
		_, err := rt.Token(t.Context(), mustScope("repository:team/app:pull"))
		if !errors.Is(err, acrkit.CodeUnavailable) || time.Since(start) > time.Minute {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		if _, ok := errors.AsType[interface {
			error
			NonRetriable()
		}](err); ok {
			t.Error("a timeout is marked as final")
		}
	})
}

func TestTransport_CloseEndsFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, rt, _ := setup(t, ci())
		f.intercept = func(_ http.ResponseWriter, r *http.Request, _ url.Values) bool {
			<-r.Context().Done()
			return true
		}
		errs := make(chan error)
		go func() {
			_, err := rt.Token(t.Context(), mustScope("repository:team/app:pull"))
			errs <- err
		}()
		synctest.Wait()
		_ = rt.Close()
		if err := <-errs; !errors.Is(err, acrkit.CodeUsage) {
			t.Error(err)
		}
		if _, err := rt.Token(t.Context(), mustScope("repository:team/app:pull")); !errors.Is(err, acrkit.CodeUsage) {
			t.Error(err)
		}
	})
}

// countingBody counts how often it is closed.
type countingBody struct {
	io.Reader
	mu     sync.Mutex
	closed int
}

func (b *countingBody) Close() error { b.mu.Lock(); defer b.mu.Unlock(); b.closed++; return nil }

func TestTransport_BodyIsClosedOnEveryPath(t *testing.T) {
	tests := []struct {
		name, url string
		set       func(*fake)
		cred      auth.Credential
		rewinds   bool
	}{
		{"sent", "https://" + testHost + "/v2/team/app/manifests/v1", nil, ci(), false},
		{"replayed", "https://" + testHost + "/v2/team/other/manifests/v1", func(f *fake) { f.kill() }, ci(), true},
		{"no token", "https://" + testHost + "/v2/team/app/manifests/v1", nil, auth.ScopedToken("ci", "wrong"), false},
		{"abroad", "https://elsewhere.example/v2/team/app/manifests/v1", nil, ci(), false},
		{"plain http abroad", "http://elsewhere.example/", nil, ci(), false},
		{"foreign realm", "https://" + testHost + "/v2/team/app/manifests/v1", func(f *fake) {
			f.host = "evil.example"
			f.kill()
		}, ci(), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, rt, d := setup(t, tt.cred)
			d.hosts["https://elsewhere.example"] = http.NotFoundHandler()
			if tt.set != nil {
				tt.set(f)
			}
			body := &countingBody{Reader: strings.NewReader("{}")}
			req, _ := http.NewRequestWithContext(t.Context(), "PUT", tt.url, body)
			if tt.rewinds {
				req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("{}")), nil }
			}
			resp, err := rt.RoundTrip(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			if body.closed == 0 {
				t.Error("the body was not closed")
			}
		})
	}
}

func TestTransport_CustomClock(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	f := newFake()
	f.now = func() time.Time { return now }
	rt, err := auth.NewTransport(testHost, ci(),
		&auth.Options{Base: &direct{hosts: map[string]http.Handler{"https://" + testHost: f}}, Now: f.now})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	token, err := rt.Token(t.Context(), mustScope("repository:team/app:pull,delete"))
	if err != nil {
		t.Fatal(err)
	}
	if want := now.Add(time.Hour); !token.Expires.Equal(want) {
		t.Errorf("expires %v, want %v", token.Expires, want)
	}
	if got := token.Granted.String(); got != "repository:team/app:pull" {
		t.Errorf("granted %q", got)
	}
	if got := rt.Granted(mustScope("repository:team/app:pull")); got == nil ||
		got.String() != "repository:team/app:pull" {
		t.Errorf("Granted = %v", got)
	}
	if rt.Granted(mustScope("repository:other:pull")) != nil {
		t.Error("Granted knows what was never asked")
	}
	// A machine that wakes up after a day: the wall clock alone has moved.
	now = now.Add(24 * time.Hour)
	if again, err := rt.Token(t.Context(), mustScope("repository:team/app:pull")); err != nil ||
		again.Value.Reveal() == token.Value.Reveal() {
		t.Errorf("a token of yesterday is used: %v", err)
	}
}

func TestTransport_TokenServicePathsPassUnchanged(t *testing.T) {
	f, rt, d := setup(t, ci())
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+testHost+"/oauth2/token?service=x", nil)
	req.Header.Set("Authorization", "Basic abc")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := d.sent[0].Header.Get("Authorization"); got != "Basic abc" || len(f.took()) != 1 {
		t.Errorf("Authorization %q", got)
	}
}

func TestTransport_ResponseError(t *testing.T) {
	tests := []struct {
		name, method, path, allowed string
		code                        acrkit.Code
		text                        string
	}{
		{"denied by scope map", "GET", "/v2/team/app/tags/list", "repository:team/app:pull",
			acrkit.CodeInsufficientScope,
			`cannot try it on myregistry.azurecr.io: the token "ci" does not have metadata/read on "team/app" (401 insufficient_scope, request 00000000-1111-2222-3333-444444444444)`},
		{"half", "PUT", "/v2/team/app/manifests/v1", "repository:team/app:pull", acrkit.CodeInsufficientScope,
			`cannot try it on myregistry.azurecr.io: the token "ci" has content/read but not content/write on "team/app" (401 insufficient_scope, request 00000000-1111-2222-3333-444444444444)`},
		{"catalog", "GET", "/acr/v1/_catalog", "", acrkit.CodeInsufficientScope,
			`cannot try it on myregistry.azurecr.io: the token "ci" may not list the repositories of the registry (401 insufficient_scope, request 00000000-1111-2222-3333-444444444444)`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, rt, _ := setup(t, ci())
			f.allowed = mustScope(tt.allowed)
			resp := do(t, rt, tt.method, tt.path, "")
			err := rt.ResponseError(resp, "try it")
			if !errors.Is(err, tt.code) || err.Error() != tt.text {
				t.Errorf("got %v\nwant %s", err, tt.text)
			}
			if e, ok := errors.AsType[*acrkit.Error](err); !ok || e.Granted == nil || e.Required.IsEmpty() ||
				e.Method != tt.method || e.Status != 401 {
				t.Errorf("evidence is missing: %#v", e)
			}
		})
	}
	_, rt, _ := setup(t, ci())
	if err := rt.ResponseError(do(t, rt, "GET", "/v2/", ""), "x"); err != nil {
		t.Error(err)
	}
}

func TestTransport_ManyRepositories(t *testing.T) {
	f, rt, _ := setup(t, ci())
	for i := range 1000 {
		do(t, rt, "GET", fmt.Sprintf("/v2/team/r%d/manifests/v1", i), "")
	}
	for _, l := range f.took() {
		if strings.Count(l, "repository:") > 1 {
			t.Fatalf("scopes were merged: %s", l)
		}
	}
}

func TestTransport_Anonymous(t *testing.T) {
	f, rt, _ := setup(t, nil)
	f.password[""] = ""
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)
	wantLog(t, f, "POST /oauth2/token password repository:team/app:pull", "GET /v2/team/app/manifests/v1")
	delete(f.password, "")
	_, err := rt.Token(t.Context(), mustScope("repository:team/base:pull"))
	if !errors.Is(err, acrkit.CodeCredentialMissing) {
		t.Error(err)
	}
}

// TestTransport_AnonymousToken: the token of an anonymous client, as recorded, holds
// pull on all repositories and reads tags too; it is renewed at 80 % of its five minutes.
func TestTransport_AnonymousToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, rt, _ := setup(t, auth.Anonymous())
		fetched := 0
		f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
			if r.URL.Path != "/oauth2/token" {
				return true // accepted with any token
			}
			fetched++
			now := time.Now()
			w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
			_ = json.NewEncoder(w).Encode(map[string]string{
				"access_token": jwt(map[string]any{"iss": "Azure Container Registry", "sub": "acr_anon_pull",
					"grant_type": "access_token", "nbf": now.Unix() - 900, "iat": now.Unix() - 900,
					"exp": now.Unix() + 300, "jti": fmt.Sprint(fetched),
					"access": []map[string]any{{"Type": "repository", "Name": "*", "Actions": []string{"pull"}}}})})
			return true
		}
		tags := mustScope("repository:team/app:metadata_read")
		get := func(want int) {
			t.Helper()
			wantStatus(t, do(t, rt, "GET", "/v2/team/app/tags/list", ""), 200)
			synctest.Wait()
			if fetched != want {
				t.Errorf("%d tokens were fetched, want %d", fetched, want)
			}
		}
		get(1)
		if g := rt.Granted(tags); g == nil || !g.Equal(mustScope("repository:team/app:metadata_read,pull")) {
			t.Errorf("granted %v", g)
		}
		time.Sleep(239 * time.Second)
		get(1)
		time.Sleep(2 * time.Second)
		get(2)
		token, err := rt.Token(t.Context(), tags)
		if left := time.Until(token.Expires); err != nil || left != 5*time.Minute {
			t.Errorf("it expires in %v, %v", left, err)
		}
		_ = rt.Close()
	})
}

func TestTransport_OverTheNetwork(t *testing.T) {
	f := newFake()
	srv := httptest.NewTLSServer(f)
	defer srv.Close()
	f.host = srv.Listener.Addr().String()
	rt, err := auth.NewTransport(srv.URL, ci(), &auth.Options{Base: srv.Client().Transport})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	client := &http.Client{Transport: rt}
	resp, err := client.Post(srv.URL+"/v2/team%2Fapp/blobs/uploads/", "application/octet-stream",
		io.NopCloser(strings.NewReader("layer")))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	wantStatus(t, resp, 200)
	if diff := difftest.Diff([]string{"layer"}, f.bodies); diff != "" {
		t.Error(diff)
	}
}
