package target

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
)

// Complete completes the first argument with names that list returns.
func (c *Target) Complete(list Lister) cobra.CompletionFunc {
	return cmdutil.CompleteNames(c.Names(list))
}

// A Lister lists the names of what an emulator's registry has.
type Lister func(ctx context.Context, cl *control.Client, registry string) ([]string, error)

// Names asks the emulator for names.
func (c *Target) Names(list Lister) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		cl, err := c.Open()
		if err != nil {
			return nil, err
		}
		return list(ctx, cl, c.Registry())
	}
}

// TokenNames is the [Lister] of its tokens.
func TokenNames(ctx context.Context, cl *control.Client, registry string) ([]string, error) {
	all, err := cl.Tokens(ctx, registry)
	return namesOf(all, func(t control.Token) string { return t.Name }), err
}

// ScopeMapNames is the [Lister] of its scope maps.
func ScopeMapNames(ctx context.Context, cl *control.Client, registry string) ([]string, error) {
	all, err := cl.ScopeMaps(ctx, registry)
	return namesOf(all, func(m control.ScopeMap) string { return m.Name }), err
}

// SnapshotNames is the [Lister] of its snapshots.
func SnapshotNames(ctx context.Context, cl *control.Client, _ string) ([]string, error) {
	all, err := cl.Snapshots(ctx)
	return namesOf(all, func(s control.Snapshot) string { return s.Name }), err
}

func namesOf[T any](all []T, name func(T) string) []string {
	var out []string
	for _, x := range all {
		out = append(out, name(x))
	}
	return out
}
