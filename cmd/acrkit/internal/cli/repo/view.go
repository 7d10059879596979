package repo

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/registry"
)

// viewOptions are what "repo view" needs.
type viewOptions struct {
	IO       *iostreams.IOStreams
	Connect  func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Exporter *cmdutil.Exporter

	Repository acrkit.Repository
}

var viewFields = []string{"name", "createdTime", "lastUpdateTime", "manifestCount", "tagCount", "changeableAttributes"}

type viewJSON struct {
	Name           string              `json:"name"`
	CreatedTime    time.Time           `json:"createdTime"`
	LastUpdateTime time.Time           `json:"lastUpdateTime"`
	ManifestCount  int                 `json:"manifestCount"`
	TagCount       int                 `json:"tagCount"`
	Attributes     registry.Attributes `json:"changeableAttributes"`
}

// newCmdView returns "repo view". A runF other than nil runs instead of it.
func newCmdView(f *cmdutil.Factory, runF func(context.Context, *viewOptions) error) *cobra.Command {
	opts := &viewOptions{IO: f.IO, Connect: f.Connect}
	cmd := &cobra.Command{
		Use:   "view [<registry>/]<repository>",
		Short: "Show a repository",
		Long: "Show a repository: its age, how much it holds, and its locks.\n\nThis needs metadata/read on the " +
			"repository.",
		Example: "$ acrkit repo view myregistry.azurecr.io/samples/app\n$ acrkit repo view samples/app --json " +
			"tagCount --jq .tagCount",
		Args:              cmdutil.ExactArgs(1, "a repository: [<registry>/]<repository>"),
		ValidArgsFunction: cmdutil.CompleteRepositories(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := f.Reference(args[0])
			if err != nil {
				return err
			}
			if ref.Target() != "" {
				return cmdutil.Usage(
					"%q names a tag or a digest; give the repository alone, or use `acrkit manifest view`", args[0])
			}
			opts.Repository = ref.Repository
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return viewRun(cmd.Context(), opts)
		},
	}
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, viewFields)
	return cmd
}

func viewRun(ctx context.Context, opts *viewOptions) error {
	c, err := opts.Connect(ctx, opts.Repository.Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	c.Repository = opts.Repository.Name
	p, err := c.Client.Repository(ctx, opts.Repository.Name)
	if err != nil {
		return cmdutil.Explain(ctx, c, err)
	}
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, viewJSON(p))
	}
	return cmdutil.PrintPairs(opts.IO, [][2]string{
		{"name", p.Name}, {"created", cmdutil.Time(p.CreatedTime)}, {"updated", cmdutil.Time(p.LastUpdateTime)},
		{"manifests", fmt.Sprint(p.ManifestCount)}, {"tags", fmt.Sprint(p.TagCount)},
		{"locks", cmdutil.Locks(p.Attributes)},
	})
}
