package auth_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// lookAlikes are names that a person, a pattern or a URL parser may take for
// myregistry.azurecr.io.
var lookAlikes = []string{
	// What follows the suffix, and what precedes it.
	"myregistry.azurecr.io.evil.example", "myregistry.azurecr.io.evil.azurecr.io", "myregistry.azurecr.io-evil.example",
	"myregistry.azurecr.ioevil",
	"myregistry.azurecr.io.", "myregistry.azurecr.io..", "myregistry.azurecr.com", "myregistry.azurecr.i",
	"myregistry.azurecr.io.us",
	"azurecr.io", ".azurecr.io", "evilazurecr.io", "my-azurecr.io", "myregistry-azurecr.io", "myregistryazurecr.io",
	"my.registry.azurecr.io",
	"a.b.geo.azurecr.io.evil.example", "a.b.c.geo.azurecr.io", "geo.azurecr.io.evil.example",
	// What surrounds the host in a URL.
	"ci:made-up-password@myregistry.azurecr.io", "https://ci@myregistry.azurecr.io",
	"myregistry.azurecr.io@evil.example", "https://myregistry.azurecr.io@evil.example",
	"https://myregistry.azurecr.io:443@evil.example/",
	"https://evil.example/myregistry.azurecr.io", "https://evil.example?myregistry.azurecr.io",
	"https://evil.example#.azurecr.io", "evil.example/.azurecr.io",
	"evil.example;.azurecr.io", "evil.example,myregistry.azurecr.io", "https://https://myregistry.azurecr.io",
	"http://myregistry.azurecr.io", "ftp://myregistry.azurecr.io", "//myregistry.azurecr.io",
	// Backslashes, which browsers take for slashes, white space and controls.
	`myregistry.azurecr.io\.evil.example`, `evil.example\.azurecr.io`, `https://evil.example\@myregistry.azurecr.io`,
	`https:\\myregistry.azurecr.io`, `myregistry\.azurecr.io`,
	" myregistry.azurecr.io", "myregistry.azurecr.io ", "myregistry.azurecr.io\n",
	"myregistry.azurecr.io\r\nHost: evil.example", "myregistry\t.azurecr.io", "myregistry.azurecr.io\x00.evil.example",
	// Percent-encodings.
	"myregistry%2eazurecr.io", "evil.example%2f.azurecr.io", "evil.example%23.azurecr.io", "evil.example%00.azurecr.io",
	"myregistry.azurecr.io%2eevil.example", "myregistry.azurecr.io%40evil.example",
	// Letters that look alike, that fold to ASCII, and names in punycode.
	"myregistry.аzurecr.io", "myregistry.azurecr.iо", "myregistry.azurecr。io", "myregistry．azurecr.io",
	"myregistry.azurecr.io\u200b", "myregi\u017ftry.azurecr.io", "\u212airegistry.azurecr.io",
	"myregistry.xn--zurecr-4of.io", "xn--myregistry-.azurecr.io.evil.example", "myregistry.xn--azurecr-.io",
	// Ports, addresses, and hosts that are not loopback.
	"myregistry.azurecr.io:80", "myregistry.azurecr.io:8443", "myregistry.azurecr.io:", "myregistry.azurecr.io:0443",
	"myregistry.azurecr.io:+443", "myregistry.azurecr.io:443:443", "myregistry.azurecr.io:65979",
	"[myregistry.azurecr.io]", "[::1].azurecr.io", "[::1", "::1.azurecr.io", "[::ffff:192.0.2.1]:443",
	"[fe80::1%25eth0]:443", "192.0.2.1:443", "0x7f000001.evil.example",
	"127.0.0.1.evil.example", "localhost.evil.example", "evil.localhost.example", "localhost@evil.example",
	"127.0.0.1@evil.example", "0.0.0.0:443", "[::]:443",
	"", ".", "-", "-.azurecr.io", "a-.azurecr.io", "_dmarc..azurecr.io", strings.Repeat("a", 64) + ".azurecr.io",
	strings.Repeat("a.", 130) + "azurecr.io",
}

