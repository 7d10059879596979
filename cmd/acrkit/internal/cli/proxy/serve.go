package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"syscall"

	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/idle"
	"github.com/acrkit/acrkit/internal/sentence"
)

// serve answers until the returned function is called, which waits for requests in
// progress. secure adds TLS; nil is none.
func serve(ctx context.Context, l net.Listener, secure func(net.Listener) net.Listener,
	h http.Handler) (stop func() error) {
	//rule:proxy-times-serve
	l = new(idle.Server).Listener(l)
	if secure != nil {
		l = secure(l)
	}
	srv := &http.Server{
		Handler: h,
		//rule:proxy-times-serve-2
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		// clients that do not trust the certificate, mostly
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close() // the rest is cut off
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "serve the proxy", Errs: []error{err}}
		}
		return nil
	}
}

func listen(ctx context.Context, opts *Options) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opts.Addr)
	if err == nil {
		return l, nil
	}
	e := &acrkit.Error{Op: "listen on " + opts.Addr, Errs: []error{err}}
	if inner, ok := errors.AsType[*net.OpError](err); ok {
		e.Errs = []error{inner.Err}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(opts.Addr)
		e.Reason = "the port is in use, perhaps by another proxy"
		e.Hint = sentence.Fix(sentence.ProxyOnFreePort,
			map[string]string{"host": opts.Registry.Host(), "addr": net.JoinHostPort(host, "0")})
	}
	return nil, e
}

// Limits of the listener. Bodies may take as long as they need, as long as they move
// (package idle); what comes before them may not.
const (
	//rule:proxy-times-header-time
	headerTime = 10 * time.Second // handshake, and each request's headers
	//rule:proxy-times-idle-time
	idleTime = 2 * time.Minute
	//rule:proxy-times-stop-time
	stopTime = 10 * time.Second // for requests under way at the end
	// maxHeader has room for the proxy's own tokens with a batch of repositories.
	//rule:proxy-times-max-header
	maxHeader = 256 << 10
)
