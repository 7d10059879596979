package manifest

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// newCmdLock returns "manifest lock". A runF other than nil runs instead of it.
func newCmdLock(f *cmdutil.Factory, runF func(context.Context, *change.Lock) error) *cobra.Command {
	return change.LockCommand(f, &cobra.Command{
		Use:   "lock [<registry>/]<repository>{:<tag>|@<digest>}...",
		Short: "Lock manifests",
		Long: "Lock manifests: forbid to delete and to change them, or what the flags say. A tag is\nresolved to " +
			"the manifest that it points to.\n\n" +
			"The lock is the manifest's own: its tags can still be moved or deleted, unless they are\nlocked, too " +
			"(\"acrkit tag lock\"). Before and after are printed, with tabs between them in a\npipe.\n\n" +
			"This needs metadata/write on the repository, and metadata/read to see what was before.",
		Example: "# What is deployed stays\n$ acrkit manifest lock samples/app:v1\n\n" +
			"# Forbid pulls of an image\n$ acrkit manifest lock samples/app:v1 --read",
		Args:              cmdutil.MinArgs(1, needsManifests),
		ValidArgsFunction: cmdutil.CompleteEachReference(f),
	}, locks, false, runF)
}
