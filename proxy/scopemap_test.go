package proxy_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/proxy"
	"github.com/acrkit/acrkit/scopemap"
)

// TestScopeMap tries every operation against scope maps, with a credential that may
// do everything: what passes and what is refused, in ACR's words, without the
// registry seeing it.
func TestScopeMap(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	image := reg.Push("samples/app", "v1")
	reg.Push("samples/app", "v2")
	reg.Push("samples/base", "v1")
	cred := everything(reg)
	blob := image.Blobs[0]
	operations := []struct{ name, method, target, scope string }{
		{"ping", "GET", "/v2/", ""},
		{"catalog", "GET", "/v2/_catalog", "registry:catalog:*"},
		{"acr catalog", "GET", "/acr/v1/_catalog", "registry:catalog:*"},
		{"tags", "GET", "/v2/samples/app/tags/list", "repository:samples/app:metadata_read"},
		{"acr tags", "GET", "/acr/v1/samples%2Fapp/_tags", "repository:samples/app:metadata_read"},
		{"attributes", "GET", "/acr/v1/samples/app", "repository:samples/app:metadata_read"},
		{"manifest", "GET", "/v2/samples%2fapp/manifests/v1", "repository:samples/app:pull"},
		{"head blob", "HEAD", "/v2/samples/app/blobs/" + blob, "repository:samples/app:pull"},
		{"referrers", "GET", "/v2/samples/app/referrers/" + image.Digest, "repository:samples/app:pull"},
		{"upload", "POST", "/v2/samples/app/blobs/uploads/", "repository:samples/app:pull,push"},
		{"mount", "POST", "/v2/samples/base/blobs/uploads/?mount=" + blob + "&from=samples/app",
			"repository:samples/app:pull repository:samples/base:pull,push"},
		{"lock", "PATCH", "/acr/v1/samples/app", "repository:samples/app:metadata_write"},
		{"untag", "DELETE", "/acr/v1/samples/app/_tags/v9", "repository:samples/app:delete"},
		{"delete manifest", "DELETE", "/v2/samples/app/manifests/v9", "repository:samples/app:delete"},
		{"elsewhere", "GET", "/v2/other/manifests/v1", "repository:other:pull"},
	}
	all := []string{"content/read", "content/write", "content/delete", "metadata/read", "metadata/write"}
	on := func(pattern string, actions ...string) (lines []string) {
		for _, a := range actions {
			lines = append(lines, "repositories/"+pattern+"/"+a)
		}
		return lines
	}
	for _, tt := range []struct {
		name   string
		lines  []string
		passes string // names of the operations, in order
	}{
		{"nothing", nil, "ping"},
		{"pull", on("samples/app", "content/read"), "ping, manifest, head blob, referrers"},
		{"write without read", on("samples/app", "content/write"), "ping"},
		{"push", on("samples/app", "content/read", "content/write"), "ping, manifest, head blob, referrers, upload"},
		{"push to the target of a mount", on("samples/base", "content/read", "content/write"), "ping"},
		{"both sides of a mount", append(on("samples/base", "content/read", "content/write"),
			on("samples/app", "content/read")...), "ping, manifest, head blob, referrers, mount"},
		{"metadata", on("samples/app", "metadata/read"), "ping, tags, acr tags, attributes"},
		{"locks", on("samples/app", "metadata/write"), "ping, lock"},
		{"delete", on("samples/app", "content/delete"), "ping, untag, delete manifest"},
		{"a prefix", on("samples/*", "content/read"), "ping, manifest, head blob, referrers"},
		{"all below a prefix, no catalog", on("samples/*", all...),
			"ping, tags, acr tags, attributes, manifest, head blob, referrers, upload, mount, lock, untag, delete " +
				"manifest"},
		{"a name that begins alike", on("sample", all...), "ping"},
		{"root, metadata", on("*", "metadata/read"), "ping, catalog, acr catalog, tags, acr tags, attributes"},
		{"root, all but metadata/read", on("*", "content/read", "content/write", "content/delete", "metadata/write"),
			"ping, manifest, head blob, referrers, upload, mount, lock, untag, delete manifest, elsewhere"},
		{"a gateway", []string{"gateway/edge/config/read"}, "ping"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, err := scopemap.Parse(tt.lines)
			if err != nil {
				t.Fatal(err)
			}
			f := start(t, reg, cred, proxy.Options{ScopeMap: &m})
			var passes, records []string
			for _, op := range operations {
				reg.ResetRequests()
				a := f.send(op.method, op.target, nil)
				seen := 0
				for _, r := range reg.Requests() {
					if !strings.HasPrefix(r.Path, "/oauth2/") {
						seen++
					}
				}
				if a.StatusCode == http.StatusUnauthorized {
					want := `Bearer realm="` + f.srv.URL + `/oauth2/token",service="` + f.host() + `",scope="` +
						op.scope + `",error="insufficient_scope"`
					if got := a.Header.Get("Www-Authenticate"); got != want || len(reg.Requests()) != 0 {
						t.Errorf("%s: challenge %q\nwant %q; the registry saw %q", op.name, got, want,
							reg.Requests().Lines())
					}
					if op.method != "HEAD" &&
						!strings.HasPrefix(a.body,
							`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":[{"Type":"re`) {
						t.Errorf("%s: %s", op.name, a.body)
					}
					continue
				}
				passes = append(passes, op.name)
				if op.scope != "" {
					records = append(records, op.scope)
				}
				if seen != 1 || a.StatusCode >= 500 {
					t.Errorf("%s: %s, the registry saw %q", op.name, a.Status, reg.Requests().Lines())
				}
			}
			if diff := cmp.Diff(tt.passes, strings.Join(passes, ", ")); diff != "" {
				t.Errorf("what passes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(records, f.recorded()); diff != "" {
				t.Errorf("recorded (-want +got):\n%s", diff)
			}
		})
	}
	if denied := reg.Denied(); len(denied) > 0 {
		t.Errorf("the registry itself refused %+v", denied)
	}
}

