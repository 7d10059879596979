package token

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/manage"
)

// listOptions are what "token list" needs.
type listOptions struct {
	IO       *iostreams.IOStreams
	Manage   func(context.Context, acrkit.Registry, *cmdutil.Azure) (*manage.Registry, error)
	Azure    cmdutil.Azure
	Exporter *cmdutil.Exporter

	Registry acrkit.Registry
}

var listFields = []string{"name", "scopeMap", "status", "createdTime", "passwords"}

// tokenJSON is a token as --json shows it. A password's value cannot be read.
type tokenJSON struct {
	Name        string         `json:"name"`
	ScopeMap    string         `json:"scopeMap"`
	Status      string         `json:"status"` // enabled or disabled
	CreatedTime time.Time      `json:"createdTime"`
	Passwords   []passwordJSON `json:"passwords"` // those that exist
}

type passwordJSON struct {
	Name        string     `json:"name"` // password1 or password2
	CreatedTime time.Time  `json:"createdTime"`
	Expires     *time.Time `json:"expires"` // null = never
}

func tokenOf(t manage.Token) tokenJSON {
	out := tokenJSON{Name: t.Name, ScopeMap: t.ScopeMap, Status: statusOf(t), CreatedTime: t.Created,
		Passwords: []passwordJSON{}}
	for _, p := range t.Passwords {
		one := passwordJSON{Name: string(p.Slot), CreatedTime: p.Created}
		if !p.Expires.IsZero() {
			one.Expires = &p.Expires
		}
		out.Passwords = append(out.Passwords, one)
	}
	return out
}

func statusOf(t manage.Token) string {
	if t.Enabled {
		return "enabled"
	}
	return "disabled"
}

// passwordText is a password in a table: "password1 until 2030-01-01T00:00:00Z".
func passwordText(p manage.Password, now time.Time) string {
	switch {
	case p.Expires.IsZero():
		return string(p.Slot) + " without expiry"
	case p.Live(now):
		return string(p.Slot) + " until " + cmdutil.Time(p.Expires)
	}
	return string(p.Slot) + " expired " + cmdutil.Time(p.Expires)
}

// newCmdList returns "token list". A runF other than nil runs instead of it.
func newCmdList(f *cmdutil.Factory, runF func(context.Context, *listOptions) error) *cobra.Command {
	opts := &listOptions{IO: f.IO, Manage: f.Manage}
	cmd := &cobra.Command{
		Use:   "list [<registry>]",
		Short: "List the tokens of a registry",
		Long: "List the scope-mapped tokens of a registry, with their scope maps, and when their\npasswords " +
			"expire; all " +
			"of them or fail.\n\nThis asks Azure Resource Manager, with an Entra identity: a service principal in " +
			"the\n" +
			"environment, or the user signed in to az. docs/permissions.md lists the rights.",
		Example: "$ acrkit token list myregistry\n\n# Those that never expire\n$ acrkit token list --json " +
			"name,passwords --jq '.[] | select(any(.passwords[]; .expires == null)) | .name'",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, err = f.Registry(cmdutil.First(args)); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return listRun(cmd.Context(), opts, f.Now)
		},
	}
	opts.Azure.AddFlags(cmd)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, listFields)
	return cmd
}

func listRun(ctx context.Context, opts *listOptions, now func() time.Time) error {
	r, err := opts.Manage(ctx, opts.Registry, &opts.Azure)
	if err != nil {
		return err
	}
	row := func(t manage.Token) []string {
		var passwords []string
		for _, p := range t.Passwords {
			passwords = append(passwords, passwordText(p, now()))
		}
		return []string{t.Name, t.ScopeMap, statusOf(t), strings.Join(passwords, ", ")}
	}
	_, err = cmdutil.PrintList(ctx, opts.IO, opts.Exporter, r.Tokens(ctx),
		[]string{"TOKEN", "SCOPE MAP", "STATUS", "PASSWORDS"}, row, tokenOf)
	return opts.Azure.Explain(ctx, err)
}
