package emulator

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

func newCmdSeed(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use: "seed <command>", Short: "Write and check seed files",
		Long: "A seed is a YAML file that says what the emulator holds at first: Entra tenants and\napplications, registries with their scope maps, tokens and repositories.",
	})
	cmd.AddCommand(NewCmdSeedInit(f, nil), NewCmdSeedCheck(f, nil))
	return cmd
}

// SeedInitOptions are what "emulator seed init" needs.
type SeedInitOptions struct {
	IO     *iostreams.IOStreams
	File   string // "-" is stdout
	Force  bool
	Schema bool
}

// NewCmdSeedInit returns "emulator seed init". A runF other than nil runs instead
// of it.
func NewCmdSeedInit(f *cmdutil.Factory, runF func(context.Context, *SeedInitOptions) error) *cobra.Command {
	opts := &SeedInitOptions{IO: f.IO}
	cmd := &cobra.Command{
		Use:   "init [<file>]",
		Short: "Write a commented seed to start from",
		Long: "Write a commented seed to start from, to seed.yaml or to the file that is named; -\n" +
			"is stdout. Its passwords are public: they are for this machine only.",
		Example: "$ acrkit emulator seed init\n$ acrkit emulator seed init -\n\n# The JSON schema, for an editor\n$ acrkit emulator seed init --schema seed.schema.json",
		Args:    cmdutil.MaxArgs(1),
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
			return seedInitRun(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVarP(&opts.Force, "force", "f", false, "overwrite the file")
	cmd.Flags().BoolVar(&opts.Schema, "schema", false, "write the JSON schema of seeds instead")
	return cmd
}

func seedInitRun(_ context.Context, opts *SeedInitOptions) error {
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
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: "it exists", Hint: sentence.Fix(sentence.OverwriteSeed, map[string]string{"file": opts.File})}
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

// SeedCheckOptions are what "emulator seed check" needs.
type SeedCheckOptions struct {
	IO   *iostreams.IOStreams
	File string
}

// NewCmdSeedCheck returns "emulator seed check". A runF other than nil runs
// instead of it.
func NewCmdSeedCheck(f *cmdutil.Factory, runF func(context.Context, *SeedCheckOptions) error) *cobra.Command {
	opts := &SeedCheckOptions{IO: f.IO}
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
			return seedCheckRun(cmd.Context(), opts)
		},
	}
}

func seedCheckRun(_ context.Context, opts *SeedCheckOptions) error {
	s, err := readSeed(opts.File, opts.IO.In)
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

// readSeed reads a seed from a file, or from in where path is "-".
func readSeed(path string, in io.Reader) (*seed.Seed, error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("read the seed %q", path), Errs: []error{err},
				Hint: sentence.Fix(sentence.WriteSeed, map[string]string{"file": path})}
		}
		defer file.Close()
		in = file
	}
	s, err := seed.Read(in)
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		out := *e
		out.Code = acrkit.CodeUsage // too large is wrong usage here like any other bad file
		out.Op = fmt.Sprintf("read the seed %q", path)
		out.Hint = sentence.Fix(sentence.ShowSeed, nil)
		return nil, &out
	}
	return s, err
}
