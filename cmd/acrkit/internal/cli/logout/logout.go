// Package logout holds the "acrkit logout" command.
package logout

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/login"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/login/tokencache"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// Options are what the command needs.
type Options struct {
	IO    *iostreams.IOStreams
	Store func() (*store.Store, error)
	Cache func() (*tokencache.Cache, error)

	Registry   acrkit.Registry // zero = every one, with All
	Repository string
	All        bool
	Docker     login.Docker
}

// NewCmdLogout returns the command. A runF other than nil runs instead of it.
func NewCmdLogout(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO, Store: f.Store, Cache: f.TokenCache,
		Docker: login.Docker{IO: f.IO, LookupEnv: f.LookupEnv}}
	var repository string
	cmd := &cobra.Command{
		Use:   "logout [<registry>]",
		Short: "Remove a stored credential",
		Long: "Remove what \"acrkit login\" stored: the login for the whole registry, the one for a part\n" +
			"of it (--repository, as it was given to login), or all of them (--all).\n\n" +
			"Without a registry, --all removes the logins for every registry and ignores ACR_NAME.\n" +
			"The credential itself stays valid: revoke it at the registry. Its cached tokens are\n" +
			"removed, too.\n\n" +
			"With --docker, docker-credential-acrkit is also taken out of credHelpers in Docker's\n" +
			"config.json for the registry; the change is shown first.",
		Example: "$ acrkit logout myregistry\n$ acrkit logout myregistry --repository 'team/*'\n$ acrkit logout " +
			"myregistry --all\n\n" +
			"# Every login\n$ acrkit logout --all",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			arg := f.Global.Registry
			if len(args) == 1 {
				arg = args[0]
			}
			var err error
			switch {
			case opts.All && repository != "":
				return cmdutil.Usage("--all and --repository exclude each other")
			case opts.All && arg != "":
				opts.Registry, err = acrkit.ParseRegistry(arg)
			case !opts.All:
				opts.Registry, opts.Repository, err = login.Repository(f, repository, arg)
			}
			if err != nil {
				return err
			}
			if opts.Docker.Wanted && opts.Registry.IsZero() {
				return cmdutil.Usage("--docker needs a registry")
			}
			if err := opts.Docker.Check(opts.Repository, f.CanPrompt()); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVarP(&repository, "repository", "r", "",
		"remove the login for this `name` (team/app, team/*) alone")
	cmd.Flags().BoolVar(&opts.Docker.Wanted, "docker", false,
		"take docker-credential-acrkit out of Docker's config.json for this registry")
	cmd.Flags().BoolVarP(&opts.Docker.Yes, "yes", "y", false, "change Docker's config.json without asking")
	cmd.Flags().BoolVar(&opts.All, "all", false, "remove all logins for the registry, or for every one")
	return cmd
}

func run(ctx context.Context, opts *Options) (err error) {
	defer func() {
		if clearErr := opts.forgetTokens(ctx); err == nil {
			err = clearErr
		}
	}()
	taken := false
	if opts.Docker.Wanted {
		change, needed, err := opts.Docker.Unname(opts.Registry)
		if err != nil {
			return err
		}
		if needed {
			if taken, err = opts.Docker.Apply(ctx, change); err != nil {
				return err
			}
		}
	}
	s, err := opts.Store()
	if err != nil {
		return err
	}
	defer opts.IO.Await("waiting for the keychain")()
	if opts.All {
		removed, err := s.DeleteAll(ctx, opts.Registry.Host())
		for _, l := range removed {
			cmdutil.Say(opts.IO.ErrOut, "Removed the login %s.", describe(l))
		}
		if err == nil && len(removed) == 0 {
			what := ""
			if !opts.Registry.IsZero() {
				what = " for " + opts.Registry.Host()
			}
			cmdutil.Say(opts.IO.ErrOut, "No login is stored%s; nothing was removed.", what)
		}
		return err
	}
	all, err := s.List(ctx)
	if err != nil {
		return err
	}
	err = s.Delete(ctx, opts.Registry.Host(), opts.Repository)
	if acrkit.CodeOf(err) == acrkit.CodeNotFound {
		if taken {
			cmdutil.Say(opts.IO.ErrOut, "No login is stored for %s.", opts.Registry)
			return nil
		}
		return opts.notFound(all)
	}
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.Registry == opts.Registry.LoginServer().Host() && l.Repository == opts.Repository {
			cmdutil.Say(opts.IO.ErrOut, "Removed the login %s.", describe(l))
		}
	}
	return nil
}

// forgetTokens removes the tokens of the registry, or of all registries, from the cache,
// even if no login was stored.
func (opts *Options) forgetTokens(ctx context.Context) error {
	c, err := opts.Cache()
	if err == nil {
		_, err = c.Clear(ctx, opts.Registry.LoginServer().Host())
	}
	return err
}

// shown is how many logins a message names.
const shown = 5

// notFound returns an error that names the logins that exist, those of this registry first.
func (opts *Options) notFound(all []store.Login) error {
	e := &acrkit.Error{Code: acrkit.CodeNotFound, Op: "log out", Registry: opts.Registry,
		Reason: "no login is stored for it",
		Hint:   sentence.Fix(sentence.ShowSource, map[string]string{"host": opts.Registry.Host()})}
	if opts.Repository != "" {
		e.Reason = fmt.Sprintf("no login is stored for %q", opts.Repository)
	}
	var here, elsewhere []store.Login
	for _, l := range all {
		if l.Registry == opts.Registry.LoginServer().Host() {
			here = append(here, l)
		} else {
			elsewhere = append(elsewhere, l)
		}
	}
	there := append(here, elsewhere...)
	if len(there) == 0 {
		return e
	}
	var names []string
	for _, l := range there[:min(shown, len(there))] {
		names = append(names, describe(l))
	}
	if more := len(there) - shown; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	e.Reason += "; there are those " + strings.Join(names, ", ")
	if len(here) > 0 {
		e.Hint = sentence.Fix(sentence.LogOut, map[string]string{"args": here[0].Registry})
		if here[0].Repository != "" {
			e.Hint = sentence.Fix(sentence.LogOutOfPart,
				map[string]string{"host": here[0].Registry, "repository": shell.Quote(here[0].Repository)})
		}
	}
	return e
}

// describe names a login after "the login".
func describe(l store.Login) string {
	what := "for " + l.Registry
	if l.Repository != "" {
		what = fmt.Sprintf("for %q on %s", l.Repository, l.Registry)
	}
	if cred, err := find.CredentialOf(l); err == nil {
		what += " as " + cred.String()
	}
	return what
}
