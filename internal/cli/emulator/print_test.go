package emulator

import (
	"strings"
	"testing"
)

// TestUses: with a seed of the user's own, no repository is named that only the example
// seed has.
func TestUses(t *testing.T) {
	for _, tokens := range [][]string{nil, {"catalog"}} {
		for _, u := range uses(connection{LoginServer: "localhost:5443", Tokens: tokens, Seed: "own.yaml"}) {
			if lines := strings.Join(u.lines, "\n"); strings.Contains(lines, "samples/app") || !strings.Contains(lines, "acrkit whoami") {
				t.Errorf("%v: %s", tokens, lines)
			}
		}
	}
}

// TestRouteTexts: all routes, in lines that a terminal of 80 columns does not break.
func TestRouteTexts(t *testing.T) {
	text := routeTexts()
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
	if !strings.HasPrefix(text, "Routes are token, exchange, ") || !strings.HasSuffix(text, " storage.") || strings.Contains(text, ",,") {
		t.Error(text)
	}
}
