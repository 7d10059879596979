package proxy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/proxy"
)

func TestNew(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	good := proxy.Options{Hosts: []string{"localhost:5000"}, ClientKey: redact.NewSecret(key)}
	for name, change := range map[string]func(*proxy.Options){
		"no key":     func(o *proxy.Options) { o.ClientKey = redact.Secret{} },
		"no host":    func(o *proxy.Options) { o.Hosts = nil },
		"empty host": func(o *proxy.Options) { o.Hosts = []string{""} },
		"a URL":      func(o *proxy.Options) { o.Hosts = []string{"https://localhost:5000"} },
		"a user":     func(o *proxy.Options) { o.Hosts = []string{"me@localhost"} },
		"a scheme":   func(o *proxy.Options) { o.Scheme = "ftp" },
		"an identity without a key": func(o *proxy.Options) {
			o.Open, o.ClientKey, o.IdentityHeader = true, redact.Secret{}, redact.NewSecret(identityHeader)
		},
	} {
		opts := good
		change(&opts)
		if h, err := proxy.New(reg.Transport(nil), &opts); acrkit.CodeOf(err) != acrkit.CodeUsage || h != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := proxy.New(nil, &good); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Error(err)
	}
	if _, err := proxy.New(reg.Transport(nil), nil); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Error(err)
	}
	h, err := proxy.New(reg.Transport(nil), &good)
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", h, h, h, h.LogValue()); strings.Contains(s, key) {
		t.Errorf("it prints as %s", s)
	}
}

