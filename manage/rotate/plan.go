package rotate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/manage"
)

// check refuses what can be seen to be wrong before anything is asked.
func (r *Rotation) check(generates bool) error {
	if r.Clock == nil {
		r.Clock = machine{}
	}
	usage := func(format string, a ...any) error { return r.fail(acrkit.CodeUsage, fmt.Sprintf(format, a...)) }
	names := map[string]bool{}
	for _, s := range r.Sinks {
		if names[s.String()] {
			return usage("the sink %s is named twice", s)
		}
		names[s.String()] = true
	}
	least := r.wait()
	switch {
	case len(r.Sinks) == 0:
		return usage("no sink is named: nothing would get the new password")
	case r.Slot != "" && r.Slot != manage.Slot1 && r.Slot != manage.Slot2:
		return usage("a token has %s and %s", manage.Slot1, manage.Slot2)
	//rule:rotate-grace
	case r.Grace != 0 && r.Grace < least:
		return usage("the grace is shorter than %s: the longest cache of the sinks, and a minute", least)
	//rule:rotate-expires
	case generates && r.Expires <= r.Next+least:
		return usage("the new password would expire after %s, before the next rotation: that comes after %s, and "+
			"takes %s at least", r.Expires, r.Next, least)
	}
	return nil
}

// Plan returns what [Rotation.Run] would do now. It changes nothing.
func (r *Rotation) Plan(ctx context.Context) (Plan, error) {
	if err := r.check(true); err != nil {
		return Plan{}, err
	}
	st, err := r.inspect(ctx)
	if err != nil {
		return Plan{}, err
	}
	return r.plan(st)
}

// StaleError says that a sink holds a password that the registry does not accept, and that
// [Rotation.Replace] is not set.
type StaleError struct{ err *acrkit.Error }

// Error returns the text of the error.
func (e *StaleError) Error() string { return e.err.Error() }

// Unwrap returns the error as an [*acrkit.Error].
func (e *StaleError) Unwrap() error { return e.err }

// plan decides what is to be done.
func (r *Rotation) plan(st *state) (Plan, error) {
	p, err := r.decide(st)
	if err != nil {
		return p, err
	}
	for _, h := range st.sinks {
		p.Sinks = append(p.Sinks, SinkState{h.sink, h.slot, h.stale})
	}
	stale := st.where(func(h holding) bool { return h.stale })
	//rule:rotate-replace
	if p.Step != StepRetire && len(stale) > 0 && !r.Replace {
		e := r.fail(acrkit.CodeUsage,
			fmt.Sprintf("%s holds a password that the registry does not accept, and that may be "+
				"another token's", names(stale)))
		e.Hint = r.hint(sentence.ReplaceStale)
		return p, &StaleError{e}
	}
	switch p.Step {
	case StepGenerate:
		p.Expires = st.now.Add(r.Expires).UTC().Truncate(time.Second)
		p.NotBefore = st.now.Add(settle + r.wait())
	case StepRetire:
		p.NotBefore = r.due(st, p)
	default:
		p.NotBefore = st.now.Add(r.wait())
	}
	if p.Old == "" {
		p.NotBefore = time.Time{}
	}
	return p, nil
}

