package cmdutil

import (
	"context"
	"time"
)

// Pause waits for d by the command's clock; it returns early with the error of ctx.
func (f *Factory) Pause(ctx context.Context, d time.Duration) error {
	if f.Sleep != nil {
		return f.Sleep(ctx, d)
	}
	return Pause(ctx, d)
}

// Pause waits for d, or until ctx ends, and then returns its cause.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
