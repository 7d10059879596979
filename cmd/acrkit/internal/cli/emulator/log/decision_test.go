package log

import (
	"testing"
	"time"
)

func TestWithShortTime(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 30, 0, 0, time.FixedZone("", 3600)) // 28 February in UTC
	row := withShortTime(decisionJSON.row, now)
	for at, want := range map[time.Time]string{
		time.Date(2026, 2, 28, 23, 29, 59, 0, time.UTC): "23:29:59Z",
		time.Date(2026, 2, 27, 23, 30, 0, 0, time.UTC):  "2026-02-27T23:30:00Z",
		time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC):     "2026-03-01T00:00:00Z", // the emulator's clock may be ahead
	} {
		var d decisionJSON
		d.Time = at
		if got := row(d)[0]; got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
}
