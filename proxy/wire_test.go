package proxy_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/proxy"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// TestWhatGoesUp sends everything that a client could smuggle and looks at what a
// registry gets.
func TestWhatGoesUp(t *testing.T) {
	up := newFake(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	f := startFake(t, up, proxy.Options{})
	req := f.request("PUT", "/v2/a%2Fb/manifests/v1?ns=docker.io&x=%2e%2e", strings.NewReader("{}"))
	req.SetBasicAuth("u", key)
	for name, values := range map[string][]string{
		"Accept":                 {"application/json", "*/*"},
		"Content-Type":           {"application/vnd.oci.image.manifest.v1+json"},
		"User-Agent":             {"client/1.0"},
		"X-Ms-Client-Request-Id": {"an-id"},
		"Range":                  {"bytes=0-1"},
		"If-None-Match":          {`"x"`},
		"Cookie":                 {"session=1"},
		"Forwarded":              {"host=evil.example"},
		"X-Forwarded-Host":       {"evil.example"},
		"X-Forwarded-For":        {"10.0.0.1"},
		"X-Original-Url":         {"/v2/other/manifests/v1"},
		"X-Http-Method-Override": {"DELETE"},
		"Proxy-Authorization":    {"Basic eDp5"},
		"Connection":             {"Content-Type, Authorization"},
		"Te":                     {"trailers"},
		"Accept-Encoding":        {"gzip"},
		"Referer":                {f.srv.URL},
		"Te-Ma":                  {"x"},
	} {
		req.Header[name] = values
	}
	if a := f.do(req); a.StatusCode != 200 {
		t.Fatal(a.Status, a.body)
	}
	got := up.requests()
	if len(got) != 1 {
		t.Fatalf("%d requests", len(got))
	}
	if got[0].Method != "PUT" || got[0].RequestURI != "/v2/a/b/manifests/v1" || got[0].Host != up.host() ||
		got[0].ContentLength != 2 {
		t.Errorf("%s %s %s, %d bytes", got[0].Method, got[0].Host, got[0].RequestURI, got[0].ContentLength)
	}
	want := http.Header{
		"Accept":                 {"application/json", "*/*"},
		"Accept-Encoding":        {"identity"},
		"Authorization":          {"Bearer " + upstreamToken},
		"Content-Length":         {"2"},
		"Content-Type":           {"application/vnd.oci.image.manifest.v1+json"},
		"If-None-Match":          {`"x"`},
		"Range":                  {"bytes=0-1"},
		"User-Agent":             {"client/1.0"},
		"X-Ms-Client-Request-Id": {"an-id"},
	}
	if diff := cmp.Diff(want, got[0].Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	t.Run("twice", func(t *testing.T) {
		for _, name := range []string{"Range", "Content-Range", "Content-Type", "If-None-Match"} {
			req := f.request("GET", "/v2/a/manifests/v1", nil)
			req.SetBasicAuth("u", key)
			req.Header[name] = []string{"bytes=0-1", "bytes=0-2"}
			if a := f.do(req); a.StatusCode != 400 {
				t.Errorf("%s: %s", name, a.Status)
			}
		}
	})
	if n := len(up.requests()); n != 1 {
		t.Errorf("%d requests went up", n)
	}
}

// TestWhatComesDown has a registry that sends everything that a client must not get.
func TestWhatComesDown(t *testing.T) {
	up := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Set-Cookie":                  "session=upstream-signature",
			"Authorization":               r.Header.Get("Authorization"),
			"X-Echo":                      r.Header.Get("Authorization"),
			"Access-Control-Allow-Origin": "*",
			"Proxy-Authenticate":          "Basic",
			"Connection":                  "X-Echo",
			"Strict-Transport-Security":   "max-age=31536000",
			"Content-Type":                "application/vnd.oci.image.manifest.v1+json",
			"Docker-Content-Digest":       digest,
			"Etag":                        `"x"`,
			"Oci-Subject":                 digest,
			"X-Ms-Correlation-Request-Id": "an-id",
			"Retry-After":                 "3",
			"Authentication-Info":         "x",
			"Refresh":                     "0; url=https://evil.example",
			"Content-Location":            "https://evil.example",
			"Alt-Svc":                     `h2="evil.example:443"`,
		} {
			w.Header().Set(name, value)
		}
		w.Header().Set("Trailer", "X-Trailer")
		_, _ = w.Write([]byte("{}"))
		w.Header().Set("X-Trailer", "x")
	})
	f := startFake(t, up, proxy.Options{})
	a := f.send("GET", "/v2/a/manifests/v1", nil)
	want := http.Header{
		"Content-Length":                  {"2"},
		"Content-Type":                    {"application/vnd.oci.image.manifest.v1+json"},
		"Docker-Content-Digest":           {digest},
		"Docker-Distribution-Api-Version": {"registry/2.0"},
		"Etag":                            {`"x"`},
		"Oci-Subject":                     {digest},
		"Retry-After":                     {"3"},
		"Server":                          {"acrkit-proxy"},
		"X-Ms-Correlation-Request-Id":     {"an-id"},
	}
	got := a.Header.Clone()
	got.Del("Date")
	if diff := cmp.Diff(want, got); diff != "" || a.body != "{}" || len(a.Trailer) != 0 {
		t.Errorf("body %q, trailer %v, header (-want +got):\n%s", a.body, a.Trailer, diff)
	}
}

