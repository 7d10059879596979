package diagnose

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/sentence"
)

// publicIssuers are organisations whose certificates login servers of ACR have
// had. A certificate of another issuer comes from an intercepting proxy. Source: Microsoft, "Azure
// Certificate Authority details".
var publicIssuers = []string{"Microsoft Corporation", "DigiCert Inc", "DigiCert, Inc."}

// certificate looks closer at a certificate that is not trusted.
func (x *examiner) certificate(context.Context) (Diagnosis, bool) {
	if x.err == nil || x.err.Cause != cause.CertificateUntrusted || !x.reg.IsACR() || x.elsewhere() {
		return Diagnosis{}, false
	}
	unknown, ok := errors.AsType[x509.UnknownAuthorityError](x.a.Err)
	if !ok || unknown.Cert == nil {
		return Diagnosis{}, false
	}
	return intercepted(unknown.Cert)
}

// intercepted reports whether the certificate of a login server of ACR comes from an
// intercepting proxy.
func intercepted(cert *x509.Certificate) (Diagnosis, bool) {
	if isPublic(cert) {
		return Diagnosis{}, false
	}
	d := verdict(cause.TLSIntercepted, Proved,
		fmt.Sprintf("the certificate comes from %q, which issues none for login servers of ACR", issuerOf(cert)))
	return d, true
}

func isPublic(cert *x509.Certificate) bool {
	return slices.ContainsFunc(cert.Issuer.Organization, func(o string) bool {
		return slices.Contains(publicIssuers, o)
	})
}

func issuerOf(cert *x509.Certificate) string {
	for _, names := range [][]string{cert.Issuer.Organization, {cert.Issuer.CommonName}} {
		if len(names) > 0 && names[0] != "" {
			return clip(names[0])
		}
	}
	return "an issuer without a name"
}

// elsewhere reports whether another host than the registry's failed.
func (x *examiner) elsewhere() bool {
	if x.url == nil || x.reg.IsZero() {
		return false
	}
	host, err := acrkit.ParseRegistry(x.url.Host)
	return err != nil || host != x.reg
}

// networkCauses are the causes of a request without an answer.
var networkCauses = []acrkit.Cause{cause.NameUnknown, cause.NameLookupFailed, cause.ConnectionRefused,
	cause.ConnectionTimeout,
	cause.CertificateUntrusted, cause.CertificateWrongName, cause.CertificateExpired, cause.PlainHTTPServer}

// network explains a failure before an answer.
func (x *examiner) network(ctx context.Context) (Diagnosis, bool) {
	if x.err == nil || x.err.Status != 0 {
		return Diagnosis{}, false
	}
	c := x.err.Cause
	lost := slices.Contains(networkCauses, c) || c == "" && x.err.Code == acrkit.CodeUnavailable
	bad, malformed := x.malformedProxy()
	switch {
	case malformed && lost &&
		slices.Contains([]acrkit.Cause{cause.NameUnknown, cause.NameLookupFailed, cause.ConnectionRefused,
			cause.ConnectionTimeout}, c):
		bad.Evidence = append(bad.Evidence, x.reason())
		return bad, true
	case lost && x.elsewhere() && isOfBlobs(x.url.Hostname()):
		return verdict(cause.DataEndpointBlocked, Proved, fmt.Sprintf("the registry leads to %s for blobs: %s",
			x.url.Hostname(), x.reason())), true
	case lost && c != "" && x.elsewhere() && strings.HasPrefix(x.url.Hostname(), "login."):
		return verdict(cause.EntraUnreachable, Proved, x.reason()), true
	case c == cause.NameUnknown && x.o.ARM != nil:
		return x.hash(ctx)
	}
	return Diagnosis{}, false
}

// isOfBlobs reports whether a host is one that registries lead to for blobs:
// storage, or a dedicated data endpoint.
func isOfBlobs(host string) bool {
	return strings.Contains(host, ".blob.") || strings.Contains(host, ".data.azurecr.")
}

// hash detects a registry whose login server is not NAME.azurecr.io.
func (x *examiner) hash(ctx context.Context) (Diagnosis, bool) {
	state, err := x.o.ARM.Registry(ctx, x.reg)
	x.noteARM("the registry "+x.reg.Name(), err)
	if err != nil || state.LoginServer == "" || strings.EqualFold(state.LoginServer, x.reg.Host()) {
		return Diagnosis{}, false
	}
	d := verdict(cause.LoginServerHash, Proved, x.reason(), "Azure Resource Manager names the login server "+
		clip(state.LoginServer))
	d.Fix = sentence.Draft(sentence.NameRegistry, map[string]string{"host": plain(state.LoginServer)})
	return d, true
}

