package cmdutil

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// CompleteFiles lets shells complete files and folders only where the help of the commands
// below root says that one is meant: in a flag whose value is called file or folder, and in
// the arguments of a command whose usage names a file or a command to run.
func CompleteFiles(root *cobra.Command) {
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	eachCommand(root, func(cmd *cobra.Command) {
		if cmd.ValidArgsFunction == nil && !cmd.HasSubCommands() && takesFile(cmd.Use) {
			cmd.ValidArgsFunction = directive(cobra.ShellCompDirectiveDefault)
		}
		each := func(flag *pflag.Flag) {
			complete := directive(cobra.ShellCompDirectiveDefault)
			switch name, _ := pflag.UnquoteUsage(flag); name {
			case "folder":
				complete = directive(cobra.ShellCompDirectiveFilterDirs)
			case "file":
			default:
				return
			}
			if _, ok := cmd.GetFlagCompletionFunc(flag.Name); !ok {
				//nolint:errcheck // the flag exists, and has no function yet
				cmd.RegisterFlagCompletionFunc(flag.Name, complete)
			}
		}
		// Not LocalFlags, which adds the flags of the commands above: usage lines would change.
		cmd.Flags().VisitAll(each)
		cmd.PersistentFlags().VisitAll(each)
	})
}

func takesFile(use string) bool {
	return slices.ContainsFunc([]string{"<file>", "-- <command>"}, func(s string) bool {
		return strings.Contains(use, s)
	})
}

func directive(d cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) { return nil, d }
}

func eachCommand(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands() {
		eachCommand(sub, do)
	}
}

// IsCompletion reports whether the arguments of the program are a shell's question for
// completions.
func IsCompletion(args []string) bool {
	return len(args) > 1 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// PrepareCompletion makes the flags as a shell should show them for the command that args,
// for which [IsCompletion] holds, ask about: without those that it does not take, and
// without the marks that help has around the name of a value.
func PrepareCompletion(root *cobra.Command, args []string) {
	cmd, _, err := root.Find(args[1 : len(args)-1]) // the last word is not whole
	if err != nil {
		return
	}
	cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) { flag.Hidden = flag.Hidden || !takes(cmd, flag) })
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { _, flag.Usage = pflag.UnquoteUsage(flag) })
}
