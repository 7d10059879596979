package emulator_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/seed"
)

// pattern returns which of some requests were hit.
func (f *fixture) pattern(n int) string {
	f.t.Helper()
	var b strings.Builder
	for range n {
		if f.get("/v2/", nil).status == 500 {
			b.WriteByte('x')
		} else {
			b.WriteByte('.')
		}
	}
	return b.String()
}

// TestFaultSequence: the same seed hits the same requests, in another emulator
// too; another seed others; the rate is about what was asked for.
func TestFaultSequence(t *testing.T) {
	const n = 200
	run := func(seed uint64) string {
		f := start(t, nil)
		got, err := f.AddFault(fault.Fault{Kind: fault.Status, Status: 500, Rate: 0.3, Seed: seed,
			Routes: []fault.Route{fault.RouteBase}})
		must(t, err)
		p := f.pattern(n)
		if now := f.Faults(); len(now) != 1 || now[0].Seen != n || now[0].Hits != int64(strings.Count(p, "x")) ||
			now[0].Seed != got.Seed || seed != 0 && got.Seed != seed {
			t.Errorf("%+v", now)
		}
		must(t, f.RemoveFault(got.ID))
		if rest := f.pattern(20); strings.Contains(rest, "x") {
			t.Error("it lasts after it was removed")
		}
		// Added again with the reported seed, it does the same.
		_, err = f.AddFault(fault.Fault{Kind: fault.Status, Status: 500, Rate: 0.3, Seed: got.Seed})
		must(t, err)
		if again := f.pattern(n); again != p {
			t.Errorf("%s\n%s", p, again)
		}
		return p
	}
	one := run(42)
	if hits := strings.Count(one, "x"); hits < n*3/10-25 || hits > n*3/10+25 {
		t.Errorf("%d of %d were hit", hits, n)
	}
	if run(42) != one {
		t.Error("the same seed does not repeat")
	}
	if run(43) == one || run(0) == one {
		t.Error("another seed repeats")
	}
}

func TestFaultAnswers(t *testing.T) {
	f := start(t, nil)
	const image = "/v2/samples/app/manifests/v1"
	for name, x := range map[string]struct {
		fault  fault.Fault
		path   string
		status int
		header string // one that must be there, and its value
		body   string // a part of it
	}{
		"throttle": {fault.Fault{Kind: fault.Throttle, RetryAfter: 7 * time.Second}, image, 429, "Retry-After: 7",
			`{"errors":[{"code":"TOOMANYREQUESTS","message":"Too many requests. Please visit https://aka.ms/acr/skus`},
		"registry_500": {fault.Fault{Kind: fault.Status, Status: 500}, image, 500,
			"Docker-Distribution-Api-Version: registry/2.0", `"UNKNOWN"`},
		"gateway_502": {fault.Fault{Kind: fault.Status, Status: 502}, image, 502, "Server: openresty",
			"<title>502 Bad Gateway</title>"},
		"oauth_503": {fault.Fault{Kind: fault.Status, Status: 503, RetryAfter: time.Second}, "/oauth2/token", 503,
			"Retry-After: 1", "503"},
		"unauthorized": {fault.Fault{Kind: fault.Unauthorized}, "/oauth2/exchange", 401, "Content-Length: 0", ""},
		"entra": {fault.Fault{Kind: fault.Status, Status: 504, Routes: []fault.Route{fault.RouteEntra}}, "/" +
			tenantID + "/oauth2/v2.0/token", 504, "", "AADSTS90033"},
		"arm_case": {fault.Fault{Kind: fault.Throttle, Routes: []fault.Route{fault.RouteARM}}, "/Subscriptions", 429,
			"Retry-After: 1", "TooManyRequests"},
		"arm_slashes": {fault.Fault{Kind: fault.Throttle, Routes: []fault.Route{fault.RouteARM}},
			"//metadata/Endpoints/", 429, "Retry-After: 1", "TooManyRequests"},
		"arm": {fault.Fault{Kind: fault.Throttle, Routes: []fault.Route{fault.RouteARM}}, "/subscriptions", 429,
			"Retry-After: 1", "TooManyRequests"},
	} {
		t.Run(name, func(t *testing.T) {
			x.fault.Count = 1
			_, err := f.AddFault(x.fault)
			must(t, err)
			a := f.get(x.path, nil)
			k, v, _ := strings.Cut(x.header, ": ")
			if a.status != x.status || !strings.Contains(a.body, x.body) || x.header != "" && a.header.Get(k) != v ||
				a.header.Get("X-Ms-Correlation-Request-Id") == "" {
				t.Errorf("%d %v %s", a.status, a.header, a.body)
			}
			if name == "unauthorized" && a.header.Get("WWW-Authenticate") != "" {
				t.Error("there is a challenge")
			}
			if len(f.Faults()) != 0 {
				t.Error("the count did not end it")
			}
			if d := f.last(); d.Outcome != emulator.OutcomeFaulted || !strings.HasPrefix(d.Reason, "fault ") ||
				d.RequestID != a.header.Get("X-Ms-Correlation-Request-Id") {
				t.Errorf("%+v", d)
			}
		})
	}
}

