// Package cache holds the "acrkit cache" commands.
package cache

import (
	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// NewCmdCache returns the noun with its verbs.
func NewCmdCache(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "cache <command>",
		Short: "Look at and clear the tokens that are kept between runs",
		Long: "Look at and clear the tokens that are kept between runs.\n\n" +
			"ACR's refresh and access tokens are kept, encrypted, in acrkit's own folder, so that\n" +
			"the next command need not ask for them again. Decrypting a token needs the secret of\n" +
			"its credential; its registry and its end can be read without the secret. No token is\n" +
			"used after three hours. One that has ended is removed when the cache is next opened.\n" +
			"A changed password never uses a token of the old one. With --no-cache or\n" +
			"ACRKIT_NO_CACHE no token is kept or used; login, whoami, run, proxy, explain and\n" +
			"doctor never use one.",
	})
	cmd.AddCommand(newCmdList(f), newCmdClear(f))
	return cmd
}
