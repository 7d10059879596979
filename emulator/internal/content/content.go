// Package content is what a registry holds: repositories with their tags,
// manifests and blobs, the locks on them, and uploads on their way. It decides
// what exists and what a lock forbids; its callers decide who may do it.
//
// Blobs belong to repositories: a digest that only another repository holds is
// unknown here.
package content

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/memo"
)

// MaxManifest is the largest manifest, in bytes: the 4 MiB that the OCI
// distribution specification asks registries to take at least and that clients
// stop at.
const MaxManifest = 4 << 20

// MaxPage is the most items of one page of a list; the service clamps at it.
const MaxPage = 1000

// Kind is a kind of failure.
type Kind string

// The kinds of failure.
const (
	RepositoryUnknown   Kind = "repository unknown"
	TagUnknown          Kind = "tag unknown"
	ManifestUnknown     Kind = "manifest unknown"
	BlobUnknown         Kind = "blob unknown"
	UploadUnknown       Kind = "upload unknown"
	UploadOffset        Kind = "upload offset"         // a chunk does not begin where the stored part ends
	UploadBroken        Kind = "upload broken"         // the source failed; what came is kept
	DigestMismatch      Kind = "digest mismatch"       // content is not what its digest says
	ManifestInvalid     Kind = "manifest invalid"      // Reason says why
	ManifestTooLarge    Kind = "manifest too large"    // more than MaxManifest
	ManifestBlobUnknown Kind = "manifest blob unknown" // Name is what the manifest names and the repository lacks
	Locked              Kind = "locked"                // a lock on the item forbids it
	Damaged             Kind = "damaged"               // what is stored is not what was pushed; Reason says how
)

// Error is a failure with a kind. Failures of the disk or the database are not
// of this type; [IsFull] recognizes the common one.
type Error struct {
	Kind   Kind
	Name   string // the repository, tag, digest or upload that it is about
	Item   Item   // of [Locked]: what has the lock
	Reason string // "" where the kind says it all
	Err    error  // nil where there is no cause
}

