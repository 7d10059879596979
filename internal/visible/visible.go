// Package visible makes untrusted text safe to show: it cannot control a terminal, look
// like acrkit's own lines, be displayed in another order than it is written in, or hide a
// part of itself.
package visible

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mark replaces each character that is not shown.
const Mark = '\uFFFD'

// shown reports whether a character has a place of its own on the screen.
//
// Left out are all but letters, marks, numbers, punctuation, symbols and spaces: the
// categories Cc (ESC, the C1 controls), Cf (overrides and isolates of the direction,
// zero-width characters, soft hyphens, tags), Zl and Zp, Cs, Co and what Unicode has
// not assigned. So are the marks and letters that a screen does not show: variation
// selectors and fillers. Emoji that are joined by U+200D come apart; in a registry,
// that two names cannot look alike is worth more.
func shown(r rune) bool {
	//rule:terminal-shown
	return unicode.IsGraphic(r) &&
		!unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

// Line returns text as a part of one line. What breaks lines or moves to a column is
// a blank, and what else is not shown, or is no UTF-8, is [Mark].
func Line(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case shown(r):
			return r
		case unicode.IsSpace(r): // \t \n \v \f \r, U+0085, U+2028, U+2029
			return ' '
		}
		return Mark
	}, text)
}

// Text is [Line] for a text of several lines: line feeds and tabs stay.
func Text(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || shown(r) {
			return r
		}
		return Mark
	}, text)
}

// IsLine reports whether [Line] changes nothing.
func IsLine(text string) bool { return Line(text) == text && utf8.ValidString(text) }

// JSON returns a JSON text in which what is not shown is escaped (RFC 8259 §7). Its
// meaning is the same: such characters occur only in its strings.
func JSON(text []byte) []byte {
	const hex = "0123456789abcdef"
	out := make([]byte, 0, len(text))
	unit := func(u rune) { out = append(out, '\\', 'u', hex[u>>12&15], hex[u>>8&15], hex[u>>4&15], hex[u&15]) }
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		switch {
		case r < utf8.RuneSelf && r != 0x7f, shown(r):
			out = append(out, text[i:i+n]...)
		case r > 0xFFFF:
			unit(0xD800 + (r-0x10000)>>10)
			unit(0xDC00 + (r-0x10000)&0x3FF)
		default:
			unit(r)
		}
		i += n
	}
	return out
}
