package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/sink"
)

// state is what is known of a token and its sinks at one moment.
type state struct {
	now   time.Time
	token manage.Token
	live  []manage.Password // by time of creation, the older first
	sinks []holding
	rec   Record
	had   bool // there is a record
}

// holding is what one sink holds.
type holding struct {
	sink     sink.Sink
	readable bool
	held     sink.Held
	slot     manage.Slot // "" = none, stale or unknown
	stale    bool        // it is accepted no longer
	unknown  bool        // it is accepted, or not readable, and may be of either slot
}

// inspect reads the token, the sinks and the journal.
func (r *Rotation) inspect(ctx context.Context) (*state, error) {
	st := &state{now: r.Clock.Now()}
	var err error
	if st.token, err = r.Passwords.Token(ctx, r.Token); err != nil {
		return nil, err
	}
	if !st.token.Enabled {
		return nil, r.fail(acrkit.CodeUsage, "it is disabled, and no login can show that a password works")
	}
	for _, p := range st.token.Passwords {
		//rule:rotate-live
		if p.Expires.IsZero() || st.now.Before(p.Expires.Add(skew)) {
			st.live = append(st.live, p)
		}
	}
	slices.SortStableFunc(st.live, func(a, b manage.Password) int { return a.Created.Compare(b.Created) })
	if st.rec, err = r.Journal.Load(ctx); err != nil {
		r.report("The journal cannot be read, and is not used: " + err.Error())
		st.rec = Record{}
	}
	st.had = st.rec.Phase != ""
	for _, s := range r.Sinks {
		h, err := r.look(ctx, st, s)
		if err != nil {
			return nil, err
		}
		st.sinks = append(st.sinks, h)
	}
	st.infer()
	return st, nil
}

// infer determines what sinks hold by comparison with the others: a token has two
// passwords, so that one that is accepted and is not that of one slot is that of the other.
// While a password is young, one that it replaced may still be accepted.
func (st *state) infer() {
	//rule:rotate-infer
	if len(st.live) != 2 || st.youngest() < activation {
		return
	}
	for _, known := range st.sinks {
		if known.slot == "" || !known.readable {
			continue
		}
		for i := range st.sinks {
			h := &st.sinks[i]
			if !h.unknown || !h.readable {
				continue
			}
			h.unknown, h.slot = false, known.slot.Other()
			if h.held.Password.Equal(known.held.Password) {
				h.slot = known.slot
			}
		}
		return
	}
}

// tooYoung reports whether more can be known of the sinks when the passwords are older.
func (st *state) tooYoung() bool {
	return st.youngest() < activation &&
		len(st.where(func(h holding) bool { return h.slot != "" && h.readable })) > 0 &&
		len(st.where(func(h holding) bool { return h.unknown && !h.readable })) == 0
}

// look determines what a sink holds.
func (r *Rotation) look(ctx context.Context, st *state, s sink.Sink) (holding, error) {
	h := holding{sink: s, readable: true}
	held, err := s.Holds(ctx, sink.Value{Registry: r.Registry, Token: r.Token})
	if errors.Is(err, sink.ErrUnreadable) {
		h.readable = false
		return st.unreadable(h), nil
	}
	if err != nil {
		return h, err
	}
	h.held = held
	if held.Password.IsZero() {
		//rule:rotate-silent
		if held.Silent && len(st.live) > 1 {
			h.readable = false
			h = st.unreadable(h)
		}
		return h, nil
	}
	p, known := st.slotOf(held)
	if known {
		h.slot = p.Slot
		return h, nil
	}
	accepted, err := r.accepted(ctx, held.Password)
	if err != nil {
		return h, err
	}
	switch {
	case accepted && len(st.live) == 1:
		h.slot = st.live[0].Slot
	case accepted:
		h.unknown = true
	case st.youngest() < activation:
		// It may be a new password that is not accepted yet.
		return h, r.young(st, fmt.Sprintf("what %s holds is not accepted, and may be a new password", s))
	default:
		again, err := s.Holds(ctx, sink.Value{Registry: r.Registry, Token: r.Token})
		if err != nil {
			return h, err
		}
		//rule:rotate-look-again
		if !again.Password.Equal(held.Password) {
			return h, r.conflict(fmt.Sprintf("%s was changed while it was looked at", s))
		}
		h.stale = true
	}
	return h, nil
}

