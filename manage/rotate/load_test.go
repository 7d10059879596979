package rotate_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/emulator/fault"
)

var (
	rotations = flag.Int("rotations", 6, "how many rotations TestUnderLoad does, of all tokens together")
	clients   = flag.Int("clients", 9, "how many clients of TestUnderLoad pull meanwhile")
	tokens    = flag.Int("tokens", 3, "how many tokens TestUnderLoad rotates at once")
	realTime  = flag.Bool("real", false, "TestUnderLoad waits in real time, 12 minutes for each rotation of a token")
	within    = flag.Duration("within", 0, "after this time TestUnderLoad begins no rotation, and fails; 0 = never")
	kubelet   = flag.String("kubelet", "",
		"the program credhelper/kubelettest/testdata/kubelet, for a third of the clients")
	loadSeed = flag.Uint64("load-seed", 1, "decides where TestUnderLoad kills rotations")
)

// kubeletCache is how long a kubelet uses a password that it has got from acrkit, as
// docs/credential-helper.md says.
const kubeletCache = 10 * time.Minute

// Clients pull without a pause while the passwords of tokens are rotated over and over, with
// failures of the registry and of Azure Resource Manager, and rotations that are killed
// after each of their steps and run again: no pull fails, no slot is ended that a sink held
// or a client may have kept, and one password of each token works after each rotation.
func TestUnderLoad(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	ctx, cancel := context.WithCancelCause(t.Context())
	l := &load{t: t, reg: reg, registry: parse(t, reg), ctx: ctx, fail: cancel, passwords: identity(t, reg),
		crashes: &crashes{hits: map[crash]int{}}, start: time.Now()}
	program := ""
	if *kubelet != "" {
		program = buildProvider(t)
	}
	for i := range *tokens {
		l.teams = append(l.teams, newTeam(t, reg, i, program))
	}
	addFaults(reg)

	var background, rotating sync.WaitGroup
	t.Cleanup(func() { cancel(nil); background.Wait() })
	for _, team := range l.teams {
		if err := team.deploy(); err != nil {
			t.Fatal(err)
		}
		for _, p := range team.pullers {
			background.Go(func() { p.pullOn(l) })
		}
	}
	leave := func() {}
	if *realTime {
		l.clock = realClock{}
		background.Go(l.rounds)
	} else {
		shared := newSharedClock(ctx, reg, len(l.teams), l.round)
		l.clock, leave = shared, shared.leave
		background.Go(shared.run)
	}
	for i, team := range l.teams {
		rotating.Go(func() {
			defer leave()
			if err := l.rotateAll(team, *rotations/(*tokens), rand.New(rand.NewPCG(*loadSeed, uint64(i)))); err != nil {
				t.Errorf("%s: %v", team.token.Name, err)
				cancel(err)
			}
		})
	}
	rotating.Wait()
	cancel(nil)
	background.Wait()
	l.report()
}

func addFaults(reg *acrtest.Registry) {
	for i, f := range []fault.Fault{
		{Kind: fault.Throttle, Rate: 0.001, Routes: []fault.Route{fault.RouteToken}},
		{Kind: fault.Status, Status: 500, Rate: 0.02, Routes: []fault.Route{fault.RouteToken}},
		{Kind: fault.Status, Status: 500, Rate: 0.02, Routes: []fault.Route{fault.RouteManifestGet}},
		{Kind: fault.Status, Status: 500, Rate: 0.05, Routes: []fault.Route{fault.RouteARM}},
		{Kind: fault.LatePassword, Delay: time.Minute},
	} {
		f.Seed = uint64(i + 1)
		reg.Fault(f)
	}
}

// load is what the parts of TestUnderLoad share.
type load struct {
	t         *testing.T
	reg       *acrtest.Registry
	registry  acrkit.Registry
	ctx       context.Context // of the whole test
	fail      context.CancelCauseFunc
	passwords func() (azure, error) // those of Azure Resource Manager, by a new identity
	clock     loadClock
	start     time.Time
	teams     []*team
	crashes   *crashes

	logins  counter // how often all clients were asked to log in anew
	done    counter // rotations
	again   counter // runs after a failure on purpose
	slowest counter // until a password was accepted, in nanoseconds
	waited  counter // for rounds, in nanoseconds
}

// round makes every client log in anew and pull, and deploys those again that have fixed
// passwords. An access token would hide for an hour that a password no longer works.
func (l *load) round(ctx context.Context) error {
	start := time.Now()
	l.logins.Add(1)
	l.reg.ResetRequests()
	before := map[*puller]int64{}
	for _, team := range l.teams {
		for _, p := range team.pullers {
			before[p] = p.pulls.Load()
		}
	}
	for p, pulls := range before {
		for p.pulls.Load() < pulls+2 { // the second began after the call
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			time.Sleep(time.Millisecond)
		}
	}
	for _, team := range l.teams {
		if err := team.deploy(); err != nil {
			return err
		}
	}
	l.waited.Add(int64(time.Since(start)))
	return nil
}

// rounds makes one round after the other until the test ends.
func (l *load) rounds() {
	err := error(nil)
	for err == nil {
		err = l.round(l.ctx)
	}
}

func (l *load) report() {
	if done := int(l.done.Load()); done < *rotations/(*tokens)*(*tokens) {
		l.t.Errorf("%d rotations were done of %d", done, *rotations)
	}
	pulls, retries := map[string]int64{}, int64(0)
	for _, team := range l.teams {
		for _, p := range team.pullers {
			pulls[p.kind] += p.pulls.Load()
			retries += p.retries.Load()
		}
	}
	l.t.Logf("%d clients of %d tokens, %d rotations in %s, and %d runs after a failure; accepted after at most %s; "+
		"%d times all clients logged in, in %s",
		*clients, *tokens, l.done.Load(), time.Since(l.start).Round(time.Second), l.again.Load(),
		time.Duration(l.slowest.Load()).Round(time.Second), l.logins.Load(),
		time.Duration(l.waited.Load()).Round(time.Second))
	l.t.Logf("pulls that succeeded: %v; tried again after a failure of the registry: %d", pulls, retries)
	for _, f := range l.reg.Emulator().Faults() {
		l.t.Logf("fault %s %d of %v: hit %d of %d requests", f.Kind, f.Status, f.Routes, f.Hits, f.Seen)
		if f.Hits == 0 && float64(f.Seen)*max(f.Rate, 0.001) > 20 {
			l.t.Errorf("the fault %s hit nothing", f.Kind)
		}
	}
	l.crashes.report(l.t)
}

// newTeam makes a token with its sink, and its clients: a third has two fixed passwords, a
// third watches the file, and a third are pods of one node. Without the program there is no
// node, and two halves.
func newTeam(t *testing.T, reg *acrtest.Registry, number int, program string) *team {
	t.Helper()
	tm := &team{token: reg.Token(fmt.Sprintf("ci-pull-%d", number), "repositories/samples/app/content/read",
		"repositories/samples/app/metadata/read"), path: filepath.Join(t.TempDir(), "password"),
		journal: filepath.Join(t.TempDir(), "journal")}
	if err := os.WriteFile(tm.path, []byte(tm.token.Password1), 0o600); err != nil {
		t.Fatal(err)
	}
	tm.known(tm.token)
	kinds := []func() *puller{tm.fixedClient, tm.watchingClient}
	if program != "" {
		n := startNode(t, reg, tm, program)
		kinds = append(kinds, n.client)
	}
	for i := range *clients / (*tokens) {
		tm.pullers = append(tm.pullers, kinds[i%len(kinds)]())
	}
	return tm
}
