package cmdutil

import (
	"context"
	"time"

	"github.com/acrkit/acrkit/internal/clock"
)

// Pause waits for d by the command's clock; it returns early with the error of ctx.
func (f *Factory) Pause(ctx context.Context, d time.Duration) error {
	if f.Sleep != nil {
		return f.Sleep(ctx, d)
	}
	return clock.Sleep(ctx, d)
}
