package seed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/sentence"
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
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if opts.Force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	op := fmt.Sprintf("write %q", opts.File)
	file, err := os.OpenFile(opts.File, flags, 0o600) // it will hold passwords
	if errors.Is(err, fs.ErrExist) {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: "it exists",
			Hint: sentence.Fix(sentence.OverwriteSeed, map[string]string{"file": opts.File})}
	}
	if err != nil {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Errs: []error{err}}
	}
	if !opts.Schema {
		err = makePrivate(file)
	}
	if err == nil {
		_, err = io.WriteString(file, text)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return &acrkit.Error{Op: op, Errs: []error{err}}
	}
	if opts.Schema {
		cmdutil.Say(opts.IO.ErrOut, "wrote %s, the schema of seed files, for an editor", opts.File)
		return nil
	}
	cmdutil.Say(opts.IO.ErrOut, "wrote %s; next: acrkit emulator start --seed %s", opts.File, shell.Quote(opts.File))
	return nil
}

// makePrivate makes an existing file unreadable for other users before passwords are
// written to it. What is not a regular file, such as a pipe, is left unchanged.
func makePrivate(file *os.File) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	return file.Chmod(0o600)
}
