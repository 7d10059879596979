package diagnose

import (
	"context"
	"iter"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// Want is something that the credential should be able to do.
type Want struct {
	Repository string
	Action     acrkit.Action
	// Target is the tag or digest that it is about: what reads is tried on it, and its
	// locks are read; "" = any tag that is listed is tried, and no lock of a tag is read.
	Target string
}

// Check is what [Doctor] looks at.
type Check struct {
	Registry acrkit.Registry // zero = the Transport's
	// Transport has the credential; nil = none could be made, and Err says why, or
	// there is none.
	Transport *auth.Transport
	Err       error
	Source    string        // where the credential came from, in words
	Lookups   []auth.Lookup // every place that was looked at, in order
	Wants     []Want
	Written   string // the host as a person wrote it; "" = not known
}

// Outcome is how a step of [Doctor] ended.
type Outcome string

// The outcomes.
const (
	OK      Outcome = "ok"
	Warning Outcome = "warning" // worth a look, and no reason to stop
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // an earlier failure, or no want for this step
)

// Step is one step of [Doctor].
type Step struct {
	Name string // "name", "tcp", "tls", …: stable
	// Want is the one that the step is about: "rights", "operation", "locks" and
	// "data-endpoint" come once for each. Zero = a step of the way to the registry.
	Want      Want
	Outcome   Outcome
	Text      string     // in words
	Diagnosis *Diagnosis // of a step that failed or warns; nil = none
	Requests  []Probe    // what it asked, beyond the work's own
	Took      time.Duration
}

// MaxRequests is how many HTTP requests [Doctor] makes beyond what the wants
// themselves would cost (their tokens): the challenge, then for wants that read a
// list of tags, a manifest and a blob, and up to three of locks. A person waits for it, and a
// throttled registry is not to be made worse.
const MaxRequests = 6

// Doctor checks each step to a registry, from its name to the data endpoint, and yields
// each step when it is done. It ends early if a failure makes the next steps impossible.
// Nothing is changed: wants that write are compared with what is granted, and wants that
// read are tried. Each request is in its step's Requests.
func Doctor(ctx context.Context, check Check, opts *Options) iter.Seq[Step] {
	return func(yield func(Step) bool) {
		d := newDoctor(check, opts)
		for _, look := range []func(context.Context, func(Step) bool) bool{
			d.written, d.name, d.tcp, d.tls, d.proxy, d.challenged, d.clockStep, d.credentialStep, d.signIn, d.wants,
		} {
			if ctx.Err() != nil || !look(ctx, yield) {
				return
			}
		}
	}
}
