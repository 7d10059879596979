// Package condition reads and evaluates the conditions of Azure role assignments
// (version 2.0) on the repositories of a registry in ABAC mode:
//
//	(
//	 (
//	  !(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'})
//	 )
//	 OR
//	 (
//	  @Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWith 'team/'
//	 )
//	)
//
// A condition narrows the role of its assignment: an action of the role is granted where
// the condition is true. An action that no ActionMatches names is not narrowed.
//
// What this package does not understand it refuses when it reads the condition, and says
// where and what it expects: a condition that would be evaluated in part could grant more
// than it says. That is also so for what Azure documents of other services: their
// attributes, suboperations, and comparisons of numbers, times, truth values and GUIDs.
//
// Source: Microsoft, "Azure role assignment condition format and syntax", and "Azure
// attribute-based access control (Azure ABAC) repository permissions in Azure Container
// Registry". What they do not say, and is believed: only spellings of these pages are
// good, names of actions and attributes have no case, a text is not empty.
package condition

import (
	"strings"

	"github.com/acrkit/acrkit"
)

// Version is the one version of conditions.
const Version = "2.0"

// Attribute is the one attribute of a repository, by @Request and @Resource alike.
const Attribute = repositories + ":name"

// repositories is the type of the resource whose actions a condition names.
const repositories = "Microsoft.ContainerRegistry/registries/repositories"

// Condition is a condition that was read. It is never changed.
type Condition struct {
	text string
	root expression
}

// String returns the condition as it was given.
func (c *Condition) String() string { return c.text }

// Line returns the condition in one line, for a log.
func (c *Condition) Line() string { return strings.Join(strings.Fields(c.text), " ") }

// Allows reports whether the condition is true of an action on a repository. It is false
// for what is none.
func (c *Condition) Allows(action acrkit.Action, repository string) bool {
	//rule:abac-condition-allows
	if action.Wire() == "" || acrkit.CheckRepositoryName(repository) != nil {
		return false
	}
	return c.root.holds(request{repositories + "/" + action.String(), repository})
}

// request is what a condition is evaluated for.
type request struct{ action, repository string }

type expression interface{ holds(r request) bool }

type (
	not struct{ x expression }
	and []expression
	or  []expression

	// actionMatches is a pattern of actions.
	actionMatches struct{ pattern pattern }

	// exists is whether the attribute is there: every request has a repository.
	exists struct{}

	// comparison compares values on the left with those on the right.
	comparison struct {
		left    []string // nil is the repository's name
		right   []func(left string) bool
		every   bool // of the left values, not any
		withAll bool // of the right values, not with any
		negated bool // each single comparison
	}
)

func (e not) holds(r request) bool { return !e.x.holds(r) }

func (e and) holds(r request) bool {
	for _, x := range e {
		if !x.holds(r) {
			return false
		}
	}
	return true
}

func (e or) holds(r request) bool {
	for _, x := range e {
		if x.holds(r) {
			return true
		}
	}
	return false
}

func (e actionMatches) holds(r request) bool { return e.pattern.matches(r.action) }

func (exists) holds(request) bool { return true }

func (e comparison) holds(r request) bool {
	left := e.left
	if left == nil {
		left = []string{r.repository}
	}
	//rule:abac-condition-every-left
	return quantify(left, e.every, func(l string) bool {
		//rule:abac-condition-with-all
		return quantify(e.right, e.withAll, func(compare func(string) bool) bool {
			//rule:abac-condition-negated
			return compare(l) != e.negated
		})
	})
}

// quantify reports whether is holds of any value, or of all. There is at least one.
func quantify[T any](values []T, all bool, is func(T) bool) bool {
	for _, v := range values {
		if is(v) != all {
			return !all
		}
	}
	return all
}

// pattern is a text with wildcards.
type pattern []element

type element struct {
	kind    byte // one of the kinds
	literal byte
	fold    bool // the literal has no case
}

const (
	one    byte = iota + 1 // the literal
	single                 // any one character
	many                   // any characters, or none
)

// matches reports whether the whole text matches. Its time grows with the product of both
// lengths at most: only the last wildcard is tried again.
func (p pattern) matches(s string) bool {
	i, j := 0, 0
	star, at := -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i].kind == many:
			star, at = i, j
			i++
		case i < len(p) && p[i].takes(s[j]):
			i++
			j++
		case star >= 0:
			at++
			i, j = star+1, at
		default:
			return false
		}
	}
	for i < len(p) && p[i].kind == many {
		i++
	}
	return i == len(p)
}

func (e element) takes(b byte) bool {
	switch {
	case e.kind == single:
		return true
	case e.kind == many:
		return false
	case e.fold:
		return lower(e.literal) == lower(b)
	}
	return e.literal == b
}

// lower folds the letters of ASCII alone: names of repositories have no others, and
// Unicode's rules make a Kelvin sign equal to k.
func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}

func lowerText(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = lower(b[i])
	}
	return string(b)
}
