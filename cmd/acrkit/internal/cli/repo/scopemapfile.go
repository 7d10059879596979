package repo

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/scopemap"
)

// fromMap returns the names a scope map holds, each once and in its order, and
// its wildcards, whose names are not known.
func fromMap(m scopemap.Map) (names []string, wildcards []scopemap.Pattern) {
	seen := map[scopemap.Pattern]bool{}
	for _, r := range m.Rules {
		if r.IsGateway() || seen[r.Pattern] {
			continue
		}
		seen[r.Pattern] = true
		if r.Pattern.IsWildcard() {
			wildcards = append(wildcards, r.Pattern)
		} else {
			names = append(names, string(r.Pattern))
		}
	}
	return names, wildcards
}

// repositoryArg reads what names a repository on the command line: its name, or
// a reference on the same registry.
func repositoryArg(arg string, reg acrkit.Registry) (string, error) {
	ref, err := acrkit.ParseReference(arg, reg)
	if err != nil {
		return "", err
	}
	if ref.Registry != reg {
		return "", cmdutil.Usage("%q is on another registry than %s", arg, reg.Host())
	}
	if ref.Target() != "" {
		return "", cmdutil.Usage("%q names a tag or a digest; give the repository alone", arg)
	}
	return ref.Name, nil
}
