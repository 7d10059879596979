package tag

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/registry"
)

// viewOptions are what "tag view" needs.
type viewOptions struct {
	IO       *iostreams.IOStreams
	Connect  func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Exporter *cmdutil.Exporter

	Reference acrkit.Reference
}

// The fields of the locks above the tag.
const (
	ofManifest   = "manifestAttributes"
	ofRepository = "repositoryAttributes"
)

var viewFields = append(listFields[:len(listFields):len(listFields)], ofManifest, ofRepository)

type viewJSON struct {
	tagJSON
	Manifest   registry.Attributes `json:"manifestAttributes"`
	Repository registry.Attributes `json:"repositoryAttributes"`
}

// newCmdView returns "tag view". A runF other than nil runs instead of it.
func newCmdView(f *cmdutil.Factory, runF func(context.Context, *viewOptions) error) *cobra.Command {
	opts := &viewOptions{IO: f.IO, Connect: f.Connect}
	cmd := &cobra.Command{
		Use:   "view [<registry>/]<repository>:<tag>",
		Short: "Show a tag",
		Long: "Show a tag: the manifest that it points to, its age, and the locks of the tag, of the\n" +
			"manifest and of " +
			"the repository, which are separate.\n\n" +
			"This needs metadata/read on the repository.",
		Example: "$ acrkit tag view samples/app:v1\n\n" +
			"# The digest behind a tag\n$ acrkit tag view samples/app:v1 --json digest --jq .digest",
		Args:              cmdutil.ExactArgs(1, "a tag: [<registry>/]<repository>:<tag>"),
		ValidArgsFunction: cmdutil.CompleteReferences(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := f.Reference(args[0])
			if err != nil {
				return err
			}
			if err := checkTag(ref); err != nil {
				return err
			}
			opts.Reference = ref
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
	ref := opts.Reference
	c, err := opts.Connect(ctx, ref.Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	c.Repository, c.Target = ref.Name, ref.Tag
	t, err := c.Client.Tag(ctx, ref.Name, ref.Tag)
	var m registry.Manifest
	if err == nil && opts.Exporter.Wants(ofManifest) {
		m, err = c.Client.Manifest(ctx, ref.Name, t.Digest)
	}
	var r registry.RepositoryProperties
	if err == nil && opts.Exporter.Wants(ofRepository) {
		r, err = c.Client.Repository(ctx, ref.Name)
	}
	if err != nil {
		return cmdutil.Explain(ctx, c, err)
	}
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, viewJSON{tagJSON(t), m.Attributes, r.Attributes})
	}
	return cmdutil.PrintPairs(opts.IO, [][2]string{
		{"name", t.Name}, {"digest", t.Digest}, {"created", cmdutil.Time(t.CreatedTime)},
		{"updated", cmdutil.Time(t.LastUpdateTime)}, {"locks", cmdutil.Locks(t.Attributes)},
		{"manifest locks", cmdutil.Locks(m.Attributes)}, {"repository locks", cmdutil.Locks(r.Attributes)},
	})
}
