package content

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/acrkit/acrkit/emulator/internal/blob"
)

const (
	// heldBack is how many of the last bytes a reader gets only once the digest is
	// known: no reader gets damaged content whole.
	heldBack = 32 << 10
	// maxConditions is the most files whose condition is remembered, about 200
	// bytes each.
	maxConditions = 32 << 10
	// verifyBuffer is the piece in which content is read to be checked.
	verifyBuffer = 128 << 10
)

var verifyBuffers = sync.Pool{New: func() any { return new([verifyBuffer]byte) }}

// damaged is the error for stored content that differs from what was pushed.
func damaged(digest, format string, args ...any) error {
	return &Error{Kind: Damaged, Name: digest, Reason: fmt.Sprintf(format, args...)}
}

func wrongDigest(digest string) error {
	return damaged(digest, "the bytes in the data folder have another digest")
}

// condition is the result of reading a whole file.
type condition struct {
	info blob.Info // of the file that was read
	good bool
}

// conditions are what this process knows of the files of contents. They are
// about just the file that was read: one that was changed or replaced is not
// known. The zero value knows nothing.
type conditions struct {
	mu    sync.Mutex
	known map[string]condition // by digest
}

// get returns what is known of the file of a digest that has info.
func (c *conditions) get(digest string, info blob.Info) (good, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.known[digest]
	//rule:rot-get
	known = ok && k.info == info
	return known && k.good, known
}

func (c *conditions) put(digest string, info blob.Info, good bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	//rule:rot-put
	if _, ok := c.known[digest]; !ok && len(c.known) >= maxConditions {
		// Damaged files are forgotten last: to find one again costs reading it
		// whole, and until then HEAD says that it is there.
		for d, k := range c.known {
			if k.good {
				delete(c.known, d)
			}
		}
		if len(c.known) >= maxConditions {
			clear(c.known)
		}
	}
	if c.known == nil {
		c.known = map[string]condition{}
	}
	c.known[digest] = condition{info, good}
}

func (c *conditions) forget(digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, digest)
}

// checkStored checks the result of a blob's Stat or Open: info or err. A blob that
// was deleted and collected since it was found is [BlobUnknown].
func (s *Store) checkStored(ctx context.Context, n name, f foundBlob, info blob.Info, err error) error {
	switch {
	case errors.Is(err, blob.ErrNotExist):
		if _, err := s.findBlob(ctx, n); err != nil {
			return err
		}
		return damaged(n.ref, "its file is missing in the data folder")
	case err != nil:
		return err
	//rule:rot-check-stored
	case info.Size != f.size:
		return damaged(n.ref, "its file in the data folder has %d bytes, not %d", info.Size, f.size)
	}
	//rule:rot-check-stored-2
	if good, known := s.conditions.get(n.ref, info); known && !good {
		return wrongDigest(n.ref)
	}
	return nil
}

// Blob is open content. What is read from it is what its digest says, or reading
// ends with an error of the kind [Damaged] before the last bytes.
type Blob struct {
	Size int64 // in bytes

	s      *Store
	digest string
	info   blob.Info
	file   io.ReadSeekCloser
	good   bool   // the file was read whole before
	check  *check // nil until the first reading of a file that was not
}

// Close closes the content.
func (b *Blob) Close() error { return b.file.Close() }

// Reader returns the content from its beginning: the file itself where it was
// checked before, so that the network stack may take the short way; otherwise a
// reader that checks what it yields, which is to be read to its end. It can be
// asked for once.
//
// The reader that checks seeks to the beginning or the end alone: for a part of
// the content call [Blob.Verify] first.
func (b *Blob) Reader() io.ReadSeeker {
	if b.good {
		return b.file
	}
	b.check = &check{b: b, sum: newHash(b.digest)}
	return b.check
}

// Err returns the damage that a reader has found.
func (b *Blob) Err() error {
	if b.check == nil {
		return nil
	}
	return b.check.err
}

