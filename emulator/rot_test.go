package emulator_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
)

// TestRottenStorage: the second host, to which downloads are redirected, sends no
// more of a damaged blob than the registry does.
func TestRottenStorage(t *testing.T) {
	for _, size := range []int{10, 300_000} {
		for _, part := range []string{"", "bytes=0-3", "bytes=2-5", "bytes=0-1,3-4"} {
			dir := t.TempDir()
			f := start(t, &emulator.Options{DataDir: dir, BlobRedirects: true})
			body := strings.Repeat("0123456789", size/10)
			sum := sha256.Sum256([]byte(body))
			digest := "sha256:" + hex.EncodeToString(sum[:])
			token := bearer(f.access("ci-push", "correct-horse-battery-staple-0002",
				"repository:samples/app:pull,push"))
			if a := f.do("POST", "/v2/samples/app/blobs/uploads/?digest="+url.QueryEscape(digest), token,
				body); a.status != 201 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			link := f.do("GET", "/v2/samples/app/blobs/"+digest, token, "").header.Get("Location")
			contenttest.Flip(t, contenttest.File(filepath.Join(dir, "state", "blobs"), digest), -1)
			r, err := http.NewRequestWithContext(t.Context(), "GET", link, nil)
			must(t, err)
			if part != "" {
				r.Header.Set("Range", part)
			}
			resp, err := f.client.Do(r)
			must(t, err)
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			switch {
			case size < 100 || part != "":
				if resp.StatusCode != 500 || err != nil ||
					!strings.Contains(string(got), "<Code>InternalError</Code>") {
					t.Errorf("%d bytes, %q: %d %.200q, %v", size, part, resp.StatusCode, got, err)
				}
			case resp.StatusCode != 200 || err == nil || len(got) >= size:
				t.Errorf("%d bytes: %d, %d came, %v", size, resp.StatusCode, len(got), err)
			}
			if a := f.do("HEAD", link, nil, ""); a.status != 500 {
				t.Errorf("HEAD: %d", a.status)
			}
			if a := f.do("GET", "/v2/samples/app/blobs/"+digest, token, ""); a.status != 500 ||
				a.header.Get("Location") != "" {
				t.Errorf("redirected to what is known to be damaged: %d", a.status)
			}
			f.stop()
		}
	}
}
