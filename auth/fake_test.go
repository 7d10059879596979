package auth_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// fake is a registry with its token service and an Entra authority, small and
// strict, written from the recordings and not from package emulator. It serves
// any host name.
type fake struct {
	mu        sync.Mutex
	host      string // the login server it believes to be
	scheme    string
	log       []string // "METHOD path detail"
	issued    map[string]issued
	count     int
	password  map[string]string // user → password, or several separated by "|"
	allowed   acrkit.Scope
	now       func() time.Time
	skew      time.Duration // of the server's clock
	date      time.Duration // of the Date header, beside that
	life      time.Duration // of access tokens
	rootLife  time.Duration // of refresh tokens
	bareJWT   bool          // tokens without exp
	opaque    bool          // tokens that are no JWT
	noDate    bool
	secret    string // the service principal's
	assertion string // the one that its federation takes
	noACR     bool   // Entra does not know ACR's audience

	// intercept may answer in the fake's place; it reports whether it did.
	intercept func(w http.ResponseWriter, r *http.Request, form url.Values) bool
	bodies    []string // of requests to the registry

	tags map[string][]string // by repository: the answer for one that is here, not "ok"
}

type issued struct {
	scope   acrkit.Scope
	expires time.Time
	dead    bool
}

const testHost = "myregistry.azurecr.io"

func newFake() *fake {
	return &fake{host: testHost, scheme: "https", issued: map[string]issued{}, now: time.Now, life: time.Hour,
		rootLife: 3 * time.Hour, secret: "sp-secret",
		password: map[string]string{"ci": "correct-horse"},
		allowed:  mustScope("repository:team/app:metadata_read,pull,push repository:team/base:pull")}
}

func mustScope(s string) acrkit.Scope {
	scope, err := acrkit.ParseScope(s)
	if err != nil {
		panic(err)
	}
	return scope
}

func jwt(claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + enc(payload) + "." + enc([]byte("not a signature"))
}

func (f *fake) token(kind string, scope acrkit.Scope, life time.Duration) string {
	f.count++
	now := f.now().Add(f.skew)
	var access []acrkit.Access
	for a := range scope.All() {
		access = append(access, a)
	}
	claims := map[string]any{"jti": fmt.Sprint(f.count), "iss": "Azure Container Registry", "aud": f.host,
		"grant_type": kind, "exp": now.Add(life).Unix()}
	if kind == "access_token" {
		claims["access"] = access
	}
	if f.bareJWT {
		delete(claims, "exp")
	}
	t := jwt(claims)
	if f.opaque {
		t = fmt.Sprintf("opaque-%d", f.count)
	}
	f.issued[t] = issued{scope: scope, expires: now.Add(life)}
	return t
}

// kill makes the service forget every token it has given.
func (f *fake) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for t, i := range f.issued {
		i.dead = true
		f.issued[t] = i
	}
}

// took returns and clears the log.
func (f *fake) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.log
	f.log = nil
	return l
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	detail := ""
	switch {
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		detail = form.Get("scope")
	case r.URL.Path == "/oauth2/token":
		detail = form.Get("grant_type") + " " + form.Get("scope")
	case r.URL.Path == "/oauth2/exchange":
		detail = form.Get("grant_type")
	}
	f.mu.Lock()
	f.log = append(f.log, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+detail))
	intercept := f.intercept
	f.mu.Unlock()
	if !f.noDate {
		w.Header().Set("Date", f.now().Add(f.skew+f.date).UTC().Format(http.TimeFormat))
	} else {
		w.Header()["Date"] = nil
	}
	w.Header().Set("X-Ms-Correlation-Request-Id", "00000000-1111-2222-3333-444444444444")
	if intercept != nil && intercept(w, r, form) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token"):
		f.entra(w, form)
	case r.URL.Path == "/oauth2/exchange":
		f.exchange(w, form)
	case r.URL.Path == "/oauth2/token":
		f.tokens(w, form)
	default:
		f.data(w, r, string(body))
	}
}

