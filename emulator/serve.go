package emulator

import (
	"bytes"
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
	"github.com/acrkit/acrkit/emulator/internal/decisions"
	"github.com/acrkit/acrkit/emulator/internal/endpoints"
	"github.com/acrkit/acrkit/emulator/internal/portmux"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/rehearsal"
	"github.com/acrkit/acrkit/emulator/internal/route"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/idle"
)

// Limits of the listener. Uploads and downloads may take as long as they need, as
// long as they move (package idle); what comes before a request's body may not.
const (
	//rule:listener-times-header-time
	headerTime = 10 * time.Second // handshake, and each request's headers
	//rule:listener-times-idle-time
	idleTime = 2 * time.Minute
	//rule:listener-times-stop-time
	stopTime = 10 * time.Second // for requests under way when the context ends
	// maxHeader has room for an access token with the longest scope.
	//rule:listener-times-max-header
	maxHeader = 256 << 10
)

// ServeHTTP answers as Entra, ARM, token service or registry, by path. The
// request's Host names the registry. GET /ca.pem (the certificate of the emulator's
// authority), /healthz and /readyz answer on every host, without a credential.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.dated || e.clock.Moved() {
		w.Header()["Date"] = []string{e.now().UTC().Format(http.TimeFormat)}
	}
	r = route.Clean(r)
	to := e.routeOf(r)
	//rule:standing-still-serve-http
	body := e.idle.Body(w, r)
	defer body.Done()
	finished := false
	defer func() {
		//rule:unread-bodies-serve-http
		if finished {
			body.Drain()
		}
	}()
	control := to.Service == route.Control
	if e.observe != nil && !control {
		o := &observed{ResponseWriter: w, report: func(status int) { e.observe(r, status) }}
		defer func() {
			switch {
			case o.reported:
			case finished:
				o.report(http.StatusOK)
			default: // the connection was ended
				o.report(0)
			}
		}()
		w = o
	}
	//rule:public-paths-serve-http
	if to.Service == route.Public {
		e.servePublic(w, r, to)
		finished = true
		return
	}
	//rule:plain-http-peers-serve-http
	if r.TLS == nil && !fromHere(r) {
		e.refusePlain(w, r)
		finished = true
		return
	}
	if control {
		e.serve(w, r, to) //nolint:contextcheck // the request carries it
		finished = true
		return
	}
	//rule:reset-serve-http
	if !e.readForm(w, r, to) {
		return
	}
	if !e.fails.Gate.Enter(r.Context()) {
		panic(http.ErrAbortHandler) // the client has gone
	}
	defer e.fails.Gate.Leave()
	e.serve(w, r, to) //nolint:contextcheck // the request carries it
	finished = true
}

// refusePlain answers a request that came over plain HTTP from another machine. Each
// is refused, with a credential or without: a challenge would make the client send
// one. No other code decides this, for any part of the emulator.
func (e *Emulator) refusePlain(w http.ResponseWriter, r *http.Request) {
	if reg, ok := e.resolve(r.Host); ok {
		e.noteEnd(r, reg, decisions.Denied, rule.PlainHTTP, "plain HTTP from another machine, "+r.RemoteAddr)
	}
	w.Header().Set("Connection", "close")
	answer.Errors(w, http.StatusForbidden, "DENIED",
		"plain HTTP is accepted from this machine only, because credentials would cross the network in clear: use "+
			"https://"+
			clipHost(r.Host)+" and let the client trust the emulator's certificate authority: http://"+clipHost(r.Host)+
			"/ca.pem, or ca.pem in its data folder")
}

// readForm reads a token request before it counts as under way: its client has
// shown no credential yet, and must not delay a reset. It reports whether the
// request can go on; if not, it was answered.
func (e *Emulator) readForm(w http.ResponseWriter, r *http.Request, to route.Route) bool {
	if r.Body == nil || r.Method != http.MethodPost || !to.Service.ReadsForm() {
		return true
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, rehearsal.MaxForm))
	if errors.Is(err, idle.ErrStalled) {
		w.Header().Set("Connection", "close")
		http.Error(w, fmt.Sprintf("the rest of the request did not come within %v", idle.ReadTime),
			http.StatusRequestTimeout)
		return false
	}
	// Another error comes again.
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(data), r.Body), r.Body}
	return true
}

