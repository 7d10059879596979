// Package guid makes and reads GUIDs in the text form that Azure writes.
package guid

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strings"
)

var form = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// Is reports whether s has the form of a GUID, in either case.
func Is(s string) bool { return form.MatchString(s) }

// New returns a random GUID (RFC 9562, version 4).
func New() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return Format(b)
}

// Format writes 16 bytes as a GUID.
func Format(b [16]byte) string {
	text := make([]byte, 0, 36)
	for _, group := range [...][]byte{b[0:4], b[4:6], b[6:8], b[8:10], b[10:16]} {
		if len(text) > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, group)
	}
	return string(text)
}

// Parse returns the bytes of a GUID; ok is false where s has another form.
func Parse(s string) (b [16]byte, ok bool) {
	if !Is(s) {
		return b, false
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return [16]byte(raw), err == nil
}
