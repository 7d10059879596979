package fault

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
)

func newCmdRemove(c *target.Target) *cobra.Command {
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
			cl, err := c.Open()
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
