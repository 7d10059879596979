package registry

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
)

func TestNextPage(t *testing.T) {
	page := &url.URL{Scheme: "https", Host: "r.azurecr.io", Path: "/acr/v1/_catalog", RawQuery: "n=1"}
	for _, tc := range []struct {
		name  string
		links []string
		want  string // the query; "-" none, "!" an error
	}{
		{"none", nil, "-"},
		{"as_recorded", []string{`</acr/v1/_catalog?last=library%2Fbusybox&n=1&orderby=>; rel="next"`},
			"last=library%2Fbusybox&n=1&orderby="},
		{"absolute", []string{`<https://r.azurecr.io/acr/v1/_catalog?last=a>; rel="next"`}, "last=a"},
		{"query_only", []string{`<?last=a>;rel=next`}, "last=a"},
		{"unquoted_and_upper_case", []string{`</acr/v1/_catalog?last=a> ; REL=NEXT`}, "last=a"},
		{"several_relations", []string{`</acr/v1/_catalog?last=a>; rel="last next"`}, "last=a"},
		{"other_relation", []string{`</acr/v1/_catalog?last=a>; rel="prev"`}, "-"},
		{"second_of_list", []string{`</x>; rel="prev"; title="a,b>", </acr/v1/_catalog?last=a>; rel="next"`}, "last=a"},
		{"second_header", []string{`</x>; rel="prev"`, `</acr/v1/_catalog?last=a>; rel="next"`}, "last=a"},
		{"comma_in_target", []string{`</acr/v1/_catalog?last=a,b>; rel="next"`}, "last=a%2Cb"},
		{"no_rel", []string{`</acr/v1/_catalog?last=a>`}, "-"},
		{"other_port", []string{`<https://r.azurecr.io:444/acr/v1/_catalog?last=a>; rel="next"`}, "!"},
		{"dots", []string{`</acr/v1/x/../../../v2/_catalog?last=a>; rel="next"`}, "!"},
		{"unclosed", []string{`</acr/v1/_catalog?last=a`}, "!"},
		{"no_brackets", []string{`/acr/v1/_catalog`}, "!"},
		{"too_long", []string{"</acr/v1/_catalog?last=" + strings.Repeat("a", maxHeader) + `>; rel="next"`}, "!"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			query, ok, err := nextPage(tc.links, page)
			got := query.Encode()
			switch {
			case err != nil:
				got = "!"
			case !ok:
				got = "-"
			}
			if got != tc.want {
				t.Errorf("got %q, want %q (%v)", got, tc.want, err)
			}
		})
	}
}

func FuzzNextPage(f *testing.F) {
	for _, s := range []string{
		`</acr/v1/_catalog?last=library%2Fbusybox&n=1&orderby=>; rel="next"`,
		`<https://evil.example/acr/v1/_catalog?last=a>; rel="next"`,
		`<//evil.example/?a>; rel=next, <?x=1>; rel="prev next"`,
		`<a>; title="\",<b>"; rel=next`, `<`, `<>;`, `,,;`, "</acr/v1/_catalog?\x00>;rel=next",
	} {
		f.Add(s)
	}
	page := &url.URL{Scheme: "https", Host: "r.azurecr.io", Path: "/acr/v1/_catalog", RawQuery: "n=1"}
	f.Fuzz(func(t *testing.T, link string) {
		query, ok, err := nextPage([]string{link}, page)
		if ok && err != nil {
			t.Fatalf("%q: a link and an error: %v", link, err)
		}
		if !ok {
			return
		}
		// What is followed always stays where the page came from.
		next := *page
		next.RawQuery = query.Encode()
		again, err := url.Parse(next.String())
		if err != nil || again.Scheme != page.Scheme || again.Host != page.Host || again.Path != page.Path ||
			again.User != nil {
			t.Fatalf("%q leads to %q", link, next.String())
		}
		// And what it asks for survives being written as a link again.
		query2, ok2, err := nextPage([]string{"<" + next.RequestURI() + `>; rel="next"`}, page)
		if err != nil || !ok2 || query2.Encode() != query.Encode() {
			t.Fatalf("%q: %q, then %q (%v)", link, query.Encode(), query2.Encode(), err)
		}
	})
}

func TestClient_broken_answers_keep_their_evidence(t *testing.T) {
	c, _ := newFake(t, answerJSON(200, "<html>"))
	_, err := c.Repository(background, "a")
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.RequestID != "6f1c0000-0000-0000-0000-000000000000" || e.Status != 200 || e.Method != "GET" ||
		e.URL != "https://myregistry.azurecr.io/acr/v1/a" {
		t.Errorf("%+v", e)
	}
}
