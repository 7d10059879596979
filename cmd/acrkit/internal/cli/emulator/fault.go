package emulator

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/fault"
)

var faultFields = []string{"id", "kind", "routes", "registry", "principal", "rate", "seed", "count", "status", "retryAfter", "afterBytes", "bytesPerSecond", "seen", "hits"}

func faultRow(f control.Fault) []string {
	what := fault.Fault{
		Kind: fault.Kind(f.Kind), Status: f.Status, RetryAfter: time.Duration(f.RetryAfter) * time.Second,
		AfterBytes: f.AfterBytes, BytesPerSecond: f.BytesPerSecond,
	}.Effect()
	routes := strings.Join(f.Routes, ",")
	if routes == "" {
		routes = "all"
	}
	return []string{strconv.FormatInt(f.ID, 10), what, routes, strconv.FormatFloat(f.Rate, 'g', -1, 64), strconv.FormatUint(f.Seed, 10), fmt.Sprintf("%d/%d", f.Hits, f.Seen)}
}

var faultHeader = []string{"ID", "FAULT", "ROUTES", "RATE", "SEED", "HITS"}

func words[T ~string](all []T) []string {
	var out []string
	for _, w := range all {
		out = append(out, string(w))
	}
	return out
}

// newCmdFault returns "emulator fault" with its verbs.
func newCmdFault(f *cmdutil.Factory) *cobra.Command {
	cmd := cmdutil.Group(&cobra.Command{
		Use:   "fault <command>",
		Short: "Make requests to a running emulator fail",
		Long: "Make requests to a running emulator fail: throttled, refused, cut off, slow or never\n" +
			"answered. A fault hits all requests that it matches, or a part of them, chosen by a\n" +
			"sequence that the same --seed repeats. A restart ends all faults.",
	})
	c := addControlFlags(cmd, f)
	cmd.AddCommand(newCmdFaultAdd(c), newCmdFaultList(c), newCmdFaultRemove(c))
	return cmd
}

// faultTexts lists what each kind of fault does.
func faultTexts() string {
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

func newCmdFaultAdd(c *target) *cobra.Command {
	var in control.NewFault
	var retryAfter time.Duration
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use:   "add {" + strings.Join(words(fault.Kinds()), "|") + "}",
		Short: "Add a fault",
		Long: "Add a fault. It hits requests from now on:\n\n" + faultTexts() + "\n" +
			"The number of bytes is --after-bytes, the status --status, the speed --bytes-per-second.\n" +
			cmdutil.JoinNames("Routes are ", words(fault.Routes()), 80) + ".\n" +
			"If several faults match a request, the one that was added first hits it.",
		Example: "# One request in three of all is throttled\n$ acrkit emulator fault add throttle --rate 0.33 --retry-after 2s\n\n" +
			"# The token service is down\n$ acrkit emulator fault add status --status 503 --route token,exchange\n\n" +
			"# The next three uploads break off after a megabyte\n$ acrkit emulator fault add drop --after-bytes 1048576 --route blob-upload --count 3\n\n" +
			"# No upload of more than 20 MB in one request\n$ acrkit emulator fault add too-large --after-bytes 20000000\n\n" +
			"# The same requests go wrong each time\n$ acrkit emulator fault add status --status 500 --rate 0.1 --seed 42",
		Args:      cmdutil.ExactArgs(1, "a kind: "+strings.Join(words(fault.Kinds()), ", ")),
		ValidArgs: words(fault.Kinds()),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Kind, in.Registry, in.RetryAfter = args[0], c.registry(), int64(retryAfter/time.Second)
			if retryAfter%time.Second != 0 {
				return cmdutil.Usage("--retry-after is not in whole seconds")
			}
			if cmd.Flags().Changed("rate") && in.Rate == 0 {
				return cmdutil.Usage("--rate 0 hits nothing")
			}
			cl, err := c.open()
			if err != nil {
				return err
			}
			added, err := cl.AddFault(cmd.Context(), in)
			if err != nil {
				return err
			}
			return c.list(cmd.Context(), exporter, []control.Fault{added}, true)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&in.Routes, "route", nil, "only requests of these `routes`")
	cmdutil.CompleteListFlag(cmd, "route", words(fault.Routes()))
	flags.StringVar(&in.Principal, "identity", "", "only requests of this token, client id or admin user")
	flags.Float64Var(&in.Rate, "rate", 1, "the share of requests to hit, up to 1")
	flags.Uint64Var(&in.Seed, "seed", 0, "`number` that determines which ones; 0 chooses one and prints it")
	flags.Int64Var(&in.Count, "count", 0, "end after this `number` of hits")
	flags.IntVar(&in.Status, "status", 0, "`code` of "+ofKinds(fault.ParameterStatus))
	flags.DurationVar(&retryAfter, "retry-after", 0, "what Retry-After asks for, in whole seconds, of "+ofKinds(fault.ParameterRetryAfter))
	flags.Int64Var(&in.AfterBytes, "after-bytes", 0, "`bytes` of a body that pass, of "+ofKinds(fault.ParameterAfterBytes))
	flags.Int64Var(&in.BytesPerSecond, "bytes-per-second", 0, "`speed` of "+ofKinds(fault.ParameterBytesPerSecond))
	cmdutil.AddJSONFlags(cmd, &exporter, faultFields)
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	return cmd
}

// list prints faults; one that was just added is an object in JSON.
func (c *target) list(ctx context.Context, exporter *cmdutil.Exporter, all []control.Fault, one bool) error {
	if one && exporter != nil {
		return exporter.Write(ctx, c.factory.IO, all[0])
	}
	return printAll(ctx, c.factory.IO, exporter, all, faultHeader, faultRow)
}

func newCmdFaultList(c *target) *cobra.Command {
	var exporter *cmdutil.Exporter
	cmd := &cobra.Command{
		Use: "list", Short: "List the faults",
		Long:    "List the faults, each with its seed, and with how many requests it matched and hit.",
		Example: "$ acrkit emulator fault list\n$ acrkit emulator fault list --json id,kind,hits",
		Args:    cmdutil.NoArgs,
		RunE: c.run(func(cmd *cobra.Command, cl *control.Client, _ []string) error {
			all, err := cl.Faults(cmd.Context())
			if err != nil {
				return err
			}
			return c.list(cmd.Context(), exporter, all, false)
		}),
	}
	cmdutil.AddJSONFlags(cmd, &exporter, faultFields)
	return cmd
}

func newCmdFaultRemove(c *target) *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use: "remove {<id>... | --all}", Short: "End faults",
		Long:    "End the faults with these numbers, or all.",
		Example: "$ acrkit emulator fault remove 3\n$ acrkit emulator fault remove --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return cmdutil.Usage("give the numbers of faults, or --all")
			}
			ids := make([]int64, len(args))
			for i, arg := range args {
				var err error
				if ids[i], err = strconv.ParseInt(arg, 10, 64); err != nil {
					return cmdutil.Usage("%q is no number of a fault", arg)
				}
			}
			cl, err := c.open()
			if err != nil {
				return err
			}
			if all {
				return cl.RemoveFaults(cmd.Context())
			}
			for _, id := range ids {
				if err := cl.RemoveFault(cmd.Context(), id); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "end all faults")
	return cmd
}
