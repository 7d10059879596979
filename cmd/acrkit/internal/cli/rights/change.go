package rights

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/visible"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/scopemap"
)

// Change is what the commands share that change tokens and scope maps: their flags, the
// registry, and the question before a change.
type Change struct {
	IO      *iostreams.IOStreams
	Azure   cmdutil.Azure
	DryRun  bool
	Confirm cmdutil.Confirm

	Registry acrkit.Registry
	Name     string // of the token or the scope map

	manage func(context.Context, acrkit.Registry, *cmdutil.Azure) (*manage.Registry, error)
}

// AddFlags adds the flags.
func (c *Change) AddFlags(cmd *cobra.Command, f *cmdutil.Factory) {
	c.IO, c.manage = f.IO, f.Manage
	cmd.Flags().BoolVar(&c.DryRun, "dry-run", false, "show what would change, and change nothing")
	cmdutil.AddConfirmFlag(cmd, f, &c.Confirm)
	c.Azure.AddChangeFlags(cmd)
}

// Open finds the registry in Azure.
func (c *Change) Open(ctx context.Context) (*manage.Registry, error) {
	return c.manage(ctx, c.Registry, &c.Azure)
}

// Possible returns wrong usage if the change would be asked about and cannot be. A command
// calls it before its first request.
func (c *Change) Possible() error {
	if c.DryRun {
		return nil
	}
	return c.Confirm.Possible()
}

// Explain adds to an error which identity it was, and a command that fixes it. list is the
// fix if there is no such token or scope map.
func (c *Change) Explain(ctx context.Context, err error, list sentence.FixKey) error {
	return Explain(ctx, &c.Azure, c.Registry, err, list)
}

// Explain is [Change.Explain] for a command that changes nothing.
func Explain(ctx context.Context, a *cmdutil.Azure, reg acrkit.Registry, err error, list sentence.FixKey) error {
	err = a.Explain(ctx, err)
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok || e.Code != acrkit.CodeNotFound || e.Hint != "" || e.Status == 0 {
		return err
	}
	out := *e
	out.Hint = sentence.Fix(list, map[string]string{"host": reg.Host()})
	return &out
}

// Effect is what a change does to rights.
type Effect struct {
	What          string   // what changes: `scope map "team-a"`
	Before, After []string // the lines of the scope map
	Tokens        []string // the tokens whose rights they are
	Notes         []string // what changes beside rights, a sentence each
	New           bool     // it is made: nothing that is there gets wider
	Question      string   // before the change
	Always        bool     // it is asked, also if nothing gets wider
}

// Tokens names tokens in a sentence, not all of them if they are many.
func Tokens(names []string) string {
	switch n := len(names); {
	case n == 1:
		return "the token " + names[0]
	case n > maxTokens:
		return fmt.Sprintf("%d tokens: %s and %d more", n, strings.Join(names[:maxTokens], ", "), n-maxTokens)
	}
	return "the tokens " + strings.Join(names, ", ")
}

// maxTokens is how many names of tokens are shown; a scope map can have thousands.
const maxTokens = 20

// Difference is the difference in rights.
func (e Effect) Difference() scopemap.Difference {
	before, _ := read(e.Before)
	after, _ := read(e.After)
	return scopemap.Diff(before, after)
}

// Widens reports whether something is allowed that was not, or may be: a line that this
// version does not know counts.
func (e Effect) Widens() bool {
	_, before := read(e.Before)
	_, after := read(e.After)
	return e.Difference().Widens() || slices.ContainsFunc(after, func(l string) bool {
		return !slices.Contains(before, l)
	})
}

// Text is what changes, for which tokens, and the rights, a line each.
func (e Effect) Text(reg acrkit.Registry) string {
	var b strings.Builder
	w := &b
	head := e.What + " on " + reg.Host()
	switch {
	case len(e.Tokens) > 0:
		head += ", for " + Tokens(e.Tokens)
	case !e.New:
		head += ", used by no token"
	}
	cmdutil.Say(w, "%s:", visible.Line(head))
	for line := range strings.SplitSeq(e.Difference().String(), "\n") {
		cmdutil.Say(w, "%s", visible.Line(line))
	}
	_, before := read(e.Before)
	_, after := read(e.After)
	unknown := func(sign string, of, other []string) {
		for _, line := range of {
			if !slices.Contains(other, line) {
				cmdutil.Say(w, "%s %s    (acrkit does not know what this allows)", sign, visible.Line(line))
			}
		}
	}
	unknown("+", after, before)
	unknown("-", before, after)
	for _, note := range e.Notes {
		cmdutil.Say(w, "%s", visible.Line(note))
	}
	return b.String()
}

// Agree shows an effect, and asks if it widens the rights of what is there. It returns true if the change is to
// be made.
func (c *Change) Agree(ctx context.Context, e Effect) (bool, error) {
	if c.DryRun {
		if _, err := io.WriteString(c.IO.Out, e.Text(c.Registry)); err != nil {
			return false, err
		}
		cmdutil.Say(c.IO.ErrOut, "Nothing was changed: --dry-run.")
		return false, nil
	}
	_, _ = io.WriteString(c.IO.ErrOut, e.Text(c.Registry))
	//rule:rights-agree
	if e.asked() {
		if err := c.Confirm.Ask(ctx, e.Question); err != nil {
			return false, err
		}
	}
	return true, nil
}

// asked reports whether the user is asked before the change.
func (e Effect) asked() bool { return e.Always || !e.New && e.Widens() }

// Unchanged returns an error with [acrkit.CodeConflict] if an effect is another one than the
// user has agreed to. op is the change that is refused. again reads the effect again; it is not
// called if nothing was asked, so that no time has passed.
func (c *Change) Unchanged(op, hint string, agreed Effect, again func() (Effect, error)) error {
	if !c.Confirm.Asks() || !agreed.asked() {
		return nil
	}
	now, err := again()
	if err != nil {
		return err
	}
	was, is := strings.Split(agreed.Text(c.Registry), "\n"), strings.Split(now.Text(c.Registry), "\n")
	//rule:rights-unchanged
	if slices.Equal(was, is) {
		return nil
	}
	var changes []string
	for _, x := range []struct {
		what      string
		in, notIn []string
	}{{"no longer", was, is}, {"now", is, was}} {
		for _, line := range x.in {
			if !slices.Contains(x.notIn, line) {
				changes = append(changes, x.what+": "+line)
			}
		}
	}
	return &acrkit.Error{Code: acrkit.CodeConflict, Cause: cause.Conflict, Op: op, Registry: c.Registry,
		Reason: "it has changed since it was shown, and nothing was changed: " + strings.Join(changes, "; "),
		Hint:   hint}
}

// TokensOf returns the names of the tokens that use a scope map.
func TokensOf(ctx context.Context, r *manage.Registry, scopeMap string) ([]string, error) {
	var names []string
	for t, err := range r.Tokens(ctx) {
		if err != nil {
			return nil, err
		}
		if strings.EqualFold(t.ScopeMap, scopeMap) {
			names = append(names, t.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}
