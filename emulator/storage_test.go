package emulator_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/rule"
)

// linkQuery is the query of a link to a blob, its parameters in the recorded order.
var linkQuery = regexp.MustCompile(
	`^se=[0-9-]{10}T[0-9]{2}%3A[0-9]{2}%3A[0-9]{2}Z&sig=[A-Za-z0-9%]+&sp=r&spr=https&sr=b&sv=2016-05-31&regid=[0-9a-f]{32}$`)

// TestBlobRedirects follows a blob's redirect as clients do and as they should
// not.
func TestBlobRedirects(t *testing.T) {
	f := start(t, &emulator.Options{BlobRedirects: true})
	_, port, _ := strings.Cut(f.host, ":")
	const base = "https://myregistry.azurecr.localhost"
	token := f.password("ci-pull", pullPw, "repository:samples/app:pull").field(t, "access_token")
	// The registry by its own name: its token is good there too.
	at := func(path string) string { return base + ":" + port + path }
	digest := f.someBlob(t, token)
	a := f.do(http.MethodGet, at("/v2/samples/app/blobs/"+digest), bearer(token), "")
	location := a.header.Get("Location")
	u, err := url.Parse(location)
	if err != nil || a.status != http.StatusTemporaryRedirect || u.Host != "myregistry.blob.localhost:"+port ||
		u.Scheme != "https" ||
		!strings.Contains(u.Path, "//docker/registry/v2/blobs/sha256/"+digest[7:9]+"/"+digest[7:]+"/data") ||
		a.header.Get("Docker-Content-Digest") != digest || a.header.Get("Content-Type") != "text/html; charset=utf-8" ||
		!strings.HasPrefix(a.body, `<a href="`) || !strings.Contains(a.body, ">Temporary Redirect</a>.") {
		t.Fatalf("answer %d %v %s", a.status, a.header, a.body)
	}
	if !linkQuery.MatchString(u.RawQuery) {
		t.Errorf("the link's query: %s", u.RawQuery)
	}
	for _, name := range []string{"X-Ms-Request-Id", "X-Ms-Client-Request-Id"} {
		if v, ok := a.header[name]; ok {
			t.Errorf("%s %q", name, v)
		}
	}
	whole := f.do(http.MethodGet, location, nil, "")
	if whole.status != http.StatusOK || whole.header.Get("X-Ms-Blob-Type") != "AppendBlob" ||
		whole.header.Get("X-Ms-Correlation-Request-Id") != "" {
		t.Errorf("storage: %d %v", whole.status, whole.header)
	}
	part := f.do(http.MethodGet, location, http.Header{"Range": {"bytes=1-4"}}, "")
	if part.status != http.StatusPartialContent || part.body != whole.body[1:5] {
		t.Errorf("a range: %d %q", part.status, part.body)
	}
	head := f.do(http.MethodHead, at("/v2/samples/app/blobs/"+digest), bearer(token), "")
	if head.status != http.StatusOK || head.header.Get("Location") != "" {
		t.Errorf("HEAD is answered directly: %d %v", head.status, head.header)
	}
	for name, c := range map[string]struct {
		location string
		header   http.Header
		method   string
		status   int
		code     string
		rule     rule.ID
	}{
		"with_authorization": {location, bearer(token), "GET", 400, "InvalidAuthenticationInfo",
			rule.StorageAuthorization},
		"unsigned": {strings.Replace(location, "sig=", "sig=AAAA", 1), nil, "GET", 403, "AuthenticationFailed",
			rule.StorageLinkMalformed},
		"other_blob": {strings.ReplaceAll(location, digest[7:], digest[7:9]+strings.Repeat("0", 62)), nil, "GET",
			403, "AuthenticationFailed", rule.StorageLinkMalformed},
		"longer": {strings.Replace(location, "se=2026", "se=2027", 1), nil, "GET", 403,
			"AuthenticationFailed", rule.StorageLinkMalformed},
		"no_link": {"https://" + u.Host + "/", nil, "GET", 403, "AuthenticationFailed",
			rule.StorageLinkMalformed},
		"a_registry's_path": {"https://" + u.Host + "/v2/", nil, "GET", 403, "AuthenticationFailed",
			rule.StorageLinkMalformed},
		"put": {location, nil, "PUT", 405, "UnsupportedHttpVerb", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.do(c.method, c.location, c.header, "")
			if a.status != c.status || !strings.Contains(a.body, "<Code>"+c.code+"</Code>") ||
				a.header.Get("Content-Type") != "application/xml" {
				t.Errorf("answer %d %s", a.status, a.body)
			}
			if d := f.last(); c.rule != "" && (d.RuleID != c.rule || d.Outcome != emulator.OutcomeDenied) {
				t.Errorf("%+v", d)
			}
		})
	}
	f.wantBlobsRefused(t, location)
	f.wantStorageFaults(t, location, whole.body)
	f.clock.Add(21 * time.Minute)
	if a := f.do(http.MethodGet, location, nil, ""); a.status != http.StatusForbidden {
		t.Errorf("an expired link: %d %s", a.status, a.body)
	}
	if d := f.last(); d.RuleID != rule.StorageLinkExpired {
		t.Errorf("%+v", d)
	}
	// Below localhost lies every name under .localhost: there blobs are sent
	// directly.
	token = f.password("ci-pull", pullPw, "repository:samples/app:pull").field(t, "access_token")
	if a := f.do(http.MethodGet, "https://localhost:"+port+"/v2/samples/app/blobs/"+digest, bearer(token),
		""); a.status != http.StatusOK || a.body != whole.body {
		t.Errorf("at localhost: %d", a.status)
	}
	if a := f.do(http.MethodGet, "https://localhost:"+port+"/v2/samples/other/blobs/"+digest, bearer(token),
		""); a.status != http.StatusUnauthorized {
		t.Errorf("without the right: %d", a.status)
	}
}

