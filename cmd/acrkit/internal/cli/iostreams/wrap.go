package iostreams

import (
	"strings"
	"unicode/utf8"
)

// minText is the width below which text is not wrapped: one word a line reads worse than
// a line that the terminal breaks.
const minText = 20

// Wrap breaks prose at its blanks so that it fits the terminal, where it begins in the
// column indent; further lines begin there too. A longer word is broken behind its commas
// only. In a pipe, text stays as it is.
func (s *IOStreams) Wrap(indent int, text string) string {
	room := s.width - indent
	if !s.outTTY || room < minText {
		return text
	}
	return strings.Join(wrap(room, text), "\n"+strings.Repeat(" ", indent))
}

// wrap breaks text at its blanks into lines of a width, and a word that is longer behind its
// commas. A part that is still longer is a line of its own.
func wrap(width int, text string) (lines []string) {
	line, column := "", 0
	add := func(part, blank string) {
		size := utf8.RuneCountInString(part)
		if column > 0 && column+len(blank)+size > width {
			lines = append(lines, line)
			line, column = "", 0
		}
		if column > 0 {
			part, size = blank+part, len(blank)+size
		}
		line, column = line+part, column+size
	}
	for word := range strings.FieldsSeq(text) {
		if utf8.RuneCountInString(word) <= width {
			add(word, " ")
			continue
		}
		blank := " "
		for part := range strings.SplitAfterSeq(word, ",") {
			add(part, blank)
			blank = ""
		}
	}
	return append(lines, line)
}