// decide returns the step that is safe by what is known.
func (r *Rotation) decide(st *state) (Plan, error) {
	unknown := st.where(func(h holding) bool { return h.unknown })
	if r.Slot != "" {
		//rule:rotate-slot-held
		if by := st.holders(r.Slot); len(by) > 0 {
			return Plan{}, r.fail(acrkit.CodeUsage,
				fmt.Sprintf("%s is held by %s, which would have no working password",
					r.Slot, names(by)))
		}
		return st.generate(r.Slot), nil
	}
	if len(st.live) < 2 {
		return st.withFreeSlot(), nil
	}
	older, newer := st.live[0], st.live[1]
	//rule:rotate-unknown
	if len(unknown) > 0 {
		switch {
		case st.givesBack(newer.Slot) && !sameTime(older.Created, newer.Created):
			// The other sinks may get this one in place of either password: both work.
			return Plan{Step: StepDeliver, Slot: newer.Slot, Old: older.Slot}, nil
		case st.tooYoung():
			return Plan{}, r.young(st, names(unknown)+" may hold either password")
		}
		return Plan{}, r.ambiguous(fmt.Sprintf("%s may hold %s or %s, and nothing tells which", names(unknown),
			older.Slot,
			newer.Slot))
	}
	haveOld, haveNew := len(st.holders(older.Slot)) > 0, len(st.holders(newer.Slot)) > 0
	if sameTime(older.Created, newer.Created) { // made by one request, as az does for a new token
		if haveOld == haveNew {
			return Plan{}, r.ambiguous("both passwords are equally old, and the sinks hold both or neither")
		}
		if haveNew {
			older, newer, haveOld, haveNew = newer, older, true, false
		}
	}
	ours := st.had && st.rec.Phase != PhaseDone && st.rec.Slot == newer.Slot &&
		(st.rec.Phase == PhaseGenerating || sameTime(st.rec.Created, newer.Created))
	switch {
	case haveOld && !haveNew, !haveOld && !haveNew && ours:
		// The newer password is in no sink: its rotation was cut off, or another is at work.
		//rule:rotate-orphan-recent
		if age := st.now.Sub(newer.Created); !ours && age < recent {
			return Plan{}, r.another(newer, age)
		}
		return st.generate(newer.Slot), nil
	case haveNew && len(st.holders(newer.Slot)) == len(st.sinks):
		return Plan{Step: StepRetire, Slot: newer.Slot, Old: older.Slot}, nil
	case haveNew && st.givesBack(newer.Slot):
		return Plan{Step: StepDeliver, Slot: newer.Slot, Old: older.Slot}, nil
	case haveNew:
		return Plan{}, r.ambiguous(fmt.Sprintf("%s holds %s, and no sink gives its value back to be delivered to "+
			"the others",
			names(st.holders(newer.Slot)), newer.Slot))
	}
	return Plan{}, r.ambiguous(fmt.Sprintf("no sink holds %s or %s, and another program may use either", older.Slot,
		newer.Slot))
}

// givesBack reports whether the value of a slot's password can be read in a sink.
func (st *state) givesBack(slot manage.Slot) bool {
	return slices.ContainsFunc(st.holders(slot), func(h holding) bool { return h.readable })
}

// generate is the plan to generate a slot.
func (st *state) generate(slot manage.Slot) Plan {
	p := Plan{Step: StepGenerate, Slot: slot}
	if _, live := st.password(slot.Other()); live {
		p.Old = slot.Other()
	}
	return p
}

// withFreeSlot is the plan if a slot is free: it is generated, unless the last rotation came
// to its end but for the record of it.
func (st *state) withFreeSlot() Plan {
	if len(st.live) == 0 {
		return st.generate(manage.Slot1)
	}
	only := st.live[0]
	all := len(st.holders(only.Slot)) == len(st.sinks)
	if st.had && st.rec.Phase != PhaseDone && st.rec.Phase != PhaseGenerating && st.rec.Slot == only.Slot &&
		sameTime(st.rec.Created, only.Created) && all {
		return Plan{Step: StepRetire, Slot: only.Slot}
	}
	return st.generate(only.Slot.Other())
}

// due is when the old password may be removed, if all sinks hold the new one now.
func (r *Rotation) due(st *state, p Plan) time.Time {
	now := st.now.Add(r.wait()) // the last sink got it at this moment at the latest
	created := st.live[len(st.live)-1].Created
	if st.had && st.rec.Slot == p.Slot && sameTime(st.rec.Created, created) {
		//rule:rotate-due
		if st.rec.Retire.IsZero() {
			return now
		}
		return st.rec.Retire
	}
	// Nothing is recorded. The time of a file tells when it was written, or that it got the
	// password within a day after its creation.
	last := time.Time{}
	for _, h := range st.sinks {
		written := h.held.Written
		switch {
		//rule:rotate-due-lost
		case !h.readable || written.IsZero():
			return now
		case sameTime(written, created):
			written = created.Add(lateAfter)
		default:
			written = written.Add(skew)
		}
		if written.After(last) {
			last = written
		}
	}
	if last = last.Add(r.wait()); last.Before(now) {
		return last
	}
	return now
}

// hint is a command of the user's.
func (r *Rotation) hint(key sentence.FixKey) string {
	command := r.Command
	if command == "" {
		command = sentence.Fix(sentence.Rotate, map[string]string{"token": shell.Quote(r.Token)})
	}
	return sentence.Fix(key, map[string]string{"command": command})
}

// ambiguous is the error if it cannot be known which slot is free.
func (r *Rotation) ambiguous(reason string) error {
	e := r.fail(acrkit.CodeIncomplete, reason)
	e.Hint = r.hint(sentence.RotateSlot)
	return e
}

// another is the error if another rotation of the token seems to be at work.
func (r *Rotation) another(p manage.Password, age time.Duration) error {
	e := r.fail(acrkit.CodeConflict,
		fmt.Sprintf("%s was created %s ago and is in no sink: another rotation may be at work",
			p.Slot, age.Round(time.Second)))
	e.Hint = sentence.Fix(sentence.TryAgain, nil)
	return e
}
