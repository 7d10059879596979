package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/internal/identity"
	"github.com/acrkit/acrkit/emulator/internal/portmux"
)

// Limits of the listener. Uploads may take as long as they need; what comes
// before a request's body may not.
const (
	headerTime = 10 * time.Second // handshake, and each request's headers
	idleTime   = 2 * time.Minute
	stopTime   = 10 * time.Second // for requests under way when the context ends
	// maxHeader has room for an access token with the longest scope.
	maxHeader = 256 << 10
	// maxUnread is how much of a body that no answer needed is still read. The
	// Azure SDK of Python sends each 4 MiB chunk of an upload without a token
	// first; it wants the challenge, and a connection that is closed under its
	// body brings an end of file instead.
	maxUnread = 16 << 20
)

// ServeHTTP answers as Entra, ARM, token service or registry, by path. Which
// registry is meant is said by the request's Host.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.dated || e.clock.moved() {
		w.Header()["Date"] = []string{e.now().UTC().Format(http.TimeFormat)}
	}
	control := strings.HasPrefix(r.URL.Path, controlPrefix)
	if control {
		e.serve(w, r, true) //nolint:contextcheck // the request carries it
		return
	}
	finished := false
	if e.observe != nil {
		o := &observed{ResponseWriter: w, tell: func(status int) { e.observe(r, status) }}
		defer func() {
			switch {
			case o.told:
			case finished:
				o.tell(http.StatusOK)
			default: // the connection was ended
				o.tell(0)
			}
		}()
		w = o
	}
	defer func() {
		// Who asks before sending a body has not sent it.
		if finished && r.Body != nil && r.Header.Get("Expect") == "" {
			_, _ = io.CopyN(io.Discard, r.Body, maxUnread) // a client that has gone needs no answer
		}
	}()
	if !e.enter(r.Context()) {
		panic(http.ErrAbortHandler) // the client has gone
	}
	defer e.leave()
	e.serve(w, r, false) //nolint:contextcheck // the request carries it
	finished = true
}

func (e *Emulator) serve(w http.ResponseWriter, r *http.Request, control bool) {
	if e.isBlobHost(r.Host) && !e.closed.Load() { // a storage account, with headers of its own
		e.serveStorage(w, r)
		return
	}
	r = requestID(w, r)
	if e.closed.Load() {
		http.Error(w, "the emulator is closed", http.StatusServiceUnavailable)
		return
	}
	reg, ok := e.resolve(r.Host)
	if !ok {
		// ACR has no such answer: a name that is no registry's does not resolve.
		http.Error(w, fmt.Sprintf("the emulator serves no registry as %q: it answers to localhost, REGISTRY.azurecr.localhost, loopback addresses, and the names given with --hostname", clipHost(r.Host)), http.StatusNotFound)
		return
	}
	if control {
		e.control(w, r)
		return
	}
	if e.faults.on.Load() || reg.Network != nil || e.limits.on.Load() {
		next, finish, done := e.rehearse(w, r, reg)
		if done {
			return
		}
		defer finish()
		w = next
	}
	switch path := r.URL.Path; {
	case path == "/v2" || strings.HasPrefix(path, "/v2/") || strings.HasPrefix(path, "/acr/v1/"):
		e.data.Serve(w, r, e.place(r, reg))
	case e.tokens.Serve(w, r, reg):
	case e.arm.Serve(w, r):
	case e.entra.Serve(w, r):
	default:
		answer.NotFound(w)
	}
}

func (e *Emulator) place(r *http.Request, reg *identity.Registry) dataplane.Registry {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return dataplane.Registry{ID: reg.ID, Name: reg.Name, RID: reg.RID, LoginServer: strings.ToLower(r.Host), Scheme: scheme}
}

func clipHost(h string) string { return h[:min(len(h), 260)] }

// Serve answers HTTP and TLS on a listener until ctx ends, then lets requests
// under way finish for up to ten seconds and returns nil. It closes the
// listener. It may be called for several listeners.
//
// Errors: whatever ended the listener before ctx did.
func (e *Emulator) Serve(ctx context.Context, l net.Listener) error {
	mux := portmux.New(l, e.ca.TLSConfig(e.certifies))
	srv := &http.Server{
		Handler:           e,
		ReadHeaderTimeout: headerTime, // bounds the TLS handshake as well
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		BaseContext: func(net.Listener) context.Context {
			// Requests may go on for a while after ctx has ended; those that only
			// wait are told of the end.
			return context.WithValue(context.WithoutCancel(ctx), servingKey{}, ctx.Done())
		},
		// Clients that do not trust the certificate, mostly.
		ErrorLog: slog.NewLogLogger(e.logger.Handler(), slog.LevelDebug),
	}
	collectCtx, stopCollecting := context.WithCancel(ctx)
	var collector sync.WaitGroup
	collector.Go(func() { e.collecting(collectCtx) })
	defer collector.Wait()
	defer stopCollecting()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(mux) }()
	select {
	case err := <-done:
		return errors.Join(&acrkit.Error{Code: acrkit.CodeUnavailable, Op: "listen on " + l.Addr().String(), Causes: []error{err}}, srv.Close())
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := srv.Shutdown(stop)
	if err != nil {
		err = srv.Close() // the rest is cut off, as was said
	}
	<-done
	return err
}
