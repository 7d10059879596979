package auth_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

var updateVectors = flag.Bool("update", false, "write testdata/vectors from what this package does")

// The vectors are what the packages for Python, TypeScript and Java must do as this
// package does. Here they are made from it, and compared with the files; -update
// writes the files.
func holdVectors(t *testing.T, name string, value any) {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(value); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "testdata", "vectors", name)
	if *updateVectors {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := difftest.Diff(string(want), out.String()); d != "" {
		t.Errorf(
			"%s is not what this package does (-file +package); after a change that is meant: go test ./auth -run "+
				"TestVectors -update, and the other languages must follow\n%s", file, d)
	}
}

type vectorFile struct {
	About   string `json:"about"`
	Vectors any    `json:"vectors"`
}

func TestVectorsOfScopes(t *testing.T) {
	type vector struct {
		Method string `json:"method"`
		Path   string `json:"path"`
		Scope  string `json:"scope"`
	}
	var all []vector
	for _, line := range []string{
		"GET /v2/", "GET /v2", "GET /v2/_catalog?n=100", "GET /acr/v1/_catalog", "GET /acr/v1/_catalog?n=2&last=a%2Fb",
		"HEAD /acr/v1/_catalog", "POST /acr/v1/_catalog",
		"GET /v2/a/b/manifests/v1", "HEAD /v2/a/b/manifests/sha256:00", "GET /v2/a%2Fb/manifests/v1",
		"PUT /v2/a%2fb/manifests/v1", "DELETE /v2/a/b/manifests/sha256:00",
		"PATCH /v2/a/b/manifests/v1", "POST /v2/a/b/manifests/v1", "GET /v2/a/manifests/",
		"GET /v2/a/blobs/sha256%3A00", "HEAD /v2/a/blobs/sha256:00", "DELETE /v2/a/blobs/sha256:00",
		"PUT /v2/a/blobs/sha256:00",
		"POST /v2/a/blobs/uploads/", "POST /v2/a/blobs/uploads", "POST /v2/a/blobs/uploads/?digest=sha256:00",
		"POST /v2/a/blobs/uploads/?mount=sha256:00&from=x%2Fy", "POST /v2/a/blobs/uploads/?mount=sha256%3A00&from=a",
		"POST /v2/a/blobs/uploads/?mount=sha256:00&from=UPPER:x",
		"POST /v2/a/blobs/uploads/?from=x", "POST /v2/a/blobs/uploads/?mount=&from=x",
		"POST /v2/b/blobs/uploads/?mount=sha256:00&from=a",
		"PATCH /v2/a/blobs/uploads/uuid?_state=x", "PUT /v2/a/blobs/uploads/uuid?digest=sha256:00",
		"GET /v2/a/blobs/uploads/uuid", "DELETE /v2/a/blobs/uploads/uuid", "POST /v2/a/blobs/uploads/uuid",
		"GET /v2/a/tags/list", "GET /v2/a/tags/list?n=5&last=v1", "DELETE /v2/a/tags/list",
		"GET /v2/a/referrers/sha256:00",
		"GET /v2/manifests/manifests/v1", "GET /v2/a/blobs/uploads/manifests/v1", "GET /v2/a/tags/list/manifests/v1",
		"GET /v2/a/manifests/v1/tags/list", "POST /v2/blobs/uploads/blobs/uploads/",
		"GET /acr/v1/a/b", "GET /acr/v1/a%2Fb?api-version=2021-07-01", "PATCH /acr/v1/a", "DELETE /acr/v1/a",
		"PUT /acr/v1/a", "POST /acr/v1/a",
		"GET /acr/v1/a/_tags", "GET /acr/v1/a%2Fb/_tags?n=3&orderby=timedesc", "GET /acr/v1/a/_tags/v1",
		"PATCH /acr/v1/a/_tags/v1", "DELETE /acr/v1/a/_tags/v1", "GET /acr/v1/a/_tagsx",
		"GET /acr/v1/a/_manifests?n=1000", "GET /acr/v1/a/_manifests/sha256:00",
		"PATCH /acr/v1/a/_manifests/sha256%3A00", "DELETE /acr/v1/a/_manifests/sha256:00",
		"GET /v2/UPPER/manifests/v1", "GET /v2/a:b/manifests/v1", "GET /v2/a%252Fb/manifests/v1",
		"GET /v2/a%20repository:x/manifests/v1", "GET /v2//manifests/v1", "GET /acr/v1/", "GET /other", "GET /",
		"GET /v2/a..b/manifests/v1", "GET /v2/a__b/manifests/v1", "GET /v2/a.b-c_d/manifests/v1",
		"GET /v2/-a/manifests/v1", "GET /v2/" + strings.Repeat("a", 255) + "/manifests/v1", "GET /v2/" +
			strings.Repeat("a", 257) + "/manifests/v1",
	} {
		method, path, _ := strings.Cut(line, " ")
		need := operation.RequiredFor(method, mustURL(t, "https://myregistry.azurecr.io"+path))
		all = append(all, vector{method, path, need.Scope.String()})
	}
	holdVectors(t, "scopes.json",
		vectorFile{`The scope that a request needs; "" where it is not known, or where none is needed.`, all})
}

