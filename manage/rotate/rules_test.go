package rotate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/manage"
)

// try runs one rotation in a world and returns what came of it.
func try(t *testing.T, prepare func(w *world, p *process, r *Rotation), then func(w *world, out Result, err error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(1000 * time.Hour)
		w := newWorld(t)
		v := w.put(manage.Slot1, 48*time.Hour, 0)
		w.places["file"], w.places["other"] = file(v), file(v)
		r, p := w.rotation("the machine", &Record{}, nil)
		prepare(w, p, r)
		w.start()
		out, err := r.Run(t.Context())
		for _, g := range w.slots {
			if text := fmt.Sprintf("%+v %v %#v", out, err, *p.journal); strings.Contains(text, g.value) {
				t.Errorf("a value is shown: %s", text)
			}
			if data, err := json.Marshal(p.journal); err != nil || strings.Contains(string(data), g.value) {
				t.Errorf("a value is in the journal: %s, %v", data, err)
			}
		}
		then(w, out, err)
	})
}

// What can be seen to be wrong is refused before anything is changed.
func TestRefused(t *testing.T) {
	const least = cache + margin
	for name, tc := range map[string]struct {
		make func(w *world, r *Rotation)
		want string // "" = it is not refused
		code acrkit.Code
	}{
		"as it is": {func(*world, *Rotation) {}, "", ""},
		"no sink":  {func(_ *world, r *Rotation) { r.Sinks = nil }, "no sink", acrkit.CodeUsage},
		"a sink twice": {func(_ *world, r *Rotation) { r.Sinks = append(r.Sinks, r.Sinks[0]) }, "twice",
			acrkit.CodeUsage},
		"a slot": {func(_ *world, r *Rotation) { r.Slot = "password3" }, "password1", acrkit.CodeUsage},
		"the held slot": {func(_ *world, r *Rotation) { r.Slot = manage.Slot1 }, "is held by file, other",
			acrkit.CodeUsage},
		"the free slot":   {func(_ *world, r *Rotation) { r.Slot = manage.Slot2 }, "", ""},
		"the least grace": {func(_ *world, r *Rotation) { r.Grace = least }, "", ""},
		"a short grace": {func(_ *world, r *Rotation) { r.Grace = least - 1 }, "the grace is shorter",
			acrkit.CodeUsage},
		"an early end": {func(_ *world, r *Rotation) { r.Expires = r.Next + least }, "would expire",
			acrkit.CodeUsage},
		"the earliest end": {func(_ *world, r *Rotation) { r.Expires = r.Next + least + 1 }, "", ""},
		"a disabled token": {func(w *world, _ *Rotation) { w.disabled = true }, "disabled", acrkit.CodeUsage},
		"another's content": {func(w *world, _ *Rotation) { w.places["other"] = file("stale") }, "does not accept",
			acrkit.CodeUsage},
		"replaced": {func(w *world, r *Rotation) {
			w.places["other"], r.Replace = file("stale"), true
		}, "", ""},
		"two equally old ones": {func(w *world, _ *Rotation) {
			w.put(manage.Slot2, 48*time.Hour, 0)
			w.places["file"].written = w.slots[manage.Slot1].Created
		}, "may hold password1 or password2", acrkit.CodeIncomplete},
		"nothing read, and maybe hidden": {func(w *world, _ *Rotation) {
			w.places["file"].written = w.slots[manage.Slot1].Created
			w.places["other"] = &place{value: w.put(manage.Slot2, 24*time.Hour, 0), readable: true, silent: true}
		}, "other may hold password1 or password2", acrkit.CodeIncomplete},
		"two unused ones": {func(w *world, r *Rotation) {
			w.put(manage.Slot2, 24*time.Hour, 0)
			w.places["file"], w.places["other"] = file(""), file("")
		}, "another program may use either", acrkit.CodeIncomplete},
		"a young one of another": {func(w *world, _ *Rotation) {
			w.places["file"].written, w.places["other"].written = w.slots[manage.Slot1].Created,
				w.slots[manage.Slot1].Created
			w.put(manage.Slot2, 15*time.Minute-time.Millisecond, 0)
		}, "another rotation may be at work", acrkit.CodeConflict},
		"an older one of another": {func(w *world, _ *Rotation) {
			w.places["file"].written, w.places["other"].written = w.slots[manage.Slot1].Created,
				w.slots[manage.Slot1].Created
			w.put(manage.Slot2, 15*time.Minute+time.Second, 0)
		}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := 0
			try(t, func(w *world, _ *process, r *Rotation) { tc.make(w, r); before = w.count }, func(w *world,
				out Result, err error) {
				if acrkit.CodeOf(err) != tc.code || tc.code != "" && !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("got %v", err)
				}
				if tc.code == "" {
					w.complete()
				} else if w.count != before || out.Slot != "" {
					t.Errorf("something was generated: %+v", out)
				}
			})
		})
	}
}

