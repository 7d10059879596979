package dataplane_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// nextPage returns the path of a Link, "" where there is none.
func (s *server) nextPage(a answer) string {
	s.t.Helper()
	link := a.header.Get("Link")
	if link == "" {
		return ""
	}
	path, ok := strings.CutSuffix(link, `>; rel="next"`)
	if !ok || !strings.HasPrefix(path, "<") {
		s.t.Fatalf("Link %q", link)
	}
	return path[1:]
}

// TestEmptyLists holds the form of lists without items: a client of Microsoft's
// own takes an empty one for one with items.
func TestEmptyLists(t *testing.T) {
	s := serve(t, setup{})
	catalog := `{"repositories":null}` + "\n"
	s.want(s.do("GET", "/acr/v1/_catalog", ""), 200, catalog)
	s.want(s.do("GET", "/v2/_catalog", ""), 200, catalog)
	d := s.image("r", "v1")
	head := `{"registry":"` + login + `","imageName":"r",`
	s.want(s.do("GET", "/acr/v1/_catalog?last=r", ""), 200, catalog)
	s.want(s.do("GET", "/v2/_catalog?n=0", ""), 200, catalog)
	s.want(s.do("GET", "/acr/v1/r/_tags?last=v1", ""), 200, head+`"tags":null}`+"\n")
	s.want(s.do("GET", "/acr/v1/r/_tags?digest="+unknown, ""), 200, head+`"tags":null}`+"\n")
	s.want(s.do("GET", "/acr/v1/r/_manifests?last="+d, ""), 200, head+`"manifests":null}`+"\n")

	// An image without tags has no list of them, alone and in the list.
	s.want(s.do("DELETE", "/acr/v1/r/_tags/v1", ""), 202, "")
	s.want(s.do("GET", "/acr/v1/r/_tags", ""), 200, head+`"tags":null}`+"\n")
	s.want(s.do("GET", "/v2/r/tags/list", ""), 200, `{"name":"r","tags":[]}`+"\n")
	for _, path := range []string{"/acr/v1/r/_manifests", "/acr/v1/r/_manifests/" + d} {
		if a := s.want(s.do("GET", path, ""), 200, "*"); strings.Contains(a.body, `"tags"`) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	s.want(s.do("DELETE", "/acr/v1/r", ""), 202, `{"manifestsDeleted":["`+d+`"],"tagsDeleted":null}`+"\n")
	s.image("r", "v1")
	s.want(s.do("DELETE", "/v2/r/manifests/"+d, ""), 202, "")
	s.want(s.do("GET", "/acr/v1/r/_manifests", ""), 200, head+`"manifests":null}`+"\n")
	s.want(s.do("DELETE", "/acr/v1/r", ""), 202, `{"manifestsDeleted":null,"tagsDeleted":null}`+"\n")
}

// TestOrderedPages holds the Link of lists in the order of time as recorded in
// 2026, but for the times: the order of its parameters, their escapes, and that
// the filter by digest is not among them.
func TestOrderedPages(t *testing.T) {
	s := serve(t, setup{})
	digests := map[string]string{}
	for _, tag := range []string{"v2", "v4", "v3", "v1"} {
		digests[tag] = s.image("library/hello-world", tag)
	}
	type listed struct {
		Name, Digest   string
		LastUpdateTime time.Time
	}
	read := func(path string) ([]listed, string) {
		t.Helper()
		a := s.want(s.do("GET", path, ""), 200, "*")
		var body struct{ Tags, Manifests []listed }
		if err := json.Unmarshal([]byte(a.body), &body); err != nil {
			t.Fatal(err)
		}
		return append(body.Tags, body.Manifests...), s.nextPage(a)
	}
	for _, list := range []string{"_tags", "_manifests"} {
		for order, want := range map[string][]string{
			"timeasc": {"v2", "v4", "v3", "v1"}, "timedesc": {"v1", "v3", "v4", "v2"}} {
			at := "/acr/v1/library%2Fhello-world/" + list
			var got []string
			path := at + "?n=2&orderby=" + order + "&api-version=2021-07-01"
			for pages := 1; path != ""; pages++ {
				items, next := read(path)
				for _, i := range items {
					for tag, d := range digests {
						if i.Digest == d {
							got = append(got, tag)
						}
					}
				}
				last := items[len(items)-1]
				name := last.Name
				if list == "_manifests" {
					name = strings.Replace(last.Digest, ":", "%3A", 1)
				}
				// Ticks of .NET: 100 ns since the year 1.
				ticks := last.LastUpdateTime.Unix()*1e7 + int64(
					last.LastUpdateTime.Nanosecond()/100) + 621355968000000000
				if want := fmt.Sprintf("%s?last=%d%%26%s&n=2&orderby=%s", at, ticks, name, order); pages == 1 &&
					next != want {
					t.Errorf("Link to %s, want %s", next, want)
				}
				path = next
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", list, order, diff)
			}
		}
	}
	// A recorded time and its ticks.
	recorded := time.Date(2026, 1, 13, 17, 34, 21, 147060100, time.UTC).UnixNano()
	s.execute(fmt.Sprintf("UPDATE tags SET updated_at=%d WHERE name='v2'", recorded))
	if _, next := read("/acr/v1/library%2Fhello-world/_tags?n=1&orderby=timeasc&digest=" + digests["v2"]); next != "" {
		t.Errorf("the one tag of a digest leads to %s", next)
	}
	image := s.do("GET", "/v2/library/hello-world/manifests/v2", "", "Accept: "+manifestType).body
	s.want(s.do("PUT", "/v2/library/hello-world/manifests/v5", image, "Content-Type: "+manifestType), 201, "")
	for order, want := range map[string]string{
		"orderby=timedesc": "?last=639039224611470601%26v2&n=1&orderby=timedesc",
		"":                 "?last=v2&n=1&orderby=",
		"orderby=0":        "?last=v2&n=1&orderby=",
	} {
		_, next := read("/acr/v1/library%2Fhello-world/_tags?n=1&" + order + "&digest=" + digests["v2"])
		if next != "/acr/v1/library%2Fhello-world/_tags"+want {
			t.Errorf("%s: Link to %s", order, next)
		}
	}
	items, _ := read("/acr/v1/library%2Fhello-world/_tags?last=639039224611470601%26v2&n=1&orderby=timeasc")
	if items != nil {
		t.Errorf("after the newest: %v", items)
	}
}

// TestPlaces refuses places that no Link can have named, and takes all others.
func TestPlaces(t *testing.T) {
	s := serve(t, setup{})
	d := s.image("r", "v1")
	for last, status := range map[string]int{
		"v1": 400, d: 400, "%26v1": 400, "639039224611470601": 400, "639039224611470601%26": 400, "x%26v1": 400,
		"-639039224611470601%26v1": 400, "%2B639039224611470601%26v1": 400, "639039224611470601.5%26v1": 400,
		"639039224611470601 %26v1": 400,
		// The database has times from September 1677 to April 2262.
		"529122247631452241%26v1": 400, "529122247631452242%26v1": 200,
		"713589688368547758%26v1": 200, "713589688368547759%26v1": 400, "99999999999999999999999%26v1": 400,
		"639039224611470601%26gone": 200, "639039224611470601%26" + d: 200, "": 200,
	} {
		for _, list := range []string{"_tags", "_manifests"} {
			for _, order := range []string{"timeasc", "timedesc"} {
				a := s.do("GET", "/acr/v1/r/"+list+"?orderby="+order+"&last="+strings.ReplaceAll(last, " ", "%20"), "")
				if a.status != status {
					t.Errorf("%s, %s, last=%s: %d %s", list, order, last, a.status, a.body)
				}
			}
			// Without an order each is a name.
			s.want(s.do("GET", "/acr/v1/r/"+list+"?last="+strings.ReplaceAll(last, " ", "%20"), ""), 200, "*")
		}
	}
	s.want(s.do("GET", "/acr/v1/r/_tags?orderby=timeasc&last=v1", ""), 400,
		errorBody("UNSUPPORTED", "last is not the place of an item in the order of time, as a Link has it", ""))
}