func TestVectorsOfEndpoints(t *testing.T) {
	type vector struct {
		Endpoint string `json:"endpoint"`
		Custom   bool   `json:"custom,omitempty"`
		URL      string `json:"url,omitempty"`
		Service  string `json:"service,omitempty"`
		Code     string `json:"code,omitempty"`
	}
	var all []vector
	hold := func(endpoint string, custom bool) {
		rt, err := auth.NewTransport(endpoint, ci(), &auth.Options{Base: &direct{}, CustomLoginServer: custom})
		if err != nil {
			all = append(all, vector{Endpoint: endpoint, Custom: custom, Code: string(acrkit.CodeOf(err))})
			return
		}
		defer rt.Close()
		all = append(all, vector{Endpoint: endpoint, Custom: custom, URL: rt.URL().String(),
			Service: rt.Registry().LoginServer().Host()})
	}
	for _, good := range []string{
		"myregistry", "MyRegistry", "myregistry.azurecr.io", "https://myregistry.azurecr.io",
		"https://myregistry.azurecr.io/", "HTTPS://MyRegistry.AzureCR.io", "https://myregistry.azurecr.io:443",
		"myregistry.azurecr.us", "myregistry-hash1.azurecr.cn", "myregistry.westeurope.geo.azurecr.io",
		"MyRegistry.WestEurope.geo.AzureCR.io:443", "myregistry-hash1.chinaeast2.geo.azurecr.cn",
		"myregistry.usgovvirginia.geo.azurecr.us", "myregistry.westeurope.geo.azurecr.localhost:5443",
		"myregistry.westeurope.data.azurecr.io", "myregistry.geo.azurecr.io",
		"myregistry.westeurope.geo.azurecr.io:8443",
		"localhost", "localhost:5443", "https://localhost:5443", "127.0.0.1:5443", "[::1]:5443",
		"myregistry.azurecr.localhost:5443", "http://myregistry.azurecr.io", "http://localhost:5443",
		"https://myregistry.azurecr.io/v2/", "https://user:pass@myregistry.azurecr.io",
		"https://myregistry.azurecr.io?x=1",
		"https://myregistry.azurecr.io#x", "registry.contoso.com", "a.b.azurecr.io", "azurecr.io", ".azurecr.io",
		"myregistry.azurecr.io.",
	} {
		hold(good, false)
	}
	for _, name := range lookAlikes {
		if !utf8.ValidString(name) {
			t.Fatalf("%q does not fit into a JSON file", name)
		}
		hold(name, false)
	}
	for _, name := range []string{"registry.contoso.com", "https://registry.contoso.com:8443",
		"http://registry.contoso.com", "myregistry.azurecr.io.evil.example", "registry.contoso.com/path",
		"buildhost:5000", "registry.contoso.com:0"} {
		hold(name, true)
	}
	holdVectors(t, "endpoints.json",
		vectorFile{
			"What a caller may name as the registry: the origin that it becomes with the service that its tokens are " +
				"asked for (at a regional endpoint the registry's login server), or the code of the error. custom: " +
				"the option for a login server with a name of its own.", all})
}