// No look-alike gets a transport, or one only for the registry itself: the host
// that is called must be exactly one label before the suffix.
func TestLookAlikes(t *testing.T) {
	for _, name := range lookAlikes {
		d := &direct{hosts: map[string]http.Handler{}}
		rt, err := auth.NewTransport(name, auth.EntraToken("entra-secret-value"), &auth.Options{Base: d})
		if err == nil {
			t.Errorf("%q is taken for %s", name, rt.Registry())
			_ = rt.Close()
			continue
		}
		if code := acrkit.CodeOf(err); code != acrkit.CodeHostRefused && code != acrkit.CodeUsage {
			t.Errorf("%q: %v", name, err)
		}
		if len(d.sent) != 0 {
			t.Errorf("%q: %d requests", name, len(d.sent))
		}
	}
}

// A custom login server is one host, and not what looks like it.
func TestCustomLoginServer_exact(t *testing.T) {
	d := &direct{hosts: map[string]http.Handler{"https://registry.contoso.com": newFake(),
		"https://registry.contoso.com.evil.example": newFake(), "https://evil-registry.contoso.com": newFake()}}
	rt, err := auth.NewTransport("registry.contoso.com", ci(), &auth.Options{Base: d, CustomLoginServer: true})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	for _, to := range []string{"https://registry.contoso.com.evil.example/v2/",
		"https://evil-registry.contoso.com/v2/"} {
		sendsNothing(t, rt, d, to)
	}
}

// The transport of one origin sends its token to no other, however near.
func TestOneOrigin(t *testing.T) {
	_, rt, d := setup(t, ci())
	wantStatus(t, do(t, rt, "GET", "/v2/team/app/manifests/v1", ""), 200) // it has a token now
	for _, to := range []string{
		"https://" + testHost + ":8443/v2/", "https://" + testHost + ":80/v2/", "https://other.azurecr.io/v2/",
		"https://myregistry.azurecr.us/v2/",
		"https://" + testHost + "./v2/", "https://" + testHost + ".evil.example/v2/", "https://evil.example/" +
			testHost + "/v2/", "https://" + testHost + "@evil.example/v2/",
		"https://x." + testHost + "/v2/", "https://myregistry.westeurope.data.azurecr.io/v2/", "https://localhost/v2/",
		"https://[::1]/v2/",
	} {
		sendsNothing(t, rt, d, to)
	}
	// Spellings of the same origin.
	for _, to := range []string{"https://" + testHost + ":443/v2/team/app/manifests/v1",
		"https://MyRegistry.AZURECR.io/v2/team/app/manifests/v1", "HTTPS://" + testHost + "/v2/team/app/manifests/v1"} {
		req := request(t, to)
		if _, err := rt.RoundTrip(req); err != nil && !strings.Contains(err.Error(), "no such host") {
			t.Errorf("%s: %v", to, err)
		}
		if last := d.sent[len(d.sent)-1]; !strings.HasPrefix(last.Header.Get("Authorization"), "Bearer eyJ") {
			t.Errorf("%s got no token", to)
		}
	}
}

func request(t *testing.T, to string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", to, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.URL = mustURL(t, to)
	return req
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// sendsNothing sends a request abroad, with an Authorization of the caller's, and
// sees that neither that nor ours goes along.
func sendsNothing(t *testing.T, rt http.RoundTripper, d *direct, to string) {
	t.Helper()
	req := request(t, to)
	req.Header.Set("Authorization", "Bearer the-callers-own")
	d.hosts[req.URL.Scheme+"://"+req.URL.Host] = http.NotFoundHandler()
	before := len(d.sent)
	resp, err := rt.RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	for _, sent := range d.sent[before:] {
		if got := sent.Header.Values("Authorization"); len(got) != 0 {
			t.Errorf("%s got %q", to, got)
		}
		if sent.Method == http.MethodPost {
			t.Errorf("%s: a token was asked for at %s", to, sent.URL)
		}
	}
}
