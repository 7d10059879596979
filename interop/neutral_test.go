package interop

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What differs from run to run in a client's words, and what replaces it.
// The addresses are those that RFC 5737 keeps for documentation.
var changing = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+->`), "198.51.100.7:49152->"}, // the client's end of a connection
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "203.0.113.10:443"},
	{regexp.MustCompile(`\[::1\]:\d+`), "[2001:db8::10]:443"},
	{regexp.MustCompile(`IP '127\.0\.0\.1'`), "IP '198.51.100.7'"},
	{regexp.MustCompile(`(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`),
		"6f1c0f3e-52f1-4d0a-9b7e-2a8c4d6e8f01"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "2026-01-02T03:04:05Z"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?`), "2026-01-02 03:04:05"},
	{regexp.MustCompile(`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d`), "2026/01/02 03:04:05"},
	{regexp.MustCompile(` on \S+:53: `), " on 168.63.129.16:53: "}, // Azure's own resolver
	{regexp.MustCompile(regexp.QuoteMeta(filepath.Clean(os.TempDir())) + `/(ik-|acrkit-|Test)[^ :"'/]*`), "/home/user"},
}

// neutral replaces what changes from run to run in what a client printed: addresses,
// times, ids, folders, and the hosts by the names of a registry.
func neutral(text string, hosts ...string) string {
	for _, host := range hosts {
		text = strings.ReplaceAll(text, host, "myregistry.azurecr.io")
		text = strings.ReplaceAll(text, url.QueryEscape(host), "myregistry.azurecr.io")
	}
	for _, c := range changing {
		text = c.what.ReplaceAllString(text, c.with)
	}
	return text
}

func (s *session) neutral(text string) string {
	return neutral(strings.ReplaceAll(text, s.home, "/home/user"), s.host)
}

func TestNeutral(t *testing.T) {
	temp := filepath.Clean(os.TempDir())
	for text, want := range map[string]string{
		`Get "https://localhost:4711/v2/": x`: "Get \"https://myregistry.azurecr.io/v2/\": x",
		"dial tcp 127.0.0.1:4711: connect: connection refused": "dial tcp 203.0.113.10:443: connect: " +
			"connection refused",
		"read tcp 127.0.0.1:4000->127.0.0.1:4711: connection reset": "read tcp 198.51.100.7:49152->203.0.113.10:443: " +
			"connection reset",
		"GET /oauth2/token?service=localhost%3A4711": "GET /oauth2/token?service=myregistry.azurecr.io",
		"ERROR: 2026-11-24 03:52:55.627549 Error":    "ERROR: 2026-01-02 03:04:05 Error",
		"client with IP '127.0.0.1' is not allowed access": "client with IP '198.51.100.7' is not " +
			"allowed access",
		temp + "/ik-123/auth.json and " + temp +
			"/TestX_y123/001/pulled": "/home/user/auth.json and /home/user/001/pulled",
		"--ca-file " + temp + "/acrkit-interop-394209263/data/ca.pem": "--ca-file /home/user/data/ca.pem",
		`time="2026-11-24T03:42:28.96Z" level=fatal`:                  `time="2026-01-02T03:04:05Z" level=fatal`,
		"2026/11/24 03:42:28 error 6F1C0f3e-52f1-4d0a-9b7e-2a8c4d6e8f02 end": "2026/01/02 03:04:05 error " +
			"6f1c0f3e-52f1-4d0a-9b7e-2a8c4d6e8f01 end",
	} {
		if got := neutral(text, "localhost:4711"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