// TestUploadFaults: each hits the requests that it is about, and no others.
func TestUploadFaults(t *testing.T) {
	f := start(t, nil)
	token := f.access("ci-push", "correct-horse-battery-staple-0002", "repository:samples/app:pull,push")
	const (
		part     = "/v2/samples/app/blobs/uploads/1" // no upload has this ID: what is not hit is 404
		begin    = "/v2/samples/app/blobs/uploads/?digest=x"
		manifest = "/v2/samples/app/manifests/v9"
		unknown  = -1
	)
	send := func(method, path, body string, length int64) answer {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "https://"+f.host+path, strings.NewReader(body))
		must(t, err)
		req.Header, req.ContentLength = bearer(token), length
		res, err := f.client.Do(req)
		must(t, err)
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		must(t, err)
		return answer{res.StatusCode, res.Header, string(b), false}
	}
	large := strings.Repeat("x", 1<<20) // more than a server reads after its answer
	for _, x := range []struct {
		fault        fault.Fault
		method, path string
		body         string
		length       int64
		status       int
		says         string
	}{
		{fault.Fault{Kind: fault.TooLarge, AfterBytes: 5}, "PATCH", part, "123456", 6, 413,
			"<center>AzureContainerRegistry</center>"},
		{fault.Fault{Kind: fault.TooLarge, AfterBytes: 5}, "PATCH", part, "12345", 5, 404, "BLOB_UPLOAD_INVALID"},
		{fault.Fault{Kind: fault.TooLarge, AfterBytes: 5}, "PUT", part, large, 1 << 20, 413,
			"<title>413 Request Entity Too Large</title>"},
		{fault.Fault{Kind: fault.TooLarge}, "POST", begin, "1", 1, 413, "413"},
		{fault.Fault{Kind: fault.TooLarge}, "POST", begin, "", 0, 400, "DIGEST_INVALID"},
		{fault.Fault{Kind: fault.TooLarge}, "PUT", manifest, "{}", 2, 400, "MANIFEST_INVALID"},
		{fault.Fault{Kind: fault.WrongRange}, "PUT", part, large, 1 << 20, 416,
			`{"errors":[{"code":"BLOB_UPLOAD_RANGE_INVALID","message":"blob upload range invalid"}]}`},
		{fault.Fault{Kind: fault.WrongRange}, "PATCH", part, "1", 1, 404, "BLOB_UPLOAD_INVALID"},
		{fault.Fault{Kind: fault.WrongRange}, "PUT", manifest, "{}", 2, 400, "MANIFEST_INVALID"},
		{fault.Fault{Kind: fault.NoLength}, "PATCH", part, large, unknown, 400, `{"code":"CONTENT_LENGTH_INVALID",`},
		{fault.Fault{Kind: fault.NoLength}, "PATCH", part, "1", 1, 404, "BLOB_UPLOAD_INVALID"},
		{fault.Fault{Kind: fault.NoLength}, "PUT", part, "1", unknown, 404, "BLOB_UPLOAD_INVALID"},
		{fault.Fault{Kind: fault.Disallowed}, "POST", begin, "", 0, 405, `"detail":{}}]}`},
		{fault.Fault{Kind: fault.Disallowed}, "PATCH", part, large, unknown, 405,
			"The operation is disallowed on this registry, repository or image."},
		{fault.Fault{Kind: fault.Disallowed}, "PUT", part, "1", 1, 405, "REGISTRY_DISALLOWED_OPERATION"},
		{fault.Fault{Kind: fault.Disallowed}, "PUT", manifest, "{}", 2, 405, "REGISTRY_DISALLOWED_OPERATION"},
		{fault.Fault{Kind: fault.Disallowed}, "GET", part, "", 0, 404, "BLOB_UPLOAD_INVALID"},
		{fault.Fault{Kind: fault.Disallowed}, "DELETE", manifest, "", 0, 401, "UNAUTHORIZED"},
	} {
		t.Run(fmt.Sprintf("%s/%s_%d_%d", x.fault.Kind, x.method, x.length, x.status), func(t *testing.T) {
			defer f.RemoveFaults()
			_, err := f.AddFault(x.fault)
			must(t, err)
			a := send(x.method, x.path, x.body, x.length)
			if a.status != x.status || !strings.Contains(a.body, x.says) ||
				a.header.Get("X-Ms-Correlation-Request-Id") == "" {
				t.Errorf("%d %v %s", a.status, a.header, a.body)
			}
			hit := a.status != 404 && a.status != 401 && !strings.Contains(a.body, "DIGEST_INVALID") &&
				!strings.Contains(a.body, "MANIFEST_INVALID")
			if g := f.Faults()[0]; (g.Hits == 1) != hit || g.Seen != g.Hits {
				t.Errorf("%d hits of %d", g.Hits, g.Seen)
			}
		})
	}

	// A body without a declared length is refused once too much of it has come.
	for _, body := range []string{"12345", "123456", large} {
		at := send("POST", "/v2/samples/app/blobs/uploads/", "", 0).header.Get("Location")
		_, err := f.AddFault(fault.Fault{Kind: fault.TooLarge, AfterBytes: 5})
		must(t, err)
		a := send("PATCH", at, body, unknown)
		f.RemoveFaults()
		if len(body) == 5 {
			if a.status != 202 || a.header.Get("Range") != "0-4" {
				t.Errorf("%d bytes: %d %v", len(body), a.status, a.header)
			}
			continue
		}
		if a.status != 413 || !strings.Contains(a.body, "413 Request Entity Too Large") ||
			a.header.Get("Content-Type") != "text/html" || a.header.Get("X-Ms-Correlation-Request-Id") == "" {
			t.Errorf("%d bytes: %d %v %s", len(body), a.status, a.header, a.body)
		}
	}
}

