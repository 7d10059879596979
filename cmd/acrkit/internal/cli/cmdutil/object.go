package cmdutil

import (
	"regexp"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
)

// objectName is what a name of a token or a scope map can be, the service's own included.
var objectName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,50}$`)

// Object reads the name of a token or a scope map, with or without its registry before
// it: [<registry>/]<name>. what names it in messages.
func (f *Factory) Object(arg, what string) (acrkit.Registry, string, error) {
	host, name := "", arg
	if i := strings.LastIndexByte(arg, '/'); i >= 0 {
		host, name = arg[:i], arg[i+1:]
	}
	//rule:object-name
	if !objectName.MatchString(name) {
		return acrkit.Registry{}, "", Usage("%q is not %s: [<registry>/]<name>; a name has letters, digits, - and _",
			arg, what)
	}
	reg, err := f.Registry(host)
	return reg, name, err
}

// Expiry reads when a password is to expire: a duration from now, such as 90d or 12h, or a
// time such as 2030-01-01T00:00:00Z. It must be in the future.
func Expiry(text string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		d, ok := days(text)
		if !ok {
			return time.Time{}, Usage("%q is neither a duration such as 90d nor a time such as 2030-01-01T00:00:00Z",
				text)
		}
		at = now.Add(d)
	}
	//rule:expiry-future
	if !at.After(now) {
		return time.Time{}, Usage("%q is not in the future", text)
	}
	return at.UTC().Truncate(time.Second), nil
}

// Duration reads the value of a flag that is a duration, such as 90d or 12h, and not
// negative.
func Duration(flag, text string) (time.Duration, error) {
	d, ok := days(text)
	if !ok || d < 0 {
		return 0, Usage("--%s %q is no duration such as 90d or 12h", flag, text)
	}
	return d, nil
}

// days reads a duration that may be in whole days: 90d.
func days(text string) (time.Duration, bool) {
	unit := time.Duration(1)
	if number, ok := strings.CutSuffix(text, "d"); ok {
		text, unit = number+"h", 24
	}
	d, err := time.ParseDuration(text)
	if err != nil || d > maxExpiry/unit {
		return 0, false
	}
	return d * unit, true
}

// maxExpiry is the longest duration: with more, 9999 is not far and a typing error near.
const maxExpiry = 100 * 365 * 24 * time.Hour
