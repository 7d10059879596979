package wire_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/acrkit/acrkit/internal/wire"
)

// FuzzRetryAfter: a wait is never negative, seconds are what they say, and a date
// is the time from the answer's own Date to it.
func FuzzRetryAfter(f *testing.F) {
	const date = "Mon, 23 Nov 2026 10:00:00 GMT"
	for _, s := range []string{"0", "30", "-1", "+5", " 7", "1e3", "99999999999999999999",
		"Mon, 23 Nov 2026 10:01:00 GMT", "Mon, 23 Nov 2026 09:00:00 GMT", "Monday, 23-Nov-26 10:00:05 GMT",
		"tomorrow"} {
		f.Add(s, date)
	}
	f.Add("Mon, 23 Nov 2026 10:01:00 GMT", "")
	f.Fuzz(func(t *testing.T, value, date string) {
		got := wire.RetryAfter(http.Header{"Retry-After": {value}, "Date": {date}})
		if got < 0 {
			t.Fatalf("a wait of %s", got)
		}
		if n, err := strconv.ParseInt(value, 10, 31); err == nil && n > 0 && value[0] != '+' &&
			got != time.Duration(n)*time.Second {
			t.Fatalf("%q is %s", value, got)
		}
		at, errAt := http.ParseTime(value)
		now, errNow := http.ParseTime(date)
		if errAt == nil && errNow == nil && at.After(now) && got != at.Sub(now) {
			t.Fatalf("%q at %q is %s", value, date, got)
		}
	})
}