// TestClosedByDefault tries to get in without the key, in each way there is.
func TestClosedByDefault(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	f := start(t, reg, everything(reg), proxy.Options{})
	reg.ResetRequests()
	const target = "/v2/samples/app/tags/list"
	challenge := `Bearer realm="` + f.srv.URL + `/oauth2/token",service="` + f.host() +
		`",scope="repository:samples/app:metadata_read"`
	for _, tt := range []struct {
		name, authorization string
		status              int
		challenge           string
	}{
		{"nothing", "", 401, challenge},
		{"another scheme", "Digest x", 401, challenge},
		{"wrong password", basic("u", "wrong"), 401, `Basic realm="Azure Container Registry"`},
		{"the key as a user", basic(key, ""), 401, `Basic realm="Azure Container Registry"`},
		{"the key with a tail", basic("u", key+"x"), 401, `Basic realm="Azure Container Registry"`},
		{"no Basic", "Basic %%%", 401, `Basic realm="Azure Container Registry"`},
		{"the key as a token", "Bearer " + key, 401, challenge + `,error="invalid_token"`},
		{"no token", "Bearer", 401, challenge + `,error="invalid_token"`},
		{"the registry's own token", "Bearer " + upstreamToken, 401, challenge + `,error="invalid_token"`},
		{"the key", basic("u", key), 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := f.request("GET", target, nil)
			if tt.authorization != "" {
				req.Header.Set("Authorization", tt.authorization)
			}
			a := f.do(req)
			if a.StatusCode != tt.status || a.Header.Get("Www-Authenticate") != tt.challenge {
				t.Errorf("%s %q\nwant challenge %q", a.Status, a.Header.Get("Www-Authenticate"), tt.challenge)
			}
			const body = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":[{"Type":"repository","Name":"samples/app","Action":"metadata_read"}]}]}` + "\n"
			if tt.status == 401 && a.body != body {
				t.Errorf("body %s", a.body)
			}
		})
	}
	t.Run("two headers", func(t *testing.T) {
		req := f.request("GET", target, nil)
		req.Header["Authorization"] = []string{basic("u", key), "Bearer x"}
		if a := f.do(req); a.StatusCode != 401 {
			t.Error(a.Status)
		}
	})
	form := func(pairs ...string) url.Values {
		v := url.Values{"service": {f.host()}, "scope": {"repository:samples/app:pull"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	for _, tt := range []struct {
		name, path string
		form       url.Values
		status     int
		body       string
	}{
		{"exchange", "/oauth2/exchange", form("grant_type", "access_token", "access_token", "wrong"), 401, ""},
		{"exchange of nothing", "/oauth2/exchange", form("grant_type", "access_token"), 401, ""},
		{"refresh token", "/oauth2/token", form("grant_type", "refresh_token", "refresh_token", "a.b.c"), 401, ""},
		{"the key as refresh token", "/oauth2/token",
			form("grant_type", "refresh_token", "refresh_token", key), 401, ""},
		{"password", "/oauth2/token", form("grant_type", "password", "username", "u", "password", "wrong"), 401,
			refusedLogin},
		{"anonymous", "/oauth2/token", form("grant_type", "password", "refresh_token", ""), 401, refusedLogin},
		{"zero user", "/oauth2/token",
			form("grant_type", "password", "username", "00000000-0000-0000-0000-000000000000", "password", "x.y.z"),
			401, refusedLogin},
		{"another registry", "/oauth2/token", form("grant_type", "password", "username", "u", "password", key,
			"service", "myregistry.azurecr.io"), 401, refusedLogin},
		{"key in the query", "/oauth2/token?grant_type=password&username=u&service=" + f.host() + "&password=" + key,
			url.Values{}, 400, ""},
	} {
		t.Run("form/"+tt.name, func(t *testing.T) {
			a := f.form(tt.path, tt.form)
			if a.StatusCode != tt.status || tt.status == 401 &&
				(a.body != tt.body || a.Header.Get("Www-Authenticate") != "") || strings.Contains(a.body, "_token\"") {
				t.Errorf("%s %s", a.Status, a.body)
			}
		})
	}
	t.Run("GET token", func(t *testing.T) {
		for _, password := range []string{"", "wrong"} {
			req := f.request("GET", "/oauth2/token?service="+f.host(), nil)
			if password != "" {
				req.SetBasicAuth("u", password)
			}
			if a := f.do(req); a.StatusCode != 401 || a.body != refusedLogin {
				t.Errorf("%q: %s %s", password, a.Status, a.body)
			}
		}
	})
	if n := reg.Requests().Count("GET", "/v2/samples/app/tags/list"); n != 1 {
		t.Errorf("the registry saw %q", reg.Requests().Lines())
	}
}

const refusedLogin = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information."}]}` + "\n"

func basic(user, password string) string {
	req := http.Request{Header: http.Header{}}
	req.SetBasicAuth(user, password)
	return req.Header.Get("Authorization")
}

func TestOpen(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	f := start(t, reg, everything(reg), proxy.Options{Open: true})
	// Still challenged: a client may send its body only after that.
	if a := f.do(f.request("GET", "/v2/samples/app/tags/list", nil)); a.StatusCode != 401 {
		t.Error(a.Status)
	}
	a := f.do(f.request("GET", "/oauth2/token?service="+f.host()+"&scope=repository:samples/app:metadata_read", nil))
	var doc struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatal(a.Status, a.body)
	}
	for _, authorization := range []string{"Bearer " + doc.AccessToken, basic("any", "password")} {
		req := f.request("GET", "/v2/samples/app/tags/list", nil)
		req.Header.Set("Authorization", authorization)
		if a := f.do(req); a.StatusCode != 200 {
			t.Error(a.Status, a.body)
		}
	}
}

func TestHost(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	f := start(t, reg, everything(reg), proxy.Options{Hosts: []string{"Proxy.localhost:5000"}})
	_, port, _ := strings.Cut(f.host(), ":")
	for host, want := range map[string]int{
		f.host():                             200,
		"proxy.localhost:5000":               200,
		"PROXY.localhost:5000":               200,
		"proxy.localhost":                    421,
		"proxy.localhost:5001":               421,
		"proxy.localhost.:5000":              421,
		"localhost:" + port:                  421,
		"127.0.0.1":                          421,
		"evil.example":                       421,
		"evil.example:" + port:               421,
		f.host() + ".evil.example":           421,
		"myregistry.azurecr.io":              421,
		"xproxy.localhost:5000":              421,
		"proxy.localhost:5000.evil.example":  421,
		"127.0.0.1.evil.example:" + port:     421,
		"[::ffff:127.0.0.1]:" + port:         421,
		"proxy.localhost:5000@evil.example":  400,
		"proxy.localhost:5000, evil.example": 400,
	} {
		req := f.request("GET", "/v2/", nil)
		req.Host = host
		req.URL.Opaque = "" // else the target is absolute, and its host counts
		req.URL.Path = "/v2/"
		req.SetBasicAuth("u", key)
		resp, err := f.srv.Client().Transport.RoundTrip(req)
		if err != nil && want == 400 {
			continue // not even sent
		}
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want && want != 400 || want == 400 && resp.StatusCode < 400 {
			t.Errorf("Host %q: %s, want %d", host, resp.Status, want)
		}
	}
}

func TestOrigin(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	f := start(t, reg, everything(reg), proxy.Options{})
	_, port, _ := strings.Cut(f.host(), ":")
	for _, tt := range []struct {
		name, value string
		want        int
	}{
		{"Origin", f.srv.URL, 200},
		{"Origin", "HTTPS://" + f.host(), 200},
		{"Origin", "null", 403},
		{"Origin", "", 403},
		{"Origin", "https://evil.example", 403},
		{"Origin", "http://" + f.host(), 403},
		{"Origin", "https://127.0.0.1", 403},
		{"Origin", "https://localhost:" + port, 403},
		{"Origin", f.srv.URL + ".evil.example", 403},
		{"Sec-Fetch-Site", "same-origin", 200},
		{"Sec-Fetch-Site", "none", 200},
		{"Sec-Fetch-Site", "same-site", 403},
		{"Sec-Fetch-Site", "cross-site", 403},
		{"Sec-Fetch-Site", "", 403},
		{"Sec-Fetch-Site", "anything", 403},
	} {
		for _, path := range []string{"/v2/", "/oauth2/token?service=" + f.host()} {
			req := f.request("GET", path, nil)
			req.SetBasicAuth("u", key)
			req.Header.Set(tt.name, tt.value)
			if a := f.do(req); a.StatusCode != tt.want || a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: %q on %s: %s, want %d", tt.name, tt.value, path, a.Status, tt.want)
			}
		}
	}
	req := f.request("GET", "/v2/", nil)
	req.SetBasicAuth("u", key)
	req.Header["Origin"] = []string{f.srv.URL, "https://evil.example"}
	if a := f.do(req); a.StatusCode != 403 {
		t.Error("two origins:", a.Status)
	}
}

