// Package demo holds the "acrkit demo" command: a registry that refuses, opened
// with a scope-mapped token's name and password, only on this machine.
package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// Options are what the command needs.
type Options struct {
	IO   *iostreams.IOStreams
	Now  func() time.Time
	Keep bool
}

// NewCmdDemo returns the command. A runF other than nil runs instead of it.
func NewCmdDemo(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO, Now: f.Now}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See a scope-mapped token open a registry, and be refused",
		Long: "Start an emulated Azure Container Registry in this process, push images to it,\n" +
			"make a scope map and a token, and use the token's name and password with\n" +
			"Microsoft's own Go client: what the scope map grants works, and all else is\n" +
			"refused as the service refuses it. Each step prints what was asked and answered.\n\n" +
			"Nothing leaves this machine, and nothing is left behind.",
		Example: "# Watch it\n$ acrkit demo\n\n# Leave the registry running to play with\n$ acrkit demo --keep",
		Args:    cmdutil.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.Keep, "keep", false, "leave the registry running until interrupted")
	return cmd
}

// Names in the demonstration's registry.
const (
	repoWeb     = "samples/web"
	repoWorker  = "samples/worker"
	tenantID    = "11111111-1111-1111-1111-111111111111"
	clientID    = "22222222-2222-2222-2222-222222222222"
	pullToken   = "ci-pull"
	browseToken = "browser"
)

func run(ctx context.Context, opts *Options) (err error) {
	now := opts.Now
	if now == nil {
		now = time.Now
	}
	start := now()
	s, err := newStage(ctx, opts.IO)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := s.close(); err == nil {
			err = closeErr
		}
	}()
	p := s.print
	p.line("%s", p.io.Styled(iostreams.Bold, "A registry that grants and refuses like Azure's, on https://"+s.host))
	p.line("It is emulated in this process: no cloud, no account, no network but loopback.")

	for i, step := range s.steps() {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		p.line("")
		head := p.io.Styled(iostreams.Bold, fmt.Sprintf("%d  %s", i+1, step.title))
		if step.with != "" {
			head += "  " + p.io.Styled(iostreams.Muted, "("+step.with+")")
		}
		p.line("%s", head)
		s.trace.take()
		say, err := step.do(ctx)
		p.exchanges(s.trace.take())
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, step.title, err)
		}
		for _, line := range say {
			p.line("   %s", line)
		}
	}
	p.line("")
	p.line("Done in %.1f s. What made Microsoft's client take a token's name and password:", now().Sub(start).Seconds())
	p.line(
		"   client, err := azureauth.NewContainerRegistryClient(\"myregistry.azurecr.io\", auth.ScopedToken(name, " +
			"password), nil)")
	if !opts.Keep {
		p.line("With --keep the registry goes on running, to play with.")
		return p.err
	}
	if err := s.keep(p); err != nil {
		return err
	}
	if p.err != nil {
		return p.err
	}
	<-ctx.Done()
	return nil
}
