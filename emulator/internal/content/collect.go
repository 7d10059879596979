package content

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// BlobGrace is how long a blob that no manifest of its repository names is kept.
// It is the time a client has between learning that a blob is there (by pushing,
// mounting, or HEAD) and the manifest that names it: at least half of it.
const BlobGrace = 24 * time.Hour

const (
	// openGrace is how long a store that was opened removes no blob, or half of
	// [Options.BlobGrace] if that is less: the clock may have been set in between,
	// and a client that pushed before may go on.
	openGrace = time.Hour
	// collectLinks is the most blobs of repositories that one transaction removes;
	// it limits how long a push waits for it.
	collectLinks = 64
	// collectContents is the most contents looked up in one transaction.
	collectContents = 256
)

// Collected is what [Store.Collect] removed.
type Collected struct {
	Uploads  int   // uploads that were idle
	Blobs    int   // blobs that repositories held and no manifest of theirs named
	Contents int   // contents that no repository held
	Bytes    int64 // size of those contents
}

// Collect removes what is not used, while other methods go on: uploads that
// were idle for [Options.UploadLifetime], a repository's blobs that none of
// its manifests has named for [Options.BlobGrace] (none in the first hour after
// the store was opened, or half of that time), and contents that no
// repository holds. Calls run one after another. Where something cannot be
// removed, the rest is done, and the first error is returned with what was done.
//
// Nothing that is referenced is lost: the transaction that removes a blob from a
// repository checks that no manifest names it; and content is removed only while
// [Store.FinishUpload] cannot store the same content, and after the database has
// shown that no repository holds it, which only FinishUpload could change, because
// a mount needs a repository that holds it.
func (s *Store) Collect(ctx context.Context) (Collected, error) {
	return s.collect(ctx, true)
}

// CollectIdle is [Store.Collect] for a frequent caller: it reads the list of all
// content only if something was removed since it was last read.
func (s *Store) CollectIdle(ctx context.Context) (Collected, error) {
	return s.collect(ctx, false)
}

func (s *Store) collect(ctx context.Context, all bool) (c Collected, err error) {
	//rule:state-lost-collect
	if s.keepAll {
		return c, nil
	}
	select {
	case s.collecting <- struct{}{}:
		defer func() { <-s.collecting }()
	case <-s.closing:
		return c, db.ErrClosed
	case <-ctx.Done():
		return c, ctx.Err()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // until cancel
		select {
		case <-s.closing:
			cancel(db.ErrClosed)
		case <-ctx.Done():
		}
	}()
	note := func(e error) {
		if err == nil {
			err = e
		}
	}
	note(s.collectUploads(ctx, &c))
	note(s.collectLinks(ctx, &c))
	if s.orphans.Swap(false) || all {
		if e := s.collectContents(ctx, &c); e != nil {
			s.orphans.Store(true)
			note(e)
		}
	}
	return c, err
}

// collectUploads drops idle uploads.
func (s *Store) collectUploads(ctx context.Context, c *Collected) error {
	var failed error
	cutoff := s.now()
	//rule:clock-collect-uploads
	if wall := s.wall(); wall.Before(cutoff) { // it was set back; the files have its times
		cutoff = wall
	}
	cutoff = cutoff.Add(-s.uploadLifetime)
	for u, err := range s.blobs.Uploads(ctx) {
		if err != nil {
			return err
		}
		if !u.Modified.Before(cutoff) {
			continue
		}
		taken, ok := s.takeIdle(u.ID, cutoff)
		if !ok {
			continue
		}
		err := s.blobs.Abort(ctx, u.ID)
		gone := err == nil || errors.Is(err, blob.ErrNotExist)
		s.unlockUpload(u.ID, taken, gone)
		switch {
		case err == nil:
			c.Uploads++
		case !gone && failed == nil:
			failed = err
		}
	}
	return failed
}

// takeIdle takes the lock of an upload that is free, with none waiting for it, and
// that this process has not used since cutoff.
func (s *Store) takeIdle(id string, cutoff time.Time) (*running, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.running[id]
	if !ok {
		u = &running{turn: make(chan struct{}, 1), size: -1}
		s.keep(id, u)
	}
	if u.users > 0 || !u.used.Before(cutoff) {
		return nil, false
	}
	u.users++
	u.turn <- struct{}{} // does not block: the lock is free
	return u, true
}

// named reports whether a manifest of the repository names the blob.
const named = `SELECT 1 FROM manifest_references f JOIN manifests m ON m.id=f.manifest
	WHERE f.digest=? AND f.is_manifest=0 AND m.repository=? LIMIT 1`

type link struct {
	repo   int64
	digest string
}

