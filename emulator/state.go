package emulator

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/decisions"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/internal/snapshot"
	"github.com/acrkit/acrkit/internal/sentence"
)

// openState opens the database, and what is read from it, in the folder of the
// state; "" = in memory. To recover, a database that cannot be read is set aside.
func (e *Emulator) openState(ctx context.Context, state string, o *Options) error {
	held, blobs := "", false
	if state != "" && o.SeedMode != SeedReset {
		var err error
		if held, blobs, err = heldState(o.DataDir); err != nil {
			return err
		}
	}
	err := e.openDatabase(ctx, state, held, blobs, o)
	lost, ok := errors.AsType[*db.Incomplete](err)
	if !ok || !o.Recover || state == "" {
		return err
	}
	if err := errors.Join(e.closeState(), db.SetAside(state)); err != nil {
		return err
	}
	e.db, e.log, e.content = nil, nil, nil
	e.logger.Warn("the database cannot be read and was set aside; a new one was made", "reason", lost)
	return e.openDatabase(ctx, state, held, blobs, o)
}

func (e *Emulator) openDatabase(ctx context.Context, state, held string, blobs bool, o *Options) (err error) {
	e.db, err = db.Open(ctx, state, &db.Options{Now: e.now, MaxPages: maxPages(state), Held: held, Recover: o.Recover,
		Migrations: migrations()})
	if err != nil {
		return err
	}
	//rule:state-lost-open-database
	if e.db.Origin() == db.New && strings.HasPrefix(held, discardDir) && !o.Recover {
		return &db.Incomplete{Reason: "a reset was interrupted, and " + held + " is the state before it"}
	}
	switch origin := e.db.Origin(); {
	//rule:state-lost-open-database-3
	case o.Recover && state != "":
		e.keep = "the state was recovered in this run"
	case origin == db.Adopted:
		e.keep = "an earlier version wrote the state"
	//rule:state-lost-open-database-2
	case origin == db.New && blobs:
		e.keep = "the database was made in this run, and blobs were there before"
	}
	if e.keep != "" {
		e.logger.Warn("nothing is collected until the next start", "reason", e.keep)
	}
	keys, renewed, err := principal.OpenKeys(state, e.db, o.Recover)
	if err != nil {
		return err
	}
	if renewed {
		e.logger.Warn("new keys were made: every earlier password, client secret and token is invalid; " +
			"set new passwords, or merge a seed with --seed-mode merge")
	}
	if e.ids, err = principal.Open(ctx, e.db, keys); err != nil {
		return err
	}
	e.log, err = decisions.Open(ctx, e.db, e.now, func(err error, lost int) {
		e.logger.Error("decisions could not be written", "error", err, "lost", lost)
	})
	if err != nil {
		return err
	}
	if e.content, err = openContent(ctx, e.db, state, e.keep != "", o); err != nil || state == "" || blobs {
		return err
	}
	return e.missBlobs(ctx)
}

// missBlobs warns of a folder without any content whose database has some: each pull
// is an error until a push restores the content.
func (e *Emulator) missBlobs(ctx context.Context) error {
	known := 0
	err := e.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow("SELECT count(*) FROM repository_blobs", nil, &known)
	})
	if known > 0 {
		e.logger.Warn(
			"the content of all images is missing in the data folder; put the folder of blobs back, or push again",
			"blobs", known, "hint", sentence.Fix(sentence.CheckEmulator, nil))
	}
	return err
}

// closeState closes what openState has opened.
func (e *Emulator) closeState() error {
	var errs []error
	if e.content != nil {
		e.content.Close()
	}
	if e.log != nil {
		errs = append(errs, e.log.Close())
	}
	if e.db != nil {
		errs = append(errs, e.db.Close())
	}
	return errors.Join(errs...)
}

// migrations are the steps of the whole schema.
func migrations() []db.Migration {
	return slices.Concat(content.Migrations(), principal.Migrations(), decisions.Migrations(), snapshot.Migrations())
}
