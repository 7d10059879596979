package tag

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/registry"
)

// listOptions are what "tag list" needs.
type listOptions struct {
	IO       *iostreams.IOStreams
	Connect  func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Exporter *cmdutil.Exporter

	Reference acrkit.Reference
	Limit     int
	Order     string
}

var listFields = []string{"name", "digest", "createdTime", "lastUpdateTime", "changeableAttributes"}

type tagJSON struct {
	Name           string              `json:"name"`
	Digest         string              `json:"digest"`
	CreatedTime    time.Time           `json:"createdTime"`
	LastUpdateTime time.Time           `json:"lastUpdateTime"`
	Attributes     registry.Attributes `json:"changeableAttributes"`
}

// newCmdList returns "tag list". A runF other than nil runs instead of it.
func newCmdList(f *cmdutil.Factory, runF func(context.Context, *listOptions) error) *cobra.Command {
	opts := &listOptions{IO: f.IO, Connect: f.Connect}
	cmd := &cobra.Command{
		Use:   "list [<registry>/]<repository>[@<digest>]",
		Short: "List the tags of a repository",
		Long: "List the tags of a repository, all of them or fail.\n\n" +
			"This needs metadata/read on the repository; content/read is not enough. With a\ndigest, only the tags " +
			"that point to this manifest are listed. A terminal shows times\nand shortened digests, too; --json has " +
			"them whole.",
		Example: "# One tag a line\n$ acrkit tag list myregistry.azurecr.io/samples/app\n\n" +
			"# The newest three with their digests, of the registry in ACR_NAME\n$ acrkit tag list samples/app " +
			"--order newest --limit 3 --json name,digest",
		Args:              cmdutil.ExactArgs(1, "a repository: [<registry>/]<repository>"),
		ValidArgsFunction: cmdutil.CompleteRepositories(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := f.Reference(args[0])
			if err != nil {
				return err
			}
			if ref.Tag != "" {
				return cmdutil.Usage("%q names a tag; give the repository alone", args[0])
			}
			if opts.Limit < 0 {
				return cmdutil.Usage("--limit must not be negative")
			}
			opts.Reference = ref
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return listRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().IntVarP(&opts.Limit, "limit", "L", 0, "stop after this `number` of tags; 0 lists all")
	cmdutil.EnumFlag(cmd, &opts.Order, "order", "name", "order by", "name", "newest", "oldest")
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, listFields)
	return cmd
}

func listRun(ctx context.Context, opts *listOptions) error {
	c, err := opts.Connect(ctx, opts.Reference.Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	c.Repository = opts.Reference.Name
	list := c.Client.Tags(ctx, opts.Reference.Name, &registry.ListOptions{
		Limit: opts.Limit, Order: cmdutil.Order(opts.Order), Digest: opts.Reference.Digest,
	})
	header := []string{"TAG"}
	row := func(t registry.Tag) []string { return []string{t.Name} }
	if opts.IO.IsStdoutTTY() {
		header = []string{"TAG", "UPDATED", "DIGEST"}
		row = func(t registry.Tag) []string {
			return []string{t.Name, cmdutil.Time(t.LastUpdateTime), cmdutil.ShortDigest(t.Digest)}
		}
	}
	_, err = cmdutil.PrintList(ctx, opts.IO, opts.Exporter, list, header, row, func(t registry.Tag) tagJSON {
		return tagJSON(t)
	})
	return cmdutil.Explain(ctx, c, err)
}
