package iostreams

import (
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/acrkit/acrkit/internal/visible"
)

// awaitDelay is how long a wait may last before it is shown.
const awaitDelay = time.Second

// output is one of the streams. It takes the status line away before it writes,
// and remembers the first failure, because the code that writes help and hints does
// not check for one.
//
// If filtered is set, it passes what [visible.Text] does, and the styles of this
// package, so that no text of a server can control the terminal.
type output struct {
	w        io.Writer
	status   *status
	filtered func() bool
	held     []byte // the beginning of a character or a style, whose end comes with the next write
	err      error
}

//tap:output p
func (o *output) Write(p []byte) (int, error) {
	o.status.mu.Lock()
	defer o.status.mu.Unlock()
	o.status.hide()
	var err error
	n := len(p)
	//rule:terminal-write
	if o.filtered() {
		var shown []byte
		shown, o.held = filter(append(o.held, p...))
		_, err = o.w.Write(shown)
	} else {
		n, err = o.w.Write(p)
	}
	if o.err == nil {
		o.err = err
	}
	if err != nil {
		n = min(n, len(p)-1)
	}
	return max(n, 0), err
}

// filter returns text as it may be shown, and what must be seen whole first: part of
// a character, of a style or of the end of a line.
func filter(text []byte) (shown, rest []byte) {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case !utf8.FullRune(text):
			return shown, slices.Clone(text)
		case r == esc:
			var whole bool
			if size, whole = styleAt(text); !whole {
				return shown, slices.Clone(text)
			}
		case r == '\r':
			if len(text) == 1 {
				return shown, slices.Clone(text)
			}
			if text[1] == '\n' { // the end of a line, and no way back to its beginning
				size = 2
			} else {
				size = 0
			}
		default:
			shown = append(shown, visible.Text(string(text[:size]))...)
			text = text[size:]
			continue
		}
		if size == 0 { // no style of ours, or a bare \r
			shown, text = utf8.AppendRune(shown, visible.Mark), text[1:]
			continue
		}
		shown, text = append(shown, text[:size]...), text[size:]
	}
	return shown, nil
}

// styleAt returns the length of the style that a text begins with, 0 if there is
// none; whole is false if more of the text is needed to decide.
func styleAt(text []byte) (size int, whole bool) {
	for _, code := range append(slices.Collect(maps.Values(sgr)), sgrEnd) {
		style := "\x1b[" + code + "m"
		if bytes.HasPrefix(text, []byte(style)) {
			return len(style), true
		}
		if len(text) < len(style) && strings.HasPrefix(style, string(text)) {
			return 0, false
		}
	}
	return 0, true
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

// AwaitFor is [IOStreams.Await] for a wait whose length is known; one of at least
// awaitDelay is shown at once.
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
	text = cut(visible.Line(text), width-1)
	st.shown = utf8.RuneCountInString(text)
	_, _ = io.WriteString(st.w, text)
}

func (st *status) hide() {
	if st.shown > 0 {
		_, _ = io.WriteString(st.w, "\r"+strings.Repeat(" ", st.shown)+"\r")
		st.shown = 0
	}
}

// cut shortens text to a number of columns, and shows that it did.
func cut(text string, columns int) string {
	if columns < 2 || utf8.RuneCountInString(text) <= columns {
		return text
	}
	return string([]rune(text)[:columns-1]) + "…"
}
