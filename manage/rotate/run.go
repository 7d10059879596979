package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/sink"
)

// current is the password that the sinks get, in the course of a rotation.
type current struct {
	manage.Password
	value redact.Secret // zero if no sink gives it back
	old   *manage.Password
	rec   Record
	out   *Result
}

// Run rotates the password, or completes a rotation that was cut off. The Result says what
// was done, also with an error; running again is then always safe.
//
// Errors, besides those of the sinks and of Azure Resource Manager: [acrkit.CodeUsage] for
// settings that are wrong, and a sink that holds something else; [acrkit.CodeIncomplete] if
// it cannot be known which slot is free, or a sink did not get the password;
// [acrkit.CodeConflict] if another rotation of the token is at work;
// [acrkit.CodeUnavailable] if the new password is not accepted in time.
func (r *Rotation) Run(ctx context.Context) (Result, error) {
	out := Result{}
	if err := r.check(true); err != nil {
		return out, err
	}
	st, err := r.inspect(ctx)
	if err != nil {
		return out, err
	}
	p, err := r.plan(st)
	if err != nil {
		return out, err
	}
	out.Step = p.Step
	switch p.Step {
	case StepRetire:
		c, err := r.resume(st, p, &out)
		if err != nil {
			return out, err
		}
		// The last rotation was complete but for the removal of the old password, which is
		// due: this one is another one.
		next := (!st.had || st.rec.Phase == PhaseDelivered || st.rec.Phase == PhaseDone) && !st.now.Before(p.NotBefore)
		if err := r.retire(ctx, c, p.NotBefore); err != nil || !next {
			return out, err
		}
		if st, err = r.inspect(ctx); err != nil {
			return out, err
		}
		if p, err = r.plan(st); err != nil {
			return out, err
		}
		if p.Step != StepGenerate {
			return out, r.conflict("the passwords were changed meanwhile")
		}
		out = Result{Step: p.Step}
	case StepDeliver:
		c, err := r.resume(st, p, &out)
		if err != nil {
			return out, err
		}
		r.report(fmt.Sprintf("A rotation was cut off: %s is in some sinks, and is delivered to the others.", p.Slot))
		err = r.deliver(ctx, c, st.where(func(h holding) bool { return h.slot != p.Slot }))
		return out, err
	}
	err = r.generate(ctx, st, p, &out)
	return out, err
}

// Finish removes the old password of a rotation with [Rotation.Later] if its grace is over
// and every sink still has the new one. If it is not over, RetireAfter says when; if there
// is nothing to be removed, the step is [StepNothing].
//
// A rotation that was cut off before that is an error with [acrkit.CodeIncomplete].
func (r *Rotation) Finish(ctx context.Context) (Result, error) {
	out := Result{Step: StepNothing}
	if err := r.check(false); err != nil {
		return out, err
	}
	st, err := r.inspect(ctx)
	if err != nil {
		return out, err
	}
	p, err := r.decide(st)
	if err != nil {
		return out, err
	}
	switch {
	case p.Step == StepGenerate && len(st.live) < 2:
		return out, nil
	case p.Step != StepRetire:
		e := r.fail(acrkit.CodeIncomplete, fmt.Sprintf("the last rotation was cut off, and not every sink has %s",
			p.Slot))
		e.Hint = r.hint(sentence.RotateAgain)
		return out, e
	}
	out.Step = StepRetire
	c, err := r.resume(st, p, &out)
	if err != nil {
		return out, err
	}
	c.rec.Retire = r.due(st, p)
	if r.Clock.Now().Before(c.rec.Retire) {
		out.RetireAfter = c.rec.Retire
		c.rec.Phase = PhaseDelivered
		r.save(ctx, c.rec)
		return out, nil
	}
	err = r.retire(ctx, c, c.rec.Retire)
	return out, err
}

// resume makes the current password of a rotation that was begun earlier.
func (r *Rotation) resume(st *state, p Plan, out *Result) (*current, error) {
	now, ok := st.password(p.Slot)
	if !ok {
		return nil, r.conflict("its passwords were changed meanwhile")
	}
	c := &current{Password: now, rec: st.rec, out: out}
	if !sameTime(st.rec.Created, now.Created) || st.rec.Slot != now.Slot {
		// The record is of another rotation. What it knows of passwords is still true.
		c.rec.Slot, c.rec.Created, c.rec.Retire, c.rec.Phase = now.Slot, now.Created, time.Time{}, PhaseDelivering
	}
	if old, ok := st.password(p.Old); ok {
		c.old = &old
	}
	for _, h := range st.holders(p.Slot) {
		if h.readable {
			c.value = h.held.Password
			c.rec.know(now, c.value)
			break
		}
	}
	for _, h := range st.holders(p.Slot) {
		out.Sinks = append(out.Sinks, Delivery{Sink: h.sink.String(), Verified: true})
	}
	out.Slot, out.Created, out.Expires = now.Slot, now.Created, now.Expires
	return c, nil
}

