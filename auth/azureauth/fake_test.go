package azureauth_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
)

// fake is the smallest registry these tests need. It shares no code with the
// emulator, so that one misreading of the protocol cannot hide in both.
type fake struct {
	t   *testing.T
	srv *httptest.Server

	mu       sync.Mutex
	requests []request
	names    map[string]string // token name -> password
	rights   map[string]string // token name -> scope it is granted at most
	hook     func(w http.ResponseWriter, r *http.Request, body []byte) bool
}

type request struct {
	Method, Path, Query string
	Auth                string // "", "Bearer <scope>", or the scheme of another kind
	ContentLength       int64
	ContentType         string
	Body                string
	Header              http.Header
}

func (r request) String() string { return r.Method + " " + r.Path }

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{t: t,
		names:  map[string]string{"ci": "correct-horse-battery-staple"},
		rights: map[string]string{"ci": "repository:samples/app:delete,metadata_read,metadata_write,pull,push"},
	}
	f.srv = httptest.NewTLSServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.srv.Close)
	return f
}

func (f *fake) host() string { return strings.TrimPrefix(f.srv.URL, "https://") }

// httpClient trusts the fake's certificate; its idle connections end with the test.
func (f *fake) httpClient() *http.Client {
	tr := f.srv.Client().Transport.(*http.Transport).Clone()
	f.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (f *fake) log() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]request(nil), f.requests...)
}

func (f *fake) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = nil
}

func (f *fake) lines() []string {
	var out []string
	for _, r := range f.log() {
		out = append(out, r.String())
	}
	return out
}

// token makes an access token in the service's form: three parts, the rights in
// its "access" claim, base64url.
func token(access acrkit.Scope, life time.Duration) string {
	list := []acrkit.Access{}
	for a := range access.All() {
		list = append(list, a)
	}
	claims, _ := json.Marshal(map[string]any{"access": list, "exp": time.Now().Add(life).Unix(),
		"iss": "Azure Container Registry", "grant_type": "access_token"})
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc.EncodeToString(claims) + "." +
		enc.EncodeToString([]byte("signature"))
}

func accessOf(bearer string) (acrkit.Scope, bool) {
	parts := strings.Split(bearer, ".")
	if len(parts) != 3 {
		return acrkit.Scope{}, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return acrkit.Scope{}, false
	}
	var claims struct{ Access []acrkit.Access }
	if json.Unmarshal(raw, &claims) != nil {
		return acrkit.Scope{}, false
	}
	return acrkit.NewScope(claims.Access...), true
}

// required is the fake's own reading of which right a request needs.
func required(r *http.Request) acrkit.Scope {
	path := r.URL.Path
	repo := func(name string, actions ...acrkit.Action) acrkit.Scope {
		return acrkit.RepositoryScope(name, actions...)
	}
	if rest, ok := strings.CutPrefix(path, "/acr/v1/"); ok {
		if rest == "_catalog" {
			return acrkit.NewScope(acrkit.Access{Type: "registry", Name: "catalog", Actions: []string{"*"}})
		}
		name, _, _ := strings.Cut(rest, "/_")
		switch r.Method {
		case http.MethodGet:
			return repo(name, acrkit.MetadataRead)
		case http.MethodPatch:
			return repo(name, acrkit.MetadataWrite)
		}
		return repo(name, acrkit.ContentDelete)
	}
	rest := strings.TrimPrefix(path, "/v2/")
	for _, mark := range []string{"/manifests/", "/blobs/"} {
		if i := strings.LastIndex(rest, mark); i > 0 {
			switch r.Method {
			case http.MethodGet, http.MethodHead:
				return repo(rest[:i], acrkit.ContentRead)
			case http.MethodDelete:
				return repo(rest[:i], acrkit.ContentDelete)
			}
			return repo(rest[:i], acrkit.ContentRead, acrkit.ContentWrite)
		}
	}
	return acrkit.Scope{}
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rec := request{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, ContentLength: r.ContentLength,
		ContentType: r.Header.Get("Content-Type"), Body: string(body), Header: r.Header.Clone()}
	scheme, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	granted, known := accessOf(value)
	rec.Auth = scheme
	if known {
		rec.Auth = scheme + " " + granted.String()
	}
	f.mu.Lock()
	f.requests = append(f.requests, rec)
	hook := f.hook
	f.mu.Unlock()
	if hook != nil && hook(w, r, body) {
		return
	}
	if r.URL.Path == "/oauth2/token" {
		f.serveToken(w, string(body))
		return
	}
	need := required(r)
	if !known || !granted.Contains(need) {
		challenge := fmt.Sprintf(`Bearer realm="https://%s/oauth2/token",service="%s",scope="%s"`, r.Host, r.Host, need)
		if r.Header.Get("Authorization") != "" {
			challenge += `,error="insufficient_scope"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintln(w,
			`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":null}]}`)
		return
	}
	switch {
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/blobs/uploads/"):
		w.Header().Set("Location", "/v2/samples/app/blobs/uploads/u1?_state=abc")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPatch && strings.Contains(r.URL.Path, "/uploads/"):
		w.Header().Set("Location", "/v2/samples/app/blobs/uploads/u1?_state=def")
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut:
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"registry":"x","imageName":"samples/app","manifestCount":1,"tagCount":1}`)
	}
}

func (f *fake) serveToken(w http.ResponseWriter, body string) {
	form, _ := url.ParseQuery(body)
	f.mu.Lock()
	password, ok := f.names[form.Get("username")]
	rights := f.rights[form.Get("username")]
	f.mu.Unlock()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if form.Get("grant_type") != "password" || !ok || password != form.Get("password") {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprintln(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}`)
		return
	}
	asked, err := acrkit.ParseScope(form.Get("scope"))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	atMost, _ := acrkit.ParseScope(rights)
	json.NewEncoder(w).Encode(map[string]string{"access_token": token(asked.Intersect(atMost), time.Hour)})
}
