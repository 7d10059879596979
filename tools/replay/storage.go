package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit/tools/replay/recording"
)

// isStored reports whether an answer is a storage account's: of a request to it,
// or of one to the registry whose redirect the recorder followed unseen.
func isStored(x *recording.Exchange) bool {
	return x.Answer.Get("X-Ms-Blob-Type") != "" ||
		strings.HasSuffix(strings.ToLower(x.URL.Hostname()), ".blob.core.windows.net")
}

// storedDigest returns the digest of the blob that a request asks the registry or
// storage for; "" = it asks for none.
func storedDigest(x *recording.Exchange) string {
	if m := storedBlob.FindStringSubmatch(x.URL.Path); m != nil {
		return "sha256:" + m[1]
	}
	if _, digest, ok := strings.Cut(x.URL.Path, "/blobs/"); ok {
		return digest
	}
	return ""
}

// do sends a request. If the recorded answer is storage's, do follows the registry's
// redirect, with the range as the only header.
func (s *session) do(x *recording.Exchange, req *http.Request) (*http.Response, error) {
	if !isStored(x) {
		return s.t.client.Do(req)
	}
	link := s.links[storedDigest(x)]
	if registryHost.MatchString(x.URL.Hostname()) {
		resp, err := s.t.client.Do(req)
		if err != nil || resp.StatusCode != http.StatusTemporaryRedirect {
			return resp, err
		}
		resp.Body.Close()
		link = resp.Header.Get("Location")
	}
	return s.getStored(req.Context(), x, link)
}

func (s *session) getStored(ctx context.Context, x *recording.Exchange, link string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, x.Method, link, http.NoBody)
	if err != nil {
		return nil, err
	}
	if v, ok := x.Header["Range"]; ok {
		req.Header["Range"] = v
	}
	return s.t.client.Do(req)
}

// compareStored compares an answer of storage: what clients read of it.
func (c *comparison) compareStored() {
	if c.want.Status != c.got.status {
		c.differ("status %d, recorded is %d", c.got.status, c.want.Status)
		return
	}
	for _, name := range []string{"Content-Type", "Content-Range", "Accept-Ranges", "X-Ms-Blob-Type"} {
		if w, g := c.want.Answer.Get(name), c.got.header.Get(name); w != g {
			c.differ("%s: %q, recorded is %q", name, g, w)
		}
	}
	if leftOut.MatchString(c.want.Content) {
		c.got.lost = true // its length is compared as Content-Range or Content-Length
	}
	if length := c.want.Answer.Get("Content-Length"); length != "" && length != c.got.header.Get("Content-Length") {
		c.differ("Content-Length: %q, recorded is %q", c.got.header.Get("Content-Length"), length)
	}
	if c.want.Content != c.got.body && !c.got.lost {
		c.differ("body: other bytes")
	}
}
