package manifest

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/registry"
)

// listOptions are what "manifest list" needs.
type listOptions struct {
	IO       *iostreams.IOStreams
	Connect  func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Exporter *cmdutil.Exporter

	Reference acrkit.Reference
	Limit     int
	Order     string
}

// references come with a single manifest only.
var listFields = []string{
	"digest", "mediaType", "configMediaType", "artifactType", "architecture", "os", "imageSize",
	"createdTime", "lastUpdateTime", "tags", "changeableAttributes",
}

// newCmdList returns "manifest list". A runF other than nil runs instead of it.
func newCmdList(f *cmdutil.Factory, runF func(context.Context, *listOptions) error) *cobra.Command {
	opts := &listOptions{IO: f.IO, Connect: f.Connect}
	cmd := &cobra.Command{
		Use:   "list [<registry>/]<repository>",
		Short: "List the manifests of a repository",
		Long: "List the manifests of a repository, untagged ones included, all of them or fail.\n\n" +
			"This needs metadata/read on the repository. In a pipe, each line holds digest,\nmedia type, platform " +
			"and tags (separated by commas), with tabs between them. A terminal\nshows shortened digests.",
		Example: "# Digests without a tag\n$ acrkit manifest list samples/app --json digest,tags --jq '.[] | " +
			"select(.tags == []) | .digest'",
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
	cmd.Flags().IntVarP(&opts.Limit, "limit", "L", 0, "stop after this `number` of manifests; 0 lists all")
	cmdutil.EnumFlag(cmd, &opts.Order, "order", "digest", "order by", "digest", "newest", "oldest")
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
	list := c.Client.Manifests(ctx, opts.Reference.Name,
		&registry.ListOptions{Limit: opts.Limit, Order: cmdutil.Order(opts.Order)})
	digest := func(d string) string { return d }
	if opts.IO.IsStdoutTTY() {
		digest = cmdutil.ShortDigest
	}
	row := func(m registry.Manifest) []string {
		return []string{digest(m.Digest), m.MediaType, platform(m.OS, m.Architecture), strings.Join(m.Tags, ",")}
	}
	_, err = cmdutil.PrintList(ctx, opts.IO, opts.Exporter, list,
		[]string{"DIGEST", "MEDIA TYPE", "PLATFORM", "TAGS"}, row, object)
	return cmdutil.Explain(ctx, c, err)
}
