// Package whoami holds the "acrkit whoami" command.
package whoami

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// Options are what the command needs.
type Options struct {
	IO       *iostreams.IOStreams
	Identity func(context.Context, acrkit.Registry) (cmdutil.Identity, error)
	Connect  func(cmdutil.Identity) (*cmdutil.Connection, error)
	Exporter *cmdutil.Exporter
	Now      func() time.Time

	Registry   acrkit.Registry
	Repository string
}

var fields = []string{
	"registry", "credential", "kind", "source", "credentials", "lookups", "repository", "granted", "missing",
	"tokenExpires", "refreshTokenExpires", "entraTokenExpires", "entraAudience", "error",
}

type lookupJSON struct {
	Source  string `json:"source"`
	Kind    string `json:"kind"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

// partJSON is one of several credentials.
type partJSON struct {
	Repositories string `json:"repositories"` // "team/*"; "" is all others
	Credential   string `json:"credential"`
	Kind         string `json:"kind"`
	Source       string `json:"source"`
	Applies      bool   `json:"applies"` // to what was asked
}

type outputJSON struct {
	Registry       string       `json:"registry"`
	Credential     string       `json:"credential"`
	Kind           string       `json:"kind"`
	Source         string       `json:"source"`
	Credentials    []partJSON   `json:"credentials"` // where there are several
	Lookups        []lookupJSON `json:"lookups"`
	Repository     string       `json:"repository"`
	Granted        []string     `json:"granted"` // null where the token does not say
	Missing        []string     `json:"missing"`
	Expires        *time.Time   `json:"tokenExpires"` // these are null where there is none, or its end is not known
	RefreshExpires *time.Time   `json:"refreshTokenExpires"`
	EntraExpires   *time.Time   `json:"entraTokenExpires"`
	Audience       string       `json:"entraAudience"`
	Error          string       `json:"error"` // a word: credential_rejected; "" for none
}

// NewCmdWhoami returns the command. A runF other than nil runs instead of it.
func NewCmdWhoami(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO, Identity: f.Identity, Connect: f.ConnectAs, Now: f.Now}
	cmd := &cobra.Command{
		Use:   "whoami [<registry>]",
		Short: "Show the credential, where it came from, and what it may do",
		Long: "Show each place where a credential was looked for, which one is used, what it may\n" +
			"do, and when its tokens end. Where logins for some repositories are stored, each is\n" +
			"listed, and --repository says which of them applies.\n\n" +
			"The credential is tried: the registry is asked for a token with the five rights on\n" +
			"the repository (--repository), or with the right to list the catalog. Nothing is\n" +
			"read or changed. After a refusal the places are shown all the same.\n\n" +
			"A place was used, not set, shadowed (something is there, and an earlier place was\n" +
			"used), incomplete (half a set, or malformed), not available (nothing is there), not\n" +
			"tried, refused by the registry, or it failed. A credential helper that was not\n" +
			"needed is not asked.",
		Example: "$ acrkit whoami\n$ acrkit whoami --repository samples/app\n\n" +
			"# Which places hold something\n$ acrkit whoami --json lookups --jq '.lookups[] | select(.outcome != " +
			"\"not set\")'",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Global.NoCache = true // the credential is tried, not a token that it once gave
			arg := ""
			if len(args) == 1 {
				arg = args[0]
			}
			var err error
			if opts.Registry, opts.Repository, err = f.RepositoryFlag(opts.Repository, arg); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVarP(&opts.Repository, "repository", "r", "", "show the rights on this repository `name`")
	cmdutil.CompleteRepositoryFlag(cmd, f, "repository")
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, fields)
	return cmd
}

func run(ctx context.Context, opts *Options) error {
	id, err := opts.Identity(ctx, opts.Registry)
	if err != nil {
		// Nothing can be tried; what was seen is worth showing.
		out := newOutput(opts)
		out.Error = string(acrkit.CodeOf(err))
		out.addLookups(append(id.Lookups, id.Behind(ctx)...))
		return errors.Join(out.print(ctx, opts, id.Note), err)
	}
	c, err := opts.Connect(id)
	if err != nil {
		return err
	}
	defer c.Close()
	c.Repository = opts.Repository
	want := acrkit.CatalogScope()
	if opts.Repository != "" {
		want = acrkit.RepositoryScope(opts.Repository, acrkit.Actions()...)
	}
	out := newOutput(opts)
	all := c.Effectives()
	// With logins for some repositories only, there is nothing to try for the
	// registry as a whole, and that is no failure.
	tried := opts.Repository != "" || !id.OnlyParts()
	var failure error
	if tried {
		token, err := c.Transport.Token(ctx, want)
		if err == nil {
			out.describe(token, opts.Repository)
		} else {
			failure = cmdutil.Explain(ctx, c, err)
			out.Error = string(acrkit.CodeOf(failure))
		}
		who := c.Effective(want)
		out.Credential, out.Kind, out.Source = who.Credential.String(), string(who.Credential.Kind()), who.Source
		out.RefreshExpires, out.EntraExpires = whenJSON(who.RefreshTokenExpires), whenJSON(who.EntraTokenExpires)
		out.addLookups(c.Places(ctx, want, err))
		all = c.Effectives()
		out.addParts(id, all, &who)
	} else {
		out.addLookups(c.Places(ctx, want, nil))
		out.addParts(id, all, nil)
	}
	if err := out.print(ctx, opts, id.Note); err != nil {
		return errors.Join(err, failure)
	}
	if !tried {
		cmdutil.Say(opts.IO.ErrOut,
			"The logins are for some repositories only; --repository NAME tries the one that applies.")
	}
	return failure
}

func newOutput(opts *Options) *outputJSON {
	return &outputJSON{Registry: opts.Registry.Host(), Repository: opts.Repository, Lookups: []lookupJSON{},
		Missing: []string{}, Credentials: []partJSON{}}
}

func (out *outputJSON) addLookups(lookups []auth.Lookup) {
	for _, l := range lookups {
		out.Lookups = append(out.Lookups, lookupJSON{l.Source, string(l.Kind), string(l.Outcome), l.Detail})
	}
}

// addParts lists the credentials where there are several.
func (out *outputJSON) addParts(id cmdutil.Identity, all []cmdutil.Effective, who *cmdutil.Effective) {
	if len(all) < 2 && (len(all) == 0 || all[0].Prefix == "") {
		return
	}
	for _, e := range all {
		part := partJSON{
			Repositories: id.Repositories(e), Credential: e.Credential.String(), Kind: string(e.Credential.Kind()),
			Source:  e.Source,
			Applies: who != nil && who.Prefix == e.Prefix,
		}
		if e.Undecided() && !part.Applies {
			part.Credential = "Docker configuration, not tried"
		}
		out.Credentials = append(out.Credentials, part)
	}
}

func whenJSON(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

func (out *outputJSON) describe(token auth.Token, repository string) {
	out.Expires = whenJSON(token.Expires)
	out.Audience = token.Audience
	if token.Granted == nil {
		return
	}
	out.Granted = []string{}
	sort := func(name string, scope acrkit.Scope) {
		if token.Granted.Contains(scope) {
			out.Granted = append(out.Granted, name)
		} else {
			out.Missing = append(out.Missing, name)
		}
	}
	if repository == "" {
		sort("catalog", acrkit.CatalogScope())
		return
	}
	for _, a := range acrkit.Actions() {
		sort(a.String(), acrkit.RepositoryScope(repository, a))
	}
}
