package rehearsal

import (
	"net/http"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/internal/principal"
)

// A period is a minute, by the clock: a client that has used its share waits for its
// end.
func TestRatePeriod(t *testing.T) {
	l, reg := new(Limits), &principal.RegistrySettings{ID: 1}
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	take := func(at time.Duration) int {
		wait, _ := l.take(reg, http.MethodGet, fault.RouteReferrers, func() principal.Principal {
			return principal.Principal{}
		}, begin.Add(at))
		return wait
	}
	for i := range 250 {
		if wait := take(0); wait != 0 {
			t.Fatalf("request %d: wait %d s", i+1, wait)
		}
	}
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{0, 60}, {time.Second, 59}, {time.Minute - 1, 1}, {time.Minute, 0}} {
		if got := take(c.at); got != c.want {
			t.Errorf("after %v: wait %d s, want %d", c.at, got, c.want)
		}
	}
}

// TestEffects: each kind of fault does something.
func TestEffects(t *testing.T) {
	for _, k := range fault.Kinds() {
		if effects[k].inject == nil {
			t.Errorf("the kind %s does nothing: add what it does to effects", k)
		}
	}
	for k := range effects {
		if k.Text() == "" {
			t.Errorf("%s is no kind of fault: add its row to package fault", k)
		}
	}
}
