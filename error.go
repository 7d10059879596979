package acrkit

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Code is a stable word for a kind of failure. A Code is itself an error, for use with
// [errors.Is]:
//
//	if errors.Is(err, acrkit.CodeInsufficientScope) { … }
//
// New codes may be added; a code never changes its meaning.
type Code string

// The codes, each with the exit code of the command in parentheses.
const (
	CodeUsage Code = "usage" // wrong input, or an incomplete credential (2)
	// no credential goes to the host: a look-alike, or plain HTTP (2)
	CodeHostRefused        Code = "host_refused"
	CodeCredentialMissing  Code = "credential_missing"  // no credential was found (3)
	CodeCredentialRejected Code = "credential_rejected" // not accepted: wrong, expired, disabled or not yet active (3)
	CodeInsufficientScope  Code = "insufficient_scope"  // the credential is good, a right is missing (4)
	CodeDenied             Code = "denied"              // the registry forbids it: network rule, or no role (4)
	CodeLocked             Code = "locked"              // a lock on the item forbids it (4)
	CodeNotFound           Code = "not_found"           // no such repository, tag, manifest or blob (5)
	CodeUnavailable        Code = "unavailable"         // network or server failure (6)
	CodeTLS                Code = "tls"                 // the server's certificate is not trusted (6)
	CodeThrottled          Code = "throttled"           // too many requests (6)
	CodeIncomplete         Code = "incomplete"          // the answer could not be completed (7)
	// an answer that breaks the protocol, a foreign realm included (1)
	CodeProtocol Code = "protocol"
	CodeTooLarge Code = "too_large" // a named limit was passed (1)
	CodeConflict Code = "conflict"  // somebody else changed it meanwhile, or it is there already (1)
)

// Error returns the code's word.
func (c Code) Error() string { return string(c) }

// Cause is a stable word for why something failed, as "ACRK032": finer than a [Code],
// which says what a program can do about it. Package diagnose has the table of all
// causes, with the evidence and the fix of each. New causes may be added; a cause never
// changes its meaning, and its word is never used again.
type Cause string

// Cause returns the general cause of the code, or "" for a code that is not one of this
// package's. The code "" is a failure of this machine itself.
func (c Code) Cause() Cause {
	switch c {
	case "": // an error of this machine itself: a file, a disk, a port, a program
		return "ACRK092"
	case CodeUsage:
		return "ACRK001"
	case CodeHostRefused:
		return "ACRK002"
	case CodeCredentialMissing:
		return "ACRK003"
	case CodeCredentialRejected:
		return "ACRK004"
	case CodeInsufficientScope:
		return "ACRK005"
	case CodeDenied:
		return "ACRK006"
	case CodeLocked:
		return "ACRK007"
	case CodeNotFound:
		return "ACRK008"
	case CodeUnavailable:
		return "ACRK009"
	case CodeTLS:
		return "ACRK010"
	case CodeThrottled:
		return "ACRK011"
	case CodeIncomplete:
		return "ACRK012"
	case CodeProtocol:
		return "ACRK013"
	case CodeTooLarge:
		return "ACRK014"
	case CodeConflict:
		return "ACRK120"
	}
	return ""
}

// Error is a failure that a user can act on. It never holds a secret, a request or a
// response.
type Error struct {
	Code     Code
	Cause    Cause    // why, where more is known than the code says; "" = no more
	Op       string   // the operation, after "cannot": `list tags of "team/app"`
	Registry Registry // where; zero if it does not matter
	Reason   string   // why, one clause; "" = the text of Errs
	Hint     string   // what to do now; not part of Error()

	Method    string // HTTP method, "" if there was no answer
	URL       string // redacted
	Status    int    // HTTP status, 0 if there was no answer
	RequestID string // the service's correlation id

	RetryAfter time.Duration // how long the service asks to wait; 0 if it did not say

	Required Scope  // what the request needs; empty if not known
	Granted  *Scope // what the token held; nil means unknown

	Errs []error // the wrapped errors, [ServiceError] values included; nil ones are ignored
}

// ServiceError is one element of the error list in a registry's answer. Detail
// is raw because ACR sends an array, an object, a string, null, or nothing.
type ServiceError struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Detail  json.RawMessage `json:"detail,omitempty"`
}

// Error returns the registry's own code and message.
func (e ServiceError) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// Error returns one line: what failed, where, why, and the evidence.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString("cannot ")
		b.WriteString(e.Op)
		if !e.Registry.IsZero() {
			b.WriteString(" on ")
			b.WriteString(e.Registry.Host())
		}
		b.WriteString(": ")
	}
	reason := e.Reason
	if reason == "" {
		texts := make([]string, 0, len(e.Errs))
		for _, c := range e.Errs {
			if c != nil {
				texts = append(texts, c.Error())
			}
		}
		reason = strings.Join(texts, "; ")
	}
	if reason == "" {
		reason = string(e.Code)
	}
	b.WriteString(reason)
	var evidence []string
	if e.Status != 0 {
		s := strconv.Itoa(e.Status)
		if e.Code != "" {
			s += " " + string(e.Code)
		}
		evidence = append(evidence, s)
	}
	if e.RequestID != "" {
		evidence = append(evidence, "request "+e.RequestID)
	}
	if len(evidence) > 0 {
		b.WriteString(" (" + strings.Join(evidence, ", ") + ")")
	}
	//tap:error b.String() + "\n" + e.Hint + "\n" + e.URL
	return b.String()
}

// Unwrap returns Errs.
//
//rule:d2-unwrap
func (e *Error) Unwrap() []error { return e.Errs }

// Is makes errors.Is(err, code) true for the error's own code.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c == e.Code
}

// CauseOf returns the cause of the first [*Error] in err's tree, or the cause of its code
// if it has none; "" if there is no [*Error].
func CauseOf(err error) Cause {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return ""
	case e.Cause != "":
		return e.Cause
	}
	return e.Code.Cause()
}

// CodeOf returns the code of the first [*Error] in err's tree, or "".
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// HintOf returns the hint of the first [*Error] in err's tree: what to do now, one line;
// "" if there is none.
func HintOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Hint
	}
	return ""
}
