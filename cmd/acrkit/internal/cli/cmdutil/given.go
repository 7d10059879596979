package cmdutil

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/acrkit/acrkit/internal/shell"
)

// GivenCommand returns what the user ran, as a shell takes it, without the flags named in
// except.
func GivenCommand(cmd *cobra.Command, args []string, except ...string) string {
	words := []string{cmd.CommandPath()}
	for _, arg := range args {
		words = append(words, shell.Quote(arg))
	}
	return strings.Join(words, " ") + GivenFlags(cmd, except...)
}

// GivenFlags returns the flags that the user gave, but for those named in except, as
// a shell takes them: for a hint that repeats the command. Each begins with a blank.
func GivenFlags(cmd *cobra.Command, except ...string) string {
	var b strings.Builder
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if slices.Contains(except, f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if several, ok := f.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, v := range values {
			switch {
			case f.Value.Type() != "bool":
				b.WriteString(" --" + f.Name + " " + shell.Quote(v))
			case v == "true":
				b.WriteString(" --" + f.Name)
			default:
				b.WriteString(" --" + f.Name + "=" + v)
			}
		}
	})
	return b.String()
}
