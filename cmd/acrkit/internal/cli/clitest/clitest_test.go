package clitest_test

import (
	"slices"
	"testing"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/internal/shell"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                       nil,
		"  a  b ":                {"a", "b"},
		`--data 'two words' ''`:  {"--data", "two words", ""},
		`a'b c'd`:                {"ab cd"},
		shell.Quote("it's ë \\"): {"it's ë \\"},
	} {
		if got := clitest.Split(line); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
