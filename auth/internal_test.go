package auth

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/redact"
)

func TestLessons(t *testing.T) {
	r := operation.Required{Op: operation.Referrers, Repository: "a",
		Scope: acrkit.RepositoryScope("a", acrkit.ContentRead)}
	for _, asked := range []string{"", "registry:catalog:*", "repository:b:pull", "repository:a:pull repository:b:pull",
		"repository:a:*", "repository:a:pull,unknown"} {
		l := learnedScopes{}
		s, err := acrkit.ParseScope(asked)
		if err != nil {
			t.Fatal(err)
		}
		if l.learn(r, s); len(l) != 0 {
			t.Errorf("learnt from %q", asked)
		}
	}
	l := learnedScopes{}
	l.learn(r, acrkit.RepositoryScope("a", acrkit.MetadataRead, acrkit.ContentRead))
	r.Repository = "b"
	if got := l.apply(r).String(); got != "repository:b:metadata_read,pull" {
		t.Error(got)
	}
	if got := l.apply(operation.Required{Op: operation.Pull, Repository: "b",
		Scope: acrkit.CatalogScope()}).String(); got != "registry:catalog:*" {
		t.Error(got)
	}
}

func tokenFor(scope string, at time.Time) *accessToken {
	s, err := acrkit.ParseScope(scope)
	if err != nil {
		panic(err)
	}
	return &accessToken{value: redact.NewSecret("x"), requested: s, life: life{at, time.Hour}}
}

func TestTokenCache(t *testing.T) {
	now := time.Unix(1e9, 0)
	c := newTokenCache(3)
	find := func(scope string) string {
		s, _ := acrkit.ParseScope(scope)
		if f := c.find(now, s, nil); f != nil {
			return f.requested.String()
		}
		return "none"
	}
	want := func(scope, want string) {
		t.Helper()
		if got := find(scope); got != want {
			t.Errorf("%q: %q, want %q", scope, got, want)
		}
	}
	want("", "none")
	c.put(tokenFor("repository:a:delete,pull,push", now))
	c.put(tokenFor("repository:a:pull,push", now))
	want("repository:a:pull", "repository:a:pull,push") // the narrowest
	want("repository:a:delete", "repository:a:delete,pull,push")
	want("repository:a:metadata_read", "none")
	want("", "repository:a:delete,pull,push") // any, the latest used
	c.put(tokenFor("repository:b:pull repository:c:pull", now))
	want("repository:c:pull", "repository:b:pull repository:c:pull")
	find("repository:a:pull,push")
	find("repository:a:delete")
	c.put(tokenFor("repository:d:pull", now)) // drops the least recently used
	want("repository:c:pull", "none")
	want("repository:b:pull", "none")
	want("repository:a:delete", "repository:a:delete,pull,push")
	now = now.Add(2 * time.Hour)
	want("repository:a:pull", "none")
	want("", "none")

	for i := range 10000 {
		c.put(tokenFor(fmt.Sprintf("repository:r%d:pull repository:s%d:pull", i, i%7), now))
	}
	if len(c.exact) != 3 || c.recent.Len() != 3 || len(c.byResource) > 6 {
		t.Errorf("the cache holds %d, %d, %d", len(c.exact), c.recent.Len(), len(c.byResource))
	}
}

func TestTransport_MemoryIsBounded(t *testing.T) {
	rt := rtFunc(func(r *http.Request) (*http.Response, error) {
		w := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
		if r.URL.Path == "/oauth2/token" {
			w.Body = nopBody{strings.NewReader(`{"access_token":"x","expires_in":3600}`)}
		}
		return w, nil
	})
	tr, err := NewTransport("myregistry", ScopedToken("a", "b"), &Options{Base: rt})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	for i := range 3000 {
		req, _ := http.NewRequestWithContext(t.Context(), "GET",
			fmt.Sprintf("https://myregistry.azurecr.io/v2/r%d/tags/list", i), nil)
		if _, err := tr.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
	}
	if n := tr.tokens.recent.Len(); n != maxCachedTokens || len(tr.tokens.exact) != n ||
		len(tr.tokens.byResource) != n {
		t.Errorf("%d tokens in the cache", n)
	}
	if len(tr.fetches.flying) != 0 || len(tr.learned) != 0 {
		t.Errorf("left over: %d flights, %d learned scopes", len(tr.fetches.flying), len(tr.learned))
	}
}

type rtFunc func(*http.Request) (*http.Response, error)

