package stall

import (
	"fmt"
	"time"
)

// Phase is the part of an exchange that was under way.
type Phase int

// The phases, in order. A transport that does not trace its work gets no further
// than Begun before its answer.
const (
	Begun     Phase = iota
	Lookup          // the name is being looked up
	Connect         // a connection is being made
	Handshake       // TLS
	Sending         // the request
	Waiting         // for the answer
	Header          // some of its header has come
	Body            // the header has come
)

// Error is the error of an exchange that made no progress. It is a [net.Error].
type Error struct {
	Host  string // of the request, with its port if it has one
	Phase Phase
	After time.Duration // the time waited
	Least int64         // of the phase Body: what should have come in that time, in bytes

	cause error // the end of the caller's own context; nil = a limit of this package
}

// Error says which part made no progress, as a clause.
func (e *Error) Error() string {
	host := e.Host
	after := e.After.Round(time.Second)
	if after < 10*time.Second {
		after = e.After.Round(100 * time.Millisecond)
	}
	if after == 0 {
		after = e.After.Round(time.Millisecond)
	}
	switch e.Phase {
	case Lookup:
		return fmt.Sprintf("the name %s was not looked up within %s", host, after)
	case Connect:
		return fmt.Sprintf("no connection to %s was made within %s", host, after)
	case Handshake:
		return fmt.Sprintf("%s accepted the connection, and the TLS handshake was not done within %s", host, after)
	case Sending:
		return fmt.Sprintf("%s accepted the connection and took no more of the request for %s", host, after)
	case Waiting:
		return fmt.Sprintf("%s accepted the connection and sent nothing for %s", host, after)
	case Header:
		return fmt.Sprintf("%s did not complete the header of its answer within %s", host, after)
	case Body:
		if e.cause != nil {
			return host + " had not sent all of its answer when the time was over"
		}
		return fmt.Sprintf("%s sent less than %d bytes of its answer in %s, and more was to come", host, e.Least, after)
	}
	return fmt.Sprintf("%s did not answer within %s", host, after)
}

// Timeout makes the error a [net.Error].
func (e *Error) Timeout() bool { return true }

// Temporary makes the error a [net.Error].
func (e *Error) Temporary() bool { return true }

// Unwrap returns the end of the caller's own context, or nil.
func (e *Error) Unwrap() error { return e.cause }
