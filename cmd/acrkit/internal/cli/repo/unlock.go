package repo

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// newCmdUnlock returns "repo unlock". A runF other than nil runs instead of it.
func newCmdUnlock(f *cmdutil.Factory, runF func(context.Context, *change.Lock) error) *cobra.Command {
	return change.LockCommand(f, &cobra.Command{
		Use:   "unlock [<registry>/]<repository>...",
		Short: "Unlock repositories",
		Long: "Unlock repositories: allow to write and to delete again, or what the flags say.\n\n" +
			"Locks of the tags and manifests in it stay, and so does a lock against reading or\nlisting, unless its " +
			"flag is given.\n\n" +
			"This needs metadata/write on the repository, and metadata/read to see what was before.",
		Example: "$ acrkit repo unlock samples/old\n\n" +
			"# Show it in lists again\n$ acrkit repo unlock samples/old --list",
		Args:              cmdutil.MinArgs(1, needsRepositories),
		ValidArgsFunction: cmdutil.CompleteEachRepository(f),
	}, locks, true, runF)
}
