package rotate

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/manage"
)

// file is a sink as a file is one, and helper one that keeps no time.
func file(value string) *place {
	return &place{value: value, readable: true, marked: true, written: time.Now().Add(-time.Hour)}
}

func helper(value string) *place { return &place{value: value, readable: true} }

// situation is a token and its sinks before a rotation.
type situation struct {
	name string
	make func(w *world, rec *Record)
	// ask says that the operator must name a slot after some crashes without a journal, or
	// with one.
	askLost, ask bool
	replace      bool
}

var situations = []situation{
	{name: "one password in a file", make: func(w *world, _ *Record) {
		w.places["file"] = file(w.put(manage.Slot1, 48*time.Hour, 0))
	}},
	{name: "one password in three files", make: func(w *world, _ *Record) {
		v := w.put(manage.Slot2, 48*time.Hour, time.Hour*24*9)
		w.places["a"], w.places["b"], w.places["c"] = file(v), file(v), file(v)
	}},
	{name: "a file and a helper", askLost: true, make: func(w *world, _ *Record) {
		v := w.put(manage.Slot1, 48*time.Hour, 0)
		w.places["file"], w.places["helper"] = file(v), helper(v)
	}},
	{name: "a file and a command that verifies", askLost: true, ask: true, make: func(w *world, _ *Record) {
		v := w.put(manage.Slot1, 48*time.Hour, 0)
		w.places["file"], w.places["exec"] = file(v), &place{value: v, checkable: true}
	}},
	{name: "a command that verifies", askLost: true, ask: true, make: func(w *world, _ *Record) {
		w.places["exec"] = &place{value: w.put(manage.Slot1, 48*time.Hour, 0), checkable: true}
	}},
	{name: "no password yet", make: func(w *world, _ *Record) {
		w.places["file"], w.places["other"] = file(""), file("")
	}},
	{name: "an empty sink beside one in use", make: func(w *world, _ *Record) {
		w.places["file"], w.places["new"] = file(w.put(manage.Slot1, 48*time.Hour, 0)), file("")
	}},
	{name: "expired", replace: true, make: func(w *world, _ *Record) {
		w.places["file"] = file(w.put(manage.Slot1, 48*time.Hour, -time.Hour))
		w.put(manage.Slot2, 24*time.Hour, -time.Hour)
	}},
	{name: "two passwords, the older in the file", make: func(w *world, rec *Record) {
		v := w.put(manage.Slot1, 48*time.Hour, 0)
		w.put(manage.Slot2, 24*time.Hour, 0)
		w.places["file"] = file(v)
		w.places["file"].written = w.slots[manage.Slot1].Created
	}},
	{name: "an old rotation without its end", make: func(w *world, rec *Record) {
		w.put(manage.Slot1, 480*time.Hour, 0)
		w.places["file"] = file(w.put(manage.Slot2, 240*time.Hour, 0))
		w.places["file"].written = w.slots[manage.Slot2].Created
		*rec = Record{Phase: PhaseDelivered, Slot: manage.Slot2, Created: w.slots[manage.Slot2].Created,
			Retire: time.Now().Add(-200 * time.Hour)}
	}},
	{name: "an old password in a helper, the new one in a file", askLost: true, make: func(w *world, _ *Record) {
		w.places["helper"] = helper(w.put(manage.Slot1, 480*time.Hour, 0))
		w.places["file"] = file(w.put(manage.Slot2, 240*time.Hour, 0))
		w.places["file"].written = w.slots[manage.Slot2].Created
	}},
	{name: "sinks that disagree", make: func(w *world, _ *Record) {
		w.places["a"] = file(w.put(manage.Slot1, 480*time.Hour, 0))
		w.places["b"] = file(w.put(manage.Slot2, 240*time.Hour, 0))
		w.places["a"].written, w.places["b"].written = w.slots[manage.Slot1].Created, w.slots[manage.Slot2].Created
	}},
}

// free returns the slot whose password no sink holds, as an operator finds it out.
func (w *world) free() (manage.Slot, bool) {
	for _, slot := range []manage.Slot{manage.Slot1, manage.Slot2} {
		held := false
		for _, p := range w.places {
			held = held || w.slots[slot] != nil && p.value == w.slots[slot].value
		}
		if !held {
			return slot, true
		}
	}
	return "", false
}

