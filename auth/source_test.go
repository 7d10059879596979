package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// rename replaces a file as kubelet, vaults and careful scripts do.
func rename(t *testing.T, path, content string) {
	t.Helper()
	write(t, path+".new", content)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (f *fake) setPasswords(values ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.password["ci"] = strings.Join(values, "|")
}

// A password is rotated under a running client: the new one is good before it is
// written, the old one ends after that, as a careful rotation goes. Access tokens
// are made to end at once, so that every call needs the password.
func TestRotationUnderARunningClient(t *testing.T) {
	for _, tt := range []struct {
		name    string
		replace func(*testing.T, string, string)
	}{{"renamed", rename}, {"written in place", write}} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "password")
			write(t, path, "password-0\n")
			f, rt, _ := setup(t, auth.ScopedTokenSource("ci", auth.SecretFile(path)))
			f.setPasswords("password-0")
			f.life = 0

			n := 0
			callWhile(t, rt, func() {
				n++
				before, after := fmt.Sprintf("password-%d", n-1), fmt.Sprintf("password-%d", n)
				f.setPasswords(before, after)
				tt.replace(t, path, after+"\n")
				f.setPasswords(after)
			})
		})
	}
}

// rotations is how often callWhile changes the password.
const rotations = 20

// callWhile makes 10,000 calls from several goroutines at once, and rotates the
// password at the same time. No call may fail.
func callWhile(t *testing.T, rt http.RoundTripper, rotate func()) {
	t.Helper()
	const calls, workers = 10_000, 4
	var turn sync.Mutex // a rotation is over before the next begins
	var count atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for n := count.Add(1); n <= calls && !t.Failed(); n = count.Add(1) {
				if n%(calls/rotations) == 0 { // the other workers continue
					turn.Lock()
					rotate()
					turn.Unlock()
				}
				req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+testHost+"/v2/", nil)
				resp, err := rt.RoundTrip(req)
				if err != nil {
					t.Errorf("call %d failed: %v", n, err)
					return
				}
				_ = resp.Body.Close()
			}
		})
	}
	all.Wait()
}

func TestScopedTokenSource_function(t *testing.T) {
	var calls atomic.Int64
	password := atomic.Pointer[string]{}
	set := func(s string) { password.Store(&s) }
	set("one")
	source := auth.SecretFunc(func(context.Context) (string, error) { calls.Add(1); return *password.Load(), nil })
	f, rt, _ := setup(t, auth.ScopedTokenSource("ci", source))
	f.setPasswords("one")
	token := func(repository string) error {
		_, err := rt.Token(t.Context(), acrkit.RepositoryScope(repository, acrkit.ContentRead))
		return err
	}
	for i := range 5 {
		if err := token(fmt.Sprint("a", i)); err != nil {
			t.Fatal(err)
		}
	}
	if calls.Load() != 1 {
		t.Errorf("asked %d times for a password that is good", calls.Load())
	}
	set("two")
	f.setPasswords("two")
	if err := token("b"); err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 2 {
		t.Errorf("asked %d times, want once more after the refusal", calls.Load())
	}
	// Refused, and the source knows no other: the refusal is the answer, sent once.
	f.setPasswords("three")
	f.took()
	err := token("c")
	if !errors.Is(err, acrkit.CodeCredentialRejected) ||
		!strings.Contains(err.Error(), "password from function are not accepted") {
		t.Errorf("error %v", err)
	}
	if got := f.took(); len(got) != 1 {
		t.Errorf("the same password was sent again: %q", got)
	}
	// And not for ever.
	set("three")
	if err := token("c"); err != nil {
		t.Error(err)
	}
}

func TestScopedTokenSource_failures(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "empty"), "\n")
	write(t, filepath.Join(dir, "space"), "pass\n\n")
	write(t, filepath.Join(dir, "big"), strings.Repeat("x", 70<<10))
	file := func(name string) auth.SecretSource { return auth.SecretFile(filepath.Join(dir, name)) }
	fails := func(err error) auth.SecretSource {
		return auth.SecretFunc(func(context.Context) (string, error) { return "", err })
	}
	for _, tt := range []struct {
		name   string
		source auth.SecretSource
		code   acrkit.Code
		text   string
	}{
		{"missing file", file("none"), acrkit.CodeCredentialMissing, "there is no such file"},
		{"no name", auth.SecretFile(""), acrkit.CodeUsage, "the file has no name"},
		{"empty file", file("empty"), acrkit.CodeUsage, "is empty"},
		{"white space", file("space"), acrkit.CodeUsage, "white space"},
		{"large file", file("big"), acrkit.CodeUsage, "larger than the limit"},
		{"directory", auth.SecretFile(dir), acrkit.CodeUsage, "is a directory"},
		{"function fails", fails(errors.New("vault is sealed")), acrkit.CodeUnavailable, "vault is sealed"},
		{"function has none", fails(&acrkit.Error{Code: acrkit.CodeCredentialMissing}),
			acrkit.CodeCredentialMissing, ""},
		{"function gives nothing", fails(nil), acrkit.CodeUsage, "is empty"},
		{"nil function", auth.SecretFunc(nil), acrkit.CodeUsage, "the function is nil"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, rt, _ := setup(t, auth.ScopedTokenSource("ci", tt.source))
			_, err := rt.Token(t.Context(), acrkit.CatalogScope())
			if !errors.Is(err, tt.code) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %s %q", err, tt.code, tt.text)
			}
			if got := f.took(); len(got) != 0 {
				t.Errorf("sent %q", got)
			}
		})
	}
	if _, err := auth.NewTransport(testHost, auth.ScopedTokenSource("ci", nil), nil); !errors.Is(err,
		acrkit.CodeUsage) {
		t.Errorf("nil source: %v", err)
	}
}

