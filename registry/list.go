package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/acrkit/acrkit"
)

const (
	// maxPage is the largest page the service gives; more is clamped silently
	// (reported by users, Azure/acr#749).
	maxPage = 1000
	// minPage is the least page size. Catalogs that answered 502 to a page of 100 are
	// known to answer a page of 5.
	minPage = 5
	// serverPage is the page size of the service when it ignores the requested size.
	serverPage = 100
	// maxPages bounds the pages of one list. A list of 10⁶ items has 1000 pages, or
	// 10,000 with serverPage; a list with more than maxPages never ends.
	//rule:pages-max-pages
	maxPages = 50_000
	// maxEmptyPages is how many pages without an item may follow each other
	// before a list counts as broken.
	//rule:pages-max-empty-pages
	maxEmptyPages = 3
)

// Order is the order of a list of tags or manifests.
type Order string

// The orders. The zero value is the service's own: by name, tag or digest.
const (
	OrderDefault     Order = ""
	OrderOldestFirst Order = "timeasc"
	OrderNewestFirst Order = "timedesc"
)

// ListOptions change a list. nil and the zero value list everything.
type ListOptions struct {
	Limit   int    // stop after so many items; 0 = no limit
	Order   Order  // of tags and manifests; the catalog has one order only
	Digest  string // tags only: those that point to this manifest; "" = all
	maxPage int    // items of a page, for tests; 0 = maxPage
}

// Repositories lists the names of the registry's repositories. It needs the
// right to the catalog, which a scope-mapped token has only through a map on
// "*".
func (c *Client) Repositories(ctx context.Context, opts *ListOptions) iter.Seq2[string, error] {
	l := lister[string]{
		c: c, op: "list repositories", path: "/acr/v1/_catalog", opts: options(opts),
		decode: func(body []byte) ([]string, error) {
			var page catalogPage
			if err := json.Unmarshal(body, &page); err != nil {
				return nil, err
			}
			if page.Repositories == nil && !hasKey(body, "repositories") {
				return nil, errors.New("it has no list of repositories")
			}
			return deref(page.Repositories), nil
		},
		name: func(s string) string { return s }, malformed: malformedRepository,
	}
	l.opts.Order, l.opts.Digest = OrderDefault, ""
	return l.all(ctx)
}

// Tags lists a repository's tags. It needs metadata/read on the repository.
func (c *Client) Tags(ctx context.Context, repository string, opts *ListOptions) iter.Seq2[Tag, error] {
	l := lister[Tag]{
		c: c, op: fmt.Sprintf("list tags of %q", clip(repository)), repository: repository,
		path: "/acr/v1/" + repository + "/_tags", opts: options(opts),
		decode: func(body []byte) ([]Tag, error) {
			var page tagPage
			if err := json.Unmarshal(body, &page); err != nil {
				return nil, err
			}
			if page.Tags == nil && page.Name == "" && !hasKey(body, "tags") {
				return nil, errors.New("it has no list of tags")
			}
			return values(deref(page.Tags), wireTag.value), nil
		},
		name: func(t Tag) string { return t.Name }, updated: func(t Tag) time.Time { return t.LastUpdateTime },
		malformed: Tag.malformed,
	}
	return l.all(ctx)
}

// Manifests lists a repository's manifests, untagged ones included. It needs
// metadata/read on the repository.
func (c *Client) Manifests(ctx context.Context, repository string, opts *ListOptions) iter.Seq2[Manifest, error] {
	l := lister[Manifest]{
		c: c, op: fmt.Sprintf("list manifests of %q", clip(repository)), repository: repository,
		path: "/acr/v1/" + repository + "/_manifests", opts: options(opts),
		decode: func(body []byte) ([]Manifest, error) {
			var page manifestPage
			if err := json.Unmarshal(body, &page); err != nil {
				return nil, err
			}
			if page.Manifests == nil && page.Name == "" && !hasKey(body, "manifests") {
				return nil, errors.New("it has no list of manifests")
			}
			return values(deref(page.Manifests), wireManifest.value), nil
		},
		name: func(m Manifest) string {
			return m.Digest
		}, updated: func(m Manifest) time.Time { return m.LastUpdateTime },
		malformed: Manifest.malformed,
	}
	l.opts.Digest = ""
	return l.all(ctx)
}

