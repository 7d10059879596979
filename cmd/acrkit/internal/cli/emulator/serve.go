package emulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/internal/sentence"
)

// checkAddr refuses an address that other machines reach, unless an option allows it.
func checkAddr(addr, given string, beyond bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return cmdutil.Usage("--addr %q is not HOST:PORT", addr)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() || beyond {
		return nil
	}
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "listen on " + addr,
		Reason: "other machines may reach it, and the emulator is for this one",
		Hint:   sentence.Fix(sentence.StartBeyond, map[string]string{"args": addr + given})}
}

// listenPorts listens on the ports of registries, at the address of --addr.
func (opts *StartOptions) listenPorts(ctx context.Context) (all []net.Listener, names map[int]string, err error) {
	defer func() {
		if err != nil {
			closeAll(all)
		}
	}()
	names = map[int]string{}
	host, _, _ := net.SplitHostPort(opts.Addr) // it was checked
	for _, value := range opts.RegistryPorts {
		name, text, _ := strings.Cut(value, "=")
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 || name == "" {
			return all, nil, cmdutil.Usage("--registry-port %q is not NAME=PORT", value)
		}
		if other, ok := names[int(port)]; ok {
			return all, nil, cmdutil.Usage("--registry-port gives port %d to %s and to %s", port, other, name)
		}
		l, err := listen(ctx, net.JoinHostPort(host, text), opts.Given)
		if err != nil {
			return all, nil, err
		}
		all, names[int(port)] = append(all, l), name
	}
	return all, names, nil
}

func closeAll(all []net.Listener) {
	for _, l := range all {
		_ = l.Close()
	}
}

// serve runs the emulator until the context ends, which is no error. It calls ready when
// the emulator answers; if there is a command, ready runs it, and the emulator ends with
// it.
func (opts *StartOptions) serve(ctx context.Context, e *emulator.Emulator, listeners []net.Listener, conn connection,
	ready func(context.Context) error) error {
	serveCtx, stop := context.WithCancel(ctx)
	defer stop()
	all, serveCtx := errgroup.WithContext(serveCtx) // the first that fails ends the others
	for _, l := range listeners {
		all.Go(func() error { return e.Serve(serveCtx, l) })
	}
	done := make(chan error, 1)
	go func() { done <- all.Wait() }()
	dial := func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", reachable(listeners[0].Addr()))
	}
	if err := waitReady(serveCtx, conn, e.CAPool(), dial); err != nil {
		stop()
		serveErr := <-done
		if ctx.Err() != nil {
			return nil
		}
		return errors.Join(serveErr, err)
	}
	err := ready(ctx)
	if len(opts.Command) > 0 {
		stop()
		return errors.Join(err, <-done)
	}
	err = errors.Join(err, <-done)
	if err == nil || ctx.Err() != nil {
		cmdutil.Say(opts.IO.ErrOut, "stopped")
	}
	return err
}

// waitReady waits until the emulator answers. It does not ask a registry: there may be none,
// or one whose network rules refuse everything.
func waitReady(ctx context.Context, conn connection, ca *x509.CertPool,
	dial func(context.Context) (net.Conn, error)) error {
	t := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: ca, MinVersion: tls.VersionTLS12},
		DialContext:     func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}
	if err := askReady(ctx, t, conn.url()); err != nil {
		return fmt.Errorf("the emulator does not answer: %w", err)
	}
	return nil
}

// reachable replaces the unspecified address by the loopback address.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("localhost", port)
	}
	return addr.String()
}

// listen listens; given are the other flags, for a hint.
func listen(ctx context.Context, addr, given string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err == nil {
		return l, nil
	}
	e := &acrkit.Error{Op: "listen on " + addr, Errs: []error{err}}
	if inner, ok := errors.AsType[*net.OpError](err); ok {
		e.Errs = []error{inner.Err}
	}
	host, _, _ := net.SplitHostPort(addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		e.Reason = "the port is in use, perhaps by another emulator"
		e.Hint = sentence.Fix(sentence.StartOnFreePort, map[string]string{"args": net.JoinHostPort(host, "0") + given})
	}
	return nil, e
}