// TestTokens holds the proxy's tokens to what clients parse, and to their end.
func TestTokens(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	now := time.Now()
	f := start(t, reg, everything(reg), proxy.Options{Now: func() time.Time {
		return now
	}, Hosts: []string{"other.localhost"},
		ScopeMap: mapOf(t, "repositories/samples/*/metadata/read")})
	type document struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	get := func(a answer) (d document) {
		t.Helper()
		if err := json.Unmarshal([]byte(a.body), &d); err != nil || a.StatusCode != 200 {
			t.Fatalf("%s %s", a.Status, a.body)
		}
		return d
	}
	refresh := get(f.form("/oauth2/exchange", url.Values{"grant_type": {"access_token"}, "service": {f.host()},
		"access_token": {key}})).RefreshToken
	access := get(f.form("/oauth2/token?api-version=2021-07-01",
		url.Values{"grant_type": {"refresh_token"}, "service": {f.host()}, "refresh_token": {refresh},
			"scope": {"repository:samples/app:pull,metadata_read registry:catalog:*"}})).AccessToken
	for token, want := range map[string]struct {
		kind string
		life time.Duration
	}{refresh: {"refresh_token", 3 * time.Hour}, access: {"access_token", time.Hour}} {
		c, err := wire.ReadClaims(token)
		if err != nil || strings.Count(token, ".") != 2 {
			t.Fatal(err)
		}
		if c.GrantType != want.kind || c.Expires.Unix() != now.Add(want.life).Unix() ||
			cmp.Diff(c.Audience, []string{f.host()}) != "" {
			t.Errorf("%+v", c)
		}
	}
	if c, _ := wire.ReadClaims(access); c.Access == nil || c.Access.String() != "repository:samples/app:metadata_read" {
		t.Errorf("granted %v, want what was asked for as far as the scope map has it", c.Access)
	}
	// Docker's form, with the scopes apart, and a refresh token as a password.
	req := f.request("GET", "/oauth2/token?service="+f.host()+
		"&account=x&offline_token=true&scope=repository:samples/a:metadata_read&scope=repository:b:pull", nil)
	req.SetBasicAuth("00000000-0000-0000-0000-000000000000", refresh)
	if c, _ := wire.ReadClaims(get(f.do(req)).AccessToken); c.Access.String() != "repository:samples/a:metadata_read" {
		t.Errorf("granted %v", c.Access)
	}
	try := func(token, host string) int {
		req := f.request("GET", "/v2/samples/app/tags/list", nil)
		if host != "" {
			req.Host, req.URL.Opaque, req.URL.Path = host, "", "/v2/samples/app/tags/list"
		}
		req.Header.Set("Authorization", "Bearer "+token)
		return f.do(req).StatusCode
	}
	if got := try(access, ""); got != 200 {
		t.Errorf("the token: %d", got)
	}
	if a := f.form("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "service": {f.host()},
		"refresh_token": {access}}); a.StatusCode != 401 {
		t.Errorf("an access token passes for a refresh token: %s", a.Status)
	}
	parts := strings.Split(access, ".")
	refreshParts := strings.Split(refresh, ".")
	for name, token := range map[string]string{
		"a refresh token":         refresh,
		"no signature":            parts[0] + "." + parts[1] + ".",
		"another signature":       parts[0] + "." + parts[1] + "." + refreshParts[2],
		"another payload":         parts[0] + "." + refreshParts[1] + "." + parts[2],
		"no algorithm":            "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + parts[1] + ".",
		"two parts":               parts[0] + "." + parts[1],
		"another spelling of one": access[:len(access)-1] + string(access[len(access)-1]+1),
		"a tail":                  access + "=",
	} {
		if got := try(token, ""); got != 401 {
			t.Errorf("%s: %d", name, got)
		}
	}
	// One that was used at its own name, and one that was not used yet.
	for _, token := range []string{access, f.token("repository:samples/app:metadata_read")} {
		if got := try(token, "other.localhost"); got != 401 {
			t.Errorf("at another name: %d", got)
		}
	}
	now = now.Add(time.Hour)
	if got := try(access, ""); got != 401 {
		t.Errorf("after its end: %d", got)
	}
	now = now.Add(2 * time.Hour)
	if a := f.form("/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "service": {f.host()},
		"refresh_token": {refresh}}); a.StatusCode != 401 || a.body != "" {
		t.Errorf("the refresh token after its end: %s %s", a.Status, a.body)
	}
	other := start(t, reg, everything(reg), proxy.Options{Hosts: []string{f.host()}})
	req = other.request("GET", "/v2/samples/app/tags/list", nil)
	req.Host, req.URL.Opaque, req.URL.Path = f.host(), "", "/v2/samples/app/tags/list"
	req.Header.Set("Authorization", "Bearer "+access)
	if a := other.do(req); a.StatusCode != 401 {
		t.Errorf("at another proxy of the same name: %s", a.Status)
	}
}

