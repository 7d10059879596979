package entra

import (
	"strings"
	"testing"
)

// TestClip: what an error quotes of the request has a limit, and ends between two characters.
func TestClip(t *testing.T) {
	long := strings.Repeat("a", 199)
	for grant, want := range map[string]string{
		long + "b": "'" + long + "b'", long + "bc": "'" + long + "b…'", long + "äb": "'" + long + "…'",
	} {
		if f := unsupportedGrant(grant); !strings.Contains(f.text, want) {
			t.Errorf("%s: %s", grant, f.text)
		}
	}
}
