package principal

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/internal/guid"
)

func testStore(t testing.TB) (*Store, *RegistrySettings) {
	t.Helper()
	d, err := db.Open(t.Context(), "", &db.Options{Migrations: Migrations()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	keys, _, err := OpenKeys("", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), d, keys)
	if err != nil {
		t.Fatal(err)
	}
	r := &RegistrySettings{ID: 1, Name: "myregistry", RID: NewRID(), Mode: service.ModeLegacy}
	err = s.Update(t.Context(), func(c *Change) error {
		c.Put(r)
		c.Put(&ScopeMap{RegistryID: 1, Name: "pull", Actions: []string{"repositories/a/content/read"}})
		c.Put(&Token{RegistryID: 1, Name: "Puller", ScopeMap: "pull", Enabled: true})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

// TestTokenIDs: a token's id says its kind to us alone.
func TestTokenIDs(t *testing.T) {
	a, _, err := OpenKeys("", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := OpenKeys("", nil, false)
	if err != nil {
		t.Fatal(err)
	}
	version4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for _, kind := range kinds[1:] {
		for range 50 {
			id := a.newJTI(kind)
			if !version4.MatchString(id) || seen[id] {
				t.Errorf("%s", id)
			}
			seen[id] = true
			if got, err := a.kindOf(id); err != nil || got != kind {
				t.Errorf("%s: %s, %v", id, got, err)
			}
			if got, err := b.kindOf(id); err == nil {
				t.Errorf("another key reads %s", got)
			}
		}
	}
	for _, id := range []string{"", guid.New(), service.RefreshTokenUser, "x"} {
		if _, err := a.kindOf(id); err == nil {
			t.Errorf("%q is taken", id)
		}
	}
}

func TestNewPassword(t *testing.T) {
	shape := regexp.MustCompile(`^[A-Za-z0-9+/]{42}\+ACR[A-D][A-Za-z0-9+/]{5}$`)
	seen := map[string]bool{}
	for range 200 {
		p := NewPassword()
		if !shape.MatchString(p) || seen[p] || len(p) != PasswordLength {
			t.Fatal("a password of another shape, or twice the same")
		}
		seen[p] = true
	}
}

// TestAKindIsNotAName: a service principal's id may be a token's name.
func TestAKindIsNotAName(t *testing.T) {
	s, r := testStore(t)
	now := time.Now()
	const guid = "22222222-2222-2222-2222-222222222222"
	err := s.Update(t.Context(), func(c *Change) error {
		c.Put(&Application{TenantID: service.RefreshTokenUser, ClientID: guid,
			ObjectID: "33333333-3333-3333-3333-333333333333"})
		c.Put(&Token{RegistryID: 1, Name: "33333333-3333-3333-3333-333333333333", ScopeMap: "pull", Enabled: true})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v := s.NewVerifier()
	for _, p := range []Principal{{KindServicePrincipal, guid}, {KindToken, "33333333-3333-3333-3333-333333333333"},
		{KindAnonymous, ""}, {KindAdmin, "myregistry"}} {
		token, err := s.AccessToken(r, p, "localhost", acrkit.Scope{}, now, Lifetimes{})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time from the cache
			got, err := v.Verify(r, token, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p, got.Principal); diff != "" {
				t.Error(diff)
			}
		}
	}
}

func TestVerifierIsBounded(t *testing.T) {
	v := &Verifier{new: map[[32]byte]Access{}}
	for i := range 3 * maxVerified {
		v.remember([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}, Access{})
	}
	if n := len(v.new) + len(v.old); n > 2*maxVerified {
		t.Errorf("%d tokens are remembered", n)
	}
	last := 3*maxVerified - 1
	if _, ok := v.cached([32]byte{byte(last), byte(last >> 8), byte(last >> 16)}); !ok {
		t.Error("the last one is forgotten")
	}
}

func TestFailedUpdateChangesNothing(t *testing.T) {
	s, _ := testStore(t)
	err := s.Update(t.Context(), func(c *Change) error {
		c.Put(&Token{RegistryID: 1, Name: "other"})
		return fmt.Errorf("no")
	})
	if _, ok := s.Token(1, "other"); ok || err == nil {
		t.Errorf("%v, %v", ok, err)
	}
	err = s.Update(t.Context(), func(c *Change) error {
		c.Put(&ScopeMap{RegistryID: 1, Name: "bad", Actions: []string{"x"}})
		return nil
	})
	if _, ok := s.ScopeMap(1, "bad"); ok || err == nil {
		t.Errorf("%v, %v", ok, err)
	}
}

// TestDecideFailsClosed: what the rights do not know, they do not grant.
func TestDecideFailsClosed(t *testing.T) {
	s, r := testStore(t)
	rights, err := s.RightsOf(r, Principal{KindToken, "puller"})
	if err != nil {
		t.Fatal(err)
	}
	for text, granted := range map[string]string{
		"repository:a:pull":                     "repository:a:pull",
		"repository:a:pull,push,content/read,*": "repository:a:pull",
		"repository:ab:pull":                    "",
		"repository:*:pull":                     "",
		"registry:catalog:*":                    "",
		"artifact-repository:repo:pull":         "",
	} {
		scope, err := acrkit.ParseScope(text)
		if err != nil {
			t.Fatal(err)
		}
		d := rights.Decide(scope)
		if d.Granted.String() != granted || !d.Granted.Union(d.Missing).Equal(scope) ||
			!d.Granted.Intersect(d.Missing).IsEmpty() {
			t.Errorf("%s: granted %s, missing %s", text, d.Granted, d.Missing)
		}
	}
	for _, p := range []Principal{
		{}, {"other", "x"}, {KindToken, "unknown"}, {KindServicePrincipal, "x"}, {KindAdmin, "myregistry"},
		{KindAnonymous, ""},
	} {
		if _, err := s.RightsOf(r, p); err == nil {
			t.Errorf("%v has rights", p)
		}
	}
}

func FuzzVerify(f *testing.F) {
	s, r := testStore(f)
	now := time.Now()
	good, err := s.AccessToken(r, Principal{KindToken, "Puller"}, "localhost",
		acrkit.RepositoryScope("a", acrkit.ContentRead), now, Lifetimes{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("")
	f.Add("a.b.c")
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Fuzz(func(t *testing.T, token string) {
		_, err := s.NewVerifier().Verify(r, token, now)
		if err == nil && token != good {
			t.Fatalf("accepted %q", token)
		}
		if _, err := s.CheckRefresh(r, token, now); err == nil {
			t.Fatalf("%q is taken for a refresh token", token)
		}
	})
}
