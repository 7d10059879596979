package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/child"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/proxy"
	"github.com/acrkit/acrkit/scopemap"
)

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
		m, err := mapfile.ReadOne(opts.ScopeMap, opts.IO.In)
		if err != nil {
			return err
		}
		narrow = &m
	}
	used, err := newRecord(opts.Record, opts.Registry, opts.Now)
	if err != nil {
		return err
	}
	seen := &traffic{}
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
		IdentityHeader: identityHeader, ScopeMap: narrow, PassRedirects: opts.PassRedirects, Record: used.add,
		Refused: seen.refuse, Now: opts.Now,
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
	r := ready{URL: own.url(), Host: own.host, Registry: c.Registry.Host(),
		Credential: c.Effective(acrkit.CatalogScope()).Credential.String()}
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
	stop := serve(ctx, listener, secure, seen.count(handler))
	defer func() {
		err = errors.Join(err, stop())
		seen.report(opts.IO.ErrOut, narrow != nil || opts.Record != "", program != "")
		switch writeErr := used.write(opts.IO.ErrOut, err != nil); {
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
	//nolint:gosec,noctx // the user's own command; signals end it, not a context
	cmd := exec.Command(program, opts.Command[1:]...)
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
