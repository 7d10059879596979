package acrkit_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/difftest"
)

func mustScope(tb testing.TB, s string) acrkit.Scope {
	tb.Helper()
	scope, err := acrkit.ParseScope(s)
	if err != nil {
		tb.Fatal(err)
	}
	return scope
}

func TestParseScope(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", "", ""},
		{"spaces alone", "   ", ""},
		{"one", "repository:samples/app:pull", "repository:samples/app:pull"},
		{"actions in ACR's varying order", "repository:a:push,pull", "repository:a:pull,push"},
		{"actions twice", "repository:a:pull,pull repository:a:pull", "repository:a:pull"},
		{"items merge", "repository:b:pull repository:a:pull repository:b:push",
			"repository:a:pull repository:b:pull,push"},
		{"catalog", "registry:catalog:*", "registry:catalog:*"},
		{"name with a port", "repository:localhost:5443/a:pull", "repository:localhost:5443/a:pull"},
		{"resource class", "repository(plugin):a:pull", "repository(plugin):a:pull"},
		{"mount, as ACR challenges for it", "repository:SRC:pull repository:DST:push,pull",
			"repository:DST:pull,push repository:SRC:pull"},
		{"a star is a word", "repository:*:*", "repository:*:*"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := mustScope(t, tc.in)
			if diff := difftest.Diff(tc.want, got.String()); diff != "" {
				t.Errorf("ParseScope(%q) mismatch (-want +got):\n%s", tc.in, diff)
			}
		})
	}
}

// A star is a word, and not a wildcard: whether a set holds a right on a
// repository does not depend on one that is named "*".
func TestScope_star(t *testing.T) {
	star, name := mustScope(t, "repository:*:*"), mustScope(t, "repository:a:pull")
	if star.Contains(name) || name.Contains(star) || star.Contains(mustScope(t, "repository:*:pull")) {
		t.Error("a star matches something else")
	}
	if got := name.Minus(star); !got.Equal(name) {
		t.Errorf("Minus: %s", got)
	}
	if got := name.Intersect(star); !got.IsEmpty() {
		t.Errorf("Intersect: %s", got)
	}
}

func TestParseScope_refuses(t *testing.T) {
	for _, tc := range []struct{ name, in, message string }{
		{"no name", "repository:pull", "TYPE:NAME:ACTIONS"},
		{"empty type", ":a:pull", "TYPE:NAME:ACTIONS"},
		{"empty name", "repository::pull", "TYPE:NAME:ACTIONS"},
		{"empty actions", "repository:a:", "TYPE:NAME:ACTIONS"},
		{"empty action between", "repository:a:pull,,push", "empty action"},
		{"trailing comma", "repository:a:pull,", "empty action"},
		{"tab", "repository:a:pull\trepository:b:pull", "no scope may hold"},
		{"line feed", "repository:a:pull\n", "no scope may hold"},
		{"quote, which would leave the challenge's value", `repository:a":pull`, "no scope may hold"},
		{"backslash", `repository:a\:pull`, "no scope may hold"},
		{"not ASCII", "repository:ä:pull", "no scope may hold"},
		{"too long", strings.Repeat(" ", acrkit.MaxScope+1), "longer than"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := acrkit.ParseScope(tc.in)
			if !errors.Is(err, acrkit.CodeProtocol) || !strings.Contains(err.Error(), tc.message) {
				t.Errorf("ParseScope(%q) error = %v, want code protocol and %q", tc.in, err, tc.message)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the message quotes %d bytes", len(err.Error()))
			}
		})
	}
	if _, err := acrkit.ParseScope(strings.Repeat(" ", acrkit.MaxScope)); err != nil {
		t.Errorf("a text of exactly MaxScope bytes is refused: %v", err)
	}
}

func TestScope_isImmutable(t *testing.T) {
	words := []string{"push", "pull"}
	access := acrkit.Access{Type: "repository", Name: "a", Actions: words}
	s := acrkit.NewScope(access)
	if diff := difftest.Diff([]string{"push", "pull"}, words); diff != "" {
		t.Errorf("NewScope changed its argument (-want +got):\n%s", diff)
	}
	words[0] = "delete"
	for a := range s.All() {
		a.Actions[0] = "delete"
		_ = append(a.Actions, "metadata_read")
	}
	u := s.Union(mustScope(t, "repository:a:delete"))
	_ = s.Minus(u).Union(u)
	const want = "repository:a:pull,push"
	if got := s.String(); got != want {
		t.Errorf("after use by others s = %q, want %q", got, want)
	}
	// Two scopes that share a left operand must not write into each other.
	x, y := s.Union(mustScope(t, "repository:a:x")), s.Union(mustScope(t, "repository:a:y"))
	if x.String() != "repository:a:pull,push,x" || y.String() != "repository:a:pull,push,y" {
		t.Errorf("unions of one scope: %q and %q", x, y)
	}
}

