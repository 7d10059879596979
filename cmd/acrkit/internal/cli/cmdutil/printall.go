package cmdutil

import (
	"context"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// PrintAll prints a list that was read whole.
func PrintAll[T any](ctx context.Context, s *iostreams.IOStreams, e *Exporter, all []T, header []string,
	row func(T) []string) error {
	items := func(yield func(T, error) bool) {
		for _, x := range all {
			if !yield(x, nil) {
				return
			}
		}
	}
	_, err := PrintList(ctx, s, e, items, header, row, func(x T) T { return x })
	return err
}
