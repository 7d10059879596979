package condition

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/acrkit/acrkit"
)

const (
	// MaxLength is the longest condition, in bytes (believed).
	//
	//rule:emulator-limits-condition-length
	MaxLength = 8 << 10

	// MaxDepth is how deep parentheses and negations can be nested in each other (ours).
	// Azure's editor makes no more than five.
	//
	//rule:emulator-limits-condition-depth
	MaxDepth = 32
)

// Parse reads a condition.
//
// Errors: [acrkit.CodeUsage] with line and column of what is not understood,
// [acrkit.CodeTooLarge] for more than [MaxLength] or [MaxDepth].
func Parse(text string) (*Condition, error) {
	//rule:emulator-limits-condition-parse
	if len(text) > MaxLength {
		return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: op,
			Reason: fmt.Sprintf("it has %d bytes; at most %d are allowed", len(text), MaxLength)}
	}
	p := &parser{text: text}
	if !utf8.ValidString(text) {
		return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: "it is not UTF-8"}
	}
	p.next()
	root := p.expression()
	//rule:abac-condition-whole
	if p.err == nil && p.token.kind != end {
		p.expected("AND, OR or the end of the condition")
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Condition{text, root}, nil
}

const op = "read the condition"

type kind int

const (
	end kind = iota
	symbol
	word    // a name without quotes
	literal // 'text'
	attribute
)

type token struct {
	kind kind
	text string // of a literal, what is between the quotes; of an attribute, all of it
	at   int    // byte offset
}

// parser reads the grammar from left to right. After the first error the token is the
// end, so that every loop ends.
type parser struct {
	text  string
	pos   int
	token token
	depth int
	err   error
}

// fail keeps the first error, with its place.
func (p *parser) fail(at int, code acrkit.Code, format string, args ...any) {
	if p.err == nil {
		before := p.text[:at]
		line := strings.Count(before, "\n") + 1
		column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
		p.err = &acrkit.Error{Code: code, Op: op,
			Reason: fmt.Sprintf("line %d, column %d: ", line, column) + fmt.Sprintf(format, args...)}
	}
	p.token, p.pos = token{at: len(p.text)}, len(p.text)
}

func (p *parser) refuse(at int, format string, args ...any) {
	p.fail(at, acrkit.CodeUsage, format, args...)
}

// expected refuses the token.
func (p *parser) expected(what string) {
	found := "the end"
	if p.token.kind != end {
		found = quote(p.token.text)
	}
	p.refuse(p.token.at, "found %s, expected %s", found, what)
}

// quote quotes a part of the condition, shortened.
func quote(s string) string {
	const most = 40 // characters
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// next reads the next token.
func (p *parser) next() {
	if p.err != nil {
		return
	}
	p.pos += len(p.text[p.pos:]) - len(strings.TrimLeft(p.text[p.pos:], " \t\r\n"))
	rest, at := p.text[p.pos:], p.pos
	take := func(k kind, n int, text string) {
		p.token, p.pos = token{k, text, at}, at+n
	}
	switch {
	case rest == "":
		take(end, 0, "")
	case strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"):
		take(symbol, 2, rest[:2])
	case strings.IndexByte("(){},!", rest[0]) >= 0:
		take(symbol, 1, rest[:1])
	case rest[0] == '\'':
		n := strings.IndexByte(rest[1:], '\'')
		if n < 0 {
			p.refuse(at, "the text that begins here has no closing '")
			return
		}
		take(literal, n+2, rest[1:n+1])
	case rest[0] == '@':
		n := strings.IndexByte(rest, ']')
		if n < 0 {
			p.refuse(at, "the attribute that begins here has no closing ]")
			return
		}
		take(attribute, n+1, rest[:n+1])
	default:
		n := strings.IndexFunc(rest, func(r rune) bool { return !isWord(r) })
		if n < 0 {
			n = len(rest)
		}
		if n == 0 {
			r, _ := utf8.DecodeRuneInString(rest)
			p.refuse(at, "found the character %U, which no condition has outside of a text", r)
			return
		}
		take(word, n, rest[:n])
	}
}

func isWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == ':' || r == '.' || r == '-' ||
		r == '_'
}

func (p *parser) is(texts ...string) bool {
	if p.token.kind != word && p.token.kind != symbol {
		return false
	}
	for _, t := range texts {
		if p.token.text == t {
			return true
		}
	}
	return false
}

