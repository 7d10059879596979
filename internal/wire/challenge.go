package wire

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
)

// MaxChallenge is the longest challenge header that is read, in bytes: the
// longest scope with some room for the rest.
const MaxChallenge = acrkit.MaxScope + 4<<10

// Challenge is one challenge of a WWW-Authenticate header (RFC 9110 §11.6.1).
type Challenge struct {
	Scheme  string            // lower case
	Token68 string            // "" where there are parameters
	Params  map[string]string // by lower-case name
}

// ParseChallenges reads all values of a WWW-Authenticate header. Several
// challenges may be in one value. A parameter that is there twice is an error, because
// another program may read the other one.
func ParseChallenges(values []string) ([]Challenge, error) {
	var all []Challenge
	for _, v := range values {
		//rule:limits-parse-challenges
		if len(v) > MaxChallenge {
			return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "read a challenge",
				Reason: fmt.Sprintf("it is longer than %d bytes", MaxChallenge)}
		}
		p := challengeParser{rest: v}
		cs, ok := p.list()
		if !ok {
			return nil, &acrkit.Error{Code: acrkit.CodeProtocol, Op: "read a challenge", Reason: "it is malformed"}
		}
		all = append(all, cs...)
	}
	return all, nil
}

type challengeParser struct{ rest string }

func (p *challengeParser) list() ([]Challenge, bool) {
	var out []Challenge
	for {
		p.skip(" \t,")
		if p.rest == "" {
			return out, true
		}
		scheme := p.token()
		if scheme == "" {
			return nil, false
		}
		c := Challenge{Scheme: strings.ToLower(scheme), Params: map[string]string{}}
		if p.rest != "" && p.rest[0] != ',' {
			if p.skip(" \t") == 0 {
				return nil, false
			}
			if !p.params(&c) {
				return nil, false
			}
		}
		out = append(out, c)
	}
}

// params reads parameters up to the end or to the next challenge: a word that
// is not followed by "=".
func (p *challengeParser) params(c *Challenge) bool {
	for first := true; ; first = false {
		if first {
			if t := p.token68(); t != "" {
				c.Token68 = t
				return true
			}
		}
		mark := p.rest
		p.skip(" \t,")
		if p.rest == "" {
			return true
		}
		name := p.token()
		if name == "" {
			return false
		}
		p.skip(" \t")
		if p.rest == "" || p.rest[0] != '=' {
			// A word without "=": the next challenge, if a comma precedes it.
			p.rest = mark
			return strings.HasPrefix(strings.TrimLeft(mark, " \t"), ",") || first
		}
		p.rest = p.rest[1:]
		p.skip(" \t")
		value, ok := p.value()
		if !ok {
			return false
		}
		name = strings.ToLower(name)
		if _, twice := c.Params[name]; twice {
			return false
		}
		c.Params[name] = value
		if trimmed := strings.TrimLeft(p.rest, " \t"); trimmed != "" && trimmed[0] != ',' {
			return false
		}
	}
}

func (p *challengeParser) skip(set string) int {
	n := len(p.rest)
	p.rest = strings.TrimLeft(p.rest, set)
	return n - len(p.rest)
}

func (p *challengeParser) token() string {
	n := 0
	for n < len(p.rest) && isTokenChar(p.rest[n]) {
		n++
	}
	t := p.rest[:n]
	p.rest = p.rest[n:]
	return t
}

func isTokenChar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// token68 reads a single word that is the rest of the challenge, or nothing.
func (p *challengeParser) token68() string {
	n := 0
	for n < len(p.rest) && (isTokenChar(p.rest[n]) && strings.IndexByte("!#$%&'*^`|", p.rest[n]) < 0 ||
		p.rest[n] == '/') {
		n++
	}
	for n < len(p.rest) && n > 0 && p.rest[n] == '=' {
		n++
	}
	after := strings.TrimLeft(p.rest[n:], " \t")
	if n == 0 || after != "" && after[0] != ',' {
		return ""
	}
	t := p.rest[:n]
	p.rest = p.rest[n:]
	return t
}

func (p *challengeParser) value() (string, bool) {
	if p.rest == "" {
		return "", false
	}
	if p.rest[0] != '"' {
		t := p.token()
		return t, t != ""
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == '"':
			p.rest = p.rest[i+1:]
			return b.String(), true
		case c == '\\':
			i++
			if i == len(p.rest) || isControl(p.rest[i]) {
				return "", false
			}
			b.WriteByte(p.rest[i])
		case isControl(c):
			return "", false
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

func isControl(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

// String returns the challenge as a header value, with sorted parameters.
func (c Challenge) String() string {
	if c.Token68 != "" {
		return c.Scheme + " " + c.Token68
	}
	names := make([]string, 0, len(c.Params))
	for name := range c.Params {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	b.WriteString(c.Scheme)
	sep := " "
	for _, name := range names {
		b.WriteString(sep)
		sep = ","
		b.WriteString(name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(c.Params[name]) + `"`)
	}
	return b.String()
}

// Bearer is what a registry's Bearer challenge asks for.
type Bearer struct {
	Realm   string // URL of the token service; evidence only, never called
	Service string
	Scope   acrkit.Scope // empty if none is asked for
	Error   string       // "", "insufficient_scope", "invalid_token"
}

// ErrInsufficientScope is the error word of a challenge to a valid token that lacks a
// right (RFC 6750 §3.1; recorded).
const ErrInsufficientScope = "insufficient_scope"

// ErrInvalidToken is the error word of a challenge to a token that is expired,
// revoked or malformed (RFC 6750 §3.1).
const ErrInvalidToken = "invalid_token"

// BearerChallenge returns the first Bearer challenge of a response header, and
// whether there is one. A header that cannot be read is an error.
func BearerChallenge(h http.Header) (Bearer, bool, error) {
	all, err := ParseChallenges(h.Values("Www-Authenticate"))
	if err != nil {
		return Bearer{}, false, err
	}
	for _, c := range all {
		if c.Scheme != "bearer" {
			continue
		}
		scope, err := acrkit.ParseScope(c.Params["scope"])
		if err != nil {
			return Bearer{}, false, err
		}
		return Bearer{Realm: c.Params["realm"], Service: c.Params["service"], Scope: scope, Error: c.Params["error"]},
			true, nil
	}
	return Bearer{}, false, nil
}
