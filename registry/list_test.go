package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/difftest"
)

func TestClient_Repositories(t *testing.T) {
	for _, tc := range []struct {
		name     string
		total    int
		link     bool
		opts     *ListOptions
		want     int
		requests int
	}{
		{"empty", 0, true, nil, 0, 1},
		{"one_page", 7, true, nil, 7, 1},
		{"pages_by_link", 2500, true, nil, 2500, 3},
		{"full_last_page_costs_one_more", 2000, true, nil, 2000, 3},
		{"full_pages_without_link", 2500, false, nil, 2500, 3},
		{"full_pages_without_link_exact", 2000, false, nil, 2000, 3},
		{"limit_in_first_page", 2500, true, &ListOptions{Limit: 10}, 10, 1},
		{"limit_across_pages", 2500, true, &ListOptions{Limit: 1001}, 1001, 2},
		{"small_pages", 10, true, &ListOptions{maxPage: 3}, 10, 4},
	} {
		t.Run(tc.name, func(t *testing.T) {
			names := numbered(tc.total)
			c, s := newFake(t, catalog(names, tc.link))
			got, err := collect(c.Repositories(background, tc.opts))
			if err != nil {
				t.Fatal(err)
			}
			if diff := difftest.Diff(append([]string(nil), names[:tc.want]...), got); diff != "" {
				t.Error(diff)
			}
			if len(s.seen) != tc.requests {
				t.Errorf("%d requests, want %d: %q", len(s.seen), tc.requests, s.seen)
			}
		})
	}
}

func TestClient_Repositories_server_overlooks_n(t *testing.T) {
	names := numbered(250)
	inner := catalog(names, false)
	c, s := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		q.Set("n", "100")
		r.URL.RawQuery = q.Encode()
		inner(w, r)
	})
	got, err := collect(c.Repositories(background, nil))
	if err != nil || len(got) != 250 || len(s.seen) != 3 {
		t.Errorf("%d names with %d requests, error %v", len(got), len(s.seen), err)
	}
}

func TestClient_lists_halve_the_page(t *testing.T) {
	for _, tc := range []struct {
		name string
		slow func(w http.ResponseWriter, r *http.Request)
	}{
		{"bad_gateway", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }},
		{"gateway_timeout", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(504) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				names := numbered(300)
				serve := catalog(names, true)
				c, s := newFake(t, func(w http.ResponseWriter, r *http.Request) {
					var n int
					fmt.Sscan(r.URL.Query().Get("n"), &n)
					if n > 130 && r.URL.Query().Get("last") == "" || n > 70 && r.URL.Query().Get("last") != "" {
						tc.slow(w, r)
						return
					}
					serve(w, r)
				})
				got, err := collect(c.Repositories(background, nil))
				if err != nil {
					t.Fatal(err)
				}
				if diff := difftest.Diff(names, got); diff != "" {
					t.Error(diff)
				}
				if want := "GET /acr/v1/_catalog?last=team%2Fapp-00124&n=125&orderby="; s.seen[4] != want {
					t.Errorf("resumed with %q, want %q", s.seen[4], want)
				}
				if want := "GET /acr/v1/_catalog?last=team%2Fapp-00124&n=62&orderby="; s.seen[5] != want {
					t.Errorf("then asked %q, want %q", s.seen[5], want)
				}
			})
		})
	}
}

