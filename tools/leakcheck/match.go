package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
)

// minSecret is the shortest secret that is looked for. Shorter ones, which fuzz
// seeds and tests of limits use, are found by chance everywhere.
const minSecret = 8

// minEncoded is the shortest piece of base64 that is looked for.
const minEncoded = 10

// isWord reports whether a secret of the tests is text that occurs often and is
// harmless: a plain word, one character repeated, or a GUID or an action that a
// test gives where a secret belongs.
func isWord(s string) bool {
	return s == "password" || strings.Trim(s, s[:1]) == "" || guid.MatchString(s) ||
		strings.HasPrefix(s, "repositories/")
}

var guid = regexp.MustCompile("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")

// signedToken is what looks like a signed JWT: two JSON objects and a signature.
var signedToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{8,}`)

// privateKey is the beginning of a private key in PEM.
var privateKey = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)

var lowerEscapes = regexp.MustCompile("%[0-9A-F]{2}")

// pattern is one spelling of one secret.
type pattern struct {
	text     string
	spelling string
	secret   string
}

// Matcher finds secrets in data. It is read-only once made.
type Matcher struct {
	begins [1 << 16]bool        // first two bytes of a pattern
	byHead map[uint32][]pattern // by the first four
}

// NewMatcher returns a matcher for the secrets, and for tokens and private keys.
// A secret that is a token itself is found as one.
func NewMatcher(secrets []string) *Matcher {
	m := &Matcher{byHead: map[uint32][]pattern{}}
	for _, s := range secrets {
		if len(s) < minSecret || isWord(s) || signedToken.FindString(s) == s {
			continue
		}
		seen := map[string]bool{}
		for _, p := range spellings(s) {
			if !seen[p.text] {
				seen[p.text] = true
				m.begins[uint16(p.text[0])<<8|uint16(p.text[1])] = true
				m.byHead[head(p.text)] = append(m.byHead[head(p.text)], p)
			}
		}
	}
	return m
}

func head[T string | []byte](s T) uint32 {
	return uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
}

// spellings returns the ways a secret may be written, raw first.
func spellings(s string) []pattern {
	out := []pattern{{s, "raw", s}}
	add := func(text, spelling string) { out = append(out, pattern{text, spelling, s}) }
	add(url.QueryEscape(s), "percent")
	add(url.PathEscape(s), "percent")
	add(lowerEscapes.ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower), "percent")
	for _, escapeHTML := range []bool{true, false} {
		var quoted strings.Builder
		enc := json.NewEncoder(&quoted)
		enc.SetEscapeHTML(escapeHTML)
		_ = enc.Encode(s) // a string, into memory
		text := strings.TrimSpace(quoted.String())
		add(text[1:len(text)-1], "json")
	}
	add(hex.EncodeToString([]byte(s)), "hex")
	add(strings.ToUpper(hex.EncodeToString([]byte(s))), "hex")
	// In base64, the text before the secret decides which of three spellings it
	// has. The characters that depend on a neighbour are left out.
	for before := range 3 {
		for _, x := range []struct {
			name string
			enc  *base64.Encoding
		}{{"base64", base64.RawStdEncoding}, {"base64url", base64.RawURLEncoding}} {
			text := x.enc.EncodeToString([]byte(strings.Repeat("\x00", before) + s))
			text = text[(before*8+5)/6:]
			if (before+len(s))%3 != 0 {
				text = text[:len(text)-1]
			}
			if len(text) >= minEncoded {
				add(text, x.name)
			}
		}
	}
	return out
}

// hit is a place in the data.
type hit struct {
	from, to int
	spelling string
	secret   string
}

// find calls found for each hit.
func (m *Matcher) find(data []byte, found func(hit)) {
	for i := 0; i+4 <= len(data); i++ {
		if !m.begins[uint16(data[i])<<8|uint16(data[i+1])] {
			continue
		}
		for _, p := range m.byHead[head(data[i:])] {
			if len(data)-i >= len(p.text) && string(data[i:i+len(p.text)]) == p.text {
				found(hit{i, i + len(p.text), p.spelling, p.secret})
			}
		}
	}
	for _, x := range []struct {
		re   *regexp.Regexp
		name string
	}{{signedToken, "token"}, {privateKey, "private key"}} {
		for _, at := range x.re.FindAllIndex(data, -1) {
			found(hit{at[0], at[1], x.name, string(data[at[0]:at[1]])})
		}
	}
}
