package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// pairs is a vault that rotates from one token to another.
type pairs struct {
	mu             sync.Mutex
	name, password string
	calls          int
	running, most  int
}

func (p *pairs) set(name, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.password = name, password
}

func (p *pairs) get(context.Context) (string, string, error) {
	p.mu.Lock()
	p.calls++
	p.running++
	p.most = max(p.most, p.running)
	p.mu.Unlock()
	time.Sleep(time.Microsecond) // lets others come
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running--
	return p.name, p.password, nil
}

func (p *pairs) called() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

func (f *fake) setToken(name, password string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if password == "" {
		delete(f.password, name)
		return
	}
	f.password[name] = password
}

func tokenError(t *testing.T, rt *auth.Transport, repository string) error {
	t.Helper()
	_, err := rt.Token(t.Context(), acrkit.RepositoryScope(repository, acrkit.ContentRead))
	return err
}

// The vault changes to another token, name and password, under a running client: the
// new one is good before the vault gives it, the old one ends after that. Access
// tokens end at once, so that every call needs a password.
func TestScopedTokenFunc_rotation(t *testing.T) {
	vault := &pairs{name: "ci-0", password: "password-0"}
	f, rt, _ := setup(t, auth.ScopedTokenFunc(vault.get))
	f.setToken("ci-0", "password-0")
	f.life = 0
	n := 0
	callWhile(t, rt, func() {
		n++
		before, after := fmt.Sprint("ci-", n-1), fmt.Sprint("ci-", n)
		f.setToken(after, fmt.Sprint("password-", n))
		vault.set(after, fmt.Sprint("password-", n))
		f.setToken(before, "")
	})
	if got := vault.called(); got < rotations || got > 2*rotations || vault.most != 1 {
		t.Errorf("asked %d times, %d at once, for %d rotations", got, vault.most, rotations)
	}
	if got := rt.Describe(); got != `token "ci-20"` {
		t.Error(got)
	}
}

