package emulator

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/seed"
)

// The operations of the control API, each over the method of [Emulator] or
// [Registry] of the same name. Their JSON is described in openapi.yaml.

type controlClock struct {
	Now    time.Time `json:"now"`
	Frozen bool      `json:"frozen"`
	Offset string    `json:"offset"`
}

func (e *Emulator) controlClock(w http.ResponseWriter, _ *http.Request) error {
	s := e.clock.State()
	answer.JSON(w, http.StatusOK, controlClock{s.Now, s.Frozen, s.Offset.String()})
	return nil
}

func (e *Emulator) controlSetClock(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Now    *time.Time `json:"now"`
		Frozen *bool      `json:"frozen"`
	}
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
	var in struct {
		By string `json:"by"`
	}
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

type controlLifetimes struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh"`
	Entra   string `json:"entra"`
}

func (e *Emulator) controlLifetimes(w http.ResponseWriter, _ *http.Request) error {
	l := e.Lifetimes()
	answer.JSON(w, http.StatusOK, controlLifetimes{cmp.Or(l.Access, principal.AccessLife).String(), cmp.Or(l.Refresh, principal.RefreshLife).String(), cmp.Or(l.Entra, time.Hour).String()})
	return nil
}

func (e *Emulator) controlSetLifetimes(w http.ResponseWriter, r *http.Request) error {
	var in controlLifetimes
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

type controlEnabled struct {
	Enabled bool `json:"enabled"`
}

func (e *Emulator) controlRateLimits(w http.ResponseWriter, _ *http.Request) error {
	answer.JSON(w, http.StatusOK, controlEnabled{e.RateLimits()})
	return nil
}

func (e *Emulator) controlSetRateLimits(w http.ResponseWriter, r *http.Request) error {
	var in controlEnabled
	if err := readJSON(r, &in); err != nil {
		return err
	}
	e.SetRateLimits(in.Enabled)
	return e.controlRateLimits(w, r)
}

// controlFault is a [fault.Fault] as JSON; what is zero may be left out.
type controlFault struct {
	ID             int64         `json:"id"`
	Kind           fault.Kind    `json:"kind"`
	Routes         []fault.Route `json:"routes"`
	Registry       string        `json:"registry"`
	Principal      string        `json:"principal"`
	Rate           float64       `json:"rate"`
	Seed           uint64        `json:"seed"`
	Count          int64         `json:"count"`
	Status         int           `json:"status"`
	RetryAfter     int64         `json:"retryAfter"` // seconds
	AfterBytes     int64         `json:"afterBytes"`
	BytesPerSecond int64         `json:"bytesPerSecond"`
	Seen           int64         `json:"seen"`
	Hits           int64         `json:"hits"`
}

func faultJSON(f fault.Fault) controlFault {
	if f.Routes == nil {
		f.Routes = []fault.Route{}
	}
	return controlFault{f.ID, f.Kind, f.Routes, f.Registry, f.Principal, f.Rate, f.Seed, f.Count, f.Status, int64(f.RetryAfter / time.Second), f.AfterBytes, f.BytesPerSecond, f.Seen, f.Hits}
}

func (e *Emulator) controlFaults(w http.ResponseWriter, _ *http.Request) error {
	out := []controlFault{}
	for _, f := range e.Faults() {
		out = append(out, faultJSON(f))
	}
	answer.JSON(w, http.StatusOK, map[string]any{"faults": out})
	return nil
}

func (e *Emulator) controlAddFault(w http.ResponseWriter, r *http.Request) error {
	var in controlFault
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.ID != 0 || in.Seen != 0 || in.Hits != 0 {
		return badControl("id, seen and hits are the emulator's to set")
	}
	if most := int64(fault.MaxRetryAfter / time.Second); in.RetryAfter < 0 || in.RetryAfter > most {
		return badControl("retryAfter is not between 0 and %d seconds", most)
	}
	f, err := e.AddFault(fault.Fault{Kind: in.Kind, Routes: in.Routes, Registry: in.Registry, Principal: in.Principal, Rate: in.Rate, Seed: in.Seed, Count: in.Count,
		Status: in.Status, RetryAfter: time.Duration(in.RetryAfter) * time.Second, AfterBytes: in.AfterBytes, BytesPerSecond: in.BytesPerSecond})
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
		return badControl("%s is no number of a fault", quote(r.PathValue("id")))
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

type controlSnapshot struct {
	Name         string    `json:"name"`
	Created      time.Time `json:"created"`
	Repositories int64     `json:"repositories"`
	Manifests    int64     `json:"manifests"`
	Tags         int64     `json:"tags"`
	Blobs        int64     `json:"blobs"`
}

func (e *Emulator) controlSnapshots(w http.ResponseWriter, r *http.Request) error {
	all, err := e.Snapshots(r.Context())
	if err != nil {
		return err
	}
	out := []controlSnapshot{}
	for _, s := range all {
		out = append(out, controlSnapshot(s))
	}
	answer.JSON(w, http.StatusOK, map[string]any{"snapshots": out})
	return nil
}

func (e *Emulator) controlTakeSnapshot(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	s, err := e.TakeSnapshot(r.Context(), in.Name)
	if err != nil {
		return err
	}
	answer.JSON(w, http.StatusCreated, controlSnapshot(s))
	return nil
}

func (e *Emulator) controlDeleteSnapshot(w http.ResponseWriter, r *http.Request) error {
	return noContent(w, e.DeleteSnapshot(r.Context(), r.PathValue("name")))
}

func (e *Emulator) controlReset(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Snapshot string `json:"snapshot"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	return noContent(w, e.Reset(r.Context(), in.Snapshot))
}
