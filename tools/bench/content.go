package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync/atomic"
)

// The content, alike on all servers.
const (
	manifests   = 100 // in repository, each with ten tags
	tagsEach    = 10
	smallBlobs  = 100
	smallSize   = 1 << 10
	repository  = "bench/app"
	manifestMT  = "application/vnd.oci.image.manifest.v1+json"
	configMT    = "application/vnd.oci.image.config.v1+json"
	layerMT     = "application/vnd.oci.image.layer.v1.tar+gzip"
	octetStream = "Content-Type: application/octet-stream"
)

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// noise returns bytes that do not compress, the same for the same seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int64  `json:"size"`
}

// image returns the manifest of an image.
func image(config []byte, layers []descriptor, number int) []byte {
	b, err := json.Marshal(struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Config        descriptor        `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Annotations   map[string]string `json:"annotations"`
	}{2, manifestMT, descriptor{configMT, digestOf(config), int64(len(config))}, layers,
		map[string]string{"number": fmt.Sprint(number)}})
	if err != nil {
		panic(err) // plain values
	}
	return b
}

var emptyConfig = []byte(`{"architecture":"amd64","os":"linux"}`)

// bearer returns the Authorization line for a scope, "" where the server wants
// none.
func bearer(ctx context.Context, s *server, scope ...string) (string, error) {
	if !s.auth {
		return "", nil
	}
	c, err := dial(ctx, s.addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	r, err := c.do(wantBody, tokenRequest(s, scope...))
	if err := expect(r, err, 200, "get an access token"); err != nil {
		return "", err
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(r.body, &answer); err != nil {
		return "", err
	}
	return "Authorization: Bearer " + answer.Token, nil
}

func tokenRequest(s *server, scope ...string) []byte {
	q := url.Values{"service": {s.addr}, "scope": scope}
	return message("GET", s.addr, "/oauth2/token?"+q.Encode(),
		"Authorization: Basic "+base64.StdEncoding.EncodeToString([]byte(tokenName+":"+tokenPassword)))
}

// pushBlob uploads content as most clients do: POST, PATCH, PUT. parts are its
// bytes.
func (c *conn) pushBlob(addr, auth, repo, digest string, size int64, parts ...[]byte) error {
	what := "push " + digest + " to " + repo
	r, err := c.do(wantHeaders, message("POST", addr, "/v2/"+repo+"/blobs/uploads/", auth, "Content-Length: 0"))
	if err := expect(r, err, 202, what); err != nil {
		return err
	}
	head := message("PATCH", addr, pathOf(r.location), auth, octetStream, fmt.Sprintf("Content-Length: %d", size))
	r, err = c.do(wantHeaders|wantBody, append([][]byte{head}, parts...)...)
	if err := expect(r, err, 202, what); err != nil {
		return err
	}
	target := pathOf(r.location)
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	r, err = c.do(wantBody, message("PUT", addr, target+separator+"digest="+url.QueryEscape(digest), auth,
		octetStream, "Content-Length: 0"))
	return expect(r, err, 201, what)
}

func (c *conn) putManifest(addr, auth, repo, reference string, body []byte) error {
	r, err := c.do(wantBody, message("PUT", addr, "/v2/"+repo+"/manifests/"+reference, auth,
		"Content-Type: "+manifestMT, fmt.Sprintf("Content-Length: %d", len(body))), body)
	return expect(r, err, 201, "put "+repo+":"+reference)
}

func repositoryScope(repo string) string { return "repository:" + repo + ":metadata_read,pull,push" }

// each does n things with many clients. do gets the number of the thing.
func each(ctx context.Context, s *server, clients int, n int, do func(c *conn, i int) error) (measure, error) {
	var next atomic.Int64
	return loadCount(ctx, s, clients, int64(n), func(c *conn, _ *rand.Rand) error { return do(c, int(next.Add(1)-1)) })
}

// fill stores the content for the measures of a rate.
func fill(ctx context.Context, s *server) error {
	auth, err := bearer(ctx, s, repositoryScope(repository))
	if err != nil {
		return err
	}
	if _, err := each(ctx, s, 1, 1, func(c *conn, _ int) error {
		return c.pushBlob(s.addr, auth, repository, digestOf(emptyConfig), int64(len(emptyConfig)), emptyConfig)
	}); err != nil {
		return err
	}
	if _, err := each(ctx, s, connections, smallBlobs, func(c *conn, i int) error {
		b := noise(uint64(i), smallSize)
		return c.pushBlob(s.addr, auth, repository, digestOf(b), int64(len(b)), b)
	}); err != nil {
		return err
	}
	_, err = each(ctx, s, connections, manifests*tagsEach, func(c *conn, i int) error {
		n := i % manifests
		blob := noise(uint64(n), smallSize)
		return c.putManifest(s.addr, auth, repository, fmt.Sprintf("v%d", i),
			image(emptyConfig, []descriptor{{layerMT, digestOf(blob), smallSize}}, n))
	})
	return err
}

// fillTags makes a repository with many tags of one manifest, and returns how
// long the tags took.
func fillTags(ctx context.Context, s *server, repo string, clients, n int) (measure, error) {
	auth, err := bearer(ctx, s, repositoryScope(repo))
	if err != nil {
		return measure{}, err
	}
	body := image(emptyConfig, []descriptor{}, 0)
	if _, err := each(ctx, s, 1, 1, func(c *conn, _ int) error {
		if err := c.pushBlob(s.addr, auth, repo, digestOf(emptyConfig), int64(len(emptyConfig)),
			emptyConfig); err != nil {
			return err
		}
		return c.putManifest(s.addr, auth, repo, "first", body)
	}); err != nil {
		return measure{}, err
	}
	return each(ctx, s, clients, n, func(c *conn, i int) error {
		return c.putManifest(s.addr, auth, repo, tagName(i), body)
	})
}

func tagName(i int) string { return fmt.Sprintf("t%07d", i) }

// repositoriesEach is how many repositories share an access token while the
// catalog is filled.
const repositoriesEach = 50

// fillCatalog makes repositories with a manifest each.
func fillCatalog(ctx context.Context, s *server, n int) error {
	name := func(i int) string { return fmt.Sprintf("catalog/r%05d", i) }
	body := image(emptyConfig, []descriptor{}, 0)
	_, err := each(ctx, s, connections, (n+repositoriesEach-1)/repositoriesEach, func(c *conn, batch int) error {
		first := batch * repositoriesEach
		last := min(n, first+repositoriesEach)
		var scope []string
		for i := first; i < last; i++ {
			scope = append(scope, repositoryScope(name(i)))
		}
		auth, err := bearer(ctx, s, scope...)
		if err != nil {
			return err
		}
		for i := first; i < last; i++ {
			if err := c.pushBlob(s.addr, auth, name(i), digestOf(emptyConfig), int64(len(emptyConfig)),
				emptyConfig); err != nil {
				return err
			}
			if err := c.putManifest(s.addr, auth, name(i), "v1", body); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func digestOfParts(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
