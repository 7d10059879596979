package refusal

import (
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	long := strings.Repeat("a", maxQuoted)
	for in, want := range map[string]string{
		"a\x1b[31m": `"a\x1b[31m"`,
		long:        `"` + long + `"`,
		long + "b":  `"` + long + `…"`,
		// A character is kept whole or left out.
		long[1:] + "éb":                     `"` + long[1:] + `…"`,
		strings.Repeat("\x80", maxQuoted+1): `"` + strings.Repeat(`\x80`, maxQuoted-4) + `…"`,
	} {
		if got := Quote(in); got != want {
			t.Errorf("Quote(%q) = %s, want %s", in, got, want)
		}
	}
}
