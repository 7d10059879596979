// Package whoami holds the "acrkit whoami" command.
package whoami

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/cli/iostreams"
)

// Options are what the command needs.
type Options struct {
	IO       *iostreams.IOStreams
	Connect  func(acrkit.Registry) (*cmdutil.Connection, error)
	Exporter *cmdutil.Exporter
	Now      func() time.Time

	Registry   acrkit.Registry
	Repository string
}

var fields = []string{"registry", "credential", "kind", "source", "lookups", "repository", "granted", "missing", "tokenExpires", "entraAudience"}

type lookupJSON struct {
	Source  string `json:"source"`
	Kind    string `json:"kind"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
}

type outputJSON struct {
	Registry   string       `json:"registry"`
	Credential string       `json:"credential"`
	Kind       string       `json:"kind"`
	Source     string       `json:"source"`
	Lookups    []lookupJSON `json:"lookups"`
	Repository string       `json:"repository"`
	Granted    []string     `json:"granted"` // null where the token does not say
	Missing    []string     `json:"missing"`
	Expires    *time.Time   `json:"tokenExpires"` // null where it is not known
	Audience   string       `json:"entraAudience"`
}

// NewCmdWhoami returns the command. A runF other than nil runs instead of it.
func NewCmdWhoami(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO, Connect: f.Connect, Now: f.Now}
	cmd := &cobra.Command{
		Use:   "whoami [<registry>]",
		Short: "Show the credential, where it came from, and what it may do",
		Long: "Show each place where a credential was looked for, which one is used, and what it\n" +
			"may do.\n\n" +
			"The credential is tried: the registry is asked for a token with the five rights on\n" +
			"the repository (--repository), or with the right to list the catalog. Nothing is\n" +
			"read or changed.",
		Example: "$ acrkit whoami\n$ acrkit whoami --repository samples/app",
		Args:    cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			arg := ""
			if len(args) == 1 {
				arg = args[0]
			}
			name := opts.Repository
			if name != "" {
				fallback := acrkit.Registry{}
				if reg, err := f.Registry(arg); err == nil {
					fallback = reg
				}
				ref, err := acrkit.ParseReference(name, fallback)
				if err != nil {
					return err
				}
				if ref.Target() != "" {
					return cmdutil.Usage("--repository %q names a tag or a digest; give the repository alone", name)
				}
				if !ref.Registry.IsZero() && arg == "" {
					arg = ref.Registry.Host()
				}
				opts.Repository = ref.Name
			}
			reg, err := f.Registry(arg)
			if err != nil {
				return err
			}
			opts.Registry = reg
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringVarP(&opts.Repository, "repository", "r", "", "show the rights on this repository `name`")
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, fields)
	return cmd
}

func run(ctx context.Context, opts *Options) error {
	c, err := opts.Connect(opts.Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	out := outputJSON{
		Registry: opts.Registry.Host(), Credential: c.Credential.String(), Kind: string(c.Credential.Kind()),
		Source: c.Source, Repository: opts.Repository, Lookups: []lookupJSON{}, Missing: []string{},
	}
	for _, l := range c.Lookups {
		out.Lookups = append(out.Lookups, lookupJSON{l.Source, string(l.Kind), string(l.Outcome), l.Detail})
	}
	// What was found is worth showing also where the registry then refuses it.
	if opts.Exporter == nil {
		if err := printIdentity(opts.IO, out, c.Note); err != nil {
			return err
		}
	}
	want := acrkit.CatalogScope()
	if opts.Repository != "" {
		want = acrkit.RepositoryScope(opts.Repository, acrkit.Actions()...)
	}
	token, err := c.Transport.Token(ctx, want)
	if err != nil {
		return cmdutil.Explain(ctx, c, err)
	}
	out.describe(token, opts.Repository)
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, out)
	}
	return printRights(opts.IO, out, opts.Now())
}

func (out *outputJSON) describe(token auth.Token, repository string) {
	if !token.Expires.IsZero() {
		t := token.Expires.UTC().Truncate(time.Second)
		out.Expires = &t
	}
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

func printIdentity(s *iostreams.IOStreams, out outputJSON, note string) error {
	if err := cmdutil.PrintPairs(s, [][2]string{
		{"registry", out.Registry}, {"credential", out.Credential}, {"from", out.Source}, {"note", note},
	}); err != nil {
		return err
	}
	if len(out.Lookups) == 0 {
		return nil
	}
	rows := make([][2]string, 0, len(out.Lookups))
	for _, l := range out.Lookups {
		text := l.Source + ": " + l.Outcome
		if l.Detail != "" {
			text += " (" + l.Detail + ")"
		}
		rows = append(rows, [2]string{"looked at", text})
	}
	return cmdutil.PrintPairs(s, rows)
}

func printRights(s *iostreams.IOStreams, out outputJSON, now time.Time) error {
	var rows [][2]string
	what := "list the catalog"
	if out.Repository != "" {
		what = fmt.Sprintf("on %q", out.Repository)
	}
	switch {
	case out.Granted == nil:
		rows = append(rows, [2]string{"may", "unknown: the token does not say what it grants"})
	case out.Repository == "" && len(out.Granted) > 0:
		rows = append(rows, [2]string{"may", what})
	case out.Repository == "":
		rows = append(rows, [2]string{"may not", what + " (--repository NAME shows the rights on one repository)"})
	default:
		for _, name := range out.Granted {
			rows = append(rows, [2]string{"granted", name + " " + what})
		}
		for _, name := range out.Missing {
			rows = append(rows, [2]string{"not granted", name + " " + what})
		}
	}
	if out.Expires != nil {
		text := out.Expires.Format(time.RFC3339)
		if s.IsStdoutTTY() {
			text += fmt.Sprintf(" (in %s)", out.Expires.Sub(now).Round(time.Minute))
		}
		rows = append(rows, [2]string{"access token ends", text})
	}
	if out.Audience != "" {
		rows = append(rows, [2]string{"Entra audience", out.Audience})
	}
	return cmdutil.PrintPairs(s, rows)
}
