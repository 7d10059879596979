package chaos

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

var (
	duration = flag.Duration("chaos.duration", time.Minute, "how long clients and kills go on")
	seedFlag = flag.Uint64("chaos.seed", 0, "seed of the random choices; 0 = a new one")
)

// workers is the number of repositories and of clients that push to one each.
const workers = 8

// A quarter of the time, at the end, there are no kills: what leaks has time to
// show.
const quietPart = 4

// rotAtKill is in how many contents a bit is flipped while the emulator is down.
const rotAtKill = 3

// What may be open at rest beyond what was open after the start: the client's own
// last connections, and an idle file or two of the database.
const filesAtRest = 4

// goroutinesAtRest is the most goroutines of an idle emulator: its listener, its
// databases' connections, its signal handler and its collector.
const goroutinesAtRest = 40

func TestChaos(t *testing.T) {
	seedNumber := *seedFlag
	if seedNumber == 0 {
		seedNumber = rand.Uint64() >> 1
	}
	t.Logf("choices: -chaos.seed=%d -chaos.duration=%v", seedNumber, *duration)
	s := newServer(t)
	t.Cleanup(s.kill)
	who := &identities{by: map[int64]changingRights{}, tokens: map[string]string{}}
	dice := rand.New(rand.NewPCG(seedNumber, 0))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	restart := func() {
		t.Helper()
		if err := s.start(ctx, seed(who.choose(s.generation.Load(), dice.IntN(15)))); err != nil {
			t.Fatal(err)
		}
	}
	restart()

	count := &counters{n: map[string]int{}}
	all := make([]*worker, workers)
	for i := range all {
		all[i] = &worker{s: s, who: who, repo: fmt.Sprintf("c/w%d", i), others: workers, now: newState(), count: count,
			dice: rand.New(rand.NewPCG(seedNumber, uint64(i+1)))}
	}
	// work lets all workers go on until stop is closed. A worker that sees what
	// must not be ends everything.
	still := &staller{s: s, who: who, count: count, dice: rand.New(rand.NewPCG(seedNumber, workers+1))}
	broken := make(chan error, workers+1)
	work := func(stop <-chan struct{}) *sync.WaitGroup {
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := still.run(ctx, stop); err != nil {
				broken <- err
			}
		})
		for _, w := range all {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					name, err := w.step(ctx)
					if v := (*violation)(nil); errors.As(err, &v) {
						broken <- fmt.Errorf("%s, %s: %w", w.repo, name, err)
						return
					}
					if err != nil {
						count.add("cut off")
						w.pause(ctx)
						continue
					}
					count.add(name)
				}
			})
		}
		return &wg
	}
	fail := func(err error) {
		t.Helper()
		cancel()
		t.Fatalf("%v\n\nagain with -chaos.seed=%d; the emulator's log ends with:\n%s", err, seedNumber, s.tail(3000))
	}
	// verify reads all that was acknowledged.
	verify := func() (manifests int) {
		t.Helper()
		for _, w := range all {
			if err := w.verify(ctx); err != nil {
				fail(err)
			}
			manifests += len(w.now.manifests)
		}
		return manifests
	}

	stop := make(chan struct{})
	running := work(stop)
	end := time.Now().Add(*duration - *duration/quietPart)
	kills := 0
	for time.Now().Before(end) {
		select {
		case err := <-broken:
			fail(err)
		case <-time.After(min(time.Until(end), time.Duration(500+dice.IntN(5500))*time.Millisecond)): // a life
		}
		s.kill()
		kills++
		for range rotAtKill {
			if err := s.rot(dice); err != nil {
				fail(err)
			}
		}
		restart()
	}
	close(stop)
	running.Wait()
	s.kill()
	restart()
	manifests := verify()
	s.client.CloseIdleConnections()
	before := atRest(t, s)

	// The quiet part: no kills, so that one process sees it all.
	stop = make(chan struct{})
	running = work(stop)
	select {
	case err := <-broken:
		fail(err)
	case <-time.After(*duration / quietPart):
	}
	close(stop)
	running.Wait()
	select {
	case err := <-broken:
		fail(err)
	default:
	}
	s.client.CloseIdleConnections()
	after := atRest(t, s)
	if after > before+filesAtRest {
		t.Errorf("%d files are open at rest, %d were before", after, before)
	}
	goroutines, stacks := s.goroutines() // ends the process
	if goroutines == 0 || goroutines > goroutinesAtRest {
		t.Errorf("%d goroutines at rest, want 1 to %d:\n%s", goroutines, goroutinesAtRest,
			stacks[:min(len(stacks), 20_000)])
	}
	restart()
	manifests += verify()
	s.kill()

	count.mu.Lock()
	defer count.mu.Unlock()
	var names []string
	for name := range count.n {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t.Logf("%8d  %s", count.n[name], name)
	}
	t.Logf(
		"%d kills; %d manifests verified whole; %d files open at rest before the quiet part and %d after it, %d "+
			"goroutines", kills, manifests, before, after, goroutines)
	for _, must := range []string{"push", "pull", "delete manifest", "delete tag", "lock", "refused by a lock",
		"refused to others", "granted to others", "blob mounted", "cut off while changing", "rot refused", "rot healed",
		"stalled form", "stalled refused upload", "stalled upload", "stalled reader", "reset beside stalls"} {
		if count.n[must] == 0 {
			t.Errorf("%q did not happen: the test was too short, or is broken", must)
		}
	}
}

// atRest waits until the number of open files is stable and returns it.
func atRest(t *testing.T, s *server) int {
	t.Helper()
	last, same := -1, 0
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		n, err := s.openFiles()
		if err != nil {
			t.Fatal(err)
		}
		if n == last {
			if same++; same == 10 {
				return n
			}
		} else {
			last, same = n, 0
		}
		time.Sleep(50 * time.Millisecond) // between looks; the deadline is above
	}
	t.Fatalf("the open files do not come to rest; there are %d", last)
	return 0
}
