package cmdutil

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// completionBudget is how long a shell may wait for names.
	completionBudget = time.Second
	// completionLimit is how many names a shell is offered.
	completionLimit = 200
)

// CompleteRepositories completes the first argument with the repositories of the
// registry that is meant. Whatever goes wrong, it silently offers nothing.
func CompleteRepositories(f *Factory) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		const nothing = cobra.ShellCompDirectiveNoFileComp
		if len(args) > 0 {
			return nil, nothing
		}
		host, prefix := "", ""
		if first, _, ok := strings.Cut(word, "/"); ok && strings.ContainsAny(first, ".:") {
			host, prefix = first, first+"/"
		}
		reg, err := f.Registry(host)
		if err != nil {
			return nil, nothing
		}
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		ctx, cancel := context.WithTimeout(ctx, completionBudget)
		defer cancel()
		c, err := f.Connect(ctx, reg)
		if err != nil {
			return nil, nothing
		}
		defer c.Close()
		var names []string
		for name, err := range c.Client.Repositories(ctx, nil) {
			if err != nil || len(names) == completionLimit {
				break
			}
			if strings.HasPrefix(prefix+name, word) {
				names = append(names, prefix+name)
			}
		}
		return names, nothing
	}
}
