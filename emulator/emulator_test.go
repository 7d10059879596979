package emulator_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

const (
	tenantID = "11111111-1111-1111-1111-111111111111"
	clientID = "22222222-2222-2222-2222-222222222222"

	platformID = "44444444-4444-4444-4444-444444444444"
	secret     = "app-secret"
	pullPw     = "correct-horse-battery-staple-0001"
)

// clock is the emulator's; tests move it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// fixture is an emulator that listens.
type fixture struct {
	*emulator.Emulator
	t      testing.TB
	clock  *clock
	host   string
	client *http.Client
	log    *bytes.Buffer
	stop   func()
}

func parse(t testing.TB, text string) *seed.Seed {
	t.Helper()
	s, err := seed.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// syncWriter lets several goroutines log.
type syncWriter struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (w *syncWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func start(t testing.TB, opts *emulator.Options) *fixture {
	t.Helper()
	o := emulator.Options{}
	if opts != nil {
		o = *opts
	}
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	if o.Now == nil {
		o.Now = c.Now
	}
	if o.Seed == nil {
		o.Seed = parse(t, seed.Example())
	}
	log := new(bytes.Buffer)
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(&syncWriter{b: log}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	e, err := emulator.Open(t.Context(), &o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- e.Serve(ctx, l) }()
	f := &fixture{Emulator: e, t: t, clock: c, host: l.Addr().String(), log: log}
	f.client = &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: e.CAPool()},
			// Every name leads here.
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	f.stop = sync.OnceFunc(func() {
		f.client.CloseIdleConnections()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if err := e.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	t.Cleanup(f.stop)
	return f
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   string
	chunks bool
}

func (f *fixture) do(method, url string, header http.Header, body string) answer {
	f.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = "https://" + f.host + url
	}
	req, err := http.NewRequestWithContext(f.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Accept", accepts)
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := f.client.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(b), slices.Contains(res.TransferEncoding, "chunked")}
}

// accepts are the types of the manifests that a client reads.
const accepts = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"

func (f *fixture) get(path string, header http.Header) answer {
	f.t.Helper()
	return f.do("GET", path, header, "")
}

func (f *fixture) post(path string, pairs ...string) answer {
	f.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return f.do("POST", path, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, form.Encode())
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func basic(user, password string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
}

// field returns a text field of a JSON answer.
func (a answer) field(t testing.TB, name string) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	s, ok := v[name].(string)
	if !ok {
		t.Fatalf("no %s in %d %s", name, a.status, a.body)
	}
	return s
}

func (f *fixture) password(user, password, scope string) answer {
	f.t.Helper()
	pairs := []string{"grant_type", "password", "service", f.host, "username", user, "password", password}
	if scope != "" {
		pairs = append(pairs, "scope", scope)
	}
	return f.post("/oauth2/token", pairs...)
}

func (f *fixture) entraToken(scope string) answer {
	f.t.Helper()
	return f.post("/"+tenantID+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id", clientID,
		"client_secret", secret, "scope", scope)
}

// platformToken is entraToken of the application that owns the subscription.
func (f *fixture) platformToken(scope string) answer {
	f.t.Helper()
	return f.post("/"+tenantID+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id", platformID,
		"client_secret", "platform-secret", "scope", scope)
}

func (f *fixture) refreshToken() string {
	f.t.Helper()
	entra := f.entraToken("https://containerregistry.azure.net/.default").field(f.t, "access_token")
	return f.post("/oauth2/exchange", "grant_type", "access_token", "service", f.host, "access_token",
		entra).field(f.t, "refresh_token")
}

// claims reads a token without checking it.
func claims(t testing.TB, token string) map[string]any {
	t.Helper()
	c := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// last returns the newest decision.
func (f *fixture) last() emulator.Decision {
	f.t.Helper()
	var out emulator.Decision
	for d, err := range f.Decisions(f.t.Context(), emulator.DecisionFilter{}) {
		if err != nil {
			f.t.Fatal(err)
		}
		out = d
	}
	return out
}

func TestReady(t *testing.T) {
	f := start(t, nil)
	for _, scheme := range []string{"https", "http"} {
		a := f.get(scheme+"://"+f.host+"/v2/", nil)
		want := `Bearer realm="` + scheme + `://` + f.host + `/oauth2/token",service="` + f.host + `"`
		if got := a.header.Get("WWW-Authenticate"); a.status != 401 || got != want {
			t.Errorf("%s: %d %s", scheme, a.status, got)
		}
	}
	if d := f.last(); d.Outcome != emulator.OutcomeChallenged || d.Registry != "myregistry" {
		t.Errorf("decision %+v", d)
	}
}

func TestPasswordGrant(t *testing.T) {
	f := start(t, nil)
	const scope = "repository:samples/app:pull,push repository:samples/other:pull registry:catalog:*"
	a := f.password("ci-pull", pullPw, scope)
	if a.status != 200 || !a.chunks || a.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	if diff := cmp.Diff([]string{"max-age=31536000; includeSubDomains"},
		a.header.Values("Strict-Transport-Security")); diff != "" {
		t.Error(diff)
	}
	if a.header.Get("X-Ms-Correlation-Request-Id") == "" || a.header.Get("Docker-Distribution-Api-Version") != "" {
		t.Errorf("headers %v", a.header)
	}
	var fields map[string]string
	if err := json.Unmarshal([]byte(a.body), &fields); err != nil || len(fields) != 1 {
		t.Fatalf("want access_token alone, got %s", a.body)
	}
	c := claims(t, fields["access_token"])
	now := float64(f.clock.Now().Unix())
	for k, want := range map[string]any{
		"sub": "ci-pull", "iss": "Azure Container Registry", "aud": f.host, "version": "1.0",
		"grant_type": "access_token",
		"nbf":        now - 900, "iat": now - 900, "exp": now + 3600, "roles": []any{},
		"access": []any{map[string]any{"type": "repository", "name": "samples/app", "actions": []any{"pull"}}},
	} {
		if diff := cmp.Diff(want, c[k]); diff != "" {
			t.Errorf("claim %s (-want +got):\n%s", k, diff)
		}
	}
	if rid, _ := c["rid"].(string); len(rid) != 32 {
		t.Errorf("rid %v", c["rid"])
	}
	d := f.last()
	want := emulator.Decision{ID: d.ID, Time: d.Time, RequestID: d.RequestID, Registry: "myregistry",
		Kind: "scoped-token", Principal: "ci-pull", Method: "POST", Path: "/oauth2/token",
		Required: "registry:catalog:* repository:samples/app:pull,push repository:samples/other:pull",
		Outcome:  emulator.OutcomeAllowed,
		Missing:  "registry:catalog:* repository:samples/app:push repository:samples/other:pull",
		Rules:    []string{`scope map "ci-pull": repositories/samples/app/content/read`},
		Reason:   `an access token was issued without what scope map "ci-pull" lacks`}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
	if d.RequestID != a.header.Get("X-Ms-Correlation-Request-Id") {
		t.Error("the decision has another request id")
	}
}

// TestRefusalsAreAlike: for every fault of a password the answer has the same
// bytes; the decision log has the reason.
func TestRefusalsAreAlike(t *testing.T) {
	s := seed.Example() + `
      - name: off-token
        scopeMap: ci-pull
        status: disabled
        passwords: [{name: password1, value: correct-horse-battery-staple-0009}]
      - {name: no-password, scopeMap: ci-pull}
`
	f := start(t, &emulator.Options{Seed: parse(t, s)})
	f.clock.Add(15 * 365 * 24 * time.Hour) // past 2040
	type try struct{ user, password, reason string }
	tries := map[string]try{
		"wrong":       {"ci-pull", "correct-horse-battery-staple-9999", "the password is wrong"},
		"expired":     {"ci-pull", pullPw, "the password has expired"},
		"disabled":    {"off-token", "correct-horse-battery-staple-0009", "the token is disabled"},
		"unknown":     {"unknown-token", pullPw, "no such token, admin user or service principal"},
		"no_password": {"no-password", pullPw, "the password is wrong"},
		"admin_off":   {"myregistry", pullPw, "the admin user is disabled"},
		"empty":       {"ci-pull", "", "the password is wrong"},
	}
	const want = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information."}]}` + "\n"
	shape := func(a answer) (int, http.Header, string) {
		h := a.header.Clone()
		h.Del("X-Ms-Correlation-Request-Id")
		h.Del("Date")
		return a.status, h, a.body
	}
	var firstHeader http.Header
	for name, x := range tries {
		t.Run(name, func(t *testing.T) {
			for form, a := range map[string]answer{
				"POST": f.password(x.user, x.password, "repository:samples/app:pull"),
				"GET": f.get("/oauth2/token?service="+f.host+"&scope=repository:samples/app:pull",
					basic(x.user, x.password)),
			} {
				status, header, body := shape(a)
				if status != 401 || body != want {
					t.Errorf("%s: %d %s", form, status, body)
				}
				if firstHeader == nil {
					firstHeader = header
				}
				if diff := cmp.Diff(firstHeader, header); diff != "" {
					t.Errorf("%s: headers differ:\n%s", form, diff)
				}
				if d := f.last(); d.Reason != x.reason || d.Outcome != emulator.OutcomeDenied {
					t.Errorf("%s: decision %+v", form, d)
				}
			}
		})
	}
}

func TestServicePrincipalByPassword(t *testing.T) {
	f := start(t, nil)
	a := f.password(clientID, secret, "repository:x/y:pull,push,delete")
	access := claims(t, a.field(t, "access_token"))["access"]
	if diff := cmp.Diff([]any{map[string]any{"type": "repository", "name": "x/y", "actions": []any{"pull", "push"}}},
		access); diff != "" {
		t.Error(diff)
	}
	for _, x := range [][2]string{{clientID, "wrong-secret"}, {"22222222-2222-2222-2222-000000000000", secret}} {
		a := f.password(x[0], x[1], "")
		if a.status != 401 || !strings.Contains(a.body, `"Invalid clientid or client secret. CorrelationId: `+
			a.header.Get("X-Ms-Correlation-Request-Id")+`"`) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	reg, err := f.Registry("")
	if err != nil {
		t.Fatal(err)
	}
	if err := reg.RemoveRoles(t.Context(), clientID); err != nil {
		t.Fatal(err)
	}
	a = f.password(clientID, secret, "")
	if a.status != 403 || a.body != `{"errors":[{"code":"DENIED","message":"retrieving permissions failed"}]}`+"\n" {
		t.Errorf("without a role: %d %s", a.status, a.body)
	}
}

func TestExchangeAndRefresh(t *testing.T) {
	f := start(t, nil)
	refresh := f.refreshToken()
	c := claims(t, refresh)
	now := float64(f.clock.Now().Unix())
	for k, want := range map[string]any{
		"iss": "Azure Container Registry", "aud": f.host, "version": "1.0", "grant_type": "refresh_token",
		"appid": clientID, "tenant": tenantID,
		"nbf": now - 900, "iat": now - 900, "exp": now + 10800, "roles": []any{},
		"permissions": map[string]any{"Actions": []any{"read", "write"}, "NotActions": nil},
	} {
		if diff := cmp.Diff(want, c[k]); diff != "" {
			t.Errorf("claim %s (-want +got):\n%s", k, diff)
		}
	}
	if _, ok := c["aad_identity"]; ok {
		t.Error("a registry that is not in ABAC mode has the claim of that mode")
	}
	catalog := []any{map[string]any{"type": "registry", "name": "catalog", "actions": []any{"*"}}}
	for name, x := range map[string]struct {
		a    answer
		want any
	}{
		"POST": {f.post("/oauth2/token?api-version=2021-07-01", "grant_type", "refresh_token", "service",
			f.host, "scope", "registry:catalog:*", "refresh_token", refresh), catalog},
		"POST_without_scope": {f.post("/oauth2/token", "grant_type", "refresh_token", "service", f.host,
			"refresh_token", refresh), []any{}},
		"GET_zero_guid": {f.get("/oauth2/token?service="+f.host+"&scope=registry:catalog:*",
			basic("00000000-0000-0000-0000-000000000000", refresh)), catalog},
		"GET_two_scopes": {f.get("/oauth2/token?service="+f.host+
			"&scope=repository:b:push,pull&scope=repository:a:pull&offline_token=true&account=x&client_id=docker",
			basic("00000000-0000-0000-0000-000000000000", refresh)),
			[]any{map[string]any{"type": "repository", "name": "a", "actions": []any{"pull"}},
				map[string]any{"type": "repository", "name": "b", "actions": []any{"pull", "push"}}}},
	} {
		if strings.Contains(x.a.body, "refresh_token") {
			t.Errorf("%s: a refresh token was given: %s", name, x.a.body)
		}
		if diff := cmp.Diff(x.want, claims(t, x.a.field(t, "access_token"))["access"]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	// The refresh token is no access token, and the other way round.
	if a := f.get("/v2/", bearer(refresh)); a.status != 401 ||
		!strings.HasSuffix(a.header.Get("WWW-Authenticate"), `,error="invalid_token"`) {
		t.Errorf("a refresh token as bearer: %d %v", a.status, a.header)
	}
	f.clock.Add(3*time.Hour - time.Second)
	if a := f.post("/oauth2/token", "grant_type", "refresh_token", "service", f.host, "refresh_token",
		refresh); a.status != 200 {
		t.Errorf("after 2:59:59: %d", a.status)
	}
	f.clock.Add(time.Second)
	a := f.post("/oauth2/token", "grant_type", "refresh_token", "service", f.host, "refresh_token", refresh)
	if a.status != 401 || a.body != "" || a.header.Get("Content-Length") != "0" ||
		a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("after 3:00:00: %d %q %v", a.status, a.body, a.header)
	}
}

func TestExchangeRefusals(t *testing.T) {
	f := start(t, nil)
	good := f.entraToken("https://containerregistry.azure.net/.default").field(t, "access_token")
	parts := strings.Split(good, ".")
	for name, form := range map[string][]string{
		"garbage":       {"access_token", "x"},
		"none":          {},
		"wrong_tenant":  {"access_token", good, "tenant", "wrong tenant"},
		"bad_signature": {"access_token", parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))},
		"alg_none": {"access_token", base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
			parts[1] + "."},
		"acr_token": {"access_token", f.refreshToken()},
	} {
		a := f.post("/oauth2/exchange", append([]string{"grant_type", "access_token", "service", f.host}, form...)...)
		if a.status != 401 || a.body != "" || a.header.Get("Content-Length") != "0" ||
			a.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: %d %q %v", name, a.status, a.body, a.header)
		}
	}
	if a := f.post("/oauth2/exchange", "grant_type", "access_token", "service", f.host, "access_token", good, "tenant",
		tenantID); a.status != 200 {
		t.Errorf("with the right tenant: %d %s", a.status, a.body)
	}
	for name, a := range map[string]answer{
		"no_service": f.post("/oauth2/exchange", "grant_type", "access_token", "access_token", good),
		"no_grant":   f.post("/oauth2/exchange", "service", f.host, "access_token", good),
		"no_grant_2": f.post("/oauth2/token", "service", f.host),
		"secrets_in_url": f.do("POST", "/oauth2/token?grant_type=password&username=ci-pull&password="+pullPw+
			"&service="+f.host, nil, ""),
	} {
		if a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := f.do("GET", "/oauth2/exchange", nil, ""); a.status != 405 || a.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d", a.status)
	}
	// The Entra token itself opens nothing.
	if a := f.get("/acr/v1/_catalog", bearer(good)); a.status != 401 ||
		!strings.HasSuffix(a.header.Get("WWW-Authenticate"), `scope="registry:catalog:*",error="invalid_token"`) {
		t.Errorf("%d %v", a.status, a.header)
	}
	f.clock.Add(time.Hour)
	if a := f.post("/oauth2/exchange", "grant_type", "access_token", "service", f.host, "access_token",
		good); a.status != 401 {
		t.Errorf("an expired Entra token: %d", a.status)
	}
}

func TestArmTokens(t *testing.T) {
	s := seed.Example()
	for policy, status := range map[string]int{"enabled": 200, "disabled": 401} {
		f := start(t, &emulator.Options{
			Seed: parse(t, strings.Replace(s, "    sku: Premium\n",
				"    sku: Premium\n    azureADAuthenticationAsArmPolicy: "+policy+"\n", 1))})
		for _, scope := range []string{"https://management.azure.com//.default",
			"https://management.core.windows.net/.default", "https://" + f.host + "//.default"} {
			token := f.entraToken(scope).field(t, "access_token")
			a := f.post("/oauth2/exchange", "grant_type", "access_token", "service", f.host, "access_token", token)
			if a.status != status || status == 401 && !strings.Contains(a.body, `"arm aad token disallowed"`) {
				t.Errorf("%s, policy %s: %d %s", scope, policy, a.status, a.body)
			}
		}
	}
}

func TestAnonymous(t *testing.T) {
	f := start(t, nil)
	ask := func() []answer {
		const scope = "registry:catalog:* repository:samples/app:metadata_read,metadata_write,pull,push"
		return []answer{
			f.post("/oauth2/token", "grant_type", "password", "service", f.host, "scope", scope, "refresh_token", ""),
			f.post("/oauth2/token", "grant_type", "password", "service", f.host, "scope", scope),
			f.get("/oauth2/token?service="+f.host+"&scope="+url.QueryEscape(scope), nil),
		}
	}
	for i, a := range ask() {
		if a.status != 401 || !strings.Contains(a.body, "UNAUTHORIZED") {
			t.Errorf("off, %d: %d %s", i, a.status, a.body)
		}
	}
	reg, err := f.Registry("myregistry")
	if err != nil {
		t.Fatal(err)
	}
	if err := reg.SetAnonymousPull(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	want := []any{map[string]any{"Type": "registry", "Name": "catalog", "Actions": []any{"*"}},
		map[string]any{"Type": "repository", "Name": "*", "Actions": []any{"pull"}}}
	var token string
	for i, a := range ask() {
		token = a.field(t, "access_token")
		if diff := cmp.Diff(want, claims(t, token)["access"]); diff != "" {
			t.Errorf("on, %d: %s", i, diff)
		}
	}
	if a := f.get("/acr/v1/_catalog", bearer(token)); a.status != 200 {
		t.Errorf("catalog: %d", a.status)
	}
	if err := reg.SetAnonymousPull(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if a := f.get("/acr/v1/_catalog", bearer(token)); a.status != 401 {
		t.Errorf("catalog after it was switched off: %d", a.status)
	}
}
