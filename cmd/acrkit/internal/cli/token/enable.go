package token

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

// newCmdEnable returns "token enable". A runF other than nil runs instead of it.
func newCmdEnable(f *cmdutil.Factory, runF func(context.Context, *switchOptions) error) *cobra.Command {
	opts := &switchOptions{Enable: true}
	cmd := &cobra.Command{
		Use:     "enable [<registry>/]<token>",
		Short:   "Accept the logins of a token again",
		Long:    "Accept the logins of a token that was disabled. What it may do then is shown first, and\nconfirmed.",
		Example: "$ acrkit token enable myregistry/ci-pull\n\n# In a script\n$ acrkit token enable ci-pull --yes",
		Args:    cmdutil.ExactArgs(1, tokenArg+": [<registry>/]<token>"),
		RunE:    opts.parse(f, runF),
	}
	opts.AddFlags(cmd, f)
	return cmd
}
