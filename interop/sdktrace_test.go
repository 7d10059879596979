package interop

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder is a proxy in front of an emulator that writes a line for each request:
// what was asked, with which kind of token and for which scope, how much was sent,
// and the answer.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

// record puts a recorder before the server. Realms and links lead back to it.
func record(t *testing.T, s *sdkServer) (*sdkServer, *recorder) {
	t.Helper()
	r := &recorder{}
	return relay(t, s, r.add), r
}

// relay puts a server in front of s, and calls report for each request, with its body
// and the answer.
func relay(t *testing.T, s *sdkServer, report func(*http.Request, []byte, *statusWriter)) *sdkServer {
	t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(s.ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	forward := &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(target); p.Out.Host = p.In.Host },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
		ErrorLog:  log.New(t.Output(), "recorder: ", 0),
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(io.LimitReader(req.Body, largestBody))
		if err != nil {
			t.Errorf("%s %s: %v", req.Method, req.URL, err)
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		status := &statusWriter{ResponseWriter: w}
		forward.ServeHTTP(status, req)
		report(req, body, status)
	}))
	server.Config.ErrorLog = log.New(t.Output(), "recorder: ", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
		0o644); err != nil {
		t.Fatal(err)
	}
	return &sdkServer{emulatorProcess: s.emulatorProcess, data: s.data, url: server.URL, ca: caFile, work: dir}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap returns the writer beneath, so that answers can be flushed.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// shownFields are what is shown of a form; of secrets, the name alone.
var shownFields = []string{"grant_type", "service", "scope", "client_id", "client_secret",
	"access_token", "refresh_token"}

func (r *recorder) add(req *http.Request, body []byte, w *statusWriter) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s auth=%s", req.Method, req.URL.RequestURI(), describeAuth(req.Header.Get("Authorization")))
	switch {
	case strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		form, err := url.ParseQuery(string(body))
		if err != nil {
			form = url.Values{"unreadable": {err.Error()}}
		}
		var fields []string
		for _, name := range shownFields {
			switch value := form.Get(name); {
			case !form.Has(name):
			case strings.HasSuffix(name, "_token") || strings.HasSuffix(name, "_secret"):
				if value != "" {
					value = "…"
				}
				fields = append(fields, name+"="+value)
			default:
				fields = append(fields, name+"="+sortActions(value))
			}
		}
		fmt.Fprintf(&b, " form{%s}", strings.Join(fields, " "))
	case strings.HasPrefix(req.Header.Get("Content-Type"), "application/json"):
		fmt.Fprintf(&b, " json%s", body)
	case len(body) > 0:
		fmt.Fprintf(&b, " body=%d", len(body))
	}
	if v := req.Header.Get("Range"); v != "" {
		b.WriteString(" range=" + strings.TrimPrefix(v, "bytes="))
	}
	fmt.Fprintf(&b, " -> %d", w.status)
	if m := challengeRE.FindStringSubmatch(w.Header().Get("Www-Authenticate")); m != nil {
		fmt.Fprintf(&b, " [scope=%q", sortActions(m[3]))
		if m[4] != "" {
			fmt.Fprintf(&b, " error=%q", m[4])
		}
		b.WriteByte(']')
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, b.String())
}

// take returns the lines so far and forgets them.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := r.lines
	r.lines = nil
	return lines
}

// describeAuth says what kind of credential a header holds; of an access token of
// the registry, what it grants.
func describeAuth(header string) string {
	kind, value, _ := strings.Cut(header, " ")
	if header == "" {
		return "-"
	}
	parts := strings.Split(value, ".")
	if kind != "Bearer" || len(parts) != 3 {
		return kind
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Access []struct {
			Type, Name string
			Actions    []string
		}
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return kind
	}
	var granted []string
	for _, a := range claims.Access {
		granted = append(granted, sortActions(a.Type+":"+a.Name+":"+strings.Join(a.Actions, ",")))
	}
	return "Bearer<" + strings.Join(granted, " ") + ">"
}

