package errtext

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit/internal/redact"
)

// MaxText is how much of a text is read, in bytes: its end. A client says last what
// ended it, and a build's log before that has megabytes.
//
//rule:strangers-words-max-text
const MaxText = 64 << 10

var (
	// Colours, cursor movements and titles of terminals (ECMA-48 §5.4 and §5.6).
	control = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[@-Z\\\\^_])")
	// header marks lines that say how the text was made, and are not part of it.
	header = regexp.MustCompile(`(?m)^#: .*\n?`)
	// Some clients print errors quoted, in quotes again.
	quoted = regexp.MustCompile(`\\+(?:u00[0-7][0-9a-fA-F]|["'/nrt])`)
	// HTML, as the pages of CI systems show it.
	entities = strings.NewReplacer("&quot;", `"`, "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&amp;", "&")
)

// end returns the last MaxText bytes of a text, from the beginning of a word: half a
// token would not be recognized as a secret.
func end(text string) string {
	if len(text) <= MaxText {
		return text
	}
	text = text[len(text)-MaxText:]
	//rule:strangers-words-end
	if i := strings.IndexAny(text, " \t\n"); i >= 0 {
		return text[i+1:]
	}
	return ""
}

// clean undoes what terminals, log formats and quotes add.
func clean(text string) string {
	text = strings.ToValidUTF8(end(text), "\uFFFD")
	text = control.ReplaceAllString(text, "")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\ufeff", "", "\x00", "").Replace(text)
	text = header.ReplaceAllString(text, "")
	text = quoted.ReplaceAllStringFunc(text, unquote)
	return unwrap(entities.Replace(text))
}

func unquote(s string) string {
	s = strings.TrimLeft(s, `\`)
	switch s[0] {
	case 'n', 'r':
		return "\n"
	case 't':
		return "\t"
	case 'u':
		if n, err := strconv.ParseUint(s[1:], 16, 8); err == nil && n >= ' ' {
			return string(rune(n))
		}
		return " "
	}
	return s
}

// minWidth is the narrowest terminal whose broken lines are joined again.
const minWidth = 60

// unwrap joins lines that a terminal has broken at its width, within words. Such lines
// have one length; but so have the lines of a client that says the same again.
func unwrap(text string) string {
	lines := strings.Split(text, "\n")
	var b strings.Builder
	b.Grow(len(text))
	for i, line := range lines {
		b.WriteString(line)
		if i == len(lines)-1 {
			break
		}
		next := lines[i+1]
		again := i > 0 && len(lines[i-1]) == len(line) || len(next) == len(line)
		wide := again && len(line) >= minWidth && len(next) <= len(line)
		same := len(next) >= 8 && next[:8] == line[:min(8, len(line))]
		within := wide && !same && next != "" && ofOneWord(line[len(line)-1], next[0])
		if !within {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// ofOneWord reports whether two characters may stand side by side in a word or a URL.
// A capital begins a line of a log more often than it goes on a word, but for codes.
func ofOneWord(before, behind byte) bool {
	small := func(c byte) bool {
		return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("/.-_%&?=:", c) >= 0
	}
	capital := func(c byte) bool { return c >= 'A' && c <= 'Z' || c == '_' }
	return small(before) && small(behind) || capital(before) && capital(behind)
}

// What a line may hold of secrets: the query of a URL, which signs access to blobs, its
// user and password, a header, and what a flag or a field of that name has.
var (
	queries = regexp.MustCompile(`(://[^\s"'?]*)\?[^\s"']*`)
	users   = regexp.MustCompile(`://[^/\s"'@]*@`)
	// After the scheme: what is encoded, or a user and a password that are not.
	schemes = regexp.MustCompile(`(?i)\b(basic|bearer)\s+(?:[^\s":=]+:[^\s"]+|[A-Za-z0-9+/=._~-]{8,})`)
	flags   = regexp.MustCompile(
		`(?i)\binvalid username/password: unauthorized:|((?:^|\s)-p(?:ass(?:w(?:or)?d)?)?|--?[a-z-]*pass(?:w(?:or)?d)?|\b[a-z_]*(?:password|secret|_token|sig)["']?\s*[=:])\s*(?:"[^"\n]+"|'[^'\n]+'|["']?[^\s"',;]+)`)
)

// show returns a part of a text as it may be shown.
func show(text string) string {
	text = redact.Text(text)
	text = queries.ReplaceAllString(text, "$1")
	text = users.ReplaceAllString(text, "://")
	text = schemes.ReplaceAllString(text, "$1 "+redact.Mark)
	return flags.ReplaceAllStringFunc(text, func(found string) string {
		name := flags.FindStringSubmatch(found)[1]
		if name == "" { // podman's and skopeo's own words, no field with its value
			return found
		}
		return name + " " + redact.Mark
	})
}