// padded is a good link of n bytes.
func padded(n int) string {
	const target, parameter = `</acr/v1/a/_tags?last=v1>;`, `rel="next"`
	return target + strings.Repeat(" ", n-len(target)-len(parameter)) + parameter
}

// TestPlaces: what an answer names is at the proxy, or the answer does not go down.
func TestPlaces(t *testing.T) {
	var header http.Header
	status := 201
	up := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
	})
	f := startFake(t, up, proxy.Options{})
	for _, tt := range []struct {
		name, target, location, link string
		status                       int
		wantStatus                   int
		want                         string
	}{
		{name: "manifest", target: "PUT /v2/a/manifests/v1", location: "/v2/a/manifests/" + digest, wantStatus: 201,
			want: "/v2/a/manifests/" + digest},
		{name: "absolute", target: "PUT /v2/a/manifests/v1", location: up.srv.URL + "/v2/a/manifests/" + digest,
			wantStatus: 201, want: "/v2/a/manifests/" + digest},
		{name: "with a query", target: "PUT /v2/a/manifests/v1", location: "/v2/a/manifests/" + digest +
			"?sig=upstream-signature", wantStatus: 201, want: "/v2/a/manifests/" + digest},
		{name: "another repository", target: "PUT /v2/a/manifests/v1", location: "/v2/b/manifests/" +
			digest, wantStatus: 502},
		{name: "another host", target: "PUT /v2/a/manifests/v1", location: "https://evil.example/v2/a/manifests/" +
			digest, wantStatus: 502},
		{name: "another port", target: "PUT /v2/a/manifests/v1", location: "http://127.0.0.1:1/v2/a/manifests/" +
			digest, wantStatus: 502},
		{name: "scheme-relative", target: "PUT /v2/a/manifests/v1", location: "//evil.example/v2/a/manifests/" + digest,
			wantStatus: 502},
		{name: "a user", target: "PUT /v2/a/manifests/v1", location: "http://me:x@" + up.host() + "/v2/a/manifests/" +
			digest, wantStatus: 502},
		{name: "upload of another repository", target: "POST /v2/a/blobs/uploads/",
			location: "/v2/b/blobs/uploads/id?_state=x", status: 202, wantStatus: 502},
		{name: "upload elsewhere", target: "POST /v2/a/blobs/uploads/", location: "https://storage.example/upload",
			status: 202, wantStatus: 502},
		{name: "upload with too much", target: "POST /v2/a/blobs/uploads/", location: "/v2/a/blobs/uploads/id?_state=" +
			strings.Repeat("x", 8<<10), status: 202, wantStatus: 502},
		{name: "link", target: "GET /v2/_catalog", link: `</v2/_catalog?last=a%2Fb&n=1&orderby=>; rel="next"`,
			status: 200, wantStatus: 200, want: `</v2/_catalog?last=a%2Fb&n=1>; rel="next"`},
		{name: "absolute link", target: "GET /acr/v1/a/_tags", link: `<` + up.srv.URL +
			`/acr/v1/a/_tags?last=v1>; rel=next`, status: 200, wantStatus: 200,
			want: `</acr/v1/a/_tags?last=v1>; rel="next"`},
		{name: "link to another list", target: "GET /acr/v1/a/_tags", link: `</acr/v1/b/_tags?last=v1>; rel="next"`,
			status: 200, wantStatus: 502},
		{name: "link elsewhere", target: "GET /acr/v1/a/_tags",
			link: `<https://evil.example/acr/v1/a/_tags?last=v1>; rel="next"`, status: 200, wantStatus: 502},
		{name: "malformed link", target: "GET /v2/_catalog", link: `/v2/_catalog?last=x`, status: 200, wantStatus: 502},
		{name: "long link", target: "GET /acr/v1/a/_tags", link: padded(16 << 10), status: 200, wantStatus: 200,
			want: `</acr/v1/a/_tags?last=v1>; rel="next"`},
		{name: "too long a link", target: "GET /acr/v1/a/_tags", link: padded(16<<10 + 1),
			status: 200, wantStatus: 502},
		{name: "link of no list", target: "GET /v2/a/manifests/v1", link: `<https://evil.example>; rel="next"`,
			status: 200, wantStatus: 200},
		{name: "redirect of a list", target: "GET /v2/_catalog", location: "https://evil.example/", status: 307,
			wantStatus: 502},
		{name: "redirect of an upload", target: "POST /v2/a/blobs/uploads/", location: "/v2/a/blobs/uploads/",
			status: 307, wantStatus: 502},
		{name: "out of order", target: "PUT /v2/a/manifests/v1", location: "/v2/a/blobs/" + digest, status: 416,
			wantStatus: 416, want: "/v2/a/blobs/" + digest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header, status = http.Header{}, tt.status
			if status == 0 {
				status = 201
			}
			if tt.location != "" {
				header.Set("Location", tt.location)
			}
			if tt.link != "" {
				header.Set("Link", tt.link)
			}
			method, target, _ := strings.Cut(tt.target, " ")
			a := f.send(method, target, nil)
			got := a.Header.Get("Location") + a.Header.Get("Link")
			if a.StatusCode != tt.wantStatus || got != tt.want {
				t.Errorf("%s %q, want %d %q", a.Status, got, tt.wantStatus, tt.want)
			}
			if found := secretsIn(a); len(found) > 0 || strings.Contains(a.body, "evil.example") {
				t.Errorf("%s %v", a.body, a.Header)
			}
		})
	}
}

