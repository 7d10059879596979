// Package iostreams holds the three streams of a command and what is known about
// them: whether each is a terminal, how wide it is, and whether it shows colour.
package iostreams

import (
	"bytes"
	"io"
	"os"

	"golang.org/x/term"
)

// defaultWidth is assumed where a terminal does not say how wide it is.
const defaultWidth = 80

// IOStreams are the streams of one run. Data goes to Out; everything said about
// the work (progress, hints, errors) goes to ErrOut.
type IOStreams struct {
	In     io.Reader
	Out    io.Writer
	ErrOut io.Writer

	inTTY, outTTY, errTTY bool
	outColor, errColor    bool
	width                 int
	status                status
}

// System returns the streams of the process.
func System(lookupEnv func(string) (string, bool)) *IOStreams {
	isTTY := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	s := &IOStreams{
		In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr,
		inTTY: isTTY(os.Stdin), outTTY: isTTY(os.Stdout), errTTY: isTTY(os.Stderr),
		width: defaultWidth,
	}
	if s.outTTY {
		if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 0 {
			s.width = w
		}
	}
	s.outColor, s.errColor = colorWanted(lookupEnv, s.outTTY), colorWanted(lookupEnv, s.errTTY)
	get := func(name string) string { v, _ := lookupEnv(name); return v }
	s.wrap()
	s.status.on = s.outTTY && s.errTTY && get("CI") == "" && get("TERM") != "dumb"
	return s
}

// wrap puts Out and ErrOut behind the status line.
func (s *IOStreams) wrap() {
	s.status.w = s.ErrOut
	// In a pipe, data is as it came; what is said about the work never is.
	s.Out = &output{w: s.Out, status: &s.status, filtered: func() bool { return s.outTTY }}
	//rule:terminal-wrap
	s.ErrOut = &output{w: s.ErrOut, status: &s.status, filtered: func() bool { return true }}
}

// Test returns streams over buffers, none of them a terminal.
func Test() (s *IOStreams, in, out, errOut *bytes.Buffer) {
	in, out, errOut = &bytes.Buffer{}, &bytes.Buffer{}, &bytes.Buffer{}
	s = &IOStreams{In: in, Out: out, ErrOut: errOut, width: defaultWidth}
	s.wrap()
	return s, in, out, errOut
}

// colorWanted decides by https://no-color.org and the CLICOLOR convention:
// NO_COLOR wins, then CLICOLOR_FORCE, then whether the stream is a terminal that
// can show colour.
func colorWanted(lookupEnv func(string) (string, bool), tty bool) bool {
	get := func(name string) string { v, _ := lookupEnv(name); return v }
	switch {
	case get("NO_COLOR") != "":
		return false
	case get("CLICOLOR_FORCE") != "" && get("CLICOLOR_FORCE") != "0":
		return true
	}
	return tty && get("TERM") != "dumb"
}

// SetTTY overrides what is known about the streams, for tests.
func (s *IOStreams) SetTTY(in, out, errOut bool) {
	s.inTTY, s.outTTY, s.errTTY = in, out, errOut
	s.status.on = out && errOut
}

// SetWidth overrides the width of Out, for tests.
func (s *IOStreams) SetWidth(w int) { s.width = w }

// IsStdinTTY reports whether In is a terminal.
func (s *IOStreams) IsStdinTTY() bool { return s.inTTY }

// IsStdoutTTY reports whether Out is a terminal.
func (s *IOStreams) IsStdoutTTY() bool { return s.outTTY }

// IsStderrTTY reports whether ErrOut is a terminal.
func (s *IOStreams) IsStderrTTY() bool { return s.errTTY }

// Width returns the columns of Out; 80 where it is not a terminal.
func (s *IOStreams) Width() int { return s.width }

// Style names a meaning, not a colour, so that one place decides how it looks.
type Style int

// The styles. Colour is never the only carrier of a meaning.
const (
	Plain   Style = iota
	Bold          // headings
	Muted         // what may be skipped
	Success       // granted, done
	Warning       // look here
	Failure       // refused, failed
)

const (
	esc    = 0x1b
	sgrEnd = "0"
)

var sgr = map[Style]string{Bold: "1", Muted: "2", Success: "32", Warning: "33", Failure: "31"}

// Styled returns text for Out in the given style.
func (s *IOStreams) Styled(style Style, text string) string { return styled(s.outColor, style, text) }

// StyledErr returns text for ErrOut in the given style.
func (s *IOStreams) StyledErr(style Style, text string) string {
	return styled(s.errColor, style, text)
}

func styled(on bool, style Style, text string) string {
	code := sgr[style]
	if !on || code == "" || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[" + sgrEnd + "m"
}
