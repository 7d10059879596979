package token

import (
	"cmp"
	"strings"
	"time"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/manage/policy"
	"github.com/acrkit/acrkit/manage/rotate"
)

// The states of a token in "token rotate". They are in --json, and keep their meaning.
const (
	statusRotated  = "rotated"   // it has a new password, in all sinks
	statusFinished = "finished"  // the old password was removed, and nothing generated
	statusNothing  = "nothing"   // --finish: there is no rotation to finish
	statusFailed   = "fail"      // error says why; it is [policy.ActionFail], too
	statusNotTried = "not tried" // too many tokens failed before
)

var rotateFields = []string{"name", "owner", "status", "reason", "error", "step", "slot", "created", "expires",
	"acceptedAfter", "sinks", "retired", "retireAfter"}

// rotateJSON is what became of a token, or with --dry-run what would. The status of a plan is
// a [policy.Action].
type rotateJSON struct {
	Name          string       `json:"name"`
	Owner         string       `json:"owner"` // by the policy
	Status        string       `json:"status"`
	Reason        string       `json:"reason"` // of the status, with --all
	Error         string       `json:"error"`  // "" = none
	Step          string       `json:"step"`   // the first: generate, deliver, retire or nothing
	Slot          string       `json:"slot"`   // of the new password
	Created       *time.Time   `json:"created"`
	Expires       *time.Time   `json:"expires"`
	AcceptedAfter string       `json:"acceptedAfter"` // as "1m2s"; "" = it was not generated now
	Sinks         []sinkResult `json:"sinks"`
	Retired       string       `json:"retired"`     // the slot; "" = none
	RetireAfter   *time.Time   `json:"retireAfter"` // when the old password may be removed
}

type sinkResult struct {
	Sink     string `json:"sink"`
	Holds    string `json:"holds"` // before, in a plan: password1, password2, refused, or "" = none or not known
	Verified bool   `json:"verified"`
	Error    string `json:"error"` // "" = none
}

// rotated is the result for a token.
func rotated(name string, out rotate.Result, err error) rotateJSON {
	doc := rotateJSON{Name: name, Status: statusRotated, Step: string(out.Step), Slot: string(out.Slot),
		Created: timeOf(out.Created), Expires: timeOf(out.Expires), Sinks: []sinkResult{},
		Retired: string(out.Retired), RetireAfter: timeOf(out.RetireAfter)}
	switch {
	case err != nil:
		doc.Status, doc.Error = statusFailed, textOf(err)
	case out.Step == rotate.StepNothing:
		doc.Status = statusNothing
	case out.Step == rotate.StepRetire && out.Retired != "":
		doc.Status = statusFinished
	case out.Step == rotate.StepRetire: // its grace is not over
		doc.Status = string(policy.ActionWait)
	}
	if out.Activated != 0 {
		doc.AcceptedAfter = out.Activated.Round(time.Second).String()
	}
	for _, d := range out.Sinks {
		doc.Sinks = append(doc.Sinks, sinkResult{Sink: d.Sink, Verified: d.Verified, Error: textOf(d.Err)})
	}
	return doc
}

// planned is what would be done with a token.
func planned(name string, p rotate.Plan) rotateJSON {
	doc := rotateJSON{Name: name, Status: string(policy.ActionRotate), Step: string(p.Step), Slot: string(p.Slot),
		Expires: timeOf(p.Expires), Sinks: []sinkResult{}, Retired: string(p.Old), RetireAfter: timeOf(p.NotBefore)}
	if p.Step == rotate.StepRetire {
		doc.Status = string(policy.ActionFinish)
	}
	for _, s := range p.Sinks {
		one := sinkResult{Sink: s.Sink.String(), Holds: string(s.Slot)}
		if s.Stale {
			one.Holds = "refused"
		}
		doc.Sinks = append(doc.Sinks, one)
	}
	return doc
}

// ofFleet is what became of a token of a policy: done after a run, else what is planned.
func ofFleet(i policy.Item, done bool) rotateJSON {
	due := i.Action == policy.ActionRotate || i.Action == policy.ActionFinish
	doc := rotateJSON{Name: i.Token, Sinks: []sinkResult{}}
	switch {
	case i.Done:
		doc = rotated(i.Token, i.Result, i.Err)
	case due && done:
		doc.Status = statusNotTried
	case due:
		doc = planned(i.Token, i.Plan)
	default:
		doc.Status, doc.Error = string(i.Action), textOf(i.Err)
	}
	if doc.Reason = i.Why; doc.Status == statusNotTried {
		doc.Reason = "too many tokens failed before"
	}
	doc.Owner = i.Owner
	return doc
}

// why is the reason in a table.
func (doc rotateJSON) why() string {
	switch doc.Status {
	case statusRotated:
		if doc.Expires == nil {
			return doc.Slot + " does not expire"
		}
		return doc.Slot + " expires " + cmdutil.Time(*doc.Expires)
	case statusFinished:
		return doc.Retired + " was removed"
	}
	return cmp.Or(doc.Error, doc.Reason)
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return strings.TrimSpace(err.Error())
}