// someBlob returns the digest of a blob that samples/app:v1 names, an index: its
// first image's config.
func (f *fixture) someBlob(t *testing.T, token string) string {
	t.Helper()
	ref := "v1"
	for range 2 { // the index, then the image
		a := f.do(http.MethodGet, "/v2/samples/app/manifests/"+ref, bearer(token), "")
		_, rest, _ := strings.Cut(a.body, `"digest":"`)
		if ref, _, _ = strings.Cut(rest, `"`); !strings.HasPrefix(ref, "sha256:") {
			t.Fatalf("no digest in %d %s", a.status, a.body)
		}
	}
	return ref
}

// wantBlobsRefused checks that a registry's network rules hold for a link to one
// of its blobs, and that the log says so.
func (f *fixture) wantBlobsRefused(t *testing.T, location string) {
	t.Helper()
	reg, err := f.Registry("")
	must(t, err)
	rules := func(n emulator.NetworkRules) {
		must(t, reg.ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) { s.Network = n }))
	}
	rules(emulator.NetworkRules{Deny: true})
	if a := f.do(http.MethodGet, location, nil, ""); a.status != http.StatusForbidden ||
		!strings.Contains(a.body, "<Code>AuthorizationFailure</Code>") {
		t.Errorf("with network rules: %d %s", a.status, a.body)
	}
	if d := f.last(); d.Outcome != emulator.OutcomeDenied || !strings.Contains(d.Reason, "host of blobs") {
		t.Errorf("%+v", d)
	}
	rules(emulator.NetworkRules{})
	if a := f.do(http.MethodGet, location, nil, ""); a.status != http.StatusOK {
		t.Errorf("without network rules: %d %s", a.status, a.body)
	}
}

