package emulator

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/sentence"
)

func newCmdSeed(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use: "seed <command>", Short: "Write and check seed files",
		Long: "A seed is a YAML file that says what the emulator holds at first: Entra tenants and\napplications, registries with their scope maps, tokens and repositories.",
	})
	cmd.AddCommand(NewCmdSeedInit(f, nil), NewCmdSeedCheck(f, nil))
	return cmd
}

// readSeed reads a seed from a file, or from in where path is "-", without the values that
// are elsewhere.
func readSeed(path string, in io.Reader) (*seed.Seed, error) { return readSeedFrom(path, in, nil) }

// readSeedFrom is readSeed, with the values that are elsewhere unless from is nil.
func readSeedFrom(path string, in io.Reader, from *seed.Sources) (*seed.Seed, error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("read the seed %q", path), Errs: []error{err},
				Hint: sentence.Fix(sentence.WriteSeed, map[string]string{"file": path})}
		}
		defer file.Close()
		in = file
	}
	s, err := seed.ReadFrom(in, from)
	return s, seedError(err, fmt.Sprintf("%q", path))
}

// seedError is the error of a seed that was read at a place.
func seedError(err error, where string) error {
	if e, ok := errors.AsType[*acrkit.Error](err); ok {
		out := *e
		out.Code = acrkit.CodeUsage // too large is wrong usage here like any other bad file
		out.Op = "read the seed " + where
		out.Hint = sentence.Fix(sentence.ShowSeed, nil)
		return &out
	}
	return err
}
