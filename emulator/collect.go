package emulator

import (
	"context"
	"errors"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// DefaultCollectAfter is how long content that nothing refers to is kept, where
// [Options.CollectAfter] does not say it.
const DefaultCollectAfter = content.BlobGrace

// Collections run at a quarter of [Options.CollectAfter], within these bounds.
const (
	collectSeldom = 10 * time.Minute
	collectOften  = time.Second
)

// Collected is what [Emulator.Collect] removed.
type Collected struct {
	Uploads  int   // uploads that were idle for a day
	Blobs    int   // blobs that repositories held and no manifest of theirs named
	Contents int   // contents that no repository held
	Bytes    int64 // size of those contents
}

// Collect removes what is not used any more: idle uploads, blobs that no manifest
// of their repository has named for [Options.CollectAfter], and content that no
// repository holds. No blob is removed from a repository in the first hour after
// [Open], or half of CollectAfter if that is less: the clock may have been set in
// between. Requests go on meanwhile, and nothing that a manifest names is removed.
// [Emulator.Serve] calls it from time to time. Age is counted by the machine's
// clock, even if [Options.Now] is another, and without its jumps.
//
// Errors: [acrkit.CodeUsage] in a run that removes nothing, because the state was
// recovered or its database was made while blobs were there already; failures of
// the disk, with what was removed nevertheless.
func (e *Emulator) Collect(ctx context.Context) (Collected, error) {
	if e.keep != "" {
		return Collected{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: "remove unused content",
			Reason: e.keep + ": nothing is removed before the next start"}
	}
	c, err := e.content.Collect(ctx)
	return Collected(c), err
}

// collecting collects until ctx ends or the emulator is closed. If several
// listeners call it, one works and the others wait for it to end.
func (e *Emulator) collecting(ctx context.Context) {
	select {
	case e.collector <- struct{}{}:
		defer func() { <-e.collector }()
	case <-ctx.Done():
		return
	}
	every := min(max(e.collectAfter/4, collectOften), collectSeldom)
	timer := time.NewTicker(every)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		if e.closed.Load() {
			return
		}
		c, err := e.content.CollectIdle(ctx)
		if errors.Is(err, db.ErrClosed) || errors.Is(err, context.Canceled) {
			return
		}
		if err != nil {
			e.logger.Warn("some unused content could not be removed", "error", err)
		}
		if c != (content.Collected{}) {
			e.logger.Info("removed unused content",
				"uploads", c.Uploads, "blobs", c.Blobs, "contents", c.Contents, "bytes", c.Bytes)
		}
	}
}