func TestScopedTokenFunc(t *testing.T) {
	vault := &pairs{name: "ci", password: "correct-horse"}
	cred := auth.ScopedTokenFunc(vault.get)
	f, rt, _ := setup(t, cred)
	const before = "token from function"
	if cred.Kind() != auth.KindScopedToken || cred.String() != before || rt.Describe() != before {
		t.Errorf("%s %q, %q", cred.Kind(), cred, rt.Describe())
	}
	// Any number of callers at once, and of calls after each other, ask once.
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := tokenError(t, rt, fmt.Sprint("a", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if vault.called() != 1 {
		t.Errorf("asked %d times for a pair that is good", vault.called())
	}
	status := rt.Status(acrkit.Scope{})
	const named = `token "ci"`
	if rt.Describe() != named || status.Credential.String() != named ||
		status.Credential.Kind() != auth.KindScopedToken {
		t.Errorf("%q, %q", rt.Describe(), status.Credential)
	}
	if shown := dump(rt) + dump(cred) + dump(status); strings.Contains(shown, "correct-horse") {
		t.Error("the password is shown")
	}
	login, err := rt.Login(t.Context(), acrkit.CatalogScope())
	if err != nil || login.User != "ci" || login.Password.Reveal() != "correct-horse" {
		t.Errorf("login %+v, %v", login, err)
	}

	// A refusal of the registry names the token of the moment.
	resp := do(t, rt, "GET", "/v2/team/other/tags/list", "")
	err = rt.ResponseError(resp, "list tags")
	if err == nil || !strings.Contains(err.Error(), `the token "ci" does not have metadata/read`) {
		t.Error(err)
	}

	// Refused, and the function knows no other: sent once, and the message names the
	// token of the name that was given.
	f.setToken("ci", "another")
	f.took()
	err = tokenError(t, rt, "b")
	if !errors.Is(err, acrkit.CodeCredentialRejected) ||
		!strings.Contains(err.Error(),
			`the token "ci" and its password from function are not accepted: wrong, expired`) {
		t.Errorf("error %v", err)
	}
	e, _ := errors.AsType[*acrkit.Error](err)
	if e.Hint != "see the token's status and its passwords' expiry: az acr token show --registry myregistry --name ci" {
		t.Errorf("hint %q", e.Hint)
	}
	if got := f.took(); len(got) != 1 {
		t.Errorf("the same pair was sent again: %q", got)
	}
	// Another name with the same password is another pair.
	f.setToken("ci2", "correct-horse")
	first := true
	f.intercept = func(http.ResponseWriter, *http.Request, url.Values) bool {
		if first { // refused as ci, the function changes over
			first = false
			vault.set("ci2", "correct-horse")
		}
		return false
	}
	if err := tokenError(t, rt, "b"); err != nil || rt.Describe() != `token "ci2"` {
		t.Errorf("%v, as %s", err, rt.Describe())
	}
}

func TestScopedTokenFunc_failures(t *testing.T) {
	const noName = "the name that goes with the password from its function is empty"
	gives := func(name, password string, err error) func(context.Context) (string, string, error) {
		return func(context.Context) (string, string, error) { return name, password, err }
	}
	sealed := errors.New("vault is sealed")
	for _, tt := range []struct {
		name string
		get  func(context.Context) (string, string, error)
		code acrkit.Code
		text string
	}{
		{"error", gives("", "", sealed), acrkit.CodeUnavailable, "from the function: vault is sealed"},
		{"error beside values", gives("ci", "correct-horse", sealed), acrkit.CodeUnavailable, "vault is sealed"},
		{"none here", gives("", "", &acrkit.Error{Code: acrkit.CodeCredentialMissing}),
			acrkit.CodeCredentialMissing, ""},
		{"nothing", gives("", "", nil), acrkit.CodeUsage, noName},
		{"no password", gives("ci", "", nil), acrkit.CodeUsage,
			`the password of token "ci" from its function is empty`},
		{"no name", gives("", "correct-horse", nil), acrkit.CodeUsage, noName},
		{"white space", gives("ci", "correct-horse\n", nil), acrkit.CodeUsage, "white space"},
		{"white space in the name", gives("ci ", "correct-horse", nil), acrkit.CodeUsage,
			"the user name from its function begins or ends"},
		{"nil", nil, acrkit.CodeUsage, "the function is nil"},
		{"panic", func(context.Context) (string, string, error) { panic("correct-horse") }, acrkit.CodeUsage,
			"the function panicked with a value of type string"},
		{"index", func(context.Context) (string, string, error) {
			return strings.Split("correct-horse", ":")[1], "", nil
		}, acrkit.CodeUsage, "the function panicked: runtime error: index out of range"},
		{"end of goroutine", func(context.Context) (string, string, error) {
			// As testing.T.FailNow does.
			runtime.Goexit()
			return "ci", "correct-horse", nil
		}, acrkit.CodeUsage, "the function ended its goroutine"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, rt, _ := setup(t, auth.ScopedTokenFunc(tt.get))
			err := tokenError(t, rt, "a")
			if !errors.Is(err, tt.code) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %s %q", err, tt.code, tt.text)
			}
			if strings.Contains(dump(err), "correct-horse") {
				t.Errorf("the password is shown: %v", err)
			}
			if got := f.took(); len(got) != 0 {
				t.Errorf("sent %q", got)
			}
			// A chain goes past what is not there, and past nothing else.
			_, rt, _ = setup(t, auth.Chain(auth.ScopedTokenFunc(tt.get), ci()))
			if err := tokenError(t, rt, "a"); (err == nil) != (tt.code == acrkit.CodeCredentialMissing) {
				t.Errorf("in a chain: %v", err)
			}
		})
	}
}

// SecretFunc has the same care.
func TestSecretFunc_panics(t *testing.T) {
	source := auth.SecretFunc(func(context.Context) (string, error) { panic("correct-horse") })
	_, rt, _ := setup(t, auth.ScopedTokenSource("ci", source))
	if err := tokenError(t, rt, "a"); !errors.Is(err, acrkit.CodeUsage) ||
		strings.Contains(dump(err), "correct-horse") {
		t.Error(err)
	}
}

