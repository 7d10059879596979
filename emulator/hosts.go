package emulator

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/pki"
	"github.com/acrkit/acrkit/internal/wording"
)

// localSuffix is the domain under which every registry has a name: it resolves
// to this machine where .localhost does (RFC 6761 §6.3).
const localSuffix = ".azurecr.localhost"

// hostname returns a Host header without the port and the brackets of an IPv6
// address, "" if it is no host. The header is repeated in challenges, so only a name
// or address with a port is accepted.
func hostname(host string) string {
	h := host
	if strings.HasPrefix(h, "[") && strings.HasSuffix(h, "]") {
		h = h[1 : len(h)-1]
	} else if name, port, err := net.SplitHostPort(h); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return ""
		}
		h = name
	}
	return strings.ToLower(h)
}

// resolve finds the registry that a host names. Other hosts are refused,
// because a web page may point a name of its own at this machine.
func (e *Emulator) resolve(host string) (*principal.RegistrySettings, bool) {
	h := hostname(host)
	if name, _, ok := e.cutSuffix(host); ok {
		return e.ids.RegistryByName(name)
	}
	if !e.isOwn(h) {
		return nil, false
	}
	if name, ok := e.ports[portOf(host)]; ok && !e.hostnames[h] {
		return e.ids.RegistryByName(name)
	}
	if first, _, ok := strings.Cut(h, "."); ok && e.hostnames[h] {
		name, _, _ := strings.Cut(first, "-") // a login server may carry a hash
		if r, ok := e.ids.RegistryByName(name); ok {
			return r, true
		}
	}
	return e.ids.First()
}

// setHosts sets what names the emulator answers to.
func (e *Emulator) setHosts(o *Options) error {
	e.suffixes, e.ports = []string{localSuffix}, o.Ports
	for _, h := range o.Hostnames {
		domain, every := strings.CutPrefix(h, "*.")
		name, err := checkHostname(domain)
		if _, isIP := netip.ParseAddr(domain); err == nil && every && isIP == nil {
			err = &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a host name",
				Reason: wording.Quote(h) + " has an address where a domain belongs"}
		}
		if err != nil {
			return err
		}
		if every {
			e.suffixes = append(e.suffixes, "."+name)
		} else {
			e.hostnames[name] = true
		}
	}
	for port, name := range o.Ports {
		if port < 1 || port > 65535 || !seed.IsRegistryName(name) {
			return &acrkit.Error{Code: acrkit.CodeUsage, Op: "give a registry a port",
				Reason: fmt.Sprintf("port %d, registry %s: want 1 to 65535 and the name of a registry", port,
					wording.Quote(name))}
		}
	}
	return nil
}

// cutSuffix splits the host of a registry, one of its regional endpoints included, into
// its name and its domain, which begins with a dot.
func (e *Emulator) cutSuffix(host string) (name, suffix string, ok bool) {
	h := hostname(loginServer(host))
	for _, suffix := range e.suffixes {
		if name, ok := strings.CutSuffix(h, suffix); ok && !strings.Contains(name, ".") {
			return name, suffix, true
		}
	}
	return "", "", false
}

func portOf(host string) int {
	_, port, _ := net.SplitHostPort(host)
	n, _ := strconv.Atoi(port) // 0 for none
	return n
}

// loginServerOf returns the address of a registry for a client that has asked at a host:
// in the same domain, or at the host itself, or at the registry's own port of it. Failing
// those it is the registry's own name at the same port.
func (e *Emulator) loginServerOf(host string, reg *principal.RegistrySettings) string {
	port := ""
	if n := portOf(host); n != 0 {
		port = ":" + strconv.Itoa(n)
	}
	if _, suffix, ok := e.cutSuffix(host); ok {
		return reg.Name + suffix + port
	}
	if own, ok := e.resolve(host); ok && own.ID == reg.ID {
		return host
	}
	for p, name := range e.ports {
		if strings.EqualFold(name, reg.Name) && !e.hostnames[hostname(host)] {
			return net.JoinHostPort(hostname(host), strconv.Itoa(p))
		}
	}
	return reg.Name + localSuffix + port
}

// loginServer returns the host that a registry answers with for a Host header: the
// header's own, or the login server that a regional endpoint belongs to.
func loginServer(host string) string {
	if reg, err := acrkit.ParseRegistry(host); err == nil && reg.LoginServer() != reg {
		return reg.LoginServer().Host()
	}
	return strings.ToLower(host)
}

