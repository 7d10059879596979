package auth_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

// outcomes lists lookups with what lies within them, as "source: outcome", where
// the source is a file's or a helper's own name.
func outcomes(dir string, lookups []auth.Lookup) []string {
	var out []string
	for _, l := range lookups {
		out = append(out, trimDir(l.Source, dir)+": "+string(l.Outcome))
		for _, p := range outcomes(dir, l.Places) {
			out = append(out, "  "+p)
		}
	}
	return out
}

func trimDir(s, dir string) string {
	for _, name := range []string{"a.json", "b.json"} {
		full := filepath.Join(dir, name)
		if i := len(full); len(s) > i+1 && s[1:i+1] == full {
			return name + s[i+2:]
		}
	}
	return s
}

func TestTransport_Status(t *testing.T) {
	helpers(t)
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json")
	write(t, a, `{"auths":{"other.azurecr.io":`+basic("x:y")+`}}`)
	write(t, b, auths(testHost, basic("ci:correct-horse"), testHost+"/team", basic("team:team-horse")))
	docker := func() auth.Credential { return auth.Chain(auth.DockerConfig(a, b), auth.Anonymous()) }
	scope := acrkit.RepositoryScope("other/app", acrkit.ContentRead)

	_, rt, _ := setup(t, docker())
	s := rt.Status(scope)
	if diff := difftest.Diff([]string{"Docker configuration: not tried", "  a.json: not available",
		`  b.json, entry "myregistry.azurecr.io": not tried`, "anonymous: not tried"},
		outcomes(dir, s.Lookups)); diff != "" {
		t.Errorf("before the first token: %s", diff)
	}
	if s.Credential.Kind() != auth.KindChain || s.From != "" {
		t.Errorf("before the first token: %v from %q", s.Credential, s.From)
	}
	if _, err := rt.Token(t.Context(), scope); err != nil {
		t.Fatal(err)
	}
	s = rt.Status(scope)
	if diff := difftest.Diff([]string{"Docker configuration: used", "  a.json: not available",
		`  b.json, entry "myregistry.azurecr.io": used`, "anonymous: not tried"},
		outcomes(dir, s.Lookups)); diff != "" {
		t.Error(diff)
	}
	if s.Credential.String() != `user "ci"` || trimDir(s.From, dir) != `b.json, entry "myregistry.azurecr.io"` {
		t.Errorf("%v from %s", s.Credential, s.From)
	}
	var prefixes []string
	for _, s := range rt.Statuses() {
		prefixes = append(prefixes, s.Prefix)
	}
	if diff := difftest.Diff([]string{"team", ""}, prefixes); diff != "" {
		t.Error(diff)
	}
	// The credential for team is refused, and requests do not become anonymous: the report
	// beneath the error has every place.
	_, err := rt.Token(t.Context(), acrkit.RepositoryScope("team/app", acrkit.ContentRead))
	report, ok := errors.AsType[*auth.ChainError](err)
	if !ok || !errors.Is(err, acrkit.CodeCredentialRejected) {
		t.Fatalf("error %v", err)
	}
	if diff := difftest.Diff([]string{"Docker configuration: refused",
		`  b.json, entry "myregistry.azurecr.io/team": refused`, "  a.json: not available",
		`  b.json, entry "myregistry.azurecr.io": not tried`, "anonymous: not tried"},
		outcomes(dir, report.Lookups)); diff != "" {
		t.Error(diff)
	}

	// Nothing in the files, and a helper that fails.
	write(t, b, `{"credsStore":"notfound"}`)
	_, rt, _ = setup(t, docker())
	_, err = rt.Token(t.Context(), scope)
	s = rt.Status(scope)
	if s.Credential.Kind() != auth.KindAnonymous || !errors.Is(err, acrkit.CodeCredentialMissing) {
		t.Errorf("%v, %v", s.Credential, err)
	}
	want := []string{"Docker configuration: not available", "  a.json: not available",
		"  docker-credential-notfound, named in \"" + b + "\": not available", "anonymous: used"}
	if diff := difftest.Diff(want, outcomes(dir, s.Lookups)); diff != "" {
		t.Error(diff)
	}
	write(t, b, `{"credsStore":"fails"}`)
	_, rt, _ = setup(t, docker())
	_, err = rt.Token(t.Context(), scope)
	report, ok = errors.AsType[*auth.ChainError](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	want = []string{"Docker configuration: incomplete", "  a.json: not available",
		"  docker-credential-fails, named in \"" + b + "\": failed", "anonymous: not tried"}
	if diff := difftest.Diff(want, outcomes(dir, report.Lookups)); diff != "" {
		t.Error(diff)
	}
}

func TestTransport_Login(t *testing.T) {
	scope := acrkit.RepositoryScope("team/app", acrkit.ContentRead)
	refresh := jwt(map[string]any{"iss": "Azure Container Registry", "grant_type": "refresh_token",
		"aud": testHost, "exp": 4102444800})
	for _, tt := range []struct {
		name       string
		cred       auth.Credential
		user, pass string
		expires    bool
	}{
		{"token", ci(), "ci", "correct-horse", false},
		{"refresh token", auth.RefreshToken(refresh), "00000000-0000-0000-0000-000000000000", refresh, true},
		{"opaque refresh token", auth.RefreshToken("opaque-refresh"), "00000000-0000-0000-0000-000000000000",
			"opaque-refresh", false},
		{"anonymous", auth.Anonymous(), "", "", false},
		{"by repository", auth.ByRepository(map[string]auth.Credential{"team": ci(), "": auth.Anonymous()}), "ci",
			"correct-horse", false},
		{"chain", auth.Chain(missing(), ci()), "ci", "correct-horse", false},
	} {
		_, rt, _ := setup(t, tt.cred)
		l, err := rt.Login(t.Context(), scope)
		if err != nil || l.User != tt.user || l.Password.Reveal() != tt.pass || l.Expires.IsZero() == tt.expires {
			t.Errorf("%s: %q, %s, %v", tt.name, l.User, l.Expires, err)
		}
	}

	before := time.Now()
	_, rt, _ := setup(t, auth.ServicePrincipal("t", "c", "sp-secret", nil))
	l, err := rt.Login(t.Context(), scope)
	if err != nil || l.User != "00000000-0000-0000-0000-000000000000" || l.Password.IsZero() ||
		l.Expires.Before(before.Add(2*time.Hour)) {
		t.Errorf("service principal: %+v, %v", l, err)
	}
	if s := rt.Status(scope); !s.RefreshTokenExpires.Equal(l.Expires) {
		t.Errorf("the status says %s, the login %s", s.RefreshTokenExpires, l.Expires)
	}
	_, rt, _ = setup(t, auth.ByRepository(map[string]auth.Credential{"team": ci()}))
	if _, err := rt.Login(t.Context(), acrkit.RepositoryScope("other", acrkit.ContentRead)); !errors.Is(err,
		acrkit.CodeCredentialMissing) {
		t.Errorf("another repository: %v", err)
	}
	if s := rt.Status(acrkit.RepositoryScope("other",
		acrkit.ContentRead)); s.Credential.Kind() != auth.KindByRepository {
		t.Errorf("another repository: %v", s.Credential)
	}
}
