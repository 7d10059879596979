package recording

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep values of a script are nested.
//
//rule:replay-limits-max-depth
const maxDepth = 64

// script reads what nock's recorder writes of JavaScript: calls whose arguments
// are literals. Keys may have no quotes, texts may have single ones.
type script struct{ rest string }

// literal is a value, as compact JSON with its keys in their order.
type literal struct{ json string }

// text returns a text as it is, nothing for null, and anything else as JSON.
func (l literal) text() string {
	var s *string
	if json.Unmarshal([]byte(l.json), &s) != nil {
		return l.json
	}
	if s == nil {
		return ""
	}
	return *s
}

// space goes past white space and comments.
func (p *script) space() {
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\r\n")
		switch {
		case strings.HasPrefix(p.rest, "//"):
			_, p.rest, _ = strings.Cut(p.rest, "\n")
		case strings.HasPrefix(p.rest, "/*"):
			_, p.rest, _ = strings.Cut(p.rest, "*/")
		default:
			return
		}
	}
}

// take goes past a character, if it is the next.
func (p *script) take(c byte) bool {
	p.space()
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// word goes past a name, which may be empty.
func (p *script) word() string {
	p.space()
	n := 0
	for n < len(p.rest) && isWord(p.rest[n]) {
		n++
	}
	w := p.rest[:n]
	p.rest = p.rest[n:]
	return w
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// seek goes to the next call of a function, to before its parenthesis.
func (p *script) seek(name string) bool {
	for {
		p.space()
		if p.rest == "" {
			return false
		}
		switch c := p.rest[0]; {
		case c == '"' || c == '\'':
			if _, ok := p.quoted(); !ok {
				return false
			}
		case isWord(c):
			if p.word() != name {
				continue
			}
			if p.space(); strings.HasPrefix(p.rest, "(") {
				return true
			}
		default:
			p.rest = p.rest[1:]
		}
	}
}

// call reads the next call of a chain; its name is empty at the chain's end.
func (p *script) call() (name string, arguments []literal, ok bool) {
	if !p.take('.') {
		return "", nil, true
	}
	name = p.word()
	if name == "" {
		return "", nil, false
	}
	arguments, ok = p.arguments()
	return name, arguments, ok
}

// arguments reads the arguments of a call.
func (p *script) arguments() ([]literal, bool) {
	if !p.take('(') {
		return nil, false
	}
	var all []literal
	for !p.take(')') {
		var b strings.Builder
		if !p.value(&b, 0) {
			return nil, false
		}
		all = append(all, literal{b.String()})
		if !p.take(',') {
			return all, p.take(')')
		}
	}
	return all, true
}

// value reads a literal and writes it as JSON.
func (p *script) value(b *strings.Builder, depth int) bool {
	p.space()
	if p.rest == "" || depth > maxDepth {
		return false
	}
	switch c := p.rest[0]; {
	case c == '"' || c == '\'':
		s, ok := p.quoted()
		writeText(b, s)
		return ok
	case c == '[':
		return p.members(b, ']', func() bool { return p.value(b, depth+1) })
	case c == '{':
		return p.members(b, '}', func() bool {
			p.space()
			key, ok := p.word(), true
			if key == "" {
				key, ok = p.quoted()
			}
			if !ok || !p.take(':') {
				return false
			}
			writeText(b, key)
			b.WriteByte(':')
			return p.value(b, depth+1)
		})
	case c == '-' || c >= '0' && c <= '9':
		n := strings.IndexFunc(p.rest, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) })
		if n < 0 {
			n = len(p.rest)
		}
		number := p.rest[:n]
		p.rest = p.rest[n:]
		b.WriteString(number)
		return json.Valid([]byte(number))
	}
	switch w := p.word(); w {
	case "true", "false", "null":
		b.WriteString(w)
		return true
	case "undefined":
		b.WriteString("null")
		return true
	}
	return false
}

// members reads what is between two brackets, of which the first is the next.
func (p *script) members(b *strings.Builder, end byte, member func() bool) bool {
	b.WriteByte(p.rest[0])
	p.rest = p.rest[1:]
	for first := true; !p.take(end); first = false {
		if !first {
			b.WriteByte(',')
		}
		if !member() {
			return false
		}
		if !p.take(',') {
			if !p.take(end) {
				return false
			}
			break
		}
	}
	b.WriteByte(end)
	return true
}

// quoted reads a text between quotes.
func (p *script) quoted() (string, bool) {
	if p.rest == "" || p.rest[0] != '"' && p.rest[0] != '\'' {
		return "", false
	}
	quote := p.rest[0]
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; c {
		case quote:
			p.rest = p.rest[i+1:]
			return b.String(), true
		case '\n':
			return "", false
		case '\\':
			if i++; i == len(p.rest) {
				return "", false
			}
			switch e := p.rest[i]; e {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			case 'b':
				b.WriteByte('\b')
			case 'f':
				b.WriteByte('\f')
			case '\n':
			case 'x', 'u':
				n := map[byte]int{'x': 2, 'u': 4}[e]
				if i+n >= len(p.rest) {
					return "", false
				}
				code, err := strconv.ParseUint(p.rest[i+1:i+1+n], 16, 16)
				if err != nil {
					return "", false
				}
				b.WriteRune(rune(code))
				i += n
			default:
				b.WriteByte(e)
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// writeText writes a text as JSON.
func writeText(b *strings.Builder, s string) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "�")
	}
	b.WriteString(quoteJSON(s, escapeNothing))
}