func TestTokenServiceLimits(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	f := start(t, reg, everything(reg), proxy.Options{})
	form := func(change func(url.Values)) url.Values {
		v := url.Values{"grant_type": {"password"}, "username": {"u"}, "password": {key}, "service": {f.host()}}
		change(v)
		return v
	}
	for name, tt := range map[string]struct {
		path string
		form url.Values
		want int
	}{
		"no scope":         {"/oauth2/token", form(func(url.Values) {}), 200},
		"empty scope":      {"/oauth2/token", form(func(v url.Values) { v.Set("scope", " ") }), 400},
		"no scope at all":  {"/oauth2/token", form(func(v url.Values) { v.Set("scope", "nonsense") }), 200},
		"no service":       {"/oauth2/token", form(func(v url.Values) { v.Del("service") }), 400},
		"unknown grant":    {"/oauth2/token", form(func(v url.Values) { v.Set("grant_type", "magic") }), 400},
		"unknown exchange": {"/oauth2/exchange", form(func(url.Values) {}), 400},
		"too many scopes": {"/oauth2/token", form(func(v url.Values) {
			v.Set("scope", strings.Repeat("repository:a:pull ", 1001))
		}), 400},
		"too long a scope": {"/oauth2/token", form(func(v url.Values) {
			v.Set("scope", strings.Repeat("a", acrkit.MaxScope+1))
		}), 400},
		"too long a form": {"/oauth2/token", form(func(v url.Values) {
			v.Set("x", strings.Repeat("a", 512<<10))
		}), 413},
		"not a form": {"/oauth2/token", url.Values{"%": {"x"}}, 400},
	} {
		if a := f.form(tt.path, tt.form); a.StatusCode != tt.want {
			t.Errorf("%s: %s %s, want %d", name, a.Status, a.body, tt.want)
		}
	}
	for _, tt := range []string{"PUT /oauth2/token", "DELETE /oauth2/exchange", "GET /oauth2/exchange"} {
		method, path, _ := strings.Cut(tt, " ")
		if a := f.do(f.request(method, path, nil)); a.StatusCode != 405 || a.Header.Get("Allow") == "" {
			t.Errorf("%s: %s", tt, a.Status)
		}
	}
}
