// Package redact keeps secrets out of errors, logs and dumps. It works by
// allow-list: what is not known to be harmless is not shown.
package redact

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/internal/visible"
)

// Mark replaces what is removed.
const Mark = "[redacted]"

// Secret holds a value that must not be printed. It prints, logs and marshals as [Mark];
// [Secret.Reveal] returns the value. The zero Secret holds "".
//
// The value is in a closure, because fmt and similar packages read unexported fields by
// reflection without calling their methods, and cannot read a closure.
type Secret struct{ reveal func() string }

// NewSecret wraps value.
//
//tap:secret value
func NewSecret(value string) Secret { return Secret{func() string { return value }} }

// Reveal returns the value.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Equal reports whether both hold the same value. How long it takes depends only on their
// lengths. The zero Secret equals one of "".
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String returns [Mark], or "" for an empty secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Mark
}

// GoString is String, for %#v.
func (s Secret) GoString() string { return s.String() }

// Format prints String for every verb.
//
//rule:printing-format
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText is String, for encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON is String as JSON.
//
//rule:printing-marshal-json
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// shownQuery lists the query parameters whose values may be shown: names,
// digests, scopes and paging of the registry protocols. Upload states and
// signed links are not among them.
var shownQuery = []string{"account", "api-version", "artifactType", "client_id", "digest", "from", "last", "mount", "n",
	"name", "offline_token", "orderby", "scope", "service"}

// URL returns u without user information and fragment, and with every query
// value that is not known to be harmless replaced. A nil URL gives "".
func URL(u *url.URL) string {
	if u == nil {
		return ""
	}
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if u.Opaque != "" {
		shown = url.URL{Scheme: u.Scheme, Opaque: Mark}
	}
	s := shown.String()
	if u.RawQuery == "" {
		return s
	}
	var parts []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		key, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(key)
		switch {
		case part == "":
			continue
		case err != nil || !plainName.MatchString(name):
			key, value = Mark, ""
		//rule:redaction-url
		case !slices.Contains(shownQuery, name):
			value = Mark
		}
		if value != "" {
			key += "=" + value
		}
		parts = append(parts, key)
	}
	return s + "?" + Text(strings.Join(parts, "&"))
}

var plainName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,40}$`)

// shownHeaders lists the headers whose values may be shown.
var shownHeaders = []string{
	"Accept", "Accept-Encoding", "Connection", "Content-Length", "Content-Range", "Content-Type", "Date",
	"Docker-Content-Digest", "Docker-Distribution-Api-Version", "Docker-Upload-Uuid", "Etag", "Link",
	"Oci-Filters-Applied", "Oci-Subject", "Range", "Retry-After", "Server", "Strict-Transport-Security",
	"Transfer-Encoding", "User-Agent", "Www-Authenticate", "X-Content-Type-Options",
	"X-Ms-Client-Request-Id", "X-Ms-Correlation-Request-Id", "X-Ms-Int-Docker-Content-Digest",
	"X-Ms-Ratelimit-Remaining-Calls-Per-Second", "X-Ms-Request-Id",
}

// Header returns a copy of h with the value of every header that is not known to
// be harmless replaced. Authorization keeps its scheme, and Location what [URL] keeps.
func Header(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		canonical := http.CanonicalHeaderKey(name)
		for _, v := range values {
			switch {
			case canonical == "Authorization":
				scheme, _, _ := strings.Cut(v, " ")
				if scheme != "Bearer" && scheme != "Basic" {
					scheme = ""
				}
				v = strings.TrimSpace(scheme + " " + Mark)
			case canonical == "Location":
				if u, err := url.Parse(v); err == nil {
					v = URL(u)
				} else {
					v = Mark
				}
			case slices.Contains(shownHeaders, canonical):
				v = Text(v)
			default:
				//rule:redaction-header
				v = Mark
			}
			out[canonical] = append(out[canonical], v)
		}
	}
	return out
}

// jwt matches text that looks like a signed token: three base64url parts, the first of
// which begins as a JSON object does.
var jwt = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_=-]+(?:\.[A-Za-z0-9_=-]*)?`)

// Text returns s as part of one line ([visible.Line]), with each of the given secrets, and
// everything that looks like a signed token, replaced. It is for text of a server: an
// answer may repeat a secret, unchanged or as a URL, HTML, JSON or Basic authentication
// encodes it.
func Text(s string, secrets ...Secret) string {
	// First: otherwise a character that becomes a space could complete a secret.
	//rule:terminal-text
	s = visible.Line(s)
	for _, secret := range secrets {
		// Replacing a secret of one or two characters would remove the whole text and
		// hide nothing.
		v := secret.Reveal()
		if len(v) <= 2 {
			continue
		}
		//rule:redaction-text
		s = hide(s, v)
		if p := visible.Line(v); p != v {
			s = hide(s, p)
		}
	}
	return jwt.ReplaceAllString(s, Mark)
}
