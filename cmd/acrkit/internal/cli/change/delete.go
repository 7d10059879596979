package change

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/registry"
)

// DeleteOptions are what a command needs that deletes.
type DeleteOptions struct {
	Connect  func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Exporter *cmdutil.Exporter
	Confirm  cmdutil.Confirm

	References []acrkit.Reference
	DryRun     bool

	command string // its path
}

// DeleteCommand completes a command that deletes things of a kind: its arguments, flags and
// run. check refuses a reference that names no such thing; fields are those of --json.
func DeleteCommand(f *cmdutil.Factory, cmd *cobra.Command, opts *DeleteOptions, fields []string,
	check func(acrkit.Reference) error, run func(context.Context) error) *cobra.Command {
	opts.Connect = f.Connect
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if opts.References, err = references(f, args, check); err != nil {
			return err
		}
		if err := opts.Confirm.Possible(); err != nil && !opts.DryRun {
			return err
		}
		opts.command = cmd.CommandPath()
		return run(cmd.Context())
	}
	cmd.Flags().BoolVar(&opts.DryRun, "dry-run", false, "show what would go, and change nothing")
	cmdutil.AddConfirmFlag(cmd, f, &opts.Confirm)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, fields)
	return cmd
}

// Delete deletes what references name. P is what is known of an item before it is deleted.
type Delete[P any] struct {
	*DeleteOptions
	Connection *cmdutil.Connection

	One, Many string // "tag", "tags"

	// Read returns what will go. It is called again before the item is deleted; an error
	// refuses to delete it. [acrkit.CodeNotFound] also says, after a delete without an
	// answer, that the item is gone.
	Read func(context.Context, acrkit.Reference) (P, error)
	// Same reports whether what was shown is still what will go.
	Same func(shown, now P) bool
	// Show says what will go, in one clause.
	Show func(P) string
	// Locks returns the item with its own attributes, and false if they are not known.
	Locks func(acrkit.Reference, P) (acrkit.Reference, registry.Attributes, bool)
	// Delete deletes what Read returned.
	Delete func(context.Context, acrkit.Reference, P) error

	Header []string
	Cells  func(P) []string    // of a row, after reference and status
	Object func(Result, P) any // of --json

	known        map[acrkit.Reference]P   // what was read last
	ends         map[acrkit.Reference]end // what became of it
	repositories map[acrkit.Repository]registry.Attributes
}

type end struct {
	status Status
	err    error
}

// Run deletes what the references name, in their order.
func (d *Delete[P]) Run(ctx context.Context, refs []acrkit.Reference) error {
	r := &run{io: d.Confirm.IO, conn: d.Connection, command: d.command, several: len(refs) > 1}
	d.known, d.ends = map[acrkit.Reference]P{}, map[acrkit.Reference]end{}
	d.repositories = map[acrkit.Repository]registry.Attributes{}
	asks := d.Confirm.Asks()
	if d.DryRun || asks {
		n := d.plan(ctx, r, refs)
		if !d.DryRun && n > 0 && ctx.Err() == nil {
			if err := d.Confirm.Ask(ctx, d.question(n)); err != nil {
				return err
			}
		}
	}
	for _, ref := range refs {
		if _, ended := d.ends[ref]; d.DryRun || ended || ctx.Err() != nil {
			continue
		}
		status, err := d.delete(ctx, r, ref, asks)
		d.end(ctx, r, ref, status, err)
	}
	if err := d.print(ctx, refs); err != nil {
		return err
	}
	return r.end(ctx)
}

func (d *Delete[P]) question(n int) string {
	return fmt.Sprintf("Delete %s on %s?", Count(n, d.One, d.Many), d.Connection.Registry.Host())
}

// plan reads what will go, shows it to a person, and returns how many of the references
// can be deleted.
func (d *Delete[P]) plan(ctx context.Context, r *run, refs []acrkit.Reference) (n int) {
	for _, ref := range refs {
		if ctx.Err() != nil {
			return n
		}
		r.about(ref)
		p, err := d.Read(ctx, ref)
		d.known[ref] = p
		if err == nil {
			err = d.locked(ctx, ref, p)
		}
		if err != nil {
			d.end(ctx, r, ref, statusUnsent(ctx), err)
		} else if d.DryRun {
			d.end(ctx, r, ref, WouldDelete, nil)
		}
		if err == nil {
			n++
		}
		if err == nil && !d.DryRun {
			cmdutil.Say(r.io.ErrOut, "%s: %s", ref, d.Show(p))
		}
	}
	return n
}

