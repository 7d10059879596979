package rotate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/sink"
)

// Journal keeps the record of one token's last rotation. It is a help only: without it,
// less is known, and more is refused. Load of no record is the zero Record.
type Journal interface {
	Load(ctx context.Context) (Record, error)
	Save(ctx context.Context, r Record) error
}

// Phase is how far a rotation has come.
type Phase string

// The phases.
const (
	PhaseGenerating Phase = "generating" // a password is about to be generated
	PhaseGenerated  Phase = "generated"  // and not delivered to any sink
	PhaseDelivering Phase = "delivering" // some sinks may have it
	PhaseDelivered  Phase = "delivered"  // all have it; the old one still works
	PhaseDone       Phase = "done"
)

// Record is what a journal keeps. It has no secret.
type Record struct {
	Phase   Phase       `json:"phase"`
	Slot    manage.Slot `json:"slot"`
	Created time.Time   `json:"created"` // of its password; of the one before while it is generated
	// Retire is when the old password may be removed; zero before all sinks have the new one.
	Retire time.Time `json:"retire,omitzero"`
	// Known tells passwords apart that a sink may hold.
	Known []Known `json:"known,omitempty"`
	// Sinks are the deliveries to sinks that were verified, or are readable.
	Sinks []Delivered `json:"sinks,omitempty"`
}

// Known is a password whose slot is known.
type Known struct {
	Slot    manage.Slot `json:"slot"`
	Created time.Time   `json:"created"`
	// Check are 8 bytes of a hash of the password. They tell one random password from
	// another and no more.
	Check string `json:"check"`
}

// Delivered says which password a sink got.
type Delivered struct {
	Sink    string      `json:"sink"` // as the user wrote it
	Slot    manage.Slot `json:"slot"`
	Created time.Time   `json:"created"`
}

// checkOf returns the check of a password.
func checkOf(password redact.Secret) string {
	sum := sha256.Sum256([]byte("a password of a rotation\x00" + password.Reveal()))
	return hex.EncodeToString(sum[:8])
}

// sameTime compares times of creation, of which services and files keep fewer digits.
func sameTime(a, b time.Time) bool {
	return !a.IsZero() && !b.IsZero() && a.Sub(b).Abs() < time.Microsecond
}

// know adds a password to what is known, in place of what was known of its slot.
func (r *Record) know(p manage.Password, value redact.Secret) {
	r.Known = slices.DeleteFunc(slices.Clone(r.Known), func(k Known) bool { return k.Slot == p.Slot })
	r.Known = append(r.Known, Known{p.Slot, p.Created, checkOf(value)})
}

// delivered notes that a sink has a password.
func (r *Record) delivered(s sink.Sink, p manage.Password) {
	r.forget(s)
	r.Sinks = append(r.Sinks, Delivered{s.String(), p.Slot, p.Created})
}

// forget removes what is known of a sink.
func (r *Record) forget(s sink.Sink) {
	r.Sinks = slices.DeleteFunc(slices.Clone(r.Sinks), func(d Delivered) bool { return d.Sink == s.String() })
}