// collectLinks removes blobs from repositories that have not named them for the
// grace period. Rows of blobs that are named leave the list of idle ones; they
// come back when a manifest that names them is deleted.
func (s *Store) collectLinks(ctx context.Context, c *Collected) error {
	now := s.now()
	//rule:clock-collect-links
	if now.Sub(s.opened) < min(s.blobGrace/2, openGrace) {
		return nil
	}
	cutoff := now.Add(-s.blobGrace).UnixNano()
	for {
		var idle []link
		err := s.db.Read(ctx, func(tx *db.Tx) error {
			return tx.Query("SELECT repository,digest FROM repository_blobs WHERE idle_since<? LIMIT ?",
				[]any{cutoff, collectLinks}, func(scan func(...any) error) error {
					var l link
					err := scan(&l.repo, &l.digest)
					idle = append(idle, l)
					return err
				})
		})
		if err != nil || len(idle) == 0 {
			return err
		}
		removed := 0
		err = s.db.Write(ctx, func(tx *db.Tx) error {
			removed = 0
			for _, l := range idle {
				one := 0
				err := tx.QueryRow(named, []any{l.digest, l.repo}, &one)
				if err == nil {
					_, err = tx.Exec(
						"UPDATE repository_blobs SET idle_since=NULL WHERE repository=? AND digest=?", l.repo, l.digest)
				} else if errors.Is(err, sql.ErrNoRows) {
					// Still idle: a mount or a HEAD may have come since it was listed.
					var r sql.Result
					r, err = tx.Exec("DELETE FROM repository_blobs WHERE repository=? AND digest=? AND idle_since<?",
						l.repo, l.digest, cutoff)
					if err == nil {
						n, _ := r.RowsAffected() // SQLite knows it
						removed += int(n)
					}
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.Blobs += removed
		if removed > 0 {
			s.orphans.Store(true)
		}
		if len(idle) < collectLinks {
			return nil
		}
	}
}

// collectContents removes contents that no repository holds.
func (s *Store) collectContents(ctx context.Context, c *Collected) error {
	var failed error
	var batch []blob.Content
	flush := func() error {
		held, err := s.held(ctx, batch)
		if err != nil {
			return err
		}
		for i, x := range batch {
			if held[i] {
				continue
			}
			if err := context.Cause(ctx); err != nil {
				return err
			}
			removed, err := s.removeContent(ctx, x.Digest)
			if removed {
				c.Contents++
				c.Bytes += x.Size
			}
			if err != nil && failed == nil {
				failed = fmt.Errorf("remove %s: %w", x.Digest, err)
			}
		}
		batch = batch[:0]
		return context.Cause(ctx)
	}
	for x, err := range s.blobs.Contents(ctx, "") {
		if err != nil {
			return err
		}
		if batch = append(batch, x); len(batch) == collectContents {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return failed
}

// Restored restarts the idle time of all blobs that no manifest names, in the
// transaction that has reset the tables to an earlier state: the stored times are
// as old as that state, and would be over at once.
func (s *Store) Restored(tx *db.Tx) error {
	_, err := tx.Exec("UPDATE repository_blobs SET idle_since=? WHERE idle_since IS NOT NULL", s.now().UnixNano())
	return err
}

// ExpectOrphans makes the next [Store.CollectIdle] look at all content, because some
// may have lost its last holder without this store's methods.
func (s *Store) ExpectOrphans() { s.orphans.Store(true) }

// held reports for each content whether a repository, or what Options.Held asks,
// holds it.
func (s *Store) held(ctx context.Context, all []blob.Content) ([]bool, error) {
	out := make([]bool, len(all))
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		for i, x := range all {
			var one int
			err := tx.QueryRow("SELECT 1 FROM repository_blobs WHERE digest=? LIMIT 1", []any{x.Digest}, &one)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			out[i] = err == nil
			if !out[i] && s.heldElsewhere != nil {
				if out[i], err = s.heldElsewhere(tx, x.Digest); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return out, err
}

// removeContent removes content if still no repository holds it and no upload is
// about to become it.
func (s *Store) removeContent(ctx context.Context, digest string) (removed bool, err error) {
	done, ok := s.lockForRemoval(digest)
	if !ok {
		return false, nil
	}
	defer done()
	held, err := s.held(ctx, []blob.Content{{Digest: digest}})
	if err != nil || held[0] {
		return false, err
	}
	err = s.blobs.Remove(ctx, digest)
	if errors.Is(err, blob.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// digestLock keeps a digest's content from being uploaded and removed at once.
type digestLock struct {
	uploads int           // uploads that become it, until a repository holds it
	removed chan struct{} // closed when the removal is over; nil = it is not being removed
}

// lockForUpload keeps a digest's content from removal until done is called. It waits
// for a removal under way, which is brief.
func (s *Store) lockForUpload(ctx context.Context, digest string) (done func(), err error) {
	for {
		s.mu.Lock()
		p := s.digestLocks[digest]
		if p == nil {
			p = &digestLock{}
			s.digestLocks[digest] = p
		}
		if p.removed == nil {
			p.uploads++
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				if p.uploads--; p.uploads == 0 {
					delete(s.digestLocks, digest)
				}
			}, nil
		}
		removed := p.removed
		s.mu.Unlock()
		select {
		case <-removed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// lockForRemoval keeps uploads from becoming a digest's content until done is
// called; ok is false if one is about to.
func (s *Store) lockForRemoval(digest string) (done func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.digestLocks[digest] != nil {
		return nil, false
	}
	p := &digestLock{removed: make(chan struct{})}
	s.digestLocks[digest] = p
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.digestLocks, digest)
		close(p.removed)
	}, true
}

// renew counts a blob's idle time from now on, so that a client that learned that
// it exists can rely on it. Where nothing can be written for want of space,
// nothing is collected from the disk either.
func (s *Store) renew(ctx context.Context, registry int64, repo, digest string) error {
	now := s.now().UnixNano()
	err := s.db.Write(ctx, func(tx *db.Tx) error {
		r, err := tx.Exec(`UPDATE repository_blobs SET idle_since=?
			WHERE digest=? AND repository=(SELECT id FROM repositories WHERE registry=? AND name=?)`, now, digest, registry, repo)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, &Error{Kind: BlobUnknown, Name: digest}) // collected meanwhile
		}
		return nil
	})
	if IsFull(err) {
		return nil
	}
	return err
}
