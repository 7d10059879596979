package token

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/emulator/control"
)

func newCmdDelete(c *target.Target) *cobra.Command {
	return verb(c, &cobra.Command{
		Use: "delete <name>", Short: "Delete a token",
		Long:    "Delete a token with its passwords.",
		Example: "$ acrkit emulator token delete ci-pull",
	}, func(ctx context.Context, cl *control.Client, name string) error {
		return cl.DeleteToken(ctx, c.Registry(), name)
	})
}
