package registry

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/difftest"
)

const (
	digestA = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

	recordedTime  = "2026-01-13T17:34:21.1470601Z"
	recordedTicks = "639039224611470601"
	laterTime     = "2026-01-13T17:34:21.2910878Z"
)

// wirePage is a page of tags, each "name updated", with or without a Link.
type wirePage struct {
	tags []string
	link string // the Link's query, "" = none
}

// orderedPages answers one request after the other.
func orderedPages(pages ...wirePage) http.HandlerFunc {
	i := 0
	return func(w http.ResponseWriter, _ *http.Request) {
		if i == len(pages) {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		p := pages[i]
		i++
		var tags []string
		for _, tag := range p.tags {
			name, updated, _ := strings.Cut(tag, " ")
			tags = append(tags, fmt.Sprintf(`{"name":%q,"digest":%q,"lastUpdateTime":%q}`, name, digestA, updated))
		}
		if p.link != "" {
			w.Header().Set("Link", `</acr/v1/a/_tags?`+p.link+`>; rel="next"`)
		}
		fmt.Fprintf(w, `{"imageName":"a","tags":[%s]}`, strings.Join(tags, ","))
	}
}

func TestClient_lists_in_order_of_time(t *testing.T) {
	const first = "/acr/v1/a/_tags?"
	for _, tc := range []struct {
		name  string
		opts  ListOptions
		pages []wirePage
		asked []string
		want  string
	}{
		{"by the Link", ListOptions{Order: OrderOldestFirst}, []wirePage{
			{[]string{"v1 " + recordedTime}, "last=" + recordedTicks + "%26v1&n=1&orderby=timeasc"},
			{[]string{"v2 " + laterTime}, "last=639039224612910878%26v2&n=1&orderby=timeasc"}, {},
		}, []string{"n=1&orderby=timeasc", "last=" + recordedTicks + "%26v1&n=1&orderby=timeasc",
			"last=639039224612910878%26v2&n=1&orderby=timeasc"}, "v1 v2"},
		{"without a Link", ListOptions{Order: OrderNewestFirst}, []wirePage{{[]string{"v1 " + recordedTime}, ""}, {}},
			[]string{"n=1&orderby=timedesc", "last=" + recordedTicks + "%26v1&n=1&orderby=timedesc"}, "v1"},
		{"without a Link, by name", ListOptions{}, []wirePage{{[]string{"v1 " + recordedTime}, ""}, {}},
			[]string{"n=1", "last=v1&n=1"}, "v1"},
		{"updated between two pages", ListOptions{Order: OrderOldestFirst}, []wirePage{
			{[]string{"v1 " + recordedTime}, "last=" + recordedTicks + "%26v1&n=1&orderby=timeasc"},
			{[]string{"v1 " + laterTime}, ""}, {},
		}, nil, "v1 v1"},
		{"a digest that the Link leaves out", ListOptions{Digest: digestA},
			[]wirePage{{[]string{"v1 " + recordedTime}, "last=v1&n=1&orderby="}, {}},
			[]string{"digest=sha256%3A" + digestA[7:] + "&n=1",
				"digest=sha256%3A" + digestA[7:] + "&last=v1&n=1&orderby="}, "v1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, s := newFake(t, orderedPages(tc.pages...))
			tags, err := collect(c.Tags(background, "a", tc.opts.WithPage(1)))
			var names []string
			for _, tag := range tags {
				names = append(names, tag.Name)
			}
			if got := strings.Join(names, " "); got != tc.want || err != nil {
				t.Errorf("%q, %v; want %q", got, err, tc.want)
			}
			var asked []string
			for _, query := range tc.asked {
				asked = append(asked, "GET "+first+query)
			}
			if diff := difftest.Diff(asked, s.seen); asked != nil && diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// TestClient_lists_without_times does not go on from an item whose time the
// registry does not say: the next page would be the first one, or none.
func TestClient_lists_without_times(t *testing.T) {
	for _, order := range []Order{OrderOldestFirst, OrderNewestFirst} {
		c, _ := newFake(t, orderedPages(wirePage{[]string{"v1 "}, ""}))
		got, err := collect(c.Tags(background, "a", ListOptions{Order: order}.WithPage(1)))
		if !errors.Is(err, acrkit.CodeProtocol) || !strings.Contains(fmt.Sprint(err), "when v1 was updated") {
			t.Errorf("%s: %v, %v", order, got, err)
		}
	}
}
