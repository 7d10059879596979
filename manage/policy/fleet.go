package policy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/rotate"
)

// Action is what is to be done with a token.
type Action string

// The actions.
const (
	ActionRotate Action = "rotate" // a new password, or the rest of a rotation that was cut off
	ActionFinish Action = "finish" // remove the old password: its grace is over
	ActionWait   Action = "wait"   // nothing is due now
	ActionLeave  Action = "leave"  // it is not ours
	ActionFail   Action = "fail"   // it cannot be rotated
)

// Item is one token of a run.
type Item struct {
	Token, Owner string
	Action       Action
	Why          string // a clause: "31d old"
	Plan         rotate.Plan
	Err          error // of ActionFail, or of what was done
	Result       rotate.Result
	Done         bool // it was tried

	rotation *rotate.Rotation
}

// Fleet rotates the tokens of one registry by a policy.
type Fleet struct {
	Policy Policy
	// Tokens are all tokens of the registry, so that those without a policy are seen.
	Tokens []manage.Token
	// Rotation makes the rotation of a token with the policy's sinks and times.
	Rotation func(t Token) *rotate.Rotation
	Now      func() time.Time

	Max         int // the most rotations to begin; 0 = no limit
	MaxFailures int // stop after so many; 0 = never

	// Lock keeps other processes from rotating a token; nil = none do.
	Lock func(ctx context.Context, token string) (unlock func(), err error)
	// Report gets a token before it is worked on; nil = none.
	Report func(Item)
}

// Plan decides for every token, in the order of the policy, and then of those that it does
// not name. It changes nothing.
func (f *Fleet) Plan(ctx context.Context) ([]Item, error) {
	there, named := map[string]manage.Token{}, map[string]bool{}
	for _, t := range f.Tokens {
		there[strings.ToLower(t.Name)] = t
	}
	var out []Item
	rotations := 0
	for _, t := range f.Policy.Tokens {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		named[strings.ToLower(t.Name)] = true
		item := Item{Token: t.Name, Owner: t.Owner}
		token, ok := there[strings.ToLower(t.Name)]
		switch {
		//rule:policy-managed-by
		case t.ManagedBy != "":
			item.Action, item.Why = ActionLeave, "managed by "+t.ManagedBy
		case !ok:
			item.Action, item.Why = ActionFail, "there is no such token"
			item.Err = &acrkit.Error{Code: acrkit.CodeNotFound, Op: fmt.Sprintf("rotate the password of token %q",
				t.Name),
				Reason: item.Why}
		default:
			f.decide(ctx, t, token, &item)
		}
		if item.Action == ActionRotate {
			//rule:policy-max
			if rotations++; f.Max > 0 && rotations > f.Max {
				item.Action, item.Why = ActionWait, item.Why+"; the limit of this run is reached"
			}
		}
		out = append(out, item)
	}
	for _, t := range f.Tokens {
		if !named[strings.ToLower(t.Name)] {
			out = append(out, Item{Token: t.Name, Action: ActionLeave, Why: "not in the policy"})
		}
	}
	return out, nil
}

// decide says what is due for a token.
func (f *Fleet) decide(ctx context.Context, t Token, token manage.Token, item *Item) {
	r := f.Rotation(t)
	p, err := r.Plan(ctx)
	if err != nil {
		item.Action, item.Why, item.Err = ActionFail, "it cannot be rotated", err
		return
	}
	item.rotation, item.Plan = r, p
	now := f.Now()
	age, has := ageOf(token, now)
	switch {
	case p.Step == rotate.StepRetire && now.Before(p.NotBefore):
		item.Action, item.Why = ActionWait, "the old password works until "+p.NotBefore.UTC().Format(time.RFC3339)
	case p.Step == rotate.StepRetire:
		item.Action, item.Why = ActionFinish, "the grace is over"
	case p.Step == rotate.StepDeliver || p.Old != "" && live(token, p.Slot, now):
		item.Action, item.Why = ActionRotate, "a rotation was cut off"
	//rule:policy-age
	case has && age < t.Age:
		item.Action, item.Why = ActionWait, days(age)+" old, of "+days(t.Age)
	//rule:policy-window
	case !t.Window.Contains(now):
		item.Action, item.Why = ActionWait, "due, in the window "+t.Window.String()
	case !has:
		item.Action, item.Why = ActionRotate, "it has no password that works"
	default:
		item.Action, item.Why = ActionRotate, days(age)+" old"
	}
}

// ageOf is the age of the newest password that works; false if there is none.
func ageOf(t manage.Token, now time.Time) (age time.Duration, has bool) {
	for _, p := range t.Passwords {
		if d := now.Sub(p.Created); p.Live(now) && (!has || d < age) {
			age, has = d, true
		}
	}
	return age, has
}

func live(t manage.Token, slot manage.Slot, now time.Time) bool {
	p, ok := t.Password(slot)
	return ok && p.Live(now)
}

// days is a duration in days, for messages.
func days(d time.Duration) string { return fmt.Sprintf("%dd", int(d.Hours()/24)) }

// Run does what a plan says, token by token, and returns the plan with the results. An
// error has [acrkit.CodeIncomplete] and says how many tokens failed.
func (f *Fleet) Run(ctx context.Context, plan []Item) ([]Item, error) {
	failures, left, ours := 0, 0, 0
	for i := range plan {
		item := &plan[i]
		if item.Action != ActionLeave {
			ours++
		}
		if item.Action == ActionFail {
			failures++
		}
		if item.Action != ActionRotate && item.Action != ActionFinish {
			continue
		}
		//rule:policy-max-failures
		if ctx.Err() != nil || f.MaxFailures > 0 && failures >= f.MaxFailures {
			left++
			continue
		}
		if f.Report != nil {
			f.Report(*item)
		}
		item.Done = true
		if item.Err = f.one(ctx, item); item.Err != nil {
			failures++
		}
	}
	switch {
	case ctx.Err() != nil:
		return plan, context.Cause(ctx)
	case failures == 0:
		return plan, nil
	}
	reason := fmt.Sprintf("%d of %d tokens failed", failures, ours)
	if left > 0 {
		reason += fmt.Sprintf(", and %d were not tried after that", left)
	}
	return plan, &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "rotate all passwords", Reason: reason}
}

func (f *Fleet) one(ctx context.Context, item *Item) (err error) {
	if f.Lock != nil {
		unlock, err := f.Lock(ctx, item.Token)
		if err != nil {
			return err
		}
		defer unlock()
	}
	if item.Action == ActionFinish {
		item.Result, err = item.rotation.Finish(ctx)
		return err
	}
	item.Result, err = item.rotation.Run(ctx)
	return err
}
