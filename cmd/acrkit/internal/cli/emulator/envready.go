package emulator

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

const (
	// waitTime is how long "emulator env --wait" waits.
	waitTime = 30 * time.Second
	// pollTime is how often it looks.
	pollTime = 100 * time.Millisecond
)

// running returns the connection of the emulator, if it answers. With Wait it waits until
// it does.
func (opts *EnvOptions) running(ctx context.Context) (connection, error) {
	if !opts.Wait {
		return opts.ask(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, waitTime)
	defer cancel()
	for {
		c, err := opts.ask(ctx)
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return c, err
		case <-time.After(pollTime):
		}
	}
}

// ask finds the emulator of the folder and asks whether it is ready.
func (opts *EnvOptions) ask(ctx context.Context) (connection, error) {
	c, err := readConnection(opts.DataDir)
	if err != nil {
		return c, err
	}
	pem, err := os.ReadFile(c.CAFile)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, healthTime)
		defer cancel()
		err = askReady(ctx, target.NewTransport(pem), c.url())
	}
	if err != nil {
		return c, &acrkit.Error{
			Code: acrkit.CodeUnavailable, Op: fmt.Sprintf("ask the emulator of %q at %s", opts.DataDir, c.LoginServer),
			Errs: []error{err},
			Hint: sentence.Fix(sentence.StartWithFolder, map[string]string{"dir": shell.Quote(opts.DataDir)}),
		}
	}
	return c, nil
}
