package fault

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/fault"
)

func words[T ~string](all []T) []string {
	var out []string
	for _, w := range all {
		out = append(out, string(w))
	}
	return out
}

// kindTexts lists what each kind of fault does.
func kindTexts() string {
	var b strings.Builder
	for _, k := range fault.Kinds() {
		fmt.Fprintf(&b, "  %-13s %s\n", k, k.Text())
	}
	return b.String()
}

// ofKinds names the kinds of faults that take a parameter.
func ofKinds(p fault.Parameter) string {
	kinds := words(fault.Taking(p))
	if len(kinds) == 1 {
		return "the kind " + kinds[0]
	}
	return "the kinds " + strings.Join(kinds, ", ")
}

func newCmdAdd(c *target.Target) *cobra.Command {
	var in control.NewFault
	var routes []string
	var retryAfter, delay time.Duration
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use:   "add {" + strings.Join(words(fault.Kinds()), "|") + "}",
		Short: "Add a fault",
		Long: "Add a fault. It hits requests from now on:\n\n" + kindTexts() + "\n" +
			"The number of bytes is --after-bytes, the status --status, the speed --bytes-per-second.\n" +
			cmdutil.JoinNames("Routes are ", words(fault.Routes()), 80) + ".\n" +
			"If several faults match a request, the one that was added first hits it.",
		Example: "# One request in three of all is throttled\n$ acrkit emulator fault add throttle --rate 0.33 " +
			"--retry-after 2s\n\n" +
			"# The token service is down\n$ acrkit emulator fault add status --status 503 --route token,exchange\n\n" +
			"# The next three uploads break off after a megabyte\n$ acrkit emulator fault add drop --after-bytes " +
			"1048576 --route blob-upload --count 3\n\n" +
			"# No upload of more than 20 MB in one request\n$ acrkit emulator fault add too-large --after-bytes " +
			"20000000\n\n" +
			"# Two editors of a scope map do not see each other's change\n$ acrkit emulator fault add late-write " +
			"--delay 30s\n\n" +
			"# The same requests go wrong each time\n$ acrkit emulator fault add status --status 500 --rate 0.1 " +
			"--seed 42",
		Args:      cmdutil.ExactArgs(1, "a kind: "+strings.Join(words(fault.Kinds()), ", ")),
		ValidArgs: words(fault.Kinds()),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Kind, in.Registry, in.RetryAfter = fault.Kind(args[0]), c.Registry(), int64(retryAfter/time.Second)
			in.Delay = int64(delay / time.Second)
			if retryAfter%time.Second != 0 {
				return cmdutil.Usage("--retry-after is not in whole seconds")
			}
			if delay%time.Second != 0 {
				return cmdutil.Usage("--delay is not in whole seconds")
			}
			if cmd.Flags().Changed("rate") && in.Rate == 0 {
				return cmdutil.Usage("--rate 0 hits nothing")
			}
			for _, route := range routes {
				in.Routes = append(in.Routes, fault.Route(route))
			}
			cl, err := c.Open()
			if err != nil {
				return err
			}
			added, err := cl.AddFault(cmd.Context(), in)
			if err != nil {
				return err
			}
			return printFaults(cmd.Context(), c, exporter, []control.Fault{added}, true)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&routes, "route", nil, "only requests of these `routes`")
	cmdutil.CompleteListFlag(cmd, "route", words(fault.Routes()))
	flags.StringVar(&in.Principal, "identity", "", "only requests of this token, client id or admin user")
	cmdutil.CompleteNameFlag(cmd, "identity", c.Names(target.TokenNames))
	flags.Float64Var(&in.Rate, "rate", 1, "the share of requests to hit, up to 1")
	flags.Uint64Var(&in.Seed, "seed", 0, "`number` that determines which ones; 0 chooses one and prints it")
	flags.Int64Var(&in.Count, "count", 0, "end after this `number` of hits")
	flags.IntVar(&in.Status, "status", 0, "`code` of "+ofKinds(fault.ParameterStatus))
	flags.DurationVar(&retryAfter, "retry-after", 0, "what Retry-After asks for, in whole seconds, of "+
		ofKinds(fault.ParameterRetryAfter))
	flags.Int64Var(&in.AfterBytes, "after-bytes", 0, "`bytes` of a body that pass, of "+
		ofKinds(fault.ParameterAfterBytes))
	flags.Int64Var(&in.BytesPerSecond, "bytes-per-second", 0, "`speed` of "+ofKinds(fault.ParameterBytesPerSecond))
	flags.DurationVar(&delay, "delay", 0, "how late, by the emulator's clock, in whole seconds, of "+
		ofKinds(fault.ParameterDelay))
	cmdutil.AddJSONFlags(cmd, &exporter, fields)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	return cmd
}
