package errtext

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// pattern is a regular expression with the words of which a match holds one: most
// patterns are in no text, and to look for a word is faster by far.
type pattern struct {
	*regexp.Regexp
	needs []string // in lower case; nil = not known
}

// words compiles a pattern, given in parts, in which a space is any white space: lines
// are wrapped.
func words(parts ...string) pattern {
	expression := strings.ReplaceAll(strings.Join(parts, ""), " ", `\s+`)
	p := pattern{Regexp: regexp.MustCompile(expression)}
	if tree, err := syntax.Parse(expression, syntax.Perl); err == nil {
		p.needs = needs(tree)
	}
	return p
}

// in reports whether a text, in lower case, may hold a match.
func (p pattern) in(lower string) bool {
	if p.needs == nil {
		return true
	}
	for _, word := range p.needs {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}

// needs returns words of which every match of an expression holds one, nil if there
// are none that are known.
func needs(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		return []string{strings.ToLower(string(re.Rune))}
	case syntax.OpCapture, syntax.OpPlus:
		return needs(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return needs(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if words := needs(sub); shortest(words) > shortest(best) {
				best = words
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			words := needs(sub)
			if words == nil {
				return nil
			}
			all = append(all, words...)
		}
		return all
	}
	return nil
}

func shortest(words []string) int {
	n := 0
	for i, w := range words {
		if i == 0 || len(w) < n {
			n = len(w)
		}
	}
	return n
}
