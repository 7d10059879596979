// Package cache holds the "acrkit cache" commands.
package cache

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/login/tokencache"
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

var listFields = []string{"registry", "expires"}

type entryJSON struct {
	Registry string    `json:"registry"`
	Expires  time.Time `json:"expires"`
}

func newCmdList(f *cmdutil.Factory) *cobra.Command {
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the tokens that are kept, without the tokens",
		Long:    "List the tokens that are kept: for which registry, and until when. No token is shown.",
		Example: "$ acrkit cache list\n$ acrkit cache list --json registry --jq '.[].registry' | sort | uniq -c",
		Args:    cmdutil.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.TokenCache()
			if err != nil {
				return err
			}
			entries, keychain, err := c.Entries(cmd.Context())
			if err != nil {
				return err
			}
			return printEntries(cmd.Context(), f.IO, exporter, c, entries, keychain)
		},
	}
	cmdutil.AddJSONFlags(cmd, &exporter, listFields)
	return cmd
}

func printEntries(ctx context.Context, s *iostreams.IOStreams, exporter *cmdutil.Exporter, c *tokencache.Cache, entries []tokencache.Entry, keychain bool) error {
	if exporter != nil {
		out := []entryJSON{}
		for _, e := range entries {
			out = append(out, entryJSON{e.Registry, e.Expires.UTC()})
		}
		return exporter.Write(ctx, s, out)
	}
	if len(entries) == 0 {
		cmdutil.Say(s.ErrOut, "No token is kept.")
		return nil
	}
	key := "beside them"
	if keychain {
		key = "in the system's keychain"
	}
	cmdutil.Say(s.ErrOut, "%s holds them encrypted; the key is %s.", c.Path(), key)
	table := s.NewTable("REGISTRY", "EXPIRES")
	for _, e := range entries {
		if err := table.Row(e.Registry, cmdutil.Time(e.Expires)); err != nil {
			return err
		}
	}
	return table.Flush()
}

func newCmdClear(f *cmdutil.Factory) *cobra.Command {
	return &cobra.Command{
		Use:     "clear [<registry>]",
		Short:   "Forget the tokens that are kept",
		Long:    "Forget the tokens that are kept, for one registry or for all. Without a registry the key\nof this installation goes too. They are good at the registry until they end.",
		Example: "$ acrkit cache clear\n$ acrkit cache clear myregistry",
		Args:    cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			registry := ""
			if len(args) > 0 {
				reg, err := acrkit.ParseRegistry(args[0])
				if err != nil {
					return err
				}
				registry = reg.LoginServer().Host()
			}
			c, err := f.TokenCache()
			if err != nil {
				return err
			}
			n, err := c.Clear(cmd.Context(), registry)
			if err != nil {
				return err
			}
			cmdutil.Say(f.IO.ErrOut, "Tokens removed: %d.", n)
			return nil
		},
	}
}
