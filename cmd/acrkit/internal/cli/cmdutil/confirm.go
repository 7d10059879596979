package cmdutil

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/sentence"
)

// Confirm asks a person before a change that is hard to undo. [AddConfirmFlag] makes one.
type Confirm struct {
	IO  *iostreams.IOStreams
	Yes bool // --yes: do not ask

	canPrompt bool
	command   string // what the user ran, as a shell takes it
}

// AddConfirmFlag gives cmd the flag --yes. *c is ready when the command runs.
func AddConfirmFlag(cmd *cobra.Command, f *Factory, c *Confirm) {
	c.IO = f.IO
	cmd.Flags().BoolVarP(&c.Yes, "yes", "y", false, "do not ask before the change")
	previous := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if previous != nil {
			if err := previous(cmd, args); err != nil {
				return err
			}
		}
		c.canPrompt = f.CanPrompt()
		c.command = GivenCommand(cmd, args, "yes")
		return nil
	}
}

// Possible returns wrong usage if Ask can only fail: without --yes, there is no terminal
// to ask at. A command calls it before its first request.
func (c *Confirm) Possible() error {
	//rule:confirm-possible
	if c.Yes || c.canPrompt {
		return nil
	}
	return &acrkit.Error{Code: acrkit.CodeUsage,
		Reason: "there is no terminal to ask at before the change; give --yes to make it without a question",
		Hint:   sentence.Fix(sentence.WithYes, map[string]string{"command": c.command})}
}

// Asks reports whether Ask will ask, so that what it is about must be shown first.
func (c *Confirm) Asks() bool { return !c.Yes }

// Ask asks a question that is answered by yes or no, such as "Delete 2 tags?". Any other
// answer is no. It returns nil for yes, and with --yes, without asking; a no is said to
// the user, and is exit code 1.
func (c *Confirm) Ask(ctx context.Context, question string) error {
	if err := c.Possible(); err != nil || c.Yes {
		return err
	}
	answer, err := Ask(ctx, c.IO, question+" [y/N] ", func() (string, error) { return ReadLine(c.IO.In) })
	if ctx.Err() != nil {
		return err
	}
	//rule:confirm-ask
	if !IsYes(answer) { // a terminal that cannot be read gives none
		Say(c.IO.ErrOut, "Nothing was changed.")
		return Exit(ExitFailed)
	}
	return nil
}
