package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/stall"
)

// healthTime bounds the one request of "emulator health".
const healthTime = 5 * time.Second

// HealthOptions are what "emulator health" needs.
type HealthOptions struct {
	IO   *iostreams.IOStreams
	Addr string
}

// NewCmdHealth returns "emulator health". A runF other than nil runs instead of it.
func NewCmdHealth(f *cmdutil.Factory, runF func(context.Context, *HealthOptions) error) *cobra.Command {
	opts := &HealthOptions{IO: f.IO}
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask whether the emulator on this machine is ready",
		Long: "Ask the emulator on this machine whether it is ready (GET /readyz). For health checks of\n" +
			"a container, whose image has no shell and no curl. If it is not ready, the exit code is 6.\n\n" +
			"The address is that of --addr, or of the variable ACRKIT_ADDR, as for \"emulator start\".",
		Example: "$ acrkit emulator health",
		Args:    cmdutil.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if value := f.Env(envAddr); value != "" && !cmd.Flags().Changed("addr") {
				opts.Addr = value
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return healthRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVar(&opts.Addr, "addr", defaultAddr, "`address` that the emulator listens on")
	return cmd
}

func healthRun(ctx context.Context, opts *HealthOptions) error {
	host, port, err := net.SplitHostPort(opts.Addr)
	if err != nil {
		return cmdutil.Usage("--addr %q is not HOST:PORT", opts.Addr)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	at := net.JoinHostPort(host, port)
	ctx, cancel := context.WithTimeout(ctx, healthTime)
	defer cancel()
	if err := askReady(ctx, target.NewTransport(nil), "http://"+at+"/"); err != nil {
		return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: "ask the emulator at " + at, Errs: []error{err},
			Hint: sentence.Fix(sentence.StartEmulator, nil)}
	}
	_, err = fmt.Fprintln(opts.IO.Out, "ready")
	return err
}

// askReady asks an emulator whether it is ready.
func askReady(ctx context.Context, base *http.Transport, url string) error {
	defer base.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"readyz", nil)
	if err != nil {
		return err
	}
	//rule:control-times-wait-ready
	resp, err := stall.Wrap(base).RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(body) != "ok\n" {
		return errors.New("it is not ready, or not an emulator: " + resp.Status)
	}
	return nil
}
