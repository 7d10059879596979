package cli_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/emulator/fault"
)

// TestEditors: of 16 people who each add a right to one scope map at once, none loses one
// silently: who is told that it is there has it at the end. Each change takes a second on
// its way, so that all of them are made from the same state.
func TestEditors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		editors int
		late    time.Duration
		settle  time.Duration
		silent  bool // a change may be told as made
	}{
		{"within the time that is watched", 16, time.Second, 3 * time.Second, true},
		{"slower than that", 4, 2 * time.Second, 500 * time.Millisecond, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reg := acrtest.NewRegistry(t, nil)
			reg.Token("shared", pullApp)
			who := reg.ServicePrincipal("Contributor")
			reg.Fault(fault.Fault{Kind: fault.LateWrite, Delay: tc.late, Rate: 1})
			all := make([]ran, tc.editors)
			lines := make([]string, tc.editors)
			var wg sync.WaitGroup
			for i := range all {
				lines[i] = fmt.Sprintf("repositories/team%d/app/content/read", i)
				wg.Go(func() {
					o := newOperator(t, reg, who)
					o.settle = tc.settle
					all[i] = o.run(t, "scope-map", "edit", "shared", "--add", lines[i], "--yes")
				})
			}
			wg.Wait()
			r := newOperator(t, reg, who).must(t, "scope-map", "view", "shared", "--json", "actions", "--jq",
				".actions[]")
			now := strings.Fields(r.out)
			told := 0
			for i, r := range all {
				there := slices.Contains(now, lines[i])
				switch {
				case r.code == 0 && !tc.silent:
					t.Errorf("editor %d was told that all is well:\n%s", i, r.err)
				case r.code == 0 && !there:
					t.Errorf("editor %d was told that its right is there:\n%s", i, r.err)
				case r.code == 0:
					told++
				case r.code != 1 && r.code != 7 || !strings.Contains(r.err, "another change"):
					t.Errorf("editor %d: exit code %d\n%s", i, r.code, r.err)
				}
			}
			if !slices.Contains(now, pullApp) || tc.silent && told == 0 {
				t.Errorf("%d were successful; the scope map is %q", told, now)
			}
			t.Logf("%d of %d were successful, %d lines are there", told, tc.editors, len(now)-1)
		})
	}
}
