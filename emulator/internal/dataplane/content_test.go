package dataplane_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/blob/faultfs"
)

func TestManifests(t *testing.T) {
	s := serve(t, setup{})
	d := s.image("a/b", "v1")
	for _, path := range []string{"/v2/a/b/manifests/v1", "/v2/a%2Fb/manifests/" + d, "/v2/a/b/manifests/" +
		strings.Replace(d, ":", "%3A", 1)} {
		a := s.want(s.do("GET", path, ""), 200, "*")
		if digestOf(a.body) != d || a.header.Get("Docker-Content-Digest") != d || a.header.Get("ETag") != `"`+d+`"` ||
			a.header.Get("Content-Type") != manifestType {
			t.Errorf("%s: %v", path, a.header)
		}
		head := s.want(s.do("HEAD", path, ""), 200, "")
		if head.header.Get("Content-Length") != fmt.Sprint(len(a.body)) ||
			head.header.Get("Docker-Content-Digest") != d {
			t.Errorf("HEAD %s: %v", path, head.header)
		}
	}
	s.want(s.do("GET", "/v2/a/b/manifests/v1", "", `If-None-Match: "`+d+`"`), 304, "")
	put := s.do("PUT", "/v2/a/b/manifests/v2", imageJSON("{}", "x"), "Content-Type: "+manifestType)
	s.want(put, 400, errorBody("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", `"`+digestOf("{}")+`"`))
	put = s.want(s.do("PUT", "/v2/a/b/manifests/sub", `{"schemaVersion":2,"manifests":[],"subject":{"digest":"`+d+
		`"},"artifactType":"a/b"}`, "Content-Type: "+indexType), 201, "")
	for name, want := range map[string]string{"OCI-Subject": d, "Location": "/v2/a/b/manifests/" +
		put.header.Get("Docker-Content-Digest")} {
		if got := put.header.Get(name); got != want {
			t.Errorf("%s %q, want %q", name, got, want)
		}
	}
	s.want(s.do("PUT", "/v2/a/b/manifests/v2", `{"schemaVersion":2,"mediaType":"x/y"}`, "Content-Type: "+manifestType),
		400,
		errorBody("MANIFEST_INVALID", "manifest invalid", `{"Reason":{}}`))
	s.want(s.do("PUT", "/v2/a/b/manifests/v2", strings.Repeat(" ", 4<<20+1), "Content-Type: "+manifestType), 413, "*")
	s.want(s.do("PUT", "/v2/a/b/manifests/"+unknown, `{"schemaVersion":2,"manifests":[]}`, "Content-Type: "+indexType),
		400, "*")
	s.want(s.do("PUT", "/v2/a/b/manifests/sha256:bad", "{}", "Content-Type: "+indexType), 400, "*")

	a := s.want(s.do("GET", "/v2/a/b/referrers/"+d+"?artifactType=a%2Fb", ""), 200, fmt.Sprintf(
		`{"schemaVersion":2,"mediaType":%q,"manifests":[{"mediaType":%q,"digest":%q,"size":150,"artifactType":"a/b"}]}`+
			"\n", indexType, indexType, put.header.Get("Docker-Content-Digest")))
	if a.header.Get("OCI-Filters-Applied") != "artifactType" || a.header.Get("Content-Type") != indexType {
		t.Errorf("referrers: %v", a.header)
	}
	s.want(s.do("GET", "/v2/nowhere/referrers/"+d, ""), 200, `{"schemaVersion":2,"mediaType":"`+indexType+
		`","manifests":[]}`+"\n")

	s.want(s.do("DELETE", "/v2/a/b/manifests/v1", ""), 405,
		errorBody("UNSUPPORTED", "A manifest can only be deleted by digest.", ""))
	s.want(s.do("DELETE", "/v2/a/b/manifests/"+d, ""), 202, "")
	s.want(s.do("DELETE", "/v2/a/b/manifests/"+d, ""), 404,
		errorBody("MANIFEST_UNKNOWN", "manifest "+d+" is not found", ""))
	s.want(s.do("GET", "/v2/a/b/manifests/wrong-tag", ""), 404,
		errorBody("MANIFEST_UNKNOWN", `manifest tagged by "wrong-tag" is not found`, `{"Tag":"wrong-tag"}`))
	s.want(s.do("HEAD", "/v2/nowhere/manifests/v1", ""), 404, "")
	s.want(s.do("GET", "/v2/a/b/manifests/sha999:"+strings.Repeat("0", 64), ""), 400, "*")
}

