// Package idle ends the transfers of an HTTP server whose client makes no progress: it
// does not send the rest of a body, or does not read an answer.
//
// A transfer that moves [MinBytes] in the time allowed is never ended, however long it
// takes in total, and time in which the server itself is busy does not count.
package idle

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// MinBytes is how much a client must send or take in [ReadTime] or [WriteTime].
	//rule:standing-still-min-bytes
	MinBytes = 1 << 10
	// ReadTime is how long a server waits for MinBytes of a request's body.
	//rule:standing-still-read-time
	ReadTime = 30 * time.Second
	// WriteTime is how long a server waits for a client to take MinBytes. It is
	// longer because a slow client's progress is seen in steps: TCP reports room again
	// when a whole segment has been read, which is 64 KiB on loopback.
	//rule:standing-still-write-time
	WriteTime = 2 * time.Minute
)

// ErrStalled is the error of a transfer that was ended. Its Timeout method returns true.
var ErrStalled error = stalled{}

type stalled struct{}

func (stalled) Error() string {
	return "the client made no progress: less than 1 KiB moved in the time allowed"
}
func (stalled) Timeout() bool { return true }

// isTimeout reports whether a deadline ended a read or a write.
func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// Server has the open connections of one server, and the bodies that are read from them.
// The zero value is ready. Its methods may be called by several goroutines at once.
type Server struct {
	// Shorter limits for all, in nanoseconds; 0 = none.
	hurryRead, hurryWrite atomic.Int64

	mu   sync.Mutex
	open map[waiter]struct{}
}

// waiter is a connection or body that may be waiting for a client.
type waiter interface{ adjust() }

// Hurry shortens the limits to read, for the body of any client, and write, for a client
// to read an answer, until the function that it returns is called. It applies to waits
// under way too. write should be some seconds: a slow client's progress is seen in steps.
func (s *Server) Hurry(read, write time.Duration) (relax func()) {
	s.set(read, write)
	return func() { s.set(0, 0) }
}

func (s *Server) set(read, write time.Duration) {
	s.hurryRead.Store(int64(read))
	s.hurryWrite.Store(int64(write))
	s.mu.Lock()
	all := make([]waiter, 0, len(s.open))
	for w := range s.open {
		all = append(all, w)
	}
	s.mu.Unlock()
	for _, w := range all {
		w.adjust()
	}
}

// readLimit and writeLimit return how long a client may currently make no progress.
func (s *Server) readLimit() time.Duration  { return shorter(ReadTime, &s.hurryRead) }
func (s *Server) writeLimit() time.Duration { return shorter(WriteTime, &s.hurryWrite) }

func shorter(d time.Duration, hurry *atomic.Int64) time.Duration {
	if h := time.Duration(hurry.Load()); h > 0 {
		return min(h, d)
	}
	return d
}

func (s *Server) add(w waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[waiter]struct{}{}
	}
	s.open[w] = struct{}{}
}

func (s *Server) remove(w waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, w)
}

// progress is the time waited for a client since it last moved MinBytes.
type progress struct {
	waited time.Duration
	moved  int64
	since  time.Time // when the wait under way began; zero = none
}

func (p *progress) begin() { p.since = time.Now() }

// end adds a wait in which n bytes moved.
func (p *progress) end(n int64) {
	p.waited += time.Since(p.since)
	p.since = time.Time{}
	//rule:standing-still-end
	if p.moved += n; p.moved >= MinBytes {
		//rule:standing-still-end-2
		p.waited, p.moved = 0, 0
	}
}

// deadline returns when the wait under way has lasted too long.
func (p *progress) deadline(limit time.Duration) time.Time { return p.since.Add(limit - p.waited) }
