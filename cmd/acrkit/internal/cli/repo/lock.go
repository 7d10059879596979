package repo

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// newCmdLock returns "repo lock". A runF other than nil runs instead of it.
func newCmdLock(f *cmdutil.Factory, runF func(context.Context, *change.Lock) error) *cobra.Command {
	return change.LockCommand(f, &cobra.Command{
		Use:   "lock [<registry>/]<repository>...",
		Short: "Lock repositories",
		Long: "Lock repositories with all that is in them: forbid to write and to delete, or what the\nflags say.\n\n" +
			"The lock is the repository's own; tags and manifests have theirs. Before and after are\n" +
			"printed, with tabs " +
			"between them in a pipe.\n\n" +
			"This needs metadata/write on the repository, and metadata/read to see what was before.",
		Example: "# An archive: neither pushes nor deletes\n$ acrkit repo lock samples/old\n\n" +
			"# Take it out of \"acrkit repo list\"\n$ acrkit repo lock samples/old --list",
		Args:              cmdutil.MinArgs(1, needsRepositories),
		ValidArgsFunction: cmdutil.CompleteEachRepository(f),
	}, locks, false, runF)
}