// A function that ignores its context holds a caller for 31 seconds, and Close
// for no longer; the next caller waits for the same call, and gets its own answer when
// that has returned after all.
func TestScopedTokenFunc_hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		calls := 0
		f, rt, _ := setup(t, auth.ScopedTokenFunc(func(context.Context) (string, string, error) {
			calls++
			if calls == 1 {
				<-release
			}
			return "ci", "correct-horse", nil
		}))
		f.now = time.Now
		wait := func(want time.Duration, text string) {
			t.Helper()
			start := time.Now()
			err := tokenError(t, rt, "a")
			took := time.Since(start)
			if took != want || acrkit.CodeOf(err) != acrkit.CodeUnavailable || !strings.Contains(err.Error(), text) {
				t.Errorf("%v after %s, want %s", err, took, want)
			}
		}
		wait(31*time.Second, "the function has not returned within 30s")
		wait(30*time.Second, "an earlier call of the function has not returned")
		// A caller with less time gets its own end.
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := rt.Token(short, acrkit.CatalogScope()); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.AfterFunc(10*time.Second, func() { close(release) })
		start := time.Now()
		if err := tokenError(t, rt, "a"); err != nil || time.Since(start) != 10*time.Second || calls != 2 {
			t.Errorf("%v after %s, %d calls", err, time.Since(start), calls)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		_, rt, _ := setup(t, auth.ScopedTokenFunc(func(context.Context) (string, string, error) {
			<-release
			return "", "", nil
		}))
		go func() { _ = tokenError(t, rt, "a") }()
		synctest.Wait()
		start := time.Now()
		_ = rt.Close()
		if took := time.Since(start); took != time.Second {
			t.Errorf("Close took %s", took)
		}
		close(release)
	})
}

