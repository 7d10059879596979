// Package wording makes parts of messages: a text that is clipped or quoted, and the reason
// of an error.
package wording

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/acrkit/acrkit"
)

// maxQuoted is how many bytes of a text [Quote] shows.
const maxQuoted = 80

// Clip returns the first most bytes of text, between two characters, and "…" if there are
// more.
func Clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
		end-- // no further in a text that is not UTF-8
	}
	return text[:end] + "…"
}

// Quote quotes a text that is not secret, clipped to 80 bytes, as %q does.
func Quote(text string) string { return strconv.Quote(Clip(text, maxQuoted)) }

// Reason returns the reason alone of an error of acrkit, and the text of any other.
func Reason(err error) string {
	if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return err.Error()
}

// Said is what the service said in an error, without what differs from one request to the
// next, or the reason if it said nothing.
func Said(err error) string {
	if said, ok := errors.AsType[acrkit.ServiceError](err); ok && said.Message != "" {
		return said.Message
	}
	return Reason(err)
}
