package rights

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/scopemap"
)

// Help says how a right is written.
const Help = "A right is REPOSITORY:ACTION, as samples/app:content/read, with several actions separated\n" +
	"by commas, or a line of a scope map. team-a/* is all repositories below team-a, * all.\n" +
	"@FILE is every line of the scope map in a file, @- in stdin, as \"scope-map lint\" reads it."

// AddAllowFlag adds the flag --allow.
func AddAllowFlag(cmd *cobra.Command, allow *[]string) {
	cmd.Flags().StringArrayVar(allow, "allow", nil,
		"a `right` that it gives, as samples/app:content/read,metadata/read; may be repeated")
}

// ScopeMap names a scope map in a sentence.
func ScopeMap(name string) string { return "scope map " + strconv.Quote(name) }

// Token names a token in a sentence.
func Token(name string) string { return "token " + strconv.Quote(name) }

// OnAll reports whether a line gives a right on all repositories.
func OnAll(lines []string) bool {
	m, _ := read(lines)
	for _, r := range m.Rules {
		if r.Pattern == scopemap.Root {
			return true
		}
	}
	return false
}

// Free returns an error with [acrkit.CodeConflict] if there is a scope map of this name.
func Free(ctx context.Context, r *manage.Registry, reg acrkit.Registry, scopeMap string) error {
	_, err := r.ScopeMap(ctx, scopeMap)
	switch {
	case err == nil:
		return &acrkit.Error{Code: acrkit.CodeConflict, Cause: cause.Conflict, Op: "create the " + ScopeMap(scopeMap),
			Registry: reg, Reason: "there is a scope map of this name already; nothing was changed",
			Hint: sentence.Fix(sentence.ViewScopeMap, map[string]string{"host": reg.Host(), "scope_map": scopeMap})}
	case errors.Is(err, acrkit.CodeNotFound):
		return nil
	}
	return err
}

// Changeable returns an error if a scope map is one of the service's own.
func Changeable(reg acrkit.Registry, m manage.ScopeMap) error {
	if !m.System {
		return nil
	}
	return &acrkit.Error{Code: acrkit.CodeUsage, Op: "change the " + ScopeMap(m.Name), Registry: reg,
		Reason: "it is one of the service's own, which cannot be changed",
		Hint:   sentence.Fix(sentence.ShowScopeMaps, map[string]string{"host": reg.Host()})}
}

// StillGranted says of which removed lines the rights stay, because another line gives
// them.
func StillGranted(after, removed []string) (notes []string) {
	rest, _ := read(after)
	for _, line := range removed {
		one, _ := read([]string{line})
		lost := scopemap.Diff(scopemap.Map{Rules: append(one.Rules, rest.Rules...)}, rest)
		if len(one.Rules) > 0 && lost.Same() {
			notes = append(notes, "Not lost, because another line gives it: "+line)
		}
	}
	return notes
}
