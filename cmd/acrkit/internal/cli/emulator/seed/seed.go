// Package seed holds "acrkit emulator seed".
package seed

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

// NewCmdSeed returns "emulator seed" with its verbs.
func NewCmdSeed(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use: "seed <command>", Short: "Write and check seed files",
		Long: "A seed is a YAML file that says what the emulator holds at first: Entra tenants and\napplications, registries with their scope maps, tokens and repositories.",
	})
	cmd.AddCommand(newCmdInit(f, nil), newCmdCheck(f, nil))
	return cmd
}

// Read reads a seed from a file, or from in where path is "-".
func Read(path string, in io.Reader) (*seed.Seed, error) {
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