func TestVectorsOfOrigins(t *testing.T) {
	type vector struct {
		Endpoint string `json:"endpoint"`
		URL      string `json:"url"`
		Home     bool   `json:"home"`
	}
	var all []vector
	for _, tt := range []struct {
		endpoint string
		urls     []string
	}{
		{"myregistry.azurecr.io", []string{
			"https://myregistry.azurecr.io/v2/a/manifests/v1", "https://myregistry.azurecr.io:443/v2/",
			"https://MyRegistry.AZURECR.io/v2/", "HTTPS://myregistry.azurecr.io/v2/",
			"https://myregistry.azurecr.io:8443/v2/", "https://myregistry.azurecr.io:80/v2/",
			"https://other.azurecr.io/v2/", "https://myregistry.azurecr.us/v2/", "https://myregistry.azurecr.io./v2/",
			"https://myregistry.azurecr.io.evil.example/v2/", "https://evil.example/myregistry.azurecr.io/v2/",
			"https://myregistry.azurecr.io@evil.example/v2/", "https://x.myregistry.azurecr.io/v2/",
			"https://myregistry.westeurope.data.azurecr.io/v2/", "https://localhost/v2/", "https://[::1]/v2/",
			"https://evil.example/?https://myregistry.azurecr.io", "https://evil.example#@myregistry.azurecr.io/",
		}},
		{"localhost:5443", []string{"https://localhost:5443/v2/", "https://LOCALHOST:5443/v2/", "https://localhost/v2/",
			"https://127.0.0.1:5443/v2/", "https://localhost:5444/v2/"}},
		{"[::1]:5443", []string{"https://[::1]:5443/v2/", "https://[0:0:0:0:0:0:0:1]:5443/v2/",
			"https://[::2]:5443/v2/"}},
	} {
		for _, to := range tt.urls {
			u := mustURL(t, to)
			d := &direct{hosts: map[string]http.Handler{}}
			rt, err := auth.NewTransport(tt.endpoint, ci(), &auth.Options{Base: d})
			if err != nil {
				t.Fatal(err)
			}
			f := newFake()
			f.host = rt.Registry().Host()
			d.hosts["https://"+f.host] = f
			d.hosts[strings.ToLower(u.Scheme)+"://"+u.Host] = f
			d.hosts[u.Scheme+"://"+u.Host] = f
			resp, err := rt.RoundTrip(&http.Request{Method: "GET", URL: u, Header: http.Header{}})
			if err != nil {
				t.Fatalf("%s: %v", to, err)
			}
			_ = resp.Body.Close()
			all = append(all, vector{tt.endpoint, to, d.sent[len(d.sent)-1].Header.Get("Authorization") != ""})
			_ = rt.Close()
		}
	}
	holdVectors(t, "origins.json",
		vectorFile{"Whether a URL is of the registry's own origin, the one place where its credential goes.", all})
}