// again reruns until a rotation is complete, as an operator does, and returns whether a
// slot had to be named.
func (w *world) again(rec *Record, lose, loseMore, later bool, change func(*process, *Rotation)) (asked bool) {
	w.t.Helper()
	slot := manage.Slot("")
	for try := 0; ; try++ {
		if try == 20 {
			w.t.Fatal("it is not complete after 20 runs")
		}
		if lose {
			*rec = Record{}
		}
		time.Sleep(time.Minute)
		r, _ := w.rotation("the rerun", rec, change)
		r.Later, r.Slot = later, slot
		slot = ""
		out, err := r.Run(w.t.Context())
		if err == nil && !out.RetireAfter.IsZero() {
			if loseMore {
				*rec = Record{}
			}
			time.Sleep(time.Until(out.RetireAfter) - time.Second)
			if r, _ = w.rotation("the finish", rec, change); later {
				if out, err = r.Finish(w.t.Context()); err != nil || out.Retired != "" {
					w.t.Fatalf("a finish before its time: %+v, %v", out, err)
				}
			}
			if loseMore { // without a record the time is counted again
				*rec = Record{}
				time.Sleep(49 * time.Hour)
			}
			time.Sleep(time.Second)
			for range 2 { // it is for cron
				r, _ = w.rotation("the finish", rec, change)
				if _, err = r.Finish(w.t.Context()); err != nil {
					w.t.Fatalf("finish: %v", err)
				}
			}
		}
		switch {
		case err == nil:
			return asked
		case errors.Is(err, acrkit.CodeConflict), errors.Is(err, acrkit.CodeUnavailable):
			time.Sleep(recent)
		case errors.Is(err, acrkit.CodeIncomplete):
			var ok bool
			if slot, ok = w.free(); !ok {
				w.t.Fatalf("both slots are held, and no rerun can go on: %v", err)
			}
			time.Sleep(cache + margin) // what the operator must know of the sinks' programs
			asked = true
		default:
			w.t.Fatalf("the rerun failed: %v", err)
		}
	}
}

// A process that is killed at any step, before or after the step's effect, leaves no outage
// behind, and the rerun completes the rotation, with the journal and without it.
func TestCrash(t *testing.T) {
	for _, s := range situations {
		for _, lose := range []bool{false, true} {
			for _, later := range []bool{false, true} {
				name := fmt.Sprintf("%s/lost=%t/later=%t", s.name, lose, later)
				t.Run(name, func(t *testing.T) {
					steps := 0
					for crash := 1; !t.Failed(); crash++ {
						done := false
						for _, effect := range []bool{false, true} {
							t.Run(fmt.Sprintf("step %d %t", crash, effect), func(t *testing.T) {
								synctest.Test(t, func(t *testing.T) {
									done = s.run(t, crash, effect, lose, later)
								})
							})
						}
						if done {
							steps = crash
							break
						}
					}
					t.Logf("%d steps", steps)
				})
			}
		}
	}
}

// run is one rotation that is killed at a step; done says that it had not so many.
func (s situation) run(t *testing.T, crash int, effect, lose, later bool) (done bool) {
	w, rec := newWorld(t), &Record{}
	time.Sleep(1000 * time.Hour)
	s.make(w, rec)
	w.start()
	change := func(_ *process, r *Rotation) { r.Replace = s.replace }
	r, p := w.rotation("the first run", rec, change)
	r.Later = later
	p.crash, p.effect = crash, effect
	out, err := r.Run(t.Context())
	if !p.dead {
		if err != nil {
			t.Fatalf("without a crash: %v", err)
		}
		if later && !out.RetireAfter.IsZero() {
			time.Sleep(time.Until(out.RetireAfter))
			r, _ := w.rotation("the finish", rec, change)
			if out, err = r.Finish(t.Context()); err != nil || out.Retired == "" {
				t.Fatalf("finish: %+v, %v", out, err)
			}
		}
		w.complete()
		return true
	}
	if !errors.Is(err, errCrash) && effect == false {
		// It may end without an error only where the step was its last.
		if err != nil {
			t.Fatalf("another error than the crash's: %v", err)
		}
	}
	asked := w.again(rec, lose, lose && !s.askLost, later, change)
	if allowed := s.ask || lose && s.askLost; asked && !allowed {
		t.Error("the operator had to name a slot")
	}
	w.complete()
	return false
}
