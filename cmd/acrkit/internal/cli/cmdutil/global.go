package cmdutil

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The flags of the root command that only some commands take. Each is written before or
// after the command's name.
const (
	FlagRegistry  = "registry"
	FlagAuth      = "auth"
	FlagNoCache   = "no-cache"
	FlagPlainHTTP = "plain-http"
	FlagDebug     = "debug"
)

const globalsAnnotation = "acrkit:global-flags"

// TakeGlobals says which of the flags above a command takes, and the commands below
// it. Without this a command takes what its parent does, and the root takes none.
func TakeGlobals(cmd *cobra.Command, flags ...string) {
	annotate(cmd, globalsAnnotation, strings.Join(flags, ","))
}

// Inherited returns the flags of the commands above cmd that cmd takes.
func Inherited(cmd *cobra.Command) *pflag.FlagSet {
	taken := pflag.NewFlagSet(cmd.Name(), pflag.ContinueOnError)
	cmd.InheritedFlags().VisitAll(func(flag *pflag.Flag) {
		if takes(cmd, flag) {
			taken.AddFlag(flag)
		}
	})
	return taken
}

// CheckGlobals refuses the flags that a command does not take: it would ignore them.
// --no-cache is good everywhere, as the other commands use no cache.
func CheckGlobals(cmd *cobra.Command) (err error) {
	if !cmd.HasParent() { // it prints its help
		return nil
	}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if err == nil && flag.Name != FlagNoCache && !takes(cmd, flag) {
			err = Usage("%q takes no --%s", cmd.CommandPath(), flag.Name)
		}
	})
	return err
}

func takes(cmd *cobra.Command, flag *pflag.Flag) bool {
	switch {
	case flag.Name == "timeout":
		return cmd.Annotations[timeoutAnnotation] != timeoutRefused
	case cmd.Root().PersistentFlags().Lookup(flag.Name) != flag || flag.Name == "help":
		return true
	}
	for c := cmd; c != nil; c = c.Parent() {
		if list, ok := c.Annotations[globalsAnnotation]; ok {
			return slices.Contains(strings.Split(list, ","), flag.Name)
		}
	}
	return false
}

func annotate(cmd *cobra.Command, key, value string) {
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	cmd.Annotations[key] = value
}