func TestVectorsOfChallenges(t *testing.T) {
	type vector struct {
		Registry string   `json:"registry"`
		Headers  []string `json:"headers"`
		Realm    string   `json:"realm,omitempty"`
		Service  string   `json:"service,omitempty"`
		Scope    string   `json:"scope,omitempty"`
		Error    string   `json:"error,omitempty"`
		Refused  string   `json:"refused,omitempty"`
	}
	const own = `Bearer realm="https://myregistry.azurecr.io/oauth2/token",service="myregistry.azurecr.io"`
	var all []vector
	challenges := [][]string{
		{own + `,scope="repository:samples/app:metadata_read"`},
		{own + `,scope="repository:samples/app:pull,push",error="insufficient_scope"`},
		{own + `,scope="repository:samples/app:push,pull"`}, // canonical order
		{own + `,error="invalid_token"`},
		{own + `,scope="registry:catalog:*"`},
		{own + `,scope="repository:b:pull repository:a:pull,push"`},
		{own + `, scope="repository:a:pull" , error="insufficient_scope"`},
		{`bearer REALM="https://myregistry.azurecr.io/oauth2/token",Scope="repository:a:pull"`},
		{`Basic realm="x", ` + own + `,scope="repository:a:pull"`},
		{`Basic realm="x"`, own + `,scope="repository:a:pull"`},
		{own + `,scope="repository:a\:pull"`},
		{`Bearer realm=https,scope="repository:a:pull"`},
		{`Bearer realm="https://evil.example/oauth2/token",service="myregistry.azurecr.io",scope="repository:a:pull"`},
		{`Bearer realm="http://myregistry.azurecr.io/oauth2/token",scope="repository:a:pull"`},
		{`Bearer realm="https://myregistry.azurecr.io:8443/oauth2/token",scope="repository:a:pull"`},
		{`Bearer realm="https://myregistry.azurecr.io.evil.example/oauth2/token",scope="repository:a:pull"`},
		{`Bearer realm="https://myregistry.azurecr.io@evil.example/oauth2/token",scope="repository:a:pull"`},
		{`Bearer realm="//evil.example/oauth2/token",scope="repository:a:pull"`},
		{`Bearer realm="https://MYREGISTRY.azurecr.io/oauth2/token",scope="repository:a:pull"`},
		{`Bearer realm="https://myregistry.westeurope.geo.azurecr.io/oauth2/token",scope="repository:a:pull"`},
		{`Bearer realm="https://other.azurecr.io/oauth2/token",scope="repository:a:pull"`},
		{`Bearer scope="repository:a:pull"`},
		{`Bearer`},
		{`Basic realm="x"`},
		{},
		{`Bearer realm="x`},
		{`Bearer realm="a",realm="b"`},
		{`Bearer realm="a" scope="b"`},
		{own + `,scope="nonsense"`},
		{own + `,scope="repository:a:pull` + "\x01" + `"`},
		{`=`},
		{own + `,scope="repository:` + strings.Repeat("a", wire.MaxChallenge) + `:pull"`},
	}
	// At a regional endpoint: itself, or its registry's login server.
	const regional = "myregistry.westeurope.geo.azurecr.io"
	hosts := make([]string, len(challenges))
	for i := range hosts {
		hosts[i] = testHost
	}
	for _, realm := range []string{
		"https://" + regional, "https://" + testHost, "https://myregistry.northeurope.geo.azurecr.io",
		"https://other.azurecr.io", "https://other.westeurope.geo.azurecr.io",
		"https://myregistry.azurecr.cn", "https://myregistry.westeurope.geo.azurecr.cn",
		"https://myregistry.westeurope.data.azurecr.io", "https://" + testHost + ":8443", "http://" + testHost,
		"https://" + testHost + ".evil.example", "https://" + testHost + "@evil.example",
	} {
		challenges, hosts = append(challenges, []string{`Bearer realm="` + realm + `/oauth2/token",service="` +
			testHost + `",scope="repository:a:pull"`}), append(hosts, regional)
	}
	for i, headers := range challenges {
		v := vector{Registry: hosts[i], Headers: headers}
		if v.Headers == nil {
			v.Headers = []string{}
		}
		b, asked, err := wire.BearerChallenge(http.Header{"Www-Authenticate": headers})
		rt, rtErr := auth.NewTransport(hosts[i], ci(), &auth.Options{Base: &direct{}})
		if rtErr != nil {
			t.Fatal(rtErr)
		}
		foreign := false
		if asked {
			foreign = auth.CheckRealm(rt, b.Realm) != nil
		}
		_ = rt.Close()
		switch {
		case acrkit.CodeOf(err) == acrkit.CodeTooLarge:
			v.Refused = "too_large"
			v.Headers = []string{own + `,scope="repository:{a * 80000}:pull"`}
		case err != nil:
			v.Refused = "malformed"
		case !asked:
			v.Refused = "none"
		case foreign:
			v.Refused = "foreign_realm"
		default:
			v.Realm, v.Service, v.Scope, v.Error = b.Realm, b.Service, b.Scope.String(), b.Error
		}
		all = append(all, v)
	}
	holdVectors(t, "challenges.json",
		vectorFile{
			`WWW-Authenticate headers: what the Bearer challenge says, or why it is not followed. In a header, {a * 80000} stands for 80000 letters a; the limit is 69632 bytes.`, all})
	if wire.MaxChallenge != 69632 {
		t.Errorf("the limit is %d: say so in the file", wire.MaxChallenge)
	}
}

