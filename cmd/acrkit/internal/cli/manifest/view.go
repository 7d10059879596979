package manifest

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/registry"
)

// viewOptions are what "manifest view" needs.
type viewOptions struct {
	IO       *iostreams.IOStreams
	Connect  func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Exporter *cmdutil.Exporter

	Reference acrkit.Reference
	Raw       bool
}

var viewFields = []string{
	"digest", "mediaType", "configMediaType", "artifactType", "architecture", "os", "imageSize",
	"createdTime", "lastUpdateTime", "tags", "references", "changeableAttributes",
}

// newCmdView returns "manifest view". A runF other than nil runs instead of it.
func newCmdView(f *cmdutil.Factory, runF func(context.Context, *viewOptions) error) *cobra.Command {
	opts := &viewOptions{IO: f.IO, Connect: f.Connect}
	cmd := &cobra.Command{
		Use:   "view [<registry>/]<repository>{:<tag>|@<digest>}",
		Short: "Show a manifest",
		Long: "Show what the registry knows about a manifest, or with --raw the manifest itself,\n" +
			"byte for byte, after its digest was checked.\n\n" +
			"The properties need metadata/read on the repository, the manifest itself needs\ncontent/read.",
		Example: "# The platforms of a multi-arch image\n$ acrkit manifest view samples/app:v1 --json references " +
			"--jq '.references[] | .os + \"/\" + .architecture'\n\n" +
			"# The manifest as it was pushed\n$ acrkit manifest view --raw samples/app:v1 > manifest.json",
		Args:              cmdutil.ExactArgs(1, "a tag or a digest: [<registry>/]<repository>{:<tag>|@<digest>}"),
		ValidArgsFunction: cmdutil.CompleteReferences(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			ref, err := f.Reference(args[0])
			if err != nil {
				return err
			}
			if ref.Target() == "" {
				return cmdutil.Usage("%q names neither a tag nor a digest", args[0])
			}
			if opts.Raw && opts.Exporter != nil {
				return cmdutil.Usage("--raw and --json exclude each other")
			}
			opts.Reference = ref
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return viewRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.Raw, "raw", false, "write the manifest itself, unchanged")
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, viewFields)
	return cmd
}

func viewRun(ctx context.Context, opts *viewOptions) error {
	c, err := opts.Connect(ctx, opts.Reference.Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	ref := opts.Reference
	c.Repository, c.Target = ref.Name, ref.Target()
	if opts.Raw {
		content, err := c.Client.ManifestContent(ctx, ref.Name, ref.Target())
		if err != nil {
			return cmdutil.Explain(ctx, c, err)
		}
		_, err = opts.IO.Out.Write(content.Data)
		return err
	}
	digest := ref.Digest
	if digest == "" {
		tag, err := c.Client.Tag(ctx, ref.Name, ref.Tag)
		if err != nil {
			return cmdutil.Explain(ctx, c, err)
		}
		digest = tag.Digest
	}
	m, err := c.Client.Manifest(ctx, ref.Name, digest)
	if err != nil {
		return cmdutil.Explain(ctx, c, err)
	}
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, object(m))
	}
	return cmdutil.PrintPairs(opts.IO, pairs(m))
}

func pairs(m registry.Manifest) [][2]string {
	refs := make([]string, 0, len(m.References))
	for _, r := range m.References {
		refs = append(refs, platform(r.OS, r.Architecture)+" "+r.Digest)
	}
	out := [][2]string{
		{"digest", m.Digest}, {"media type", m.MediaType}, {"config media type", m.ConfigMediaType},
		{"artifact type", m.ArtifactType},
		{"platform", platform(m.OS, m.Architecture)}, {"size", fmt.Sprint(m.Size)},
		{"created", cmdutil.Time(m.CreatedTime)}, {"updated", cmdutil.Time(m.LastUpdateTime)},
		{"tags", strings.Join(m.Tags, ",")}, {"locks", cmdutil.Locks(m.Attributes)},
	}
	for _, r := range refs {
		out = append(out, [2]string{"reference", r})
	}
	return out
}
