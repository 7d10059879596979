package tag

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/registry"
)

var deleteFields = []string{"reference", "status", "digest", "otherTags", "error"}

type deleteJSON struct {
	change.Result
	Digest string   `json:"digest"`    // of the manifest, which stays; "" = not known
	Others []string `json:"otherTags"` // of that manifest; null = not known
}

// pointer is what a tag points to.
type pointer struct {
	digest string
	others []string // other tags of the manifest
	locks  registry.Attributes
}

// newCmdDelete returns "tag delete". A runF other than nil runs instead of it.
func newCmdDelete(f *cmdutil.Factory, runF func(context.Context, *change.DeleteOptions) error) *cobra.Command {
	opts := &change.DeleteOptions{}
	if runF == nil {
		runF = deleteRun
	}
	cmd := &cobra.Command{
		Use:   "delete [<registry>/]<repository>:<tag>...",
		Short: "Delete tags, and leave their manifests",
		Long: "Delete tags. The manifest that a tag points to stays, with its other tags; \"acrkit\n" +
			"manifest delete\" " +
			"deletes it.\n\n" +
			"What will go is shown first, and a terminal is asked. A tag that was moved to another\nmanifest " +
			"meanwhile is not deleted. Each tag has a line in the output, with its digest.\n\n" +
			"This needs content/delete on the repository, and metadata/read to see the digest.",
		Example: "$ acrkit tag delete samples/app:pr-17 samples/app:pr-18\n\n" +
			"# In a pipeline\n$ acrkit tag delete --yes samples/app:pr-17",
		Args:              cmdutil.MinArgs(1, needsTags),
		ValidArgsFunction: cmdutil.CompleteEachReference(f),
	}
	return change.DeleteCommand(f, cmd, opts, deleteFields, checkTag,
		func(ctx context.Context) error { return runF(ctx, opts) })
}

func deleteRun(ctx context.Context, opts *change.DeleteOptions) error {
	c, err := opts.Connect(ctx, opts.References[0].Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	d := change.Delete[pointer]{
		DeleteOptions: opts, Connection: c,
		One: "tag", Many: "tags",
		Read: func(ctx context.Context, ref acrkit.Reference) (pointer, error) {
			t, err := c.Client.Tag(ctx, ref.Name, ref.Tag)
			if errors.Is(err, acrkit.CodeInsufficientScope) {
				return pointer{}, nil // to delete a tag, content/delete suffices
			}
			if err != nil {
				return pointer{}, err
			}
			m, err := c.Client.Manifest(ctx, ref.Name, t.Digest)
			others := slices.DeleteFunc(append([]string{}, m.Tags...), func(tag string) bool { return tag == t.Name })
			return pointer{t.Digest, others, t.Attributes}, err
		},
		Same: func(shown, now pointer) bool { return shown.digest == now.digest },
		Show: pointer.String,
		Locks: func(ref acrkit.Reference, p pointer) (acrkit.Reference, registry.Attributes, bool) {
			return ref, p.locks, p.digest != ""
		},
		Delete: func(ctx context.Context, ref acrkit.Reference, _ pointer) error {
			return c.Client.DeleteTag(ctx, ref.Name, ref.Tag)
		},
		Header: []string{"DIGEST", "OTHER TAGS"},
		Cells:  func(p pointer) []string { return []string{p.digest, strings.Join(p.others, ",")} },
		Object: func(r change.Result, p pointer) any { return deleteJSON{r, p.digest, p.others} },
	}
	return d.Run(ctx, opts.References)
}

func (p pointer) String() string {
	switch {
	case p.digest == "":
		return "the manifest stays; which one is not known without metadata/read"
	case len(p.others) == 0:
		return "the manifest " + p.digest + " stays, without a tag"
	}
	return "the manifest " + p.digest + " stays, with " + change.Names(p.others)
}
