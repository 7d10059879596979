package rule

import (
	"errors"
	"slices"

	"github.com/acrkit/acrkit/emulator/fault"
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
	if k, ok := faultOf(id); ok {
		return textOf(k)
	}
	return string(id)
}

// OfFault returns the rule of the requests that a fault of a kind hits.
func OfFault(k fault.Kind) ID { return ID("fault-" + k) }

func faultOf(id ID) (fault.Kind, bool) {
	i := slices.IndexFunc(fault.Kinds(), func(k fault.Kind) bool { return OfFault(k) == id })
	if i < 0 {
		return "", false
	}
	return fault.Kinds()[i], true
}

func textOf(k fault.Kind) string { return "a fault: " + k.Rule() }

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
	Graph        By = "Graph"         // Microsoft Graph
	Faults       By = "faults"        // the faults of a rehearsal
)

// All returns all rules, in the order of the documentation. The last are those of
// faults: one for each kind.
func All() []Rule {
	all := slices.Clone(table)
	for _, k := range fault.Kinds() {
		all = append(all, Rule{OfFault(k), Faults, textOf(k)})
	}
	return all
}