// A file that goes away after it was read leaves the client its last password.
func TestSecretFile_goesAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	write(t, path, "correct-horse\n")
	_, rt, _ := setup(t, auth.ScopedTokenSource("ci", auth.SecretFile(path)))
	for i, change := range []func(){func() {}, func() { write(t, path, "") }, func() { _ = os.Remove(path) }} {
		change()
		if _, err := rt.Token(t.Context(), acrkit.RepositoryScope(fmt.Sprint("a", i), acrkit.ContentRead)); err != nil {
			t.Error(err)
		}
	}
}

// Two callers share one call of the function; the first gives up, the second
// gets its token; when both have, the function's context ends.
func TestSecretFunc_cancellation(t *testing.T) {
	started, release, ended := make(chan struct{}, 8), make(chan struct{}), make(chan struct{}, 8)
	source := auth.SecretFunc(func(ctx context.Context) (string, error) {
		started <- struct{}{}
		select {
		case <-release:
			return "correct-horse", nil
		case <-ctx.Done():
			ended <- struct{}{}
			return "", ctx.Err()
		}
	})
	_, rt, _ := setup(t, auth.ScopedTokenSource("ci", source))
	ask := func(ctx context.Context, repository string) chan error {
		out := make(chan error, 1)
		go func() {
			_, err := rt.Token(ctx, acrkit.RepositoryScope(repository, acrkit.ContentRead))
			out <- err
		}()
		return out
	}
	alone, leave := context.WithCancel(t.Context())
	only := ask(alone, "z")
	<-started
	leave()
	if err := <-only; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gave up: %v", err)
	}
	<-ended

	ctx, cancel := context.WithCancel(t.Context())
	first := ask(ctx, "a")
	<-started
	second := ask(t.Context(), "a")
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the one that gave up: %v", err)
	}
	// The second has joined the first, or comes after it; either way it gets one.
	close(release)
	if err := <-second; err != nil {
		t.Errorf("the other: %v", err)
	}
}

func TestFederatedServicePrincipal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "assertion-1\n")
	f, rt, d := setup(t, auth.FederatedServicePrincipal("tenant", "client", auth.SecretFile(path), nil))
	f.assertion = "assertion-1"
	f.life = 0
	wantStatus(t, do(t, rt, "GET", "/v2/", ""), 401) // its access tokens end at once; the exchange is what counts here
	f.life = 3600e9
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)

	// The file's next content serves the next request to Entra.
	rename(t, path, "assertion-2\n")
	f.mu.Lock()
	f.assertion = "assertion-2"
	for k, i := range f.issued {
		i.dead = true
		f.issued[k] = i
	}
	f.mu.Unlock()
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200)

	f.mu.Lock()
	f.assertion = "another"
	for k, i := range f.issued {
		i.dead = true
		f.issued[k] = i
	}
	f.mu.Unlock()
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+testHost+"/v2/team/app/manifests/v1", nil)
	resp, err := rt.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, acrkit.CodeCredentialRejected) || !strings.Contains(err.Error(), "AADSTS700213") ||
		strings.Contains(dump(err), "assertion-2") {
		t.Errorf("error %v", err)
	}
	for _, r := range d.sentTo(testHost) {
		if strings.Contains(fmt.Sprint(r.Header, r.URL), "assertion-") {
			t.Error("the assertion went to the registry")
		}
	}
	for _, source := range []auth.SecretSource{nil} {
		if _, err := auth.NewTransport(testHost, auth.FederatedServicePrincipal("t", "c", source, nil),
			nil); !errors.Is(err, acrkit.CodeUsage) {
			t.Errorf("nil source: %v", err)
		}
	}
}