func TestFaultCheck(t *testing.T) {
	f := start(t, nil)
	for name, x := range map[string]fault.Fault{
		"no_kind":              {},
		"unknown_kind":         {Kind: "explode"},
		"status_of_no_failure": {Kind: fault.Status, Status: 404},
		"no_speed":             {Kind: fault.Slow},
		"foreign_field":        {Kind: fault.Hang, Status: 500},
		"rate_over_one":        {Kind: fault.Hang, Rate: 1.5},
		"negative":             {Kind: fault.Drop, AfterBytes: -1},
		"half_a_second":        {Kind: fault.Throttle, RetryAfter: time.Second / 2},
		"unknown_route":        {Kind: fault.Hang, Routes: []fault.Route{"x"}},
		"foreign_route":        {Kind: fault.TooLarge, Routes: []fault.Route{fault.RouteBlobUpload, fault.RouteTags}},
		"foreign_bytes":        {Kind: fault.WrongRange, AfterBytes: 1},
		"foreign_retry":        {Kind: fault.TooLarge, RetryAfter: time.Second},
		"foreign_speed":        {Kind: fault.Drop, BytesPerSecond: 1},
		"large_seed":           {Kind: fault.Hang, Seed: 1<<53 + 1},
	} {
		if _, err := f.AddFault(x); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.AddFault(fault.Fault{Kind: fault.Hang, Registry: "none5"}); acrkit.CodeOf(
		err) != acrkit.CodeNotFound {
		t.Errorf("unknown registry: %v", err)
	}
	for range fault.Max {
		_, err := f.AddFault(fault.Fault{Kind: fault.Hang, Routes: []fault.Route{fault.RouteARM}})
		must(t, err)
	}
	if _, err := f.AddFault(fault.Fault{Kind: fault.Hang}); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("too many: %v", err)
	}
	f.RemoveFaults()
	if len(f.Faults()) != 0 || f.get("/v2/", nil).status != 401 {
		t.Error("they last")
	}
}

