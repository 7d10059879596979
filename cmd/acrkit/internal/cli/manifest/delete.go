package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/change"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/registry"
)

// deleteOptions are what "manifest delete" needs.
type deleteOptions struct {
	change.DeleteOptions
	Force bool // also what an index refers to
}

var deleteFields = []string{"reference", "status", "digest", "tags", "referrers", "indexes", "error"}

type deleteJSON struct {
	change.Result
	Digest    string   `json:"digest"`    // "" = not known
	Tags      []string `json:"tags"`      // which go with it; null = not known
	Referrers *int     `json:"referrers"` // which go with it; null = not counted
	Indexes   []string `json:"indexes"`   // digests of those that refer to it; null = not known
}

// newCmdDelete returns "manifest delete". A runF other than nil runs instead of it.
func newCmdDelete(f *cmdutil.Factory, runF func(context.Context, *deleteOptions) error) *cobra.Command {
	opts := &deleteOptions{}
	if runF == nil {
		runF = deleteRun
	}
	cmd := &cobra.Command{
		Use:   "delete [<registry>/]<repository>{:<tag>|@<digest>}...",
		Short: "Delete manifests with their tags",
		Long: "Delete manifests with all their tags, and with their referrers, such as signatures.\n\n" +
			"What will go is shown first, and a terminal is asked. A tag is resolved to a digest,\n" +
			"and the manifest is " +
			"deleted by this digest; if digest or tags have changed since they\nwere shown, it is not deleted. Each " +
			"manifest has a line in the output, with its tags.\n\n" +
			"A manifest that an index refers to is kept, because pulls of its platform would fail:\n" +
			"name the index, too, " +
			"or give --force. To find out, every index of the repository is\n" +
			"read. The manifests that an index refers " +
			"to stay when it is deleted.\n\n" +
			"This needs content/delete and metadata/read on the repository, and content/read to\ncount referrers.",
		Example: "$ acrkit manifest delete samples/app:v1 --dry-run\n$ acrkit manifest delete samples/app:v1\n\n" +
			"# Manifests without a tag; those of a multi-arch image are kept\n" +
			"$ acrkit manifest list samples/app --json digest,tags --jq '.[] | select(.tags == []) | " +
			"\"samples/app@\" + .digest' | xargs acrkit manifest delete --yes",
		Args:              cmdutil.MinArgs(1, needsManifests),
		ValidArgsFunction: cmdutil.CompleteEachReference(f),
	}
	cmd.Flags().BoolVar(&opts.Force, "force", false, "also delete what an index refers to")
	return change.DeleteCommand(f, cmd, &opts.DeleteOptions, deleteFields, checkManifest,
		func(ctx context.Context) error { return runF(ctx, opts) })
}

// fate is what is known of a manifest before it is deleted.
type fate struct {
	digest    string
	tags      []string // nil = not known
	children  int      // of an index
	referrers *int     // nil = not counted
	indexes   []string // which refer to it and stay; nil = not known
	locks     registry.Attributes
}

// deletion is one run of the command.
type deletion struct {
	*deleteOptions
	c         *cmdutil.Connection
	parents   map[acrkit.Repository]*parents
	referrers map[string]*int // by digest
	named     map[string]bool // digests that the command names
	gone      map[string]bool // digests that it has deleted
}

