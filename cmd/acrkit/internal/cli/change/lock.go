package change

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/registry"
)

// Lock is a command that locks or unlocks what references name.
type Lock struct {
	IO       *iostreams.IOStreams
	Connect  func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Exporter *cmdutil.Exporter

	References []acrkit.Reference
	Change     registry.AttributeChange
	DryRun     bool

	kind    LockKind
	unlock  bool
	command string
}

// LockKind is what can be locked.
type LockKind struct {
	// Check refuses a reference that names no such thing.
	Check func(acrkit.Reference) error
	// Resolve returns the reference whose lock it is; nil returns it unchanged.
	Resolve func(context.Context, *registry.Client, acrkit.Reference) (acrkit.Reference, error)
	Read    func(context.Context, *registry.Client, acrkit.Reference) (registry.Attributes, error)
	Update  func(context.Context, *registry.Client, acrkit.Reference, registry.AttributeChange) (registry.Attributes,
		error)
}

var lockFields = []string{"reference", "status", "before", "after", "error"}

// lockJSON is a result with the attributes before and after, null where they are not
// known.
type lockJSON struct {
	ref acrkit.Reference
	Result
	Before *registry.Attributes `json:"before"`
	After  *registry.Attributes `json:"after"`
}

// LockCommand completes a command that locks, or unlocks, things of a kind. A runF other
// than nil runs instead of it.
func LockCommand(f *cmdutil.Factory, cmd *cobra.Command, kind LockKind, unlock bool,
	runF func(context.Context, *Lock) error) *cobra.Command {
	opts := &Lock{IO: f.IO, Connect: f.Connect, kind: kind, unlock: unlock}
	var which struct{ write, remove, list, read bool }
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !which.write && !which.remove && !which.list && !which.read {
			which.write, which.remove = true, true
		}
		set := func(on bool) *bool {
			if !on {
				return nil
			}
			return &unlock
		}
		opts.Change = registry.AttributeChange{Delete: set(which.remove), Write: set(which.write),
			List: set(which.list), Read: set(which.read)}
		opts.command = cmd.CommandPath()
		var err error
		if opts.References, err = references(f, args, kind.Check); err != nil {
			return err
		}
		if runF != nil {
			return runF(cmd.Context(), opts)
		}
		return opts.run(cmd.Context())
	}
	verb := "forbid"
	if unlock {
		verb = "allow"
	}
	flags := cmd.Flags()
	flags.BoolVar(&which.remove, "delete", false, verb+" deleting")
	flags.BoolVar(&which.write, "write", false, verb+" writing, which deleting needs too")
	flags.BoolVar(&which.list, "list", false, verb+" listing")
	flags.BoolVar(&which.read, "read", false, verb+" reading: pulls")
	flags.BoolVar(&opts.DryRun, "dry-run", false, "show what would change, and change nothing")
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, lockFields)
	return cmd
}

// run locks or unlocks, in order.
func (l *Lock) run(ctx context.Context) error {
	c, err := l.Connect(ctx, l.References[0].Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	r := &run{io: l.IO, conn: c, command: l.command, several: len(l.References) > 1}
	ends := map[acrkit.Reference]lockJSON{}
	for _, ref := range l.References {
		res := lockJSON{ref: ref, Result: Result{ref.String(), NotTried, ""}}
		if ctx.Err() == nil {
			if res, err = l.one(ctx, r, ref); err != nil {
				res.Error = message(r.failed(ctx, err))
			}
		}
		ends[ref] = res
	}
	if err := printRows(ctx, l.IO, l.Exporter, l.References, []string{"REFERENCE", "STATUS", "BEFORE", "AFTER"},
		func(ref acrkit.Reference) ([]string, any) {
			e := ends[ref]
			return []string{shortReference(l.IO, e.ref), string(e.Status), locks(e.Before), locks(e.After)}, e
		}); err != nil {
		return err
	}
	return r.end(ctx)
}

// one changes the attributes of one item.
func (l *Lock) one(ctx context.Context, r *run, ref acrkit.Reference) (lockJSON, error) {
	res := lockJSON{ref: ref, Result: Result{Reference: ref.String()}}
	r.about(ref)
	c := r.conn.Client
	if l.kind.Resolve != nil {
		var err error
		if ref, err = l.kind.Resolve(ctx, c, ref); err != nil {
			res.Status = statusUnsent(ctx)
			return res, err
		}
		res.ref, res.Reference = ref, ref.String()
	}
	before, err := l.kind.Read(ctx, c, ref)
	switch {
	case err == nil:
		res.Before = &before
	case !errors.Is(err, acrkit.CodeInsufficientScope):
		res.Status = statusUnsent(ctx)
		return res, err
	default: // to change the attributes, metadata/write suffices
		cmdutil.Say(l.IO.ErrOut, "%s: its locks before the change are not known without metadata/read.", ref)
	}
	after := apply(before, l.Change)
	done, planned := Locked, WouldLock
	if l.unlock {
		done, planned = Unlocked, WouldUnlock
	}
	switch {
	case res.Before != nil && after == before:
		res.Status, res.After = Unchanged, &after
		return res, nil
	case l.DryRun:
		if res.Status = planned; res.Before != nil {
			res.After = &after
		}
		return res, nil
	}
	after, err = l.kind.Update(ctx, c, ref, l.Change)
	var again error
	if unanswered(ctx, err) {
		var now registry.Attributes
		if now, again = l.kind.Read(ctx, c, ref); again == nil && apply(now, l.Change) == now {
			cmdutil.Say(l.IO.ErrOut, "%s: the answer to the request did not come, and it is made.", ref)
			after, err = now, nil
		}
	}
	if err != nil {
		res.Status = statusOf(ctx, err, again)
		return res, err
	}
	res.Status, res.After = done, &after
	return res, nil
}

// apply returns attributes after a change.
func apply(a registry.Attributes, c registry.AttributeChange) registry.Attributes {
	for _, x := range []struct{ to, from *bool }{{&a.Delete, c.Delete}, {&a.Write, c.Write}, {&a.List, c.List},
		{&a.Read, c.Read}} {
		if x.from != nil {
			*x.to = *x.from
		}
	}
	return a
}

// locks names what attributes forbid; those that are not known, by nothing.
func locks(a *registry.Attributes) string {
	if a == nil {
		return ""
	}
	return cmdutil.Locks(*a)
}