// routeOf says what a request asks for. No other code looks at the path. A probe may name
// the address that blobs are redirected to.
func (e *Emulator) routeOf(r *http.Request) route.Route {
	to := route.Of(r)
	if to.Service != route.Public && e.isBlobHost(r.Host) {
		return route.Route{Service: route.Storage}
	}
	return to
}

func (e *Emulator) serve(w http.ResponseWriter, r *http.Request, to route.Route) {
	if to.Service == route.Storage && !e.closed.Load() { // a storage account, with headers of its own
		e.serveStorage(w, r)
		return
	}
	r = requestID(w, r)
	if e.closed.Load() {
		http.Error(w, "the emulator is closed", http.StatusServiceUnavailable)
		return
	}
	reg, ok := e.resolve(r.Host)
	if !ok && !to.Service.OfRegistry() && e.isOwn(hostname(r.Host)) {
		e.serveWithout(w, r, to)
		return
	}
	if !ok {
		// ACR has no such answer: the name of no registry does not resolve.
		http.Error(w, fmt.Sprintf(
			"the emulator serves no registry as %q: it answers to localhost, REGISTRY.azurecr.localhost, "+
				"REGISTRY.REGION.geo.azurecr.localhost, loopback addresses, and the names given with --hostname or "+
				"ACRKIT_HOSTNAMES",
			clipHost(r.Host)), http.StatusNotFound)
		return
	}
	if to.Service == route.Control {
		e.control(w, r)
		return
	}
	if e.fails.Concerns(reg) {
		next, finish, done := e.fails.Apply(w, r, to, reg)
		if done {
			return
		}
		defer finish()
		w = next
	}
	switch to.Service {
	case route.Registry, route.ACR:
		e.data.Serve(w, r, to, e.place(r, reg))
	case route.Tokens:
		e.tokens.Serve(w, r, to, reg, loginServer(r.Host))
	default:
		e.serveWithout(w, r, to)
	}
}

// serveWithout serves what needs no registry. While there is none, faults, which belong to
// registries, hit nothing.
func (e *Emulator) serveWithout(w http.ResponseWriter, r *http.Request, to route.Route) {
	switch to.Service {
	case route.Control:
		e.control(w, r)
	case route.ARM:
		e.arm.Serve(w, r, to)
	case route.Graph:
		e.graph.Serve(w, r, to)
	case route.Metadata:
		endpoints.Serve(w, r)
	case route.Entra:
		e.entra.Serve(w, r, to)
	default:
		answer.NotFound(w)
	}
}

func (e *Emulator) place(r *http.Request, reg *principal.RegistrySettings) dataplane.Endpoint {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return dataplane.Endpoint{ID: reg.ID, Name: reg.Name, RID: reg.RID, Host: strings.ToLower(r.Host),
		LoginServer: loginServer(r.Host), Scheme: scheme}
}

func clipHost(h string) string { return h[:min(len(h), 260)] }

// Serve answers HTTP and TLS on a listener until ctx ends, then lets requests
// under way finish for up to ten seconds and returns nil. It closes the
// listener. It may be called for several listeners.
//
// Errors: [acrkit.CodeUsage] for a listener that other machines may reach, unless
// [Options.BeyondLoopback] was given; the listener's error if it ended before ctx.
func (e *Emulator) Serve(ctx context.Context, l net.Listener) error {
	//rule:beyond-loopback-serve
	if addr, ok := l.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() && !e.beyond {
		return errors.Join(&acrkit.Error{Code: acrkit.CodeUsage, Op: "listen on " + addr.String(),
			Reason: "other machines may reach it, and Options.BeyondLoopback is not set"}, l.Close())
	}
	//rule:standing-still-serve
	mux := portmux.New(e.idle.Listener(l), e.ca.TLSConfig(e.certifiesOrSays))
	srv := &http.Server{
		Handler: e,
		//rule:listener-times-serve
		ReadHeaderTimeout: headerTime, // bounds the TLS handshake as well
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		BaseContext: func(net.Listener) context.Context {
			// Requests may go on for a while after ctx has ended; those that only
			// wait end with it.
			return rehearsal.WithListener(context.WithoutCancel(ctx), ctx.Done())
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
		return errors.Join(&acrkit.Error{Code: acrkit.CodeUnavailable, Op: "listen on " + l.Addr().String(),
			Errs: []error{err}}, srv.Close())
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := srv.Shutdown(stop)
	if err != nil {
		err = srv.Close() // the rest is cut off, as documented
	}
	<-done
	return err
}