// Several parts of one registry, and several transports, share the one call.
func TestScopedTokenFunc_oneCallAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		calls, running, most := 0, 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			running += n
			most = max(most, running)
			calls += max(n, 0)
		}
		cred := auth.ScopedTokenFunc(func(context.Context) (string, string, error) {
			count(1)
			defer count(-1)
			time.Sleep(time.Second) // all the others come in this time
			return "ci", "correct-horse", nil
		})
		const parts = 20
		entries := map[string]auth.Credential{"": cred}
		for i := range parts {
			entries[fmt.Sprint("a", i)] = cred
		}
		_, one, _ := setup(t, auth.ByRepository(entries))
		_, other, _ := setup(t, cred)
		var all sync.WaitGroup
		for i := range parts {
			for _, rt := range []*auth.Transport{one, other} {
				all.Go(func() {
					if err := tokenError(t, rt, fmt.Sprint("a", i)); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		if most != 1 || calls != parts+1 {
			t.Errorf("%d calls, %d at once", calls, most)
		}
	})
}

// A function that gives another wrong pair each time is asked three times for one
// token, and what it gave last is not sent again by the next call.
func TestMaxProofs(t *testing.T) {
	n := 0
	f, rt, _ := setup(t, auth.ScopedTokenFunc(func(context.Context) (string, string, error) {
		n++
		return fmt.Sprint("ci-", n), "wrong", nil
	}))
	for i := range 3 {
		if err := tokenError(t, rt, "a"); !errors.Is(err, acrkit.CodeCredentialRejected) {
			t.Error(err)
		}
		if got := f.took(); len(got) != 3 || n != 3*(i+1) {
			t.Errorf("%d requests, %d calls", len(got), n)
		}
	}
}

// What a store keeps for one name is never used for another.
func TestScopedTokenFunc_store(t *testing.T) {
	f, m := newFake(), newTokenMemory()
	f.password["ci2"] = "correct-horse"
	vault := &pairs{name: "ci", password: "correct-horse"}
	cred := auth.ScopedTokenFunc(vault.get)
	for _, tt := range []struct {
		name, password string
		requests       int // to the token service
	}{
		{"ci", "correct-horse", 1}, {"ci", "correct-horse", 0}, {"ci2", "correct-horse", 1},
		{"ci2", "correct-horse", 0},
		{"ci", "correct-horse", 0}, {"ci2", "wrong-horse", 1},
	} {
		vault.set(tt.name, tt.password)
		if tt.password == "wrong-horse" { // it has a token of neither
			_, err := process(t, f, m, cred).Token(t.Context(), mustScope("repository:team/app:metadata_read"))
			if !errors.Is(err, acrkit.CodeCredentialRejected) {
				t.Error(err)
			}
			continue
		}
		if got := asks(t, f, m, cred, 200); len(got) != tt.requests {
			t.Errorf("%s: %q, want %d requests", tt.name, got, tt.requests)
		}
	}
	// The fixed one of the same name and password is the same.
	if got := asks(t, f, m, ci(), 200); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// entraToken makes an Entra token that the fake exchanges until it is ended.
func (f *fake) entraToken(n int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	token := jwt(map[string]any{"iss": "https://sts.windows.net/t/", "aud": "https://containerregistry.azure.net",
		"exp": f.now().Add(time.Hour).Unix(), "n": n})
	f.issued[token] = issued{expires: f.now().Add(time.Hour)}
	return token
}

func (f *fake) refresh() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.token("refresh_token", acrkit.Scope{}, time.Hour)
}

// Every credential of a name and password uses a password that is a token as one.
func TestTokenAsPassword(t *testing.T) {
	dir := t.TempDir()
	inFile := func(name, content string) string {
		path := filepath.Join(dir, name)
		write(t, path, content)
		return path
	}
	none := auth.ScopedTokenSource("none", auth.SecretFile(filepath.Join(dir, "none")))
	for name, tt := range map[string]struct {
		make func(name, password string) auth.Credential
		late bool // the value is not looked at before it is needed
	}{
		"ScopedToken":  {auth.ScopedToken, false},
		"UserPassword": {auth.UserPassword, false},
		"AdminUser":    {auth.AdminUser, false},
		"ScopedTokenFunc": {func(name, password string) auth.Credential {
			return auth.ScopedTokenFunc((&pairs{name: name, password: password}).get)
		}, true},
		"SecretFunc": {func(name, password string) auth.Credential {
			return auth.ScopedTokenSource(name, auth.SecretFunc(func(context.Context) (string, error) {
				return password, nil
			}))
		}, true},
		"SecretFile": {func(name, password string) auth.Credential {
			return auth.ScopedTokenSource(name, auth.SecretFile(inFile("password", password+"\n")))
		}, true},
		"environment": {func(name, password string) auth.Credential {
			return fromEnv(t, map[string]string{"ACR_TOKEN_NAME": name, "ACR_TOKEN_PASSWORD": password})
		}, false},
		"file in the environment": {func(name, password string) auth.Credential {
			file := inFile("other", password+"\n")
			return fromEnv(t, map[string]string{"ACR_TOKEN_NAME": name, "ACR_TOKEN_PASSWORD_FILE": file})
		}, false},
		"Docker": {func(name, password string) auth.Credential {
			entry := fmt.Sprintf(`{"username":%q,"password":%q}`, name, password)
			return auth.DockerConfig(inFile("config.json", fmt.Sprintf(`{"auths":{%q:%s}}`, testHost, entry)))
		}, true},
		"chain": {func(name, password string) auth.Credential {
			return auth.Chain(none, auth.ScopedToken(name, password))
		}, true},
	} {
		t.Run(name, func(t *testing.T) { testTokenAsPassword(t, tt.make, tt.late) })
	}
}

func testTokenAsPassword(t *testing.T, credential func(name, password string) auth.Credential, late bool) {
	acr := func(audience, grant string) func(*fake) string {
		return func(*fake) string {
			return jwt(map[string]any{"iss": "Azure Container Registry", "aud": audience, "grant_type": grant})
		}
	}
	other := func(issuer string) func(*fake) string {
		return func(*fake) string { return jwt(map[string]any{"iss": issuer, "aud": "something"}) }
	}
	const (
		noUser   = "00000000-0000-0000-0000-000000000000"
		exchange = "POST /oauth2/exchange access_token"
		refresh  = "POST /oauth2/token refresh_token repository:a:pull"
		password = "POST /oauth2/token password repository:a:pull"
	)
	for _, tt := range []struct {
		name     string
		user     string
		password func(f *fake) string
		kind     auth.Kind // in use; "" is the one that was given
		sent     string
		code     acrkit.Code
		text     string
	}{
		{"Entra token", "token", func(f *fake) string { return f.entraToken(1) }, auth.KindEntraToken,
			exchange + "\n" + refresh, "", ""},
		{"Entra token that ended", "token", func(f *fake) string {
			defer f.kill()
			return f.entraToken(2)
		}, auth.KindEntraToken, exchange, acrkit.CodeCredentialRejected,
			"the registry does not accept the Entra access token (audience https://containerregistry.azure.net)"},
		{"token of another https issuer", "token", other("https://issuer.example"), auth.KindEntraToken,
			exchange, acrkit.CodeCredentialRejected,
			`does not accept the Entra access token (audience something); its issuer is "https://issuer.example"`},
		{"ACR refresh token", "token", (*fake).refresh, auth.KindRefreshToken, refresh, "", ""},
		{"opaque refresh token", noUser, func(f *fake) string {
			f.opaque = true
			return f.refresh()
		}, auth.KindRefreshToken, refresh, "", ""},
		{"ACR access token", "ci", acr(testHost, "access_token"), "", "", acrkit.CodeUsage,
			"is an ACR access token, good for one scope, and neither a password nor an ACR refresh token"},
		{"ACR access token for a refresh token", noUser, acr(testHost, "access_token"), "", "", acrkit.CodeUsage,
			"the token is an ACR access token, good for one scope, and not an ACR refresh token"},
		{"refresh token of another registry", "ci", acr("other.azurecr.io", "refresh_token"), "", "",
			acrkit.CodeHostRefused,
			"the ACR refresh token is for another registry, other.azurecr.io"},
		{"another token", "ci", other("some\u202ebody"), "", password, acrkit.CodeCredentialRejected,
			`are not accepted: the password is a JSON Web Token of the issuer "some`},
		{"another token without an issuer", "ci", other(""), "", password, acrkit.CodeCredentialRejected,
			`the password is a JSON Web Token, and neither one of Entra nor of Azure Container Registry`},
		{"another token, accepted", "ci", func(f *fake) string {
			s := other("somebody")(f)
			f.setToken("ci", s)
			return s
		}, "", password, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake()
			password := tt.password(f)
			cred := credential(tt.user, password)
			if (cred.Kind() == tt.kind) == late && tt.kind != "" {
				t.Errorf("it says that it is a %s", cred.Kind())
			}
			d := &direct{hosts: map[string]http.Handler{"https://" + testHost: f}}
			rt, err := auth.NewTransport(testHost, cred, &auth.Options{Base: d})
			if err == nil {
				defer func() { _ = rt.Close() }()
				err = tokenError(t, rt, "a")
			}
			good := tt.code == "" && err == nil || errors.Is(err, tt.code) && strings.Contains(err.Error(), tt.text)
			if !good {
				t.Fatalf("error %v, want %s %q", err, tt.code, tt.text)
			}
			if strings.Contains(dump(err), password) || strings.ContainsRune(fmt.Sprint(err), '\u202e') {
				t.Error("the token, or a character that hides others, is shown")
			}
			if got := strings.Join(f.took(), "\n"); got != tt.sent {
				t.Errorf("sent %q, want %q", got, tt.sent)
			}
			if e, ok := errors.AsType[*acrkit.Error](err); ok && tt.name == "ACR access token" && e.Cause != "ACRK038" {
				t.Errorf("cause %s", e.Cause)
			}
			if err != nil {
				return
			}
			if got := rt.Status(acrkit.Scope{}).Credential.Kind(); tt.kind != "" && got != tt.kind {
				t.Errorf("the credential in use is a %s", got)
			}
			login, err := rt.Login(t.Context(), acrkit.CatalogScope())
			if err != nil || (login.User == noUser) != (tt.kind != "") {
				t.Errorf("login %+v, %v", login, err)
			}
			handed, err := rt.RefreshToken(t.Context())
			if (err == nil) != (tt.kind != "") || err == nil && handed.Value.Reveal() != login.Password.Reveal() {
				t.Errorf("refresh token: %v", err)
			}
		})
	}
}