// Verify reads the content whole, unless this process has done so before, and
// returns an error of the kind [Damaged] where it is not what its digest says.
// Of several callers one reads, the others wait for it.
func (b *Blob) Verify(ctx context.Context) error {
	for !b.good {
		good, known := b.s.conditions.get(b.digest, b.info)
		if known && !good {
			return wrongDigest(b.digest)
		}
		if b.good = known; known {
			break
		}
		done, turn := b.s.takeCheck(b.digest)
		if !turn {
			select {
			case <-done:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if _, known = b.s.conditions.get(b.digest, b.info); known { // since it was asked above
			b.s.endCheck(b.digest, done)
			continue
		}
		_, err := hashWhole(ctx, b.file, b.digest, b.info.Size)
		if err == nil || KindOf(err) == Damaged {
			b.s.conditions.put(b.digest, b.info, err == nil)
		}
		b.s.endCheck(b.digest, done)
		if err != nil {
			return err
		}
		if _, err := b.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		b.good = true
	}
	return nil
}

// hashWhole reads content of a size from where the reader is, and returns how
// much it read. Content that is not what its digest says is [Damaged].
func hashWhole(ctx context.Context, r io.Reader, digest string, size int64) (n int64, err error) {
	sum := newHash(digest)
	buf := verifyBuffers.Get().(*[verifyBuffer]byte)
	defer verifyBuffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		k, err := r.Read(buf[:])
		sum.Write(buf[:k])
		n += int64(k)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
	}
	//rule:rot-hash-whole
	if n != size || !sumMatches(sum, digest) {
		return n, wrongDigest(digest)
	}
	return n, nil
}

// takeCheck begins a check of a digest's content; turn is false where one is
// under way, which is over when done is closed.
func (s *Store) takeCheck(digest string) (done chan struct{}, turn bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done, ok := s.checks[digest]; ok {
		return done, false
	}
	done = make(chan struct{})
	s.checks[digest] = done
	return done, true
}

func (s *Store) endCheck(digest string, done chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.checks, digest)
	close(done)
}

// check reads content for the first time.
type check struct {
	b    *Blob
	sum  hash.Hash
	at   int64 // how much was read
	last []byte
	end  bool // last holds the last bytes, and the digest is right
	err  error
}

func (c *check) Read(p []byte) (int, error) {
	switch {
	case c.err != nil:
		return 0, c.err
	case len(p) == 0:
		return 0, nil
	case c.end:
		n := copy(p, c.last)
		if c.last = c.last[n:]; n == 0 {
			return 0, io.EOF
		}
		return n, nil
	}
	//rule:rot-read-2
	if left := c.b.info.Size - c.at; left > heldBack {
		n, err := c.b.file.Read(p[:min(int64(len(p)), left-heldBack)])
		c.sum.Write(p[:n])
		c.at += int64(n)
		if errors.Is(err, io.EOF) {
			c.fail() // it became shorter
			return n, nil
		}
		return n, err
	}
	c.last = make([]byte, c.b.info.Size-c.at)
	_, err := io.ReadFull(c.b.file, c.last)
	c.sum.Write(c.last)
	switch {
	case err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return 0, err
	//rule:rot-read
	case err != nil || !sumMatches(c.sum, c.b.digest):
		c.fail()
		return 0, c.err
	}
	c.b.s.conditions.put(c.b.digest, c.b.info, true)
	c.end = true
	return c.Read(p)
}

func (c *check) fail() {
	c.b.s.conditions.put(c.b.digest, c.b.info, false)
	c.err = wrongDigest(c.b.digest)
}

// Seek goes to the beginning, or to the end to return the size.
func (c *check) Seek(offset int64, whence int) (int64, error) {
	switch {
	case offset == 0 && whence == io.SeekEnd:
		return c.b.info.Size, nil // where the reading goes on does not matter: the beginning comes next
	case offset != 0 || whence != io.SeekStart:
		return 0, errors.New("a part of content was asked for that was not checked")
	}
	*c = check{b: c.b, sum: newHash(c.b.digest)}
	return c.b.file.Seek(0, io.SeekStart)
}
