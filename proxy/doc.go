// Package proxy is a proxy for one registry, on loopback: to its clients it is a registry
// with ACR's own challenges and tokens, and it sends their requests to the real one with
// your credential.
//
//	upstream, err := auth.NewTransport("myregistry", cred, nil)
//	…
//	handler, err := proxy.New(upstream, &proxy.Options{
//		Hosts:     []string{"localhost:5443"},
//		ClientKey: auth.NewSecret(key), // what clients send as a password
//		ScopeMap:  &limited,            // nil allows what the credential may do
//	})
//	…
//	server := &http.Server{Handler: handler} // on a loopback listener with TLS
//
// It is for clients that cannot use the name and password of a scope-mapped token, such as
// most of Microsoft's SDKs, and for limiting any client to fewer rights than the
// credential has. Each request goes through these steps:
//
//  1. Host and Origin: it must be addressed to the proxy, and not come from a web page.
//     (A request for the token service or for a managed identity's token is answered here.)
//  2. Operation: it must be a known operation, well-formed in every part, or 404.
//  3. Authentication: it must have the client key, or a token that was got with it, or it
//     gets a challenge.
//  4. Authorization: the scope map must allow it, or it gets ACR's own refusal; the
//     registry never sees it.
//  5. It is written again from its parts and sent to the registry; the answer is returned
//     without what is only between registry and proxy.
//
// Bodies are streamed both ways. The tokens are the proxy's own, signed with a key that
// lives as long as the [Handler].
//
// The [Handler] does not listen, makes no certificate, and serves one registry. The
// command "acrkit proxy" does the first two.
package proxy