// The old password stays unless every sink has the new one, and is known to.
func TestNotRetired(t *testing.T) {
	for name, tc := range map[string]struct {
		make  func(w *world)
		works int
		want  string
	}{
		"one fails": {func(w *world) { w.places["other"].broken = true }, 2, "other: delivery failed"},
		"both fail": {func(w *world) { w.places["file"].broken, w.places["other"].broken = true, true }, 1,
			"the old password still works"},
		"unverified": {func(w *world) { w.places["other"].readable = false }, 2, "1 sinks can be neither"},
	} {
		t.Run(name, func(t *testing.T) {
			try(t, func(w *world, _ *process, r *Rotation) {
				for _, p := range w.places {
					p.written = w.slots[manage.Slot1].Created // nothing is written before the password is generated
				}
				tc.make(w)
			}, func(w *world, out Result, err error) {
				if acrkit.CodeOf(err) != acrkit.CodeIncomplete || !strings.Contains(err.Error(), tc.want) ||
					acrkit.HintOf(err) == "" {
					t.Errorf("got %v", err)
				}
				if len(w.slots) != tc.works || w.slots[manage.Slot1] == nil || len(out.Sinks) != 2 {
					t.Errorf("%d passwords work: %+v", len(w.slots), out)
				}
			})
		})
	}
}

// A sink that something else writes during the wait keeps the old password alive.
func TestPutBack(t *testing.T) {
	try(t, func(w *world, p *process, _ *Rotation) {
		old := w.slots[manage.Slot1].value
		p.hook = func(int) {
			if p.journal.Phase == PhaseDelivered {
				w.places["other"].value = old
			}
		}
	}, func(w *world, _ Result, err error) {
		if acrkit.CodeOf(err) != acrkit.CodeIncomplete || !strings.Contains(err.Error(),
			"it holds another password now") ||
			len(w.slots) != 2 {
			t.Errorf("%v, %d passwords", err, len(w.slots))
		}
	})
}

// A new password is delivered when it is accepted and no earlier, and is removed again if it
// is not accepted in time, or if the user interrupts.
func TestActivation(t *testing.T) {
	for _, delay := range []time.Duration{0, 60 * time.Second, 9*time.Minute + 50*time.Second,
		10*time.Minute + 10*time.Second} {
		t.Run(fmt.Sprint(delay), func(t *testing.T) {
			try(t, func(w *world, _ *process, _ *Rotation) { w.delay = delay }, func(w *world, out Result, err error) {
				if delay > 10*time.Minute {
					if acrkit.CodeOf(err) != acrkit.CodeUnavailable || len(w.slots) != 1 ||
						w.slots[manage.Slot1] == nil {
						t.Errorf("%v, %d passwords", err, len(w.slots))
					}
					return
				}
				if err != nil || out.Activated < delay || out.Activated > delay+loginPause {
					t.Errorf("%s, %v", out.Activated, err)
				}
				w.complete()
			})
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.places["file"] = file(w.put(manage.Slot1, 48*time.Hour, 0))
			w.start()
			r, _ := w.rotation("the machine", &Record{}, nil)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(10*time.Second, cancel)
			if _, err := r.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			w.complete()
		})
	})
	t.Run("replicas", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.places["file"] = file(w.put(manage.Slot1, 48*time.Hour, 0))
			w.delay = 0
			r, p := w.rotation("the machine", &Record{}, nil)
			logins := 0
			r.Login = func(ctx context.Context, v redact.Secret) (bool, error) {
				if v.Reveal() == w.slots[manage.Slot1].value {
					return true, nil
				}
				if logins++; p.journal.Phase == PhaseGenerated {
					return logins%3 != 0 || logins > 100, nil // one of the replicas does not know it
				}
				return true, nil
			}
			out, err := r.Run(t.Context())
			if err != nil || logins < 100 {
				t.Errorf("after %d logins: %+v, %v", logins, out, err)
			}
		})
	})
}

