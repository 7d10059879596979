package cmdutil

import (
	"context"
	"iter"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/registry"
)

// PrintList writes a list: row by row as it comes where a person or a pipe
// reads, whole where it becomes JSON, so that half a list never looks like one.
// It returns how many items there were.
func PrintList[T, J any](ctx context.Context, s *iostreams.IOStreams, e *Exporter, items iter.Seq2[T, error],
	header []string, row func(T) []string, object func(T) J) (int, error) {
	n := 0
	if e != nil {
		var all []T
		for item, err := range items {
			if err != nil {
				return n, err
			}
			all = append(all, item)
			n++
		}
		// Only now is it known whether the list is complete.
		objects := make([]J, 0, n)
		for _, item := range all {
			objects = append(objects, object(item))
		}
		return n, e.Write(ctx, s, objects)
	}
	table := s.NewTable(header...)
	for item, err := range items {
		if err != nil {
			_ = table.Flush() // the failure of the list is the one to report
			return n, err
		}
		if err := table.Row(row(item)...); err != nil {
			return n, err
		}
		n++
	}
	return n, table.Flush()
}

// Order returns the order of a list by the word of the --order flag.
func Order(word string) registry.Order {
	switch word {
	case "newest":
		return registry.OrderNewestFirst
	case "oldest":
		return registry.OrderOldestFirst
	}
	return registry.OrderDefault
}
