package seed

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

// newCmdExport returns "emulator seed export".
func newCmdExport(f *cmdutil.Factory) *cobra.Command {
	var output string
	var force bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what a running emulator holds as a seed",
		Long: "Write what a running emulator holds as a seed that another one starts with:\n" +
			"applications, subscriptions, resource groups, registries with their settings, scope\n" +
			"maps, tokens, role assignments, and the names and tags of repositories. Their images are\n" +
			"generated: pushed content is not in a seed.\n\n" +
			"It holds no secret. A comment replaces each password and client secret; tokens log\n" +
			"in once they have one again.",
		Example: "$ acrkit emulator seed export\n$ acrkit emulator seed export --output seed.yaml --data ./emulator",
		Args:    cmdutil.NoArgs,
	}
	c := target.AddFlags(cmd, f)
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to this `file`, which only you can read, not to stdout")
	cmd.Flags().BoolVarP(&force, "force", "f", false, "overwrite the file")
	cmd.RunE = c.Run(func(cmd *cobra.Command, cl *control.Client, _ []string) error {
		if force && output == "" {
			return cmdutil.Usage("--force needs --output")
		}
		text, err := cl.Seed(cmd.Context())
		if err != nil {
			return err
		}
		if output == "" {
			_, err := io.WriteString(f.IO.Out, text)
			return err
		}
		if err := writeFile(output, text, force, true, "export --force --output"); err != nil {
			return err
		}
		cmdutil.Say(f.IO.ErrOut, "wrote %s", output)
		return nil
	})
	return cmd
}
