package acrkit

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Registry is a login server: a host, with a port where it is not 443. The zero
// value is no registry. Values compare with ==.
type Registry struct{ host string }

// loginSuffixes are the login-server suffixes of the public, US and China
// clouds. A registry name is exactly one label before them.
var loginSuffixes = [...]string{".azurecr.io", ".azurecr.us", ".azurecr.cn"}

// emulatorSuffix is that of the emulator's registries, on loopback (RFC 6761 §6.3).
const emulatorSuffix = ".azurecr.localhost"

// ParseRegistry reads a bare registry name ("myregistry", taken as
// myregistry.azurecr.io), a login server ("myregistry-hash.azurecr.cn",
// "localhost:5443") or its https URL. The result is lower case and carries no
// ":443", which ACR does not use in a token's audience; only a bare machine name
// keeps it.
//
// Any well-formed host is accepted; [Registry.IsACR] reports whether it is one of ACR's.
func ParseRegistry(s string) (Registry, error) {
	bad := func(why string) (Registry, error) {
		return Registry{}, &Error{Code: CodeUsage, Op: "read a registry name",
			Reason: fmt.Sprintf("%q %s", clip(s), why)}
	}
	switch {
	case s == "":
		return bad("is empty")
	case s != strings.TrimSpace(s):
		return bad("begins or ends with white space")
	}
	if strings.HasPrefix(strings.ToLower(s), "http://") {
		return bad(
			"is a plain-HTTP address; name the host alone (plain HTTP is an option of the transport, for " +
				"loopback only)")
	}
	u, err := url.Parse("https://" + trimPrefixFold(s, "https://"))
	if err != nil || u.Opaque != "" {
		return bad("is not a host name")
	}
	switch {
	//rule:look-alikes-parse-registry
	case u.User != nil:
		return bad("must not carry a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#"):
		return bad("must be a host name alone")
	case u.Path != "" && u.Path != "/":
		return bad("must be a host name alone, without a path")
	}
	host, port := u.Hostname(), u.Port()
	// Before folding the case: some letters outside ASCII have an ASCII lower case.
	//rule:look-alikes-parse-registry-2
	if strings.ContainsFunc(host, func(c rune) bool { return c >= utf8.RuneSelf }) {
		return bad("is not a host name")
	}
	host = strings.ToLower(host)
	if strings.HasSuffix(u.Host, ":") {
		return bad("has an empty port")
	}
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
			return bad("has a bad port")
		}
	}
	bare := false
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return bad("has an IPv6 zone")
		}
		if addr.Is6() {
			host = "[" + addr.String() + "]"
		}
	} else {
		if !validHostname(host) {
			return bad("is not a host name")
		}
		if !strings.Contains(host, ".") && host != "localhost" {
			if port == "" {
				host += loginSuffixes[0]
			} else {
				// A machine by its bare name: without the port, its text would be read as the
				// registry of that name.
				bare = true
			}
		}
	}
	if port != "" && (port != "443" || bare) {
		host += ":" + port
	}
	return Registry{host}, nil
}

func validHostname(h string) bool {
	if len(h) > 253 {
		return false
	}
	for label := range strings.SplitSeq(h, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i]
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

func trimPrefixFold(s, prefix string) string {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):]
	}
	return s
}

// Host returns the login server with its port, as in a token's service and audience.
func (r Registry) Host() string { return r.host }

// String returns the same as [Registry.Host].
func (r Registry) String() string { return r.host }

// IsZero reports whether r names no registry.
func (r Registry) IsZero() bool { return r.host == "" }

// Hostname returns the host without its port, and without the brackets of an
// IPv6 address.
func (r Registry) Hostname() string {
	u := url.URL{Host: r.host}
	return u.Hostname()
}

// Name returns the first label of the host: the registry's name, with the hash
// where its login server carries one.
func (r Registry) Name() string {
	name, _, _ := strings.Cut(r.Hostname(), ".")
	return name
}

// IsACR reports whether the host is a login server of Azure Container Registry:
// exactly one label before .azurecr.io, .azurecr.us or .azurecr.cn, or a
// regional endpoint NAME.REGION.geo before one of the three, at port 443. A
// look-alike such as x.azurecr.io.evil.example is not.
func (r Registry) IsACR() bool {
	if r.IsZero() || r.Hostname() != r.host {
		return false
	}
	for _, suffix := range loginSuffixes {
		if before, ok := strings.CutSuffix(r.host, suffix); ok {
			_, regional := registryOfRegion(before)
			//rule:look-alikes-is-acr
			return regional || before != "" && !strings.Contains(before, ".")
		}
	}
	return false
}

// LoginServer returns the registry that the host belongs to: NAME.azurecr.io for
// its regional endpoint NAME.REGION.geo.azurecr.io, and r itself for every other
// host. Settings for a registry (a login, ACR_NAME) are for its login server, and two
// hosts belong to one registry if their login servers are equal. The domains are those of
// [Registry.IsACR] and, at any port, .azurecr.localhost, the emulator's.
//
// Source: Microsoft, "Azure Container Registry endpoint reference", for the public cloud
// and China; the US cloud is announced there.
func (r Registry) LoginServer() Registry {
	host, port := r.host, ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host, port = host[:i], host[i:]
	}
	for _, suffix := range append(loginSuffixes[:], emulatorSuffix) {
		before, ok := strings.CutSuffix(host, suffix)
		//rule:regional-login-server
		if !ok || port != "" && suffix != emulatorSuffix {
			continue
		}
		if name, ok := registryOfRegion(before); ok {
			return Registry{name + suffix + port}
		}
	}
	return r
}

// registryOfRegion returns the NAME of NAME.REGION.geo.
func registryOfRegion(s string) (name string, ok bool) {
	labels := strings.Split(s, ".")
	//rule:regional-registry-of-region
	if len(labels) != 3 || labels[0] == "" || labels[1] == "" || labels[2] != "geo" {
		return "", false
	}
	return labels[0], true
}

// IsLoopback reports whether the host is this machine by its name alone:
// localhost, a name under .localhost (RFC 6761 §6.3), or a loopback address.
// Nothing is resolved.
func (r Registry) IsLoopback() bool {
	h := r.Hostname()
	if h == "localhost" || strings.HasSuffix(h, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(h)
	return err == nil && addr.Unmap().IsLoopback()
}

// clip shortens input that a message quotes, and removes the parts of a URL that may hold
// secrets: the user information and the query.
func clip(s string) string {
	const limit = 120
	digest := ""
	if i := strings.LastIndexByte(s, '@'); i >= 0 &&
		(strings.HasPrefix(s[i+1:], "sha256:") || strings.HasPrefix(s[i+1:], "sha512:")) {
		s, digest = s[:i], s[i:]
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		s = "…" + s[i:]
	}
	s += digest
	if i := strings.IndexAny(s, "?#"); i >= 0 && i+1 < len(s) {
		s = s[:i+1] + "…"
	}
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}