// TestDrop: exactly so many bytes of an answer come; an upload that breaks off
// can be gone on with.
func TestDrop(t *testing.T) {
	f := start(t, nil)
	token := f.access("ci-push", "correct-horse-battery-staple-0002", "repository:samples/app:pull,push")
	_, err := f.AddFault(fault.Fault{Kind: fault.Drop, AfterBytes: 10,
		Routes: []fault.Route{fault.RouteManifestGet}, Count: 1})
	must(t, err)
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+f.host+"/v2/samples/app/manifests/v1", nil)
	must(t, err)
	req.Header = bearer(token)
	req.Header.Set("Accept", "application/vnd.oci.image.index.v1+json")
	resp, err := f.client.Do(req)
	must(t, err)
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if len(body) != 10 || err == nil {
		t.Errorf("%d bytes, %v", len(body), err)
	}

	_, err = f.AddFault(fault.Fault{Kind: fault.Drop, AfterBytes: 4, Routes: []fault.Route{fault.RouteBlobUpload},
		Principal: "ci-push", Count: 2})
	must(t, err)
	a := f.do("POST", "/v2/samples/app/blobs/uploads/", bearer(token), "") // no body that would be too long
	if a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	req, err = http.NewRequestWithContext(t.Context(), "PATCH", "https://"+f.host+a.header.Get("Location"),
		strings.NewReader("0123456789"))
	must(t, err)
	req.Header = bearer(token)
	if resp, err := f.client.Do(req); err == nil {
		resp.Body.Close()
		t.Errorf("not dropped: %s", resp.Status)
	}
	// Four bytes came: the address is not good any more.
	if a := f.get(a.header.Get("Location"), bearer(token)); a.status != 404 ||
		!strings.Contains(a.body, "BLOB_UPLOAD_INVALID") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestClock(t *testing.T) {
	f := start(t, nil)
	c := f.Clock()
	c.Freeze()
	at := time.Date(2030, 5, 1, 0, 0, 0, 0, time.UTC)
	must(t, c.Set(at))
	f.clock.Add(time.Hour) // the machine's
	if s := c.State(); !s.Now.Equal(at) || !s.Frozen {
		t.Errorf("%+v", s)
	}
	a := f.get("/v2/", nil)
	if got := a.header.Get("Date"); got != at.Format(http.TimeFormat) {
		t.Errorf("Date: %s", got)
	}
	token := f.access("ci-pull", pullPw, "repository:samples/app:pull")
	if exp := claims(t, token)["exp"].(float64); int64(exp) != at.Add(time.Hour).Unix() {
		t.Errorf("exp %v", exp)
	}
	must(t, c.Advance(59*time.Minute))
	if a := f.get(appManifest, withAccept(token)); a.status != 200 {
		t.Errorf("before its end: %d %s", a.status, a.body)
	}
	c.Resume()
	f.clock.Add(time.Minute)
	if a := f.get(appManifest, bearer(token)); a.status != 401 ||
		!strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_token") {
		t.Errorf("after its end: %d", a.status)
	}
	if s := c.State(); s.Frozen || !s.Now.Equal(at.Add(time.Hour)) {
		t.Errorf("resumed: %+v", s)
	}
	for _, bad := range []time.Time{{}, time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if err := c.Set(bad); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%v: %v", bad, err)
		}
	}
	c.Reset()
	if s := c.State(); s.Offset != 0 || !s.Now.Equal(f.clock.Now()) {
		t.Errorf("reset: %+v", s)
	}
}

func TestLifetimes(t *testing.T) {
	f := start(t, nil)
	must(t, f.SetLifetimes(t.Context(), seed.Lifetimes{Access: time.Minute, Refresh: 2 * time.Minute,
		Entra: 3 * time.Minute}))
	now := f.clock.Now()
	for name, x := range map[string]struct {
		token string
		want  time.Duration
	}{
		"access":  {f.access("ci-pull", pullPw, appRead), time.Minute},
		"refresh": {f.refreshToken(), 2 * time.Minute},
		"entra": {f.entraToken("https://containerregistry.azure.net/.default").field(t, "access_token"),
			3 * time.Minute},
	} {
		if exp := claims(t, x.token)["exp"].(float64); int64(exp) != now.Add(x.want).Unix() {
			t.Errorf("%s: exp %v", name, exp)
		}
	}
	if err := f.SetLifetimes(t.Context(), seed.Lifetimes{Access: time.Millisecond}); acrkit.CodeOf(
		err) != acrkit.CodeUsage {
		t.Error(err)
	}
	if got := f.Lifetimes(); got.Access != time.Minute {
		t.Errorf("%+v", got)
	}
}

