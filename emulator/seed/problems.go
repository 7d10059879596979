package seed

import (
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
)

// maxProblems is how many problems an error message lists; it counts the rest.
const maxProblems = 20

// problems collects the problems of a seed. It knows the line of each
// path ("registries[0].name") when the seed came from a file.
type problems struct {
	lines  map[string]int
	whole  string // what is checked, for a problem without a path; "" = a seed
	unread bool   // that a value is elsewhere is no problem
	list   []problem
	more   int
}

type problem struct {
	line int
	text string
}

func (p *problems) any() bool { return len(p.list) > 0 }

// add notes a problem with the value at path. The text must not quote secrets.
func (p *problems) add(path, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch {
	case path != "":
		text = path + ": " + text
	case p.whole != "":
		text = p.whole + " " + text
	}
	p.addLine(p.lines[path], text)
}

func (p *problems) addLine(line int, text string) {
	if len(p.list) >= maxProblems {
		p.more++
		return
	}
	p.list = append(p.list, problem{line, text})
}

// ofSeed returns the problems of a whole seed as an error.
func (p *problems) ofSeed(op string) error {
	err := p.err(op)
	if err == nil {
		return nil
	}
	err.Hint = sentence.Fix(sentence.InitOrCheckSeed, nil)
	return err
}

// err returns the problems as an error, nil where there is none.
func (p *problems) err(op string) *acrkit.Error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b problem) int { return a.line - b.line })
	texts := make([]string, 0, len(p.list))
	for _, x := range p.list {
		t := x.text
		if x.line > 0 {
			t = fmt.Sprintf("line %d: %s", x.line, t)
		}
		texts = append(texts, t)
	}
	if p.more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more", p.more))
	}
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: strings.Join(texts, "; ")}
}