// A token that was got for one thing opens no other; a mount's refusal names both
// sides, the target's rights first in the body, the source first in the scope.
func TestTokenOfAnotherScope(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	image := reg.Push("samples/app", "v1")
	f := start(t, reg, everything(reg), proxy.Options{})
	bearer := "Bearer " + f.token("repository:samples/app:pull")
	reg.ResetRequests()
	for _, target := range []string{"GET /v2/samples/app/tags/list", "POST /v2/samples/zoo/blobs/uploads/?mount=" +
		image.Blobs[0] + "&from=samples/app"} {
		method, path, _ := strings.Cut(target, " ")
		req := f.request(method, path, nil)
		req.Header.Set("Authorization", bearer)
		a := f.do(req)
		if a.StatusCode != 401 || !strings.Contains(a.Header.Get("Www-Authenticate"), `,error="insufficient_scope"`) {
			t.Errorf("%s: %s", target, a.Status)
		}
		if method == "POST" &&
			!strings.Contains(a.body,
				`"detail":[{"Type":"repository","Name":"samples/zoo","Action":"pull"},{"Type":"repository","Name":"samples/zoo","Action":"push"},{"Type":"repository","Name":"samples/app","Action":"pull"}]`) {
			t.Errorf("%s", a.body)
		}
	}
	if len(reg.Requests()) != 0 {
		t.Errorf("the registry saw %q", reg.Requests().Lines())
	}
}

// TestAllRepositories: a client that asks for all repositories at once, as PowerShell's
// gallery client does, gets in with that token where the scope map lets it, with the
// actions it asked for and no other, and not to the catalog.
func TestAllRepositories(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	for _, name := range []string{"samples/app", "private/app"} {
		reg.Push(name, "v1")
	}
	targets := []string{"GET /v2/samples/app/tags/list", "GET /v2/private/app/tags/list",
		"GET /v2/samples/app/manifests/v1", "GET /acr/v1/_catalog"}
	for _, tt := range []struct {
		scope    string
		scopeMap *scopemap.Map
		want     []int
	}{
		{"repository:*:*", nil, []int{200, 200, 200, 401}},
		{"registry:catalog:* repository:*:*", nil, []int{200, 200, 200, 200}},
		{"repository:*:metadata_read", nil, []int{200, 200, 401, 401}},
		{"registry:*:*", nil, []int{401, 401, 401, 401}},
		{"registry:catalog:* repository:*:*", mapOf(t, "repositories/samples/*/metadata/read"),
			[]int{200, 401, 401, 401}},
	} {
		f := start(t, reg, everything(reg), proxy.Options{ScopeMap: tt.scopeMap})
		bearer := "Bearer " + f.token(tt.scope)
		for i, target := range targets {
			method, path, _ := strings.Cut(target, " ")
			req := f.request(method, path, nil)
			req.Header.Set("Authorization", bearer)
			req.Header.Set("Accept",
				"application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json")
			if a := f.do(req); a.StatusCode != tt.want[i] {
				t.Errorf("%s, scope map %v: %s: %d, want %d", tt.scope, tt.scopeMap != nil, target,
					a.StatusCode, tt.want[i])
			}
		}
	}
}

