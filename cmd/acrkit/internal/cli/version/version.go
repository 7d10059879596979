// Package version holds the "acrkit version" command.
package version

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	build "github.com/acrkit/acrkit/internal/version"
)

// Options are what the command needs.
type Options struct {
	IO *iostreams.IOStreams
}

// NewCmdVersion returns the command. A runF other than nil runs instead of it.
func NewCmdVersion(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show which build this is",
		Args:  cmdutil.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return Print(opts.IO)
		},
	}
	return cmd
}

// Print writes what the command prints; "acrkit --version" does the same.
func Print(s *iostreams.IOStreams) error {
	_, err := fmt.Fprintf(s.Out, "acrkit %s\n", build.Get())
	return err
}
