package cmdutil

import "testing"

func TestJoinNames(t *testing.T) {
	for _, tt := range []struct {
		names []string
		width int
		want  string
	}{
		{nil, 20, "Are "},
		{[]string{"a"}, 1, "Are a"},
		{[]string{"aaaa", "bbbb", "cccc"}, 18, "Are aaaa, bbbb,\ncccc"},
		{[]string{"aaaa", "bbbb"}, 16, "Are aaaa, bbbb"},
		{[]string{"aaaa", "bbbb"}, 15, "Are aaaa,\nbbbb"},
	} {
		if got := JoinNames("Are ", tt.names, tt.width); got != tt.want {
			t.Errorf("%q in %d: %q, want %q", tt.names, tt.width, got, tt.want)
		}
	}
}
