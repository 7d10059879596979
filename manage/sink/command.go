package sink

import (
	"context"
	"time"

	"github.com/acrkit/acrkit/internal/login/dockerconf"
	"github.com/acrkit/acrkit/internal/redact"
)

// How long a program may take: a command that calls a cloud, and a helper that asks a
// keychain.
const (
	//rule:sink-command-time
	commandTime = 2 * time.Minute
	helperTime  = 20 * time.Second
)

// command is a sink that programs of the user's serve.
type command struct {
	common
	deliver, read, verify []string // programs with their arguments; nil = there is none
	environ               func() []string
	time                  time.Duration // that each may take

	held redact.Secret // what Holds has read
}

// input is what the programs get on their standard input.
func (c *command) input(v Value) (string, error) {
	if !c.docker {
		return v.Password.Reveal(), nil
	}
	data, err := dockerconf.PutLogin(nil, v.Registry.Host(), v.Token, v.Password.Reveal())
	return string(data), err
}

func (c *command) program(op string, words []string, v Value) program {
	return program{op: op + " " + c.String(), words: words, environ: c.environ, time: c.time,
		secrets: []redact.Secret{v.Password, c.held}}
}

func (c *command) Holds(ctx context.Context, v Value) (Held, error) {
	if c.read == nil {
		return Held{}, ErrUnreadable
	}
	out, err := c.program("read", c.read, v).run(ctx, "")
	if err != nil {
		return Held{}, err
	}
	held, err := (&file{common: c.common}).parse([]byte(out), v)
	if err != nil {
		return Held{}, foreign(c, "read: prints something else than a password of this token", "")
	}
	c.held, held.Silent = held.Password, held.Password.IsZero()
	return held, nil
}

func (c *command) Deliver(ctx context.Context, v Value) error {
	input, err := c.input(v)
	if err != nil {
		return err
	}
	_, err = c.program("deliver to", c.deliver, v).run(ctx, input)
	return err
}

func (c *command) Verify(ctx context.Context, v Value) error {
	if c.read == nil && c.verify == nil {
		return ErrUnverifiable
	}
	if c.read != nil {
		if err := verifyHeld(ctx, c, v); err != nil {
			return err
		}
	}
	if c.verify == nil {
		return nil
	}
	input, err := c.input(v)
	if err != nil {
		return err
	}
	_, err = c.program("verify", c.verify, v).run(ctx, input)
	return err
}