// sortActions makes scopes equal that differ in the order of their actions, which
// varies in ACR's challenges.
func sortActions(scope string) string {
	items := strings.Fields(scope)
	for n, item := range items {
		i := strings.LastIndexByte(item, ':') + 1
		actions := strings.Split(item[i:], ",")
		slices.Sort(actions)
		items[n] = item[:i] + strings.Join(actions, ",")
	}
	return strings.Join(items, " ")
}

var traceNoise = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`127\.0\.0\.1(:|%3A)\d+`), "myregistry.azurecr.io"},
	{regexp.MustCompile(sdkTenant), "TENANT"},
	{regexp.MustCompile(sdkClient), "CLIENT"},
	{regexp.MustCompile(`sha256(:|%3A)[0-9a-f]{64}`), "sha256:D"},
	{regexp.MustCompile(`(blobs/uploads/)[^? ]+`), "${1}UP"},
	{regexp.MustCompile(`(_state|_nouploadcache|client-request-id)=[^& ]*`), ""},
	{regexp.MustCompile(`([?&])&+`), "$1"},
	{regexp.MustCompile(`[?&]+ `), " "},
	{regexp.MustCompile(`apps(/|%2F)\w+`), "apps${1}web"},
}

// normal takes out of a line what differs from one run to the next.
func normal(line string) string {
	for _, n := range traceNoise {
		line = n.pattern.ReplaceAllString(line, n.with)
	}
	return line
}

// tracePage has the traces, each between markers that name it.
const tracePage = "../docs/azure-sdks.md"

// TestSDKTraces holds what each SDK sends against docs/azure-sdks.md.
func TestSDKTraces(t *testing.T) {
	server, recorder := record(t, sdkEmulator(t))
	for _, s := range sdks {
		t.Run(s.title, func(t *testing.T) {
			p := s.ready(t)
			if out := p.repositories(t, server, sdkClient, sdkSecret); out.code != 0 {
				t.Fatalf("ended with %d:\n%s", out.code, out)
			}
			compareTrace(t, s.folder+" repositories", recorder.take())

			// The stub credential carries what the exchange wants: here an Entra
			// token, below a proxy the proxy's key.
			env := server.environment(t, "ACRKIT_PROXY_URL="+server.url, "ACRKIT_PROXY_KEY="+server.entraToken(t))
			recorder.take()
			command := p.javaTrust(t, server, p.command(p.dir, p.installed, "promote"))
			out := execute(t, env, append(command, p.repository(), "v1")...)
			p.checkPromoted(t, server, out, "v1")
			compareTrace(t, s.folder+" promote", recorder.take())
		})
	}
}

// entraToken signs the service principal in.
func (s *sdkServer) entraToken(t *testing.T) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {sdkClient}, "client_secret": {sdkSecret},
		"scope": {"https://containerregistry.azure.net/.default"}}
	a := s.mustSend(t, http.MethodPost, "/"+sdkTenant+"/oauth2/v2.0/token",
		http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader(form.Encode()))
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(a.body, &answer); err != nil || answer.AccessToken == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	return answer.AccessToken
}

// compareTrace compares a trace with the page, or writes it there with -update.
func compareTrace(t *testing.T, name string, lines []string) {
	t.Helper()
	for i := range lines {
		lines[i] = normal(lines[i])
	}
	got := "```\n" + strings.Join(lines, "\n") + "\n```\n"
	page, err := os.ReadFile(tracePage)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- trace: "+name+" -->\n", "<!-- end of trace -->\n"
	before, rest, found := strings.Cut(string(page), begin)
	want, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no trace %q", tracePage, name)
	}
	if want == got {
		return
	}
	if !*update {
		t.Errorf("%s, trace %q: got\n%s\nwant\n%s\nrun the tests with -update", tracePage, name, got, want)
		return
	}
	if err := os.WriteFile(tracePage, []byte(before+begin+got+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