func deleteRun(ctx context.Context, opts *deleteOptions) error {
	c, err := opts.Connect(ctx, opts.References[0].Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	x := &deletion{opts, c, map[acrkit.Repository]*parents{}, map[string]*int{}, map[string]bool{}, map[string]bool{}}
	refs := x.order(ctx, opts.References)
	d := change.Delete[fate]{
		DeleteOptions: &opts.DeleteOptions, Connection: c,
		One: "manifest", Many: "manifests",
		Read: x.read,
		Same: func(shown, now fate) bool { return shown.digest == now.digest && slices.Equal(shown.tags, now.tags) },
		Show: fate.String,
		Locks: func(ref acrkit.Reference, p fate) (acrkit.Reference, registry.Attributes, bool) {
			return acrkit.Reference{Repository: ref.Repository, Digest: p.digest}, p.locks, p.tags != nil
		},
		Delete: x.delete,
		Header: []string{"DIGEST", "TAGS"},
		Cells:  func(p fate) []string { return []string{p.digest, strings.Join(p.tags, ",")} },
		Object: func(r change.Result, p fate) any {
			return deleteJSON{r, p.digest, p.tags, p.referrers, p.indexes}
		},
	}
	return d.Run(ctx, refs)
}

// read finds out what would go with a manifest, and refuses one that an index needs.
func (x *deletion) read(ctx context.Context, ref acrkit.Reference) (fate, error) {
	ref, err := resolve(ctx, x.c.Client, ref)
	if err != nil {
		return fate{}, err
	}
	p := fate{digest: ref.Digest}
	x.c.Target = ref.Digest
	m, err := x.c.Client.Manifest(ctx, ref.Name, ref.Digest)
	switch {
	case errors.Is(err, acrkit.CodeInsufficientScope) && x.Force:
		return p, nil // to delete it, content/delete suffices
	case err != nil:
		return p, err
	}
	p.tags, p.children, p.locks = append([]string{}, m.Tags...), len(m.References), m.Attributes
	if x.DryRun || x.Confirm.Asks() {
		if p.referrers, err = x.countReferrers(ctx, ref); err != nil {
			return p, err
		}
	}
	if x.Force && !x.DryRun && !x.Confirm.Asks() {
		return p, nil
	}
	found, err := x.parentsOf(ctx, ref)
	if err != nil {
		return p, err
	}
	p.indexes = []string{}
	for _, index := range found {
		if !x.named[index] && !x.gone[index] {
			p.indexes = append(p.indexes, index)
		}
	}
	//rule:change-index-children
	if len(p.indexes) > 0 && !x.Force {
		return p, x.needed(ref, p.indexes[0])
	}
	return p, nil
}

// needed is the error of a manifest that an index refers to.
func (x *deletion) needed(ref acrkit.Reference, index string) error {
	return &acrkit.Error{Op: "delete the manifest " + ref.String(), Registry: ref.Registry,
		Reason: "the index " + index + " refers to it, and pulls of its platform would fail",
		Hint: sentence.Fix(sentence.DeleteWithIndex, map[string]string{"host": ref.Registry.Host(),
			"repository": ref.Name, "digest": ref.Digest, "index": index})}
}

// delete deletes a manifest, by the digest that was read.
func (x *deletion) delete(ctx context.Context, ref acrkit.Reference, p fate) error {
	ref.Tag, ref.Digest = "", p.digest
	if !x.Force {
		found, err := x.parentsOf(ctx, ref)
		if err != nil {
			return err
		}
		for _, index := range found {
			//rule:change-index-gone
			if !x.isGone(ctx, ref, index) { // the command names it, and could not delete it
				return x.needed(ref, index)
			}
		}
	}
	err := x.c.Client.DeleteManifest(ctx, ref.Name, p.digest)
	if err == nil {
		x.gone[p.digest] = true
	}
	return err
}

// isGone reports whether an index is deleted: by this command, or as far as the registry
// says.
func (x *deletion) isGone(ctx context.Context, ref acrkit.Reference, index string) bool {
	if x.gone[index] {
		return true
	}
	_, err := x.c.Client.Manifest(ctx, ref.Name, index)
	x.gone[index] = errors.Is(err, acrkit.CodeNotFound)
	return x.gone[index]
}

// countReferrers returns how many manifests refer to one, nil if the credential may not
// list them.
func (x *deletion) countReferrers(ctx context.Context, ref acrkit.Reference) (*int, error) {
	if n, ok := x.referrers[ref.Digest]; ok {
		return n, nil
	}
	n := new(int)
	for _, err := range x.c.Client.Referrers(ctx, ref.Name, ref.Digest, nil) {
		switch {
		case errors.Is(err, acrkit.CodeInsufficientScope):
			n = nil
		case err != nil:
			return nil, err
		default:
			*n++
		}
	}
	x.referrers[ref.Digest] = n
	return n, nil
}

func (p fate) String() string {
	parts := []string{p.digest}
	switch {
	case p.tags == nil:
		parts = append(parts, "its tags go with it, which are not known without metadata/read")
	case len(p.tags) > 0:
		parts = append(parts, fmt.Sprintf("%s with it: %s", change.Count(len(p.tags), "tag goes", "tags go"),
			change.Names(p.tags)))
	default:
		parts = append(parts, "no tag")
	}
	if p.referrers != nil && *p.referrers > 0 {
		parts = append(parts, change.Count(*p.referrers, "referrer goes", "referrers go")+" with it")
	}
	if p.children > 0 {
		parts = append(parts, change.Count(p.children, "manifest", "manifests")+" that the index refers to stay")
	}
	if len(p.indexes) > 0 {
		parts = append(parts, "broken by it: the index "+change.Names(p.indexes))
	}
	return strings.Join(parts, "; ")
}
