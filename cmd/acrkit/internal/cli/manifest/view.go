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
	"createdTime", "lastUpdateTime", "tags", "references", "changeableAttributes", lockedTags, ofRepository,
}

// The fields of other locks that concern a manifest.
const (
	lockedTags   = "lockedTags"
	ofRepository = "repositoryAttributes"
)

type viewJSON struct {
	manifestJSON
	LockedTags []string            `json:"lockedTags"` // which forbid to delete it, or to move the tag
	Repository registry.Attributes `json:"repositoryAttributes"`
}

// newCmdView returns "manifest view". A runF other than nil runs instead of it.
func newCmdView(f *cmdutil.Factory, runF func(context.Context, *viewOptions) error) *cobra.Command {
	opts := &viewOptions{IO: f.IO, Connect: f.Connect}
	cmd := &cobra.Command{
		Use:   "view [<registry>/]<repository>{:<tag>|@<digest>}",
		Short: "Show a manifest",
		Long: "Show what the registry knows about a manifest, or with --raw the manifest itself,\n" +
			"byte for byte, after its digest was checked.\n\n" +
			"Its own lock, its locked tags and the lock of the repository are separate.\n\n" +
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
	v, err := readView(ctx, c.Client, ref.Name, digest, opts.Exporter)
	if err != nil {
		return cmdutil.Explain(ctx, c, err)
	}
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, v)
	}
	return cmdutil.PrintPairs(opts.IO, pairs(v))
}

// readView reads a manifest's properties, and of the locks around it those that e wants.
func readView(ctx context.Context, c *registry.Client, repository, digest string,
	e *cmdutil.Exporter) (v viewJSON, err error) {
	m, err := c.Manifest(ctx, repository, digest)
	if err != nil {
		return v, err
	}
	v.manifestJSON, v.LockedTags = object(m), []string{}
	if e.Wants(lockedTags) && len(m.Tags) > 0 {
		for t, err := range c.Tags(ctx, repository, &registry.ListOptions{Digest: digest}) {
			if err != nil {
				return v, err
			}
			if a := t.Attributes; !a.Delete || !a.Write || !a.Read || !a.List {
				v.LockedTags = append(v.LockedTags, t.Name)
			}
		}
	}
	if e.Wants(ofRepository) {
		r, err := c.Repository(ctx, repository)
		if err != nil {
			return v, err
		}
		v.Repository = r.Attributes
	}
	return v, nil
}

func pairs(m viewJSON) [][2]string {
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
		{"locked tags", strings.Join(m.LockedTags, ",")}, {"repository locks", cmdutil.Locks(m.Repository)},
	}
	for _, r := range refs {
		out = append(out, [2]string{"reference", r})
	}
	return out
}