func TestBlobs(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		s := serve(t, setup{dir: dir})
		text := strings.Repeat("0123456789", 41) + "0123456"
		d := s.blob("r", text)
		a := s.want(s.do("GET", "/v2/r/blobs/"+d, ""), 200, text)
		for name, want := range map[string]string{"Content-Type": "application/octet-stream",
			"Docker-Content-Digest": d,
			"Content-Length":        "417", "Accept-Ranges": "bytes", "ETag": `"` + d + `"`} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s %q, want %q", name, got, want)
			}
		}
		head := s.want(s.do("HEAD", "/v2/r/blobs/"+d, ""), 200, "")
		if head.header.Get("Content-Length") != "417" || head.header.Get("Docker-Content-Digest") != d {
			t.Errorf("HEAD: %v", head.header)
		}
		for _, c := range []struct {
			header, ifRange string
			status          int
			contentRange    string
			body            string
		}{
			{"bytes=0-999", "", 206, "bytes 0-416/417", text},
			{"bytes=10-12", "", 206, "bytes 10-12/417", "012"},
			{"bytes=-2", "", 206, "bytes 415-416/417", "56"},
			{"bytes=10-12", `"` + d + `"`, 206, "bytes 10-12/417", "012"},
			{"bytes=10-12", `"other"`, 200, "", text},
			{"bytes=1-2,4-5", "", 200, "", text},
			{"bytes=417-", "", 416, "bytes */417", errorBody("RANGE_INVALID", "invalid range", "")},
		} {
			a := s.do("GET", "/v2/r/blobs/"+d, "", "Range: "+c.header, "If-Range: "+c.ifRange)
			s.want(a, c.status, c.body)
			if got := a.header.Get("Content-Range"); got != c.contentRange {
				t.Errorf("%s: Content-Range %q, want %q", c.header, got, c.contentRange)
			}
		}
		s.want(s.do("GET", "/v2/r/blobs/"+d, "", `If-None-Match: "`+d+`"`), 304, "")
		gone := errorBody("BLOB_UNKNOWN", "blob unknown to registry", "")
		s.want(s.do("GET", "/v2/other/blobs/"+d, ""), 404, gone)
		s.want(s.do("GET", "/v2/r/blobs/"+unknown, ""), 404, gone)
		s.want(s.do("HEAD", "/v2/r/blobs/"+unknown, ""), 404, "")
		mount := s.want(s.do("POST", "/v2/other/blobs/uploads/?from=r&mount="+url.QueryEscape(d), ""), 201, "")
		if mount.header.Get("Location") != "/v2/other/blobs/"+d || mount.header.Get("Docker-Content-Digest") != d {
			t.Errorf("mount: %v", mount.header)
		}
		s.want(s.do("DELETE", "/v2/r/blobs/"+d, ""), 202, "")
		s.want(s.do("DELETE", "/v2/r/blobs/"+d, ""), 404, gone)
		s.want(s.do("GET", "/v2/other/blobs/"+d, ""), 200, text)
		// A mount of what is not there becomes an upload.
		for _, query := range []string{"from=r&mount=" + d, "mount=" + d, "from=Bad&mount=" + d, "from=r&mount=bad"} {
			if a := s.want(s.do("POST", "/v2/third/blobs/uploads/?"+query, ""), 202,
				""); a.header.Get("Docker-Upload-Uuid") == "" {
				t.Errorf("%s: %v", query, a.header)
			}
		}
		e := s.blob("r", "")
		s.want(s.do("GET", "/v2/r/blobs/"+e, ""), 200, "")
		s.want(s.do("POST", "/v2/r/blobs/uploads/?digest=sha256:bad", "x"), 400,
			errorBody("DIGEST_INVALID", "provided digest did not match uploaded content", `"digest parsing failed"`))
		s.want(s.do("POST", "/v2/r/blobs/uploads/?digest="+d, "x"), 400, "*")
	}
}

