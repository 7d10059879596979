package target

import (
	"context"
	"time"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/emulator/control"
)

// Time reads a time, or a duration from the emulator's time; "" is the zero time.
func Time(ctx context.Context, cl *control.Client, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return time.Time{},
			cmdutil.Usage("%q is neither a time such as 2030-01-01T00:00:00Z nor a duration such as 90m", text)
	}
	clock, err := cl.Clock(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return clock.Now.Add(d), nil
}