func (r *Rotation) conflict(reason string) error {
	e := r.fail(acrkit.CodeConflict, reason+": another rotation is at work")
	e.Hint = r.hint(sentence.RotateAgain)
	return e
}

// save writes the journal. A failure is reported and is no error: the journal only helps.
func (r *Rotation) save(ctx context.Context, rec Record) {
	if err := r.Journal.Save(ctx, rec); err != nil && ctx.Err() == nil {
		r.report("The journal cannot be written: " + err.Error())
	}
}

// generate makes a new password and delivers it to all sinks.
func (r *Rotation) generate(ctx context.Context, st *state, p Plan, out *Result) error {
	rec, err := r.adopt(ctx, st)
	if err != nil {
		return err
	}
	before, _ := st.token.Password(p.Slot)
	rec.Phase, rec.Slot, rec.Created, rec.Retire = PhaseGenerating, p.Slot, before.Created, time.Time{}
	r.save(ctx, rec)
	r.report(fmt.Sprintf("Generating %s, which no sink holds, until %s.", p.Slot, p.Expires.Format(time.RFC3339)))

	made, began, err := r.generateNow(ctx, st, p)
	if err != nil {
		return err
	}
	out.Slot, out.Expires = p.Slot, made.Expires
	c := &current{Password: made, value: made.Value, rec: rec, out: out}
	if old, ok := st.password(p.Old); ok {
		c.old = &old
	}
	c.rec.Phase, c.rec.Created = PhaseGenerated, made.Created
	c.rec.know(made, made.Value)
	r.save(ctx, c.rec)

	if err := r.activate(ctx, c, began); err != nil {
		return r.undo(ctx, c, err)
	}
	switch err := r.mine(ctx, c); {
	case errors.Is(err, acrkit.CodeConflict):
		return err // the slot is another rotation's
	case err != nil:
		return r.undo(ctx, c, err)
	}
	out.Created = c.Created
	return r.deliver(ctx, c, st.sinks)
}

// adopt writes down what is known of the sinks before it is too late: when both slots have a
// password, a login does not tell which one a sink holds.
func (r *Rotation) adopt(ctx context.Context, st *state) (Record, error) {
	rec := st.rec
	for _, h := range st.sinks {
		p, ok := st.password(h.slot)
		switch {
		case !ok:
		case !h.readable:
			rec.delivered(h.sink, p)
		default:
			rec.know(p, h.held.Password)
			if !h.held.Written.IsZero() && !sameTime(h.held.Written, p.Created) {
				if err := h.sink.Deliver(ctx, sink.Value{Registry: r.Registry, Token: r.Token, Created: p.Created,
					Password: h.held.Password}); err != nil {
					return rec, err
				}
			}
		}
	}
	return rec, nil
}

// generateNow generates the password if the token is as it was inspected. Nothing is
// changed later than changeWithin after that.
func (r *Rotation) generateNow(ctx context.Context, st *state, p Plan) (manage.Password, time.Time, error) {
	//rule:rotate-generate-within
	limited, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	now, err := r.Passwords.Token(limited, r.Token)
	if err != nil {
		return manage.Password{}, time.Time{}, r.tooLate(ctx, err)
	}
	//rule:rotate-unchanged
	if !slices.EqualFunc(now.Passwords, st.token.Passwords, func(a, b manage.Password) bool {
		return a.Slot == b.Slot && sameTime(a.Created, b.Created)
	}) {
		return manage.Password{}, time.Time{}, r.conflict("its passwords were changed while they were looked at")
	}
	began := r.Clock.Now()
	made, err := r.Passwords.GeneratePassword(limited, r.Token, p.Slot, p.Expires)
	if err != nil {
		switch acrkit.CodeOf(err) {
		case acrkit.CodeDenied, acrkit.CodeNotFound, acrkit.CodeCredentialRejected, acrkit.CodeUsage:
			return manage.Password{}, began, err // refused, and nothing was generated
		}
		err = r.tooLate(ctx, err)
		e := r.fail(acrkit.CodeOf(err), fmt.Sprintf("%s was perhaps generated, and is in no sink: %v", p.Slot, err))
		e.Errs, e.Hint = []error{err}, r.hint(sentence.RotateAgain)
		return manage.Password{}, began, e
	}
	return made, began, nil
}

