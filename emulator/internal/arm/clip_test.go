package arm

import (
	"strings"
	"testing"
)

// TestClip: what an error quotes of the request has a limit, and ends between two characters.
func TestClip(t *testing.T) {
	long := strings.Repeat("a", 199)
	for what, want := range map[string]string{
		long + "b": "'" + long + "b'", long + "bc": "'" + long + "b…'", long + "äb": "'" + long + "…'",
	} {
		if body := notFound(what, "group").Error(); !strings.Contains(body, want) {
			t.Errorf("%s: %s", what, body)
		}
	}
}
