package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// memoryPiece is the unit in which memory for content is taken: content grows
// without being copied.
const memoryPiece = 256 << 10

// DefaultMemoryLimit is how many bytes a [Memory] holds by default: the images of
// a large test suite, and less than what makes a laptop swap.
const DefaultMemoryLimit = 1 << 30

// memoryOverhead is what an upload or content counts besides its bytes, so that
// many empty ones have a limit too.
const memoryOverhead = 512

// Memory is a [Store] that forgets. What it may hold is limited; an upload that
// would pass the limit gets [ErrMemory].
type Memory struct {
	now   func() time.Time
	limit int64

	mu      sync.Mutex
	used    int64 // bytes and overhead of what follows
	uploads map[string]*memoryUpload
	content map[string]pieces
}

// MemoryOptions are the options of [NewMemory]. The zero value is usable.
type MemoryOptions struct {
	Now   func() time.Time // nil = time.Now
	Limit int64            // bytes, uploads included; 0 = DefaultMemoryLimit
}

type memoryUpload struct {
	data     pieces
	modified time.Time
}

// NewMemory returns an empty store.
func NewMemory(opts *MemoryOptions) *Memory {
	m := &Memory{now: time.Now, limit: DefaultMemoryLimit, uploads: map[string]*memoryUpload{},
		content: map[string]pieces{}}
	if opts != nil && opts.Now != nil {
		m.now = opts.Now
	}
	if opts != nil && opts.Limit > 0 {
		m.limit = opts.Limit
	}
	return m
}

// reserve counts n more bytes, or fewer where n is negative.
func (m *Memory) reserve(n int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reserveLocked(n)
}

func (m *Memory) reserveLocked(n int64) error {
	if n > 0 && m.used > m.limit-n {
		return fmt.Errorf("%w: %d bytes", ErrMemory, m.limit)
	}
	m.used += n
	return nil
}

// counted writes to an upload what the store has room for.
type counted struct {
	m *Memory
	u *memoryUpload
}

func (c counted) Write(b []byte) (int, error) {
	if err := c.m.reserve(int64(len(b))); err != nil {
		return 0, err
	}
	return c.u.data.Write(b)
}

// cut shortens an upload to size bytes.
func (m *Memory) cut(u *memoryUpload, size int64) {
	if gone := u.data.size - size; gone > 0 {
		u.data.truncate(size)
		_ = m.reserve(-gone) // giving back cannot fail
	}
}

// pieces is content in parts of memoryPiece bytes, the last one shorter. What
// was written is not changed while a reader may see it.
type pieces struct {
	parts [][]byte
	size  int64
}

func (p *pieces) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		last := len(p.parts) - 1
		if last < 0 || len(p.parts[last]) == memoryPiece {
			p.parts = append(p.parts, nil)
			last++
		}
		k := min(len(rest), memoryPiece-len(p.parts[last]))
		p.parts[last] = append(p.parts[last], rest[:k]...)
		p.size += int64(k)
		rest = rest[k:]
	}
	return len(b), nil
}

func (p *pieces) truncate(size int64) {
	if size >= p.size {
		return
	}
	whole, part := int(size/memoryPiece), int(size%memoryPiece)
	if part == 0 {
		p.parts = p.parts[:whole]
	} else {
		p.parts = p.parts[:whole+1]
		p.parts[whole] = p.parts[whole][:part:part] // what follows is copied, not overwritten
	}
	p.size = size
}

func (m *Memory) upload(id string) (*memoryUpload, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.uploads[id]
	if !ok {
		return nil, fmt.Errorf("upload %q: %w", id, ErrNotExist)
	}
	return u, nil
}

// Create implements [Store].
func (m *Memory) Create(_ context.Context, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.uploads[id]; ok {
		return fmt.Errorf("begin an upload: %w", fs.ErrExist)
	}
	if err := m.reserveLocked(memoryOverhead); err != nil {
		return err
	}
	m.uploads[id] = &memoryUpload{modified: m.now()}
	return nil
}

// Size implements [Store].
func (m *Memory) Size(_ context.Context, id string) (int64, error) {
	u, err := m.upload(id)
	if err != nil {
		return 0, err
	}
	return u.data.size, nil
}

