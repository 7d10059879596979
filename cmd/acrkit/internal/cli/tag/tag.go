// Package tag holds the "acrkit tag" commands.
package tag

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/registry"
)

// NewCmdTag returns the noun with its verbs.
func NewCmdTag(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{Use: "tag <command>", Short: "Work with tags"})
	cmd.AddCommand(newCmdDelete(f, nil), newCmdList(f, nil), newCmdLock(f, nil), newCmdUnlock(f, nil),
		newCmdView(f, nil))
	return cmd
}

const needsTags = "one or more tags: [<registry>/]<repository>:<tag>"

// checkTag refuses a reference that names no tag.
func checkTag(ref acrkit.Reference) error {
	switch {
	case ref.Digest != "":
		return cmdutil.Usage("%q names a digest; name a tag, or use `acrkit manifest`", ref)
	case ref.Tag == "":
		return cmdutil.Usage("%q names no tag", ref)
	}
	return nil
}

var locks = change.LockKind{
	Check: checkTag,
	Read: func(ctx context.Context, c *registry.Client, ref acrkit.Reference) (registry.Attributes, error) {
		t, err := c.Tag(ctx, ref.Name, ref.Tag)
		return t.Attributes, err
	},
	Update: func(ctx context.Context, c *registry.Client, ref acrkit.Reference,
		change registry.AttributeChange) (registry.Attributes, error) {
		t, err := c.UpdateTag(ctx, ref.Name, ref.Tag, change)
		return t.Attributes, err
	},
}
