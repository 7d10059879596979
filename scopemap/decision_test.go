package scopemap_test

import (
	"fmt"
	"testing"

	"github.com/acrkit/acrkit/scopemap"
)

// TestDecision_print: the failure of a test shows in one line what was decided, with every
// verb that tests use.
func TestDecision_print(t *testing.T) {
	m, err := scopemap.Parse([]string{"repositories/samples/*/content/read", "repositories/samples/app/metadata/read"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ required, want string }{
		{"", "nothing required"},
		{"repository:samples/app:metadata_read,pull", "granted repository:samples/app:metadata_read,pull by " +
			"repositories/samples/app/metadata/read, repositories/samples/*/content/read"},
		{"repository:samples/app:pull,push",
			"granted repository:samples/app:pull by repositories/samples/*/content/read; " +
				"missing repository:samples/app:push"},
		{"repository:other:pull", "missing repository:other:pull"},
	} {
		d := m.Decide(mustScope(t, tt.required))
		for _, verb := range []string{"%v", "%s", "%+v"} {
			if got := fmt.Sprintf(verb, d); got != tt.want {
				t.Errorf("%s: got %s\nwant %s", verb, got, tt.want)
			}
		}
		if got, want := fmt.Sprintf("%#v", d), "scopemap.Decision{"+tt.want+"}"; got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
}
