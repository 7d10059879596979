// Package login holds the "acrkit login" command.
package login

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/login/dockerconf"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/visible"
	"github.com/acrkit/acrkit/internal/wire"
)

// Options are what the command needs.
type Options struct {
	IO        *iostreams.IOStreams
	Connect   func(cmdutil.Identity) (*cmdutil.Connection, error)
	Store     func() (*store.Store, error)
	Secret    func(ctx context.Context, what string) (string, error) // asks a person, without an echo
	LookupEnv func(string) (string, bool)
	Now       func() time.Time
	CanPrompt bool // there is a user to ask

	Registry   acrkit.Registry
	Repository string // "", "team/app" or "team/*"
	Kind       auth.Kind
	User       string
	Tenant     string
	Stdin      bool
	File       string
	NoVerify   bool
	Docker     Docker
}

// NewCmdLogin returns the command. A runF other than nil runs instead of it.
func NewCmdLogin(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO, Connect: f.ConnectAs, Store: f.Store, LookupEnv: f.LookupEnv, Now: f.Now,
		Docker: Docker{IO: f.IO, LookupEnv: f.LookupEnv}}
	opts.Secret = func(ctx context.Context, what string) (string, error) { return readSecret(ctx, f.IO, what) }
	var fl flags
	var repository string
	cmd := &cobra.Command{
		Use:   "login [<registry>]",
		Short: "Store a credential for a registry, or for a part of it",
		Long: "Store a credential in the system's keychain or, where there is none, in a file that\n" +
			"you alone can read. It is tried first: one that the registry does not accept is not\n" +
			"stored.\n\n" +
			"The secret is asked for at a terminal, without an echo, or read from standard input\n" +
			"or a file; it is never an argument, which others could see in the list of processes.\n\n" +
			"With --repository, several credentials are kept for one registry. Each is for the\n" +
			"repository of that name and for all below it: team or team/* for team, team/app and\n" +
			"team/app/x. If several match a repository, the longest name is used. Variables in\n" +
			"the environment have priority over stored credentials (\"acrkit help environment\").\n\n" +
			"With --docker, Docker and the clients that read its configuration get the credential,\n" +
			"too: the helper docker-credential-acrkit is added for this registry to credHelpers of\n" +
			"config.json (in DOCKER_CONFIG, or ~/.docker). The change is shown, and made after you\n" +
			"agree, or with --yes; nothing else in the file changes.",
		Example: "# A scope-mapped token; its password is asked for\n$ acrkit login myregistry --token-name " +
			"ci-pull\n\n" +
			"# Another one for what is below team/, its password from a pipe\n" +
			"$ pass acr/team | acrkit login myregistry --token-name team-push --repository 'team/*' " +
			"--password-stdin\n\n" +
			"# For Docker too\n$ acrkit login myregistry --token-name ci-pull --docker\n\n" +
			"# A service principal\n$ acrkit login myregistry --service-principal --tenant TENANT_ID --client-id " +
			"CLIENT_ID --password-file secret.txt\n\n" +
			"# What \"az acr login --expose-token\" prints; good for three hours\n" +
			"$ az acr login --name myregistry --expose-token --query accessToken --output tsv | acrkit login " +
			"myregistry --refresh-token --password-stdin",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Global.NoCache = true // the credential is tried, not a token that it once gave
			arg := ""
			if len(args) == 1 {
				arg = args[0]
			}
			var err error
			if opts.Registry, opts.Repository, err = Repository(f, repository, arg); err != nil {
				return err
			}
			if err := fl.apply(opts); err != nil {
				return err
			}
			opts.CanPrompt = f.CanPrompt()
			if err := opts.Docker.Check(opts.Repository, opts.CanPrompt); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&fl.tokenName, "token-name", "", "the `name` of a scope-mapped token")
	fs.StringVarP(&fl.username, "username", "u", "",
		"another word for --token-name, as in docker login; with --admin, the admin user's `name` if it is not the "+
			"registry's")
	fs.BoolVar(&fl.principal, "service-principal", false,
		"a service principal, with --tenant and --client-id; the secret is a client secret")
	fs.StringVar(&opts.Tenant, "tenant", "", "the service principal's tenant, an `id` or a domain")
	fs.StringVar(&fl.clientID, "client-id", "", "the service principal's application `id`")
	fs.BoolVar(&fl.refresh, "refresh-token", false, "the secret is an ACR refresh token")
	fs.BoolVar(&fl.entra, "entra-token", false, "the secret is an Entra access token")
	fs.BoolVar(&fl.admin, "admin", false, "the registry's admin user")
	fs.StringVarP(&repository, "repository", "r", "",
		"keep it for this repository `name` and all below it only; team/* and team say the same")
	fs.BoolVar(&opts.Stdin, "password-stdin", false, "read the secret from standard input")
	fs.StringVar(&opts.File, "password-file", "", "read the secret from this `file`")
	fs.BoolVar(&opts.NoVerify, "no-verify", false, "store it without trying it first")
	fs.BoolVar(&opts.Docker.Wanted, "docker", false,
		"name docker-credential-acrkit for this registry in Docker's config.json")
	fs.BoolVarP(&opts.Docker.Yes, "yes", "y", false, "change Docker's config.json without asking")
	return cmd
}

