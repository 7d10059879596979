package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// workload is one measure of a rate.
type workload struct {
	key, title string
	goal       goal
	clients    int
	without    map[string]string // servers that are left out, and why
	action     func(ctx context.Context, s *server, size sizes) (action, error)
}

// sizes of the content.
type sizes struct {
	repositories int // in the catalog
	tags         int // written in each round, and listed
	layer        int // bytes of one of eight layers
}

// wholeSize is what the goals speak of. A GiB is 8 layers of 128 MiB.
var wholeSize = sizes{repositories: 5000, tags: 10_000, layer: 128 << 20}

const (
	layers   = 8
	pageSize = 1000
	parallel = 4 // layers that a client moves at a time
)

func workloads() []workload {
	manifest := func(method string, w want, references func() []string) func(context.Context, *server,
		sizes) (action, error) {
		return func(ctx context.Context, s *server, _ sizes) (action, error) {
			auth, err := bearer(ctx, s, "repository:"+repository+":pull")
			var requests [][]byte
			for _, ref := range references() {
				requests = append(requests, message(method, s.addr, "/v2/"+repository+"/manifests/"+ref, auth,
					"Accept: "+manifestMT))
			}
			return one(requests, w, -1, method+" manifest"), err
		}
	}
	digests := func() (all []string) {
		for n := range manifests {
			blob := noise(uint64(n), smallSize)
			all = append(all, digestOf(image(emptyConfig, []descriptor{{layerMT, digestOf(blob), smallSize}}, n)))
		}
		return all
	}
	tags := func() (all []string) {
		for i := range manifests * tagsEach {
			all = append(all, fmt.Sprintf("v%d", i))
		}
		return all
	}
	return []workload{
		{key: "get-digest", title: "GET manifest by digest", goal: atLeast(5, 4), clients: connections,
			action: manifest("GET", wantNothing, digests)},
		{key: "get-tag", title: "GET manifest by tag", goal: atLeast(5, 4), clients: connections,
			action: manifest("GET", wantNothing, tags)},
		{key: "head-tag", title: "HEAD manifest by tag", goal: atLeast(5, 4), clients: connections,
			action: manifest("HEAD", isHead, tags)},
		{key: "get-blob", title: "GET blob of 1 KiB", goal: atLeast(15, 0), clients: connections,
			action: func(ctx context.Context, s *server, _ sizes) (action, error) {
				auth, err := bearer(ctx, s, "repository:"+repository+":pull")
				var requests [][]byte
				for i := range smallBlobs {
					requests = append(requests,
						message("GET", s.addr, "/v2/"+repository+"/blobs/"+digestOf(noise(uint64(i), smallSize)), auth))
				}
				return one(requests, wantNothing, smallSize, "GET blob"), err
			}},
		{key: "tags-page", title: "a page of 1,000 of 10,000 tags", goal: atLeast(8, 0), clients: connections,
			action: func(ctx context.Context, s *server, size sizes) (action, error) {
				repo := tagsRepository(0)
				auth, err := bearer(ctx, s, "repository:"+repo+":metadata_read,pull")
				page := min(pageSize, size.tags/10)
				var requests [][]byte
				for i := range size.tags/page - 1 {
					requests = append(requests,
						message("GET", s.addr, fmt.Sprintf("/v2/%s/tags/list?n=%d&last=%s", repo, page,
							tagName(i*page)), auth))
				}
				least := int64(page * len(`"t0000000",`))
				return func(c *conn, dice *rand.Rand) error {
					r, err := c.do(wantNothing, requests[dice.IntN(len(requests))])
					if err := expect(r, err, 200, "list tags"); err != nil {
						return err
					}
					if r.size < least {
						return fmt.Errorf("a page of %d bytes", r.size)
					}
					return nil
				}, err
			}},
		{key: "catalog", title: "walk of a catalog of 5,000", goal: atLeast(30, 0), clients: connections,
			without: map[string]string{nameCrane: "its list ends at 1,000, without a word"},
			action: func(ctx context.Context, s *server, size sizes) (action, error) {
				auth, err := bearer(ctx, s, "registry:catalog:*")
				least := int64(size.repositories * len(`"catalog/r00000",`))
				return func(c *conn, _ *rand.Rand) error {
					var sum int64
					for target := "/v2/_catalog?n=1000"; target != ""; {
						r, err := c.do(wantHeaders, message("GET", s.addr, target, auth))
						if err := expect(r, err, 200, "list repositories"); err != nil {
							return err
						}
						sum += r.size
						target = r.next()
					}
					if sum < least {
						return fmt.Errorf("a catalog of %d bytes", sum)
					}
					return nil
				}, err
			}},
		{key: "tokens", title: "access tokens issued", goal: perSecond(1000), clients: connections,
			without: map[string]string{nameCrane: "none", nameDistribution: "none of its own"},
			action: func(_ context.Context, s *server, _ sizes) (action, error) {
				return one([][]byte{tokenRequest(s, "repository:"+repository+":pull")}, wantNothing, -1,
					"get an access token"), nil
			}},
	}
}

