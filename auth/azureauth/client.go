package azureauth

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/wire"
)

// NewContainerRegistryClient returns Microsoft's client for the registry, signed
// in with cred; a nil cred is [auth.Anonymous]. The registry is a login server or
// a bare registry name, as [acrkit.ParseRegistry] reads them. Nothing is sent.
//
// options may be nil, are copied and never changed. An *http.Client in
// options.Transport keeps its Transport, Timeout, CheckRedirect and Jar; any other
// Transporter is called as it is and must not follow redirects to other hosts by
// itself. Cloud may be missing or lack a container registry service: the credential has
// its own authority.
//
// Errors: [acrkit.CodeUsage] for a malformed registry, [acrkit.CodeHostRefused]
// for a host that no credential may be sent to.
func NewContainerRegistryClient(registry string, cred auth.Credential,
	options *azcontainerregistry.ClientOptions) (*azcontainerregistry.Client, error) {
	var o azcontainerregistry.ClientOptions
	if options != nil {
		o = *options
	}
	rt, err := newTransport(registry, cred, &o.ClientOptions)
	if err != nil {
		return nil, err
	}
	prepare(&o.ClientOptions, rt)
	return azcontainerregistry.NewClient(endpoint(rt), nil, &o)
}

// NewContainerRegistryBlobClient is [NewContainerRegistryClient] for blobs and
// uploads.
func NewContainerRegistryBlobClient(registry string, cred auth.Credential,
	options *azcontainerregistry.BlobClientOptions) (*azcontainerregistry.BlobClient, error) {
	var o azcontainerregistry.BlobClientOptions
	if options != nil {
		o = *options
	}
	rt, err := newTransport(registry, cred, &o.ClientOptions)
	if err != nil {
		return nil, err
	}
	prepare(&o.ClientOptions, rt)
	return azcontainerregistry.NewBlobClient(endpoint(rt), nil, &o)
}

// ClientOptions returns options for azcontainerregistry's own constructors that
// send every request through t, so that several clients share its tokens:
//
//	o := azcontainerregistry.ClientOptions{ClientOptions: azureauth.ClientOptions(t, nil)}
//	client, err := azcontainerregistry.NewClient("https://"+t.Registry().Host(), nil, &o)
//
// The credential argument of those constructors must be nil and the endpoint must
// be t's registry. base may be nil, is copied and never changed; of an
// *http.Client in its Transport only Timeout, CheckRedirect and Jar are used, any
// other Transporter there is not: t has its own base.
func ClientOptions(t *auth.Transport, base *azcore.ClientOptions) azcore.ClientOptions {
	var o azcore.ClientOptions
	if base != nil {
		o = *base
	}
	prepare(&o, t)
	return o
}

func endpoint(t *auth.Transport) string { return "https://" + t.Registry().Host() }

// newTransport puts our transport above the transport of the caller's options. Of an
// http.Client only its Transport is used: the client itself follows redirects, and below
// our transport it would send the Authorization header along.
func newTransport(registry string, cred auth.Credential, o *azcore.ClientOptions) (*auth.Transport, error) {
	var base http.RoundTripper
	switch t := o.Transport.(type) {
	case nil:
	case *http.Client:
		if t != nil {
			base = t.Transport
		}
	default:
		base = transporter{t}
	}
	return auth.NewTransport(registry, cred, &auth.Options{Base: base})
}

// prepare changes o, which is a copy of the caller's, so that every request goes
// through rt.
func prepare(o *azcore.ClientOptions, rt *auth.Transport) {
	client := http.Client{}
	if hc, ok := o.Transport.(*http.Client); ok && hc != nil {
		client = *hc
	}
	client.Transport = &bridge{rt, retryLimitsOf(o.Retry)}
	o.Transport = &client

	// The first sees an answer after all policies of the caller; the last changes a request
	// after them.
	o.PerCallPolicies = slices.Concat([]policy.Policy{refusals{}}, o.PerCallPolicies, []policy.Policy{placeholder{}})

	// The client refuses a cloud without an entry for the registry service, though
	// without a credential of its own it never uses it.
	if s, ok := o.Cloud.Services[azcontainerregistry.ServiceName]; !ok || s.Audience == "" {
		o.Cloud.Services = maps.Clone(o.Cloud.Services)
		if o.Cloud.Services == nil {
			o.Cloud.Services = map[cloud.ServiceName]cloud.ServiceConfiguration{}
		}
		o.Cloud.Services[azcontainerregistry.ServiceName] = cloud.ServiceConfiguration{Audience: audience}
	}
}

