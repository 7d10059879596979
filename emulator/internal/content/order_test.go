package content_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
)

// item is a tag or a manifest in an order by time.
type item struct {
	name    string
	updated time.Time
}

type lists = func(content.Page) (page []item, more bool, err error)

// pages walks a list page by page; after is called with each page before the next
// is asked for.
func pages(t *testing.T, list lists, p content.Page, after func([]item)) (names []string) {
	t.Helper()
	for {
		page, more, err := list(p)
		must(t, err)
		for _, i := range page {
			names = append(names, i.name)
		}
		if len(page) > p.N || more && len(page) < p.N || len(names) > 1000 {
			t.Fatalf("a page of %d has %d items; more: %v", p.N, len(page), more)
		}
		if after != nil {
			after(page)
		}
		if !more {
			return names
		}
		p.Last, p.Updated = page[len(page)-1].name, page[len(page)-1].updated
	}
}

// timed is a repository of 12 images, three of them in each tick, whose tags are
// their names.
type timed struct {
	*fixture
	now    time.Time
	images []string // digests, by number
}

func newTimed(t *testing.T) *timed {
	w := &timed{now: time.Date(2026, 1, 1, 0, 0, 0, 100, time.UTC)}
	w.fixture = newFixture(t, contenttest.Setup{Now: func() time.Time { return w.now }})
	for i := range 12 {
		if i%3 == 0 {
			w.now = w.now.Add(100 * time.Nanosecond)
		}
		w.images = append(w.images, w.image("r", w.tag(i), fmt.Sprint(i)))
	}
	w.now = w.now.Add(time.Second)
	return w
}

// tag returns the names of tags so that neither the order of names nor that of
// numbers is the order of time.
func (*timed) tag(i int) string { return fmt.Sprintf("t%02d", i*7%12) }

func (w *timed) tags(p content.Page) (all []item, more bool, err error) {
	found, more, err := w.Tags(w.t.Context(), w.reg, "r", "", p)
	for _, f := range found {
		all = append(all, item{f.Name, f.Updated})
	}
	return all, more, err
}

func (w *timed) manifests(p content.Page) (all []item, more bool, err error) {
	found, more, err := w.Manifests(w.t.Context(), w.reg, "r", p)
	for _, f := range found {
		all = append(all, item{f.Digest, f.Updated})
	}
	return all, more, err
}

// TestOrderByTime reads lists whose items share ticks in pages of any size: each
// item once, in the order of time and then of names.
func TestOrderByTime(t *testing.T) {
	w := newTimed(t)
	for what, list := range map[string]lists{"tags": w.tags, "manifests": w.manifests} {
		whole, more, err := list(content.Page{N: content.MaxPage, Order: content.TimeAscending})
		if err != nil || more || len(whole) != 12 {
			t.Fatalf("%s: %d, more %v, %v", what, len(whole), more, err)
		}
		var want []string
		for i, it := range whole {
			want = append(want, it.name)
			if i == 0 {
				continue
			}
			before := whole[i-1]
			same := it.updated.Equal(before.updated)
			if same != (i%3 != 0) || same && it.name < before.name || it.updated.Before(before.updated) {
				t.Errorf("%s: %v before %v", what, before, it)
			}
		}
		for _, order := range []content.Order{content.TimeAscending, content.TimeDescending} {
			for n := 1; n <= 13; n++ {
				if diff := cmp.Diff(want, pages(t, list, content.Page{N: n, Order: order}, nil)); diff != "" {
					t.Errorf("%s, %s, pages of %d (-want +got):\n%s", what, order, n, diff)
				}
			}
			slices.Reverse(want)
		}
	}
}

// TestOrderedListChanges changes a list between two of its pages. What is not
// touched is on exactly one page.
func TestOrderedListChanges(t *testing.T) {
	for _, order := range []content.Order{content.TimeAscending, content.TimeDescending} {
		for n := 1; n <= 5; n++ {
			t.Run(fmt.Sprintf("%s of %d", order, n), func(t *testing.T) {
				p := content.Page{N: n, Order: order}
				ctx := t.Context()

				w := newTimed(t)
				want := pages(t, w.tags, content.Page{N: 100, Order: order}, nil)
				got := pages(t, w.tags, p, func(page []item) {
					for _, i := range page {
						must(t, first(w.DeleteTag(ctx, w.reg, "r", i.name)))
					}
				})
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("tags, each page deleted (-want +got):\n%s", diff)
				}
				want = pages(t, w.manifests, content.Page{N: 100, Order: order}, nil)
				got = pages(t, w.manifests, p, func(page []item) {
					for _, i := range page {
						must(t, w.DeleteManifest(ctx, w.reg, "r", i.name))
					}
				})
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("manifests, each page deleted (-want +got):\n%s", diff)
				}

				// The last tag of the first page is pushed again: it is the newest.
				w = newTimed(t)
				want = pages(t, w.tags, content.Page{N: 100, Order: order}, nil)
				moved := want[n-1]
				if order == content.TimeAscending {
					want = append(want, moved)
				}
				once := true
				got = pages(t, w.tags, p, func([]item) {
					if once {
						w.image("r", moved, "another image")
					}
					once = false
				})
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("a tag pushed again (-want +got):\n%s", diff)
				}

				// A place is good for every name and time.
				w = newTimed(t)
				p.Last, p.Updated = "t99", time.Date(2026, 1, 1, 0, 0, 0, 300, time.UTC)
				if order == content.TimeDescending {
					p.Last, p.Updated = "!", p.Updated.Add(100*time.Nanosecond)
				}
				got = pages(t, w.tags, p, nil)
				want = pages(t, w.tags, content.Page{N: 100, Order: order}, nil)[6:]
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("after a place where nothing is (-want +got):\n%s", diff)
				}
			})
		}
	}
}
