package rotate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/sink"
)

// errCrash is what every call of a process returns after its end.
var errCrash = errors.New("the process was killed")

// cache is how long the programs of every sink use a password that they have read.
const cache = 10 * time.Minute

// generated is a password in the world.
type generated struct {
	manage.Password
	value  string
	active time.Time // when a login with it is accepted
	before string    // the value that works until then
}

// place is what a sink is in the world.
type place struct {
	value     string
	written   time.Time
	readable  bool
	marked    bool // it keeps the time of what is delivered, as a file does
	checkable bool // it verifies, without being readable
	broken    bool // Deliver fails and changes nothing
	silent    bool // it is read as if there were nothing
}

// world is a token of a registry, with sinks, and what it sees breaks rules at once.
type world struct {
	t        testing.TB
	slots    map[manage.Slot]*generated
	places   map[string]*place
	disabled bool
	count    int
	delay    time.Duration // of activation

	served   map[string]bool      // sinks whose programs had a working password at the start
	lastHeld map[string]time.Time // when a sink last held a value
	stolen   map[string]bool      // values that a second machine may rightly have ended
}

func newWorld(t testing.TB) *world {
	return &world{t: t, slots: map[manage.Slot]*generated{}, places: map[string]*place{}, delay: 50 * time.Second,
		served: map[string]bool{}, lastHeld: map[string]time.Time{}, stolen: map[string]bool{}}
}

// put makes a password that works already.
func (w *world) put(slot manage.Slot, age, expires time.Duration) string {
	w.count++
	now := time.Now()
	g := &generated{Password: manage.Password{Slot: slot, Created: now.Add(-age).Add(123_456_700)},
		value: fmt.Sprintf("value-%d", w.count), active: now.Add(-age)}
	if expires != 0 {
		g.Expires = now.Add(expires)
	}
	w.slots[slot] = g
	return g.value
}

func (w *world) accepts(value string) bool {
	now := time.Now()
	for _, g := range w.slots {
		if !g.Expires.IsZero() && !now.Before(g.Expires) {
			continue
		}
		if g.value == value && !now.Before(g.active) || g.before == value && now.Before(g.active) {
			return true
		}
	}
	return false
}

// start notes which sinks have a working password.
func (w *world) start() {
	for name, p := range w.places {
		w.served[name] = p.value != "" && w.accepts(p.value)
	}
	w.note()
}

func (w *world) note() {
	for _, p := range w.places {
		if p.value != "" {
			w.lastHeld[p.value] = time.Now()
		}
	}
}

// check fails if a sink that was served holds a password that does not work.
func (w *world) check(after string) {
	w.t.Helper()
	for name, p := range w.places {
		if p.value != "" && w.accepts(p.value) {
			w.served[name] = true
		} else if w.served[name] {
			w.t.Fatalf("after %s, %s holds a password that does not work: an outage", after, name)
		}
	}
	w.note()
}

// end notes that a value works no longer, and fails if a program may still use it.
func (w *world) end(g *generated, by string) {
	w.t.Helper()
	if g == nil || !g.Expires.IsZero() && !time.Now().Before(g.Expires) {
		return
	}
	for _, p := range w.places {
		if p.value == g.value {
			w.t.Fatalf("%s ended %s, which a sink holds", by, g.Slot)
		}
	}
	if held, ok := w.lastHeld[g.value]; ok && time.Since(held) < cache+60*time.Second {
		w.t.Fatalf("%s ended %s %s after a sink held it", by, g.Slot, time.Since(held))
	}
}

// process is one run of the program.
type process struct {
	w       *world
	name    string
	journal *Record // of its machine; nil = it cannot be kept
	steps   int
	crash   int  // the step at which it is killed; 0 = never
	effect  bool // the step has its effect before that
	dead    bool
	hook    func(step int) // before each step
	seen    map[string]*string
}