// Settings for a rotation under load: nothing is delivered earlier than settle.
func TestSettle(t *testing.T) {
	if settle <= changeWithin || recent <= activation {
		t.Errorf("%s %s %s %s", settle, changeWithin, recent, activation)
	}
	try(t, func(w *world, p *process, _ *Rotation) {
		w.delay = 0
		p.hook = func(int) {
			if p.journal.Phase == PhaseDelivering && time.Since(w.slots[manage.Slot2].Created) < settle {
				t.Errorf("delivered %s after it was generated", time.Since(w.slots[manage.Slot2].Created))
			}
		}
	}, func(w *world, _ Result, err error) {
		if err != nil {
			t.Error(err)
		}
	})
}

// The journal is only a help: one that cannot be read or written is reported.
func TestNoJournal(t *testing.T) {
	var said []string
	try(t, func(w *world, p *process, r *Rotation) {
		r.Report = func(line string) { said = append(said, line) }
	}, func(w *world, _ Result, err error) {
		if err != nil {
			t.Error(err)
		}
		w.complete()
	})
	said = nil
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.places["file"] = file(w.put(manage.Slot1, 48*time.Hour, 0))
		w.start()
		r, _ := w.rotation("the machine", nil, nil)
		r.Report = func(line string) { said = append(said, line) }
		if _, err := r.Run(t.Context()); err != nil || !strings.Contains(strings.Join(said, "\n"),
			"cannot be written") {
			t.Errorf("%v, said %q", err, said)
		}
		w.complete()
	})
}

// A password that was just replaced is still accepted for a while, and is not taken for
// that of the other slot.
func TestYoungReplaced(t *testing.T) {
	for _, age := range []time.Duration{activation - time.Second, activation + time.Second} {
		t.Run(fmt.Sprint(age), func(t *testing.T) {
			try(t, func(w *world, p *process, _ *Rotation) {
				newer := w.put(manage.Slot2, age, 0)
				w.places["file"].written = w.slots[manage.Slot1].Created
				w.places["other"] = helper(newer)
			}, func(w *world, out Result, err error) {
				young := age < activation
				if young != (acrkit.CodeOf(err) == acrkit.CodeUnavailable) || !young && (err != nil ||
					out.Step != StepDeliver) {
					t.Errorf("%+v, %v", out, err)
				}
			})
		})
	}
}

// A sink that cannot be read back counts as it was verified, and no longer if that is not
// recorded.
func TestStillRecorded(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(1000 * time.Hour)
			w, rec := newWorld(t), &Record{}
			w.places["exec"] = &place{value: w.put(manage.Slot1, 48*time.Hour, 0), checkable: true}
			w.start()
			r, _ := w.rotation("the machine", rec, func(p *process, r *Rotation) {
				r.Later = true
				r.Slot = manage.Slot2
			})
			out, err := r.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(out.RetireAfter))
			if lost {
				rec.Sinks = nil
			}
			c := &current{Password: w.slots[manage.Slot2].Password, old: &w.slots[manage.Slot1].Password, rec: *rec,
				out: &out}
			err = r.still(t.Context(), c)
			if lost != (acrkit.CodeOf(err) == acrkit.CodeIncomplete) || !lost && err != nil {
				t.Errorf("lost %t: %v", lost, err)
			}
		})
	}
}
