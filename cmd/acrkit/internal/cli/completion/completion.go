// Package completion holds the "acrkit completion" command.
package completion

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
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
	var script strings.Builder
	if err := opts.Root.GenBashCompletionV2(&script, true); err != nil {
		return err
	}
	_, err := io.WriteString(opts.IO.Out,
		strings.ReplaceAll(script.String(), "_filedir", "__acrkit_filedir")+withoutPackage)
	return err
}

// withoutPackage replaces what cobra's script calls of the package bash-completion,
// which many machines lack. Bash breaks words at = and : too; those that stand together
// on the line are joined again.
const withoutPackage = `
__acrkit_filedir()
{
    if declare -F _filedir >/dev/null 2>&1; then
        _filedir "$@"
    fi
}

__acrkit_init_completion()
{
    COMPREPLY=()
    if declare -F _get_comp_words_by_ref >/dev/null 2>&1; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local i word last rest=${COMP_LINE}
    words=()
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        word=${COMP_WORDS[i]}
        last=$((${#words[@]} - 1))
        if ((last > 0)) && [[ $rest != [[:space:]]* && ($word == [=:]* || ${words[last]} == *[=:]) ]]; then
            words[last]+=$word
        else
            words+=("$word")
        fi
        rest=${rest#"${rest%%[![:space:]]*}"}
        rest=${rest#"$word"}
        if ((i == COMP_CWORD)); then
            cword=$((${#words[@]} - 1))
        fi
    done
    cur=${words[cword]} prev=
    if ((cword > 0)); then
        prev=${words[cword-1]}
    fi
}
`