// step does one thing in the world, unless the process is killed.
func (p *process) step(ctx context.Context, what string, do func() error) error {
	if p.dead {
		return errCrash
	}
	p.steps++
	if p.hook != nil {
		p.hook(p.steps)
	}
	killed := p.steps == p.crash
	if p.dead = killed; killed && !p.effect {
		return errCrash
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err := do()
	p.w.check(fmt.Sprintf("%s, step %d of %s,", what, p.steps, p.name))
	if killed {
		return errCrash
	}
	return err
}

func (p *process) Token(ctx context.Context, name string) (t manage.Token, err error) {
	err = p.step(ctx, "Token", func() error {
		t = manage.Token{Name: name, Enabled: !p.w.disabled}
		for _, slot := range slices.Sorted(maps.Keys(p.w.slots)) {
			t.Passwords = append(t.Passwords, p.w.slots[slot].Password)
		}
		return nil
	})
	return t, err
}

func (p *process) GeneratePassword(ctx context.Context, _ string, slot manage.Slot, expires time.Time) (
	out manage.Password, err error) {
	err = p.step(ctx, "GeneratePassword", func() error {
		p.w.t.Helper()
		old := p.w.slots[slot]
		p.w.end(old, p.name+"'s GeneratePassword")
		p.w.count++
		g := &generated{Password: manage.Password{Slot: slot, Created: time.Now().Add(700), Expires: expires},
			value: fmt.Sprintf("value-%d", p.w.count), active: time.Now().Add(p.w.delay)}
		if old != nil && p.w.accepts(old.value) {
			g.before = old.value
		}
		p.w.slots[slot] = g
		out = g.Password
		out.Value = redact.NewSecret(g.value)
		return nil
	})
	return out, err
}

func (p *process) RemovePassword(ctx context.Context, _ string, slot manage.Slot, created time.Time) error {
	return p.step(ctx, "RemovePassword", func() error {
		p.w.t.Helper()
		g := p.w.slots[slot]
		if g == nil {
			return nil
		}
		if !g.Created.Equal(created) {
			return acrkit.CodeConflict
		}
		p.w.end(g, p.name+"'s RemovePassword")
		delete(p.w.slots, slot)
		return nil
	})
}

func (p *process) login(ctx context.Context, password redact.Secret) (ok bool, err error) {
	err = p.step(ctx, "a login", func() error { ok = p.w.accepts(password.Reveal()); return nil })
	return ok, err
}

func (p *process) Load(ctx context.Context) (r Record, err error) {
	err = p.step(ctx, "Load", func() error {
		if p.journal != nil {
			r = *p.journal
		}
		return nil
	})
	return r, err
}

func (p *process) Save(ctx context.Context, r Record) error {
	return p.step(ctx, "Save", func() error {
		if p.journal == nil {
			return errors.New("the disk is full")
		}
		*p.journal = r
		return nil
	})
}

func (p *process) Now() time.Time { return time.Now() }

func (p *process) Sleep(ctx context.Context, d time.Duration) error {
	return p.step(ctx, "Sleep", func() error { time.Sleep(d); return ctx.Err() })
}

// view is a sink as a process sees it.
type view struct {
	*process
	name string
}

func (v view) String() string       { return v.name }
func (v view) Cache() time.Duration { return cache }

func (v view) Holds(ctx context.Context, _ sink.Value) (h sink.Held, err error) {
	err = v.step(ctx, "Holds", func() error {
		at := v.w.places[v.name]
		if !at.readable {
			return sink.ErrUnreadable
		}
		if at.silent {
			h.Silent = true
			return nil
		}
		value := at.value
		v.seen[v.name] = &value
		h = sink.Held{Password: redact.NewSecret(value), Written: at.written}
		return nil
	})
	return h, err
}

func (v view) Deliver(ctx context.Context, val sink.Value) error {
	return v.step(ctx, "Deliver", func() error {
		at := v.w.places[v.name]
		if seen := v.seen[v.name]; seen != nil && *seen != at.value {
			return acrkit.CodeIncomplete
		}
		if at.broken {
			return errors.New("delivery failed on purpose")
		}
		at.value = val.Password.Reveal()
		v.seen[v.name] = &at.value
		if at.marked {
			at.written = val.Created
			if val.Created.IsZero() {
				at.written = time.Now()
			}
		}
		return nil
	})
}

func (v view) Verify(ctx context.Context, val sink.Value) error {
	return v.step(ctx, "Verify", func() error {
		switch at := v.w.places[v.name]; {
		case !at.readable && !at.checkable:
			return sink.ErrUnverifiable
		case at.value != val.Password.Reveal():
			return acrkit.CodeIncomplete
		}
		return nil
	})
}

// rotation makes a new process that rotates.
func (w *world) rotation(name string, journal *Record, change func(*process, *Rotation)) (*Rotation, *process) {
	p := &process{w: w, name: name, journal: journal, seen: map[string]*string{}}
	reg, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		w.t.Fatal(err)
	}
	r := &Rotation{Registry: reg, Token: "ci-pull", Passwords: p, Login: p.login, Journal: p, Clock: p,
		Expires: 90 * 24 * time.Hour, Next: 30 * 24 * time.Hour}
	for _, n := range slices.Sorted(maps.Keys(w.places)) {
		r.Sinks = append(r.Sinks, view{p, n})
	}
	if change != nil {
		change(p, r)
	}
	return r, p
}

// complete fails unless exactly one password works and every sink has it.
func (w *world) complete() {
	w.t.Helper()
	var works []*generated
	for _, g := range w.slots {
		if g.Expires.IsZero() || time.Now().Before(g.Expires) {
			works = append(works, g)
		}
	}
	if len(works) != 1 {
		w.t.Fatalf("%d passwords work: %v", len(works), works)
	}
	for name, p := range w.places {
		if p.value != works[0].value {
			w.t.Errorf("%s does not hold %s", name, works[0].Slot)
		}
	}
}
