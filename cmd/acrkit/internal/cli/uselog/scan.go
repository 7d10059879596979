package uselog

import (
	"encoding/json"
	"errors"
	"fmt"
)

// maxDepth is how deep the values of a log may be nested.
//
//rule:suggest-limits-depth
const maxDepth = 100

var errCut = errors.New("it ends before the JSON does")

// object calls visit with each key of a JSON object and the text of its value. A key or a
// string value without a backslash is a part of b. It reads one text a line some ten times as
// fast as encoding/json, which reads it twice; FuzzObject compares both.
func object(b []byte, visit func(key, value []byte) error) error {
	s := scanner{b: b}
	s.space()
	if err := s.object(0, visit); err != nil {
		return err
	}
	return s.end()
}

// array calls visit with each element of a JSON array.
func array(b []byte, visit func(value []byte) error) error {
	s := scanner{b: b}
	s.space()
	if err := s.array(0, visit); err != nil {
		return err
	}
	return s.end()
}

// text returns what a JSON value says: of a string its content, of null nothing, and else the
// value as it is.
func text(value []byte) []byte {
	if len(value) == 0 || value[0] != '"' {
		if string(value) == "null" {
			return nil
		}
		return value
	}
	inner := value[1 : len(value)-1]
	for _, c := range inner {
		if c == '\\' {
			var decoded string
			if json.Unmarshal(value, &decoded) != nil {
				return nil
			}
			return []byte(decoded)
		}
	}
	return inner
}

type scanner struct {
	b []byte
	i int
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

func (s *scanner) end() error {
	s.space()
	if s.i < len(s.b) {
		return s.unexpected()
	}
	return nil
}

func (s *scanner) unexpected() error {
	if s.i >= len(s.b) {
		return errCut
	}
	return fmt.Errorf("it is not JSON: %q at byte %d", rune(s.b[s.i]), s.i+1)
}

// take takes one byte, and the space after it.
func (s *scanner) take(c byte) error {
	if s.i >= len(s.b) || s.b[s.i] != c {
		return s.unexpected()
	}
	s.i++
	s.space()
	return nil
}

func (s *scanner) is(c byte) bool { return s.i < len(s.b) && s.b[s.i] == c }

func (s *scanner) object(depth int, visit func(key, value []byte) error) error {
	if err := s.take('{'); err != nil {
		return err
	}
	if s.is('}') {
		return s.take('}')
	}
	for {
		from := s.i
		if err := s.text(); err != nil {
			return err
		}
		key := s.b[from:s.i]
		s.space()
		if err := s.take(':'); err != nil {
			return err
		}
		from = s.i
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if visit != nil {
			if err := visit(text(key), s.b[from:s.i]); err != nil {
				return err
			}
		}
		s.space()
		if s.is('}') {
			return s.take('}')
		}
		if err := s.take(','); err != nil {
			return err
		}
	}
}

func (s *scanner) array(depth int, visit func(value []byte) error) error {
	if err := s.take('['); err != nil {
		return err
	}
	if s.is(']') {
		return s.take(']')
	}
	for {
		from := s.i
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if visit != nil {
			if err := visit(s.b[from:s.i]); err != nil {
				return err
			}
		}
		s.space()
		if s.is(']') {
			return s.take(']')
		}
		if err := s.take(','); err != nil {
			return err
		}
	}
}

// value passes over a value, and not over the space after it.
func (s *scanner) value(depth int) (err error) {
	if s.i >= len(s.b) {
		return errCut
	}
	if depth > maxDepth {
		return fmt.Errorf("its values are nested deeper than %d", maxDepth)
	}
	switch c := s.b[s.i]; {
	case c == '"':
		return s.text()
	case c == '{':
		err = s.object(depth, nil)
	case c == '[':
		err = s.array(depth, nil)
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	default:
		return s.unexpected()
	}
	for err == nil && s.b[s.i-1] != '}' && s.b[s.i-1] != ']' { // take passed over space
		s.i--
	}
	return err
}

func (s *scanner) text() error {
	if !s.is('"') {
		return s.unexpected()
	}
	for s.i++; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return nil
		case c < ' ':
			return s.unexpected()
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		}
	}
	return errCut
}

// escape passes over an escape but for its last byte.
func (s *scanner) escape() error {
	s.i++
	if s.i >= len(s.b) {
		return errCut
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			s.i++
			if s.i >= len(s.b) {
				return errCut
			}
			c := s.b[s.i]
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return s.unexpected()
			}
		}
		return nil
	}
	return s.unexpected()
}

func (s *scanner) number() error {
	if s.is('-') {
		s.i++
	}
	if s.is('0') {
		s.i++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.is('.') {
		s.i++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.is('e') || s.is('E') {
		s.i++
		if s.is('+') || s.is('-') {
			s.i++
		}
		return s.digits()
	}
	return nil
}

func (s *scanner) digits() error {
	from := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	if s.i == from {
		return s.unexpected()
	}
	return nil
}

func (s *scanner) word(w string) error {
	for i := range len(w) {
		if s.i >= len(s.b) {
			return errCut
		}
		if s.b[s.i] != w[i] {
			return s.unexpected()
		}
		s.i++
	}
	return nil
}
