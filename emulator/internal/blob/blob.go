// Package blob stores content under its digest, and uploads on their way to
// become content. It knows no repositories: who may see a digest is the business
// of package content.
package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// ErrNotExist says that there is no such upload or content.
var ErrNotExist = errors.New("no such content")

// ErrFull says that there is no space left. What was stored before is intact.
var ErrFull = errors.New("the emulator's data folder has no space left")

// ErrMemory says that a [Memory] holds as much as it may.
var ErrMemory = errors.New("the limit of the emulator's memory for content is reached")

// ReadError is a failure of the source of [Store.Append], in contrast to one of
// the store.
type ReadError struct{ Err error }

// Error returns the text of the source's error.
func (e *ReadError) Error() string { return "read the upload: " + e.Err.Error() }

// Unwrap returns the source's error.
func (e *ReadError) Unwrap() error { return e.Err }

// Upload is an upload as [Store.Uploads] lists it.
type Upload struct {
	ID       string
	Modified time.Time // when something was last stored
}

// Content is content as [Store.Contents] lists it.
type Content struct {
	Digest string
	Size   int64 // in bytes
}

// Info is what is known of content without reading it.
type Info struct {
	Size  int64 // in bytes
	Stamp Stamp
}

// Stamp is equal for two looks at content if it is the same file and nothing was
// written to it in between, as far as the system can tell. It says nothing about
// what a disk does to the bytes by itself. Content in memory has the zero value.
type Stamp struct {
	Modified, Changed int64  // nanoseconds since 1970; Changed is 0 where the system does not say it
	File              uint64 // the inode; 0 where there is none
}

// Store keeps content and uploads. Different uploads may be written by many
// goroutines; one upload by one at a time. All implementations pass one suite.
type Store interface {
	// Create begins an empty upload.
	Create(ctx context.Context, id string) error
	// Size returns how much of an upload is stored.
	Size(ctx context.Context, id string) (int64, error)
	// Append stores what r yields at offset at, which is at most [Store.Size]; an
	// upload longer than that is cut first. If r fails, the error is a
	// [*ReadError], and what came before is kept: n bytes. If storing fails,
	// nothing of this call is kept, and n is 0.
	Append(ctx context.Context, id string, at int64, r io.Reader) (n int64, err error)
	// OpenUpload returns a reader of what is stored of an upload.
	OpenUpload(ctx context.Context, id string) (io.ReadCloser, error)
	// Commit makes an upload durable as the content of digest, whose hash the
	// caller has checked, and ends the upload. Content that is there already is
	// replaced, which repairs it if it was damaged. After an error the upload is
	// gone: after a failed sync the state of the disk is unknown.
	Commit(ctx context.Context, id, digest string) error
	// Abort removes an upload.
	Abort(ctx context.Context, id string) error
	// Uploads lists the uploads.
	Uploads(ctx context.Context) iter.Seq2[Upload, error]
	// Contents lists the content whose digest comes after one ("" = all), in the
	// order of digests. What is committed or removed meanwhile may be listed or
	// not.
	Contents(ctx context.Context, after string) iter.Seq2[Content, error]
	// Open returns a reader of content, and what is known of just that content.
	// It can be read to its end though it is removed meanwhile. Nothing is
	// checked: what is read may not be what the digest says.
	Open(ctx context.Context, digest string) (r io.ReadSeekCloser, info Info, err error)
	// Stat returns what is known of content.
	Stat(ctx context.Context, digest string) (Info, error)
	// Remove removes content.
	Remove(ctx context.Context, digest string) error
}

// copyBuffer is the piece in which uploads are stored; memory for an upload does
// not depend on its size.
const copyBuffer = 128 << 10

// checkID refuses upload ids that are no plain file name: they are path parts.
func checkID(id string) error {
	if len(id) == 0 || len(id) > 64 || strings.Trim(id, "0123456789abcdef-") != "" {
		return fmt.Errorf("upload %q: %w", id, ErrNotExist)
	}
	return nil
}

// splitDigest takes a digest apart and refuses what is none: it becomes a path.
func splitDigest(digest string) (algorithm, hex string, err error) {
	algorithm, hex, ok := strings.Cut(digest, ":")
	if ok && strings.Trim(hex, "0123456789abcdef") == "" &&
		(algorithm == "sha256" && len(hex) == 64 || algorithm == "sha512" && len(hex) == 128) {
		return algorithm, hex, nil
	}
	return "", "", fmt.Errorf("digest %q: %w", digest, ErrNotExist)
}
