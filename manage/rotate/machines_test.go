package rotate

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/manage"
)

// A second machine rotates the same token while the first is between any two of its steps,
// whole or killed at a step of its own. Neither ends a password that a sink holds, and the
// next rotation is complete.
func TestTwoMachines(t *testing.T) {
	for _, s := range situations {
		if s.ask {
			continue // the other machine has no record of a sink that cannot be read
		}
		t.Run(s.name, func(t *testing.T) {
			conflicts := 0
			for at := 1; !t.Failed(); at++ {
				reached := false
				for _, kill := range []int{0, 3, 6, 7, 8, 9, 12, 20, 40} {
					synctest.Test(t, func(t *testing.T) {
						var conflict bool
						reached, conflict = s.interrupted(t, at, kill)
						if conflict {
							conflicts++
						}
					})
				}
				if !reached {
					break
				}
			}
			if conflicts == 0 {
				t.Error("no conflict was ever told")
			}
		})
	}
}

func (s situation) interrupted(t *testing.T, at, kill int) (reached, conflict bool) {
	w, rec, other := newWorld(t), &Record{}, &Record{}
	time.Sleep(1000 * time.Hour)
	s.make(w, rec)
	w.start()
	told := func(err error) {
		switch {
		case err == nil, errors.Is(err, errCrash), errors.Is(err, acrkit.CodeUnavailable):
		case errors.Is(err, acrkit.CodeConflict), errors.Is(err, acrkit.CodeIncomplete):
			conflict = true
		default:
			t.Fatalf("step %d, killed %d: another error: %v", at, kill, err)
		}
	}
	change := func(_ *process, r *Rotation) { r.Replace = s.replace }
	r, _ := w.rotation("the first machine", rec, func(p *process, r *Rotation) {
		change(p, r)
		p.hook = func(step int) {
			if step != at {
				return
			}
			reached = true
			second, q := w.rotation("the second machine", other, change)
			q.crash = kill
			_, err := second.Run(t.Context())
			told(err)
		}
	})
	_, err := r.Run(t.Context())
	told(err)
	w.again(rec, false, false, false, change)
	w.complete()
	return reached, conflict
}

// What a rotation that saw the token before may still do is told by the time that it may
// take: an answer that comes late is not used.
func TestLateChange(t *testing.T) {
	for _, late := range []time.Duration{29 * time.Second, 31 * time.Second} {
		t.Run(fmt.Sprint(late), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, rec := newWorld(t), &Record{}
				w.places["file"] = file(w.put(manage.Slot1, 48*time.Hour, 0))
				w.start()
				r, _ := w.rotation("the machine", rec, func(p *process, _ *Rotation) {
					p.hook = func(int) {
						if rec.Phase == PhaseGenerating && w.count == 1 {
							time.Sleep(late / 2) // before the look and before the change
						}
					}
				})
				_, err := r.Run(t.Context())
				if want := late > 30*time.Second; want != (w.count == 1) || want != errors.Is(err,
					acrkit.CodeUnavailable) {
					t.Errorf("%d passwords, %v", w.count, err)
				}
			})
		})
	}
}

// The removal of the old password is not made later than changeWithin after the look at it.
func TestLateRemoval(t *testing.T) {
	for _, late := range []time.Duration{29 * time.Second, 31 * time.Second} {
		t.Run(fmt.Sprint(late), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, rec := newWorld(t), &Record{}
				w.places["file"] = file(w.put(manage.Slot1, 48*time.Hour, 0))
				w.start()
				removing, calls := false, 0
				r, _ := w.rotation("the machine", rec, func(p *process, r *Rotation) {
					r.Report = func(line string) { removing = removing || strings.HasPrefix(line, "Removing") }
					p.hook = func(int) {
						if calls++; removing && len(w.slots) == 2 {
							time.Sleep(late / 2)
						}
					}
				})
				_, err := r.Run(t.Context())
				if want := late > 30*time.Second; want != (len(w.slots) == 2) || want != errors.Is(err,
					acrkit.CodeUnavailable) {
					t.Errorf("%d passwords, %v", len(w.slots), err)
				}
			})
		})
	}
}

// A password that another machine has replaced after it was generated is delivered nowhere.
func TestReplacedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, rec := newWorld(t), &Record{}
		w.delay = 0
		w.places["file"] = file(w.put(manage.Slot1, 48*time.Hour, 0))
		w.start()
		late := 0
		r, _ := w.rotation("the machine", rec, func(p *process, _ *Rotation) {
			p.hook = func(int) {
				if rec.Phase == PhaseGenerated && time.Since(rec.Created) >= settle {
					if late++; late == 2 { // after the last login, before the look
						w.put(manage.Slot2, 0, 0)
					}
				}
			}
		})
		_, err := r.Run(t.Context())
		if !errors.Is(err, acrkit.CodeConflict) || len(w.slots) != 2 {
			t.Errorf("%v, %d passwords", err, len(w.slots))
		}
	})
}