// Append implements [Store].
func (m *Memory) Append(ctx context.Context, id string, at int64, r io.Reader) (int64, error) {
	u, err := m.upload(id)
	if err != nil {
		return 0, err
	}
	if u.data.size < at {
		return 0, fmt.Errorf("store an upload: %d bytes are stored, not %d", u.data.size, at)
	}
	m.cut(u, at)
	n, readErr, err := copyAll(ctx, counted{m, u}, r, make([]byte, copyBuffer))
	m.mu.Lock()
	u.modified = m.now()
	m.mu.Unlock()
	if err != nil {
		m.cut(u, at)
		return 0, err
	}
	return n, readErr
}

// OpenUpload implements [Store].
func (m *Memory) OpenUpload(_ context.Context, id string) (io.ReadCloser, error) {
	u, err := m.upload(id)
	if err != nil {
		return nil, err
	}
	return &memoryReader{data: u.data}, nil
}

// Commit implements [Store].
func (m *Memory) Commit(_ context.Context, id, digest string) error {
	u, err := m.upload(id)
	if err != nil {
		return err
	}
	if _, _, err := splitDigest(digest); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.content[digest]; ok {
		m.used -= old.size + memoryOverhead
	}
	m.content[digest] = u.data
	delete(m.uploads, id)
	return nil
}

// Abort implements [Store].
func (m *Memory) Abort(_ context.Context, id string) error {
	u, err := m.upload(id)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= u.data.size + memoryOverhead
	delete(m.uploads, id)
	return nil
}

// Uploads implements [Store].
func (m *Memory) Uploads(context.Context) iter.Seq2[Upload, error] {
	return func(yield func(Upload, error) bool) {
		m.mu.Lock()
		var all []Upload
		for id, u := range m.uploads {
			all = append(all, Upload{ID: id, Modified: u.modified})
		}
		m.mu.Unlock()
		for _, u := range all {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// Contents implements [Store].
func (m *Memory) Contents(_ context.Context, after string) iter.Seq2[Content, error] {
	return func(yield func(Content, error) bool) {
		m.mu.Lock()
		var all []Content
		for digest, p := range m.content {
			if digest > after {
				all = append(all, Content{Digest: digest, Size: p.size})
			}
		}
		m.mu.Unlock()
		slices.SortFunc(all, func(a, b Content) int { return strings.Compare(a.Digest, b.Digest) })
		for _, c := range all {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// Open implements [Store].
func (m *Memory) Open(_ context.Context, digest string) (io.ReadSeekCloser, Info, error) {
	if _, _, err := splitDigest(digest); err != nil {
		return nil, Info{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.content[digest]
	if !ok {
		return nil, Info{}, fmt.Errorf("read content: %w", ErrNotExist)
	}
	return &memoryReader{data: data}, Info{Size: data.size}, nil
}

// Stat implements [Store].
func (m *Memory) Stat(_ context.Context, digest string) (Info, error) {
	if _, _, err := splitDigest(digest); err != nil {
		return Info{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.content[digest]
	if !ok {
		return Info{}, fmt.Errorf("find content: %w", ErrNotExist)
	}
	return Info{Size: data.size}, nil
}

// Remove implements [Store].
func (m *Memory) Remove(_ context.Context, digest string) error {
	if _, _, err := splitDigest(digest); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.content[digest]
	if !ok {
		return fmt.Errorf("remove content: %w", ErrNotExist)
	}
	m.used -= p.size + memoryOverhead
	delete(m.content, digest)
	return nil
}

// memoryReader reads pieces as they were when it was made.
type memoryReader struct {
	data pieces
	off  int64
}

func (r *memoryReader) Read(b []byte) (int, error) {
	if r.off >= r.data.size {
		return 0, io.EOF
	}
	part := r.data.parts[r.off/memoryPiece]
	n := copy(b, part[r.off%memoryPiece:])
	r.off += int64(n)
	return n, nil
}

func (r *memoryReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.off
	case io.SeekEnd:
		offset += r.data.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	r.off = offset
	return offset, nil
}

func (r *memoryReader) Close() error { return nil }
