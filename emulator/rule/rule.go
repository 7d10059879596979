package rule

import (
	"errors"
	"slices"
)

// ID names a rule, such as "password-expired". An ID is stable: it never changes its
// meaning, and none is reused. New ones may be added. It is itself an error.
type ID string

// Error returns the ID's word.
func (id ID) Error() string { return string(id) }

// Of returns the ID that an error holds, and its sentence. An error without one has
// its own text, and "" for an ID.
func Of(err error) (id ID, text string) {
	if id, ok := errors.AsType[ID](err); ok {
		return id, id.Text()
	}
	return "", err.Error()
}

// Text returns the rule's sentence, one clause; that of an ID that is not known is
// the ID itself.
func (id ID) Text() string {
	if i := slices.IndexFunc(table, func(r Rule) bool { return r.ID == id }); i >= 0 {
		return table[i].Text
	}
	return string(id)
}

// Rule is one rule.
type Rule struct {
	ID   ID
	By   By     // what refuses by it
	Text string // one clause
}

// By is a part of the emulator.
type By string

// The parts that refuse.
const (
	Listener     By = "listener"      // before any service
	TokenService By = "token service" // /oauth2/exchange and /oauth2/token
	DataPlane    By = "data plane"    // /v2/ and /acr/v1/
	Registry     By = "registry"      // the token service or the data plane
	Exchange     By = "exchange"      // /oauth2/exchange
	Storage      By = "storage"       // the host of blobs
	Entra        By = "Entra"         // the Entra authority
	ARM          By = "ARM"           // Azure Resource Manager
	Faults       By = "faults"        // the faults of a rehearsal
)

// All returns all rules, in the order of the documentation.
func All() []Rule { return slices.Clone(table) }
