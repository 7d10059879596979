package change

import (
	"fmt"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprint("v", i))
	}
	ten := strings.Join(names[:10], ", ")
	for n, want := range map[int]string{1: "v0", 2: "v0, v1", 10: ten, 11: ten + " and 1 more",
		12: ten + " and 2 more"} {
		if got := Names(names[:n]); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if got := Count(1, "tag", "tags") + Count(0, " tag", " tags"); got != "1 tag0  tags" {
		t.Error(got)
	}
}
