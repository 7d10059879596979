package iostreams

import (
	"strings"
	"unicode/utf8"
)

// minText is the width below which text is not wrapped: one word a line reads worse than
// a line that the terminal breaks.
const minText = 20

// Wrap breaks prose at its blanks so that it fits the terminal, where it begins in the
// column indent; further lines begin there too. A longer word stays whole. In a pipe, text
// stays as it is.
func (s *IOStreams) Wrap(indent int, text string) string {
	room := s.width - indent
	if !s.outTTY || room < minText {
		return text
	}
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		size := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+size > room:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += size
	}
	return b.String()
}
