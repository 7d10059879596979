package seed

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// checkOptions are what "emulator seed check" needs.
type checkOptions struct {
	IO   *iostreams.IOStreams
	File string
}

// newCmdCheck returns "emulator seed check". A runF other than nil runs
// instead of it.
func newCmdCheck(f *cmdutil.Factory, runF func(context.Context, *checkOptions) error) *cobra.Command {
	opts := &checkOptions{IO: f.IO}
	return &cobra.Command{
		Use:     "check <file>",
		Short:   "Check a seed file",
		Long:    "Check a seed file: unknown keys, values of the wrong kind, and what could not exist\nin ACR are errors, with their lines. - is stdin.",
		Example: "$ acrkit emulator seed check seed.yaml",
		Args:    cmdutil.ExactArgs(1, "a seed file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.File = args[0]
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return checkRun(cmd.Context(), opts)
		},
	}
}

func checkRun(_ context.Context, opts *checkOptions) error {
	s, err := Read(opts.File, opts.IO.In, nil)
	if err != nil {
		return err
	}
	repositories, tokens := 0, 0
	for _, r := range s.Registries {
		repositories += len(r.Repositories)
		tokens += len(r.Tokens)
	}
	_, err = fmt.Fprintf(opts.IO.Out, "%s is good: %d registries, %d repositories, %d tokens\n", opts.File, len(s.Registries), repositories, tokens)
	return err
}
