package cmdutil

import (
	"errors"
	"iter"
	"testing"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// TestExporter_WriteEach: one object a line, whole JSON also for an empty list, and nothing
// in it that controls a terminal.
func TestExporter_WriteEach(t *testing.T) {
	type item struct {
		Name  string `json:"name"`
		Other string `json:"other"`
	}
	items := func(all ...item) iter.Seq2[any, error] {
		return func(yield func(any, error) bool) {
			for _, x := range all {
				if !yield(x, nil) {
					return
				}
			}
		}
	}
	for _, x := range []struct {
		flags []string
		items iter.Seq2[any, error]
		want  string
	}{
		{[]string{"--json", "name"}, items(item{"a", "x"}, item{"b", "y"}), "[\n{\"name\":\"a\"},\n{\"name\":\"b\"}\n]\n"},
		{[]string{"--json", "name"}, items(), "[]\n"},
		{[]string{"--json", "name", "--jq", "length"}, items(item{}, item{}), "2\n"},
		{[]string{"--json", "name", "--jq", "length"}, items(), "0\n"},
		{[]string{"--json", "name", "--template", "{{range .}}{{.name}};{{end}}"}, items(item{Name: "a"}), "a;"},
		{[]string{"--json", "name"}, items(item{Name: "a\u202eb<"}), "[\n{\"name\":\"a\\u202eb<\"}\n]\n"},
	} {
		s, _, out, _ := iostreams.Test()
		var e *Exporter
		cmd := &cobra.Command{RunE: func(cmd *cobra.Command, _ []string) error {
			return e.WriteEach(cmd.Context(), s, x.items)
		}}
		AddJSONFlags(cmd, &e, []string{"name"})
		cmd.SetArgs(x.flags)
		if err := cmd.ExecuteContext(t.Context()); err != nil || out.String() != x.want {
			t.Errorf("%q: %v\n%q, want\n%q", x.flags, err, out, x.want)
		}
	}
	s, _, _, _ := iostreams.Test()
	failed := errors.New("failed")
	err := (&Exporter{fields: []string{"name"}}).WriteEach(t.Context(), s, func(yield func(any, error) bool) {
		yield(nil, failed)
	})
	if !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}
