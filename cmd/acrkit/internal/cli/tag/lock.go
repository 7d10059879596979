package tag

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// newCmdLock returns "tag lock". A runF other than nil runs instead of it.
func newCmdLock(f *cmdutil.Factory, runF func(context.Context, *change.Lock) error) *cobra.Command {
	return change.LockCommand(f, &cobra.Command{
		Use:   "lock [<registry>/]<repository>:<tag>...",
		Short: "Lock tags",
		Long: "Lock tags: forbid to overwrite and to delete them, or what the flags say.\n\n" +
			"The lock is the tag's own: the manifest and the repository have theirs (\"acrkit\nmanifest lock\", " +
			"\"acrkit repo lock\"), and \"acrkit tag view\" shows all three. Before and\n" +
			"after are printed, with tabs " +
			"between them in a pipe.\n\n" +
			"This needs metadata/write on the repository, and metadata/read to see what was before.",
		Example: "# A release that is neither overwritten nor deleted\n$ acrkit tag lock samples/app:v1\n\n" +
			"# It may still be deleted\n$ acrkit tag lock samples/app:v1 --write",
		Args:              cmdutil.MinArgs(1, needsTags),
		ValidArgsFunction: cmdutil.CompleteEachReference(f),
	}, locks, false, runF)
}
