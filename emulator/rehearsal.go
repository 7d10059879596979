package emulator

import (
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/internal/rehearsal"
)

// Clock is the emulator's clock: Now and State read it; Freeze, Resume, Set, Advance
// and Reset change it. Tokens, passwords and secrets expire by it, and the times in
// answers, the Date header among them, and in the decision log are its own.
type Clock = rehearsal.Clock

// ClockState is the state of a clock: the time that it shows, whether it is frozen, and
// how far it is before the machine's.
type ClockState = rehearsal.ClockState

// Clock returns the emulator's clock.
func (e *Emulator) Clock() *Clock { return e.clock }

// AddFault adds a fault, which holds from the next request on, and returns it with
// its ID and seed. Faults are not kept over a restart.
//
// Errors: [acrkit.CodeUsage] for an invalid one, and for more than [fault.Max];
// [acrkit.CodeNotFound] for an unknown registry.
func (e *Emulator) AddFault(f fault.Fault) (fault.Fault, error) { return e.fails.Faults.Add(f) }

// Faults returns the faults in force, in the order in which they were added. One
// with a count ends after its last hit.
func (e *Emulator) Faults() []fault.Fault { return e.fails.Faults.List() }

// RemoveFault ends a fault. A request that it has hit already stays hit.
//
// Errors: [acrkit.CodeNotFound], also for one that ended by its count.
func (e *Emulator) RemoveFault(id int64) error { return e.fails.Faults.Remove(id) }

// RemoveFaults ends all faults.
func (e *Emulator) RemoveFaults() { e.fails.Faults.RemoveAll() }

// SetRateLimits switches the documented rate limits of each registry's tier, for
// a registry and for an identity. They are off by default, because a registry on
// the user's own machine needs none. See [Options.RateLimits].
func (e *Emulator) SetRateLimits(enabled bool) { e.fails.Limits.Set(enabled) }

// RateLimits reports whether rate limits are on.
func (e *Emulator) RateLimits() bool { return e.fails.Limits.On() }