func options(opts *ListOptions) ListOptions {
	if opts == nil {
		return ListOptions{}
	}
	return *opts
}

func deref[T any](p *[]T) []T {
	if p == nil {
		return nil
	}
	return *p
}

func values[W, V any](wire []W, value func(W) V) []V {
	out := make([]V, 0, len(wire))
	for _, w := range wire {
		out = append(out, value(w))
	}
	return out
}

// hasKey reports whether an object has a key with any value: null may be an empty list.
func hasKey(body []byte, key string) bool {
	var doc map[string]json.RawMessage
	if json.Unmarshal(body, &doc) != nil {
		return false
	}
	_, ok := doc[key]
	return ok
}

// lister walks the pages of one list.
type lister[T any] struct {
	c          *Client
	op         string
	repository string // "" for the catalog
	path       string
	opts       ListOptions
	decode     func(body []byte) ([]T, error)
	name       func(T) string
	updated    func(T) time.Time // nil where the list has one order only
	malformed  func(T) string    // what is malformed in the item, or ""
	media      string            // what to accept; "" = application/json

	linkDecides bool // a page without a Link is the last, also if it is full
}

func (l *lister[T]) check() error {
	if l.repository != "" || l.path != "/acr/v1/_catalog" {
		if err := acrkit.CheckRepositoryName(l.repository); err != nil {
			return err
		}
	}
	if l.opts.Limit < 0 {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: l.op, Registry: l.c.reg, Reason: "the limit is negative"}
	}
	if l.opts.Digest != "" && !acrkit.IsDigest(l.opts.Digest) {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: l.op, Registry: l.c.reg,
			Reason: "the digest to filter by is malformed"}
	}
	return nil
}

func (l *lister[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		if err := l.check(); err != nil {
			yield(zero, err)
			return
		}
		if err := l.walk(ctx, func(item T) bool { return yield(item, nil) }); err != nil {
			yield(zero, err)
		}
	}
}

// walk yields the items of all pages. It returns nil when the list is complete, the limit
// is reached, or yield returns false.
func (l *lister[T]) walk(ctx context.Context, yield func(T) bool) error {
	size := maxPage
	if l.opts.maxPage > 0 {
		size = l.opts.maxPage
	}
	if l.opts.Limit > 0 {
		size = min(size, l.opts.Limit)
	}
	query := url.Values{}
	if l.opts.Order != OrderDefault {
		query.Set("orderby", string(l.opts.Order))
	}
	if l.opts.Digest != "" {
		query.Set("digest", l.opts.Digest)
	}
	var (
		yielded, empty int
		cycle          cycleCheck
		prev           pageEnds
	)
	for pages := 1; ; pages++ {
		items, a, err := l.page(ctx, query, &size)
		if err != nil {
			return err
		}
		if n := len(items); n > 0 {
			//rule:pages-walk-3
			if err := prev.advance(l.place(items[0]), l.place(items[n-1])); err != nil {
				return l.broken(a, err.Error())
			}
		}
		for _, item := range items {
			if !yield(item) {
				return nil
			}
			if yielded++; l.opts.Limit > 0 && yielded == l.opts.Limit {
				return nil
			}
		}
		if len(items) > 0 {
			empty = 0
		} else if empty++; empty > maxEmptyPages {
			return l.broken(a, fmt.Sprintf("%d pages in a row are empty and lead to another", empty))
		}
		next, ok, err := nextPage(a.header.Values("Link"), a.url)
		if err != nil {
			return l.broken(a, "the Link to the next page "+err.Error())
		}
		if !ok {
			// Some servers omit the Link of a full page; only another request shows
			// whether the list is complete.
			if len(items) == 0 || l.linkDecides || (len(items) < size && len(items) != serverPage) {
				return nil
			}
			//rule:pages-walk-2
			if last := items[len(items)-1]; l.opts.Order != OrderDefault && l.updated(last).IsZero() {
				return l.broken(a, "it names no next page, and does not say when "+clip(l.name(last))+
					" was updated, which asking for that page takes")
			}
			next = maps.Clone(query)
			next.Set("last", prev.last)
		}
		if l.opts.Digest != "" { // the Link lacks it
			//rule:pages-walk-4
			next.Set("digest", l.opts.Digest)
		}
		next.Del("n")
		//rule:pages-walk
		if cursor := next.Encode(); cursor == query.Encode() || cycle.seen(cursor) {
			return l.broken(a, "its pages lead in a circle")
		}
		if pages == maxPages {
			return l.broken(a,
				fmt.Sprintf("it has more than %d pages, as no list has: the registry always names another",
					maxPages))
		}
		query = next
	}
}

