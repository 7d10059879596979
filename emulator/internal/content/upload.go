package content

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/internal/guid"
)

// UploadLifetime is how long an upload may be idle. The service's upload addresses
// live half an hour; a day gives users time to examine a broken push.
const UploadLifetime = 24 * time.Hour

// maxRunning is the most uploads whose hash is kept in memory, about 300 bytes
// each. An upload that loses its place is read again when it is finished.
const maxRunning = 4096

// running is the state of an upload in memory: a lock, and the hash of its stored
// part if this process wrote all of it.
type running struct {
	users int           // how many hold or wait for the lock; under Store.mu
	turn  chan struct{} // of capacity 1: holding the one token is holding the lock
	size  int64         // what is stored; -1 = ask the blob store
	sum   hash.Hash     // SHA-256 of that, nil if not known
	used  time.Time     // when the lock was last released; under Store.mu
}

// lockUpload takes the lock of an upload; a chunk waits for the one before it.
func (s *Store) lockUpload(ctx context.Context, id string) (*running, error) {
	s.mu.Lock()
	u, ok := s.running[id]
	if !ok {
		u = &running{turn: make(chan struct{}, 1), size: -1}
		s.keep(id, u)
	}
	u.users++
	s.mu.Unlock()
	select {
	case u.turn <- struct{}{}:
	case <-ctx.Done():
		s.release(id, u)
		return nil, ctx.Err()
	}
	if u.size < 0 {
		size, err := s.blobs.Size(ctx, id)
		if err != nil {
			s.unlockUpload(id, u, true)
			return nil, uploadError(id, err)
		}
		u.size = size
		if size == 0 {
			u.sum = sha256.New()
		}
	}
	return u, nil
}

// keep adds an upload, in place of an idle one if there are too many. It is
// called under the store's lock.
func (s *Store) keep(id string, u *running) {
	if len(s.running) >= maxRunning {
		for other, o := range s.running {
			if o.users == 0 {
				delete(s.running, other)
				break
			}
		}
	}
	s.running[id] = u
}

// unlockUpload releases the lock; gone says that the upload is over.
func (s *Store) unlockUpload(id string, u *running, gone bool) {
	if gone {
		u.size, u.sum = -1, nil // the next holder of the lock looks again
	}
	<-u.turn
	s.release(id, u)
}

func (s *Store) release(id string, u *running) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.used = s.now()
	if u.users--; u.users == 0 && u.size < 0 && s.running[id] == u {
		delete(s.running, id)
	}
}

func uploadError(id string, err error) error {
	if errors.Is(err, blob.ErrNotExist) {
		return &Error{Kind: UploadUnknown, Name: id}
	}
	return err
}

// StartUpload begins an upload to a repository that may not exist yet, and
// returns its ID, a random UUID. The store does not tie the ID to the
// repository: an address that is signed does.
func (s *Store) StartUpload(ctx context.Context, registry int64, repo string) (id string, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		var locks Locks
		err := tx.QueryRow("SELECT locks FROM repositories WHERE registry=? AND name=?", []any{registry, repo}, &locks)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return locked(ARepository, repo, locks, NoWrite)
	})
	if err != nil {
		return "", err
	}
	id = guid.New()
	// A collection must find it in use before the blob store lists it: the time of its
	// file may be of a clock that was set since.
	u := &running{users: 1, turn: make(chan struct{}, 1), sum: sha256.New()}
	u.turn <- struct{}{}
	s.mu.Lock()
	//rule:clock-start-upload
	s.keep(id, u)
	s.mu.Unlock()
	err = s.blobs.Create(ctx, id)
	s.unlockUpload(id, u, err != nil)
	if err != nil {
		return "", err
	}
	return id, nil
}

// UploadSize returns how much of an upload is stored.
func (s *Store) UploadSize(ctx context.Context, id string) (int64, error) {
	u, err := s.lockUpload(ctx, id)
	if err != nil {
		return 0, err
	}
	defer s.unlockUpload(id, u, false)
	return u.size, nil
}

// AppendUpload stores what r yields at the end of an upload, which must be at
// offset from unless that is negative, and returns how much is stored then.
// Where r fails, what came is kept and the error is [UploadBroken]; where
// storing fails, nothing of it is.
func (s *Store) AppendUpload(ctx context.Context, id string, from int64, r io.Reader) (size int64, err error) {
	u, err := s.lockUpload(ctx, id)
	if err != nil {
		return 0, err
	}
	gone := false
	defer func() { s.unlockUpload(id, u, gone) }()
	err = s.appendTo(ctx, id, u, from, r)
	gone = KindOf(err) == UploadUnknown
	return u.size, err
}

