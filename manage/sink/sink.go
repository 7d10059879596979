package sink

import (
	"context"
	"errors"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
)

// Value is a password of a scope-mapped token. It prints without the password.
type Value struct {
	Registry acrkit.Registry
	Token    string        // its name: the user name of a login
	Password redact.Secret // what auth.NewSecret returns

	// Created is when the password was created, by the registry's clock; zero = not known.
	// A file of a sink has it as its modification time: see [Held].
	Created time.Time
}

// Held is what a sink holds.
type Held struct {
	// Password is the password that the sink's programs read now; zero if the sink holds
	// none. It need not be one of the token's: only a login tells.
	Password redact.Secret

	// Written is the modification time of the sink's file; zero if the sink has none. If it
	// equals [Value.Created] of a password, the file has not changed since that password was
	// delivered.
	Written time.Time

	// Silent says that a program was to print the password, and printed nothing: there is
	// none, or its failure was hidden, as a pipe in a shell does.
	Silent bool
}

// Sink is one place to which a password is delivered. A Sink is for one rotation at a
// time: Deliver refuses if what is there has changed since Holds has read it.
type Sink interface {
	// String names the sink in messages, as the user wrote it.
	String() string
	// Cache is how long the sink's programs may go on with a password that they have read
	// before it was replaced.
	Cache() time.Duration

	// Holds returns what the sink holds for the token of v; v.Password is not used. The
	// error is [ErrUnreadable] if the sink cannot be read back, and has
	// [acrkit.CodeUsage] if it holds something that is not a password of a token of this
	// name, which is never overwritten.
	Holds(ctx context.Context, v Value) (Held, error)
	// Deliver makes the sink hold the value. If it holds the value already, only the
	// modification time is set. With an error, the sink may hold either value, or, if it is
	// a command, anything.
	Deliver(ctx context.Context, v Value) error
	// Verify checks, by the sink's own means, that its programs get the value. The error is
	// [ErrUnverifiable] if there are no such means.
	Verify(ctx context.Context, v Value) error
}

// ErrUnreadable says that a sink only takes a password and cannot give it back.
var ErrUnreadable = errors.New("the sink cannot be read back")

// ErrUnverifiable says that nothing checks what a sink holds.
var ErrUnverifiable = errors.New("the sink can be neither read back nor verified")

// verifyHeld is Verify of a sink that can be read back.
func verifyHeld(ctx context.Context, s Sink, v Value) error {
	held, err := s.Holds(ctx, v)
	if err != nil {
		return err
	}
	//rule:sink-verify-held
	if !held.Password.Equal(v.Password) {
		return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "verify " + s.String(),
			Reason: "it does not hold the password that was delivered"}
	}
	return nil
}
