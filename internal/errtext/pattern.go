package errtext

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
)

// pattern is a regular expression with a list of words, one of which is in every match.
// Most patterns do not match, and looking for a word is much faster. The expression is
// compiled when it is first used, because most runs of a command read no text.
type pattern struct{ once func() compiled }

type compiled struct {
	re    *regexp.Regexp
	needs []string // in lower case; nil = not known
}

// words returns a pattern, given in parts. A space in it matches any white space, because
// texts have wrapped lines.
func words(parts ...string) pattern {
	return pattern{sync.OnceValue(func() compiled {
		expression := strings.ReplaceAll(strings.Join(parts, ""), " ", `\s+`)
		c := compiled{re: regexp.MustCompile(expression)}
		if tree, err := syntax.Parse(expression, syntax.Perl); err == nil {
			c.needs = needs(tree)
		}
		return c
	})}
}

func (p pattern) re() *regexp.Regexp { return p.once().re }

// String returns the expression, as a regexp.Regexp does.
func (p pattern) String() string { return p.re().String() }

// in reports whether a text, in lower case, may hold a match.
func (p pattern) in(lower string) bool {
	words := p.once().needs
	return words == nil || slices.ContainsFunc(words, func(word string) bool { return strings.Contains(lower, word) })
}

// needs returns words of which every match of an expression has one, nil if no such words
// are known.
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
