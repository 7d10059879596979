package token

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/spool"
	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/manage"
)

// statusOptions are what "token status" needs.
type statusOptions struct {
	IO       *iostreams.IOStreams
	Manage   func(context.Context, acrkit.Registry, *cmdutil.Azure) (*manage.Registry, error)
	Azure    cmdutil.Azure
	Exporter *cmdutil.Exporter
	Now      time.Time

	Registry acrkit.Registry
	Name     string // of the token; "" = all
	Until    time.Time
	Ignore   []string // findings
}

var statusFields = []string{"kind", "name", "scopeMap", "status", "createdTime", "passwords", "slotInUse", "newest",
	"findings"}

// statusJSON is the state of the registry or of a token.
type statusJSON struct {
	Kind        string         `json:"kind"` // registry or token
	Name        string         `json:"name"`
	ScopeMap    string         `json:"scopeMap"`
	Status      string         `json:"status"` // enabled or disabled
	CreatedTime *time.Time     `json:"createdTime"`
	Passwords   []passwordJSON `json:"passwords"` // those that exist
	SlotInUse   string         `json:"slotInUse"` // password1, password2, none, or unknown: two work
	Newest      string         `json:"newest"`    // the password that was made last
	Findings    []finding      `json:"findings"`
}

// newCmdStatus returns "token status". A runF other than nil runs instead of it.
func newCmdStatus(f *cmdutil.Factory, runF func(context.Context, *statusOptions) error) *cobra.Command {
	opts := &statusOptions{IO: f.IO, Manage: f.Manage}
	var all bool
	var within string
	cmd := &cobra.Command{
		Use:   "status {[<registry>/]<token> | --all [<registry>]}",
		Short: "Find passwords that expire, and other faults",
		Long: "Show how old the passwords of a token are, when they expire, and what to fix;\n" +
			"with --all, of each token and of the registry. The exit code is 8 if anything is, for\n" +
			"a job that runs each night.\n\n" +
			"A token: no-expiry, expires-soon, expired (all its passwords), no-password (never used,\n" +
			"or both removed), all-repositories (its scope map is on \"*\"), no-scope-map. One that is\n" +
			"disabled has no findings. The registry: admin-user, anonymous-pull, arm-tokens (Entra\n" +
			"tokens for Azure Resource Manager are accepted). --json names the rule sets that agree.\n\n" +
			"Which password is in use Azure does not say: it is known only if one alone works.",
		Example: "$ acrkit token status myregistry/ci-pull\n\n" +
			"# Each night\n$ acrkit token status --all myregistry --within 30d --ignore arm-tokens\n\n" +
			"# Which have passwords that never expire?\n$ acrkit token status --all --json name,findings " +
			"--jq '.[] | select(any(.findings[]; .name == \"no-expiry\")) | .name'",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.complete(f, cmdutil.First(args), all, within); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return statusRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all tokens, and the registry")
	cmd.Flags().StringVar(&within, "within", "14d", "a password that expires within this `time` expires too soon")
	cmd.Flags().StringSliceVar(&opts.Ignore, "ignore", nil, "leave out these `findings`: "+strings.Join(findings, ", "))
	cmdutil.CompleteListFlag(cmd, "ignore", findings)
	opts.Azure.AddFlags(cmd)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, statusFields)
	return cmd
}

func (opts *statusOptions) complete(f *cmdutil.Factory, arg string, all bool, within string) (err error) {
	opts.Now = f.Now()
	switch {
	case all:
		opts.Registry, err = f.Registry(arg)
	case arg == "":
		return cmdutil.Usage("name a token, or use --all")
	default:
		opts.Registry, opts.Name, err = f.Object(arg, tokenArg)
	}
	if err != nil {
		return err
	}
	if opts.Until, err = cmdutil.Expiry(within, opts.Now); err != nil {
		return cmdutil.Usage("--within %q is no duration such as 14d", within)
	}
	for _, name := range opts.Ignore {
		if !slices.Contains(findings, name) {
			return cmdutil.Usage("--ignore %q is none of %s", name, strings.Join(findings, ", "))
		}
	}
	return nil
}

func statusRun(ctx context.Context, opts *statusOptions) error {
	r, err := opts.Manage(ctx, opts.Registry, &opts.Azure)
	if err != nil {
		return err
	}
	st := &status{opts: opts, rows: spool.New(0)}
	defer st.rows.Close()
	if opts.Name != "" {
		err = st.one(ctx, r)
	} else {
		err = st.all(ctx, r)
	}
	if err != nil {
		return rights.Explain(ctx, &opts.Azure, opts.Registry, err, sentence.ShowTokens)
	}
	if err := st.print(ctx); err != nil {
		return err
	}
	switch {
	case st.found > 0:
		return cmdutil.Exit(cmdutil.ExitFound)
	case st.unread != nil:
		return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "check all tokens", Registry: opts.Registry,
			Reason: "the scope maps could not be read", Hint: acrkit.HintOf(st.unread)}
	}
	return nil
}