func tagsRepository(round int) string { return fmt.Sprintf("tags/round%d", round) }

// big is an image of eight large layers, which share their bytes save the first
// 32: making noise is no part of the measure.
type big struct {
	heads   [layers][]byte
	rest    []byte
	digests [layers]string
	image   []byte
}

func newBig(round, layer int) *big {
	b := &big{rest: noise(1, layer-32)}
	var all [layers]descriptor
	var wait sync.WaitGroup
	for i := range layers {
		b.heads[i] = noise(uint64(1000+round*layers+i), 32)
		wait.Go(func() { b.digests[i] = digestOfParts(b.heads[i], b.rest) })
	}
	wait.Wait()
	for i := range layers {
		all[i] = descriptor{layerMT, b.digests[i], int64(layer)}
	}
	b.image = image(emptyConfig, all[:], round)
	return b
}

const bigRepository = "bench/big"

// push uploads the image, four layers at a time.
func (b *big) push(ctx context.Context, s *server) (measure, error) {
	auth, err := bearer(ctx, s, repositoryScope(bigRepository))
	if err != nil {
		return measure{}, err
	}
	var left atomic.Int64
	left.Store(layers)
	return each(ctx, s, parallel, layers, func(c *conn, i int) error {
		if err := c.pushBlob(s.addr, auth, bigRepository, b.digests[i], int64(len(b.heads[i])+len(b.rest)), b.heads[i],
			b.rest); err != nil {
			return err
		}
		if left.Add(-1) > 0 {
			return nil
		}
		if err := c.pushBlob(s.addr, auth, bigRepository, digestOf(emptyConfig), int64(len(emptyConfig)),
			emptyConfig); err != nil {
			return err
		}
		return c.putManifest(s.addr, auth, bigRepository, "v1", b.image)
	})
}

// pull reads the image, four layers at a time. The bytes are counted and
// dropped: checking them would cost the same with every server.
func (b *big) pull(ctx context.Context, s *server) (measure, error) {
	auth, err := bearer(ctx, s, "repository:"+bigRepository+":pull")
	if err != nil {
		return measure{}, err
	}
	return each(ctx, s, parallel, layers, func(c *conn, i int) error {
		if i == 0 {
			r, err := c.do(wantNothing, message("GET", s.addr, "/v2/"+bigRepository+"/manifests/v1", auth, "Accept: "+
				manifestMT))
			if err := expect(r, err, 200, "GET manifest"); err != nil {
				return err
			}
		}
		r, err := c.do(wantNothing, message("GET", s.addr, "/v2/"+bigRepository+"/blobs/"+b.digests[i], auth))
		if err := expect(r, err, 200, "GET layer"); err != nil {
			return err
		}
		if want := int64(len(b.heads[i]) + len(b.rest)); r.size != want {
			return fmt.Errorf("a layer of %d bytes, not %d", r.size, want)
		}
		return nil
	})
}

// growthTags is how many of a repository's tags are asked for when it has more.
const growthTags = 20_000

// byTag asks for tags of a repository that fillTags made.
func byTag(ctx context.Context, s *server, repo string, n int) (action, error) {
	auth, err := bearer(ctx, s, "repository:"+repo+":pull")
	dice := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // which tags are asked for is no secret
	var requests [][]byte
	for i := range min(n, growthTags) {
		if n > growthTags {
			i = dice.IntN(n)
		}
		requests = append(requests, message("GET", s.addr, "/v2/"+repo+"/manifests/"+tagName(i), auth, "Accept: "+
			manifestMT))
	}
	return one(requests, wantNothing, -1, "GET manifest"), err
}

// firstAnswer starts a server anew and returns how long its first answer took.
func firstAnswer(ctx context.Context, s *server, wipe bool) (time.Duration, error) {
	first, err := s.restart(ctx, wipe)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", s.name, err)
	}
	return first, nil
}