// A page that does not come at all is asked for once more, with what the service
// gives by itself; a second silence ends the list.
func TestClient_lists_and_silence(t *testing.T) {
	for _, tc := range []struct {
		name  string
		least int // the smallest page that is not answered
		err   bool
		seen  []string
		after time.Duration
	}{
		{"a_large_page", 101, false, []string{"n=1000", "n=100", "last=team%2Fapp-00099&n=100",
			"last=team%2Fapp-00199&n=100"}, 30 * time.Second},
		{"every_page", 1, true, []string{"n=1000", "n=100"}, 60 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				serve := catalog(numbered(299), true)
				c, s := newFake(t, func(w http.ResponseWriter, r *http.Request) {
					var n int
					fmt.Sscan(r.URL.Query().Get("n"), &n)
					if n >= tc.least {
						<-r.Context().Done()
						return
					}
					serve(w, r)
				})
				start := time.Now()
				got, err := collect(c.Repositories(background, nil))
				if took := time.Since(start).Truncate(time.Second); took != tc.after {
					t.Errorf("it took %s, want %s", took, tc.after)
				}
				var seen []string
				for _, uri := range s.seen {
					_, query, _ := strings.Cut(uri, "?")
					seen = append(seen, strings.TrimSuffix(query, "&orderby="))
				}
				if diff := difftest.Diff(tc.seen, seen); diff != "" {
					t.Error(diff)
				}
				if !tc.err {
					if err != nil || len(got) != 299 {
						t.Errorf("%d names, %v", len(got), err)
					}
					return
				}
				const want = "cannot list repositories on myregistry.azurecr.io: myregistry.azurecr.io did not " +
					"answer within 30s"
				if len(got) != 0 || !errors.Is(err, acrkit.CodeUnavailable) || err.Error() != want {
					t.Errorf("%d names, %v, want %s", len(got), err, want)
				}
			})
		})
	}
}

// One request that is not of a list is sent once more, too, and one that changes
// something is not.
func TestClient_silence(t *testing.T) {
	for _, tc := range []struct {
		name  string
		do    func(c *Client) error
		seen  int
		after time.Duration
	}{
		{"read", func(c *Client) error { _, err := c.Repository(background, "team/app"); return err }, 2,
			60 * time.Second},
		{"delete", func(c *Client) error { return c.DeleteTag(background, "team/app", "v1") }, 1, 5 * time.Minute},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := newFake(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
				start := time.Now()
				err := tc.do(c)
				if took := time.Since(start).Truncate(time.Second); !errors.Is(err, acrkit.CodeUnavailable) ||
					len(s.seen) != tc.seen || took != tc.after {
					t.Errorf("%v with %d requests after %s", err, len(s.seen), took)
				}
			})
		})
	}
}

// pagesOf is a server of a list of so many pages, of n names each.
func pagesOf(pages, n int) http.HandlerFunc {
	i := 0
	return func(w http.ResponseWriter, _ *http.Request) {
		names := []string{}
		for k := 0; k < n && i < pages*n; k++ {
			names = append(names, fmt.Sprintf(`"r%09d"`, i))
			i++
		}
		if i < pages*n {
			w.Header().Set("Link", fmt.Sprintf(`</acr/v1/_catalog?last=r%09d>; rel="next"`, i-1))
		}
		fmt.Fprintf(w, `{"repositories":[%s]}`, strings.Join(names, ","))
	}
}

// A list that never ends is an error that says so; one of a million items is none,
// and one of just the most pages.
func TestClient_lists_have_an_end(t *testing.T) {
	for _, tc := range []struct{ pages, size, items int }{{1000, 1000, 1_000_000}, {50_000, 1, 50_000},
		{1 << 30, 1, -50_000}} {
		c, s := newFake(t, pagesOf(tc.pages, tc.size))
		got := 0
		var failure error
		for _, err := range c.Repositories(background, nil) {
			if err != nil {
				failure = err
				break
			}
			got++
		}
		switch {
		case tc.items > 0 && (failure != nil || got != tc.items):
			t.Errorf("%d items of %d, %v", got, tc.items, failure)
		case tc.items < 0 && (got != -tc.items || len(s.seen) != 50_000 ||
			!errors.Is(failure, acrkit.CodeProtocol) || !strings.Contains(failure.Error(), "more than 50000 pages")):
			t.Errorf("%d items of %d pages, then %v", got, len(s.seen), failure)
		}
	}
}

