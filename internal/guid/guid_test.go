package guid_test

import (
	"testing"

	"github.com/acrkit/acrkit/internal/guid"
)

func TestNew(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		g := guid.New()
		if !guid.Is(g) || g[14] != '4' || seen[g] {
			t.Errorf("%q is no new GUID of version 4", g)
		}
		seen[g] = true
		if b, ok := guid.Parse(g); !ok || guid.Format(b) != g {
			t.Errorf("%q reads as %x, %v", g, b, ok)
		}
	}
}

func TestIs(t *testing.T) {
	for s, want := range map[string]bool{
		"00000000-0000-0000-0000-000000000000":   true,
		"ABCDEF01-2345-6789-abcd-ef0123456789":   true,
		"":                                       false,
		"00000000000000000000000000000000":       false,
		"00000000-0000-0000-0000-00000000000g":   false,
		" 00000000-0000-0000-0000-000000000000":  false,
		"00000000-0000-0000-0000-000000000000\n": false,
		"{00000000-0000-0000-0000-000000000000}": false,
		"00000000-0000-0000-0000-0000000000000":  false,
		"0000000-00000-0000-0000-000000000000":   false,
	} {
		if guid.Is(s) != want {
			t.Errorf("Is(%q) = %v", s, !want)
		}
		if _, ok := guid.Parse(s); ok != want {
			t.Errorf("Parse(%q) = %v", s, ok)
		}
	}
}
