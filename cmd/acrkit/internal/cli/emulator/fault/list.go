package fault

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/fault"
)

func row(f control.Fault) []string {
	what := fault.Fault{
		Kind: f.Kind, Status: f.Status, RetryAfter: time.Duration(f.RetryAfter) * time.Second,
		AfterBytes: f.AfterBytes, BytesPerSecond: f.BytesPerSecond, Delay: time.Duration(f.Delay) * time.Second,
	}.Effect()
	routes := strings.Join(words(f.Routes), ",")
	if routes == "" {
		routes = "all"
	}
	return []string{strconv.FormatInt(f.ID, 10), what, routes, strconv.FormatFloat(f.Rate, 'g', -1, 64),
		strconv.FormatUint(f.Seed, 10), fmt.Sprintf("%d/%d", f.Hits, f.Seen)}
}

// printFaults prints faults; one that was just added is an object in JSON.
func printFaults(ctx context.Context, c *target.Target, exporter *cmdutil.Exporter,
	all []control.Fault, one bool) error {
	if one && exporter != nil {
		return exporter.Write(ctx, c.Factory.IO, all[0])
	}
	return cmdutil.PrintAll(ctx, c.Factory.IO, exporter, all,
		[]string{"ID", "FAULT", "ROUTES", "RATE", "SEED", "HITS"}, row)
}

func newCmdList(c *target.Target) *cobra.Command {
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use: "list", Short: "List the faults",
		Long:    "List the faults, each with its seed, and with how many requests it matched and hit.",
		Example: "$ acrkit emulator fault list\n$ acrkit emulator fault list --json id,kind,hits",
		Args:    cmdutil.NoArgs,
		RunE: c.Run(func(cmd *cobra.Command, cl *control.Client, _ []string) error {
			all, err := cl.Faults(cmd.Context())
			if err != nil {
				return err
			}
			return printFaults(cmd.Context(), c, exporter, all, false)
		}),
	}
	cmdutil.AddJSONFlags(cmd, &exporter, fields)
	return cmd
}
