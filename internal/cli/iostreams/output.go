package iostreams

import (
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// awaitDelay is how long a wait may last before a person is told of it.
const awaitDelay = time.Second

// output is one of the streams. It takes the status line away before it writes,
// and remembers the first failure, because help and hints have nobody else who
// would look.
type output struct {
	w      io.Writer
	status *status
	err    error
}

func (o *output) Write(p []byte) (int, error) {
	o.status.mu.Lock()
	defer o.status.mu.Unlock()
	o.status.hide()
	n, err := o.w.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// OutError returns the first error of a write to Out, or nil.
func (s *IOStreams) OutError() error {
	o, ok := s.Out.(*output)
	if !ok {
		return nil
	}
	s.status.mu.Lock()
	defer s.status.mu.Unlock()
	return o.err
}

// status is the one line on ErrOut that says what is awaited.
type status struct {
	mu    sync.Mutex
	w     io.Writer // ErrOut itself
	on    bool
	waits int // how many go on
	timer *time.Timer
	shown int // columns
}

// Await says that the command waits, and for what. After a second a person reads
// it, as one line on ErrOut, until the returned function is called or something
// else is written. Nothing is shown unless Out and ErrOut are both terminals.
func (s *IOStreams) Await(what string) (done func()) {
	st := &s.status
	st.mu.Lock()
	defer st.mu.Unlock()
	if !st.on {
		return func() {}
	}
	if st.waits++; st.waits == 1 {
		st.timer = time.AfterFunc(awaitDelay, func() {
			st.mu.Lock()
			defer st.mu.Unlock()
			if st.waits > 0 && st.shown == 0 {
				st.show(what, s.width)
			}
		})
	}
	return sync.OnceFunc(func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		if st.waits = max(st.waits-1, 0); st.waits == 0 {
			st.timer.Stop()
			st.hide()
		}
	})
}

// AwaitFor is [IOStreams.Await] for a wait whose length is known; one that a
// person would notice is told of at once.
func (s *IOStreams) AwaitFor(d time.Duration, what string) {
	time.AfterFunc(d, s.Await(what))
	if d < awaitDelay {
		return
	}
	s.status.mu.Lock()
	defer s.status.mu.Unlock()
	if s.status.on {
		s.status.show(what, s.width)
	}
}

// Progress changes the line that [IOStreams.Await] shows. It does nothing before
// that is shown.
func (s *IOStreams) Progress(what string) {
	s.status.mu.Lock()
	defer s.status.mu.Unlock()
	if s.status.on && s.status.shown > 0 {
		s.status.show(what, s.width)
	}
}

// EndAwait takes the line away for good: the command is over.
func (s *IOStreams) EndAwait() {
	s.status.mu.Lock()
	defer s.status.mu.Unlock()
	s.status.hide()
	s.status.on, s.status.waits = false, 0
}

// The line is taken away by blanks, not by escape sequences: every terminal knows
// those.

func (st *status) show(text string, width int) {
	st.hide()
	text = cut(Clean(text), width-1)
	st.shown = utf8.RuneCountInString(text)
	_, _ = io.WriteString(st.w, text)
}

func (st *status) hide() {
	if st.shown > 0 {
		_, _ = io.WriteString(st.w, "\r"+strings.Repeat(" ", st.shown)+"\r")
		st.shown = 0
	}
}