// expect takes a symbol.
func (p *parser) expect(s string) {
	if !p.is(s) {
		p.expected(s)
		return
	}
	p.next()
}

// expression reads operands of AND or of OR.
func (p *parser) expression() expression {
	first := p.unary()
	operands := []expression{first}
	var joined string
	for p.is("AND", "&&", "OR", "||") {
		by := "OR"
		if p.is("AND", "&&") {
			by = "AND"
		}
		//rule:abac-condition-mixed
		if joined != "" && by != joined {
			p.refuse(p.token.at, "AND and OR stand side by side; add parentheses that say which comes first")
			return first
		}
		joined = by
		p.next()
		operands = append(operands, p.unary())
	}
	switch joined {
	case "AND":
		return and(operands)
	case "OR":
		return or(operands)
	}
	return first
}

// enter counts what is nested; leave is called after it.
func (p *parser) enter() bool {
	//rule:emulator-limits-condition-enter
	if p.depth++; p.depth > MaxDepth {
		p.fail(p.token.at, acrkit.CodeTooLarge, "more than %d parentheses and negations are nested", MaxDepth)
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// unary reads an operand with its negations.
func (p *parser) unary() expression {
	switch {
	case p.is("NOT", "!"):
		if !p.enter() {
			return nil
		}
		defer p.leave()
		p.next()
		return not{p.unary()}
	case p.is("("):
		if !p.enter() {
			return nil
		}
		defer p.leave()
		p.next()
		x := p.expression()
		p.expect(")")
		return x
	case p.is("ActionMatches"):
		return p.actionMatches()
	case p.is("SubOperationMatches"):
		p.refuse(p.token.at, "SubOperationMatches is not understood: the actions on repositories have no suboperations")
		return nil
	case p.is("Exists"):
		p.next()
		if p.token.kind != attribute {
			p.expected("an attribute, " + example)
			return nil
		}
		p.attribute()
		return exists{}
	}
	return p.comparison()
}

const example = "@Request[" + Attribute + "]"

// attribute takes the attribute.
func (p *parser) attribute() {
	source, name, _ := strings.Cut(strings.TrimSuffix(p.token.text, "]"), "[")
	//rule:abac-condition-attribute
	if source != "@Request" && source != "@Resource" || lowerText(name) != lowerText(Attribute) {
		p.refuse(p.token.at, "the attribute %s is not understood; expected %s or the same of @Resource",
			quote(p.token.text), example)
		return
	}
	p.next()
}

// actionMatches reads ActionMatches{'PATTERN'}.
func (p *parser) actionMatches() expression {
	p.next()
	p.expect("{")
	if p.token.kind != literal {
		p.expected("an action in quotes, such as '" + repositories + "/content/read'")
		return nil
	}
	var out pattern
	for i := range len(p.token.text) {
		b := p.token.text[i]
		e := element{one, b, true}
		switch {
		case b == '*':
			e.kind = many
		case !isWord(rune(b)) && b != '/' || b == ':':
			p.refuse(p.token.at, "%s is no action: letters, digits, . / - _ and the wildcard * are",
				quote(p.token.text))
			return nil
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		p.refuse(p.token.at, "the action is empty")
		return nil
	}
	p.next()
	p.expect("}")
	return actionMatches{out}
}

// comparison reads OPERAND OPERATOR OPERAND.
func (p *parser) comparison() expression {
	var c comparison
	leftSet := p.is("{")
	switch {
	case leftSet:
		for _, t := range p.set() {
			c.left = append(c.left, t.text)
		}
	case p.token.kind == attribute:
		p.attribute()
	default:
		p.expected("ActionMatches, Exists, NOT, a parenthesis, or an attribute such as " + example)
	}
	if p.err != nil {
		return nil
	}
	o, ok := p.operator()
	if !ok {
		return nil
	}
	if !o.quantified && leftSet {
		p.refuse(p.token.at, "a set is compared by one of %s", quantifierNames)
		return nil
	}
	c.every, c.withAll, c.negated = o.every, o.withAll, o.negated
	p.next()
	var values []token
	switch {
	case o.quantified && !p.is("{"):
		p.expected("a set, such as {'samples/app', 'samples/web'}")
	case o.quantified:
		values = p.set()
	case p.is("{"):
		p.refuse(p.token.at, "a set needs an operator with one of %s before it", quantifierNames)
	case p.token.kind != literal:
		p.expected("a text in quotes, such as 'samples/app'")
	default:
		values = []token{p.token}
		p.takeText()
	}
	for _, v := range values {
		c.right = append(c.right, p.value(v, o))
	}
	if p.err != nil {
		return nil
	}
	return c
}

// takeText takes a literal, which is not empty.
func (p *parser) takeText() {
	//rule:abac-condition-empty
	if p.token.text == "" {
		p.refuse(p.token.at, "the text is empty")
		return
	}
	p.next()
}

// set reads {'a', 'b'}.
func (p *parser) set() (out []token) {
	p.expect("{")
	for {
		if p.token.kind != literal {
			p.expected("a text in quotes")
			return nil
		}
		out = append(out, p.token)
		p.takeText()
		if !p.is(",") {
			break
		}
		p.next()
	}
	p.expect("}")
	return out
}

// operator is an operator that compares texts.
type operator struct {
	compare    string // Equals, StartsWith or Like
	ignoreCase bool
	negated    bool
	quantified bool
	every      bool
	withAll    bool
}

const quantifierNames = "ForAnyOfAnyValues:, ForAllOfAnyValues:, ForAnyOfAllValues:, ForAllOfAllValues:"

// operator reads the operator, and leaves it as the token.
func (p *parser) operator() (o operator, ok bool) {
	name := ""
	if p.token.kind == word {
		name = p.token.text
	}
	if quantifier, rest, found := strings.Cut(name, ":"); found {
		o.quantified, name = true, rest
		switch quantifier {
		case "ForAnyOfAnyValues":
		case "ForAllOfAnyValues":
			o.every = true
		case "ForAnyOfAllValues":
			o.withAll = true
		case "ForAllOfAllValues":
			o.every, o.withAll = true, true
		default:
			p.expected("one of " + quantifierNames)
			return o, false
		}
	}
	rest, isText := strings.CutPrefix(name, "String")
	rest, o.negated = strings.CutPrefix(rest, "Not")
	rest, o.ignoreCase = strings.CutSuffix(rest, "IgnoreCase")
	o.compare = rest
	switch {
	case isText && (rest == "Equals" || rest == "Like" || rest == "StartsWith" && !o.quantified):
		return o, true
	case isText && rest == "StartsWith":
		p.refuse(p.token.at, "%s is not documented; write %s {'PREFIX*'}", quote(p.token.text),
			strings.Replace(p.token.text, "StartsWith", "Like", 1))
	case hasPrefix(name, "Numeric", "DateTime", "TimeOfDay", "Bool", "Guid"):
		p.refuse(p.token.at, "%s is not understood: the name of a repository is a text", quote(p.token.text))
	default:
		p.expected("an operator such as StringEquals, StringStartsWith or StringLike")
	}
	return o, false
}

func hasPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// value reads a value on the right of an operator.
func (p *parser) value(v token, o operator) func(left string) bool {
	fold := func(s string) string { return s }
	//rule:abac-condition-fold
	if o.ignoreCase {
		fold = lowerText
	}
	if o.compare == "Like" {
		like := p.like(v, o.ignoreCase)
		return like.matches
	}
	//rule:abac-condition-backslash
	if strings.Contains(v.text, `\`) {
		p.refuse(v.at, `%s has a backslash, which is for \* and \? of Like operators`, quote(v.text))
	}
	want := fold(v.text)
	//rule:abac-condition-starts
	if o.compare == "StartsWith" {
		return func(left string) bool { return strings.HasPrefix(fold(left), want) }
	}
	return func(left string) bool { return fold(left) == want }
}

// like reads the wildcards of a Like operator.
func (p *parser) like(v token, ignoreCase bool) (out pattern) {
	for i := 0; i < len(v.text); i++ {
		switch b := v.text[i]; b {
		case '*':
			out = append(out, element{kind: many})
		case '?':
			out = append(out, element{kind: single})
		case '\\':
			i++
			//rule:abac-condition-escape
			if i == len(v.text) || v.text[i] != '*' && v.text[i] != '?' {
				p.refuse(v.at, `%s has a backslash that is not before * or ?`, quote(v.text))
				return nil
			}
			out = append(out, element{kind: one, literal: v.text[i]})
		default:
			out = append(out, element{one, b, ignoreCase})
		}
	}
	return out
}