// TestNetworkRules: 403 as users report it, from the data plane and the token
// service, not from Entra; an address that is named comes in.
func TestNetworkRules(t *testing.T) {
	f := start(t, nil)
	rules := func(n emulator.NetworkRules) error {
		return f.registry().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) { s.Network = n })
	}
	must(t, rules(emulator.NetworkRules{Deny: true, Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}))
	for _, path := range []string{"/v2/", "/acr/v1/_catalog", "/oauth2/token"} {
		a := f.get(path, nil)
		if a.status != 403 ||
			!strings.Contains(a.body,
				`"code":"DENIED","message":"client with IP '127.0.0.1' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."`) {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if d := f.last(); d.Outcome != emulator.OutcomeDenied || !strings.Contains(d.Reason, "network rules") {
		t.Errorf("%+v", d)
	}
	f.entraToken("https://containerregistry.azure.net/.default")
	must(t, rules(emulator.NetworkRules{Deny: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}))
	if a := f.get("/v2/", nil); a.status != 401 {
		t.Errorf("allowed: %d", a.status)
	}
	must(t, rules(emulator.NetworkRules{}))
	if err := rules(emulator.NetworkRules{Deny: true,
		Allow: make([]netip.Prefix, emulator.MaxIPRules+1)}); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Error(err)
	}
	if err := rules(emulator.NetworkRules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}); acrkit.CodeOf(
		err) != acrkit.CodeUsage {
		t.Error(err)
	}
}

// TestSnapshotKeepsBlobs: what only a snapshot refers to is not collected; with
// the snapshot it goes. It outlives a restart.
func TestSnapshotKeepsBlobs(t *testing.T) {
	dir := t.TempDir()
	f := start(t, &emulator.Options{DataDir: dir})
	seed, err := f.Snapshots(t.Context())
	must(t, err)
	if len(seed) != 1 || seed[0].Name != emulator.SeedSnapshot || seed[0].Repositories != 2 || seed[0].Tags != 3 {
		t.Fatalf("%+v", seed)
	}
	digest := f.digest()
	_, err = f.TakeSnapshot(t.Context(), "mine")
	must(t, err)
	must(t, f.DeleteSnapshot(t.Context(), emulator.SeedSnapshot))
	must(t, f.registry().PutToken(t.Context(),
		emulator.TokenSpec{Name: "admin-token", ScopeMap: "_repositories_admin"}))
	made, err := f.registry().GeneratePasswords(t.Context(), "admin-token", time.Time{})
	must(t, err)
	for _, repo := range []string{"samples/app", "samples/other"} {
		token := f.access("admin-token", string(made[0].Value), "repository:"+repo+":delete")
		if a := f.do("DELETE", "/acr/v1/"+repo, bearer(token), ""); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	c, err := f.Collect(t.Context())
	must(t, err)
	if c.Contents != 0 {
		t.Errorf("%+v", c)
	}
	f.stop()
	f = start(t, &emulator.Options{DataDir: dir})
	must(t, f.Reset(t.Context(), "mine"))
	if got := f.digest(); got != digest {
		t.Errorf("%s, want %s", got, digest)
	}
	must(t, f.registry().PutToken(t.Context(),
		emulator.TokenSpec{Name: "admin-token", ScopeMap: "_repositories_admin"}))
	made, err = f.registry().GeneratePasswords(t.Context(), "admin-token", time.Time{})
	must(t, err)
	token := f.access("admin-token", string(made[0].Value), "repository:samples/app:delete")
	if a := f.do("DELETE", "/acr/v1/samples/app", bearer(token), ""); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	must(t, f.DeleteSnapshot(t.Context(), "mine"))
	if c, err = f.Collect(t.Context()); err != nil || c.Contents == 0 {
		t.Errorf("%+v, %v", c, err)
	}
	if err := f.Reset(t.Context(), "mine"); acrkit.CodeOf(err) != acrkit.CodeNotFound {
		t.Error(err)
	}
	if _, err := f.TakeSnapshot(t.Context(), "../x"); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Error(err)
	}
}

