package azureauth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

func TestHTTPClientFields(t *testing.T) {
	t.Parallel()
	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		release := make(chan struct{})
		t.Cleanup(func() { close(release) })
		f.hook = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
			if r.URL.Path == "/oauth2/token" {
				return false
			}
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return true
		}
		o := f.options()
		o.Transport.(*http.Client).Timeout = 50 * time.Millisecond
		o.Retry.MaxRetries = -1
		err := getRepository(t.Context(), f.clientWith(auth.ScopedToken("ci", password), o))
		if e, ok := errors.AsType[*url.Error](err); !ok || !e.Timeout() {
			t.Errorf("got %v, want a timeout", err)
		}
	})
	t.Run("cookies", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.hook = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			http.SetCookie(w, &http.Cookie{Name: "route", Value: "a"})
			return false
		}
		o := f.options()
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		o.Transport.(*http.Client).Jar = jar
		c := f.clientWith(auth.ScopedToken("ci", password), o)
		for range 2 {
			if err := getRepository(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		log := f.log()
		if got := log[len(log)-1].Header.Get("Cookie"); got != "route=a" {
			t.Errorf("Cookie = %q", got)
		}
	})
	t.Run("redirects", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.hook = redirectBlobs("https://127.0.0.1:1/x")
		o := f.options()
		asked := 0
		o.Transport.(*http.Client).CheckRedirect = func(*http.Request, []*http.Request) error {
			asked++
			return http.ErrUseLastResponse
		}
		b, err := azureauth.NewContainerRegistryBlobClient(f.host(), auth.ScopedToken("ci", password),
			&azcontainerregistry.BlobClientOptions{ClientOptions: o})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.GetBlob(t.Context(), "samples/app", "sha256:"+strings.Repeat("0", 64), nil)
		if e, ok := errors.AsType[*azcore.ResponseError](err); asked != 1 || !ok ||
			e.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("CheckRedirect was asked %d times; got %v", asked, err)
		}
	})
}

func redirectBlobs(to string) func(http.ResponseWriter, *http.Request, []byte) bool {
	return func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if !strings.Contains(r.URL.Path, "/blobs/sha256:") {
			return false
		}
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		return true
	}
}

// TestRedirect: the registry sends blobs from another host. Neither a token nor the
// placeholder may go there, also where only the port differs, which is the case
// that http.Client lets through by itself.
func TestRedirect(t *testing.T) {
	t.Parallel()
	for _, hostname := range []string{"127.0.0.1", "localhost"} {
		t.Run("from_"+hostname, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var headers []http.Header
			blobs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				headers = append(headers, r.Header.Clone())
				fmt.Fprint(w, "content")
			}))
			t.Cleanup(blobs.Close)
			f := newFake(t)
			f.hook = redirectBlobs(blobs.URL + "/blob?sig=secret")
			_, port, _ := strings.Cut(f.host(), ":")
			o := f.options()
			// in httptest's certificate
			o.Transport.(*http.Client).Transport.(*http.Transport).TLSClientConfig.ServerName = "example.com"
			b, err := azureauth.NewContainerRegistryBlobClient(hostname+":"+port, auth.ScopedToken("ci", password),
				&azcontainerregistry.BlobClientOptions{ClientOptions: o})
			if err != nil {
				t.Fatal(err)
			}
			got, err := b.GetBlob(t.Context(), "samples/app", "sha256:"+strings.Repeat("0", 64), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer got.BlobData.Close()
			if data, err := io.ReadAll(got.BlobData); err != nil || string(data) != "content" {
				t.Errorf("got %q, %v", data, err)
			}
			if len(headers) != 1 || headers[0].Get("Authorization") != "" {
				t.Errorf("the blob host got %v", headers)
			}
		})
	}
}

// justDo is a Transporter that is no http.Client.
type justDo struct {
	hc *http.Client
	n  *int
}

func (d justDo) Do(r *http.Request) (*http.Response, error) {
	*d.n++
	return d.hc.Transport.RoundTrip(r)
}

func TestOtherTransporter(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	n := 0
	o := f.options()
	o.Transport = justDo{o.Transport.(*http.Client), &n}
	if err := getRepository(t.Context(), f.clientWith(auth.ScopedToken("ci", password), o)); err != nil {
		t.Fatal(err)
	}
	if n != 2 {
		t.Errorf("the transporter saw %d requests, want 2: the token's and the call", n)
	}
}
