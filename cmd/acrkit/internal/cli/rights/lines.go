// Package rights is what the commands share that change tokens and scope maps: how rights
// are written on the command line, and the difference in rights that is shown before each
// change.
package rights

import (
	"io"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/scopemap"
)

// Lines reads rights as a user writes them: samples/app:content/read,metadata/read, a line of
// a scope map, repositories/samples/app/content/read, or @FILE, all lines of the scope map in a
// file, or in in if the file is "-". It returns the lines, each once.
func Lines(flag string, values []string, in io.Reader) ([]string, error) {
	var lines []string
	for _, value := range values {
		if file, ok := strings.CutPrefix(value, "@"); ok { // no name of a repository begins with it
			m, err := mapfile.ReadOne(file, in)
			if err != nil {
				return nil, err
			}
			lines = append(lines, m.Lines()...)
			continue
		}
		name, actions, short := strings.Cut(value, ":")
		if !short {
			r, err := scopemap.ParseRule(value)
			if err != nil {
				return nil, cmdutil.Usage("--%s %q is neither REPOSITORY:ACTION nor a line of a scope map: %v", flag,
					value, err)
			}
			lines = append(lines, r.String())
			continue
		}
		pattern, err := scopemap.ParsePattern(name)
		if err == nil {
			err = OfNoRegistry(pattern)
		}
		if err != nil {
			return nil, cmdutil.Usage("--%s %q: %v", flag, value, err)
		}
		for word := range strings.SplitSeq(actions, ",") {
			a, err := acrkit.ParseAction(word)
			if err != nil {
				return nil, cmdutil.Usage("--%s %q: %v", flag, value, err)
			}
			lines = append(lines, scopemap.Rule{Pattern: pattern, Action: a}.String())
		}
	}
	return unique(lines), nil
}

// OfNoRegistry returns an error if a pattern begins with a registry's host, as the address of an
// image does. No repository has such a name.
func OfNoRegistry(p scopemap.Pattern) error {
	host, name, ok := strings.Cut(string(p), "/")
	if ok && strings.Contains(host, ".azurecr.") {
		return cmdutil.Usage("%q is a registry; name the repository alone: %s", host, name)
	}
	return nil
}

// unique removes lines that are there twice, and keeps the order.
func unique(lines []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool {
		again := seen[l]
		seen[l] = true
		return again
	})
}

// read parses the lines of a registry's scope map. Lines that this version does not know
// are returned as they are.
func read(lines []string) (m scopemap.Map, unknown []string) {
	for _, line := range lines {
		r, err := scopemap.ParseRule(line)
		if err != nil {
			unknown = append(unknown, line)
			continue
		}
		m.Rules = append(m.Rules, r)
	}
	return m, unknown
}
