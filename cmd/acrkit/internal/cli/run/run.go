// Package run holds the "acrkit run" command.
package run

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/child"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// Options are what the command needs.
type Options struct {
	IO        *iostreams.IOStreams
	Connect   func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Limit     func(context.Context) (context.Context, func()) // --timeout, for the start
	LookupEnv func(string) (string, bool)
	Environ   func() []string // of the command, before the variables are set

	Registry   acrkit.Registry
	Repository string
	Command    []string
	KeepEnv    bool
}

// NewCmdRun returns the command. A runF other than nil runs instead of it.
func NewCmdRun(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO, Connect: f.Connect, Limit: f.Limit, LookupEnv: f.LookupEnv, Environ: os.Environ}
	repository := ""
	cmd := &cobra.Command{
		Use:   "run [--repository <repository>] -- <command> [<argument>...]",
		Short: "Run a command with the credential for a repository",
		Long: "Run a command with the credential for one repository, which it finds among its Docker\n" +
			"logins. Docker and similar clients keep one credential for each host; with\n" +
			"run, one command uses one scope-mapped token and the next command another.\n\n" +
			"The command gets a folder of its own as DOCKER_CONFIG, and files in it as\n" +
			"REGISTRY_AUTH_FILE (podman, buildah, skopeo) and HELM_REGISTRY_CONFIG, which only\n" +
			"this user can read. They hold a token's name and password, or, for any other\n" +
			"credential, an ACR refresh token, which is renewed while the command runs. The logins\n" +
			"for other hosts, and the rest of Docker's own configuration, are carried over. The\n" +
			"folder is removed when the command ends; the folder of a killed acrkit is removed by\n" +
			"the next run.\n\n" +
			"The secret is in no argument and no variable of the command: the variables of acrkit's\n" +
			"own credential (ACR_TOKEN_*, ACR_REFRESH_TOKEN, the AZURE_* of a sign-in) are not\n" +
			"passed on, unless --keep-env is given.\n\n" +
			"The credential is tried first: if the registry refuses it, the command is not started.\n" +
			"--timeout applies only until the command starts. Signals are passed on. The exit code\n" +
			"is the command's: 127 if it is not found, 126 if it cannot be run, 128 and the\n" +
			"signal's number if a signal ended it.",
		Example: "$ acrkit run --repository team/app -- docker push myregistry.azurecr.io/team/app:v1\n\n" +
			"# Copy with what was stored for the repository: acrkit login --repository 'team/*'\n" +
			"$ acrkit run --repository myregistry.azurecr.io/team/app -- crane ls myregistry.azurecr.io/team/app",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmdutil.Usage("no command is given; it follows --")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Global.NoCache = true // the credential is tried, not a cached token
			var err error
			if opts.Registry, opts.Repository, err = f.RepositoryFlag(repository, ""); err != nil {
				return err
			}
			opts.Command = args
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	// The command's own flags are not parsed here, with or without --.
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().BoolVar(&opts.KeepEnv, "keep-env", false, child.KeepEnvUsage)
	//rule:timeout-new-cmd-run
	cmdutil.TimeoutOfStart(cmd)
	cmd.Flags().StringVarP(&repository, "repository", "r", "",
		"use the credential for this repository `name`; without it, that for the registry")
	cmdutil.CompleteRepositoryFlag(cmd, f, "repository")
	return cmd
}

func run(ctx context.Context, opts *Options) error {
	path, err := child.LookUp(opts.Command[0])
	if err != nil {
		return err
	}
	signals := child.CatchSignals()
	defer signals.Stop()

	start, started := opts.Limit(ctx)
	defer started()
	c, err := opts.Connect(start, opts.Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	c.Repository = opts.Repository
	scope := acrkit.CatalogScope()
	if opts.Repository != "" {
		scope = acrkit.RepositoryScope(opts.Repository, acrkit.Actions()...)
	}
	token, err := c.Transport.Token(start, scope)
	if err != nil {
		return cmdutil.Explain(start, c, err)
	}
	login, err := c.Transport.Login(start, scope)
	if err != nil {
		return cmdutil.Explain(start, c, err)
	}
	if opts.Repository != "" && token.Granted != nil && !grantsAny(token, opts.Repository) {
		cmdutil.Say(opts.IO.ErrOut, "acrkit: the %s has no right on %q", c.Effective(scope).Credential, opts.Repository)
	}

	base, err := child.ReadUserConfig(opts.LookupEnv, opts.Registry)
	if err != nil {
		return err
	}
	dir, err := child.NewFolder(opts.LookupEnv)
	if err != nil {
		return err
	}
	defer dir.Remove()
	if err := dir.Write(base, opts.Registry, login); err != nil {
		return err
	}
	if err := dir.Link(base); err != nil {
		return err
	}

	//nolint:gosec,noctx // the user's own command; signals end it, not a context
	cmd := exec.Command(path, opts.Command[1:]...)
	cmd.Args[0] = opts.Command[0]
	cmd.Env = dir.Environment(opts.Environ(), opts.KeepEnv)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	opts.IO.EndAwait()
	//rule:timeout-run
	started()

	stopRenewal := keepFresh(ctx, renewalPeriod, login, func(ctx context.Context) (auth.Login, error) {
		return c.Transport.Login(ctx, scope)
	},
		func(l auth.Login) error { return dir.Write(base, opts.Registry, l) })
	status, err := signals.Run(cmd)
	stopRenewal()
	if rmErr := dir.Remove(); rmErr != nil && err == nil {
		err = rmErr
	}
	switch {
	case err != nil:
		return err
	case status != 0:
		return cmdutil.Exit(status)
	}
	return nil
}

func grantsAny(token auth.Token, repository string) bool {
	return slices.ContainsFunc(acrkit.Actions(), func(a acrkit.Action) bool {
		return token.Granted.Contains(acrkit.RepositoryScope(repository, a))
	})
}

// renewalPeriod is how often the credential is checked again. That needs a request only
// if a token expires soon or the password comes from a file.
const renewalPeriod = time.Minute

// keepFresh writes the credential again when it has changed, until stop is called:
// refresh tokens end after three hours, and passwords are rotated. Clients read
// their files each time.
func keepFresh(ctx context.Context, period time.Duration, current auth.Login,
	next func(context.Context) (auth.Login, error), write func(auth.Login) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(period)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			l, err := next(ctx)
			// A failure may pass until the next time; if it does not, the command is
			// refused and says so.
			if err == nil && (l.User != current.User || !l.Password.Equal(current.Password)) && write(l) == nil {
				current = l
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
