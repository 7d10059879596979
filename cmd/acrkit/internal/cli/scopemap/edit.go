package scopemapcmd

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
)

// maxTries is how many times an edit is made if other changes of the scope map conflict with it.
const maxTries = 8

// maxPause bounds the random pause before the second try; before the third it is twice as long,
// and so on. Without it, edits that conflicted once would be written at the same time again.
const maxPause = 2 * time.Second

// editOptions are what "scope-map edit" needs.
type editOptions struct {
	rights.Change
	Add, Remove []string // lines

	pause func(context.Context, time.Duration) error
}

// newCmdEdit returns "scope-map edit". A runF other than nil runs instead of it.
func newCmdEdit(f *cmdutil.Factory, runF func(context.Context, *editOptions) error) *cobra.Command {
	opts := &editOptions{pause: f.Pause}
	var add, remove []string
	cmd := &cobra.Command{
		Use:   "edit [<registry>/]<scope-map> {--add <right> | --remove <right>}...",
		Short: "Add and remove rights of a scope map",
		Long: "Add lines to a scope map and remove lines from it. The difference in rights is shown\nfirst, with all " +
			"tokens that get or lose them. More rights are confirmed.\n\n" + rights.Help + "\nIf another user " +
			"changes the scope map at the same time, both changes are kept: it is read\nagain, and the edit is " +
			"made to the new version.",
		Example: "$ acrkit scope-map edit myregistry/team-a --add team-a/app:content/write\n\n" +
			"# What would change\n$ acrkit scope-map edit team-a --remove 'repositories/team-a/*/content/delete' " +
			"--dry-run",
		Args: cmdutil.ExactArgs(1, scopeMapArg+": [<registry>/]<scope-map>"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, opts.Name, err = f.Object(args[0], scopeMapArg); err != nil {
				return err
			}
			if opts.Add, err = rights.Lines("add", add, f.IO.In); err != nil {
				return err
			}
			if opts.Remove, err = rights.Lines("remove", remove, f.IO.In); err != nil {
				return err
			}
			if len(opts.Add)+len(opts.Remove) == 0 {
				return cmdutil.Usage("give rights with --add or --remove")
			}
			for _, line := range opts.Add {
				if slices.Contains(opts.Remove, line) {
					return cmdutil.Usage("%s is added and removed", line)
				}
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return editRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().StringArrayVar(&add, "add", nil, "add this `right`; may be repeated")
	cmd.Flags().StringArrayVar(&remove, "remove", nil, "remove this `right`; may be repeated")
	opts.AddFlags(cmd, f)
	return cmd
}

// edited returns the lines after the edit.
func (opts *editOptions) edited(lines []string) []string {
	out := slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return slices.Contains(opts.Remove, l) })
	for _, l := range opts.Add {
		if !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

func editRun(ctx context.Context, opts *editOptions) error {
	if len(opts.Add) > 0 {
		if err := opts.Possible(); err != nil {
			return err
		}
	}
	r, err := opts.Open(ctx)
	if err != nil {
		return err
	}
	var agreed string // the difference that was agreed to
	for try := 1; ; try++ {
		err := opts.edit(ctx, r, try > 1, &agreed)
		if !errors.Is(err, acrkit.CodeConflict) || try == maxTries {
			return opts.Explain(ctx, err, sentence.ShowScopeMaps)
		}
		cmdutil.Say(opts.IO.ErrOut, "Another user changed the %s at the same time; the edit is made again.",
			rights.ScopeMap(opts.Name))
		wait := rand.N(time.Duration(try) * maxPause) //nolint:gosec // no secret depends on it
		if err := opts.pause(ctx, wait); err != nil {
			return err
		}
	}
}

// edit makes the edit once, to the current version of the scope map. again says that an
// earlier try conflicted with another change.
func (opts *editOptions) edit(ctx context.Context, r *manage.Registry, again bool, agreed *string) error {
	m, err := r.ScopeMap(ctx, opts.Name)
	if err != nil {
		return err
	}
	if err := rights.Changeable(opts.Registry, m); err != nil {
		return err
	}
	tokens, err := rights.TokensOf(ctx, r, m.Name)
	if err != nil {
		return err
	}
	effect := rights.Effect{What: rights.ScopeMap(m.Name), Before: m.Actions, After: opts.edited(m.Actions),
		Tokens:   tokens,
		Question: "Give these rights?"}
	effect.Notes = rights.StillGranted(effect.After, opts.Remove)
	// After a conflict, another user may have read an older version of the scope map, and may write
	// that back later. The edit is therefore written and checked again, even if its lines are there.
	//rule:scope-map-edit-rewrite
	if !again && slices.Equal(effect.Before, effect.After) {
		for _, note := range effect.Notes {
			cmdutil.Say(opts.IO.ErrOut, "%s", note)
		}
		cmdutil.Say(opts.IO.ErrOut, "The %s has these lines already; nothing was changed.", rights.ScopeMap(m.Name))
		return nil
	}
	// What was agreed to is not asked again, unless it is something else now.
	if difference := effect.Text(opts.Registry); difference != *agreed && !(again && effect.Difference().Same()) {
		ok, err := opts.Agree(ctx, effect)
		if err != nil || !ok {
			return err
		}
		*agreed = difference
	}
	if err := r.UpdateScopeMap(ctx, m, effect.After); err != nil {
		return err
	}
	cmdutil.Say(opts.IO.ErrOut, "Changed the %s.", rights.ScopeMap(m.Name))
	return nil
}
