package change

import (
	"context"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// printRows prints a row or an object for each reference.
func printRows(ctx context.Context, s *iostreams.IOStreams, e *cmdutil.Exporter, refs []acrkit.Reference,
	header []string, of func(acrkit.Reference) (row []string, object any)) error {
	items := func(yield func(acrkit.Reference, error) bool) {
		for _, ref := range refs {
			if !yield(ref, nil) {
				return
			}
		}
	}
	// What was changed is printed after an interrupt, too.
	_, err := cmdutil.PrintList(context.WithoutCancel(ctx), s, e, items, header,
		func(ref acrkit.Reference) []string { row, _ := of(ref); return row },
		func(ref acrkit.Reference) any { _, object := of(ref); return object })
	return err
}

// shortReference leaves out the registry at a terminal: it is that of the command.
func shortReference(s *iostreams.IOStreams, ref acrkit.Reference) string {
	if s.IsStdoutTTY() {
		ref.Registry = acrkit.Registry{}
	}
	return ref.String()
}