func TestVectorsOfTokens(t *testing.T) {
	type vector struct {
		User     string `json:"user"`
		Password string `json:"password"`
		Kind     string `json:"kind"`
	}
	claims := func(m map[string]any) string { return jwt(m) }
	var all []vector
	for _, v := range []vector{
		{"ci-pull", "correct-horse-battery-staple", "password"},
		{"ci-pull", "a.b.c", "password"},
		{"ci-pull", claims(map[string]any{"iss": "someone else"}), "password"},
		{"ci-pull", claims(map[string]any{"iss": "http://issuer.example"}), "password"},
		{"token", claims(map[string]any{"iss": "https://sts.windows.net/11111111-1111-1111-1111-111111111111/",
			"aud": "https://containerregistry.azure.net"}), "entra_token"},
		{"anything", claims(
			map[string]any{"iss": "https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0",
				"aud": "x"}), "entra_token"},
		{"ci-pull", claims(map[string]any{"aud": []string{"https://containerregistry.azure.net/"}}), "entra_token"},
		{"ci-pull", claims(map[string]any{"aud": "https://management.azure.com/"}), "entra_token"},
		{"ci-pull", claims(map[string]any{"iss": "Azure Container Registry", "aud": testHost,
			"grant_type": "refresh_token"}), "refresh_token"},
		{"ci-pull", claims(map[string]any{"iss": "Azure Container Registry", "aud": testHost}), "refresh_token"},
		{"ci-pull", claims(map[string]any{"iss": "Azure Container Registry", "aud": testHost,
			"grant_type": "access_token"}), "access_token"},
		{"00000000-0000-0000-0000-000000000000", "opaque", "refresh_token"},
		{"<token>", "opaque", "refresh_token"},
		{"00000000-0000-0000-0000-000000000000", claims(map[string]any{"aud": "https://containerregistry.azure.net"}),
			"entra_token"},
	} {
		cred := auth.UserPassword(v.User, v.Password)
		kind := map[auth.Kind]string{auth.KindUserPassword: "password", auth.KindScopedToken: "password",
			auth.KindRefreshToken: "refresh_token", auth.KindEntraToken: "entra_token"}[cred.Kind()]
		if kind == "refresh_token" {
			if rt, err := auth.NewTransport(testHost, cred,
				&auth.Options{Base: &direct{}}); acrkit.CodeOf(err) == acrkit.CodeUsage {
				kind = "access_token"
			} else if err == nil {
				_ = rt.Close()
			}
		}
		if kind != v.Kind {
			t.Errorf("%q: %q, want %q", v.User, kind, v.Kind)
		}
		all = append(all, v)
	}
	holdVectors(t, "tokens.json",
		vectorFile{
			"What a password is: sent as one, used as an ACR refresh token, exchanged as an Entra token, or refused " +
				"because an access token is none of them. The signatures are made up.", all})
}

func TestVectorsOfLifetimes(t *testing.T) {
	type vector struct {
		Token string `json:"token"`
		Date  string `json:"date"`
		Life  int    `json:"life"`
		Renew int    `json:"renew"`
		Ends  int    `json:"ends"`
	}
	const date = "Sun, 29 Nov 2026 12:00:00 GMT"
	at, err := http.ParseTime(date)
	if err != nil {
		t.Fatal(err)
	}
	exp := func(d time.Duration) string { return jwt(map[string]any{"exp": at.Add(d).Unix()}) }
	var all []vector
	for _, v := range []struct{ token, date string }{
		{exp(time.Hour), date}, {exp(3 * time.Hour), date}, {exp(100 * time.Second), date},
		{exp(50 * time.Second), date},
		{exp(0), date}, {exp(-time.Hour), date}, {exp(time.Hour), ""}, {exp(time.Hour), "yesterday"},
		{jwt(map[string]any{}), date}, {"opaque", date},
		{jwt(map[string]any{"exp": "1796000000"}), date}, {exp(240 * time.Hour), date},
		{jwt(map[string]any{"exp": 1e30}), date}, {jwt(map[string]any{"exp": float64(at.Unix()) + 100.9}), date},
		// An anonymous client's: five minutes of use, "issued" fifteen minutes back (recorded).
		{jwt(map[string]any{"nbf": at.Unix() - 900, "iat": at.Unix() - 900, "exp": at.Unix() + 300}), date},
	} {
		claims, _ := wire.ReadClaims(v.token)
		day, _ := http.ParseTime(v.date)
		life, renew, ends := auth.LifeOf(claims.Expires, day)
		all = append(all, vector{v.token, v.date, int(life.Seconds()), int(renew.Seconds()), int(ends.Seconds())})
	}
	holdVectors(t, "lifetimes.json",
		vectorFile{
			"The life of a token in seconds, counted from its arrival by a monotonic clock: exp minus the Date of " +
				"its own answer; 60 where that cannot be told or is over, a day at most. It is renewed at 80 % of " +
				"its life and not used after ends.", all})
}