// status collects the rows, which are sorted outside of memory: 50,000 tokens are allowed.
type status struct {
	opts   *statusOptions
	rows   *spool.Spool
	found  int   // findings
	unread error // the scope maps
}

func (st *status) add(row statusJSON, found []finding) error {
	row.Findings = slices.DeleteFunc(append([]finding{}, found...), func(f finding) bool {
		return slices.Contains(st.opts.Ignore, f.Name)
	})
	st.found += len(row.Findings)
	// The registry comes first, then the tokens by name.
	return st.rows.AddJSON(row.Kind+"\x00"+strings.ToLower(row.Name), row)
}

func (st *status) token(t manage.Token, of scope) error {
	x := tokenOf(t)
	row := statusJSON{Kind: "token", Name: t.Name, ScopeMap: t.ScopeMap, Status: x.Status, CreatedTime: &x.CreatedTime,
		Passwords: x.Passwords, SlotInUse: slotInUse(t, st.opts.Now), Newest: newest(t)}
	return st.add(row, findingsOfToken(t, of, st.opts.Now, st.opts.Until))
}

func (st *status) one(ctx context.Context, r *manage.Registry) error {
	t, err := r.Token(ctx, st.opts.Name)
	if err != nil {
		return err
	}
	m, err := r.ScopeMap(ctx, t.ScopeMap)
	switch {
	case errors.Is(err, acrkit.CodeNotFound):
		return st.token(t, absent)
	case err != nil:
		return st.denied(ctx, "the scope map "+t.ScopeMap, err, func() error { return st.token(t, unread) })
	}
	return st.token(t, scopeOf(m))
}

// denied goes on without what the identity may not read, and returns every other error.
func (st *status) denied(ctx context.Context, what string, err error, goOn func() error) error {
	if err = st.opts.Azure.Explain(ctx, err); !errors.Is(err, acrkit.CodeDenied) {
		return err
	}
	st.unread = err
	cmdutil.Say(st.opts.IO.ErrOut, "not read: %s: %s", what, wording.Said(err))
	return goOn()
}

func (st *status) all(ctx context.Context, r *manage.Registry) error {
	s, err := r.Settings(ctx)
	if err != nil {
		return err
	}
	if err := st.add(statusJSON{Kind: "registry", Name: r.Name(), Passwords: []passwordJSON{}},
		findingsOfRegistry(s)); err != nil {
		return err
	}
	done := st.opts.IO.Await("reading the scope maps")
	defer done()
	scopes := map[string]scope{} // by the name of the scope map in lower case
	for m, err := range r.ScopeMaps(ctx) {
		if err != nil {
			return st.denied(ctx, "the scope maps", err, func() error { return st.tokens(ctx, r, nil) })
		}
		scopes[strings.ToLower(m.Name)] = scopeOf(m)
	}
	return st.tokens(ctx, r, scopes)
}

// tokens reads all tokens. scopes is nil if the scope maps could not be read.
func (st *status) tokens(ctx context.Context, r *manage.Registry, scopes map[string]scope) error {
	n := 0
	for t, err := range r.Tokens(ctx) {
		if err != nil {
			return err
		}
		of := scopes[strings.ToLower(t.ScopeMap)]
		if of == 0 && scopes != nil {
			of = absent
		}
		if err := st.token(t, of); err != nil {
			return err
		}
		if n++; n%100 == 0 {
			st.opts.IO.Progress(fmt.Sprintf("reading the tokens: %d", n))
		}
	}
	return nil
}

func (st *status) print(ctx context.Context) error {
	return cmdutil.PrintEach(ctx, st.opts.IO, st.opts.Exporter, spool.Values[statusJSON](st.rows),
		[]string{"NAME", "STATUS", "PASSWORDS", "IN USE", "FINDINGS"}, st.row)
}

func (st *status) row(x statusJSON) []string {
	var passwords []string
	for _, p := range x.Passwords {
		one := manage.Password{Slot: manage.Slot(p.Name), Created: p.CreatedTime}
		if p.Expires != nil {
			one.Expires = *p.Expires
		}
		passwords = append(passwords, passwordText(one, st.opts.Now)+", "+age(st.opts.Now.Sub(p.CreatedTime)))
	}
	name, inUse := x.Name, x.SlotInUse
	if x.Kind == "registry" {
		name = "registry " + x.Name
	}
	if inUse == "unknown" {
		inUse = "unknown, newest is " + x.Newest
	}
	return []string{name, cmp.Or(x.Status, "-"), cmp.Or(strings.Join(passwords, "; "), "-"), cmp.Or(inUse, "-"),
		cmp.Or(names(x.Findings), "ok")}
}

// age is how old a password is.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return fmt.Sprintf("%d h old", int(max(d, 0)/time.Hour))
	}
	return fmt.Sprintf("%d days old", int(d/day))
}
