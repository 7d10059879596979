package seed

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/shell"
)

// initOptions are what "emulator seed init" needs.
type initOptions struct {
	IO     *iostreams.IOStreams
	File   string // "-" is stdout
	Force  bool
	Schema bool
}

// newCmdInit returns "emulator seed init". A runF other than nil runs instead
// of it.
func newCmdInit(f *cmdutil.Factory, runF func(context.Context, *initOptions) error) *cobra.Command {
	opts := &initOptions{IO: f.IO}
	cmd := &cobra.Command{
		Use:   "init [<file>]",
		Short: "Write a commented seed to start from",
		Long: "Write a commented seed to start from, to seed.yaml or to the file that is named; -\n" +
			"is stdout. Its passwords are public: they are for this machine only.",
		Example: "$ acrkit emulator seed init\n$ acrkit emulator seed init -\n\n# The JSON schema, for an editor\n$ " +
			"acrkit emulator seed init --schema seed.schema.json",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.File = "seed.yaml"
			if opts.Schema {
				opts.File = "seed.schema.json"
			}
			if len(args) == 1 {
				opts.File = args[0]
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return initRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVarP(&opts.Force, "force", "f", false, "overwrite the file")
	cmd.Flags().BoolVar(&opts.Schema, "schema", false, "write the JSON schema of seeds instead")
	return cmd
}

func initRun(_ context.Context, opts *initOptions) error {
	text := seed.Example()
	if opts.Schema {
		text = seed.Schema()
	}
	if opts.File == "-" {
		_, err := io.WriteString(opts.IO.Out, text)
		return err
	}
	if err := writeFile(opts.File, text, opts.Force, !opts.Schema, "init --force"); err != nil {
		return err
	}
	if opts.Schema {
		cmdutil.Say(opts.IO.ErrOut, "wrote %s, the schema of seed files, for an editor", opts.File)
		return nil
	}
	cmdutil.Say(opts.IO.ErrOut, "wrote %s; next: acrkit emulator start --seed %s", opts.File, shell.Quote(opts.File))
	return nil
}