// A page that leads to itself, or ends where the last one did, is an error at once.
func TestClient_lists_notice_no_progress(t *testing.T) {
	for _, tc := range []struct {
		name     string
		page     string
		link     string
		requests int
	}{
		{"link_to_itself", `["r$i"]`, "a", 2},
		{"link_to_itself_after_some", `["r$i"]`, "late", 8},
		{"empty_pages", `[]`, "a", 2},
		{"same_last", `["r$i","z"]`, "$i", 2},
		{"same_first", `["a","r$i"]`, "$i", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := 0
			c, s := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
				link := tc.link
				if link == "late" {
					link = fmt.Sprint(min(i, 6))
				}
				text := strings.ReplaceAll(`</acr/v1/_catalog?last=`+link+`>; rel="next"`, "$i", fmt.Sprint(i))
				w.Header().Set("Link", text)
				fmt.Fprintf(w, `{"repositories":%s}`, strings.ReplaceAll(tc.page, "$i", fmt.Sprint(i)))
				i++
			})
			_, err := collect(c.Repositories(background, nil))
			if !errors.Is(err, acrkit.CodeProtocol) || len(s.seen) != tc.requests {
				t.Errorf("%v after %d requests", err, len(s.seen))
			}
		})
	}
}

// Three pages without an item may follow each other, and no more.
func TestClient_lists_and_empty_pages(t *testing.T) {
	for empty, ok := range map[int]bool{3: true, 4: false} {
		i := 0
		c, s := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
			if i++; i <= empty {
				w.Header().Set("Link", fmt.Sprintf(`</acr/v1/_catalog?last=%d>; rel="next"`, i))
				fmt.Fprint(w, `{"repositories":[]}`)
				return
			}
			fmt.Fprint(w, `{"repositories":["a"]}`)
		})
		got, err := collect(c.Repositories(background, nil))
		if ok && (err != nil || len(got) != 1) || !ok && (!errors.Is(err, acrkit.CodeProtocol) || len(s.seen) != 4) {
			t.Errorf("%d empty pages: %v, %v with %d requests", empty, got, err, len(s.seen))
		}
	}
}

// The limits of a manifest and of a Link header, on both sides.
func TestLimits_sizes(t *testing.T) {
	for size, ok := range map[int]bool{4 << 20: true, 4<<20 + 1: false} {
		c, _ := newFake(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", size)) })
		if _, err := c.ManifestContent(background, "a", "v1"); (err == nil) != ok || err != nil &&
			!errors.Is(err, acrkit.CodeTooLarge) {
			t.Errorf("a manifest of %d bytes: %v", size, err)
		}
	}
	for size, ok := range map[int]bool{64 << 10: true, 64<<10 + 1: false} {
		const begin, end = `</acr/v1/_catalog?last=`, `>; rel="next"`
		i := 0
		c, _ := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
			if i++; i == 1 {
				w.Header().Set("Link", begin+strings.Repeat("x", size-len(begin)-len(end))+end)
			}
			fmt.Fprintf(w, `{"repositories":["r%d"]}`, i)
		})
		if _, err := collect(c.Repositories(background, nil)); (err == nil) != ok || err != nil &&
			!errors.Is(err, acrkit.CodeProtocol) {
			t.Errorf("a Link of %d bytes: %v", size, err)
		}
	}
}

func TestClient_lists_give_up_at_the_smallest_page(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newFake(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) })
		got, err := collect(c.Repositories(background, nil))
		if len(got) != 0 || !errors.Is(err, acrkit.CodeUnavailable) {
			t.Errorf("got %v, %v", got, err)
		}
		if n := len(s.seen); n != 8+attempts { // 1000 500 250 125 62 31 15 7, then 5
			t.Errorf("%d requests: %q", n, s.seen)
		}
	})
}

