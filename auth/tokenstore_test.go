package auth_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

// memory is a store of tokens that several transports share, as processes do.
type tokenMemory struct {
	mu    sync.Mutex
	kept  map[[sha256.Size]byte]auth.StoredToken
	locks map[[sha256.Size]byte]chan struct{}
	fail  func(ctx context.Context, call string) error
}

func newTokenMemory() *tokenMemory {
	return &tokenMemory{kept: map[[sha256.Size]byte]auth.StoredToken{}, locks: map[[sha256.Size]byte]chan struct{}{},
		fail: func(context.Context, string) error { return nil }}
}

func (m *tokenMemory) Load(ctx context.Context, key auth.TokenKey) (auth.StoredToken, bool, error) {
	if err := m.fail(ctx, "load"); err != nil {
		return auth.StoredToken{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.kept[key.Sum([]byte("test"))]
	return t, ok, nil
}

func (m *tokenMemory) Save(ctx context.Context, key auth.TokenKey, t auth.StoredToken) error {
	if err := m.fail(ctx, "save"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[key.Sum([]byte("test"))] = t
	return nil
}

func (m *tokenMemory) Delete(ctx context.Context, key auth.TokenKey, refused auth.Secret) error {
	if err := m.fail(ctx, "delete"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if sum := key.Sum([]byte("test")); m.kept[sum].Value.Equal(refused) {
		delete(m.kept, sum)
	}
	return nil
}

func (m *tokenMemory) Lock(ctx context.Context, key auth.TokenKey) (func(), error) {
	if err := m.fail(ctx, "lock"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	l, ok := m.locks[key.Sum(nil)]
	if !ok {
		l = make(chan struct{}, 1)
		m.locks[key.Sum(nil)] = l
	}
	m.mu.Unlock()
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// process makes a transport as another process would.
func process(t *testing.T, f *fake, m auth.TokenStore, cred auth.Credential) *auth.Transport {
	t.Helper()
	tr, err := auth.NewTransport(testHost, cred,
		&auth.Options{Base: &direct{hosts: map[string]http.Handler{"https://" + testHost: f,
			"https://login.microsoftonline.com": f, "https://login.microsoftonline.us": f}}, Tokens: m, Now: f.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.Close() })
	return tr
}

const tagsPath = "/v2/team/app/tags/list"

// asks returns what a process that lists tags sends to token services.
func asks(t *testing.T, f *fake, m auth.TokenStore, cred auth.Credential, want int) []string {
	t.Helper()
	return asksAt(t, f, m, cred, tagsPath, want)
}

// asksAt is asks for another path.
func asksAt(t *testing.T, f *fake, m auth.TokenStore, cred auth.Credential, path string, want int) []string {
	t.Helper()
	f.took()
	tr := process(t, f, m, cred)
	resp := do(t, tr, http.MethodGet, path, "")
	wantStatus(t, resp, want)
	_ = tr.Close()
	var sent []string
	for _, line := range f.took() {
		if !strings.Contains(line, path) {
			sent = append(sent, line)
		}
	}
	return sent
}

func TestTokens(t *testing.T) {
	const scope = "repository:team/app:metadata_read"
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("correct-horse"), 0o600); err != nil {
		t.Fatal(err)
	}
	sp := []string{"POST /tenant-1/oauth2/v2.0/token https://containerregistry.azure.net/.default",
		"POST /oauth2/exchange access_token", "POST /oauth2/token refresh_token " + scope}
	password := []string{"POST /oauth2/token password " + scope}
	function := auth.ScopedTokenSource("ci", auth.SecretFunc(func(context.Context) (string, error) {
		return "correct-horse", nil
	}))
	assertion := auth.SecretFunc(func(context.Context) (string, error) { return "assertion-1", nil })
	for name, tt := range map[string]struct {
		cred       auth.Credential
		cold, warm []string
	}{
		"password": {ci(), password, nil},
		"file":     {auth.ScopedTokenSource("ci", auth.SecretFile(file)), password, nil},
		"function": {function, password, nil},
		"chain": {auth.Chain(auth.ScopedTokenSource("ci", auth.SecretFile(file+"-none")), ci()),
			password, nil},
		"by repository": {
			auth.ByRepository(map[string]auth.Credential{"team": ci(), "": auth.Anonymous()}), password, nil},
		"service principal":     {auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil), sp, nil},
		"assertion of function": {auth.FederatedServicePrincipal("tenant-1", "client-1", assertion, nil), sp, sp},
	} {
		t.Run(name, func(t *testing.T) {
			f, m := newFake(), newTokenMemory()
			f.assertion = "assertion-1"
			if diff := difftest.Diff(tt.cold, asks(t, f, m, tt.cred, 200)); diff != "" {
				t.Errorf("cold: %s", diff)
			}
			if diff := difftest.Diff(tt.warm, asks(t, f, m, tt.cred, 200)); diff != "" {
				t.Errorf("warm: %s", diff)
			}
		})
	}
}

// A changed password, another user or another registry never meets an old token.
func TestTokens_key(t *testing.T) {
	f, m := newFake(), newTokenMemory()
	f.password["ci2"] = "correct-horse"
	asks(t, f, m, ci(), 200)
	for name, cred := range map[string]auth.Credential{
		"user": auth.ScopedToken("ci2", "correct-horse"),
	} {
		if got := asks(t, f, m, cred, 200); len(got) != 1 {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := asksAt(t, f, m, ci(), "/v2/team/app/manifests/v1", 200); len(got) != 1 {
		t.Errorf("scope: %q", got)
	}
	f.password["ci"] = "new-password"
	if got := asks(t, f, m, auth.ScopedToken("ci", "new-password"), 200); len(got) != 1 {
		t.Errorf("password: %q", got)
	}
	if _, err := process(t, f, m, auth.ScopedToken("ci", "wrong")).Token(t.Context(),
		mustScope("repository:team/app:metadata_read")); !errors.Is(err, acrkit.CodeCredentialRejected) {
		t.Errorf("a wrong password met a token: %v", err)
	}
	sp := func(tenant, client, secret string) auth.Credential {
		return auth.ServicePrincipal(tenant, client, secret, nil)
	}
	asks(t, f, m, sp("tenant-1", "client-1", "sp-secret"), 200)
	for name, cred := range map[string]auth.Credential{"tenant": sp("tenant-2", "client-1", "sp-secret"),
		"client": sp("tenant-1", "client-2", "sp-secret"),
		"authority": auth.ServicePrincipal("tenant-1", "client-1", "sp-secret",
			&auth.EntraOptions{AuthorityHost: "https://login.microsoftonline.us"}),
		"audience": auth.ServicePrincipal("tenant-1", "client-1", "sp-secret",
			&auth.EntraOptions{Audience: auth.AudienceACR})} {
		if got := asks(t, f, m, cred, 200); len(got) != 3 {
			t.Errorf("%s: %q", name, got)
		}
	}
	f.secret = "new-secret"
	if got := asks(t, f, m, sp("tenant-1", "client-1", "new-secret"), 200); len(got) != 3 {
		t.Errorf("secret: %q", got)
	}
	if _, err := process(t, f, m, sp("tenant-1", "client-1", "wrong")).Token(t.Context(),
		mustScope("repository:team/app:metadata_read")); !errors.Is(err, acrkit.CodeCredentialRejected) {
		t.Errorf("a wrong secret met a token: %v", err)
	}
}

// A token that is refused costs one renewal, and is gone for the next process.
func TestTokens_refused(t *testing.T) {
	for name, cred := range map[string]auth.Credential{"password": ci(),
		"service principal": auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil)} {
		t.Run(name, func(t *testing.T) {
			f, m := newFake(), newTokenMemory()
			cold := asks(t, f, m, cred, 200)
			f.kill()
			if diff := difftest.Diff(cold, asks(t, f, m, cred, 200)); diff != "" {
				t.Errorf("after the refusal: %s", diff)
			}
			if got := asks(t, f, m, cred, 200); got != nil {
				t.Errorf("and again: %q", got)
			}
			// The refresh token is refused before there is an access token to be.
			f.kill()
			if got := asksAt(t, f, m, cred, "/v2/team/app/manifests/v1", 200); len(got) > len(cold)+1 {
				t.Errorf("for another scope: %q", got)
			}
		})
	}
	// What was not granted is not kept: a change of the scope map shows at once.
	f, m := newFake(), newTokenMemory()
	f.allowed = mustScope("repository:team/app:pull")
	asks(t, f, m, ci(), 401)
	if len(m.kept) != 0 {
		t.Errorf("%d tokens that open nothing are kept", len(m.kept))
	}
	f.allowed = mustScope("repository:team/app:metadata_read")
	asks(t, f, m, ci(), 200)
	// Nor is one that does not say what it grants, once it was found not to do.
	f, m = newFake(), newTokenMemory()
	f.opaque, f.allowed = true, mustScope("repository:team/app:pull")
	asks(t, f, m, ci(), 401)
	if len(m.kept) != 0 {
		t.Errorf("%d opaque tokens that open nothing are kept", len(m.kept))
	}
	f.allowed = mustScope("repository:team/app:metadata_read")
	asks(t, f, m, ci(), 200)
	if got := asks(t, f, m, ci(), 200); got != nil {
		t.Errorf("an opaque token is not kept: %q", got)
	}
}

// By this machine's clock, even if it was wrong when the token was saved.
func TestTokens_clock(t *testing.T) {
	for _, tt := range []struct {
		later time.Duration
		want  int
	}{
		{0, 0}, {47 * time.Minute, 0}, {49 * time.Minute, 1}, {2 * time.Hour, 1}, {-time.Second, 1},
		{-2 * time.Hour, 1}, {-24 * time.Hour, 1},
	} {
		t.Run(tt.later.String(), func(t *testing.T) {
			f, m, offset := newFake(), newTokenMemory(), time.Duration(0)
			start := time.Now()
			f.now = func() time.Time { return start }
			asks(t, f, m, ci(), 200)
			offset = tt.later
			f.now = func() time.Time { return start.Add(offset) }
			if got := asks(t, f, m, ci(), 200); len(got) != tt.want {
				t.Errorf("%d requests, want %d: %q", len(got), tt.want, got)
			}
		})
	}
	// What says that it lives for longer than three hours was not made by ACR, be it
	// an access token or a refresh token.
	for name, cred := range map[string]auth.Credential{"password": ci(),
		"service principal": auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil)} {
		t.Run("long/"+name, func(t *testing.T) {
			f, m := newFake(), newTokenMemory()
			f.life, f.rootLife = 24*time.Hour, 24*time.Hour
			cold := asks(t, f, m, cred, 200)
			for sum, s := range m.kept {
				if life := s.Expires.Sub(s.Received); life != 3*time.Hour {
					t.Errorf("kept for %s", life)
				}
				s.Expires = s.Received.Add(4 * time.Hour)
				m.kept[sum] = s
			}
			if diff := difftest.Diff(cold, asks(t, f, m, cred, 200)); diff != "" {
				t.Errorf("a token of four hours was used: %s", diff)
			}
		})
	}
}

// If a store fails, requests are still answered; a slow one costs its time
// once.
func TestTokens_failing_store(t *testing.T) {
	for _, call := range []string{"load", "save", "delete", "lock"} {
		t.Run(call+"/error", func(t *testing.T) {
			f, m := newFake(), newTokenMemory()
			m.fail = func(_ context.Context, c string) error {
				if c == call {
					return errors.New("failed on purpose")
				}
				return nil
			}
			asks(t, f, m, ci(), 200)
			f.kill()
			asks(t, f, m, ci(), 200)
		})
		t.Run(call+"/slow", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, m := newFake(), newTokenMemory()
				m.fail = func(ctx context.Context, c string) error {
					if c == call {
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				}
				start := time.Now()
				tr := process(t, f, m, ci())
				for range 3 {
					wantStatus(t, do(t, tr, http.MethodGet, tagsPath, ""), 200)
				}
				if took := time.Since(start); took > 10*time.Second {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

// Fifty processes at once: one of them asks.
func TestTokens_many(t *testing.T) {
	f, m := newFake(), newTokenMemory()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := process(t, f, m, ci()).Token(t.Context(), mustScope("repository:team/app:pull")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := f.took(); len(got) != 1 {
		t.Errorf("%d requests", len(got))
	}
}

func TestTokenKey_prints_nothing(t *testing.T) {
	f := newFake()
	m := newTokenMemory()
	var key auth.TokenKey
	tr := process(t, f, keySpy{m, &key}, ci())
	if _, err := tr.Token(t.Context(), mustScope("repository:team/app:pull")); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if s := fmt.Sprintf(verb, key); strings.Contains(s, "correct-horse") ||
			strings.Contains(s, fmt.Sprintf("%x", "correct-horse")) {
			t.Errorf("%s: %s", verb, s)
		}
	}
	if key.Sum([]byte("a")) == key.Sum([]byte("b")) || key.Registry().Host() != testHost {
		t.Errorf("%v", key)
	}
}

type keySpy struct {
	*tokenMemory
	key *auth.TokenKey
}

func (s keySpy) Load(ctx context.Context, key auth.TokenKey) (auth.StoredToken, bool, error) {
	*s.key = key
	return s.tokenMemory.Load(ctx, key)
}
