package proxy_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/proxy"
)

// FuzzOneReading sends arbitrary request lines and headers through the proxy to the
// emulator, which has a reading of paths of its own. What the registry decides on is
// what the proxy decided on, and a request that the proxy does not know never gets
// there.
func FuzzOneReading(f *testing.F) {
	for _, target := range []string{
		"/v2/", "/v2", "/v2/_catalog?n=1", "/v2/a/b/manifests/v1", "/v2/a%2fb/manifests/v1", "/v2/a%252fb/manifests/v1",
		"/v2/a/../b/manifests/v1", "/v2/a/%2e%2e/b/manifests/v1", "/v2/a/%2e/manifests/v1", "/v2/a//manifests/v1",
		"//v2/a/manifests/v1",
		"/v2/a/manifests/v1;x=y", "/v2/a;/manifests/v1", "/v2/a/manifests/v1?x=1;y=2", "/v2/a/manifests/v1#frag",
		"/v2/a%00/manifests/v1", "/v2/a%0d%0aHost:evil/manifests/v1",
		"/v2/manifests/manifests/manifests/v1", "/v2/a/blobs/uploads/manifests/v1", "/v2/a/manifests/tags/list",
		"/v2/a/tags/list/tags/list",
		"/v2/blobs/uploads/blobs/uploads/", "/v2/a/blobs/uploads", "/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/x",
		"/v2/a/blobs/uploads/..",
		"/v2/a/blobs/uploads/?mount=" + digest + "&from=b", "/v2/a/blobs/uploads/?mount=" + digest + "&from=b&from=c",
		"/v2/a/blobs/uploads/?mount=" + digest,
		"/v2/a/blobs/uploads/?from=b&mount=" + digest + "&mount=x", "/v2/a/blobs/uploads/?mount=" + digest + "&from=B",
		"/v2/a/blobs/uploads/?mount=" + digest + "%00&from=b",
		"/v2/a/blobs/uploads/x?_state=y&digest=" + digest, "/v2/a/blobs/" + digest, "/v2/a/blobs/sha256:0",
		"/v2/a/referrers/" + digest,
		"/acr/v1/a", "/acr/v1/a/_tags", "/acr/v1/a/_tags/v1", "/acr/v1/a/_tags/_manifests", "/acr/v1/a/_manifests/" +
			digest, "/acr/v1/_catalog?orderby=&last=%2e%2e", "/acr/v1/a/_tags/../_manifests",
		"/acr/v1/a%2f_tags", "/acr/v1/a/%5ftags/v1", "/oauth2/token", "http://evil.example/v2/a/manifests/v1", "*",
		"/V2/A/manifests/v1", "/v2/a/manifests/v1/", "/v2/a\\b/tags/list",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			f.Add(method, target, "")
		}
	}
	f.Add("GET", "/v2/a/manifests/v1", "X-Original-URL: /v2/b/manifests/v1\r\nX-HTTP-Method-Override: DELETE\r\n")
	f.Add("GET", "/v2/a/manifests/v1", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")
	f.Add("PUT", "/v2/a/manifests/v1", "Connection: Content-Type\r\nContent-Type: x/y\r\n")
	f.Add("HEAD", "/v2/a/manifests/v1", "Range: bytes=0-1\r\nRange: bytes=1-2\r\n")

	reg := acrtest.NewRegistry(quiet{f}, nil)
	reg.Push("a", "v1")
	reg.Push("a/b", "v1")
	upstream := reg.Transport(everything(reg))
	h, err := proxy.New(upstream, &proxy.Options{Hosts: []string{"proxy.test"}, ClientKey: redact.NewSecret(key)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = h.Close() })
	var last int64 // decision that was looked at
	for d, err := range reg.Emulator().Decisions(f.Context(), emulator.DecisionFilter{}) {
		if err != nil {
			f.Fatal(err)
		}
		last = max(last, d.ID) // of the pushes
	}
	f.Fuzz(func(t *testing.T, method, target, header string) {
		if len(header) > 1000 || len(target) > 1000 {
			return
		}
		// As a server reads it.
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target +
			" HTTP/1.1\r\nHost: proxy.test\r\n" + header + "\r\n")))
		if err != nil || r.Header.Get("Authorization") != "" {
			return
		}
		r.SetBasicAuth("u", key)
		reg.ResetRequests()
		w := httptest.NewRecorder()
		aborted := serve(h, w, r)

		op, known := operation.Parse(r.Method, r.URL)
		known = known && r.Host == "proxy.test"
		var seen []emulator.Decision
		for d, err := range reg.Emulator().Decisions(t.Context(), emulator.DecisionFilter{After: last}) {
			if err != nil {
				t.Fatal(err)
			}
			last = max(last, d.ID)
			if !strings.HasPrefix(d.Path, "/oauth2/") {
				seen = append(seen, d)
			}
		}
		if !known && (len(seen) > 0 || len(reg.Requests()) > 0) {
			t.Fatalf("%q is no operation, and the registry saw %+v", r.RequestURI, seen)
		}
		for _, d := range seen {
			if d.Method != op.Method || d.Path != op.Path() || d.Required != op.Scope.String() ||
				d.Outcome != emulator.OutcomeAllowed && d.RuleID != rule.AcceptLacksType {
				t.Fatalf("%s %q was decided as %s %s for %q, and the registry read %+v", r.Method, r.RequestURI,
					op.Method, op.Path(), op.Scope, d)
			}
		}
		for _, q := range reg.Requests() {
			if !strings.HasPrefix(q.Path, "/oauth2/") && (q.Path != op.Path() || q.Method != op.Method) {
				t.Fatalf("%s %q was sent as %s", r.Method, r.RequestURI, q)
			}
		}
		if known && !aborted && w.Code == http.StatusOK && op.Op != operation.Ping && len(seen) != 1 {
			t.Fatalf("%s %q was answered %d, and the registry decided %d times", r.Method,
				r.RequestURI, w.Code, len(seen))
		}
	})
}

// serve reports whether the handler ended the connection.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (aborted bool) {
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			aborted = true
		} else if v != nil {
			panic(v)
		}
	}()
	h.ServeHTTP(w, r)
	return false
}

// quiet is a fuzz test as its target may use it.
type quiet struct{ testing.TB }

// Helper must not be called on a testing.F inside of its target.
func (quiet) Helper() {}