func TestClient_lists_fail_rather_than_fall_short(t *testing.T) {
	next := func(link string) http.HandlerFunc {
		i := 0
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", strings.ReplaceAll(link, "$i", fmt.Sprint(i)))
			fmt.Fprintf(w, `{"repositories":["r%d"]}`, i)
			i++
		}
	}
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		want    acrkit.Code
		text    string
	}{
		{"link_to_other_host", next(`<https://evil.example/acr/v1/_catalog?last=a>; rel="next"`), acrkit.CodeProtocol,
			"another place"},
		{"link_to_other_host_by_slashes", next(`<//evil.example/acr/v1/_catalog?last=a>; rel="next"`),
			acrkit.CodeProtocol, "another place"},
		{"link_to_plain_http", next(`<http://myregistry.azurecr.io/acr/v1/_catalog?last=a>; rel="next"`),
			acrkit.CodeProtocol, "another place"},
		{"link_to_other_path", next(`</acr/v1/other/_tags?last=a>; rel="next"`), acrkit.CodeProtocol, "another place"},
		{"link_with_credential", next(`<https://u:p@myregistry.azurecr.io/acr/v1/_catalog?last=a>; rel="next"`),
			acrkit.CodeProtocol, "another place"},
		{"link_malformed", next(`/acr/v1/_catalog?last=a; rel="next"`), acrkit.CodeProtocol, "malformed"},
		{"circle_of_one", next(`</acr/v1/_catalog?last=a>; rel="next"`), acrkit.CodeProtocol, "circle"},
		{"empty_pages", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", `</acr/v1/_catalog?last=`+r.URL.Query().Get("last")+`a>; rel="next"`)
			fmt.Fprint(w, `{"repositories":[]}`)
		}, acrkit.CodeProtocol, "empty"},
		{"same_page_again", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", `</acr/v1/_catalog?last=`+r.URL.Query().Get("last")+`a>; rel="next"`)
			fmt.Fprint(w, `{"repositories":["a","b"]}`)
		}, acrkit.CodeProtocol, "same page"},
		{"not_json", answerJSON(200, "<html>sign in</html>"), acrkit.CodeProtocol, "not a page"},
		{"no_list", answerJSON(200, "{}"), acrkit.CodeProtocol, "no list"},
		{"nameless_item", answerJSON(200, `{"repositories":["a",""]}`), acrkit.CodeProtocol, "without a name"},
		{"wrong_type", answerJSON(200, `{"repositories":"a"}`), acrkit.CodeProtocol, "not a page"},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", 307)
		}, acrkit.CodeProtocol, "redirect"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, _ := newFake(t, tc.handler)
			_, err := collect(c.Repositories(background, nil))
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, want %s with %q", err, tc.want, tc.text)
			}
			if !strings.HasPrefix(fmt.Sprint(err), "cannot list repositories on myregistry.azurecr.io: ") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestClient_lists_notice_a_long_circle(t *testing.T) {
	i := 0
	c, s := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", fmt.Sprintf(`</acr/v1/_catalog?last=%d>; rel="next"`, i%7))
		fmt.Fprintf(w, `{"repositories":["r%d"]}`, i%7)
		i++
	})
	_, err := collect(c.Repositories(background, nil))
	if !errors.Is(err, acrkit.CodeProtocol) || len(s.seen) > 40 {
		t.Errorf("%v after %d requests", err, len(s.seen))
	}
}

func TestClient_lists_stop_with_the_context(t *testing.T) {
	t.Run("between_pages", func(t *testing.T) {
		ctx, cancel := context.WithCancel(background)
		defer cancel()
		c, s := newFake(t, catalog(numbered(30), true))
		var err error
		n := 0
		for _, err = range c.Repositories(ctx, &ListOptions{maxPage: 10}) {
			if n++; n == 10 {
				cancel()
			}
		}
		if !errors.Is(err, context.Canceled) || len(s.seen) > 2 {
			t.Errorf("%v after %d requests", err, len(s.seen))
		}
	})
	t.Run("while_waiting_to_retry", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(background, time.Second)
			defer cancel()
			c, _ := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "30")
				w.WriteHeader(429)
			})
			start := time.Now()
			_, err := collect(c.Repositories(ctx, nil))
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > time.Second {
				t.Errorf("%v after %s", err, time.Since(start))
			}
		})
	})
	t.Run("by_the_caller_having_enough", func(t *testing.T) {
		c, s := newFake(t, catalog(numbered(30), true))
		for range c.Repositories(background, &ListOptions{maxPage: 10}) {
			break
		}
		if len(s.seen) != 1 {
			t.Errorf("%q", s.seen)
		}
	})
}