// locked returns an error if a lock of the item, or of its repository, will forbid to
// delete it. Other locks may.
func (d *Delete[P]) locked(ctx context.Context, ref acrkit.Reference, p P) error {
	item, a, ok := d.Locks(ref, p)
	if !ok {
		return nil
	}
	//rule:change-dry-run-locks
	if !a.Delete || !a.Write {
		return lockedError(item, d.One, a)
	}
	if ref.Target() == "" {
		return nil
	}
	of, ok := d.repositories[ref.Repository]
	if !ok {
		r, err := d.Connection.Client.Repository(ctx, ref.Name)
		if err != nil {
			return err
		}
		of = r.Attributes
		d.repositories[ref.Repository] = of
	}
	if !of.Delete || !of.Write {
		return lockedError(ref, "repository", of)
	}
	return nil
}

func lockedError(ref acrkit.Reference, item string, a registry.Attributes) error {
	e := &acrkit.Error{Code: acrkit.CodeLocked, Op: "delete " + ref.String(), Registry: ref.Registry,
		Reason: fmt.Sprintf("a lock of the %s forbids it (%s)", item, cmdutil.Locks(a))}
	key := sentence.UnlockRepository
	switch e.Cause = cause.RepositoryLocked; item {
	case "tag":
		e.Cause, key = cause.TagLocked, sentence.UnlockTag
	case "manifest":
		e.Cause, key = cause.ManifestLocked, sentence.UnlockManifest
	}
	e.Hint = sentence.Fix(key, map[string]string{"host": ref.Registry.Host(), "repository": ref.Name, "tag": ref.Tag,
		"digest": ref.Digest})
	return e
}

// delete deletes one item. If it was shown to a person, it must still be what was shown.
func (d *Delete[P]) delete(ctx context.Context, r *run, ref acrkit.Reference, wasShown bool) (Status, error) {
	r.about(ref)
	p, err := d.Read(ctx, ref)
	shown := d.known[ref]
	d.known[ref] = p
	if err != nil {
		return statusUnsent(ctx), err
	}
	//rule:change-shown
	if wasShown && !d.Same(shown, p) {
		return Failed, &acrkit.Error{Op: "delete " + ref.String(), Registry: r.conn.Registry,
			Reason: "it has changed since it was shown, and was not deleted; it is now: " + d.Show(p)}
	}
	if err = d.Delete(ctx, ref, p); err == nil {
		return Deleted, nil
	}
	var again error
	if unanswered(ctx, err) {
		p, again = d.Read(ctx, ref)
		if errors.Is(again, acrkit.CodeNotFound) {
			cmdutil.Say(r.io.ErrOut, "%s: the answer to the request did not come, and it is gone.", ref)
			return Deleted, nil
		}
		if _, _, known := d.Locks(ref, p); !known {
			again = err // it may not be read
		}
	}
	return statusOf(ctx, err, again), err
}

// end notes what became of a reference.
func (d *Delete[P]) end(ctx context.Context, r *run, ref acrkit.Reference, status Status, err error) {
	if err != nil {
		err = r.failed(ctx, err)
	}
	d.ends[ref] = end{status, err}
}

func (d *Delete[P]) print(ctx context.Context, refs []acrkit.Reference) error {
	return printRows(ctx, d.Confirm.IO, d.Exporter, refs, append([]string{"REFERENCE", "STATUS"}, d.Header...),
		func(ref acrkit.Reference) ([]string, any) {
			e, ended := d.ends[ref]
			if !ended {
				e.status = NotTried
			}
			res := Result{ref.String(), e.status, message(e.err)}
			row := []string{shortReference(d.Confirm.IO, ref), string(res.Status)}
			return append(row, d.Cells(d.known[ref])...), d.Object(res, d.known[ref])
		})
}
