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
			if lines := strings.Join(u.lines, "\n"); strings.Contains(lines, "samples/app") ||
				!strings.Contains(lines, "acrkit whoami") {
				t.Errorf("%v: %s", tokens, lines)
			}
		}
	}
}
