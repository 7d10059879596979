package cmdutil

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/sentence"
)

// NoArgs refuses arguments.
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

// MinArgs accepts n arguments or more; what names them in the message.
func MinArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return Usage("%q needs %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

// First returns the first argument, "" if there is none.
func First(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
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

// FlagError turns an error of the flag parser into wrong usage. An unknown command is
// named first: the flag may belong to the intended command.
func FlagError(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
		return UnknownCommand(cmd, words[0])
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok && missing.GetSpecifiedName() == "json" {
		if fields := JSONFields(cmd); fields != nil {
			return needFields(fields)
		}
	}
	reason := err.Error()
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if near := flagsLike(cmd, unknown.GetSpecifiedName()); len(near) > 0 {
			reason += "; did you mean " + strings.Join(near, " or ") + "?"
		}
	}
	return wrongUsage(cmd, reason)
}

// flagsLike returns the flags of cmd whose names differ from name by at most two letters,
// or one if it has three.
func flagsLike(cmd *cobra.Command, name string) (near []string) {
	most := 2
	if len(name) < 4 {
		most = 1
	}
	look := func(flag *pflag.Flag) {
		if !flag.Hidden && len(name) > 1 && errtext.Distance(name, flag.Name) <= most {
			near = append(near, "--"+flag.Name)
		}
	}
	cmd.LocalFlags().VisitAll(look)
	Inherited(cmd).VisitAll(look)
	return near
}

// UnknownCommand returns the error for a word that is no subcommand of cmd.
func UnknownCommand(cmd *cobra.Command, word string) error {
	reason := fmt.Sprintf("unknown command %q for %q", word, cmd.CommandPath())
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		reason += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return wrongUsage(cmd, reason)
}

// wrongUsage returns an error whose next command is the help of cmd, also where another
// command found it.
func wrongUsage(cmd *cobra.Command, reason string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Reason: reason,
		Hint: sentence.Fix(sentence.ShowHelpOf, map[string]string{"command": cmd.CommandPath()})}
}
