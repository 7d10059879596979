package cmdutil

import (
	"strings"

	"github.com/spf13/cobra"
)

// NoArgs refuses arguments, and says which flag of the same name there is.
func NoArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return Usage("%q takes no argument, got %q", cmd.CommandPath(), args[0])
	}
	return nil
}

// MaxArgs accepts up to n arguments.
func MaxArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return Usage("%q takes at most %d argument(s), got %d", cmd.CommandPath(), n, len(args))
		}
		return nil
	}
}

// ExactArgs accepts exactly n arguments; what names them in the message.
func ExactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return Usage("%q needs %s", cmd.CommandPath(), what)
		}
		if len(args) > n {
			return Usage("%q takes %d argument(s), got %d", cmd.CommandPath(), n, len(args))
		}
		return nil
	}
}

// Group makes cmd a noun: without a verb it prints its help, and a verb it does
// not have is wrong usage, with the nearest ones named.
func Group(cmd *cobra.Command) *cobra.Command {
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return UnknownCommand(cmd, args[0])
		}
		return nil
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	return cmd
}

// UnknownCommand returns the error for a word that is no subcommand of cmd.
func UnknownCommand(cmd *cobra.Command, word string) error {
	msg := "unknown command %q for %q"
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		msg += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return Usage(msg, word, cmd.CommandPath())
}
