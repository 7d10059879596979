package proxy

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/child"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/idle"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/proxy"
	"github.com/acrkit/acrkit/scopemap"
)

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

// keyBytes is the length of a client key that is made, in random bytes.
const keyBytes = 32

// keyLimit bounds a file with a client key.
var keyLimit = limit.Limit{Name: "a client key", Bytes: 1024}

// minKey is the length of the shortest key that is accepted from a file, in bytes: a
// shorter one can be guessed.
const minKey = 16

var readyFields = []string{"url", "host", "registry", "credential", "caFile", "keyFile"}

type ready struct {
	URL        string `json:"url"`
	Host       string `json:"host"`
	Registry   string `json:"registry"`
	Credential string `json:"credential"`
	CAFile     string `json:"caFile"`  // "" without TLS
	KeyFile    string `json:"keyFile"` // "" without a client key
}

func run(ctx context.Context, opts *Options) (err error) {
	program := ""
	var signals *child.Signals
	if len(opts.Command) > 0 {
		if program, err = child.LookUp(opts.Command[0]); err != nil {
			return err
		}
		signals = child.CatchSignals()
		defer signals.Stop()
	}
	var narrow *scopemap.Map
	if opts.ScopeMap != "" {
		m, err := cmdutil.ReadScopeMap(opts.ScopeMap, opts.IO.In)
		if err != nil {
			return err
		}
		narrow = &m
	}
	used, err := newRecord(opts.Record)
	if err != nil {
		return err
	}
	key, err := opts.clientKey()
	if err != nil {
		return err
	}
	var identityHeader auth.Secret
	if opts.ManagedIdentity {
		identityHeader = randomKey()
	}

	start, started := opts.Limit(ctx)
	defer started()
	c, err := opts.Connect(start, opts.Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	if !opts.NoCheck && !c.OnlyParts() {
		if _, err := c.Transport.Token(start, acrkit.CatalogScope()); err != nil {
			return cmdutil.Explain(start, c, err)
		}
	}

	listener, err := listen(ctx, opts)
	if err != nil {
		return err
	}
	defer listener.Close()
	own := addressOf(listener.Addr(), opts)
	handler, err := proxy.New(c.Transport, &proxy.Options{
		Hosts: own.hosts, Scheme: own.scheme, ClientKey: key, Open: opts.NoClientKey,
		IdentityHeader: identityHeader, ScopeMap: narrow, PassRedirects: opts.PassRedirects, Record: used.add, Now: opts.Now,
		Logger: slog.New(slog.NewTextHandler(opts.IO.ErrOut, &slog.HandlerOptions{Level: opts.level()})),
	})
	if err != nil {
		return err
	}
	defer handler.Close()

	dir, err := child.NewFolder(opts.LookupEnv)
	if err != nil {
		return err
	}
	defer dir.Remove()
	r := ready{URL: own.url(), Host: own.host, Registry: c.Registry.Host(), Credential: c.Effective(acrkit.CatalogScope()).Credential.String()}
	var secure func(net.Listener) net.Listener
	if !opts.HTTP {
		ca, err := opts.authority(own.names)
		if err != nil {
			return err
		}
		r.CAFile = filepath.Join(dir.Path, "ca.pem")
		if err := dir.WriteFile("ca.pem", ca.PEM()); err != nil {
			return err
		}
		secure = func(l net.Listener) net.Listener { return tlsListener(l, ca, own.names) }
	}
	if !opts.NoClientKey {
		r.KeyFile = filepath.Join(dir.Path, "client-key")
		if err := dir.WriteFile("client-key", []byte(key.Reveal()+"\n")); err != nil {
			return err
		}
	}

	//rule:timeout-run-2
	started()
	defer cmdutil.TuneGC()()
	stop := serve(ctx, listener, secure, handler)
	defer func() {
		err = errors.Join(err, stop())
		switch writeErr := used.write(opts.IO.ErrOut); {
		case writeErr == nil:
		case cmdutil.HasOwnCode(err): // the command's code is the answer
			cmdutil.PrintError(opts.IO, "acrkit proxy", writeErr)
		default:
			err = writeErr
		}
	}()
	if program == "" {
		if err := opts.printReady(ctx, r); err != nil {
			return err
		}
		<-ctx.Done()
		cmdutil.Say(opts.IO.ErrOut, "stopped")
		return nil
	}
	env, err := opts.environment(dir, r, key, identityHeader)
	if err != nil {
		return err
	}
	cmd := exec.Command(program, opts.Command[1:]...) //nolint:gosec,noctx // the user's own command; signals end it, not a context
	cmd.Args[0] = opts.Command[0]
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	opts.IO.EndAwait()
	status, err := signals.Run(cmd)
	if err == nil && status != 0 {
		return cmdutil.Exit(status)
	}
	return err
}

func (opts *Options) level() slog.Level {
	if opts.Debug {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// clientKey reads the key, or makes one.
func (opts *Options) clientKey() (auth.Secret, error) {
	if opts.NoClientKey {
		return auth.Secret{}, nil
	}
	if opts.ClientKeyFile == "" {
		return randomKey(), nil
	}
	bad := func(why string, causes ...error) (auth.Secret, error) {
		return auth.Secret{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("read the client key in %q", opts.ClientKeyFile), Reason: why, Errs: causes,
			Hint: sentence.Fix(sentence.MakeClientKey, nil)}
	}
	f, err := os.Open(opts.ClientKeyFile)
	if err != nil {
		return bad("", err)
	}
	defer f.Close()
	data, err := keyLimit.ReadAll(f)
	if err != nil {
		return bad("", err)
	}
	key := strings.TrimRight(string(data), "\r\n")
	switch {
	case len(key) < minKey:
		return bad(fmt.Sprintf("it is shorter than %d characters", minKey))
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return bad("it holds other characters than printable ASCII without blanks")
	}
	return redact.NewSecret(key), nil
}

// randomKey returns keyBytes random bytes, in hexadecimal digits.
func randomKey() auth.Secret {
	random := make([]byte, keyBytes)
	_, _ = rand.Read(random) // never fails: crypto/rand
	return redact.NewSecret(hex.EncodeToString(random))
}

// serve answers until the returned function is called, which waits for requests in
// progress. secure adds TLS; nil is none.
func serve(ctx context.Context, l net.Listener, secure func(net.Listener) net.Listener, h http.Handler) (stop func() error) {
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
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // clients that do not trust the certificate, mostly
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
		e.Hint = sentence.Fix(sentence.ProxyOnFreePort, map[string]string{"host": opts.Registry.Host(), "addr": net.JoinHostPort(host, "0")})
	}
	return nil, e
}

func (opts *Options) printReady(ctx context.Context, r ready) error {
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, r)
	}
	opts.IO.EndAwait()
	say := func(format string, a ...any) { cmdutil.Say(opts.IO.ErrOut, format, a...) }
	say("The proxy is ready; end it with Ctrl-C.\n")
	say("  registry        %s, as the %s", r.Registry, r.Credential)
	say("  here            %s", r.URL)
	if r.CAFile != "" {
		say("  CA certificate  %s", r.CAFile)
	}
	if r.KeyFile == "" {
		say("  client key      none: every program of this machine is allowed")
		return nil
	}
	say("  client key      in %s, for any user name", r.KeyFile)
	say("\nFor example:  docker login %s --username acrkit --password-stdin < %s", r.Host, r.KeyFile)
	return nil
}
