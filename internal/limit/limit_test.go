package limit_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
)

func TestReadAll(t *testing.T) {
	l := limit.Limit{Name: "a page", Bytes: 4}
	for in, want := range map[string]string{"": "", "abc": "abc", "abcd": "abcd"} {
		got, err := l.ReadAll(iotest.OneByteReader(strings.NewReader(in)))
		if err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	got, err := l.ReadAll(strings.NewReader("abcde"))
	if !errors.Is(err, acrkit.CodeTooLarge) || got != nil {
		t.Errorf("past the limit: %q, %v", got, err)
	}
	if err.Error() != "cannot read a page: it is larger than the limit of 4 bytes" {
		t.Error(err)
	}
	if _, err := l.ReadAll(iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if l.Check(4) != nil || !errors.Is(l.Check(5), acrkit.CodeTooLarge) {
		t.Error("Check")
	}
}

// body counts what is read of it, and blocks at its end until it is closed.
type body struct {
	left   int
	read   int
	ends   bool
	closed chan struct{}
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 && b.ends {
		return 0, io.EOF
	}
	if b.left == 0 {
		<-b.closed
		return 0, io.ErrClosedPipe
	}
	n := min(b.left, len(p))
	b.left, b.read = b.left-n, b.read+n
	return n, nil
}

func (b *body) Close() error { close(b.closed); return nil }

func TestDiscard(t *testing.T) {
	for _, tt := range []struct {
		name   string
		length int64
		size   int
		ends   bool
		read   int
		takes  time.Duration
	}{
		{name: "small", length: 4, size: 4, ends: true, read: 4},
		{name: "large", length: 11, size: 11, ends: true, read: 0},
		{name: "unknown and small", length: -1, size: 4, ends: true, read: 4},
		{name: "unknown and large", length: -1, size: 100, ends: true, read: 11},
		{name: "small and never whole", length: 4, size: 2, read: 2, takes: time.Second},
		{name: "unknown and endless", length: -1, size: 2, read: 2, takes: time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &body{left: tt.size, ends: tt.ends, closed: make(chan struct{})}
				start := time.Now()
				limit.Discard(b, tt.length, 10, time.Second)
				if took := time.Since(start); took != tt.takes {
					t.Errorf("it took %s, want %s", took, tt.takes)
				}
				<-b.closed
				synctest.Wait()
				if b.read != tt.read {
					t.Errorf("%d bytes were read, want %d", b.read, tt.read)
				}
			})
		})
	}
}
