package cmdutil

import (
	"strings"

	"time"

	"github.com/acrkit/acrkit/registry"
)

// Locks names what attributes forbid: "delete,write", or "none".
func Locks(a registry.Attributes) string {
	var locks []string
	for _, l := range []struct {
		name    string
		allowed bool
	}{{"delete", a.Delete}, {"write", a.Write}, {"list", a.List}, {"read", a.Read}} {
		if !l.allowed {
			locks = append(locks, l.name)
		}
	}
	if len(locks) == 0 {
		return "none"
	}
	return strings.Join(locks, ",")
}

// Time writes a time exactly; a time that is not known is empty.
func Time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// ShortDigest shortens a digest to what a reader needs to recognize it. It is for
// terminals; programs get the whole.
func ShortDigest(digest string) string {
	const hex = 12
	if i := strings.IndexByte(digest, ':'); i >= 0 && len(digest) > i+1+hex {
		return digest[:i+1+hex]
	}
	return digest
}