func fromEnv(t *testing.T, vars map[string]string) auth.Credential {
	t.Helper()
	vars["ACR_NAME"] = "myregistry"
	env, err := auth.FromEnvironment(func(name string) (string, bool) { v, ok := vars[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	return env.Credential
}

// A source of Entra tokens as passwords is read again when one is refused at the
// exchange, and when what was made of it is refused; one that is still good is
// exchanged once.
func TestTokenAsPassword_rotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	docker := filepath.Join(t.TempDir(), "config.json")
	vault := &pairs{}
	set := func(token string) {
		vault.set("token", token)
		rename(t, path, token)
		rename(t, docker, fmt.Sprintf(`{"auths":{%q:{"username":"token","password":%q}}}`, testHost, token))
	}
	for name, make := range map[string]func() auth.Credential{
		"function": func() auth.Credential { return auth.ScopedTokenFunc(vault.get) },
		"file":     func() auth.Credential { return auth.ScopedTokenSource("token", auth.SecretFile(path)) },
		"Docker":   func() auth.Credential { return auth.DockerConfig(docker) },
		"by repository": func() auth.Credential {
			return auth.ByRepository(map[string]auth.Credential{"": auth.ScopedTokenFunc(vault.get)})
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, rt, _ := setup(t, make())
			exchanges := func() int {
				n := 0
				for _, line := range f.took() {
					if strings.Contains(line, "exchange") {
						n++
					}
				}
				return n
			}
			set(f.entraToken(1))
			for i := range 5 {
				if err := tokenError(t, rt, fmt.Sprint("a", i)); err != nil {
					t.Fatal(err)
				}
			}
			if n := exchanges(); n != 1 {
				t.Errorf("%d exchanges for a token that is good", n)
			}
			for i := range 20 {
				f.kill() // the Entra token, and what was made of it
				if i%2 == 0 {
					set(f.entraToken(2 + i))
				} else {
					set(f.refresh())
				}
				if err := tokenError(t, rt, fmt.Sprint("b", i)); err != nil {
					t.Fatal(err)
				}
			}
			f.kill()
			set(f.entraToken(50))
			if err := tokenError(t, rt, "b"); err != nil {
				t.Fatal(err)
			}
			f.took()
			f.kill()
			if err := tokenError(t, rt, "c"); !errors.Is(err, acrkit.CodeCredentialRejected) {
				t.Error(err)
			}
			if n := exchanges(); n != 1 {
				t.Errorf("%d exchanges of the same token that is refused", n)
			}
			set(f.entraToken(100))
			if err := tokenError(t, rt, "c"); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a file holds changes its kind, and what is said of it changes with that.
func TestTokenAsPassword_kindOfTheMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	f := newFake()
	write(t, path, f.entraToken(1))
	cred := fromEnv(t, map[string]string{"ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD_FILE": path})
	d := &direct{hosts: map[string]http.Handler{"https://" + testHost: f}}
	rt, err := auth.NewTransport(testHost, cred, &auth.Options{Base: d})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rt.Close() }()
	for i, want := range []string{"Entra access token", `token "ci"`, "ACR refresh token", `token "ci"`} {
		if err := tokenError(t, rt, fmt.Sprint("a", i)); err != nil || rt.Describe() != want {
			t.Errorf("%v, as %s, want %s", err, rt.Describe(), want)
		}
		if i%2 == 0 {
			rename(t, path, "correct-horse")
		} else {
			rename(t, path, f.refresh())
		}
	}
}

// Of two passwords one may be a token; the other is tried when it is refused.
func TestTokenAsPassword_pair(t *testing.T) {
	f := newFake()
	ended := f.entraToken(1)
	f.kill()
	for name, cred := range map[string]auth.Credential{
		"token first":    auth.ScopedTokenPair("ci", ended, "correct-horse"),
		"password first": auth.ScopedTokenPair("ci", "wrong", f.refresh()),
	} {
		d := &direct{hosts: map[string]http.Handler{"https://" + testHost: f}}
		rt, err := auth.NewTransport(testHost, cred, &auth.Options{Base: d})
		if err != nil {
			t.Fatal(err)
		}
		if err := tokenError(t, rt, "a"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_ = rt.Close()
	}
}
