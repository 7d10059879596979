// Package completion holds the "acrkit completion" command.
package completion

import (
	"context"
	"slices"
	"strings"

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

var shells = []string{"bash", "zsh", "fish", "powershell"}

// NewCmdCompletion returns the command. A runF other than nil runs instead of it.
func NewCmdCompletion(f *cmdutil.Factory, runF func(context.Context, *Options) error) *cobra.Command {
	opts := &Options{IO: f.IO}
	cmd := &cobra.Command{
		Use:   "completion {bash|zsh|fish|powershell}",
		Short: "Print a completion script for a shell",
		Long: "Print a script that lets a shell complete commands, flags, their values, JSON\n" +
			"fields, and the names of repositories, tags, tokens, scope maps and causes.\n\n" +
			"bash:  eval \"$(acrkit completion bash)\"    in ~/.bashrc\n" +
			"zsh:   acrkit completion zsh > \"${fpath[1]}/_acrkit\"\n" +
			"fish:  acrkit completion fish > ~/.config/fish/completions/acrkit.fish\n" +
			"powershell:  acrkit completion powershell | Out-String | Invoke-Expression",
		Example:   "$ eval \"$(acrkit completion bash)\"",
		Args:      cmdutil.ExactArgs(1, "a shell: "+strings.Join(shells, ", ")),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Root, opts.Shell = cmd.Root(), args[0]
			if !slices.Contains(shells, opts.Shell) {
				return cmdutil.Usage("%q is no shell that acrkit knows: %s", opts.Shell, strings.Join(shells, ", "))
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return run(cmd.Context(), opts)
		},
	}
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
