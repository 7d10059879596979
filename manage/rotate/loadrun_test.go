package rotate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/rotate"
	"github.com/acrkit/acrkit/manage/sink"
)

// rotateAll rotates the password of one token over and over.
func (l *load) rotateAll(tm *team, count int, rng *rand.Rand) error {
	for n := range count {
		if *within != 0 && time.Since(l.start) > *within {
			return nil
		}
		o := once{later: n%2 == 1}
		if n == 0 {
			o.slot = manage.Slot2 // both passwords work, and the file does not tell which it holds
		} else if rng.IntN(4) > 0 {
			o.kill = l.crashes.choose(rng)
			// Without a journal the next run waits for a quarter of an hour.
			o.lose = !*realTime && rng.IntN(4) == 0
		}
		if o.kill != nil {
			o.later = o.kill.later
		}
		if err := l.rotateOnce(tm, o); err != nil {
			return fmt.Errorf("rotation %d, %+v: %w", n, o, err)
		}
		if err := l.settled(tm); err != nil {
			return fmt.Errorf("after rotation %d, %+v: %w", n, o, err)
		}
		if done := l.done.Add(1); done%10 == 0 || *realTime {
			l.t.Logf("%d rotations after %s", done, time.Since(l.start).Round(time.Second))
		}
		if err := l.clock.Sleep(l.ctx, time.Duration(rng.IntN(60))*time.Second); err != nil {
			return err
		}
	}
	return nil
}

// once is what one rotation does.
type once struct {
	slot  manage.Slot // "" = the rotation finds the free one
	later bool        // it returns after the delivery, and another process finishes it
	kill  *crash      // where a process is killed; nil = nowhere
	lose  bool        // the journal is lost then
}

// rotateOnce runs until a rotation is complete, as an operator does: again after a failure,
// and after the process was killed.
func (l *load) rotateOnce(tm *team, o once) error {
	const runs = 20
	for try := 1; ; try++ {
		p, out, err := l.run(tm, o)
		killed := o.kill != nil && o.kill.hit
		switch {
		case l.ctx.Err() != nil:
			return context.Cause(l.ctx)
		case p == nil, try == runs:
			return err
		case p.dead:
			if o.lose {
				err = os.RemoveAll(tm.journal)
			}
			if o.lose = false; err != nil && !errors.Is(err, errKilled) {
				return err
			}
			continue
		case err == nil && out.Retired == "" && !killed:
			return fmt.Errorf("it removed nothing: %+v", out)
		case err == nil:
			if try == 1 && o.kill == nil {
				l.crashes.learn(p, o.later)
			}
			return nil
		}
		wait := time.Minute
		switch {
		case errors.Is(err, acrkit.CodeConflict):
			wait = 15 * time.Minute // for what another rotation may do
		case !errors.Is(err, acrkit.CodeUnavailable):
			return err
		}
		l.again.Add(1)
		l.t.Logf("%s is rotated again in %s: %v", tm.token.Name, wait, err)
		if err := l.clock.Sleep(l.ctx, wait); err != nil {
			return err
		}
		if tm.content() == tm.values[o.slot] {
			o.slot = ""
		}
	}
}

// run is one run of the program, and what finishes it if it returns early.
func (l *load) run(tm *team, o once) (*process, rotate.Result, error) {
	p, r, err := l.process(tm, o.kill)
	if err != nil {
		return nil, rotate.Result{}, err
	}
	r.Slot, r.Later = o.slot, o.later
	out, err := r.Run(l.ctx)
	l.slowest.Store(max(l.slowest.Load(), int64(out.Activated)))
	for o.later && err == nil && !out.RetireAfter.IsZero() {
		if err = l.clock.Sleep(l.ctx, out.RetireAfter.Sub(l.clock.Now())); err != nil {
			return nil, out, err
		}
		calls := p.calls
		if p, r, err = l.process(tm, o.kill); err != nil {
			return nil, out, err
		}
		p.calls, p.phase = calls, "finishing"
		out, err = r.Finish(l.ctx)
	}
	return p, out, err
}

// process makes a new process that rotates, with an identity that was just signed in.
func (l *load) process(tm *team, kill *crash) (*process, *rotate.Rotation, error) {
	passwords, err := l.passwords()
	if err != nil {
		return nil, nil, err
	}
	s, err := sink.Parse("file:"+tm.path+" cache:"+kubeletCache.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	p := &process{load: l, team: tm, passwords: passwords, kill: kill, phase: "starting",
		calls: map[string]int{}}
	return p, &rotate.Rotation{Registry: l.registry, Token: tm.token.Name, Passwords: p, Login: p.login, Journal: p,
		Clock: p, Sinks: []sink.Sink{place{p, s}}, Expires: 90 * 24 * time.Hour, Next: 30 * 24 * time.Hour}, nil
}

// settled fails unless one password of the token works, which is the one that the sink
// holds, and none that was ended.
func (l *load) settled(tm *team) error {
	passwords, err := l.passwords()
	if err != nil {
		return err
	}
	now, err := passwords.Token(l.ctx, tm.token.Name)
	if err != nil {
		return err
	}
	if len(now.Passwords) != 1 {
		return fmt.Errorf("%d passwords are left: %+v", len(now.Passwords), now.Passwords)
	}
	held := tm.content()
	if tm.values[now.Passwords[0].Slot] != held {
		return fmt.Errorf("%s is left, and the sink holds another", now.Passwords[0].Slot)
	}
	for _, value := range append(tm.ended, held) {
		ok, err := l.accepted(tm, value)
		if err != nil || ok != (value == held) {
			return fmt.Errorf("a password that the sink holds (%t) is accepted: %t, %w", value == held, ok, err)
		}
	}
	tm.ended = nil
	return nil
}

// accepted tries a password, and again if the registry fails.
func (l *load) accepted(tm *team, password string) (ok bool, err error) {
	login := rotate.NewLogin(l.registry, tm.token.Name, &auth.Options{Base: l.reg.RoundTripper()})
	for range 20 {
		if ok, err = login(l.ctx, auth.NewSecret(password)); err == nil {
			break
		}
	}
	return ok, err
}

// identity returns what signs in to Azure Resource Manager.
func identity(t *testing.T, reg *acrtest.Registry) func() (azure, error) {
	t.Helper()
	host := parse(t, reg)
	owner := reg.ServicePrincipal("Owner")
	return func() (azure, error) {
		client, err := manage.New(owner.AzureCredential(), &manage.Options{Transport: reg.RoundTripper()})
		if err != nil {
			return nil, err
		}
		return client.Registry(t.Context(), host)
	}
}

func parse(t *testing.T, reg *acrtest.Registry) acrkit.Registry {
	t.Helper()
	r, err := acrkit.ParseRegistry(reg.Host())
	if err != nil {
		t.Fatal(err)
	}
	return r
}
