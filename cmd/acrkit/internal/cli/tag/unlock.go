package tag

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// newCmdUnlock returns "tag unlock". A runF other than nil runs instead of it.
func newCmdUnlock(f *cmdutil.Factory, runF func(context.Context, *change.Lock) error) *cobra.Command {
	return change.LockCommand(f, &cobra.Command{
		Use:   "unlock [<registry>/]<repository>:<tag>...",
		Short: "Unlock tags",
		Long: "Unlock tags: allow to overwrite and to delete them again, or what the flags say.\n\n" +
			"A lock of the manifest or of the repository stays; \"acrkit tag view\" shows them. A lock\n" +
			"against reading " +
			"or listing stays, too, unless its flag is given.\n\n" +
			"This needs metadata/write on the repository, and metadata/read to see what was before.",
		Example: "$ acrkit tag unlock samples/app:v1\n\n" +
			"# Allow pulls again\n$ acrkit tag unlock samples/app:v1 --read",
		Args:              cmdutil.MinArgs(1, needsTags),
		ValidArgsFunction: cmdutil.CompleteEachReference(f),
	}, locks, true, runF)
}