// TestUploadState: an upload's address is good for its repository and its id alone,
// and what a client writes into it does not reach the registry.
func TestUploadState(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	f := start(t, reg, everything(reg), proxy.Options{})
	begin := func(repository string) *url.URL {
		t.Helper()
		a := f.send("POST", "/v2/"+repository+"/blobs/uploads/", nil)
		u, err := url.Parse(a.Header.Get("Location"))
		if err != nil || a.StatusCode != 202 || u.Host != "" || a.Header.Get("Range") != "0-0" ||
			a.Header.Get("Docker-Upload-Uuid") == "" {
			t.Fatalf("%s %v", a.Status, a.Header)
		}
		return u
	}
	one, two := begin("samples/one"), begin("samples/two")
	state := one.Query().Get("_state")
	flipped := []byte(state)
	flipped[60] ^= 1
	reg.ResetRequests()
	for name, target := range map[string]string{
		"another repository": "/v2/samples/two/blobs/uploads/" + one.Path[strings.LastIndex(one.Path, "/")+1:] + "?" +
			one.RawQuery,
		"another upload":       two.Path + "?" + one.RawQuery,
		"no state":             one.Path,
		"a changed state":      one.Path + "?_state=" + string(flipped),
		"half a state":         one.Path + "?_state=" + state[:40],
		"what is under a seal": one.Path + "?_state=" + state + "AAAA",
	} {
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			a := f.send(method, target, nil)
			if a.StatusCode != 404 || method != "HEAD" && !strings.Contains(a.body, "BLOB_UPLOAD_INVALID") {
				t.Errorf("%s, %s: %s %s", method, name, a.Status, a.body)
			}
		}
	}
	if len(reg.Requests()) > 0 {
		t.Errorf("the registry saw %q", reg.Requests().Lines())
	}
	// A second state beside the good one is a malformed request; other parameters are
	// left out.
	if a := f.send("PATCH", one.String()+"&_state=x", nil); a.StatusCode != 404 {
		t.Error(a.Status)
	}
	const content = "hello"
	const sum = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	a := f.send("PATCH", one.String()+"&_nouploadcache=true&x=y", strings.NewReader(content))
	if a.StatusCode != 202 || a.Header.Get("Range") != "0-4" {
		t.Fatal(a.Status, a.body)
	}
	next := a.Header.Get("Location")
	if a := f.send("GET", next, nil); a.StatusCode != 204 || a.Header.Get("Range") != "0-4" {
		t.Error(a.Status)
	}
	a = f.send("PUT", next+"&digest="+sum, nil)
	if a.StatusCode != 201 || a.Header.Get("Location") != "/v2/samples/one/blobs/"+sum ||
		a.Header.Get("Docker-Content-Digest") != sum {
		t.Error(a.Status, a.body, a.Header)
	}
	if a := f.send("GET", "/v2/samples/one/blobs/"+sum, nil); a.body != content {
		t.Error(a.Status, a.body)
	}
	if a := f.send("DELETE", two.String(), nil); a.StatusCode != 204 {
		t.Error(a.Status)
	}
}

