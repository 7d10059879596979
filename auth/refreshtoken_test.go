package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

func TestTransport_RefreshToken(t *testing.T) {
	given := jwt(map[string]any{"iss": "Azure Container Registry", "grant_type": "refresh_token",
		"aud": testHost, "exp": 4102444800})
	principal := auth.ServicePrincipal("t", "c", "sp-secret", nil)
	for _, tt := range []struct {
		name  string
		cred  auth.Credential
		value string // "" = any
		code  acrkit.Code
		words string // of the error
	}{
		{"service_principal", principal, "", "", ""},
		{"given", auth.RefreshToken(given), given, "", ""},
		{"opaque", auth.RefreshToken("opaque"), "opaque", "", ""},
		{"chain", auth.Chain(missing(), auth.RefreshToken(given)), given, "", ""},
		{"for_the_rest",
			auth.ByRepository(map[string]auth.Credential{"team": ci(), "": auth.RefreshToken(given)}), given, "", ""},
		{"for_parts_only", auth.ByRepository(map[string]auth.Credential{"team": auth.RefreshToken(given)}), "",
			acrkit.CodeCredentialMissing, "some repositories only"},
		{"name_and_password", ci(), "", acrkit.CodeUsage, `token "ci"`},
		{"chain_of_a_password", auth.Chain(missing(), ci()), "", acrkit.CodeUsage, `token "ci"`},
		{"anonymous", auth.Anonymous(), "", acrkit.CodeUsage, "anonymous"},
		{"refused", auth.ServicePrincipal("t", "c", "wrong", nil), "", acrkit.CodeCredentialRejected, "client secret"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, rt, _ := setup(t, tt.cred)
			token, err := rt.RefreshToken(t.Context())
			if acrkit.CodeOf(err) != tt.code || err != nil && !strings.Contains(err.Error(), tt.words) {
				t.Fatalf("%v, want code %q", err, tt.code)
			}
			if err != nil {
				return
			}
			if token.Value.IsZero() || tt.value != "" && token.Value.Reveal() != tt.value ||
				!token.Requested.IsEmpty() || token.Granted != nil {
				t.Errorf("%+v", token)
			}
			if token.Expires.IsZero() != (tt.value == "opaque") {
				t.Errorf("expires %s", token.Expires)
			}
		})
	}
}

// Many at once, and requests between them, share one exchange.
func TestTransport_RefreshToken_one_exchange(t *testing.T) {
	f, rt, _ := setup(t, auth.ServicePrincipal("t", "c", "sp-secret", nil))
	var all sync.WaitGroup
	values := make([]string, 20)
	for i := range values {
		all.Go(func() {
			if i%5 == 0 {
				if _, err := rt.Token(t.Context(), acrkit.RepositoryScope("team/app", acrkit.ContentRead)); err != nil {
					t.Error(err)
				}
			}
			token, err := rt.RefreshToken(t.Context())
			if err != nil {
				t.Error(err)
			}
			values[i] = token.Value.Reveal()
		})
	}
	all.Wait()
	for _, v := range values {
		if v != values[0] {
			t.Error("not all callers have the same token")
		}
	}
	exchanges := 0
	for _, line := range f.took() {
		if strings.HasPrefix(line, "POST /oauth2/exchange") {
			exchanges++
		}
	}
	if exchanges != 1 {
		t.Errorf("%d exchanges, want 1", exchanges)
	}
}

// A token that is handed on is renewed before, not behind, its hand-over; one that
// cannot be renewed is handed on while it lives.
func TestTransport_RefreshToken_renewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, rt, _ := setup(t, auth.ServicePrincipal("t", "c", "sp-secret", nil))
		f.now = time.Now
		down := false
		f.intercept = func(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
			if down && r.URL.Path == "/oauth2/exchange" {
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
			return false
		}
		get := func() auth.Token {
			t.Helper()
			token, err := rt.RefreshToken(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		first := get()
		time.Sleep(2 * time.Hour)
		if again := get(); again.Value.Reveal() != first.Value.Reveal() {
			t.Error("renewed at two thirds of its life")
		}
		f.took()
		time.Sleep(25 * time.Minute) // 145 of 180 minutes
		second := get()
		if second.Value.Reveal() == first.Value.Reveal() || time.Until(second.Expires) < 2*time.Hour {
			t.Errorf("a token with %s left was handed on", time.Until(first.Expires))
		}
		if diff := difftest.Diff(1, strings.Count(strings.Join(f.took(), "\n"), "/oauth2/exchange")); diff != "" {
			t.Error(diff)
		}
		down = true
		time.Sleep(150 * time.Minute)
		if third := get(); third.Value.Reveal() != second.Value.Reveal() {
			t.Error("another token, from a service that is down")
		}
		f.took()
		get()
		if log := f.took(); len(log) != 0 {
			t.Errorf("asked again at once after a failure: %q", log)
		}
		time.Sleep(time.Hour)
		if _, err := rt.RefreshToken(t.Context()); !errors.Is(err, acrkit.CodeUnavailable) {
			t.Errorf("after its end: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := rt.RefreshToken(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller that has gone: %v", err)
		}
		if err := rt.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := rt.RefreshToken(t.Context()); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("closed: %v", err)
		}
	})
}
