package acrkit

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// MaxScope is the longest scope text [ParseScope] reads, in bytes. Servers return a scope
// in a header, which they limit to 8 to 64 KiB.
const MaxScope = 64 << 10

// Access is one resource of a scope with the actions on it, in wire words. It
// has the JSON form of an element of an access token's "access" claim.
type Access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// Scope is a set of rights: which actions on which resources. It is a plain set
// of (type, name, action) triples: "*" is a word like any other and matches only itself;
// package scopemap has the wildcards.
//
// The zero value is the empty set. A Scope is immutable; its canonical text
// ([Scope.String]) is equal exactly when the sets are, for the words that
// [ParseScope] reads. Words from elsewhere (the claim of a token) are kept as
// they are, and compared as they are.
type Scope struct{ items []Access }

// NewScope returns the union of the given accesses. Accesses without actions
// add nothing.
func NewScope(accesses ...Access) Scope {
	items := make([]Access, 0, len(accesses))
	for _, a := range accesses {
		items = append(items, Access{a.Type, a.Name, slices.Clone(a.Actions)})
	}
	return canonical(items)
}

// RepositoryScope returns the scope of the given actions on one repository.
func RepositoryScope(name string, actions ...Action) Scope {
	words := make([]string, 0, len(actions))
	for _, a := range actions {
		words = append(words, a.Wire())
	}
	return canonical([]Access{{"repository", name, words}})
}

// CatalogScope returns the scope that lists a registry's repositories.
func CatalogScope() Scope {
	return Scope{[]Access{{"registry", "catalog", []string{"*"}}}}
}

// canonical sorts and merges items, which it may change.
func canonical(items []Access) Scope {
	slices.SortFunc(items, compareResource)
	out := items[:0]
	for _, a := range items {
		if n := len(out); n > 0 && compareResource(out[n-1], a) == 0 {
			out[n-1].Actions = append(out[n-1].Actions, a.Actions...)
			continue
		}
		out = append(out, a)
	}
	out = slices.DeleteFunc(out, func(a Access) bool { return len(a.Actions) == 0 })
	for i := range out {
		slices.Sort(out[i].Actions)
		out[i].Actions = slices.Clip(slices.Compact(out[i].Actions))
	}
	if len(out) == 0 {
		return Scope{}
	}
	return Scope{out}
}

func compareResource(a, b Access) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Name, b.Name))
}

// ParseScope reads the text of a scope: items TYPE:NAME:ACTION[,ACTION…]
// separated by spaces. The order of items and actions does not matter. The
// empty text is the empty scope.
//
// Source: distribution "Token Scope Documentation"; ACR sends the actions of
// one item in varying order (recorded).
func ParseScope(s string) (Scope, error) {
	bad := func(why string) (Scope, error) {
		return Scope{}, &Error{Code: CodeProtocol, Op: "read a scope", Reason: fmt.Sprintf("%q %s", clip(s), why)}
	}
	if len(s) > MaxScope {
		return bad(fmt.Sprintf("is longer than %d bytes", MaxScope))
	}
	var items []Access
	for item := range strings.SplitSeq(s, " ") {
		if item == "" {
			continue
		}
		for i := range len(item) {
			if c := item[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
				return bad("has a character that no scope may hold")
			}
		}
		first, last := strings.IndexByte(item, ':'), strings.LastIndexByte(item, ':')
		if first <= 0 || last <= first+1 || last == len(item)-1 {
			return bad("is not of the form TYPE:NAME:ACTIONS")
		}
		actions := strings.Split(item[last+1:], ",")
		if slices.Contains(actions, "") {
			return bad("has an empty action")
		}
		items = append(items, Access{item[:first], item[first+1 : last], actions})
	}
	return canonical(items), nil
}

// String returns the canonical text: items by type and name, actions in
// lexical order ("pull,push").
func (s Scope) String() string {
	var b strings.Builder
	for i, a := range s.items {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(a.Type)
		b.WriteByte(':')
		b.WriteString(a.Name)
		b.WriteByte(':')
		for j, w := range a.Actions {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(w)
		}
	}
	return b.String()
}

// IsEmpty reports whether s holds no right.
func (s Scope) IsEmpty() bool { return len(s.items) == 0 }

// Len returns the number of rights: (type, name, action) triples.
func (s Scope) Len() int {
	n := 0
	for _, a := range s.items {
		n += len(a.Actions)
	}
	return n
}

// All yields the resources in canonical order. What it yields may be kept and
// changed.
func (s Scope) All() iter.Seq[Access] {
	return func(yield func(Access) bool) {
		for _, a := range s.items {
			if !yield(Access{a.Type, a.Name, slices.Clone(a.Actions)}) {
				return
			}
		}
	}
}

// Equal reports whether both sets hold the same rights.
func (s Scope) Equal(other Scope) bool { return s.Contains(other) && other.Contains(s) }

// Contains reports whether s is a (non-strict) superset of other.
func (s Scope) Contains(other Scope) bool {
	for _, want := range other.items {
		have := s.actionsOn(want)
		for _, w := range want.Actions {
			if _, ok := slices.BinarySearch(have, w); !ok {
				return false
			}
		}
	}
	return true
}

func (s Scope) actionsOn(resource Access) []string {
	if i, ok := slices.BinarySearchFunc(s.items, resource, compareResource); ok {
		return s.items[i].Actions
	}
	return nil
}

// Union returns the rights in s, in other, or in both.
func (s Scope) Union(other Scope) Scope {
	return NewScope(append(slices.Clone(s.items), other.items...)...)
}

// Minus returns the rights in s that are not in other.
func (s Scope) Minus(other Scope) Scope { return s.filter(other, false) }

// Intersect returns the rights in both s and other.
func (s Scope) Intersect(other Scope) Scope { return s.filter(other, true) }

func (s Scope) filter(other Scope, keepIfThere bool) Scope {
	var items []Access
	for _, a := range s.items {
		there := other.actionsOn(a)
		var words []string
		for _, w := range a.Actions {
			if _, ok := slices.BinarySearch(there, w); ok == keepIfThere {
				words = append(words, w)
			}
		}
		if len(words) > 0 {
			items = append(items, Access{a.Type, a.Name, words})
		}
	}
	return Scope{items}
}

type requiredScopeKey struct{}

// ContextWithRequiredScope returns a context with the scope that requests made with it
// require, for package auth. It is for scopes that method and path do not determine, such
// as a batch of repositories in one token. The scope replaces the derived one.
func ContextWithRequiredScope(ctx context.Context, s Scope) context.Context {
	return context.WithValue(ctx, requiredScopeKey{}, s)
}

// RequiredScopeFromContext returns the scope set by [ContextWithRequiredScope],
// and whether one was set.
func RequiredScopeFromContext(ctx context.Context) (Scope, bool) {
	s, ok := ctx.Value(requiredScopeKey{}).(Scope)
	return s, ok
}