func TestScope_zeroValue(t *testing.T) {
	var zero acrkit.Scope
	one := mustScope(t, "repository:a:pull")
	switch {
	case !zero.IsEmpty() || zero.Len() != 0 || zero.String() != "":
		t.Error("the zero scope is not empty")
	case !zero.Equal(acrkit.NewScope(acrkit.Access{Type: "repository", Name: "a"})):
		t.Error("an access without actions adds something")
	case !one.Contains(zero) || zero.Contains(one):
		t.Error("containment with the empty scope is wrong")
	case !zero.Union(one).Equal(one) || !one.Minus(one).IsEmpty() || !zero.Intersect(one).IsEmpty():
		t.Error("operations with the empty scope are wrong")
	}
}

func TestRepositoryScope(t *testing.T) {
	got := acrkit.RepositoryScope("samples/app", acrkit.ContentWrite, acrkit.ContentRead, acrkit.MetadataRead)
	if diff := difftest.Diff("repository:samples/app:metadata_read,pull,push", got.String()); diff != "" {
		t.Errorf("RepositoryScope mismatch (-want +got):\n%s", diff)
	}
	if got := acrkit.CatalogScope().String(); got != "registry:catalog:*" {
		t.Errorf("CatalogScope = %q", got)
	}
	// An unknown action must stay a requirement that nothing meets, not vanish.
	if unknown := acrkit.RepositoryScope("a", acrkit.Action(0)); unknown.IsEmpty() {
		t.Error("the scope of an unknown action is empty, so everything contains it")
	}
}

func TestAccess_JSON(t *testing.T) {
	// The shape recorded in access tokens.
	const claim = `{"type":"repository","name":"hello-world","actions":["metadata_read"]}`
	var a acrkit.Access
	if err := json.Unmarshal([]byte(claim), &a); err != nil {
		t.Fatal(err)
	}
	back, err := json.Marshal(a)
	if err != nil || string(back) != claim {
		t.Errorf("json = %s, %v, want %s", back, err, claim)
	}
}

func TestRequiredScope_inContext(t *testing.T) {
	if _, ok := acrkit.RequiredScopeFromContext(context.Background()); ok {
		t.Error("a bare context has a required scope")
	}
	want := mustScope(t, "repository:a:pull repository:b:pull")
	got, ok := acrkit.RequiredScopeFromContext(acrkit.ContextWithRequiredScope(context.Background(), want))
	if !ok || !got.Equal(want) {
		t.Errorf("from the context: %q, %v, want %q", got, ok, want)
	}
}

func FuzzParseScope(f *testing.F) {
	for _, s := range []string{"", "repository:a:pull", "repository:a:push,pull repository:b:delete",
		"registry:catalog:*",
		"repository:h:5/a:pull", "a:b:c d:e:f,g", "repository:a:", "::"} {
		f.Add(s, "repository:a:pull")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		a, err := acrkit.ParseScope(text)
		if err != nil {
			return
		}
		canonical := a.String()
		if len(canonical) > len(text) {
			t.Fatalf("the canonical text %q is longer than %q", canonical, text)
		}
		back, err := acrkit.ParseScope(canonical)
		if err != nil || back.String() != canonical || !back.Equal(a) {
			t.Fatalf("ParseScope(%q) = %q, %v", canonical, back, err)
		}
		b, err := acrkit.ParseScope(other)
		if err != nil {
			return
		}
		u, m, i := a.Union(b), a.Minus(b), a.Intersect(b)
		switch {
		case !u.Contains(a) || !u.Contains(b):
			t.Errorf("union %q does not contain both of %q, %q", u, a, b)
		case !m.Intersect(b).IsEmpty():
			t.Errorf("%q minus %q is not disjoint from it: %q", a, b, m)
		case !m.Union(i).Equal(a):
			t.Errorf("difference %q and intersection %q do not make up %q", m, i, a)
		case !a.Contains(i) || !b.Contains(i):
			t.Errorf("intersection %q is in not both of %q, %q", i, a, b)
		case u.Len() != a.Len()+b.Len()-i.Len():
			t.Errorf("|union| = %d, want %d+%d-%d", u.Len(), a.Len(), b.Len(), i.Len())
		case (a.String() == b.String()) != a.Equal(b):
			t.Errorf("texts and sets disagree about %q and %q", a, b)
		case u.String() != b.Union(a).String():
			t.Errorf("union is not symmetric for %q, %q", a, b)
		}
	})
}