func run(ctx context.Context, opts *Options) error {
	if opts.Kind == auth.KindScopedToken && opts.User == "" {
		if !opts.CanPrompt {
			return cmdutil.Usage(
				"no credential is named; name a scope-mapped token with --token-name, or give another kind")
		}
		var err error
		if opts.User, err = askName(ctx, opts.IO); err != nil {
			return err
		}
	}
	l := store.Login{Registry: opts.Registry.Host(), Repository: opts.Repository, Kind: string(opts.Kind),
		User: opts.User, Tenant: opts.Tenant}
	if opts.Kind == auth.KindServicePrincipal {
		l.Authority, _ = opts.LookupEnv("AZURE_AUTHORITY_HOST")
	}
	cred, err := find.CredentialOf(l)
	if err != nil {
		return err
	}
	// A host that no credential may go to, or a store that cannot be used, is said
	// before a secret is asked for.
	if err := opts.checkHost(); err != nil {
		return err
	}
	s, err := opts.Store()
	if err != nil {
		return err
	}
	before, err := s.List(ctx)
	if err != nil {
		return err
	}
	var docker dockerconf.Change
	changes := false
	if opts.Docker.Wanted {
		if docker, changes, err = opts.Docker.Name(opts.Registry); err != nil {
			return err
		}
	}
	secret, err := opts.secret(ctx, cred)
	if err != nil {
		return err
	}
	l.Secret = redact.NewSecret(secret)
	if err := opts.recognize(&l); err != nil {
		return err
	}
	if cred, err = find.CredentialOf(l); err != nil {
		return err
	}
	// This checks the secret's shape, also where it is not tried.
	c, err := opts.Connect(cmdutil.IdentityOf(opts.Registry, cred))
	if err != nil {
		return err
	}
	defer c.Close()
	c.Repository = l.Prefix()
	if !opts.NoVerify {
		if err := opts.verify(ctx, c); err != nil {
			return err
		}
	}
	done := opts.IO.Await("waiting for the keychain")
	stored, err := s.Put(ctx, l)
	done()
	if err != nil {
		return err
	}
	opts.report(c, l, stored, before)
	if changes {
		if done, err := opts.Docker.Apply(ctx, docker); err != nil || !done {
			return err
		}
	}
	if opts.Docker.Wanted {
		opts.Docker.Warn(opts.Registry, docker)
	}
	return nil
}

// report prints what was stored where, how long it is valid, and what to do next.
func (opts *Options) report(c *cmdutil.Connection, l, stored store.Login, before []store.Login) {
	say := func(format string, a ...any) { cmdutil.Say(opts.IO.ErrOut, format, a...) }
	verb := "Logged in to"
	if opts.NoVerify {
		verb = "Stored without a test for"
	}
	what := ""
	if l.Repository != "" {
		what = fmt.Sprintf(", for %q and all below it", l.Prefix())
	}
	say("%s %s as %s%s.", verb, l.Registry, c.Credential, what)
	if stored.Place == store.PlaceKeychain {
		say("The secret is in the keychain.")
	} else {
		say("The secret is in %s, which you alone can read, and not in the keychain: %s.", stored.Place,
			visible.Line(stored.Why))
	}
	for _, old := range before {
		if old.Registry == stored.Registry && old.Repository == stored.Repository {
			who := old.Kind
			if cred, err := find.CredentialOf(old); err == nil {
				who = cred.String()
			}
			say("It replaces the login as %s of %s.", who, old.Saved.Format(time.DateOnly))
		}
	}
	switch kind := auth.Kind(l.Kind); kind {
	case auth.KindRefreshToken, auth.KindEntraToken:
		name, end := "An ACR refresh token", "three hours after it was made"
		if kind == auth.KindEntraToken {
			name, end = "An Entra access token", "about an hour after it was made"
		}
		if claims, err := wire.ReadClaims(l.Secret.Reveal()); err == nil && !claims.Expires.IsZero() {
			end = fmt.Sprintf("at %s (in %s)", claims.Expires.UTC().Format(time.RFC3339),
				claims.Expires.Sub(opts.Now()).Round(time.Minute))
		}
		say("%s cannot be renewed: this one ends %s.", name, end)
	default:
		say("It lasts until its password or secret expires or is replaced.")
	}
	if env, err := auth.FromEnvironment(opts.LookupEnv); err == nil &&
		env.Registry.LoginServer() == opts.Registry.LoginServer() {
		say("For now the environment wins over it: %s set for %s.", env.Source, env.Registry)
	}
	next := "acrkit whoami " + l.Registry
	if l.Repository != "" {
		next += " --repository " + l.Prefix()
		if l.Prefix() != l.Repository {
			next += "/NAME"
		}
	}
	say("\n%s", next)
}
