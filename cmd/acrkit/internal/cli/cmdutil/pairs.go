package cmdutil

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/visible"
)

// PairFix is the name of a pair whose value is a command. It stays on one line, also
// on a narrow terminal, so that it can be copied.
const PairFix = "fix"

// PrintPairs writes the properties of one object: "name: value" on a terminal, aligned and
// wrapped to its width, name and value with a tab between them in a pipe. Nothing is cut.
// Empty values are left out.
func PrintPairs(s *iostreams.IOStreams, pairs [][2]string) error {
	const colon = ":  "
	indent := 0
	for _, p := range pairs {
		if p[1] != "" {
			indent = max(indent, utf8.RuneCountInString(p[0])+len(colon))
		}
	}
	var b strings.Builder
	for _, p := range pairs {
		//rule:terminal-print-pairs
		name, value := p[0], visible.Line(p[1])
		switch {
		case value == "":
		case !s.IsStdoutTTY():
			fmt.Fprintf(&b, "%s\t%s\n", name, value)
		default:
			if name != PairFix {
				value = s.Wrap(indent, value)
			}
			fmt.Fprintf(&b, "%-*s%s\n", indent, name+colon, value)
		}
	}
	_, err := s.Out.Write([]byte(b.String()))
	return err
}