func (f rtFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type nopBody struct{ *strings.Reader }

func (nopBody) Close() error { return nil }

func TestLife(t *testing.T) {
	now := time.Now()
	date := time.Unix(1e9, 0)
	for _, tt := range []struct {
		name          string
		expires, date time.Time
		in            time.Duration
		want          time.Duration
	}{
		{"both", date.Add(time.Hour), date, 0, time.Hour},
		{"both and expires_in", date.Add(time.Hour), date, time.Minute, time.Hour},
		{"no date", date.Add(time.Hour), time.Time{}, 0, unknownLife},
		{"no date, expires_in", date.Add(time.Hour), time.Time{}, 5 * time.Minute, 5 * time.Minute},
		{"nothing", time.Time{}, time.Time{}, 0, unknownLife},
		{"year 9999", time.Unix(253402300799, 0), date, 0, longestLife},
		{"past", date.Add(-time.Hour), date, 0, unknownLife},
	} {
		if l := newLife(now, tt.expires, tt.date, tt.in); l.span != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, l.span, tt.want)
		}
	}
	l := life{now, time.Hour}
	if l.due(now.Add(47*time.Minute)) || !l.due(now.Add(48*time.Minute)) || !l.alive(now.Add(59*time.Minute)) ||
		l.alive(now.Add(time.Hour-expiryMargin)) {
		t.Error("an hour is not handled as one")
	}
	// Slept: the wall clock alone moved. Set back: the monotonic clock alone did.
	if l.age(now.Round(0).Add(time.Hour)) != time.Hour ||
		(life{now.Round(0), time.Hour}).age(now.Add(-time.Hour)) >= time.Hour {
		t.Error("age")
	}
}

// An answer yields a token that fits into a header, or says why not without a
// word of it.
func FuzzReadTokenAnswer(f *testing.F) {
	for _, s := range []string{`{}`, `{"access_token":"x"}`, `{"access_token":"x","expires_in":"60"}`,
		`{"access_token":1}`, `null`, `[`, `{"access_token":"a b"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		token, in, why := readTokenAnswer(data, "access_token")
		if (why == "") == (token == "") && why == "" {
			t.Fatal("no token and no reason")
		}
		if in < 0 {
			t.Fatal("negative life")
		}
		if why == "" {
			for _, r := range token {
				if r <= ' ' || r >= 0x7f {
					t.Fatalf("token %q", token)
				}
			}
			var doc map[string]any
			if json.Unmarshal(data, &doc) != nil || doc["access_token"] != token {
				t.Fatalf("token %q is not in %q", token, data)
			}
		}
	})
}

// Keys that differ in any part are different, also where the parts written
// one behind the other are the same text.
func TestTokenKey_parts(t *testing.T) {
	keyOf := func(host, use, identity, scope string) TokenKey {
		tr, err := NewTransport(host, Anonymous(), &Options{PlainHTTP: true})
		if err != nil {
			t.Fatal(err)
		}
		defer tr.Close()
		s, err := acrkit.ParseScope(scope)
		if err != nil {
			t.Fatal(err)
		}
		return tr.newTokenKey(use, redact.NewSecret(identity), s)
	}
	keys := map[string]TokenKey{
		"itself":         keyOf("localhost:5000", "access token", "secret", "repository:a:pull"),
		"other port":     keyOf("localhost:5001", "access token", "secret", "repository:a:pull"),
		"other use":      keyOf("localhost:5000", "refresh token", "secret", "repository:a:pull"),
		"other secret":   keyOf("localhost:5000", "access token", "Secret", "repository:a:pull"),
		"other scope":    keyOf("localhost:5000", "access token", "secret", "repository:a:push"),
		"other division": keyOf("localhost:5000", "access token", "secret", "repository:a:pull"),
	}
	moved := keys["other division"]
	last := len(moved.what) - 1
	moved.what = append(moved.what[:last:last], strings.TrimSuffix(moved.what[last], "pull"))
	moved.identity = redact.NewSecret("pull" + moved.identity.Reveal())
	keys["other division"] = moved
	seen := map[[32]byte]string{}
	for name, key := range keys {
		sum := key.Sum([]byte("the store's own"))
		if before, ok := seen[sum]; ok {
			t.Errorf("%s is as %s", name, before)
		}
		seen[sum] = name
	}
}

// However often a source gives another token, what is kept of the ones before is
// bounded.
func TestKeepOld(t *testing.T) {
	n := 0
	entra := func() string {
		n++
		payload, _ := json.Marshal(map[string]any{"iss": "https://sts.windows.net/t/", "n": n})
		return "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".x"
	}
	source := SecretFunc(func(context.Context) (string, error) { return entra(), nil })
	rt := rtFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusUnauthorized, Header: http.Header{}, Body: http.NoBody}, nil
	})
	tr, err := NewTransport("myregistry", ScopedTokenSource("a", source), &Options{Base: rt})
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	for range 10 {
		if _, err := tr.Token(t.Context(), acrkit.Scope{}); acrkit.CodeOf(err) != acrkit.CodeCredentialRejected {
			t.Fatal(err)
		}
	}
	g, ok := tr.grant.(*passwordGrant)
	if !ok || n != 10*maxProofs {
		t.Fatalf("%T, %d tokens", tr.grant, n)
	}
	if kept := len(g.slots[0].old); kept != 8 || g.slots[0].old[7].pair.equal(g.slots[0].last.pair) {
		t.Errorf("%d are kept", kept)
	}
}
