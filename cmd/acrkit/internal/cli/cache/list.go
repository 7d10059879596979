package cache

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/login/tokencache"
)

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

func printEntries(ctx context.Context, s *iostreams.IOStreams, exporter *cmdutil.Exporter, c *tokencache.Cache,
	entries []tokencache.Entry, keychain bool) error {
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
