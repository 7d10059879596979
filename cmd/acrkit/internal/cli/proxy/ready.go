package proxy

import (
	"context"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

var readyFields = []string{"url", "host", "registry", "credential", "caFile", "keyFile"}

type ready struct {
	URL        string `json:"url"`
	Host       string `json:"host"`
	Registry   string `json:"registry"`
	Credential string `json:"credential"`
	CAFile     string `json:"caFile"`  // "" without TLS
	KeyFile    string `json:"keyFile"` // "" without a client key
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