// activate waits until the new password is accepted, and settle at least.
func (r *Rotation) activate(ctx context.Context, c *current, began time.Time) error {
	r.report(fmt.Sprintf("Waiting until %s is accepted.", c.Slot))
	inARow, last := 0, error(nil)
	for {
		ok, err := r.Login(ctx, c.value)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		age := r.Clock.Now().Sub(began)
		switch {
		case err != nil:
			last = err // it tells nothing of the password
		case ok:
			if inARow++; inARow == 1 {
				c.out.Activated = age
			}
		default:
			inARow, last = 0, nil
		}
		//rule:rotate-activate
		if inARow >= accepts && age >= settle {
			return nil
		}
		if age >= activation {
			e := r.fail(acrkit.CodeUnavailable, fmt.Sprintf("%s is not accepted %s after it was generated", c.Slot,
				age.Round(time.Second)))
			if last != nil {
				e.Errs, e.Reason = []error{last}, e.Reason+": "+last.Error()
			}
			return e
		}
		if err := r.Clock.Sleep(ctx, loginPause); err != nil {
			return err
		}
	}
}

// mine refuses if the new password is not the one in its slot, and reads its time as the
// service keeps it.
func (r *Rotation) mine(ctx context.Context, c *current) error {
	now, err := r.Passwords.Token(ctx, r.Token)
	if err != nil {
		return err
	}
	p, ok := now.Password(c.Slot)
	//rule:rotate-mine
	if !ok || p.Created.Sub(c.Created).Abs() >= time.Millisecond {
		return r.conflict(fmt.Sprintf("%s was changed after it was generated", c.Slot))
	}
	c.Created = p.Created
	c.rec.Created = p.Created
	if !c.value.IsZero() {
		c.rec.know(c.Password, c.value)
	}
	return nil
}

// undo removes a password that was delivered to no sink, so that none is left that works
// and is in no use. It is tried also after an interrupt.
func (r *Rotation) undo(ctx context.Context, c *current, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeWithin)
	defer cancel()
	if err := r.Passwords.RemovePassword(ctx, r.Token, c.Slot, c.Created); err != nil {
		return errors.Join(why, err)
	}
	c.rec.Phase = PhaseDone
	r.save(ctx, c.rec)
	r.report(fmt.Sprintf("%s was removed again: no sink has it.", c.Slot))
	return why
}

