package azureauth_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit/auth"
)

// TestUploadRefusedEarly: the registry refuses a chunk before it has read it, once,
// in a way that is answered with another try: of package auth or of azcore. What it
// stores in the end must be the whole chunk. The body's reader is one that all
// tries share, and it feeds the digest.
func TestUploadRefusedEarly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ status, size int }{{401, 10}, {401, 8 << 20}, {503, 10}, {503, 8 << 20},
		{429, 8 << 20}} {
		size := c.size / 10 * 10
		t.Run(fmt.Sprintf("%d_%d_bytes", c.status, size), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			inner := f.srv.Config.Handler
			var mu sync.Mutex
			refusals := 1
			early := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				refuse := r.Method == http.MethodPatch && refusals > 0
				if refuse {
					refusals--
				}
				mu.Unlock()
				if !refuse {
					inner.ServeHTTP(w, r)
					return
				}
				w.Header().Set("WWW-Authenticate",
					fmt.Sprintf(
						`Bearer realm="https://%s/oauth2/token",service="%s",scope="repository:samples/app:pull,push",error="invalid_token"`, r.Host, r.Host))
				w.WriteHeader(c.status)
				fmt.Fprint(w, `{"errors":[]}`)
			}))
			t.Cleanup(early.Close)
			f.srv.Close()
			f.srv = early

			b := f.blobClient(auth.ScopedToken("ci", password))
			data := bytes.Repeat([]byte("0123456789"), size/10)
			start, err := b.StartUpload(t.Context(), "samples/app", nil)
			if err != nil {
				t.Fatal(err)
			}
			sum := azcontainerregistry.NewBlobDigestCalculator()
			chunk, err := b.UploadChunk(t.Context(), *start.Location, bytes.NewReader(data), sum, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.CompleteUpload(t.Context(), *chunk.Location, sum, nil); err != nil {
				t.Fatal(err)
			}
			var stored, digest string
			for _, r := range f.log() {
				switch r.Method {
				case http.MethodPatch:
					stored = r.Body
				case http.MethodPut:
					q, _ := url.ParseQuery(r.Query)
					digest = q.Get("digest")
				}
			}
			if stored != string(data) {
				t.Errorf("stored %d bytes, want the %d that were given", len(stored), len(data))
			}
			if want := fmt.Sprintf("sha256:%x", sha256.Sum256(data)); !strings.EqualFold(digest, want) {
				t.Errorf("digest %s, want %s", digest, want)
			}
		})
	}
}