func TestUploads(t *testing.T) {
	s := serve(t, setup{dir: t.TempDir()})
	start := func() answer { return s.want(s.do("POST", "/v2/a/b/blobs/uploads/", ""), 202, "") }
	location := func(a answer, wantRange string) string {
		t.Helper()
		if got := a.header.Get("Range"); got != wantRange {
			t.Errorf("Range %q, want %q", got, wantRange)
		}
		return a.header.Get("Location")
	}
	a := start()
	at := location(a, "0-0")
	id := a.header.Get("Docker-Upload-Uuid")
	prefix := "/v2/a/b/blobs/uploads/" + id + "?_nouploadcache=false&_state="
	if !strings.HasPrefix(at, prefix) {
		t.Fatalf("Location %q", at)
	}
	state, err := url.QueryUnescape(strings.TrimPrefix(at, prefix))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.URLEncoding.DecodeString(state)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Name, UUID string
		Offset     int64
		StartedAt  time.Time
	}
	if err := json.Unmarshal(raw[32:], &got); err != nil || got.Name != "a/b" || got.UUID != id || got.Offset != 0 ||
		got.StartedAt.IsZero() {
		t.Errorf("state %s, %v", raw[32:], err)
	}

	first := at
	at = location(s.want(s.do("PATCH", at, "0123456789"), 202, ""), "0-9")
	if at == first {
		t.Error("the address did not change")
	}
	at = location(s.want(s.do("PATCH", at, "abcdef", "Content-Range: 10-15"), 202, ""), "0-15")
	const unread = "the Content-Range header format is invalid"
	for bad, reason := range map[string]string{"10-15": "the upload goes on at 16", "17-22": "the upload goes on at 16",
		"16-22": "the body has 6 bytes",
		"x":     unread, "22-16": unread, "-1--1": unread, "bytes 16-21/*": unread, "bytes 16-21": unread} {
		want := errorBody("BLOB_UPLOAD_RANGE_INVALID", "blob upload range invalid",
			fmt.Sprintf(`{"Range":%q,"Reason":%q}`, bad, reason))
		for method, to := range map[string]string{"PATCH": at, "PUT": at + "&digest=" + unknown} {
			a := s.want(s.do(method, to, "ghijkl", "Content-Range: "+bad), 416, want)
			if a.header.Get("Location") != "" || a.header.Get("Range") != "" { // recorded for "-1--1"
				t.Errorf("%s %q: %v", method, bad, a.header)
			}
		}
	}
	at = location(s.want(s.do("GET", at, ""), 204, ""), "0-15") // a range that was refused changes nothing
	at = location(s.want(s.do("PATCH", at, "gh", "Content-Range: 16-17"), 202, ""), "0-17")
	s.want(s.do("PUT", at, ""), 400, errorBody("DIGEST_INVALID", "provided digest did not match uploaded content",
		`"digest parsing failed"`))
	s.want(s.do("PUT", at+"&digest=sha256%3A00000000", ""), 400,
		errorBody("DIGEST_INVALID", "provided digest did not match uploaded content", `"digest parsing failed"`))
	text := "0123456789abcdefgh!"
	done := s.want(s.do("PUT", at+"&digest="+url.QueryEscape(digestOf(text)), "!", "Content-Range: 18-18"), 201, "")
	if done.header.Get("Location") != "/v2/a/b/blobs/"+digestOf(text) ||
		done.header.Get("Docker-Content-Digest") != digestOf(text) {
		t.Errorf("PUT: %v", done.header)
	}
	s.want(s.do("GET", "/v2/a/b/blobs/"+digestOf(text), ""), 200, text)
	unknownUpload := errorBody("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", "")
	s.want(s.do("GET", at, ""), 404, unknownUpload)
	s.want(s.do("PATCH", at, "x"), 404, unknownUpload)

	at = location(start(), "0-0")
	s.want(s.do("DELETE", at, ""), 204, "")
	s.want(s.do("DELETE", at, ""), 404, unknownUpload)

	// An address opens its own upload in its own repository alone.
	at = location(start(), "0-0")
	invalid := errorBody("BLOB_UPLOAD_INVALID", "blob upload invalid", "")
	other := start().header.Get("Docker-Upload-Uuid")
	uuid := strings.TrimPrefix(strings.Split(at, "?")[0], "/v2/a/b/blobs/uploads/")
	for what, bad := range map[string]string{
		"another repository": strings.Replace(at, "/v2/a/b/", "/v2/c/", 1),
		"another upload":     strings.Replace(at, uuid, other, 1),
		"no state":           strings.Split(at, "&_state=")[0],
		"a changed state":    strings.Replace(at, "&_state=", "&_state=AAAA", 1),
		"not base64":         strings.Split(at, "&_state=")[0] + "&_state=!",
	} {
		t.Run(what, func(t *testing.T) {
			s.t = t
			for _, method := range []string{"GET", "PATCH", "PUT", "DELETE"} {
				s.want(s.do(method, bad, ""), 404, invalid)
			}
		})
	}
	s.t = t
	s.want(s.do("PATCH", at, "x", "Test-Registry: second"), 404, invalid)
	// Mismatch drops the upload.
	s.want(s.do("PUT", at+"&digest="+unknown, "text"), 400, "*")
	s.want(s.do("GET", at, ""), 404, unknownUpload)
}