// place returns what the service calls an item in the last parameter of a Link:
// its name, in an order by time after the ticks of its last update (100 ns from
// the year 1). An item that was updated between two pages has another place.
func (l *lister[T]) place(item T) string {
	const ticksOf1970 = 621_355_968_000_000_000
	if l.opts.Order == OrderDefault {
		return l.name(item)
	}
	updated := l.updated(item)
	ticks := ticksOf1970 + updated.Unix()*1e7 + int64(updated.Nanosecond()/100)
	return strconv.FormatInt(ticks, 10) + "&" + l.name(item)
}

// page fetches one page. If the service fails at the size of the page, it asks for half of
// it; if there is no answer in time, it asks once more, for at most serverPage.
func (l *lister[T]) page(ctx context.Context, query url.Values, size *int) ([]T, *answer, error) {
	silences := 0
	for {
		q := call{op: l.op, method: http.MethodGet, path: l.path, query: url.Values{}, accept: []int{http.StatusOK},
			media: l.media}
		for k, v := range query {
			q.query[k] = v
		}
		q.query.Set("n", strconv.Itoa(*size))
		canHalve := func(err error) bool { return *size > minPage && tooMuch(err) }
		a, err := l.c.do(ctx, q, canHalve)
		if err != nil {
			if ctx.Err() != nil || !canHalve(err) {
				return nil, nil, err
			}
			*size = max(*size/2, minPage)
			if silent(err) {
				if silences++; silences == maxSilent {
					return nil, nil, err
				}
				*size = min(*size, serverPage)
			}
			if werr := wait(ctx, firstBackoff); werr != nil {
				return nil, nil, l.c.unanswered(q, werr)
			}
			continue
		}
		items, err := l.decode(a.body)
		if err != nil {
			return nil, nil, l.broken(a, "the answer is not a page of the list: "+clip(err.Error()))
		}
		for _, item := range items {
			if l.name(item) == "" {
				return nil, nil, l.broken(a, "the answer has an item without a name")
			}
			if why := l.malformed(item); why != "" {
				return nil, nil, l.broken(a, "the answer has "+why)
			}
		}
		return items, a, nil
	}
}

// tooMuch reports whether the failure may be due to the size of the page.
func tooMuch(err error) bool {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return false
	}
	return e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout ||
		e.Code == acrkit.CodeTooLarge || silent(err)
}

func (l *lister[T]) broken(a *answer, why string) error {
	q := call{op: l.op, method: http.MethodGet, path: l.path, query: a.url.Query()}
	return l.c.broken(q, a, acrkit.CodeProtocol, why)
}

// pageEnds has the first and last item of the last page with items, to detect a server
// that ignores where a page begins.
type pageEnds struct{ first, last string }

func (p *pageEnds) advance(first, last string) error {
	//rule:pages-advance
	if first == p.first || first == p.last || last == p.last {
		return errors.New("the registry sends the same page again")
	}
	p.first, p.last = first, last
	return nil
}

// cycleCheck detects a sequence that repeats, in constant memory, by comparing each
// element with one that is kept for twice as long each time (Brent's method).
type cycleCheck struct {
	kept         string
	steps, limit int
}

func (c *cycleCheck) seen(cursor string) bool {
	if c.limit > 0 && cursor == c.kept {
		return true
	}
	if c.steps++; c.steps > c.limit {
		c.kept, c.steps, c.limit = cursor, 0, max(1, 2*c.limit)
	}
	return false
}
