package cmdutil

import (
	"context"
	"iter"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// PrintEach prints a list that need not fit into memory, with [Exporter.WriteEach] where it
// becomes JSON. Each item is the object of --json.
func PrintEach[T any](ctx context.Context, s *iostreams.IOStreams, e *Exporter, items iter.Seq2[T, error],
	header []string, row func(T) []string) error {
	if e == nil {
		_, err := PrintList[T, any](ctx, s, nil, items, header, row, nil)
		return err
	}
	return e.WriteEach(ctx, s, func(yield func(any, error) bool) {
		for item, err := range items {
			if !yield(item, err) {
				return
			}
		}
	})
}
