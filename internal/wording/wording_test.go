package wording_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/wording"
)

func TestClip(t *testing.T) {
	for _, tc := range []struct {
		text string
		most int
		want string
	}{
		{"", 3, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc…"},
		{"äöü", 6, "äöü"},
		{"äöü", 5, "äö…"}, // not within a character
		{"äöü", 1, "…"},
		{"ab\xff\xfe", 2, "ab…"},
		{strings.Repeat("\x80", 9), 8, "\x80\x80\x80\x80…"}, // no UTF-8
	} {
		if got := wording.Clip(tc.text, tc.most); got != tc.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", tc.text, tc.most, got, tc.want)
		}
	}
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"a \"b\"":                      `"a \"b\""`,
		strings.Repeat("a", 80):        `"` + strings.Repeat("a", 80) + `"`,
		strings.Repeat("a", 81):        `"` + strings.Repeat("a", 80) + `…"`,
		strings.Repeat("a", 79) + "äb": `"` + strings.Repeat("a", 79) + `…"`,
	} {
		if got := wording.Quote(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestReason(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{errors.New("plain"), "plain"},
		{fmt.Errorf("outer: %w", &acrkit.Error{Op: "x", Reason: "why"}), "why"},
		{&acrkit.Error{Op: "do x"}, (&acrkit.Error{Op: "do x"}).Error()},
	} {
		if got := wording.Reason(tc.err); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.err, got, tc.want)
		}
	}
}
