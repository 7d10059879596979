package rotate

import (
	"context"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/clock"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/sink"
)

// The times of a rotation.
const (
	// changeWithin is how long after its last look at the token a rotation may still
	// change it, and settle how long after that it looks again before it delivers.
	// Two rotations that saw the same state are therefore detected by one of them.
	//rule:rotate-change-within
	changeWithin = 30 * time.Second
	//rule:rotate-settle
	settle = changeWithin + 5*time.Second

	// activation is how long a new password may need until it is accepted; Microsoft's
	// documentation says 60 seconds.
	//rule:rotate-activation
	activation = 10 * time.Minute
	// accepts is how many logins in a row must be accepted: the replicas of a registry
	// learn of a password one after the other.
	//rule:rotate-accepts
	accepts    = 3
	loginPause = 2 * time.Second

	// margin is added to the longest cache of the sinks' programs before the old password
	// is removed.
	//rule:rotate-margin
	margin = 60 * time.Second
	// recent is the age below which a password that no sink holds may be one that another
	// rotation is delivering.
	//rule:rotate-recent
	recent = activation + 5*time.Minute
	// skew is by how much the clocks of this machine and the service may differ.
	skew = 5 * time.Minute
	// lateAfter is the age of a password from which a sink's file that gets it keeps its own
	// time, which tells when that was.
	lateAfter = 24 * time.Hour
)

// Passwords reads and changes the passwords of tokens: [*manage.Registry].
type Passwords interface {
	Token(ctx context.Context, name string) (manage.Token, error)
	GeneratePassword(ctx context.Context, token string, slot manage.Slot, expires time.Time) (manage.Password, error)
	// RemovePassword has the error [acrkit.CodeConflict] if the slot's password was not
	// created at that time.
	RemovePassword(ctx context.Context, token string, slot manage.Slot, created time.Time) error
}

// Login tries a password. accepted is false if the registry does not accept it; the error
// says that this could not be determined.
type Login func(ctx context.Context, password redact.Secret) (accepted bool, err error)

// Clock tells the time and waits. Sleep returns early with the error of its context.
type Clock interface {
	Now() time.Time
	Sleep(ctx context.Context, d time.Duration) error
}

// Rotation is a rotation of one token's password.
type Rotation struct {
	Registry  acrkit.Registry
	Token     string
	Passwords Passwords
	Login     Login
	// Sinks are all places from which programs read the password. One that is not named
	// keeps a password that is removed.
	Sinks   []sink.Sink
	Journal Journal
	Clock   Clock // nil = the machine's

	// Expires is how long the new password lives. It must be longer than Next and Grace
	// together, so that there is a next rotation before it ends.
	Expires time.Duration
	Next    time.Duration // when the next rotation is due; 0 = not known
	// Grace is how long the old password still works after the new one was delivered;
	// 0 = the shortest, which is the longest [sink.Sink.Cache] and a minute.
	Grace time.Duration
	// Later makes Run return when the new password was delivered; [Rotation.Finish] removes
	// the old one after the grace. Otherwise, Run waits.
	Later bool

	// Slot is the slot to generate if it cannot be known which one the sinks hold; "" = it
	// is an error then. The slot that a sink is known to hold is refused.
	Slot manage.Slot
	// Replace lets a password of a sink be replaced that the registry does not accept. It
	// may be that of another token.
	Replace bool

	// Command is what the user runs to rotate, for hints; "" = acrkit token rotate TOKEN.
	Command string
	// Report gets a line of progress before each step; nil = none.
	Report func(line string)
}

// Step is what a rotation does next.
type Step string

// The steps.
const (
	StepGenerate Step = "generate" // a new password, for all sinks
	StepDeliver  Step = "deliver"  // the password that some sinks have, to the others
	StepRetire   Step = "retire"   // remove the old password: all sinks have the new one
	StepNothing  Step = "nothing"  // of Finish alone
)

// Plan is what a rotation would do, by what is known now.
type Plan struct {
	Step    Step
	Slot    manage.Slot // of the new password
	Old     manage.Slot // that is removed at the end; "" = there is none
	Expires time.Time   // of the new password, if it is generated
	// NotBefore is when the old password is removed, if all goes well.
	NotBefore time.Time
	Sinks     []SinkState
}

// SinkState is what a sink holds.
type SinkState struct {
	Sink sink.Sink
	Slot manage.Slot // "" = none, or not known
	// Stale says that the sink has a password that the registry does not accept.
	Stale bool
}

// Result is what a rotation has done.
type Result struct {
	Step    Step // the first
	Slot    manage.Slot
	Created time.Time // of the new password
	Expires time.Time
	Sinks   []Delivery
	// Activated is how long it took until the new password was accepted.
	Activated time.Duration
	Retired   manage.Slot // "" = none
	// RetireAfter is when Finish may remove the old password; zero if none is left.
	RetireAfter time.Time
}

// Delivery is the result for one sink.
type Delivery struct {
	Sink     string
	Verified bool
	Err      error
}

func (r *Rotation) report(line string) {
	if r.Report != nil {
		r.Report(line)
	}
}

// wait is how long the old password works after the last delivery.
func (r *Rotation) wait() time.Duration {
	longest := time.Duration(0)
	for _, s := range r.Sinks {
		longest = max(longest, s.Cache())
	}
	return max(r.Grace, longest+margin)
}

// machine is the clock of the machine.
type machine struct{}

func (machine) Now() time.Time { return time.Now() }

func (machine) Sleep(ctx context.Context, d time.Duration) error { return clock.Sleep(ctx, d) }