func TestClient_Tags(t *testing.T) {
	const digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	c, s := newFake(t, answerJSON(200, `{"registry":"myregistry.azurecr.io","imageName":"team/app","tags":[
		{"name":"v1","digest":"`+digest+`","createdTime":"2021-03-16T15:14:35.104237Z","lastUpdateTime":"2021-03-16T15:14:35.1042371Z",
		 "signed":false,"quarantineState":"Passed","changeableAttributes":{"deleteEnabled":false,"writeEnabled":true,"readEnabled":true,"listEnabled":true}},
		{"name":"v2","createdTime":7}]}`))
	got, err := collect(c.Tags(background, "team/app", &ListOptions{Order: OrderNewestFirst, Digest: digest}))
	if err != nil {
		t.Fatal(err)
	}
	want := []Tag{
		{"v1", digest, time.Date(2021, 3, 16, 15, 14, 35, 104237000, time.UTC),
			time.Date(2021, 3, 16, 15, 14, 35, 104237100, time.UTC), Attributes{false, true, true, true}},
		{"v2", "", time.Time{}, time.Time{}, Attributes{true, true, true, true}},
	}
	if diff := difftest.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if want := "GET /acr/v1/team/app/_tags?digest=sha256%3A" + digest[7:] +
		"&n=1000&orderby=timedesc"; s.seen[0] != want {
		t.Errorf("asked %q, want %q", s.seen[0], want)
	}
}

func TestClient_Tags_of_a_repository_without_tags(t *testing.T) {
	for _, body := range []string{`{"imageName":"a"}`, `{"imageName":"a","tags":null}`, `{"imageName":"a","tags":[]}`,
		`{"tags":null}`} {
		c, _ := newFake(t, answerJSON(200, body))
		if got, err := collect(c.Tags(background, "a", nil)); err != nil || len(got) != 0 {
			t.Errorf("%s: %v, %v", body, got, err)
		}
	}
}

func TestClient_Manifests(t *testing.T) {
	one, two := "sha256:"+strings.Repeat("1", 64), "sha256:"+strings.Repeat("2", 64)
	c, _ := newFake(t, answerJSON(200, `{"imageName":"a","manifests":[{"digest":"`+one+
		`","imageSize":5325,"architecture":"amd64","os":"linux",
		"mediaType":"m","configMediaType":"c","tags":["latest"],"changeableAttributes":{"quarantineState":"Passed"}},{"digest":"`+two+`"}]}`))
	got, err := collect(c.Manifests(background, "a", nil))
	if err != nil {
		t.Fatal(err)
	}
	all := Attributes{true, true, true, true}
	want := []Manifest{
		{Digest: one, Size: 5325, Architecture: "amd64", OS: "linux", MediaType: "m", ConfigMediaType: "c",
			Tags: []string{"latest"}, Attributes: all},
		{Digest: two, Attributes: all},
	}
	if diff := difftest.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestClient_lists_refuse_bad_input(t *testing.T) {
	c, s := newFake(t, answerJSON(200, `{}`))
	for name, err := range map[string]error{
		"repository":     second(collect(c.Tags(background, "../_catalog", nil))),
		"no_repository":  second(collect(c.Manifests(background, "", nil))),
		"negative_limit": second(collect(c.Repositories(background, &ListOptions{Limit: -1}))),
		"digest":         second(collect(c.Tags(background, "a", &ListOptions{Digest: "sha256:1"}))),
	} {
		if !errors.Is(err, acrkit.CodeUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(s.seen) != 0 {
		t.Errorf("sent %q", s.seen)
	}
}

func second[T any](_ T, err error) error { return err }

func TestClient_lists_halve_a_page_that_is_too_large(t *testing.T) {
	filler := strings.Repeat(" ", 32<<20)
	serve := catalog(numbered(1500), true)
	c, s := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("n") == "1000" {
			fmt.Fprint(w, `{"repositories":[]`, filler, `}`)
			return
		}
		serve(w, r)
	})
	got, err := collect(c.Repositories(background, nil))
	if err != nil || len(got) != 1500 {
		t.Errorf("%d, %v, %q", len(got), err, s.seen)
	}
}
