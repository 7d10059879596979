package emulator

import (
	"context"
	"iter"
	"net/http"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/answer"
	"github.com/acrkit/acrkit/emulator/internal/decisions"
	"github.com/acrkit/acrkit/emulator/internal/principal"
	"github.com/acrkit/acrkit/emulator/rule"
)

// Decision is one line of the decision log. It has what the answer must not say,
// such as that a password has expired.
type Decision struct {
	ID        int64     // grows with each decision
	Time      time.Time // by the emulator's clock
	Registry  string
	Kind      string // "scoped-token", "service-principal", "admin-user" or "anonymous"; "" = not known
	Principal string // token name, client id, admin user name; "" = not known, or anonymous
	Method    string
	Path      string // without its query
	Required  string // scope text: what the request needs, or what a token was asked for
	Outcome   string // one of the Outcome constants
	Missing   string // scope text: what was not granted
	Rules     []string
	RuleID    rule.ID // by which it was refused; "" = it was not, or an earlier version wrote it
	Reason    string  // why, where rules do not say it
	RequestID string  // the answer's X-Ms-Correlation-Request-Id
}

// The outcomes of a [Decision].
const (
	OutcomeAllowed    = decisions.Allowed
	OutcomeDenied     = decisions.Denied
	OutcomeChallenged = decisions.Challenged // no credential was presented, so none was refused
	OutcomeFaulted    = decisions.Faulted    // a fault or a rate limit answered, before anything was decided
)

// DecisionFilter chooses decisions. Zero fields choose all.
type DecisionFilter struct {
	Registry   string
	Principal  string
	Outcome    string
	Repository string    // one of the repositories that Required names
	Since      time.Time // this time or later
	After      int64     // those with a greater ID
}

// Decisions yields the decision log, oldest first, up to the newest decision at
// the time of the call. Denials were written before their answers; the log keeps
// the last 100,000 decisions, for 90 days of the emulator's clock.
func (e *Emulator) Decisions(ctx context.Context, f DecisionFilter) iter.Seq2[Decision, error] {
	return func(yield func(Decision, error) bool) {
		for d, err := range e.log.All(ctx, decisions.Filter(f)) {
			if !yield(Decision(d), err) {
				return
			}
		}
	}
}

// noteEnd writes to the decision log why a request ended before its credential was
// checked.
func (e *Emulator) noteEnd(r *http.Request, reg *principal.RegistrySettings, outcome string,
	id rule.ID, reason string) {
	e.noteDecision(r, decisions.Entry{Registry: reg.Name, Outcome: outcome, RuleID: id, Reason: reason})
}

// noteRefusal writes to the decision log a refusal by a part that does not write to
// it itself: the authority, Azure Resource Manager, locks, the host of blobs.
func (e *Emulator) noteRefusal(r *http.Request, who principal.Principal, id rule.ID, reason string) {
	d := decisions.Entry{Outcome: decisions.Denied, Kind: string(who.Kind), Principal: who.Name,
		RuleID: id, Reason: reason}
	if before := exchangeOf(r).decided; before != nil { // a request that had the right
		d.Kind, d.Principal, d.Required = before.Kind, before.Principal, before.Required
	}
	if reg, ok := e.resolve(r.Host); ok {
		d.Registry = reg.Name
	} else if reg, ok := e.registryOfBlobs(r); ok {
		d.Registry = reg.Name
	}
	e.noteDecision(r, d)
}

// noteDecision completes a decision from its request and writes it.
func (e *Emulator) noteDecision(r *http.Request, d decisions.Entry) {
	d.Method, d.Path, d.RequestID = r.Method, r.URL.Path, exchangeOf(r).header.Get(answer.CorrelationHeader)
	if err := e.log.Record(context.WithoutCancel(r.Context()), d); err != nil {
		e.logger.Error("a decision was not recorded", "error", err, "outcome", d.Outcome, "reason", d.Reason)
	}
}