// youngest is the age of the newest password.
func (st *state) youngest() time.Duration {
	if len(st.live) == 0 {
		return activation
	}
	return st.now.Sub(st.live[len(st.live)-1].Created)
}

// unreadable determines what a sink holds that cannot be read back: what a verified delivery
// left there. A single password that works is the only one that it can hold.
func (st *state) unreadable(h holding) holding {
	for _, d := range st.rec.Sinks {
		if p, ok := st.password(d.Slot); ok && d.Sink == h.sink.String() && sameTime(p.Created, d.Created) {
			h.slot = p.Slot
			return h
		}
	}
	switch len(st.live) {
	case 0:
	case 1:
		h.slot = st.live[0].Slot
	default:
		h.unknown = true
	}
	return h
}

// password returns the working password of a slot.
func (st *state) password(slot manage.Slot) (manage.Password, bool) {
	i := slices.IndexFunc(st.live, func(p manage.Password) bool { return p.Slot == slot })
	if i < 0 {
		return manage.Password{}, false
	}
	return st.live[i], true
}

// slotOf returns the password that a sink holds, if that can be told without a login: by
// the journal, or by the time of the sink's file, which is that of the password's creation.
func (st *state) slotOf(held sink.Held) (manage.Password, bool) {
	check := checkOf(held.Password)
	var found []manage.Password
	for _, p := range st.live {
		byTime := sameTime(held.Written, p.Created)
		byCheck := slices.ContainsFunc(st.rec.Known, func(k Known) bool {
			return k.Slot == p.Slot && sameTime(k.Created, p.Created) && k.Check == check
		})
		if byTime || byCheck {
			found = append(found, p)
		}
	}
	//rule:rotate-slot-of
	if len(found) != 1 {
		return manage.Password{}, false
	}
	return found[0], true
}

// holders returns the sinks that hold a slot's password.
func (st *state) holders(slot manage.Slot) []holding {
	return st.where(func(h holding) bool { return h.slot == slot })
}

func (st *state) where(keep func(holding) bool) []holding {
	var out []holding
	for _, h := range st.sinks {
		if keep(h) {
			out = append(out, h)
		}
	}
	return out
}

func names(all []holding) string {
	var out []string
	for _, h := range all {
		out = append(out, h.sink.String())
	}
	return strings.Join(out, ", ")
}

// accepted tries a password, and again if the registry does not answer.
func (r *Rotation) accepted(ctx context.Context, password redact.Secret) (bool, error) {
	const tries = 5
	for try := 1; ; try++ {
		ok, err := r.Login(ctx, password)
		if err == nil || try == tries || ctx.Err() != nil {
			return ok, err
		}
		if err := r.Clock.Sleep(ctx, time.Duration(try)*loginPause); err != nil {
			return false, err
		}
	}
}

// young is the error if more can be known when the newest password is older.
func (r *Rotation) young(st *state, why string) error {
	e := r.fail(acrkit.CodeUnavailable, fmt.Sprintf("%s: the newest was created %s ago; try again in %s", why,
		st.youngest().Round(time.Second), (activation-st.youngest()).Round(time.Second)))
	e.Hint = sentence.Fix(sentence.TryAgain, nil)
	return e
}

// fail makes an error of this rotation.
func (r *Rotation) fail(code acrkit.Code, reason string) *acrkit.Error {
	return &acrkit.Error{Code: code, Op: fmt.Sprintf("rotate the password of token %q", r.Token), Registry: r.Registry,
		Reason: reason}
}