// A refusal is what a last answer becomes.
func TestVectorsOfRefusals(t *testing.T) {
	type vector struct {
		Name       string            `json:"name"`
		Registry   string            `json:"registry"`
		Credential string            `json:"credential"`
		Method     string            `json:"method"`
		Path       string            `json:"path"`
		From       string            `json:"from"`
		Status     int               `json:"status"`
		Headers    map[string]string `json:"headers"`
		Body       string            `json:"body"`
		Requested  string            `json:"requested,omitempty"`
		Granted    *string           `json:"granted"`
		Capitals   bool              `json:"capitals,omitempty"`
		Code       string            `json:"code"`
		Sentence   sentence.Key      `json:"sentence"`
		Facts      map[string]string `json:"facts"`
		Message    string            `json:"message"`
	}
	const (
		realm = `Bearer realm="https://myregistry.azurecr.io/oauth2/token",service="myregistry.azurecr.io"`
		body  = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":[]}]}`
	)
	insufficient := func(scope string) map[string]string {
		return map[string]string{"WWW-Authenticate": realm + `,scope="` + scope + `",error="insufficient_scope"`}
	}
	text := func(s string) *string { return &s }
	who := `token "ci-pull"`
	base := func(f map[string]string) map[string]string {
		f["who"] = who
		return f
	}
	right := func(repository, actions, words string) map[string]string {
		return base(map[string]string{"right": words + ` on "` + repository + `"`, "repository": repository,
			"actions": actions, "name": "myregistry", "token": "ci-pull"})
	}
	var all []vector
	for _, v := range []vector{
		{Name: "list tags without metadata/read", Method: "GET", Path: "/acr/v1/samples%2Fapp/_tags", From: "registry",
			Status: 401, Headers: insufficient("repository:samples/app:metadata_read"), Body: body,
			Granted: text(""), Sentence: sentence.MissingAction,
			Facts: right("samples/app", "metadata/read", "metadata/read")},
		{Name: "list tags, the grant is unknown", Method: "GET", Path: "/acr/v1/samples%2Fapp/_tags", From: "registry",
			Status: 401, Headers: insufficient("repository:samples/app:metadata_read"), Body: body,
			Sentence: sentence.MissingAction, Facts: right("samples/app", "metadata/read", "metadata/read")},
		{Name: "push without content/write", Method: "PUT", Path: "/v2/samples/app/manifests/v2", From: "registry",
			Status: 401, Headers: insufficient("repository:samples/app:pull,push"), Body: body,
			Granted: text("repository:samples/app:pull"), Sentence: sentence.MissingSome,
			Facts: func() map[string]string {
				f := right("samples/app", "content/write", "content/write")
				f["has"] = "content/read"
				return f
			}()},
		{Name: "push without content/write, keys of the claim in capitals", Method: "PUT",
			Path: "/v2/samples/app/manifests/v2", From: "registry", Status: 401,
			Headers: insufficient("repository:samples/app:pull,push"), Body: body,
			Granted: text("repository:samples/app:pull"), Capitals: true, Sentence: sentence.MissingSome,
			Facts: func() map[string]string {
				f := right("samples/app", "content/write", "content/write")
				f["has"] = "content/read"
				return f
			}()},
		{Name: "push, the grant is unknown", Method: "POST", Path: "/v2/samples/app/blobs/uploads/", From: "registry",
			Status: 401, Headers: insufficient("repository:samples/app:pull,push"), Body: body,
			Sentence: sentence.MissingActions, Facts: right("samples/app", "content/read content/write",
				"content/read, content/write")},
		{Name: "delete without content/delete", Method: "DELETE", Path: "/v2/samples/app/manifests/sha256:00",
			From: "registry", Status: 401, Headers: insufficient("repository:samples/app:delete"), Body: body,
			Granted: text(""), Sentence: sentence.MissingAction,
			Facts: right("samples/app", "content/delete", "content/delete")},
		{Name: "lock without metadata/write", Method: "PATCH", Path: "/acr/v1/samples%2Fapp/_tags/v1", From: "registry",
			Status: 401, Headers: insufficient("repository:samples/app:metadata_write"), Body: body,
			Granted: text(""), Sentence: sentence.MissingAction,
			Facts: right("samples/app", "metadata/write", "metadata/write")},
		{Name: "a challenge that a shell must not get", Method: "GET", Path: "/v2/samples/app/manifests/v1",
			From: "registry", Status: 401, Headers: insufficient("repository:a$(reboot):pull"), Body: body,
			Sentence: sentence.MissingAction,
			Facts: base(map[string]string{"right": `content/read on "a$(reboot)"`, "name": "myregistry",
				"token": "ci-pull"})},
		{Name: "an action that a shell must not get", Method: "GET", Path: "/v2/samples/app/manifests/v1",
			From: "registry", Status: 401, Headers: insufficient("repository:samples/app:a;reboot"), Body: body,
			Sentence: sentence.MissingAction,
			Facts: base(map[string]string{"right": `a;reboot on "samples/app"`, "name": "myregistry",
				"token": "ci-pull"})},
		{Name: "the token holds the right", Method: "GET", Path: "/v2/samples/app/manifests/v1", From: "registry",
			Status: 401, Headers: insufficient("repository:samples/app:pull"), Body: body,
			Granted: text("repository:samples/app:pull"), Sentence: sentence.Held,
			Facts: base(map[string]string{"right": `content/read on "samples/app"`})},
		{Name: "catalog", Method: "GET", Path: "/acr/v1/_catalog", From: "registry", Status: 401,
			Headers: insufficient("registry:catalog:*"), Body: body,
			Granted: text(""), Sentence: sentence.Catalog, Facts: base(map[string]string{})},
		{Name: "a right without a name", Method: "GET", Path: "/v2/samples/app/manifests/v1", From: "registry",
			Status: 401, Headers: map[string]string{"WWW-Authenticate": realm + `,error="insufficient_scope"`},
			Body:     body,
			Sentence: sentence.MissingUnnamed, Facts: base(map[string]string{})},
		{Name: "a fresh access token is refused", Method: "GET", Path: "/v2/samples/app/manifests/v1", From: "registry",
			Status: 401, Headers: map[string]string{"WWW-Authenticate": realm +
				`,scope="repository:samples/app:pull",error="invalid_token"`}, Body: body,
			Sentence: sentence.AccessNotAccepted, Facts: base(map[string]string{})},
		{Name: "no repository", Method: "GET", Path: "/acr/v1/samples%2Fgone/_tags", From: "registry", Status: 404,
			Headers:  map[string]string{},
			Body:     `{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry","detail":{"name":"samples/gone"}}]}`,
			Sentence: sentence.NoRepository,
			Facts:    map[string]string{"registry": testHost, "repository": "samples/gone"}},
		{Name: "no tag", Method: "GET", Path: "/v2/samples/app/manifests/v9", From: "registry", Status: 404,
			Headers:  map[string]string{},
			Body:     `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest tagged by \"v9\" is not found","detail":{"Tag":"v9"}}]}`,
			Sentence: sentence.NoManifest, Facts: map[string]string{"repository": "samples/app", "reference": "v9"}},
		{Name: "no tag's attributes", Method: "GET", Path: "/acr/v1/samples%2Fapp/_tags/v9", From: "registry",
			Status: 404, Headers: map[string]string{},
			Body:     `{"errors":[{"code":"TAG_UNKNOWN","message":"the specified tag does not exist","detail":{"name":"samples/app"}}]}`,
			Sentence: sentence.NoManifest, Facts: map[string]string{"repository": "samples/app", "reference": "v9"}},
		{Name: "no blob", Method: "GET", Path: "/v2/samples/app/blobs/sha256%3A00", From: "registry", Status: 404,
			Headers:  map[string]string{},
			Body:     `{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry","detail":{"digest":"sha256:00"}}]}`,
			Sentence: sentence.NoBlob, Facts: map[string]string{"repository": "samples/app", "reference": "sha256:00"}},
		{Name: "404 without words", Method: "GET", Path: "/acr/v1/samples%2Fapp/_tags", From: "registry", Status: 404,
			Headers: map[string]string{}, Body: ``,
			Sentence: sentence.NotFound,
			Facts:    map[string]string{"registry": testHost, "path": "/acr/v1/samples/app/_tags"}},
		{Name: "wrong password", Method: "GET", Path: "/acr/v1/samples%2Fapp/_tags", From: "token_service", Status: 401,
			Headers: map[string]string{},
			Body:    body, Sentence: sentence.NotAccepted,
			Facts: base(map[string]string{"password": "password", "said": "", "name": "myregistry",
				"token": "ci-pull"})},
		{Name: "the password in the place of the name",
			Credential: "Zm9vYmFy+not/a/real/password/of+any/token+ACRA0/bcd=", Method: "GET",
			Path: "/acr/v1/samples%2Fapp/_tags", From: "token_service", Status: 401, Headers: map[string]string{},
			Body: body, Sentence: sentence.NotAccepted,
			Facts: map[string]string{"who": "token", "password": "password", "said": ""}},
		{Name: "wrong password, and the service says more", Method: "GET", Path: "/acr/v1/samples%2Fapp/_tags",
			From: "token_service", Status: 401, Headers: map[string]string{},
			Body:     `{"errors":[{"code":"UNAUTHORIZED","message":"Application not registered with AAD."}]}`,
			Sentence: sentence.NotAccepted,
			Facts: base(map[string]string{"password": "password",
				"said": "; the registry answered: Application not registered with AAD.", "name": "myregistry",
				"token": "ci-pull"})},
	} {
		v.Registry, v.Credential = testHost, cmp.Or(v.Credential, "ci-pull")
		f := newFake()
		f.password["ci-pull"] = "correct-horse"
		f.intercept = func(w http.ResponseWriter, r *http.Request, form url.Values) bool {
			token := r.URL.Path == "/oauth2/token"
			if token == (v.From == "token_service") {
				for name, value := range v.Headers {
					w.Header().Set(name, value)
				}
				w.WriteHeader(v.Status)
				_, _ = io.WriteString(w, v.Body)
				return true
			}
			if token {
				v.Requested = cmp.Or(v.Requested, form.Get("scope"))
				claims := map[string]any{"iss": "Azure Container Registry", "exp": time.Now().Add(time.Hour).Unix(),
					"grant_type": "access_token"}
				if v.Granted != nil {
					var access []any
					for a := range mustScope(*v.Granted).All() {
						access = append(access, a)
						if v.Capitals {
							access[len(access)-1] = struct { //nolint:musttag // the keys are the fields' names
								Type, Name string
								Actions    []string
							}(a)
						}
					}
					claims["access"] = access
				}
				_ = json.NewEncoder(w).Encode(map[string]string{"access_token": jwt(claims)})
				return true
			}
			return false
		}
		d := &direct{hosts: map[string]http.Handler{"https://" + testHost: f}}
		rt, err := auth.NewTransport(testHost, auth.ScopedToken(v.Credential, "correct-horse"), &auth.Options{Base: d})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), v.Method, "https://"+testHost+v.Path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err == nil {
			err = rt.ResponseError(resp, "do it")
		}
		_ = rt.Close()
		e, ok := errors.AsType[*acrkit.Error](err)
		if !ok {
			t.Fatalf("%s: %v", v.Name, err)
		}
		v.Code = string(e.Code)
		here := maps.Clone(v.Facts)
		if v.Facts["registry"] != "" {
			here["registry"] = "the registry" // what was tried names it already
		}
		if text, _ := sentence.Say(v.Sentence, here); e.Reason != text {
			t.Errorf("%s:\n got %s\nwant %s", v.Name, e.Reason, text)
		}
		v.Message = sentence.Message(v.Sentence, v.Facts)
		all = append(all, v)
	}
	holdVectors(t, "refusals.json",
		vectorFile{
			"What a last answer becomes. requested is the scope of the first access token, granted what the access " +
				"claim held (null: it has none), its keys with capitals where capitals is true (Type, Name, " +
				"Actions). The facts fill the sentence. name is a fact of registries of Azure alone; name, token, " +
				"repository and actions are facts only where a shell takes them as they stand.", all})
	holdVectors(t, "sentences.json", sentence.Table())
}
