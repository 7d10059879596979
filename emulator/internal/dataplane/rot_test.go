package dataplane_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
)

// wholeBody is the largest blob that is read before it is sent.
const wholeBody = 32 << 10

const damagedText = "the content is damaged in the emulator's data folder; push it again; acrkit emulator check says " +
	"what else is damaged"

// get reads an answer to its end; err says that it broke off.
func (s *server) get(path string, headers ...string) (a answer, err error) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), "GET", s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	// A connection of its own: on one that was used before, Go's client asks again
	// where it ends before anything has come.
	fresh := &http.Transport{DisableKeepAlives: true}
	resp, err := fresh.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b)}, err
}

// TestRottenBlob: a blob with one bit changed, or cut, is never sent whole; HEAD
// says that it is not there once that is known, so that a client pushes it; and
// then it is whole.
func TestRottenBlob(t *testing.T) {
	for _, size := range []int{10, wholeBody, wholeBody + 1, 300_000} {
		body := strings.Repeat("0123456789", size/10+1)[:size]
		path := "/v2/r/blobs/" + digestOf(body)
		small := size <= wholeBody
		fail := errorBody("UNKNOWN", damagedText, fmt.Sprintf(`{"Name":%q}`, digestOf(body)))
		mount := "/v2/other/blobs/uploads/?from=r&mount=" + url.QueryEscape(digestOf(body))
		heal := func(s *server) {
			t.Helper()
			s.want(s.do("HEAD", path, ""), 404, "")
			if a := s.do("POST", mount, ""); a.status != 202 {
				t.Errorf("mounted: %d %s", a.status, a.body)
			}
			if a, err := s.get(path); a.status != 500 || a.body != fail || err != nil {
				t.Errorf("GET of what is known to be damaged: %d %q, %v", a.status, a.body, err)
			}
			s.blob("r", body)
			s.want(s.do("HEAD", path, ""), 200, "")
			s.want(s.do("GET", path, ""), 200, body)
			s.want(s.do("GET", path, "", "Range: bytes=2-4"), 206, "234")
			s.want(s.do("POST", mount, ""), 201, "")
		}
		start := func(t *testing.T) (*server, string) {
			t.Helper()
			dir := t.TempDir()
			s := serve(t, setup{dir: dir})
			s.blob("r", body)
			return s, contenttest.File(dir, digestOf(body))
		}
		t.Run(fmt.Sprint(size, "/whole"), func(t *testing.T) {
			s, file := start(t)
			contenttest.Flip(t, file, size/2)
			a, err := s.get(path)
			refused := a.status == 500 && a.body == fail && err == nil
			cut := (a.status == 200 || a.body == "") && err != nil && len(a.body) < size
			if small && !refused || !small && !cut {
				t.Errorf("%d, %d bytes of %d, %v", a.status, len(a.body), size, err)
			}
			heal(s)
		})
		t.Run(fmt.Sprint(size, "/range"), func(t *testing.T) {
			s, file := start(t)
			contenttest.Flip(t, file, -1)
			for _, part := range []string{"0-1", "3-4", "-1"} {
				if a, err := s.get(path, "Range: bytes="+part); a.status != 500 || a.body != fail || err != nil ||
					a.header.Get("Content-Range") != "" {
					t.Errorf("%s: %d %q, %v", part, a.status, a.body, err)
				}
			}
			heal(s)
		})
		t.Run(fmt.Sprint(size, "/mount"), func(t *testing.T) {
			s, file := start(t)
			contenttest.Flip(t, file, 0)
			s.want(s.do("POST", mount, ""), 202, "")
			heal(s)
		})
	}
}

// TestRottenManifest: HEAD of a manifest whose body is damaged says that it is
// not there, GET says that it is damaged, and a push heals it.
func TestRottenManifest(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, setup{dir: dir})
	digest := s.image("r", "v1")
	body := s.want(s.do("GET", "/v2/r/manifests/v1", ""), 200, "*").body
	s.execute("UPDATE manifest_bodies SET body=CAST(replace(CAST(body AS TEXT),'layers','lazers') AS BLOB)")
	for _, ref := range []string{"v1", digest} {
		s.want(s.do("HEAD", "/v2/r/manifests/"+ref, ""), 404, "")
		s.want(s.do("GET", "/v2/r/manifests/"+ref, ""), 500,
			errorBody("UNKNOWN", damagedText, fmt.Sprintf(`{"Name":%q}`, digest)))
	}
	s.want(s.do("PUT", "/v2/r/manifests/"+digest, body, "Content-Type: "+manifestType), 201, "")
	for _, ref := range []string{"v1", digest} {
		s.want(s.do("HEAD", "/v2/r/manifests/"+ref, ""), 200, "")
		s.want(s.do("GET", "/v2/r/manifests/"+ref, ""), 200, body)
	}
}

// TestDamageIsLogged: who runs the emulator reads what is damaged, and what to do.
func TestDamageIsLogged(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	s := serve(t, setup{dir: dir, log: &log})
	digest := s.blob("r", "text")
	contenttest.Flip(t, contenttest.File(dir, digest), 0)
	if a := s.do("GET", "/v2/r/blobs/"+digest, ""); a.status != 500 {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, want := range []string{"level=ERROR", digest, "acrkit emulator check"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, log.String())
		}
	}
}
