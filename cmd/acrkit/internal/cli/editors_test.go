package cli_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/internal/simtime"
)

// TestEditors: of people who each add a right to one scope map at once, none loses one
// silently: who is told that it is there has it at the end. Each change takes a second or two
// on its way, so that all of them are made from the same state.
func TestEditors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		editors int
		apart   time.Duration
		late    time.Duration
		settle  time.Duration
		silent  bool // a change may be told as made
	}{
		{"within the time that is watched", 16, 0, time.Second, 3 * time.Second, true},
		// The first one looks after three seconds that the change is there, and again at the end.
		{"after the first look", 2, 1500 * time.Millisecond, 2 * time.Second, 3 * time.Second, true},
		{"slower than that", 4, 0, 2 * time.Second, 500 * time.Millisecond, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			reg := acrtest.NewRegistry(t, &acrtest.Options{Now: simtime.Ticks()})
			reg.Token("shared", pullApp)
			who := reg.ServicePrincipal("Contributor")
			reg.Fault(fault.Fault{Kind: fault.LateWrite, Delay: tc.late, Rate: 1})
			all := make([]ran, tc.editors)
			lines := make([]string, tc.editors)
			group := simtime.New(reg.Clock(), tc.late, func() int64 { return reg.Emulator().Faults()[0].Hits })
			err := group.Run(tc.editors, func(i int) {
				lines[i] = fmt.Sprintf("repositories/team%d/app/content/read", i)
				if err := group.Sleep(t.Context(), time.Duration(i)*tc.apart); err != nil {
					t.Error(err)
				}
				o := newOperator(t, reg, who)
				o.settle, o.sleep = tc.settle, group.Sleep
				all[i] = o.run(t, "scope-map", "edit", "shared", "--add", lines[i], "--yes")
			})
			if err != nil {
				t.Fatal(err)
			}
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