func answer(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}

func (f *fake) entra(w http.ResponseWriter, form url.Values) {
	refuse := func(number int, word string) {
		answer(w, 401, map[string]any{"error": word, "error_codes": []int{number},
			"correlation_id": "99999999-8888-7777-6666-555555555555",
			"error_description": fmt.Sprintf("AADSTS%d: Some words of Entra that quote %s. Trace ID: x", number,
				form.Get("client_secret"))})
	}
	switch {
	case form.Has("client_assertion") &&
		(form.Has("client_secret") ||
			form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"):
		answer(w, 400, map[string]string{"error": "invalid_request"})
	case form.Has("client_assertion") && form.Get("client_assertion") != f.assertion:
		refuse(700213, "invalid_client")
	case !form.Has("client_assertion") && form.Get("client_secret") != f.secret:
		refuse(7000215, "invalid_client")
	case f.noACR && strings.Contains(form.Get("scope"), "containerregistry"):
		refuse(500011, "invalid_resource")
	default:
		t := jwt(map[string]any{"iss": "https://sts.windows.net/t/",
			"aud": strings.TrimSuffix(form.Get("scope"), "/.default"), "exp": f.now().Add(f.skew + time.Hour).Unix(),
			"n": len(f.log)})
		f.issued[t] = issued{expires: f.now().Add(f.skew + time.Hour)}
		answer(w, 200, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": t})
	}
}

func (f *fake) exchange(w http.ResponseWriter, form url.Values) {
	i, ok := f.issued[form.Get("access_token")]
	if !ok || i.dead || form.Get("service") != f.host || form.Get("grant_type") != "access_token" {
		w.WriteHeader(401) // with an empty body, as recorded
		return
	}
	answer(w, 200, map[string]string{"refresh_token": f.token("refresh_token", acrkit.Scope{}, f.rootLife)})
}

func (f *fake) tokens(w http.ResponseWriter, form url.Values) {
	unauthorized := func() {
		answer(w, 401, map[string]any{
			"errors": []any{map[string]any{"code": "UNAUTHORIZED",
				"message": "authentication required", "detail": nil}}})
	}
	if form.Get("service") != f.host || form.Has("scope") && form.Get("scope") == "" {
		w.WriteHeader(400)
		return
	}
	switch form.Get("grant_type") {
	case "password":
		if want, ok := f.password[form.Get("username")]; !ok ||
			!slices.Contains(strings.Split(want, "|"), form.Get("password")) {
			unauthorized()
			return
		}
	case "refresh_token":
		if i, ok := f.issued[form.Get("refresh_token")]; !ok || i.dead || !i.scope.IsEmpty() {
			w.WriteHeader(401)
			return
		}
	default:
		w.WriteHeader(400)
		return
	}
	want, err := acrkit.ParseScope(form.Get("scope"))
	if err != nil {
		w.WriteHeader(400)
		return
	}
	answer(w, 200, map[string]string{"access_token": f.token("access_token", want.Intersect(f.allowed), f.life)})
}

func (f *fake) data(w http.ResponseWriter, r *http.Request, body string) {
	need := f.needs(r)
	challenge := fmt.Sprintf(`Bearer realm="%s://%s/oauth2/token",service="%s"`, f.scheme, f.host, f.host)
	if !need.IsEmpty() {
		challenge += fmt.Sprintf(`,scope="%s"`, need)
	}
	refuse := func(word string) {
		if word != "" {
			challenge += fmt.Sprintf(`,error="%s"`, word)
		}
		w.Header().Set("Www-Authenticate", challenge)
		answer(w, 401, map[string]any{
			"errors": []any{map[string]any{"code": "UNAUTHORIZED",
				"message": "authentication required, visit https://aka.ms/acr/authorization for more information."}}})
	}
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	i, known := f.issued[bearer]
	switch {
	case !ok:
		refuse("")
	case !known || i.dead || !f.now().Add(f.skew).Before(i.expires):
		refuse("invalid_token")
	case !i.scope.Contains(need):
		refuse("insufficient_scope")
	default:
		f.bodies = append(f.bodies, body)
		name := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/v2/"), "/tags/list")
		if tags, ok := f.tags[name]; ok {
			out, _ := json.Marshal(map[string]any{"name": name, "tags": tags})
			_, _ = w.Write(out)
			return
		}
		_, _ = io.WriteString(w, "ok")
	}
}

// needs is the fake's own short reading of acr-protocol: enough for these tests.
func (f *fake) needs(r *http.Request) acrkit.Scope {
	p := strings.TrimSuffix(r.URL.Path, "/")
	one := func(name string, actions ...string) acrkit.Scope {
		return acrkit.NewScope(acrkit.Access{Type: "repository", Name: name, Actions: actions})
	}
	cut := func(mark string) string { name, _, _ := strings.Cut(strings.TrimPrefix(p, "/v2/"), mark); return name }
	switch {
	case p == "/v2":
		return acrkit.Scope{}
	case strings.HasSuffix(p, "/_catalog"):
		return mustScope("registry:catalog:*")
	case strings.HasSuffix(p, "/tags/list"):
		return one(cut("/tags/list"), "metadata_read")
	case strings.Contains(p, "/referrers/"): // more than anyone derives
		return one(cut("/referrers/"), "metadata_read", "pull")
	case strings.Contains(p, "/blobs/uploads"):
		s := one(cut("/blobs/uploads"), "push", "pull")
		if from := r.URL.Query().Get("from"); from != "" {
			s = s.Union(one(from, "pull"))
		}
		return s
	case strings.Contains(p, "/manifests/") && r.Method == http.MethodPut:
		return one(cut("/manifests/"), "pull", "push")
	case strings.Contains(p, "/manifests/"):
		return one(cut("/manifests/"), "pull")
	case strings.Contains(p, "/blobs/"):
		return one(cut("/blobs/"), "pull")
	}
	return one("unknown", "pull")
}

// direct calls handlers by host name, in this process and on the caller's
// goroutine, so that it works inside a synctest bubble.
type direct struct {
	hosts  map[string]http.Handler
	mu     sync.Mutex
	closed int // request bodies closed
	sent   []*http.Request
}

func (d *direct) RoundTrip(r *http.Request) (*http.Response, error) {
	d.mu.Lock()
	d.sent = append(d.sent, r)
	d.mu.Unlock()
	in := r.Clone(r.Context())
	if r.Body == nil {
		in.Body = http.NoBody
	} else {
		defer func() {
			_ = r.Body.Close()
			d.mu.Lock()
			d.closed++
			d.mu.Unlock()
		}()
	}
	h, ok := d.hosts[r.URL.Scheme+"://"+r.URL.Host]
	if !ok {
		return nil, fmt.Errorf("no such host: %s", r.URL.Host)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, in)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func (d *direct) sentTo(host string) []*http.Request {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []*http.Request
	for _, r := range d.sent {
		if r.URL.Host == host {
			out = append(out, r)
		}
	}
	return out
}

// setup returns a fake, the transport over it, and what lies between.
func setup(t *testing.T, cred auth.Credential) (*fake, *auth.Transport, *direct) {
	t.Helper()
	f := newFake()
	d := &direct{hosts: map[string]http.Handler{"https://" + testHost: f, "https://login.microsoftonline.com": f}}
	rt, err := auth.NewTransport(testHost, cred, &auth.Options{Base: d})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return f, rt, d
}

func ci() auth.Credential { return auth.ScopedToken("ci", "correct-horse") }

func do(t *testing.T, rt http.RoundTripper, method, path, body string) *http.Response {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+testHost+path, r)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func wantStatus(t *testing.T, resp *http.Response, want int) {
	t.Helper()
	if resp.StatusCode != want {
		t.Fatalf("%s %s: status %d, want %d", resp.Request.Method, resp.Request.URL.Path, resp.StatusCode, want)
	}
}
