package cmdutil

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

type enumValue struct {
	target  *string
	options []string
}

func (e *enumValue) String() string {
	if e.target == nil {
		return ""
	}
	return *e.target
}

func (e *enumValue) Type() string { return "string" }

func (e *enumValue) Set(v string) error {
	if !slices.Contains(e.options, v) {
		return Usage("valid values are {%s}", strings.Join(e.options, "|"))
	}
	*e.target = v
	return nil
}

// EnumFlag adds a flag that takes one of the options; help and completion show
// them.
func EnumFlag(cmd *cobra.Command, target *string, name, value, usage string, options ...string) {
	*target = value
	cmd.Flags().Var(&enumValue{target, options}, name, enumUsage(usage, options))
	completeEnum(cmd, name, options)
}

// PersistentEnumFlag is [EnumFlag] for a flag that subcommands inherit.
func PersistentEnumFlag(cmd *cobra.Command, target *string, name, value, usage string, options ...string) {
	*target = value
	cmd.PersistentFlags().Var(&enumValue{target, options}, name, enumUsage(usage, options))
	completeEnum(cmd, name, options)
}

func enumUsage(usage string, options []string) string {
	return usage + "; `one` of " + strings.Join(options, ", ")
}

func completeEnum(cmd *cobra.Command, name string, options []string) {
	//nolint:errcheck // the flag was defined before
	cmd.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return options, cobra.ShellCompDirectiveNoFileComp
	})
}
