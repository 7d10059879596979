package recording

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// Digest returns the digest of some content.
func Digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

var (
	contentAddress = regexp.MustCompile(`^/v2/.+/(manifests|blobs)/([^/]+)$`)
	wholeDigest    = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
)

// ContentDigest returns the digest of the content that an exchange carries: of a
// manifest that is pushed, or of a manifest or blob that is pulled; "" where it
// carries none or its digest was not recorded.
func (x *Exchange) ContentDigest() string {
	m := contentAddress.FindStringSubmatch(x.URL.Path)
	switch {
	case m == nil || x.Status/100 != 2:
		return ""
	case x.Method == http.MethodPut && m[1] == "manifests", x.Method == http.MethodGet &&
		x.Status != http.StatusPartialContent:
	default:
		return ""
	}
	for _, d := range []string{m[2], x.Answer.Get("Docker-Content-Digest")} {
		if wholeDigest.MatchString(d) {
			return d
		}
	}
	return ""
}

// recoverBytes looks for the bytes of contents that a recorder rewrote, and notes
// which are lost.
func recoverBytes(r *Recording) {
	for i := range r.Exchanges {
		x := &r.Exchanges[i]
		d := x.ContentDigest()
		if d == "" {
			continue
		}
		text, lost := &x.Content, &x.ContentLost
		if x.Method == http.MethodPut {
			text, lost = &x.Body, &x.BodyLost
		}
		exact, ok := withDigest(*text, d)
		*text, *lost = exact, !ok
	}
}

// withDigest returns the content with a digest: the text itself, or JSON that is
// laid out in another way. Without one, the text is returned.
func withDigest(text, digest string) (string, bool) {
	if Digest(text) == digest {
		return text, true
	}
	doc, ok := parseJSON(text)
	if !ok {
		return text, false
	}
	for _, l := range layouts() {
		s := l.write(doc)
		for _, end := range []string{"", "\n", "\r\n"} {
			if Digest(s+end) == digest {
				return s + end, true
			}
		}
	}
	return text, false
}

// node is a JSON value whose keys keep their order.
type node struct {
	kind    byte // '{', '[', '"', or 0 for what is written unchanged
	text    string
	keys    []string
	members []*node
}

// maxJSON is the largest text, in bytes, that is laid out again. A registry accepts
// manifests of 4 MiB.
//
//rule:replay-limits-max-json
const maxJSON = 4 << 20

func parseJSON(text string) (*node, bool) {
	trimmed := strings.TrimSpace(text)
	if len(text) > maxJSON || !strings.HasPrefix(trimmed, "{") || !json.Valid([]byte(text)) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	n, err := parseNode(d)
	return n, err == nil
}

func parseNode(d *json.Decoder) (*node, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		n := &node{kind: byte(t)}
		for d.More() {
			if t == '{' {
				key, err := d.Token()
				if err != nil {
					return nil, err
				}
				n.keys = append(n.keys, fmt.Sprint(key))
			}
			m, err := parseNode(d)
			if err != nil {
				return nil, err
			}
			n.members = append(n.members, m)
		}
		_, err := d.Token() // the closing bracket
		return n, err
	case string:
		return &node{kind: '"', text: t}, nil
	case nil:
		return &node{text: "null"}, nil
	default:
		return &node{text: fmt.Sprint(t)}, nil
	}
}

// How texts of JSON are escaped, by the language that wrote it.
const (
	escapeNothing = iota // JavaScript, Java
	escapeHTML           // Go
	escapeASCII          // Python
)

// layout is a way to write JSON.
type layout struct {
	lines  bool   // each member on a line of its own
	indent string // of a level
	eol    string
	comma  string // after a member, where lines is not set
	colon  string
	escape int
}

// layouts returns the ways that are tried: on one line with or without spaces;
// on lines, indented by 0 to 4 spaces or a tab, which end in LF or CRLF.
func layouts() []layout {
	var all []layout
	for _, escape := range []int{escapeNothing, escapeHTML, escapeASCII} {
		for _, colon := range []string{":", ": "} {
			for _, comma := range []string{",", ", "} {
				all = append(all, layout{comma: comma, colon: colon, escape: escape})
			}
			for _, indent := range []string{"", " ", "  ", "   ", "    ", "\t"} {
				for _, eol := range []string{"\n", "\r\n"} {
					all = append(all, layout{lines: true, indent: indent, eol: eol, comma: ",",
						colon: colon, escape: escape})
				}
			}
		}
	}
	return all
}

func (l *layout) write(n *node) string {
	var b strings.Builder
	l.node(&b, n, 0)
	return b.String()
}

func (l *layout) node(b *strings.Builder, n *node, depth int) {
	switch n.kind {
	case '"':
		b.WriteString(quoteJSON(n.text, l.escape))
		return
	case 0:
		b.WriteString(n.text)
		return
	}
	line := func(depth int) {
		if l.lines {
			b.WriteString(l.eol)
			for range depth {
				b.WriteString(l.indent)
			}
		}
	}
	b.WriteByte(n.kind)
	for i, m := range n.members {
		if i > 0 {
			b.WriteString(l.comma)
		}
		line(depth + 1)
		if n.kind == '{' {
			b.WriteString(quoteJSON(n.keys[i], l.escape))
			b.WriteString(l.colon)
		}
		l.node(b, m, depth+1)
	}
	if len(n.members) > 0 {
		line(depth)
	}
	b.WriteByte(n.kind + 2) // the bracket that closes it
}

// quoteJSON writes a text as JSON.
func quoteJSON(s string, escape int) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escape == escapeHTML)
	_ = e.Encode(s) // a text can be encoded
	quoted := strings.TrimSuffix(b.String(), "\n")
	if escape == escapeASCII {
		var ascii strings.Builder
		for _, r := range quoted {
			switch {
			case r < 0x80:
				ascii.WriteRune(r)
			case r > 0xffff:
				r -= 0x10000
				fmt.Fprintf(&ascii, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
			default:
				fmt.Fprintf(&ascii, `\u%04x`, r)
			}
		}
		return ascii.String()
	}
	if escape == escapeNothing && strings.ContainsAny(s, "\u2028\u2029") {
		// Encode escapes these two, which no other language does.
		quoted = strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(quoted)
	}
	return quoted
}
