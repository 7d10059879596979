package cmdutil

import (
	"strings"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/registry"
)

// PrintPairs writes the properties of one object: "name: value" aligned on a
// terminal, name and value with a tab between them in a pipe. Empty values are
// left out.
func PrintPairs(s *iostreams.IOStreams, pairs [][2]string) error {
	table := s.NewTable()
	for _, p := range pairs {
		if p[1] == "" {
			continue
		}
		name := p[0]
		if s.IsStdoutTTY() {
			name += ":"
		}
		if err := table.Row(name, p[1]); err != nil {
			return err
		}
	}
	return table.Flush()
}

// Locks names what attributes forbid: "delete,write", or "none".
func Locks(a registry.Attributes) string {
	var locks []string
	for _, l := range []struct {
		name    string
		allowed bool
	}{{"delete", a.Delete}, {"write", a.Write}, {"list", a.List}, {"read", a.Read}} {
		if !l.allowed {
			locks = append(locks, l.name)
		}
	}
	if len(locks) == 0 {
		return "none"
	}
	return strings.Join(locks, ",")
}