// TestOtherRightsThanDerived has a registry that asks for another right than is
// known of an operation, as may be of referrers: the proxy asks for it only where
// the scope map has it, and does not remember it for other repositories.
func TestOtherRightsThanDerived(t *testing.T) {
	var up *fake
	up = newFake(t, func(w http.ResponseWriter, r *http.Request) {
		scopes := up.scopes()
		repository := strings.Split(r.URL.Path, "/")[2]
		want := "repository:" + repository + ":metadata_read"
		if scopes[len(scopes)-1] != want {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+up.srv.URL+`/oauth2/token",service="`+up.host()+
				`",scope="`+want+`",error="insufficient_scope"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	var refused []string
	f := startFake(t, up,
		proxy.Options{ScopeMap: mapOf(t, "repositories/both/content/read", "repositories/both/metadata/read",
			"repositories/one/content/read"), Refused: func(s acrkit.Scope) { refused = append(refused, s.String()) }})
	for _, tt := range []struct {
		repository string
		want       int
	}{{"both", 200}, {"one", 401}} {
		a := f.send("GET", "/v2/"+tt.repository+"/referrers/sha256:"+strings.Repeat("0", 64), nil)
		if a.StatusCode != tt.want {
			t.Errorf("%s: %s", tt.repository, a.Status)
		}
		challenge := `Bearer realm="` + f.srv.URL + `/oauth2/token",service="` + f.host() +
			`",scope="repository:one:metadata_read",error="insufficient_scope"`
		if tt.want == 401 && a.Header.Get("Www-Authenticate") != challenge {
			t.Errorf("challenge %q", a.Header.Get("Www-Authenticate"))
		}
	}
	if diff := cmp.Diff([]string{"repository:both:pull", "repository:both:metadata_read", "repository:one:pull"},
		up.scopes()); diff != "" {
		t.Errorf("tokens asked for (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"repository:both:metadata_read"}, f.recorded()); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"repository:one:metadata_read"}, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

// TestRecord: a right counts as used when the registry has answered and not refused.
func TestRecord(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	token := reg.Token("reader", "repositories/samples/app/content/read", "repositories/samples/app/metadata/read")
	f := start(t, reg, token.Credential(), proxy.Options{})
	for _, target := range []string{
		"GET /v2/samples/app/manifests/v1", "GET /v2/samples/app/manifests/none", // found or not, the right was there
		"POST /v2/samples/app/blobs/uploads/", "GET /v2/_catalog", // the registry refuses
		"GET /v2/", "GET /v2/samples/app/tags/list",
	} {
		method, path, _ := strings.Cut(target, " ")
		f.send(method, path, nil)
	}
	if a := f.do(f.request("GET", "/acr/v1/samples/app", nil)); a.StatusCode != 401 { // refused here
		t.Error(a.Status)
	}
	want := []string{"repository:samples/app:pull", "repository:samples/app:pull",
		"repository:samples/app:metadata_read"}
	if diff := cmp.Diff(want, f.recorded()); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}

// TestRefused: the rights that the scope map lacks are told, for clients that are let in, by
// a token or by the key, and nothing for those of the registry's own refusals.
func TestRefused(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	image := reg.Push("samples/app", "v1")
	token := reg.Token("reader", "repositories/samples/app/content/read", "repositories/samples/app/metadata/read")
	var mu sync.Mutex
	var refused []string
	f := start(t, reg, token.Credential(), proxy.Options{
		ScopeMap: mapOf(t, "repositories/samples/app/content/read", "repositories/samples/zoo/content/read",
			"repositories/samples/zoo/content/write"),
		Refused: func(s acrkit.Scope) {
			mu.Lock()
			defer mu.Unlock()
			refused = append(refused, s.String())
		}})
	f.send("GET", "/v2/samples/app/manifests/v1", nil)                                            // allowed
	f.send("GET", "/v2/samples/zoo/manifests/v1", nil)                                            // by the registry
	f.do(f.request("DELETE", "/v2/samples/app/manifests/v1", nil))                                // not let in
	f.send("DELETE", "/v2/samples/app/manifests/v1", nil)                                         // by the map
	f.send("GET", "/v2/_catalog", nil)                                                            // by the map
	f.send("POST", "/v2/samples/zoo/blobs/uploads/?mount="+image.Blobs[0]+"&from=samples/x", nil) // in part
	req := f.request("GET", "/v2/samples/app/tags/list", nil)
	req.Header.Set("Authorization", "Bearer "+f.token("repository:samples/app:metadata_read"))
	f.do(req) // the token lacks it, too
	req = f.request("GET", "/v2/samples/app/manifests/v1", nil)
	req.Header.Set("Authorization", "Bearer "+f.token("repository:samples/app:metadata_read"))
	f.do(req) // the token lacks it, and the map does not
	want := []string{"repository:samples/app:delete", "registry:catalog:*", "repository:samples/x:pull",
		"repository:samples/app:metadata_read"}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}