// Error returns the kind, the name and the reason.
func (e *Error) Error() string {
	s := string(e.Kind)
	if e.Name != "" {
		s += fmt.Sprintf(" %q", e.Name)
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err, or "" if it has none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// IsFull reports whether err means that there is no space left: on the disk, or
// within the limit of what is kept in memory.
func IsFull(err error) bool {
	return errors.Is(err, db.ErrFull) || errors.Is(err, blob.ErrFull) || errors.Is(err, blob.ErrMemory)
}

// Options are the options of [Open]. The zero value is usable.
type Options struct {
	// Now is the clock for the age of uploads and unused blobs. It should be the
	// machine's clock, which is that of the files, even where the registry's is
	// frozen. nil = time.Now. It may jump: age is counted by Elapsed from what Now
	// was when the store was opened.
	Now func() time.Time
	// Elapsed is the time since the store was opened, by a clock that is never set.
	// nil = the machine's; where Now was given, what that says.
	Elapsed        func() time.Duration
	UploadLifetime time.Duration // 0 = UploadLifetime
	BlobGrace      time.Duration // 0 = BlobGrace
	// Held is asked whether something besides a repository, such as a snapshot,
	// holds content. What is held must have been held since a repository held it.
	// nil = nothing is.
	Held func(tx *db.Tx, digest string) (bool, error)
	// Keep removes nothing: the database may not know all that is held.
	Keep bool
	// AllHeld lists up to n digests for which Held is true, in order, after one. nil =
	// there are none.
	AllHeld func(tx *db.Tx, after string, n int) ([]string, error)
}

// Store is the content of all registries. Its methods may be called by many
// goroutines.
type Store struct {
	db    *db.DB
	blobs blob.Store
	key   []byte

	now            func() time.Time // never jumps
	wall           func() time.Time // the clock of files
	opened         time.Time        // by now
	uploadLifetime time.Duration
	blobGrace      time.Duration
	heldElsewhere  func(tx *db.Tx, digest string) (bool, error)
	keepAll        bool
	allHeld        func(tx *db.Tx, after string, n int) ([]string, error)

	// What was looked up, by the database's version.
	manifests *memo.Memo[name, foundManifest]
	known     *memo.Memo[name, foundBlob]

	conditions conditions // of the files of contents

	closing    chan struct{} // closed with the store
	collecting chan struct{} // of capacity 1: holds a token while Collect runs
	orphans    atomic.Bool   // there may be content that no repository holds

	mu          sync.Mutex
	running     map[string]*running
	digestLocks map[string]*digestLock   // by digest
	checks      map[string]chan struct{} // by digest; closed at the end of the check
}

// Open returns the store over a database that has [Migrations] and a blob store.
// It removes uploads that have passed their lifetime; see [Store.Collect] for
// the rest.
func Open(ctx context.Context, d *db.DB, blobs blob.Store, opts *Options) (*Store, error) {
	if opts == nil {
		opts = &Options{}
	}
	s := &Store{db: d, blobs: blobs,
		uploadLifetime: cmp.Or(opts.UploadLifetime, UploadLifetime), blobGrace: cmp.Or(opts.BlobGrace, BlobGrace),
		heldElsewhere: opts.Held, allHeld: opts.AllHeld, keepAll: opts.Keep,
		closing: make(chan struct{}), collecting: make(chan struct{}, 1),
		running: map[string]*running{}, digestLocks: map[string]*digestLock{},
		checks:    map[string]chan struct{}{},
		manifests: memo.New[name, foundManifest](remembered), known: memo.New[name, foundBlob](remembered)}
	s.setClock(opts)
	s.orphans.Store(true) // a crash may have come between content and its repository
	err := d.Write(ctx, func(tx *db.Tx) error {
		// The clock was ahead when these were written; they would stay for as long.
		now := s.now().UnixNano()
		//rule:clock-open
		if _, err := tx.Exec("UPDATE repository_blobs SET idle_since=? WHERE idle_since>?", now, now); err != nil {
			return err
		}
		err := tx.QueryRow("SELECT value FROM content_settings WHERE name='upload-key'", nil, &s.key)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		s.key = make([]byte, 32)
		_, _ = rand.Read(s.key) // never fails
		_, err = tx.Exec("INSERT INTO content_settings (name,value) VALUES ('upload-key',?)", s.key)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !s.keepAll {
		if err := s.collectUploads(ctx, &Collected{}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// setClock gives the store a clock that does not jump when the machine's is set, so
// that content which was just pushed does not look a day old and is not collected.
func (s *Store) setClock(opts *Options) {
	s.wall, s.now = opts.Now, opts.Now
	elapsed := opts.Elapsed
	if s.wall == nil {
		s.wall = time.Now
		if elapsed == nil {
			start := time.Now()
			elapsed = func() time.Duration { return time.Since(start) } // by the clock that is never set
		}
	}
	//rule:clock-set-clock-2
	if elapsed != nil {
		begin := s.wall()
		//rule:clock-set-clock
		s.now = func() time.Time { return begin.Add(elapsed()) }
	}
	s.opened = s.now()
}

// Close ends a collection under way and waits for it: after that, nothing is
// removed, and another process may use the folder. The caller closes the database
// after this. It is called once.
func (s *Store) Close() {
	close(s.closing)
	s.collecting <- struct{}{} // kept: there is no collection any more
}

// UploadKey returns a secret that lasts as long as the data: upload addresses
// are signed with it, so that they outlive a restart.
func (s *Store) UploadKey() []byte { return s.key }

// CreateRegistry makes a registry, or finds the one of this name, and returns
// its ID.
func (s *Store) CreateRegistry(ctx context.Context, name string) (id int64, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		id, err = CreateRegistry(tx, name)
		return err
	})
	return id, err
}

// CreateRegistry is [Store.CreateRegistry] within a transaction of the caller.
func CreateRegistry(tx *db.Tx, name string) (id int64, err error) {
	if _, err := tx.Exec("INSERT INTO registries (name,created_at) VALUES (?,?) ON CONFLICT DO NOTHING",
		name, tx.Now.UnixNano()); err != nil {
		return 0, err
	}
	err = tx.QueryRow("SELECT id FROM registries WHERE name=?", []any{name}, &id)
	return id, err
}

// DeleteRegistry removes a registry with all it holds, within a transaction of the caller.
// There may be none.
func (s *Store) DeleteRegistry(tx *db.Tx, id int64) error {
	s.orphans.Store(true)
	_, err := tx.Exec("DELETE FROM registries WHERE id=?", id)
	return err
}

// Size returns how many bytes the blobs of a registry have, each counted once.
func (s *Store) Size(ctx context.Context, registry int64) (size int64, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT coalesce(sum(size), 0) FROM (SELECT DISTINCT b.digest, b.size
			FROM repository_blobs b JOIN repositories r ON r.id = b.repository WHERE r.registry=?)`,
			[]any{registry}, &size)
	})
	return size, err
}
