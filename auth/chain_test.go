package auth_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

// entraSource is a source of Entra tokens that fails with a code.
type entraSource struct{ err error }

func (s entraSource) EntraToken(context.Context, string) (string, time.Time, error) {
	return "", time.Time{}, s.err
}

func missing() auth.Credential {
	return auth.Entra(entraSource{&acrkit.Error{Code: acrkit.CodeCredentialMissing, Reason: "no account is signed in"}})
}

func TestChain(t *testing.T) {
	noFile := auth.ScopedTokenSource("gone", auth.SecretFile("/does/not/exist"))
	fails := func(code acrkit.Code) auth.Credential {
		return auth.Entra(entraSource{&acrkit.Error{Code: code, Reason: "for a reason"}})
	}
	for _, tt := range []struct {
		name    string
		chain   []auth.Credential
		code    acrkit.Code
		text    string
		reports string // outcomes
	}{
		{"first", []auth.Credential{ci(), missing()}, "", "", ""},
		{"past what is not available", []auth.Credential{missing(), noFile, ci()}, "", "", ""},
		{"chain in a chain", []auth.Credential{auth.Chain(missing(), noFile), ci()}, "", "", ""},
		{"none", []auth.Credential{missing(), noFile}, acrkit.CodeCredentialMissing,
			"none is available: Entra identity: not available (no account is signed in); token \"gone\": not " +
				"available (there is no such file)", "not available,not available"},
		{"refused", []auth.Credential{missing(), auth.ScopedToken("ci", "wrong-horse"), ci()},
			acrkit.CodeCredentialRejected, "not available before it: Entra identity",
			"not available,refused,not tried"},
		{"entra refuses", []auth.Credential{auth.ServicePrincipal("t", "c", "wrong-secret", nil), ci()},
			acrkit.CodeCredentialRejected, "AADSTS7000215", "refused,not tried"},
		{"half set", []auth.Credential{missing(), fails(acrkit.CodeUsage), ci()}, acrkit.CodeUsage, "for a reason",
			"not available,incomplete,not tried"},
		{"cannot be asked now", []auth.Credential{fails(acrkit.CodeUnavailable), ci()}, acrkit.CodeUnavailable,
			"for a reason", "failed,not tried"},
		{"anonymous at the end", []auth.Credential{missing(), auth.Anonymous()}, acrkit.CodeCredentialMissing,
			"none was given", "not available,refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, rt, _ := setup(t, auth.Chain(tt.chain...))
			_, err := rt.Token(t.Context(), acrkit.RepositoryScope("team/app", acrkit.ContentRead))
			if tt.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, tt.code) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %s %q", err, tt.code, tt.text)
			}
			report, ok := errors.AsType[*auth.ChainError](err)
			if !ok {
				t.Fatalf("no report in %v", err)
			}
			var outs []string
			for _, l := range report.Lookups {
				outs = append(outs, string(l.Outcome))
				if l.Source == "" || l.Kind == "" {
					t.Errorf("%+v", l)
				}
			}
			if diff := difftest.Diff(tt.reports, strings.Join(outs, ",")); diff != "" {
				t.Error(diff)
			}
			for _, line := range f.took() {
				if strings.HasPrefix(line, "POST /oauth2/token password repository:team/app:pull") &&
					tt.code != acrkit.CodeCredentialRejected && tt.name != "anonymous at the end" {
					t.Errorf("a later credential was sent: %q", line)
				}
			}
			if shown := dump(err) + dump(rt); strings.Contains(shown, "wrong-") ||
				strings.Contains(shown, "correct-horse") {
				t.Errorf("a secret is shown: %.600s", shown)
			}
		})
	}
	for name, c := range map[string]auth.Credential{"empty": auth.Chain(), "nil": auth.Chain(ci(), nil),
		"malformed": auth.Chain(ci(), auth.ScopedToken("", "x"))} {
		if _, err := auth.NewTransport(testHost, c, nil); !errors.Is(err, acrkit.CodeUsage) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// The first that was available stays: another that appears later does not take
// its place, and several callers settle it once.
func TestChain_settles(t *testing.T) {
	var first, second atomic.Int64
	available := atomic.Bool{}
	a := auth.ScopedTokenSource("a", auth.SecretFunc(func(context.Context) (string, error) {
		first.Add(1)
		if !available.Load() {
			return "", &acrkit.Error{Code: acrkit.CodeCredentialMissing, Reason: "not yet"}
		}
		return "pw-a", nil
	}))
	b := auth.ScopedTokenSource("b", auth.SecretFunc(func(context.Context) (string, error) {
		second.Add(1)
		return "pw-b", nil
	}))
	f, rt, _ := setup(t, auth.Chain(a, b))
	everyone(f, "a", "b")
	var all sync.WaitGroup
	for _, r := range []string{"team", "other", "teamwork", "team/app"} {
		all.Go(func() {
			if _, err := rt.Token(t.Context(), acrkit.RepositoryScope(r, acrkit.ContentRead)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	available.Store(true)
	if _, err := rt.Token(t.Context(), acrkit.RepositoryScope("team/base", acrkit.ContentRead)); err != nil {
		t.Error(err)
	}
	if first.Load() != 1 || second.Load() != 1 {
		t.Errorf("asked %d and %d times, want once each", first.Load(), second.Load())
	}
}

func TestChain_cancellation(t *testing.T) {
	started, ended := make(chan struct{}), make(chan struct{})
	slow := auth.ScopedTokenSource("slow", auth.SecretFunc(func(ctx context.Context) (string, error) {
		close(started)
		<-ctx.Done()
		close(ended)
		return "", ctx.Err()
	}))
	_, rt, _ := setup(t, auth.Chain(missing(), slow, ci()))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, err := rt.Token(ctx, acrkit.CatalogScope()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	<-ended
}