// TestRedirects: blobs come through the proxy; the storage gets no Authorization,
// and the client no signed link unless it is to.
func TestRedirects(t *testing.T) {
	var mu sync.Mutex
	var storage []http.Header
	to, storageStatus := "", 200
	store := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		storage = append(storage, r.Header)
		hops, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/hops/"))
		switch {
		case hops > 0:
			w.Header().Set("Location", fmt.Sprintf("/hops/%d?sig=upstream-signature", hops-1))
			w.WriteHeader(307)
		case storageStatus != 200:
			w.WriteHeader(storageStatus)
			_, _ = w.Write([]byte("<Error>upstream-signature</Error>"))
		default:
			w.Header().Set("X-Ms-Blob-Type", "AppendBlob")
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader("content"))
		}
	})
	up := newFake(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Docker-Content-Digest", digest)
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusTemporaryRedirect)
		_, _ = fmt.Fprintf(w, "<a href=%q>Temporary Redirect</a>.", to)
	})
	f := startFake(t, up, proxy.Options{})
	passing := startFake(t, up, proxy.Options{PassRedirects: true})
	link := store.srv.URL + "/blob?sig=upstream-signature"
	for _, tt := range []struct {
		name, method, to, byteRange string
		storage                     int
		want                        int
		body                        string
	}{
		{"followed", "GET", link, "", 200, 200, "content"},
		{"range", "GET", link, "bytes=1-2", 200, 206, "on"},
		{"range past the end", "GET", link, "bytes=100-", 200, 416, ""},
		{"head", "HEAD", link, "", 200, 200, ""},
		{"storage refuses", "GET", link, "", 403, 502, ""},
		{"storage fails", "GET", link, "", 503, 502, ""},
		{"three times", "GET", store.srv.URL + "/hops/2", "", 200, 200, "content"},
		{"four times", "GET", store.srv.URL + "/hops/3", "", 200, 502, ""},
		{"back to the registry", "GET", up.srv.URL + "/v2/other/blobs/" + digest, "", 200, 502, ""},
		{"to a relative place", "GET", "/v2/other/blobs/" + digest, "", 200, 502, ""},
		{"plain HTTP elsewhere", "GET", "http://storage.example/blob?sig=upstream-signature", "", 200, 502, ""},
		{"nowhere", "GET", "", "", 200, 502, ""},
		{"no URL", "GET", "file:///etc/passwd", "", 200, 502, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mu.Lock()
			storage, to, storageStatus = nil, tt.to, tt.storage
			mu.Unlock()
			req := f.request(tt.method, "/v2/a/blobs/"+digest, nil)
			req.SetBasicAuth("u", key)
			if tt.byteRange != "" {
				req.Header.Set("Range", tt.byteRange)
			}
			a := f.do(req)
			if a.StatusCode != tt.want || tt.want < 300 && a.body != tt.body {
				t.Errorf("%s %s", a.Status, a.body)
			}
			if tt.want < 300 && a.Header.Get("Docker-Content-Digest") != digest ||
				a.Header.Get("X-Ms-Blob-Type") != "" {
				t.Errorf("%v", a.Header)
			}
			if found := secretsIn(a); len(found) > 0 || a.Header.Get("Location") != "" {
				t.Errorf("it shows %q: %s %v", found, a.body, a.Header)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, h := range storage {
				if h.Get("Authorization") != "" {
					t.Error("the storage got an Authorization header")
				}
			}
		})
	}
	t.Run("passed on", func(t *testing.T) {
		mu.Lock()
		to, storage = link, nil
		mu.Unlock()
		a := passing.send("GET", "/v2/a/blobs/"+digest, nil)
		if a.StatusCode != 307 || a.Header.Get("Location") != link || a.body != "" || len(storage) != 0 {
			t.Errorf("%s %v %s", a.Status, a.Header, a.body)
		}
	})
	for _, r := range up.requests() {
		if r.RequestURI != "/v2/a/blobs/"+digest {
			t.Errorf("the registry was asked for %s", r.RequestURI)
		}
	}
}