func TestBlobHost(t *testing.T) {
	f := start(t, &emulator.Options{BlobRedirects: true, BlobHost: "Storage.test"})
	token := f.password("ci-pull", pullPw, "repository:samples/app:pull").field(t, "access_token")
	a := f.do(http.MethodGet, "/v2/samples/app/blobs/sha256:"+strings.Repeat("0", 64), bearer(token), "")
	if a.status != http.StatusNotFound {
		t.Errorf("a blob that is not there: %d", a.status)
	}
	_, port, _ := strings.Cut(f.host, ":")
	if a := f.do(http.MethodGet, "https://storage.test:"+port+"/x", nil, ""); a.status != http.StatusForbidden {
		t.Errorf("the other host: %d %s", a.status, a.body)
	}
	blob := "/v2/samples/app/blobs/" + f.someBlob(t, token)
	if a = f.do(http.MethodGet, blob, bearer(token), ""); a.status != http.StatusTemporaryRedirect {
		t.Fatalf("%d %s", a.status, a.body)
	}
	f.wantBlobsRefused(t, a.header.Get("Location"))
	for name, o := range map[string]emulator.Options{
		"own_name":   {BlobRedirects: true, BlobHost: "registry.test", Hostnames: []string{"registry.test"}},
		"localhost":  {BlobRedirects: true, BlobHost: "localhost"},
		"with_port":  {BlobRedirects: true, BlobHost: "storage.test:1"},
		"deviations": {Deviations: []emulator.Deviation{"delete-by-luck"}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := emulator.Open(t.Context(), &o); acrkit.CodeOf(err) != acrkit.CodeUsage {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestDeviations: what the service refuses is done where it was asked for.
func TestDeviations(t *testing.T) {
	for _, on := range []bool{false, true} {
		o := &emulator.Options{}
		if on {
			o.Deviations = []emulator.Deviation{emulator.DeleteByTag, emulator.MountFromAnywhere}
		}
		f := start(t, o)
		reg, err := f.Registry("")
		if err != nil {
			t.Fatal(err)
		}
		if err := reg.SetAdminUser(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		passwords, err := reg.AdminPasswords()
		if err != nil {
			t.Fatal(err)
		}
		admin := basic("myregistry", string(passwords[0]))
		want := map[bool][2]int{false: {405, 202}, true: {202, 201}}[on]
		const digest = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
		if a := f.do(http.MethodPost, "/v2/one/blobs/uploads/?digest="+digest, admin,
			"x"); a.status != http.StatusCreated {
			t.Fatalf("push: %d %s", a.status, a.body)
		}
		if a := f.do(http.MethodDelete, "/v2/samples/app/manifests/v1", admin, ""); a.status != want[0] {
			t.Errorf("delete by tag: %d %s", a.status, a.body)
		}
		if a := f.do(http.MethodPost, "/v2/two/blobs/uploads/?mount="+digest, admin, ""); a.status != want[1] {
			t.Errorf("mount: %d %s", a.status, a.body)
		}
	}
}

// wantStorageFaults makes the host of blobs fail, and nothing else.
func (f *fixture) wantStorageFaults(t *testing.T, location, whole string) {
	t.Helper()
	for name, c := range map[string]struct {
		fault  fault.Fault
		status int
		code   string
	}{
		"throttle":     {fault.Fault{Kind: fault.Throttle, RetryAfter: 7 * time.Second}, 503, "ServerBusy"},
		"status":       {fault.Fault{Kind: fault.Status, Status: 500}, 500, "InternalError"},
		"unauthorized": {fault.Fault{Kind: fault.Unauthorized}, 403, "AuthenticationFailed"},
	} {
		t.Run("fault_"+name, func(t *testing.T) {
			c.fault.Routes, c.fault.Count = []fault.Route{fault.RouteStorage}, 1
			if _, err := f.AddFault(c.fault); err != nil {
				t.Fatal(err)
			}
			if a := f.do(http.MethodGet, "https://"+f.host+"/v2/", nil, ""); a.status != http.StatusUnauthorized {
				t.Errorf("the registry itself: %d", a.status)
			}
			a := f.do(http.MethodGet, location, nil, "")
			if a.status != c.status || !strings.Contains(a.body, "<Code>"+c.code+"</Code>") || c.fault.RetryAfter > 0 &&
				a.header.Get("Retry-After") != "7" {
				t.Errorf("answer %d %v %s", a.status, a.header, a.body)
			}
			if a := f.do(http.MethodGet, location, nil, ""); a.status != http.StatusOK || a.body != whole {
				t.Errorf("after the fault: %d", a.status)
			}
		})
	}
	t.Run("fault_drop", func(t *testing.T) {
		if _, err := f.AddFault(fault.Fault{Kind: fault.Drop, AfterBytes: 5, Routes: []fault.Route{fault.RouteStorage},
			Count: 1}); err != nil {
			t.Fatal(err)
		}
		resp, err := f.client.Get(location)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if got, err := io.ReadAll(resp.Body); err == nil || !strings.HasPrefix(whole, string(got)) ||
			len(got) >= len(whole) {
			t.Errorf("a dropped download ended with %v after %d of %d bytes", err, len(got), len(whole))
		}
	})
}
