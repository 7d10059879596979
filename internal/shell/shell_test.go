package shell_test

import (
	"testing"

	"github.com/acrkit/acrkit/internal/shell"
)

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"":                    "''",
		"team/app":            "team/app",
		"/a/b_c-1.pem":        "/a/b_c-1.pem",
		"https://h:1/?a=b%20": "'https://h:1/?a=b%20'",
		"a@b.example":         "a@b.example",
		"team/*":              "'team/*'",
		"two words":           "'two words'",
		"it's":                `'it'\''s'`,
		"$HOME":               "'$HOME'",
		"~/x":                 "'~/x'",
		"a\nb":                "'a\nb'",
		"ä":                   "'ä'",
		"a b/c":               "'a b/c'",
	} {
		if got := shell.Quote(word); got != want {
			t.Errorf("Quote(%q) = %s, want %s", word, got, want)
		}
	}
}

func TestIsPlain(t *testing.T) {
	for word, want := range map[string]bool{
		"ci": true, "_ci-1.x": true, "/a/b_c-1.pem": true, "./a": true, "myregistry.azurecr.io:443": true,
		"a@b.example": true, "g++": true,
		"": false, "-x": false, "@x": false, "two words": false, "it's": false, "$HOME": false, "~/x": false,
		"a*": false, "a=b": false, "a,b": false, "%a%": false, "a\nb": false, "a;b": false, `a\b`: false, "ä": false,
	} {
		if got := shell.IsPlain(word); got != want {
			t.Errorf("IsPlain(%q) = %t", word, got)
		}
	}
}