// TestFailures: what the registry refuses goes down as it is; what fails says so in
// the registry's form, without a secret.
func TestFailures(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	f := start(t, reg, everything(reg), proxy.Options{})
	t.Run("as the registry answers", func(t *testing.T) {
		for _, tt := range []struct {
			target string
			status int
			body   string
		}{
			{"GET /v2/samples/app/manifests/none", 404,
				`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest tagged by \"none\" is not found","detail":{"Tag":"none"}}]}`},
			{"GET /acr/v1/none", 404,
				`{"errors":[{"code":"NAME_UNKNOWN","message":"repository \"none\" is not found"}]}`},
			{"DELETE /v2/samples/app/manifests/v1", 405,
				`{"errors":[{"code":"UNSUPPORTED","message":"A manifest can only be deleted by digest."}]}`},
		} {
			method, target, _ := strings.Cut(tt.target, " ")
			a := f.send(method, target, nil)
			if a.StatusCode != tt.status || strings.TrimSpace(a.body) != tt.body ||
				a.Header.Get("X-Ms-Correlation-Request-Id") == "" {
				t.Errorf("%s: %s %s", tt.target, a.Status, a.body)
			}
		}
	})
	t.Run("not a known operation", func(t *testing.T) {
		reg.ResetRequests()
		for _, target := range []string{"GET /", "GET /metadata/endpoints", "GET /subscriptions/x",
			"POST /tenant/oauth2/v2.0/token", "GET /emulator/", "GET /v2/UPPER/tags/list", "TRACE /v2/",
			"OPTIONS /v2/"} {
			method, target, _ := strings.Cut(target, " ")
			if a := f.send(method, target, nil); a.StatusCode != 404 || a.body != "404 page not found\n" {
				t.Errorf("%s %s: %s %q", method, target, a.Status, a.body)
			}
		}
		if len(reg.Requests()) > 0 {
			t.Errorf("the registry saw %q", reg.Requests().Lines())
		}
	})
	t.Run("no right", func(t *testing.T) {
		reader := start(t, reg,
			reg.Token("reader", "repositories/samples/app/content/read").Credential(), proxy.Options{})
		a := reader.send("GET", "/v2/samples/app/tags/list", nil)
		want := `Bearer realm="` + reader.srv.URL + `/oauth2/token",service="` + reader.host() +
			`",scope="repository:samples/app:metadata_read",error="insufficient_scope"`
		if a.StatusCode != 401 || a.Header.Get("Www-Authenticate") != want ||
			!strings.Contains(a.body, `"Action":"metadata_read"`) {
			t.Errorf("%s %q %s", a.Status, a.Header.Get("Www-Authenticate"), a.body)
		}
	})
	t.Run("locked", func(t *testing.T) {
		if a := f.send("PATCH", "/acr/v1/samples/app/_tags/v1",
			strings.NewReader(`{"deleteEnabled":false}`)); a.StatusCode != 200 {
			t.Fatal(a.Status, a.body)
		}
		if a := f.send("DELETE", "/acr/v1/samples/app/_tags/v1", nil); a.StatusCode != 405 ||
			!strings.Contains(a.body, "REGISTRY_DISALLOWED_OPERATION") {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
	t.Run("throttled", func(t *testing.T) {
		defer reg.Fault(fault.Fault{Kind: fault.Throttle, RetryAfter: 7 * time.Second})()
		if a := f.send("GET", "/v2/samples/app/tags/list", nil); a.StatusCode != 429 ||
			a.Header.Get("Retry-After") != "7" || !strings.Contains(a.body, "TOOMANYREQUESTS") {
			t.Errorf("%s %s", a.Status, a.body)
		}
	})
	for _, tt := range []struct {
		name     string
		password string
		answer   http.HandlerFunc
		stop     bool
		status   int
		code     string
	}{
		{name: "the credential is not accepted", password: "wrong-" + upstreamPassword, status: 403, code: "DENIED"},
		{name: "no server listens", password: upstreamPassword, stop: true, status: 502, code: "UNAVAILABLE"},
		{name: "the connection drops", password: upstreamPassword, answer: func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}, status: 502, code: "UNAVAILABLE"},
		{name: "a realm elsewhere", password: upstreamPassword, answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate",
				`Bearer realm="https://evil.example/oauth2/token",service="x",scope="repository:a:pull"`)
			w.WriteHeader(401)
		}, status: 502, code: "UNAVAILABLE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			up := newFake(t, tt.answer)
			f := &fixture{t: t}
			f.serve(up.transport(t, tt.password), proxy.Options{})
			if tt.stop {
				up.srv.Close()
			}
			a := f.send("GET", "/v2/a/manifests/v1", nil)
			if a.StatusCode != tt.status ||
				!strings.HasPrefix(a.body, `{"errors":[{"code":"`+tt.code+`","message":"the proxy cannot `) {
				t.Errorf("%s %s", a.Status, a.body)
			}
			if found := secretsIn(a); len(found) > 0 || strings.Contains(a.body, "\n\n") {
				t.Errorf("it shows %q: %s", found, a.body)
			}
			t.Log(strings.TrimSpace(a.body))
		})
	}
	t.Run("closed", func(t *testing.T) {
		if err := f.h.Close(); err != nil {
			t.Error(err)
		}
		if a := f.send("GET", "/v2/", nil); a.StatusCode != 503 {
			t.Error(a.Status)
		}
	})
}
