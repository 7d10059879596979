// Package repo holds the "acrkit repo" commands.
package repo

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/registry"
)

// NewCmdRepo returns the noun with its verbs.
func NewCmdRepo(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{Use: "repo <command>", Short: "Work with repositories"})
	cmd.AddCommand(newCmdDelete(f, nil), newCmdList(f, nil), newCmdLock(f, nil), newCmdUnlock(f, nil),
		newCmdView(f, nil))
	return cmd
}

const needsRepositories = "one or more repositories: [<registry>/]<repository>"

// checkRepository refuses a reference that names more than a repository.
func checkRepository(ref acrkit.Reference) error {
	if ref.Target() != "" {
		return cmdutil.Usage("%q names a tag or a digest; give the repository alone", ref)
	}
	return nil
}

var locks = change.LockKind{
	Check: checkRepository,
	Read: func(ctx context.Context, c *registry.Client, ref acrkit.Reference) (registry.Attributes, error) {
		r, err := c.Repository(ctx, ref.Name)
		return r.Attributes, err
	},
	Update: func(ctx context.Context, c *registry.Client, ref acrkit.Reference,
		change registry.AttributeChange) (registry.Attributes, error) {
		r, err := c.UpdateRepository(ctx, ref.Name, change)
		return r.Attributes, err
	},
}
