package auth

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

// origin returns the registry's scheme, host and port as a URL's beginning.
func (t *Transport) origin() string { return t.scheme + "://" + t.registry.Host() }

// service returns the name of the token service's audience: the login server, at a
// regional endpoint too (seen in a pull from one).
//
//rule:regional-service
func (t *Transport) service() string { return t.registry.LoginServer().Host() }

// isHome reports whether u has the registry's origin.
func (t *Transport) isHome(u *url.URL) bool { return t.isAt(u, t.registry) }

// isAt reports whether u has the origin of reg, by the scheme of the transport.
// net/http compares host names alone when it forwards a header; a port is another
// program.
func (t *Transport) isAt(u *url.URL, reg acrkit.Registry) bool {
	//rule:origin-is-at-2
	if u == nil || u.Opaque != "" || !strings.EqualFold(u.Scheme, t.scheme) {
		return false
	}
	host := strings.ToLower(u.Hostname())
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		host = addr.String()
	}
	//rule:origin-is-at
	return host == reg.Hostname() && portOf(u) == portOf(&url.URL{Scheme: t.scheme, Host: reg.Host()})
}

func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case strings.EqualFold(u.Scheme, "http"):
		return "80"
	}
	return "443"
}

// leftRegistry reports whether the request follows a redirect chain that has left the
// registry. Another host then chose the URL, so the request gets no credential, even if
// it points back to the registry.
func (t *Transport) leftRegistry(req *http.Request) bool {
	const longest = 32 // http.Client stops at 10
	for hops := 0; req.Response != nil; hops++ {
		req = req.Response.Request
		if req == nil || hops == longest || !t.isHome(req.URL) {
			return true
		}
	}
	return false
}

// sendUnauthenticated sends a request to another origin without any Authorization.
func (t *Transport) sendUnauthenticated(req *http.Request) (*http.Response, error) {
	//rule:redirects-send-unauthenticated
	if u := req.URL; u != nil && strings.EqualFold(u.Scheme, "http") &&
		!(isLoopback(u.Hostname()) && t.registry.IsLoopback()) {
		closeBody(req)
		return nil, wire.Final(&acrkit.Error{Code: acrkit.CodeHostRefused, Op: "send a request", Method: req.Method,
			URL:    redact.URL(u),
			Reason: "plain HTTP to another host is refused: what it carries can be read and changed on the way"})
	}
	if u := req.URL; u != nil && t.scheme == "https" && strings.EqualFold(u.Scheme, "http") &&
		strings.EqualFold(u.Host, t.registry.Host()) {
		// Clients fall back to http for a host on loopback, go-containerregistry when
		// 300 ms have passed, and stay with it: every request would then be anonymous.
		closeBody(req)
		return nil, wire.Final(&acrkit.Error{Code: acrkit.CodeHostRefused, Op: "send a request", Method: req.Method,
			URL:    redact.URL(u),
			Reason: "the registry uses https; plain HTTP is an option of the transport"})
	}
	if !hasAuthorization(req) {
		return t.base.RoundTrip(req)
	}
	clone := req.Clone(req.Context())
	//rule:origin-send-unauthenticated
	dropAuthorization(clone)
	return t.base.RoundTrip(clone)
}

// isAuthorization reports whether a key of a header map is sent as Authorization.
// net/http sends keys as they are spelled, and a server ignores their case.
func isAuthorization(key string) bool { return strings.EqualFold(key, "Authorization") }

func hasAuthorization(req *http.Request) bool {
	for key := range req.Header {
		if isAuthorization(key) {
			return true
		}
	}
	return false
}

// dropAuthorization removes Authorization, in any spelling, from a cloned request.
func dropAuthorization(clone *http.Request) {
	if clone.Header == nil {
		clone.Header = http.Header{}
	}
	maps.DeleteFunc(clone.Header, func(key string, _ []string) bool { return isAuthorization(key) })
}

func isLoopback(hostname string) bool {
	if strings.Contains(hostname, ":") {
		hostname = "[" + hostname + "]"
	}
	// With a port, a bare name is not read as the short name of a registry.
	reg, err := acrkit.ParseRegistry(hostname + ":80")
	return err == nil && reg.IsLoopback()
}

// checkRealm refuses a challenge that names a token service on another origin
// than the registry's own or, at a regional endpoint, that of its login server
// (believed; a regional endpoint was seen to name itself). The realm is never
// called: each host of a registry has the token service too.
func (t *Transport) checkRealm(realm string) error {
	u, err := url.Parse(realm)
	//rule:regional-check-realm
	if realm == "" || err == nil && (t.isHome(u) || t.isAt(u, t.registry.LoginServer())) {
		return nil
	}
	return wire.Final(&acrkit.Error{Code: acrkit.CodeProtocol, Op: "authenticate", Registry: t.registry,
		Reason: fmt.Sprintf("its challenge names a token service on another host, %s; no credential goes there",
			redact.Text(shortHost(u))),
		Hint: sentence.Fix(sentence.NameByLoginServer, nil)})
}

func shortHost(u *url.URL) string {
	if u == nil || u.Host == "" {
		return "an unreadable one"
	}
	s := u.Host
	if u.Scheme != "" {
		s = u.Scheme + "://" + s
	}
	return wording.Clip(s, 120)
}