// audience is what Microsoft's client asks Entra for, in every cloud.
const audience = "https://containerregistry.azure.net"

// placeholderValue is the Authorization header between the client's policies and our
// transport. It is not a credential.
const placeholderValue = "Bearer placeholder"

// placeholder keeps the client's own authentication policy from acting. That policy first
// sends each request without an Authorization header and with an empty body, to get a
// challenge; if a transport answers the challenge, the registry stores the empty body.
type placeholder struct{}

func (placeholder) Do(req *policy.Request) (*http.Response, error) {
	req.Raw().Header.Set("Authorization", placeholderValue)
	return req.WithContext(context.WithValue(req.Raw().Context(), triesKey{}, new(atomic.Int64))).Next()
}

// bridge connects the client's http.Client to the authenticating transport.
type bridge struct {
	base    *auth.Transport
	retries retryLimits
}

// RoundTrip removes the placeholder, for every host, and turns a final 401 into a 403
// with the same header and body. The client would answer a 401 by trying again with an
// anonymous token, and its error would hide what was refused.
func (b *bridge) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.WithContext(req.Context())
	if req.Header.Get("Authorization") == placeholderValue {
		out.Header = req.Header.Clone()
		out.Header.Del("Authorization")
	}
	body := share(out)
	resp, err := b.base.RoundTrip(out)
	if body != nil && (err != nil || resp.StatusCode >= http.StatusBadRequest) {
		body.settle(req.Context(), resp)
	}
	if err != nil {
		return nil, b.retries.wait(req.Context(), err)
	}
	// Errors of the client hold the response, and with it this request: it must
	// not be the one with the token in its header.
	resp.Request = req.WithContext(context.WithValue(req.Context(), originKey{}, origin{b.base, resp.StatusCode}))
	if err := checkLink(resp); err != nil {
		resp.Body.Close()
		return nil, final(err)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		resp.StatusCode = http.StatusForbidden
		resp.Status = "403 Forbidden"
	}
	return resp, nil
}

// checkLink refuses a Link header that the client's pagers cannot read: v0.2.3
// slices it without looking and panics.
func checkLink(resp *http.Response) error {
	link := resp.Header.Get("Link")
	if link == "" || link[0] == '<' && slices.Contains([]byte(link), '>') {
		return nil
	}
	e := &acrkit.Error{Code: acrkit.CodeProtocol, Op: "read the answer", Reason: "its Link header is malformed",
		Status: resp.StatusCode, RequestID: wire.RequestID(resp.Header)}
	if r := resp.Request; r != nil {
		e.Method = r.Method
		e.Op = "read the answer to " + r.Method + " " + r.URL.EscapedPath()
		if reg, err := acrkit.ParseRegistry(r.URL.Host); err == nil {
			e.Registry = reg
		}
	}
	return e
}

// final marks an error as final unless another try may succeed: azcore tries a request
// four times after any error of a transport.
func final(err error) error {
	switch acrkit.CodeOf(err) {
	case "", acrkit.CodeUnavailable, acrkit.CodeThrottled, acrkit.CodeIncomplete:
		return err
	}
	return nonRetriable{err}
}

// nonRetriable stops azcore's retry policy.
type nonRetriable struct{ error }

func (nonRetriable) NonRetriable()   {}
func (e nonRetriable) Unwrap() error { return e.error }

// transporter makes a RoundTripper of the one method azcore asks of a transport.
type transporter struct{ policy.Transporter }

func (t transporter) RoundTrip(req *http.Request) (*http.Response, error) { return t.Do(req) }
