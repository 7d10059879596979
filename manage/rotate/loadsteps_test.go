package rotate_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/rotate"
	"github.com/acrkit/acrkit/manage/sink"
)

// team is a token with its sink and the clients that use it.
type team struct {
	token         acrtest.Token
	path, journal string
	pullers       []*puller
	fixed         atomic.Pointer[auth.Credential]
	deployed      string // what the clients with fixed passwords have as the current one

	values map[manage.Slot]string // of the passwords that work
	held   map[string]time.Time   // when the sink last held a value that it holds no longer
	ended  []string               // values that must not work any more
}

func (tm *team) known(token acrtest.Token) {
	tm.values = map[manage.Slot]string{manage.Slot1: token.Password1, manage.Slot2: token.Password2}
	tm.held = map[string]time.Time{}
}

// errKilled is what every call of a process returns after its end.
var errKilled = errors.New("the process was killed")

// process is one run of the program, which may be killed at a step.
type process struct {
	*load
	*team

	passwords azure
	phase     string         // that it has written down
	calls     map[string]int // of each step
	kill      *crash         // nil = never
	dead      bool
}

// azure is Azure Resource Manager.
type azure = rotate.Passwords

// step does one thing, unless the process is killed before or was killed already.
func (p *process) step(what string, do func() error) error {
	if p.dead {
		return errKilled
	}
	name := what + " while " + p.phase
	p.calls[name]++
	if k := p.kill; k != nil && !k.hit && k.step == name && k.times == p.calls[name] {
		p.dead, k.hit = true, true
		p.crashes.killed(k)
		if !k.effect {
			return errKilled
		}
	}
	err := do()
	if p.dead {
		return errKilled
	}
	return err
}

func (p *process) Token(ctx context.Context, name string) (t manage.Token, err error) {
	err = p.step("Token", func() error { t, err = p.passwords.Token(ctx, name); return err })
	return t, err
}

func (p *process) GeneratePassword(ctx context.Context, token string, slot manage.Slot, expires time.Time) (
	out manage.Password, err error) {
	err = p.step("GeneratePassword", func() error {
		p.ending(slot, "GeneratePassword")
		if out, err = p.passwords.GeneratePassword(ctx, token, slot, expires); err == nil {
			p.end(slot)
			p.values[slot] = out.Value.Reveal()
		}
		return err
	})
	return out, err
}

func (p *process) RemovePassword(ctx context.Context, token string, slot manage.Slot, created time.Time) error {
	return p.step("RemovePassword", func() error {
		p.ending(slot, "RemovePassword")
		err := p.passwords.RemovePassword(ctx, token, slot, created)
		if err == nil {
			p.end(slot)
		}
		return err
	})
}

// ending fails the test if a sink holds the password of a slot that is about to end, or a
// client may still use it.
func (p *process) ending(slot manage.Slot, by string) {
	value, ok := p.values[slot]
	if !ok {
		return
	}
	if p.content() == value {
		p.t.Errorf("%s of %s ends %s, which the sink holds", by, p.token.Name, slot)
	}
	if at, ok := p.held[value]; ok && p.clock.Now().Sub(at) < kubeletCache+time.Minute {
		p.t.Errorf("%s of %s ends %s %s after the sink held it", by, p.token.Name, slot, p.clock.Now().Sub(at))
	}
}

func (p *process) end(slot manage.Slot) {
	if value, ok := p.values[slot]; ok {
		p.ended = append(p.ended, value)
		delete(p.values, slot)
	}
}