func TestGitHubOIDC(t *testing.T) {
	const requestURL = "https://pipelines.actions.githubusercontent.com/abc/idtoken?api-version=2.0"
	var asked []string
	var mu sync.Mutex
	github := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Header.Get("Authorization")+" "+r.URL.RawQuery)
		mu.Unlock()
		answer(w, 200, map[string]any{"count": 1, "value": "from-github"})
	})
	status := func(code int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://elsewhere.example/")
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		})
	}
	for _, tt := range []struct {
		name, url, token string
		handler          http.Handler
		code             acrkit.Code
		text             string
	}{
		{"ok", requestURL, "request-token", github, "", ""},
		{"not in a job", "", "", github, acrkit.CodeCredentialMissing, "id-token: write"},
		{"half", requestURL, "", github, acrkit.CodeUsage, "is missing"},
		{"other half", "", "request-token", github, acrkit.CodeUsage, "is missing"},
		{"plain http", strings.Replace(requestURL, "https", "http", 1), "request-token", github,
			acrkit.CodeHostRefused, "not https"},
		{"no url", "https://%zz", "request-token", github, acrkit.CodeUsage, "not a usable URL"},
		{"user in it", "https://u:p@pipelines.actions.githubusercontent.com/", "request-token", github,
			acrkit.CodeUsage, "not a usable URL"},
		{"line feed", requestURL, "request-token\n", github, acrkit.CodeUsage, "white space"},
		{"refused", requestURL, "request-token", status(401, "request-token"),
			acrkit.CodeCredentialRejected, "ends with the job"},
		{"redirect", requestURL, "request-token", status(302, ""), acrkit.CodeProtocol, "not as GitHub"},
		{"down", requestURL, "request-token", status(503, ""), acrkit.CodeUnavailable, "GitHub failed"},
		{"slow down", requestURL, "request-token", status(429, ""), acrkit.CodeThrottled, ""},
		{"no JSON", requestURL, "request-token", status(200, "<html>"), acrkit.CodeProtocol, "not a JSON object"},
		{"no value", requestURL, "request-token", status(200, "{}"), acrkit.CodeProtocol, "holds no value"},
		{"too much", requestURL, "request-token", status(200, strings.Repeat(" ", 1<<20)),
			acrkit.CodeTooLarge, "too large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			f.assertion = "from-github"
			d := &direct{hosts: map[string]http.Handler{"https://" + testHost: f,
				"https://login.microsoftonline.com":               f,
				"https://pipelines.actions.githubusercontent.com": tt.handler}}
			rt, err := auth.NewTransport(testHost,
				auth.FederatedServicePrincipal("t", "c", auth.GitHubOIDC(tt.url, tt.token, ""), nil),
				&auth.Options{Base: d})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = rt.Close() }()
			_, err = rt.Token(t.Context(), acrkit.CatalogScope())
			if !(tt.code == "" && err == nil || errors.Is(err, tt.code)) || err != nil &&
				!strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %s %q", err, tt.code, tt.text)
			}
			if strings.Contains(dump(err)+dump(rt), "request-token") {
				t.Errorf("the request token is shown: %v", err)
			}
			if got := d.sentTo("elsewhere.example"); len(got) != 0 {
				t.Error("the redirect was followed")
			}
		})
	}
	want := "Bearer request-token api-version=2.0&audience=" + url.QueryEscape("api://AzureADTokenExchange")
	if len(asked) != 1 || asked[0] != want {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

// A real redirecting server: nothing follows it with the request token.
func TestGitHubOIDC_realRedirect(t *testing.T) {
	var stolen atomic.Bool
	thief := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Store(true) }))
	defer thief.Close()
	front := httptest.NewTLSServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer front.Close()
	rt, err := auth.NewTransport(testHost,
		auth.FederatedServicePrincipal("t", "c", auth.GitHubOIDC(front.URL, "request-token", ""), nil),
		&auth.Options{Base: front.Client().Transport})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rt.Close() }()
	if _, err := rt.Token(t.Context(), acrkit.CatalogScope()); !errors.Is(err, acrkit.CodeProtocol) || stolen.Load() {
		t.Errorf("error %v, followed: %v", err, stolen.Load())
	}
}

// A pipe, as a shell's <(command) gives it, can be read once, and is kept.
func TestSecretFile_pipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no /dev/fd")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := w.WriteString("correct-horse\n"); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	_, rt, _ := setup(t, auth.ScopedTokenSource("ci", auth.SecretFile(fmt.Sprintf("/dev/fd/%d", r.Fd()))))
	for _, repository := range []string{"a", "b"} {
		if _, err := rt.Token(t.Context(), acrkit.RepositoryScope(repository, acrkit.ContentRead)); err != nil {
			t.Error(err)
		}
	}
}

// NewSecret holds a value that nothing prints.
func TestNewSecret(t *testing.T) {
	s := auth.NewSecret("correct-horse")
	if text := fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s); strings.Contains(text, "correct-horse") {
		t.Errorf("it prints as %s", text)
	}
	if s.Reveal() != "correct-horse" || s.IsZero() || !auth.NewSecret("").IsZero() {
		t.Errorf("it reveals %q, IsZero is %t", s.Reveal(), s.IsZero())
	}
}
