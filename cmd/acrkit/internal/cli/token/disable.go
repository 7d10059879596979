package token

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// newCmdDisable returns "token disable". A runF other than nil runs instead of it.
func newCmdDisable(f *cmdutil.Factory, runF func(context.Context, *switchOptions) error) *cobra.Command {
	opts := &switchOptions{}
	cmd := &cobra.Command{
		Use:   "disable [<registry>/]<token>",
		Short: "Refuse the logins of a token",
		Long: "Refuse the logins of a token with any of its passwords, until it is enabled again. What\nit loses is " +
			"shown first. Access tokens that were issued before\ngo on working until they " +
			"expire, after about an hour.",
		Example: "$ acrkit token disable myregistry/ci-pull",
		Args:    cmdutil.ExactArgs(1, tokenArg+": [<registry>/]<token>"),
		RunE:    opts.parse(f, runF),
	}
	opts.AddFlags(cmd, f)
	return cmd
}