// TestResetRenewsBlobs: a blob that no manifest names is as good after a reset as
// after a push.
func TestResetRenewsBlobs(t *testing.T) {
	const grace = 2 * time.Second
	// Without a listener, whose collector would take the blob uncounted.
	f, err := emulator.Open(t.Context(), &emulator.Options{CollectAfter: grace})
	must(t, err)
	defer func() { must(t, f.Close()) }()
	reg, err := f.Registry("myregistry")
	must(t, err)
	must(t, reg.PutToken(t.Context(), emulator.TokenSpec{Name: "admin-token", ScopeMap: "_repositories_admin"}))
	made, err := reg.GeneratePasswords(t.Context(), "admin-token", time.Time{})
	must(t, err)
	as := caller{t.Context(), f}
	token := as.token("admin-token", string(made[0].Value), "repository:one:pull,push")
	const digest = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	push := httptest.NewRequestWithContext(t.Context(), "POST", "http://localhost/v2/one/blobs/uploads/?digest="+digest,
		strings.NewReader("x"))
	push.Header.Set("Authorization", "Bearer "+token)
	if w := as.send(push); w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	_, err = f.TakeSnapshot(t.Context(), "mine")
	must(t, err)
	deadline := time.Now().Add(time.Minute)
	for gone := 0; gone == 0; {
		c, err := f.Collect(t.Context())
		must(t, err)
		if gone = c.Blobs; time.Now().After(deadline) {
			t.Fatal("the blob is not collected")
		}
	}
	for time.Now().Before(deadline) {
		began := time.Now()
		must(t, f.Reset(t.Context(), "mine"))
		c, err := f.Collect(t.Context())
		must(t, err)
		if time.Since(began) >= grace {
			continue // a slow machine: it may be gone again
		}
		if c.Blobs != 0 {
			t.Errorf("%+v right after the reset", c)
		}
		return
	}
	t.Error("a reset takes too long to be judged")
}

// TestResetWaits: a reset waits for a request under way, and one that comes
// meanwhile waits for the reset.
func TestResetWaits(t *testing.T) {
	f := start(t, nil)
	token := f.access("ci-push", "correct-horse-battery-staple-0002", "repository:samples/new:pull,push")
	a := f.do("POST", "/v2/samples/new/blobs/uploads/", bearer(token), "")
	body, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "PATCH", "https://"+f.host+a.header.Get("Location"), body)
	must(t, err)
	req.Header = bearer(token)
	var wg sync.WaitGroup
	wg.Go(func() {
		resp, err := f.client.Do(req)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		if resp.StatusCode != 202 {
			t.Errorf("the request under way: %s", resp.Status)
		}
	})
	_, err = w.Write([]byte("x"))
	must(t, err)
	for deadline := time.Now().Add(10 * time.Second); f.UnderWay() == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the request is not under way")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := f.Reset(ctx, ""); err == nil {
		t.Error("it did not wait")
	}
	if a := f.get("/v2/", nil); a.status != 401 {
		t.Errorf("after a reset that was given up: %d", a.status)
	}
	done := make(chan error, 1)
	go func() { done <- f.Reset(t.Context(), "") }()
	must(t, w.Close())
	must(t, <-done)
	wg.Wait()
}

// TestTwoCallersAtOnce: resets, snapshots, faults and settings from many sides.
func TestTwoCallersAtOnce(t *testing.T) {
	f := start(t, nil)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			name := fmt.Sprint("s", i)
			for range 5 {
				if _, err := f.TakeSnapshot(t.Context(), name); err != nil {
					t.Error(err)
				}
				if err := f.Reset(t.Context(), name); err != nil {
					t.Error(err)
				}
				if err := f.DeleteSnapshot(t.Context(), name); err != nil {
					t.Error(err)
				}
				x, err := f.AddFault(fault.Fault{Kind: fault.Status, Status: 500, Rate: 0.5})
				if err == nil {
					err = f.RemoveFault(x.ID)
				}
				if err != nil {
					t.Error(err)
				}
				r, err := f.Registry("")
				if err == nil {
					err = r.ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
						s.AnonymousPull = !s.AnonymousPull
					})
				}
				if err != nil {
					t.Error(err)
				}
				f.Clock().Freeze()
				f.Clock().Resume()
			}
		})
	}
	for range 100 {
		f.get("/v2/", nil)
	}
	wg.Wait()
	if s, err := f.Snapshots(t.Context()); err != nil || len(s) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if diff := cmp.Diff([]fault.Fault{}, f.Faults()); diff != "" {
		t.Error(diff)
	}
}

func withAccept(token string) http.Header {
	h := bearer(token)
	h.Set("Accept", "application/vnd.oci.image.index.v1+json")
	return h
}
