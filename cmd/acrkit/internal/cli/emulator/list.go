package emulator

import (
	"context"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// printAll prints a list that was read whole.
func printAll[T any](ctx context.Context, s *iostreams.IOStreams, e *cmdutil.Exporter, all []T, header []string, row func(T) []string) error {
	items := func(yield func(T, error) bool) {
		for _, x := range all {
			if !yield(x, nil) {
				return
			}
		}
	}
	_, err := cmdutil.PrintList(ctx, s, e, items, header, row, func(x T) T { return x })
	return err
}
