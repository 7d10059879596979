package cmdutil

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// completionBudget is how long a shell may wait for names.
	//rule:command-limits-completion-budget
	completionBudget = time.Second
	// completionLimit is how many names a shell is offered.
	//rule:command-limits-completion-limit
	completionLimit = 200
)

// CompleteListFlag completes the value of a flag that is a list of words, separated
// by commas, with those that it does not hold yet.
func CompleteListFlag(cmd *cobra.Command, flag string, words []string) {
	//nolint:errcheck // the flag was defined before
	cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, word string) ([]string,
		cobra.ShellCompDirective) {
		prefix := word[:strings.LastIndexByte(word, ',')+1]
		var out []string
		for _, w := range words {
			if !slices.Contains(strings.Split(prefix, ","), w) {
				out = append(out, prefix+w)
			}
		}
		return out, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	})
}

// CompleteNames completes the first argument with the names that list returns.
func CompleteNames(list func(context.Context) ([]string, error)) cobra.CompletionFunc {
	return forFirstArgument(namesOf(list))
}

// CompleteNameFlag is [CompleteNames] for the value of a flag.
func CompleteNameFlag(cmd *cobra.Command, flag string, list func(context.Context) ([]string, error)) {
	//nolint:errcheck // the flag was defined before
	cmd.RegisterFlagCompletionFunc(flag, namesOf(list))
}

func namesOf(list func(context.Context) ([]string, error)) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionBudget)
		defer cancel()
		names, err := list(ctx)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, word) })
		return names[:min(len(names), completionLimit)], cobra.ShellCompDirectiveNoFileComp
	}
}

func forFirstArgument(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, word)
	}
}

// forEachArgument offers no word twice.
func forEachArgument(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		words, directive := complete(cmd, args, word)
		return slices.DeleteFunc(words, func(w string) bool { return slices.Contains(args, w) }), directive
	}
}