// deliver delivers the password to sinks, those that can be read back first, and verifies
// all; then the old password is removed.
func (r *Rotation) deliver(ctx context.Context, c *current, to []holding) error {
	v := sink.Value{Registry: r.Registry, Token: r.Token, Password: c.value, Created: c.Created}
	//rule:rotate-late
	if r.Clock.Now().Sub(c.Created) > lateAfter-settle {
		v.Created = time.Time{}
	}
	to = slices.Clone(to)
	slices.SortStableFunc(to, func(a, b holding) int {
		switch { // from one that can be read back, a rotation that is cut off takes the value again
		case a.readable == b.readable:
			return 0
		case a.readable:
			return -1
		}
		return 1
	})
	c.rec.Phase = PhaseDelivering
	for _, h := range to {
		c.rec.forget(h.sink)
	}
	r.save(ctx, c.rec)
	var failed []error
	unverified := 0
	for i, h := range to {
		switch {
		case ctx.Err() != nil && i == 0 && len(to) == len(r.Sinks):
			return r.undo(ctx, c, context.Cause(ctx))
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		r.report(fmt.Sprintf("Delivering to %s.", h.sink))
		d := Delivery{Sink: h.sink.String()}
		if d.Err = h.sink.Deliver(ctx, v); d.Err == nil {
			d.Err = h.sink.Verify(ctx, v)
		}
		switch {
		case errors.Is(d.Err, sink.ErrUnverifiable):
			d.Err = nil
			unverified++
		case d.Err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", h.sink, d.Err))
		default:
			d.Verified = true
			c.rec.delivered(h.sink, c.Password)
			r.save(ctx, c.rec)
		}
		c.out.Sinks = append(c.out.Sinks, d)
	}
	//rule:rotate-all-delivered
	if len(failed) > 0 {
		return r.undelivered(ctx, c, failed)
	}
	//rule:rotate-verified
	if unverified > 0 {
		e := r.fail(acrkit.CodeIncomplete,
			fmt.Sprintf("%s was delivered, and the old password is not removed: %d sinks "+
				"can be neither read back nor verified", c.Slot, unverified))
		e.Hint = sentence.Fix(sentence.ExplainSinks, nil)
		return e
	}
	c.rec.Phase, c.rec.Retire = PhaseDelivered, r.Clock.Now().Add(r.wait())
	r.save(ctx, c.rec)
	return r.retire(ctx, c, c.rec.Retire)
}

// undelivered is the error if sinks did not get the password. Where no sink has it, it is
// removed again.
func (r *Rotation) undelivered(ctx context.Context, c *current, failed []error) error {
	e := r.fail(acrkit.CodeIncomplete, errors.Join(failed...).Error()+"; the old password still works")
	e.Errs, e.Hint = failed, r.hint(sentence.RotateAgain)
	for _, s := range r.Sinks {
		held, err := s.Holds(ctx, sink.Value{Registry: r.Registry, Token: r.Token})
		//rule:rotate-undo
		if err != nil || held.Password.Equal(c.value) {
			return e // it has it, or may have it
		}
	}
	return r.undo(ctx, c, e)
}

// retire removes the old password when its time has come.
func (r *Rotation) retire(ctx context.Context, c *current, notBefore time.Time) error {
	if c.old == nil {
		c.rec.Phase = PhaseDone
		r.save(ctx, c.rec)
		return nil
	}
	c.rec.Phase, c.rec.Retire = PhaseDelivered, notBefore
	if left := notBefore.Sub(r.Clock.Now()); left > 0 {
		r.save(ctx, c.rec)
		if c.out.RetireAfter = notBefore; r.Later {
			return nil
		}
		r.report(fmt.Sprintf("Every sink has %s. %s is removed in %s, when no program uses it any more.", c.Slot,
			c.old.Slot, left.Round(time.Second)))
		if err := r.Clock.Sleep(ctx, left); err != nil {
			return err
		}
	}
	if err := r.still(ctx, c); err != nil {
		return err
	}
	r.report(fmt.Sprintf("Removing %s.", c.old.Slot))
	if err := r.removeNow(ctx, c); err != nil {
		return err
	}
	c.out.Retired, c.out.RetireAfter = c.old.Slot, time.Time{}
	c.rec.Phase = PhaseDone
	r.save(ctx, c.rec)
	return nil
}

// still checks that every sink has the new password, that it works, and that nothing has
// put the old one back meanwhile.
func (r *Rotation) still(ctx context.Context, c *current) error {
	v := sink.Value{Registry: r.Registry, Token: r.Token, Password: c.value, Created: c.Created}
	for _, s := range r.Sinks {
		held, err := s.Holds(ctx, v)
		switch {
		case errors.Is(err, sink.ErrUnreadable):
			err = nil
			//rule:rotate-still-recorded
			if !slices.ContainsFunc(c.rec.Sinks, func(d Delivered) bool {
				return d.Sink == s.String() && d.Slot == c.Slot && sameTime(d.Created, c.Created)
			}) {
				err = sink.ErrUnverifiable
			}
		//rule:rotate-still
		case err == nil && (c.value.IsZero() || !held.Password.Equal(c.value)):
			err = errors.New("it holds another password now")
		}
		if err != nil {
			e := r.fail(acrkit.CodeIncomplete, fmt.Sprintf("%s is not removed: %s: %v", c.old.Slot, s, err))
			e.Errs, e.Hint = []error{err}, r.hint(sentence.RotateAgain)
			return e
		}
	}
	if c.value.IsZero() {
		return nil // every sink was verified when it got the password
	}
	ok, err := r.accepted(ctx, c.value)
	if err != nil {
		return err
	}
	if !ok {
		return r.fail(acrkit.CodeIncomplete, fmt.Sprintf("%s is not removed: %s is not accepted any more",
			c.old.Slot, c.Slot))
	}
	return nil
}

// removeNow removes the old password if both passwords are those that are meant, and does
// so within changeWithin.
func (r *Rotation) removeNow(ctx context.Context, c *current) error {
	//rule:rotate-remove-within
	limited, cancel := context.WithTimeout(ctx, changeWithin)
	defer cancel()
	if err := r.mine(limited, c); err != nil {
		return r.tooLate(ctx, err)
	}
	return r.tooLate(ctx, r.Passwords.RemovePassword(limited, r.Token, c.old.Slot, c.old.Created))
}

// tooLate is the error of a change that was not made within changeWithin.
func (r *Rotation) tooLate(ctx context.Context, err error) error {
	if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := r.fail(acrkit.CodeUnavailable,
		fmt.Sprintf("Azure Resource Manager did not answer within %s, and a later answer "+
			"could undo what another rotation has done", changeWithin))
	e.Hint = r.hint(sentence.RotateAgain)
	return e
}
