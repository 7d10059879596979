package emulator

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/snapshot"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wording"
)

// Snapshot describes a copy of the emulator's state: registries with their
// settings, content, scope maps, tokens, passwords, applications and token
// lifetimes. Not in it: the decision log, faults, the clock, rate limits, and
// uploads under way, which go on after a reset.
type Snapshot struct {
	Name         string
	Created      time.Time // by the emulator's clock
	Repositories int64     // in all registries
	Manifests    int64
	Tags         int64
	Blobs        int64 // different ones
}

const (
	// SeedSnapshot is the snapshot that is taken when a seed is applied.
	SeedSnapshot = "seed"
	// MaxSnapshots is how many there may be, that of the seed included. Each
	// takes the room of the state without its blobs, which are kept but not
	// copied.
	MaxSnapshots = snapshot.Max
	// resetWait is how long a reset waits for requests under way, and of these
	// resetIdle how long for a body that stalls, and resetUnread for an answer
	// that is not read. A slow client's system reads it in steps, of half a megabyte
	// on loopback. Other requests wait as long.
	//rule:reset-reset-wait
	resetWait = 10 * time.Second
	//rule:reset-reset-idle
	resetIdle = 3 * time.Second
	//rule:reset-reset-unread
	resetUnread = 8 * time.Second
)

var snapshotNameRE = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)

func snapshotError(op, name string, err error) error {
	code := acrkit.CodeUsage
	hint := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(err, snapshot.ErrNotExist):
		code, hint = acrkit.CodeNotFound, sentence.Fix(sentence.ListSnapshots, nil)
	case errors.Is(err, snapshot.ErrTooMany):
		hint = sentence.Draft(sentence.DeleteSnapshot, nil)
	case errors.Is(err, snapshot.ErrExists):
		hint = sentence.Fix(sentence.DeleteSnapshot, map[string]string{"snapshot": name})
	case errors.Is(err, snapshot.ErrShape):
	default:
		return fmt.Errorf("%s %s: %w", op, wording.Quote(name), err)
	}
	return &acrkit.Error{Code: code, Op: op + " " + wording.Quote(name), Errs: []error{err}, Hint: hint}
}

// TakeSnapshot copies the state under a name of up to 64 letters, digits, dots,
// hyphens and underscores. Requests go on; the copy holds what was acknowledged
// before, and of each request all or nothing. It outlives a restart where there
// is a data folder, and its blobs are kept until it is deleted.
//
// Errors: [acrkit.CodeUsage] for a name that is invalid or in use, and for
// more than [MaxSnapshots].
func (e *Emulator) TakeSnapshot(ctx context.Context, name string) (Snapshot, error) {
	if !snapshotNameRE.MatchString(name) {
		return Snapshot{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: "take a snapshot", Reason: wording.Quote(name) +
			" is not a name of up to 64 letters, digits, dots, hyphens and underscores"}
	}
	var info snapshot.Info
	err := e.db.Write(ctx, func(tx *db.Tx) (err error) {
		info, err = snapshot.Take(tx, name)
		return err
	})
	return Snapshot(info), snapshotError("take the snapshot", name, err)
}

// takeSeed replaces the seed's snapshot.
func (e *Emulator) takeSeed(ctx context.Context) error {
	return e.db.Write(ctx, func(tx *db.Tx) error {
		if err := snapshot.Delete(tx, SeedSnapshot); err != nil && !errors.Is(err, snapshot.ErrNotExist) {
			return err
		}
		_, err := snapshot.Take(tx, SeedSnapshot)
		return err
	})
}

// Snapshots returns the snapshots, the oldest first.
func (e *Emulator) Snapshots(ctx context.Context) ([]Snapshot, error) {
	out := []Snapshot{}
	err := e.db.Read(ctx, func(tx *db.Tx) error {
		all, err := snapshot.List(tx)
		for _, i := range all {
			out = append(out, Snapshot(i))
		}
		return err
	})
	return out, err
}

// DeleteSnapshot removes a snapshot. Content that only it held is collected
// later.
//
// Errors: [acrkit.CodeNotFound].
func (e *Emulator) DeleteSnapshot(ctx context.Context, name string) error {
	err := e.db.Write(ctx, func(tx *db.Tx) error { return snapshot.Delete(tx, name) })
	e.content.ExpectOrphans()
	return snapshotError("delete the snapshot", name, err)
}

// Reset replaces the state by a snapshot's; "" is [SeedSnapshot]. It waits for
// requests under way, and requests that come meanwhile wait for it: each sees the
// old state or the new one. A request whose client neither sends nor reads 1 KiB in
// three seconds is ended. Access tokens stay good if their principals are in the
// snapshot.
//
// Errors: [acrkit.CodeNotFound]; [acrkit.CodeUnavailable] where requests do not
// end within ten seconds, such as a push on a slow line; [acrkit.CodeUsage] for
// a snapshot of a version with other tables, and for one with chosen passwords
// where other machines reach the emulator. Then nothing was changed.
func (e *Emulator) Reset(ctx context.Context, name string) error {
	if name == "" {
		name = SeedSnapshot
	}
	const op = "reset the emulator to the snapshot"
	e.resetting.Lock()
	defer e.resetting.Unlock()
	gate := &e.fails.Gate
	idle, open := gate.Shut()
	defer open()
	//rule:reset-reset-2
	defer e.idle.Hurry(resetIdle, resetUnread)()
	timer := time.NewTimer(resetWait)
	defer timer.Stop()
	for gate.UnderWay() > 0 {
		select {
		case <-idle:
		case <-ctx.Done():
			return ctx.Err()
		//rule:reset-reset
		case <-timer.C:
			return &acrkit.Error{Code: acrkit.CodeUnavailable, Op: op + " " + wording.Quote(name),
				Reason: fmt.Sprintf("%d request(s) are still under way after %v; nothing was changed",
					gate.UnderWay(), resetWait)}
		}
	}
	err := e.ids.Replace(ctx, func(tx *db.Tx) error {
		if err := snapshot.Restore(tx, name); err != nil {
			return err
		}
		return e.content.Restored(tx)
	})
	if chosen, ok := errors.AsType[*chosenError](err); ok {
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op + " " + wording.Quote(name) +
			" on an emulator that other machines reach", Errs: []error{chosen},
			Hint: sentence.Fix(sentence.TakeSnapshot, nil)}
	}
	if err != nil {
		return snapshotError(op, name, err)
	}
	e.content.ExpectOrphans()
	return e.loadLifetimes()
}
