package emulator

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/child"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/login/find"
)

// command is the program that runs beside the emulator.
type command struct {
	program string
	signals *child.Signals
}

// prepareCommand finds the program before anything is started; nil if there is none.
func (opts *StartOptions) prepareCommand() (*command, error) {
	if len(opts.Command) == 0 {
		return nil, nil //nolint:nilnil // there is none
	}
	program, err := child.LookUp(opts.Command[0])
	if err != nil {
		return nil, err
	}
	return &command{program, child.CatchSignals()}, nil
}

func (c *command) stop() {
	if c != nil {
		c.signals.Stop()
	}
}

// run runs the program to its end. An exit code other than 0 is the error.
func (c *command) run(ctx context.Context, opts *StartOptions, conn connection) error {
	env, err := opts.environment(ctx, conn)
	if err != nil {
		return err
	}
	cmd := exec.Command(c.program, opts.Command[1:]...) //nolint:gosec,noctx // the user's own command; signals end it
	cmd.Args[0] = opts.Command[0]
	cmd.Env = env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	status, err := c.signals.Run(cmd)
	if err == nil && status != 0 {
		return cmdutil.Exit(status)
	}
	return err
}

// environment is that of the command: what "emulator env" prints, in place of a credential
// of acrkit and of the secrets of the seed.
func (opts *StartOptions) environment(ctx context.Context, conn connection) ([]string, error) {
	env := &EnvOptions{IO: opts.IO, DataDir: opts.DataDir}
	token, _, err := env.token(ctx, conn)
	if err != nil {
		return nil, err
	}
	all := find.WithoutSecrets(opts.Environ())
	set := variables(conn, token, false)
	out := make([]string, 0, len(all)+len(set))
	for _, v := range all {
		name, _, _ := strings.Cut(v, "=")
		//rule:command-environment-emulator
		if !isSet(set, name) && !slices.Contains(opts.SeedVariables, name) {
			out = append(out, v)
		}
	}
	for _, v := range set {
		out = append(out, v[0]+"="+v[1])
	}
	return out, nil
}

func isSet(set [][2]string, name string) bool {
	for _, v := range set {
		if v[0] == name {
			return true
		}
	}
	return false
}
