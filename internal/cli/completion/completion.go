// Package completion holds the "acrkit completion" command.
package completion

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/cli/iostreams"
)

// Options are what the command needs.
type Options struct {
	IO    *iostreams.IOStreams
	Root  *cobra.Command
	Shell string
}

// NewCmdCompletion returns the command. A runF other than nil runs instead of it.
func NewCmdCompletion(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO}
	cmd := &cobra.Command{
		Use:   "completion",
		Short: "Print a completion script for a shell",
		Long: "Print a script that lets a shell complete commands, flags, JSON fields and the\n" +
			"names of repositories.\n\n" +
			"bash:  eval \"$(acrkit completion -s bash)\"    in ~/.bashrc\n" +
			"zsh:   acrkit completion -s zsh > \"${fpath[1]}/_acrkit\"\n" +
			"fish:  acrkit completion -s fish > ~/.config/fish/completions/acrkit.fish\n" +
			"powershell:  acrkit completion -s powershell | Out-String | Invoke-Expression",
		Example: "$ eval \"$(acrkit completion -s bash)\"",
		Args:    cmdutil.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.Root = cmd.Root()
			if opts.Shell == "" {
				return cmdutil.Usage("--shell is needed: bash, zsh, fish or powershell")
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
	cmdutil.EnumFlagP(cmd, &opts.Shell, "shell", "s", "", "the shell", "bash", "zsh", "fish", "powershell")
	return cmd
}

func run(_ context.Context, opts *Options) error {
	switch opts.Shell {
	case "zsh":
		return opts.Root.GenZshCompletion(opts.IO.Out)
	case "fish":
		return opts.Root.GenFishCompletion(opts.IO.Out, true)
	case "powershell":
		return opts.Root.GenPowerShellCompletionWithDesc(opts.IO.Out)
	}
	return opts.Root.GenBashCompletionV2(opts.IO.Out, true)
}
