package repo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/registry"
)

var deleteFields = []string{"reference", "status", "tagCount", "manifestCount", "error"}

type deleteJSON struct {
	change.Result
	Tags      *int `json:"tagCount"` // null = not known
	Manifests *int `json:"manifestCount"`
}

// contents are what goes with a repository. Times are in UTC, so that two can be compared.
type contents struct {
	known            bool
	tags, manifests  int
	created, updated time.Time
	locks            registry.Attributes
}

// newCmdDelete returns "repo delete". A runF other than nil runs instead of it.
func newCmdDelete(f *cmdutil.Factory, runF func(context.Context, *change.DeleteOptions) error) *cobra.Command {
	opts := &change.DeleteOptions{}
	if runF == nil {
		runF = deleteRun
	}
	cmd := &cobra.Command{
		Use:   "delete [<registry>/]<repository>...",
		Short: "Delete repositories with all that is in them",
		Long: "Delete repositories with all their tags and manifests.\n\n" +
			"How much will go is shown first, and a terminal is asked. A repository that has changed\n" +
			"since then is not deleted. A lock on the repository, or on anything in it, forbids it.\n" +
			"Each repository has a line in the output, with the numbers of its tags and manifests.\n\n" +
			"This needs content/delete on the repository, and metadata/read to see the numbers.",
		Example: "$ acrkit repo delete samples/old --dry-run\n$ acrkit repo delete samples/old\n\n" +
			"# In a pipeline\n$ acrkit repo delete --yes samples/pr-17",
		Args:              cmdutil.MinArgs(1, needsRepositories),
		ValidArgsFunction: cmdutil.CompleteEachRepository(f),
	}
	return change.DeleteCommand(f, cmd, opts, deleteFields, checkRepository,
		func(ctx context.Context) error { return runF(ctx, opts) })
}

func deleteRun(ctx context.Context, opts *change.DeleteOptions) error {
	c, err := opts.Connect(ctx, opts.References[0].Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	d := change.Delete[contents]{
		DeleteOptions: opts, Connection: c,
		One: "repository", Many: "repositories",
		Read: func(ctx context.Context, ref acrkit.Reference) (contents, error) {
			p, err := c.Client.Repository(ctx, ref.Name)
			switch {
			case errors.Is(err, acrkit.CodeInsufficientScope):
				return contents{}, nil // to delete a repository, content/delete suffices
			case err != nil:
				return contents{}, err
			}
			return contents{known: true, tags: p.TagCount, manifests: p.ManifestCount, created: p.CreatedTime,
				updated: p.LastUpdateTime, locks: p.Attributes}, nil
		},
		Same: func(shown, now contents) bool { return shown == now },
		Show: contents.String,
		Locks: func(ref acrkit.Reference, p contents) (acrkit.Reference, registry.Attributes, bool) {
			return ref, p.locks, p.known
		},
		Delete: func(ctx context.Context, ref acrkit.Reference, _ contents) error {
			_, err := c.Client.DeleteRepository(ctx, ref.Name)
			return err
		},
		Header: []string{"TAGS", "MANIFESTS"},
		Cells: func(p contents) []string {
			if !p.known {
				return []string{"", ""}
			}
			return []string{fmt.Sprint(p.tags), fmt.Sprint(p.manifests)}
		},
		Object: func(r change.Result, p contents) any {
			if !p.known {
				return deleteJSON{Result: r}
			}
			return deleteJSON{r, &p.tags, &p.manifests}
		},
	}
	return d.Run(ctx, opts.References)
}

func (p contents) String() string {
	if !p.known {
		return "all in it goes; how much is not known without metadata/read"
	}
	return fmt.Sprintf("%s and %s go", change.Count(p.tags, "tag", "tags"),
		change.Count(p.manifests, "manifest", "manifests"))
}
