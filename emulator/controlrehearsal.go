package emulator

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/service"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/wording"
)

// The operations of the control API, each over the method of [Emulator] or
// [Registry] of the same name. Their JSON is described in openapi.yaml.

func (e *Emulator) controlClock(w http.ResponseWriter, _ *http.Request) error {
	s := e.clock.State()
	answer.JSON(w, http.StatusOK, control.Clock{Now: s.Now, Frozen: s.Frozen, Offset: s.Offset.String()})
	return nil
}

func (e *Emulator) controlSetClock(w http.ResponseWriter, r *http.Request) error {
	var in control.ClockChange
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.Now != nil {
		if err := e.clock.Set(*in.Now); err != nil {
			return err
		}
	}
	if in.Frozen != nil && *in.Frozen {
		e.clock.Freeze()
	} else if in.Frozen != nil {
		e.clock.Resume()
	}
	return e.controlClock(w, r)
}

func (e *Emulator) controlAdvanceClock(w http.ResponseWriter, r *http.Request) error {
	var in control.Advance
	if err := readJSON(r, &in); err != nil {
		return err
	}
	d, err := readDuration("by", in.By)
	if err != nil {
		return err
	}
	if in.By == "" {
		return badControl("by is missing")
	}
	if err := e.clock.Advance(d); err != nil {
		return err
	}
	return e.controlClock(w, r)
}

func (e *Emulator) controlResetClock(w http.ResponseWriter, r *http.Request) error {
	e.clock.Reset()
	return e.controlClock(w, r)
}

func (e *Emulator) controlLifetimes(w http.ResponseWriter, _ *http.Request) error {
	l := e.Lifetimes()
	answer.JSON(w, http.StatusOK, control.Lifetimes{
		Access:  cmp.Or(l.Access, service.AccessLife).String(),
		Refresh: cmp.Or(l.Refresh, service.RefreshLife).String(),
		Entra:   cmp.Or(l.Entra, time.Hour).String(),
	})
	return nil
}

func (e *Emulator) controlSetLifetimes(w http.ResponseWriter, r *http.Request) error {
	var in control.Lifetimes
	if err := readJSON(r, &in); err != nil {
		return err
	}
	var l seed.Lifetimes
	for _, x := range []struct {
		name, text string
		to         *time.Duration
	}{{"access", in.Access, &l.Access}, {"refresh", in.Refresh, &l.Refresh}, {"entra", in.Entra, &l.Entra}} {
		var err error
		if *x.to, err = readDuration(x.name, x.text); err != nil {
			return err
		}
	}
	if err := e.SetLifetimes(r.Context(), l); err != nil {
		return err
	}
	return e.controlLifetimes(w, r)
}

func (e *Emulator) controlRateLimits(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, control.RateLimits{Enabled: e.RateLimits()})
	return nil
}

func (e *Emulator) controlSetRateLimits(w http.ResponseWriter, r *http.Request) error {
	var in control.RateLimits
	if err := readJSON(r, &in); err != nil {
		return err
	}
	e.SetRateLimits(in.Enabled)
	return e.controlRateLimits(w, r)
}

func faultJSON(f fault.Fault) control.Fault {
	return control.Fault{ID: f.ID, Seen: f.Seen, Hits: f.Hits, NewFault: control.NewFault{
		Kind: f.Kind, Routes: append([]fault.Route{}, f.Routes...), Registry: f.Registry, Principal: f.Principal,
		Rate: f.Rate, Seed: f.Seed,
		Count: f.Count, Status: f.Status, RetryAfter: int64(f.RetryAfter / time.Second), AfterBytes: f.AfterBytes,
		BytesPerSecond: f.BytesPerSecond, Delay: int64(f.Delay / time.Second),
	}}
}

func (e *Emulator) controlFaults(w http.ResponseWriter, _ *http.Request) error {
	out := control.FaultList{Faults: []control.Fault{}}
	for _, f := range e.Faults() {
		out.Faults = append(out.Faults, faultJSON(f))
	}
	answer.JSON(w, http.StatusOK, out)
	return nil
}

func (e *Emulator) controlAddFault(w http.ResponseWriter, r *http.Request) error {
	var in control.NewFault
	if err := readJSON(r, &in); err != nil {
		return err
	}
	for _, x := range []struct { // before they are counted in nanoseconds
		name  string
		given int64
		most  time.Duration
	}{{"retryAfter", in.RetryAfter, fault.MaxRetryAfter}, {"delay", in.Delay, fault.MaxDelay}} {
		if most := int64(x.most / time.Second); x.given < 0 || x.given > most {
			return badControl("%s is not between 0 and %d seconds", x.name, most)
		}
	}
	f, err := e.AddFault(fault.Fault{Kind: in.Kind, Routes: in.Routes, Registry: in.Registry, Principal: in.Principal,
		Rate: in.Rate, Seed: in.Seed, Count: in.Count, Status: in.Status, AfterBytes: in.AfterBytes,
		RetryAfter: time.Duration(in.RetryAfter) * time.Second, BytesPerSecond: in.BytesPerSecond,
		Delay: time.Duration(in.Delay) * time.Second})
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, faultJSON(f))
	return nil
}

func (e *Emulator) controlRemoveFaults(w http.ResponseWriter, _ *http.Request) error {
	e.RemoveFaults()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (e *Emulator) controlRemoveFault(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return badControl("%s is no number of a fault", wording.Quote(r.PathValue("id")))
	}
	return noContent(w, e.RemoveFault(id))
}

// noContent answers 204 if nothing failed.
func noContent(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (e *Emulator) controlSnapshots(w http.ResponseWriter, r *http.Request) error {
	all, err := e.Snapshots(r.Context())
	if err != nil {
		return err
	}
	out := control.SnapshotList{Snapshots: []control.Snapshot{}}
	for _, s := range all {
		out.Snapshots = append(out.Snapshots, control.Snapshot(s))
	}
	answer.JSON(w, http.StatusOK, out)
	return nil
}

func (e *Emulator) controlTakeSnapshot(w http.ResponseWriter, r *http.Request) error {
	var in control.NewSnapshot
	if err := readJSON(r, &in); err != nil {
		return err
	}
	s, err := e.TakeSnapshot(r.Context(), in.Name)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, control.Snapshot(s))
	return nil
}

func (e *Emulator) controlDeleteSnapshot(w http.ResponseWriter, r *http.Request) error {
	return noContent(w, e.DeleteSnapshot(r.Context(), r.PathValue("name")))
}

func (e *Emulator) controlReset(w http.ResponseWriter, r *http.Request) error {
	var in control.Reset
	if err := readJSON(r, &in); err != nil {
		return err
	}
	return noContent(w, e.Reset(r.Context(), in.Snapshot))
}

// exportComment begins the file of an export.
const exportComment = `What an emulator held. Passwords and client secrets are not in it: comments say where they
were. A token logs in once it has one here again, with value or valueFrom.
`

// controlSeed answers with what the emulator holds as a seed file.
func (e *Emulator) controlSeed(w http.ResponseWriter, r *http.Request) error {
	s, leftOut, err := e.Export(r.Context())
	if err != nil {
		return err
	}
	comment := exportComment
	if leftOut != nil {
		comment += "\n" + strings.Join(leftOut, "\n") + "\n"
	}
	var b strings.Builder
	if err := seed.Write(&b, s, comment); err != nil {
		return err
	}
	answer.JSON(w, http.StatusOK, control.Seed{Seed: b.String()})
	return nil
}