// networkRule is a 403 by the registry's network rules: a rule for addresses, or a
// private endpoint whose public address was reached.
func (x *examiner) networkRule(ctx context.Context) Diagnosis {
	named := x.saysIt(errtext.SaysNetworkRule)
	evidence := "the registry answered 403 and names this client's address"
	if !named {
		evidence = "the registry answered 403, which it does not do for a missing right"
		if x.at != theBase && !x.o.NoProbes {
			switch status := x.get(ctx, "ask for the challenge, without a credential", "/v2/"); status {
			case http.StatusForbidden:
				evidence, named = "GET /v2/ without a credential is answered 403, too", true
			case 0:
			default:
				if x.onlyText {
					break // this machine may be allowed, and the client's not
				}
				return unsure(cause.Denied, []acrkit.Cause{cause.NoRole, cause.NetworkRule},
					fmt.Sprintf("the answer is 403; GET /v2/ without a credential is answered %d", status))
			}
		}
	}
	d := verdict(cause.NetworkRule, Proved, evidence)
	if !named && x.at != theBase {
		d.Confidence = Suspected
	}
	if x.mayAsk() && !x.reg.IsZero() {
		private, addr := x.privateName(ctx)
		switch {
		case private && x.onlyText:
			// The client's resolver may answer differently.
			d.Candidates = []acrkit.Cause{cause.NetworkRule, cause.PrivateEndpointPublicAddress}
			d.Evidence = append(d.Evidence,
				fmt.Sprintf("the name's alias is under privatelink, and its address here is %s, which is public", addr))
		case private:
			return verdict(cause.PrivateEndpointPublicAddress, Proved, evidence,
				fmt.Sprintf("the name's alias is under privatelink, and its address here is %s, which is public", addr))
		}
	}
	return d
}

// privateName reports whether the registry's name is an alias of a private
// endpoint's and has a public address here. Source: Microsoft, "Connect privately
// to an Azure container registry", DNS.
func (x *examiner) privateName(ctx context.Context) (bool, netip.Addr) {
	r := x.resolver()
	host := x.reg.Hostname()
	ctx, cancel := context.WithTimeout(ctx, x.dialTime())
	defer cancel()
	alias, err := r.LookupCNAME(ctx, host)
	x.note(Probe{What: "look up the alias of " + host, Result: resultOf(strings.TrimSuffix(alias, "."), err)})
	if err != nil || !strings.Contains(alias, ".privatelink.") {
		return false, netip.Addr{}
	}
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	x.note(Probe{What: "look up the addresses of " + host, Result: resultOf(fmt.Sprint(addrs), err)})
	for _, a := range addrs {
		if !a.Unmap().IsPrivate() && !a.Unmap().IsLoopback() {
			return true, a
		}
	}
	return false, netip.Addr{}
}

// redirected explains a blob that is at another host: can that be reached from here?
func (x *examiner) redirected(ctx context.Context) Diagnosis {
	u, err := url.Parse(x.a.Exchange.Header.Get("Location"))
	if err != nil || u.Host == "" {
		return verdict(cause.Protocol, Suspected, "the registry redirects without a host")
	}
	if x.o.NoProbes {
		return unsure(cause.Unavailable, []acrkit.Cause{cause.DataEndpointBlocked}, "the registry leads to "+
			u.Hostname()+" for the blob; whether that can be reached was not tried")
	}
	if err := x.reach(ctx, u); err != nil {
		return verdict(cause.DataEndpointBlocked, Proved, fmt.Sprintf("the registry leads to %s for the blob: %s",
			u.Hostname(), err.Error()))
	}
	return unsure(cause.Unavailable, nil, "the host of blobs, "+u.Hostname()+", can be reached from here")
}

// reach looks up and connects to the host of a URL. Nothing is sent.
func (x *examiner) reach(ctx context.Context, u *url.URL) error {
	port := u.Port()
	if port == "" {
		port = "443"
		if u.Scheme == "http" {
			port = "80"
		}
	}
	conn, err := x.dial(ctx, net.JoinHostPort(u.Hostname(), port))
	if err == nil {
		_ = conn.Close()
	}
	x.note(Probe{What: "connect to " + u.Hostname(), Result: resultOf("connected", err)})
	if err != nil {
		return errors.New(networkReason(err, u.Hostname()))
	}
	return nil
}
