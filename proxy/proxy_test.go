package proxy_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/proxy"
	"github.com/acrkit/acrkit/scopemap"
)

const key = "proxy-client-key-0123456789abcdef"

// fixture is a registry with a proxy before it.
type fixture struct {
	t   *testing.T
	reg *acrtest.Registry
	srv *httptest.Server
	h   *proxy.Handler

	mu   sync.Mutex
	used []string
}

// start starts a proxy on TLS before a registry's transport.
func start(t *testing.T, reg *acrtest.Registry, cred auth.Credential, opts proxy.Options) *fixture {
	t.Helper()
	f := &fixture{t: t, reg: reg}
	f.serve(reg.Transport(cred), opts)
	return f
}

func (f *fixture) serve(upstream *auth.Transport, opts proxy.Options) {
	f.t.Helper()
	f.srv = httptest.NewUnstartedServer(nil)
	opts.Hosts = append(opts.Hosts, f.srv.Listener.Addr().String())
	if !opts.Open && opts.ClientKey.IsZero() {
		opts.ClientKey = redact.NewSecret(key)
	}
	if opts.Record == nil {
		opts.Record = func(s acrkit.Scope) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.used = append(f.used, s.String())
		}
	}
	h, err := proxy.New(upstream, &opts)
	if err != nil {
		f.t.Fatal(err)
	}
	f.h = h
	f.srv.Config.Handler = h
	f.srv.StartTLS()
	f.t.Cleanup(func() {
		_ = h.Close()
		f.srv.Close()
	})
}

func (f *fixture) host() string { return strings.TrimPrefix(f.srv.URL, "https://") }

func (f *fixture) recorded() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.used)
}

// request makes a request to the proxy; nothing is escaped or cleaned on the way.
func (f *fixture) request(method, target string, body io.Reader) *http.Request {
	f.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, f.srv.URL, body)
	if err != nil {
		f.t.Fatal(err)
	}
	path, query, _ := strings.Cut(target, "?")
	req.URL.Opaque, req.URL.RawQuery = "//"+f.host()+path, query
	return req
}

type answer struct {
	*http.Response
	body string
}

// do sends a request as it is.
func (f *fixture) do(req *http.Request) answer {
	f.t.Helper()
	resp, err := f.srv.Client().Transport.RoundTrip(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{resp, string(data)}
}

// accepts are the types of the manifests that a client reads.
const accepts = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"

// send sends a request with the client key as a Basic password.
func (f *fixture) send(method, target string, body io.Reader) answer {
	f.t.Helper()
	req := f.request(method, target, body)
	req.SetBasicAuth("anyone", key)
	req.Header.Set("Accept", accepts)
	return f.do(req)
}

func (f *fixture) form(path string, values url.Values) answer {
	f.t.Helper()
	req := f.request(http.MethodPost, path, strings.NewReader(values.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return f.do(req)
}

// token gets an access token for a scope with the client key.
func (f *fixture) token(scope string) string {
	f.t.Helper()
	a := f.form("/oauth2/token", url.Values{"grant_type": {"password"}, "username": {"u"}, "password": {key},
		"service": {f.host()}, "scope": {scope}})
	var doc struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil || a.StatusCode != http.StatusOK {
		f.t.Fatalf("token: %s %s", a.Status, a.body)
	}
	return doc.AccessToken
}

func mapOf(t *testing.T, lines ...string) *scopemap.Map {
	t.Helper()
	m, err := scopemap.Parse(lines)
	if err != nil {
		t.Fatal(err)
	}
	return &m
}

// everything is a credential with all rights.
func everything(reg *acrtest.Registry) auth.Credential {
	return reg.TokenOf("everything", "_repositories_admin").Credential()
}