// TestOldAddress: once more is stored, no method takes an earlier address, and the
// upload goes on at the newest. A status read changes nothing (recorded).
func TestOldAddress(t *testing.T) {
	s := serve(t, setup{dir: t.TempDir()})
	invalid := errorBody("BLOB_UPLOAD_INVALID", "blob upload invalid", "")
	first := s.want(s.do("POST", "/v2/r/blobs/uploads/", ""), 202, "").header.Get("Location")
	read := s.want(s.do("GET", first, ""), 204, "").header.Get("Location")
	s.want(s.do("GET", first, ""), 204, "")
	second := s.want(s.do("PATCH", read, "01234"), 202, "").header.Get("Location")
	for _, old := range []string{first, read} {
		s.want(s.do("PATCH", old, "01234"), 404, invalid)
		s.want(s.do("PATCH", old, "56789", "Content-Range: 5-9"), 404, invalid)
		s.want(s.do("PUT", old+"&digest="+digestOf("01234"), ""), 404, invalid)
		s.want(s.do("GET", old, ""), 404, invalid)
		s.want(s.do("DELETE", old, ""), 404, invalid)
	}
	// A body that goes beyond its range: what came before is stored.
	s.want(s.send("PATCH", second, io.MultiReader(strings.NewReader("5678")), "Content-Range: 5-6"), 400, invalid)
	s.want(s.do("PATCH", second, "5678"), 404, invalid)

	// Of several that come with one address, one appends.
	at := s.do("POST", "/v2/r/blobs/uploads/", "").header.Get("Location")
	const callers = 8
	answers := make(chan answer, callers)
	for range callers {
		go func() { answers <- s.do("PATCH", at, "01234") }()
	}
	won, next := 0, ""
	for range callers {
		switch a := <-answers; a.status {
		case 202:
			won++
			next = a.header.Get("Location")
		case 404:
			s.want(a, 404, invalid)
		default:
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if won != 1 {
		t.Fatalf("%d of %d appended", won, callers)
	}
	s.want(s.do("PUT", next+"&digest="+digestOf("01234"), ""), 201, "")
}

// TestClientDrops breaks a connection in the middle of a chunk: the address is not
// good any more, and the upload begins again.
func TestClientDrops(t *testing.T) {
	s := serve(t, setup{dir: t.TempDir()})
	at := s.do("POST", "/v2/r/blobs/uploads/", "").header.Get("Location")
	text := strings.Repeat("0123456789", 100_000)
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", at, len(text), text[:700_000])
	conn.Close()
	for { // the chunk may not have begun yet; while it is stored, the request waits for it
		if a := s.do("GET", at, ""); a.status != 204 {
			s.want(a, 404, errorBody("BLOB_UPLOAD_INVALID", "blob upload invalid", ""))
			break
		}
		if t.Context().Err() != nil {
			t.Fatal("the chunk never came")
		}
	}
	at = s.do("POST", "/v2/r/blobs/uploads/", "").header.Get("Location")
	s.want(s.do("PUT", at+"&digest="+digestOf(text), text, "Content-Range: 0-999999"), 201, "")
	s.want(s.do("GET", "/v2/r/blobs/"+digestOf(text), ""), 200, text)
}

// TestFull fills the disk and empties it again.
func TestFull(t *testing.T) {
	full := errorBody("UNKNOWN", "the emulator's data folder has no space left", "")
	fs := faultfs.New()
	s := serve(t, setup{dir: t.TempDir(), fs: fs})
	d := s.image("r", "v1")
	at := s.do("POST", "/v2/r/blobs/uploads/", "").header.Get("Location")
	fs.Fail(func(op faultfs.Op, _ string) error {
		if op == faultfs.Write {
			return syscall.ENOSPC
		}
		return nil
	})
	s.want(s.do("PATCH", at, "chunk", "Content-Range: 0-4"), 500, full)
	s.want(s.do("POST", "/v2/r/blobs/uploads/?digest="+digestOf("x"), "x"), 500, full)
	s.want(s.do("GET", "/v2/r/manifests/"+d, ""), 200, "*")
	s.want(s.do("HEAD", "/v2/r/blobs/"+digestOf("x"), ""), 404, "")
	fs.Fail(func(op faultfs.Op, _ string) error {
		if op == faultfs.Write {
			return syscall.EIO
		}
		return nil
	})
	s.want(s.do("PATCH", at, "chunk"), 500, errorBody("UNKNOWN", "the emulator failed; its log says why", ""))
	fs.Fail(nil)
	at = s.want(s.do("PATCH", at, "chunk", "Content-Range: 0-4"), 202, "").header.Get("Location")
	s.want(s.do("PUT", at+"&digest="+digestOf("chunk"), ""), 201, "")

	s = serve(t, setup{dir: t.TempDir(), pages: 60})
	s.image("r", "v1")
	for i := 0; ; i++ {
		body := fmt.Sprintf(`{"schemaVersion":2,"manifests":[],"annotations":{"n":"%d%s"}}`, i,
			strings.Repeat("x", 9000))
		a := s.do("PUT", fmt.Sprintf("/v2/r/manifests/t%d", i), body, "Content-Type: "+indexType)
		if a.status == 201 && i < 1000 {
			continue
		}
		s.want(a, 500, full)
		break
	}
	s.want(s.do("GET", "/v2/r/manifests/v1", ""), 200, "*")
}

// TestCancelledDownload leaves in the middle of a blob: the handler ends.
func TestCancelledDownload(t *testing.T) {
	s := serve(t, setup{dir: t.TempDir()})
	text := strings.Repeat("x", 32<<20)
	d := s.blob("r", text)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", s.url+"/v2/r/blobs/"+d, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	var some [1000]byte
	if _, err := io.ReadFull(resp.Body, some[:]); err != nil || !bytes.Equal(some[:], []byte(text[:1000])) {
		t.Errorf("the first bytes: %v", err)
	}
	cancel()
	resp.Body.Close() // the server's Close in Cleanup waits for the handler: it must have stopped
}

// TestAccept: an OCI type must be named in Accept, by each of its lines.
func TestAccept(t *testing.T) {
	s := serve(t, setup{dir: t.TempDir()})
	const (
		artifactType = "application/vnd.oci.artifact.manifest.v1+json"
		dockerType   = "application/vnd.docker.distribution.manifest.v2+json"
		dockerList   = "application/vnd.docker.distribution.manifest.list.v2+json"
	)
	put := func(tag, mediaType, body string) {
		t.Helper()
		s.want(s.do("PUT", "/v2/r/manifests/"+tag, body, "Content-Type: "+mediaType), 201, "")
	}
	config := s.blob("r", "{}")
	put("manifest", manifestType,
		fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/json","digest":%q,"size":2},"layers":[]}`,
			config))
	put("index", indexType, `{"schemaVersion":2,"manifests":[]}`)
	put("artifact", artifactType, `{"mediaType":"`+artifactType+`","blobs":[]}`)
	put("docker", dockerType,
		fmt.Sprintf(
			`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/json","digest":%q,"size":2},"layers":[]}`, dockerType, config))
	put("list", dockerList, fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, dockerList))

	oci := map[string]string{"manifest": manifestType, "index": indexType, "artifact": artifactType}
	plural := map[string]string{"manifest": "manifests", "index": "indexes", "artifact": "artifacts"}
	for tag, mediaType := range oci {
		digest := s.want(s.do("HEAD", "/v2/r/manifests/"+tag, ""), 200, "").header.Get("Docker-Content-Digest")
		refused := errorBody("MANIFEST_UNKNOWN", "OCI "+tag+" found, but accept header does not support OCI "+
			plural[tag], "")
		others := dockerType + ", " + dockerList
		for other, name := range oci {
			if other != tag {
				others += "," + name
			}
		}
		for _, accept := range []string{"Accept", "Accept: ", "Accept: */*", "Accept: application/*",
			"Accept: application/json", "Accept: " + others, "Accept: " + mediaType + "x"} {
			for _, ref := range []string{tag, digest} {
				a := s.want(s.do("GET", "/v2/r/manifests/"+ref, "", accept), 404, refused)
				s.want(s.do("HEAD", "/v2/r/manifests/"+ref, "", accept), 404, "")
				if a.header.Get("Docker-Content-Digest") != "" || a.header.Get("Etag") != "" {
					t.Errorf("%s with %q: %v", ref, accept, a.header)
				}
			}
		}
		for _, accept := range []string{mediaType, others + "," + mediaType, "*/* , " + strings.ToUpper(mediaType) +
			" ;q=0.1"} {
			if a := s.want(s.do("GET", "/v2/r/manifests/"+tag, "", "Accept: "+accept), 200,
				"*"); a.header.Get("Content-Type") != mediaType {
				t.Errorf("%s with %q: %v", tag, accept, a.header)
			}
		}
		s.want(s.do("GET", "/v2/r/manifests/"+tag, "", "Accept", `If-None-Match: "`+digest+`"`), 304, "")
	}
	for _, tag := range []string{"docker", "list"} {
		s.want(s.do("GET", "/v2/r/manifests/"+tag, "", "Accept"), 200, "*")
	}
	// In a second line.
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v2/r/manifests/index", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Accept"] = []string{"application/json", indexType}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != 200 {
		t.Errorf("%d", resp.StatusCode)
	}
	s.want(s.do("GET", "/v2/r/manifests/none", "", "Accept"), 404,
		errorBody("MANIFEST_UNKNOWN", `manifest tagged by "none" is not found`, `{"Tag":"none"}`))
}