func (tm *team) content() string {
	data, err := os.ReadFile(tm.path)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func (p *process) login(ctx context.Context, password redact.Secret) (ok bool, err error) {
	login := rotate.NewLogin(p.registry, p.token.Name, &auth.Options{Base: p.reg.RoundTripper()})
	err = p.step("a login", func() error { ok, err = login(ctx, password); return err })
	return ok, err
}

func (p *process) Load(ctx context.Context) (r rotate.Record, err error) {
	err = p.step("Load", func() error { r, err = p.file().Load(ctx); return err })
	return r, err
}

func (p *process) Save(ctx context.Context, r rotate.Record) error {
	return p.step("Save "+string(r.Phase), func() error {
		err := p.file().Save(ctx, r)
		p.phase = string(r.Phase)
		return err
	})
}

func (p *process) file() *rotate.FileJournal {
	return rotate.NewFileJournal(p.journal, p.registry, p.token.Name)
}

func (p *process) Now() time.Time { return p.clock.Now() }

func (p *process) Sleep(ctx context.Context, d time.Duration) error {
	return p.step("Sleep", func() error { return p.clock.Sleep(ctx, d) })
}

// place is the sink as a process sees it.
type place struct {
	*process
	sink.Sink
}

func (s place) Holds(ctx context.Context, v sink.Value) (h sink.Held, err error) {
	err = s.step("Holds", func() error { h, err = s.Sink.Holds(ctx, v); return err })
	return h, err
}

func (s place) Deliver(ctx context.Context, v sink.Value) error {
	return s.step("Deliver", func() error {
		before := s.content()
		err := s.Sink.Deliver(ctx, v)
		if s.content() != before {
			s.held[before] = s.clock.Now()
		}
		return err
	})
}

func (s place) Verify(ctx context.Context, v sink.Value) error {
	return s.step("Verify", func() error { return s.Sink.Verify(ctx, v) })
}

// crash is where a process is killed.
type crash struct {
	step   string
	times  int  // at which call of the step
	effect bool // the step has its effect before that
	later  bool // the rotation is one that has the step
	runs   int  // that had the step and were not killed
	hit    bool
}

// crashes chooses where rotations are killed: at each step of those that were not, in turn,
// before and after its effect.
type crashes struct {
	mu    sync.Mutex
	steps []crash // with the highest number of calls
	runs  int     // that were learned from, and of these those that returned early
	later int
	next  int
	hits  map[crash]int // by step and effect
}

// learn notes the steps of a process that came to its end.
func (c *crashes) learn(p *process, later bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs++
	if later {
		c.later++
	}
	for _, name := range slices.Sorted(maps.Keys(p.calls)) {
		i := slices.IndexFunc(c.steps, func(k crash) bool { return k.step == name })
		if i < 0 {
			c.steps = append(c.steps, crash{step: name, later: later})
			i = len(c.steps) - 1
		}
		c.steps[i].times = max(c.steps[i].times, p.calls[name])
		c.steps[i].runs++
	}
}

// choose returns where the next rotation is killed; nil = nowhere.
func (c *crashes) choose(rng *rand.Rand) *crash {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.steps) == 0 {
		return nil
	}
	k := c.steps[c.next/2%len(c.steps)]
	k.effect = c.next%2 == 1
	c.next++
	// A rotation may make fewer calls than another one did, so the first is the one to begin with.
	if c.hits[crash{step: k.step, effect: k.effect}] == 0 {
		k.times = 1
	} else {
		k.times = 1 + rng.IntN(k.times)
	}
	return &k
}

// killed notes that a process was killed.
func (c *crashes) killed(k *crash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hits[crash{step: k.step, effect: k.effect}]++
}

// report fails the test if rotations were killed often enough, and at some step none was
// that most rotations have.
func (c *crashes) report(t *testing.T) {
	t.Helper()
	killed := 0
	for _, n := range c.hits {
		killed += n
	}
	t.Logf("%d rotations were killed, at %d of %d places: before and after each of %d steps", killed, len(c.hits),
		2*len(c.steps), len(c.steps))
	for _, k := range c.steps {
		runs := c.runs
		if k.later {
			runs = c.later
		}
		for _, effect := range []bool{false, true} {
			if 2*k.runs >= runs && c.next >= 6*len(c.steps) && c.hits[crash{step: k.step, effect: effect}] == 0 {
				t.Errorf("no rotation was killed at %q (after its effect: %t)", k.step, effect)
			}
		}
	}
}
