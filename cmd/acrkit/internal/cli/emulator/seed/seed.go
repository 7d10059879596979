// Package seed holds "acrkit emulator seed".
package seed

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/sentence"
)

// NewCmdSeed returns "emulator seed" with its verbs.
func NewCmdSeed(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use: "seed <command>", Short: "Write, check, export and import seed files",
		Long: "A seed is a YAML file that says what the emulator holds at first: Entra tenants and\napplications, " +
			"registries with their scope maps, tokens and repositories.",
	})
	cmd.AddCommand(newCmdInit(f, nil), newCmdCheck(f, nil), newCmdExport(f), newCmdImport(f, nil))
	return cmd
}

// Read reads a seed from a file, or from in where path is "-". The values that are elsewhere
// come from there; a nil from leaves them out.
func Read(path string, in io.Reader, from *seed.Sources) (*seed.Seed, error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("read the seed %q", path),
				Errs: []error{err},
				Hint: sentence.Fix(sentence.WriteSeed, map[string]string{"file": path})}
		}
		defer file.Close()
		in = file
	}
	s, err := seed.ReadFrom(in, from)
	return s, seedError(err, fmt.Sprintf("%q", path))
}

// ReadText is [Read] for the text of a seed; where is its place, for errors.
func ReadText(text, where string, from *seed.Sources) (*seed.Seed, error) {
	s, err := seed.ReadFrom(strings.NewReader(text), from)
	return s, seedError(err, where)
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
