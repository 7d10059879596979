// Package cli is the acrkit command: it wires streams, environment and commands
// and turns an error into a message and an exit code.
package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/root"
	"github.com/acrkit/acrkit/internal/sentence"
)

// Main runs the command with the arguments after the program's name and returns
// its exit code.
func Main(args []string) int {
	ctx, stop := notifyContext(context.Background())
	defer stop()
	return Run(ctx, &cmdutil.Factory{
		IO:        iostreams.System(os.LookupEnv),
		LookupEnv: os.LookupEnv,
		Now:       time.Now,
	}, args)
}

// Run runs the command within ctx.
func Run(ctx context.Context, f *cmdutil.Factory, args []string) int {
	cmd := root.NewCmdRoot(f)
	cmd.SetArgs(args)
	if cmdutil.IsCompletion(args) {
		cmdutil.PrepareCompletion(cmd, args)
	}
	ran, err := f.RunLimited(func() (*cobra.Command, error) { return cmd.ExecuteContextC(ctx) })
	if ran == nil { // it did not end in time
		ran = cmd
	}
	f.IO.EndAwait()
	if err == nil {
		// Help has no way to return an error.
		err = f.IO.OutError()
	}
	if err != nil && !cmdutil.HasOwnCode(err) && errors.Is(context.Cause(ctx), cmdutil.ErrInterrupted) {
		// Every error after an interrupt has one explanation.
		err = cmdutil.ErrInterrupted
	}
	if _, ours := errors.AsType[*acrkit.Error](err); !ours && cmdutil.IsDiskFull(err) {
		err = &acrkit.Error{Op: "write the output", Reason: "the disk is full", Errs: []error{err},
			Hint: sentence.Fix(sentence.ShowRoom, nil)}
	}
	cmdutil.PrintError(f.IO, ran.CommandPath(), err)
	return cmdutil.ExitCode(err)
}

// notifyContext is signal.NotifyContext with a cause of its own. A second signal
// ends the process at once, because the first one removes the handler.
func notifyContext(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		select {
		case <-ch:
			signal.Stop(ch)
			cancel(cmdutil.ErrInterrupted)
		case <-done:
		}
	}()
	return ctx, func() {
		signal.Stop(ch)
		close(done)
		cancel(nil)
	}
}