// endsAt fails unless an upload's stored part ends at offset, or offset is negative.
func (u *running) endsAt(offset int64, id string) error {
	//rule:upload-addresses-ends-at
	if offset >= 0 && offset != u.size {
		return &Error{Kind: UploadOffset, Name: id, Reason: fmt.Sprintf("%d bytes are stored, not %d", u.size, offset)}
	}
	return nil
}

func (s *Store) appendTo(ctx context.Context, id string, u *running, from int64, r io.Reader) error {
	if err := u.endsAt(from, id); err != nil {
		return err
	}
	var before hash.Hash
	if u.sum != nil {
		clone, err := u.sum.(hash.Cloner).Clone()
		if err != nil {
			return err
		}
		before = clone
		r = io.TeeReader(r, u.sum)
	}
	n, err := s.blobs.Append(ctx, id, u.size, r)
	u.size += n
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*blob.ReadError](err); ok {
		return &Error{Kind: UploadBroken, Name: id, Err: err} // all that was read is stored, and in the hash
	}
	u.sum = before
	return uploadError(id, err)
}

// FinishUpload stores what r yields as AppendUpload does (r may be nil; from is
// checked nevertheless), and makes the upload the repository's blob if its content
// has the digest; if not, the upload is dropped, as the reference implementation
// does.
func (s *Store) FinishUpload(ctx context.Context, registry int64, repo, id, digest string, from int64,
	r io.Reader) error {
	u, err := s.lockUpload(ctx, id)
	if err != nil {
		return err
	}
	gone := false
	defer func() { s.unlockUpload(id, u, gone) }()
	if r == nil {
		//rule:upload-addresses-finish-upload
		err = u.endsAt(from, id)
	} else {
		err = s.appendTo(ctx, id, u, from, r)
	}
	if err != nil {
		gone = KindOf(err) == UploadUnknown
		return err
	}
	sum := u.sum
	if sum == nil || !strings.HasPrefix(digest, "sha256:") {
		if sum, err = s.hashUpload(ctx, id, digest); err != nil {
			return err
		}
	}
	if !sumMatches(sum, digest) {
		gone = true
		return errors.Join(&Error{Kind: DigestMismatch, Name: digest}, s.blobs.Abort(context.WithoutCancel(ctx), id))
	}
	gone = true
	size := u.size
	done, err := s.lockForUpload(ctx, digest)
	if err != nil {
		return errors.Join(err, s.blobs.Abort(context.WithoutCancel(ctx), id))
	}
	defer done()
	if err := s.blobs.Commit(ctx, id, digest); err != nil {
		return uploadError(id, err)
	}
	s.conditions.forget(digest) // content that was there was replaced
	// The content is durable before a repository says that it has it.
	err = s.db.Write(ctx, func(tx *db.Tx) error { return s.linkBlob(tx, registry, repo, digest, size) })
	if err != nil {
		s.orphans.Store(true)
	}
	return err
}

// hashUpload reads what is stored of an upload again: after a restart, or for a
// digest whose hash was not kept.
func (s *Store) hashUpload(ctx context.Context, id, digest string) (hash.Hash, error) {
	r, err := s.blobs.OpenUpload(ctx, id)
	if err != nil {
		return nil, uploadError(id, err)
	}
	defer r.Close()
	h := newHash(digest)
	_, err = io.Copy(h, readFunc(func(b []byte) (int, error) {
		if err := ctx.Err(); err != nil { // the request has ended
			return 0, err
		}
		return r.Read(b)
	}))
	return h, err
}

// readFunc is a reader that is one function.
type readFunc func(b []byte) (int, error)

func (f readFunc) Read(b []byte) (int, error) { return f(b) }

// CancelUpload drops an upload.
func (s *Store) CancelUpload(ctx context.Context, id string) error {
	u, err := s.lockUpload(ctx, id)
	if err != nil {
		return err
	}
	err = s.blobs.Abort(ctx, id)
	s.unlockUpload(id, u, err == nil || errors.Is(err, blob.ErrNotExist))
	return uploadError(id, err)
}
