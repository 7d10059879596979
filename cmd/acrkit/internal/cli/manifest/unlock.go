package manifest

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// newCmdUnlock returns "manifest unlock". A runF other than nil runs instead of it.
func newCmdUnlock(f *cmdutil.Factory, runF func(context.Context, *change.Lock) error) *cobra.Command {
	return change.LockCommand(f, &cobra.Command{
		Use:   "unlock [<registry>/]<repository>{:<tag>|@<digest>}...",
		Short: "Unlock manifests",
		Long: "Unlock manifests: allow to delete and to change them again, or what the flags say. A tag\nis resolved " +
			"to the manifest that it points to.\n\n" +
			"A lock of a tag or of the repository stays (\"acrkit tag view\" shows them), and so does a\n" +
			"lock against " +
			"reading or listing, unless its flag is given.\n\n" +
			"This needs metadata/write on the repository, and metadata/read to see what was before.",
		Example: "$ acrkit manifest unlock samples/app:v1\n\n" +
			"# Allow pulls again\n$ acrkit manifest unlock samples/app:v1 --read",
		Args:              cmdutil.MinArgs(1, needsManifests),
		ValidArgsFunction: cmdutil.CompleteEachReference(f),
	}, locks, true, runF)
}