// isOwn reports whether a name without a port is one the emulator answers to,
// those of registries in a domain apart.
func (e *Emulator) isOwn(name string) bool {
	if name == "localhost" || e.hostnames[name] {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Zone() == "" && addr.Unmap().IsLoopback()
}

// serves reports whether the emulator answers on a host, with or without port.
func (e *Emulator) serves(host string) bool {
	_, ok := e.resolve(host)
	return ok || e.isOwn(hostname(host))
}

// certifies reports whether a certificate may be issued for a name. Any name of a
// registry in a domain of the emulator's may have one, also one of a regional endpoint.
func (e *Emulator) certifies(name string) bool {
	if label, _, ok := e.cutSuffix(name); ok {
		return seed.IsRegistryName(label)
	}
	if label, ok := strings.CutSuffix(hostname(name), blobSuffix); ok && e.blobRedirects {
		return seed.IsRegistryName(label)
	}
	return e.isOwn(name) || e.isBlobHost(name)
}

// maxUnknownNames bounds the names that are remembered as said.
//
//rule:unknown-names-max
const maxUnknownNames = 64

// certifiesOrSays is certifies, and warns once of each name that a client asked for and
// the emulator does not serve: the client prints little more than that TLS failed.
func (e *Emulator) certifiesOrSays(name string) bool {
	if e.certifies(name) {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return false // no name was asked for, and a forwarded port may have led here
	}
	e.unknown.Lock()
	defer e.unknown.Unlock()
	if len(e.unknown.names) < maxUnknownNames && !e.unknown.names[name] {
		e.unknown.names[name] = true
		e.logger.Warn(
			"a client asked by TLS for a name that is not served; to serve it, start with --hostname NAME or "+
				"ACRKIT_HOSTNAMES",
			"name", clipHost(name))
	}
	return false
}

// openAuthority opens the certificate authority, for the names that the emulator
// certifies. Those under .localhost are every authority's.
func (e *Emulator) openAuthority(o *Options) (err error) {
	//rule:authority-names-open-authority
	names := slices.Collect(maps.Keys(e.hostnames))
	for _, suffix := range e.suffixes[1:] { // the first is below localhost
		names = append(names, suffix[1:])
	}
	if e.blobRedirects && e.blobHost != "" {
		names = append(names, e.blobHost)
	}
	if o.CACertificate != nil {
		e.ca, err = pki.Given(o.CACertificate, o.CAKey, names)
		return err
	}
	if e.ca, err = pki.Open(e.dir, names); err != nil {
		return err
	}
	if why := e.ca.Replaced(); why != "" {
		e.logger.Warn("a new certificate authority was made; "+
			"make the clients that trust the old ca.pem trust the new one",
			"file", filepath.Join(e.dir, pki.CertFile), "why", why)
	}
	return nil
}

// blobSuffix is the domain of the names that blobs are redirected to.
const blobSuffix = ".blob.localhost"

// isBlobHost reports whether a host, with or without a port, is one that blobs
// are redirected to.
func (e *Emulator) isBlobHost(host string) bool {
	if !e.blobRedirects {
		return false
	}
	name := hostname(host)
	if e.blobHost != "" {
		return name == e.blobHost
	}
	label, ok := strings.CutSuffix(name, blobSuffix)
	if !ok {
		return false
	}
	_, ok = e.ids.RegistryByName(label)
	return ok
}

// blobHostFor returns the host that a registry's blobs are redirected to, on the
// port of the request, or "". There is none where it lies below the registry's
// own name, as all names under .localhost lie below localhost: HTTP clients send
// Authorization on to such a host, and would fail here and not at the service.
func (e *Emulator) blobHostFor(reg dataplane.Endpoint) string {
	if !e.blobRedirects {
		return ""
	}
	own, port, err := net.SplitHostPort(reg.Host)
	if err != nil {
		own, port = reg.Host, ""
	}
	name := e.blobHost
	if name == "" {
		name = strings.ToLower(reg.Name) + blobSuffix
	}
	switch {
	case name == own || strings.HasSuffix(name, "."+own):
		return ""
	case port == "":
		return name
	}
	return net.JoinHostPort(name, port)
}

// serveStorage answers on the host that blobs are redirected to. If all registries
// share the host's name, the link names the registry.
func (e *Emulator) serveStorage(w http.ResponseWriter, r *http.Request) {
	if reg, ok := e.registryOfBlobs(r); ok {
		next, finish, done := e.fails.ApplyStorage(w, r, reg)
		if done {
			return
		}
		defer finish()
		w = next
	}
	e.data.ServeStorage(w, r)
}

// registryOfBlobs returns the registry whose blobs a request to their host is for.
func (e *Emulator) registryOfBlobs(r *http.Request) (*principal.RegistrySettings, bool) {
	if e.blobHost == "" {
		return e.ids.RegistryByName(strings.TrimSuffix(hostname(r.Host), blobSuffix))
	}
	rid := r.URL.Query().Get("regid")
	all := e.ids.Registries()
	i := slices.IndexFunc(all, func(g *principal.RegistrySettings) bool { return g.RID == rid })
	if i < 0 {
		return nil, false
	}
	return all[i], true
}
