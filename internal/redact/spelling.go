package redact

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxSpelled is the longest secret, in bytes, that is searched for in every spelling.
// No password is longer; tokens are, but have one spelling.
const maxSpelled = 512

// minEncoded is the least number of base64 characters that must depend only on the
// secret: fewer are found by chance.
const minEncoded = 6

// hide replaces v in s, in every spelling.
func hide(s, v string) string {
	s = strings.ReplaceAll(s, v, Mark)
	if len(v) > maxSpelled || !utf8.ValidString(v) {
		for _, spelled := range []string{url.QueryEscape(v), url.PathEscape(v), html.EscapeString(v),
			base64.StdEncoding.EncodeToString([]byte(v))} {
			s = strings.ReplaceAll(s, spelled, Mark)
		}
		return s
	}
	if strings.ContainsFunc(v, func(r rune) bool { return !isPlain(r) }) {
		s = regexp.MustCompile(spellings(v)).ReplaceAllLiteralString(s, Mark)
	}
	return hideEncoded(s, v)
}

// isPlain reports whether no encoder escapes r.
func isPlain(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// spellings returns an expression for v in which each character that is not a letter or
// digit is unchanged, or escaped as in URLs, HTML or JSON. Encoders escape different
// characters, so that all mixtures match.
func spellings(v string) string {
	var b strings.Builder
	for _, r := range v {
		if isPlain(r) {
			b.WriteRune(r)
			continue
		}
		ways := []string{regexp.QuoteMeta(string(r))}
		percent := ""
		for _, c := range []byte(string(r)) {
			percent += fmt.Sprintf("%%%02x", c)
		}
		ways = append(ways, "(?i:"+percent+")", fmt.Sprintf("&#0*%d;", r), fmt.Sprintf("(?i:&#x0*%x;)", r))
		json := ""
		for _, u := range utf16.Encode([]rune{r}) {
			json += fmt.Sprintf(`\\u%04x`, u)
		}
		ways = append(ways, "(?i:"+json+")")
		switch r {
		case ' ':
			ways = append(ways, `\+`)
		case '"':
			ways = append(ways, `\\"`, "&quot;")
		case '\\', '/':
			ways = append(ways, `\\`+regexp.QuoteMeta(string(r)))
		case '&':
			ways = append(ways, "&amp;")
		case '<':
			ways = append(ways, "&lt;")
		case '>':
			ways = append(ways, "&gt;")
		case '\'':
			ways = append(ways, "&apos;")
		}
		b.WriteString("(?:" + strings.Join(ways, "|") + ")")
	}
	return b.String()
}

// hideEncoded replaces every base64 text that holds v, with any text around it: Basic
// authentication sends base64 of "user:password".
func hideEncoded(s, v string) string {
	const around = `(?:[A-Za-z0-9+/_-]|(?i:%2b|%2f|\\u002b|\\u002f)|\\/)*`
	for before := range 3 { // bytes before v in its first group of three
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), v...))
		first := []int{0, 2, 3}[before]    // characters that share bits with the bytes before
		whole := (before + len(v)) * 8 / 6 // characters that share no bits with the bytes after
		if whole-first < minEncoded {
			continue
		}
		core := encoded[first:whole]
		if !strings.ContainsAny(core, "+/") && !strings.Contains(s, core) {
			continue // the common case, without an expression
		}
		core = strings.NewReplacer("+", `(?:[+-]|(?i:%2b|\\u002b|&#x2b;|&#43;))`, "/",
			`(?:[/_]|(?i:%2f|\\u002f|&#x2f;|&#47;)|\\/)`).Replace(core)
		s = regexp.MustCompile(around+core+around+`(?:=|(?i:%3d|\\u003d|&#61;))*`).ReplaceAllLiteralString(s, Mark)
	}
	return s
}
