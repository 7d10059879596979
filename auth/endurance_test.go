package auth_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

// Endurance: what happens to a client that runs for hours, on a machine that
// sleeps, with a clock that is wrong, against a registry that fails now and then.
// Uploads are in endurance_upload_test.go.

// asleep returns t as a machine reads it that has slept for d: the wall clock has
// gone on, the monotonic one has stopped, as CLOCK_MONOTONIC does on Linux
// while the machine is suspended. Package time offers no way to make such a
// reading; that this is one is checked.
func asleep(tb testing.TB, t time.Time, d time.Duration) time.Time {
	tb.Helper()
	slept := t
	// The wall clock's seconds are above 30 bits of nanoseconds, in the first
	// word, where there is a monotonic reading (package time, type Time).
	*(*uint64)(unsafe.Pointer(&slept)) += uint64(d/time.Second) << 30 //nolint:gosec // see above
	if slept.Sub(t) != 0 || slept.Round(0).Sub(t.Round(0)) != d.Truncate(time.Second) {
		tb.Fatal("this Go keeps its clock readings in another way; the test cannot put a machine to sleep")
	}
	return slept
}

// paths counts the lines of a fake's log by path.
func paths(log []string) map[string]int {
	counts := map[string]int{}
	for _, l := range log {
		counts[strings.Fields(l)[1]]++
	}
	return counts
}

// A laptop that slept wakes up with tokens that seem valid. Whether its
// wall clock went on or not, the user does not notice, and the registry gets one
// renewal.
func TestSleep(t *testing.T) {
	const tags = "/v2/team/app/tags/list"
	const token = "POST /oauth2/token password repository:team/app:metadata_read"
	const entra, exchange, refresh = "POST /tenant-1/oauth2/v2.0/token https://containerregistry.azure.net/.default",
		"POST /oauth2/exchange access_token", "POST /oauth2/token refresh_token repository:team/app:metadata_read"
	principal := func() auth.Credential { return auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil) }
	for _, tt := range []struct {
		name  string
		cred  auth.Credential
		slept time.Duration
		told  bool // the wall clock has gone on; else it has not been set yet
		want  []string
	}{
		{"a nap", ci(), 20 * time.Minute, true, []string{"GET " + tags}},
		{"for two hours", ci(), 2 * time.Hour, true, []string{token, "GET " + tags}},
		{"for two hours, and the clock does not know", ci(), 2 * time.Hour, false,
			[]string{"GET " + tags, token, "GET " + tags}},
		{"for two hours, with a refresh token that is good", principal(), 2 * time.Hour, true,
			[]string{refresh, "GET " + tags}},
		{"for a night, with a refresh token", principal(), 8 * time.Hour, true,
			[]string{entra, exchange, refresh, "GET " + tags}},
		{"for a night, with a refresh token, and the clock does not know", principal(), 8 * time.Hour, false,
			[]string{"GET " + tags, entra, exchange, refresh, "GET " + tags}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Not in a bubble: there, clocks have no monotonic reading.
			began := time.Now()
			server, machine := began, began
			f := newFake()
			f.now = func() time.Time { return server }
			rt, err := auth.NewTransport(testHost, tt.cred, &auth.Options{Now: func() time.Time { return machine },
				Base: &direct{hosts: map[string]http.Handler{"https://" + testHost: f,
					"https://login.microsoftonline.com": f}}})
			if err != nil {
				t.Fatal(err)
			}
			defer rt.Close()
			wantStatus(t, do(t, rt, "GET", tags, ""), 200)
			f.took()
			server = began.Add(tt.slept)
			if tt.told {
				machine = asleep(t, began, tt.slept)
			}
			wantStatus(t, do(t, rt, "GET", tags, ""), 200)
			wantLog(t, f, tt.want...)
			wantStatus(t, do(t, rt, "GET", tags, ""), 200)
			wantLog(t, f, "GET "+tags)
		})
	}
}

// All that a machine had under way when it was closed comes back at once: one
// renewal for all.
func TestSleep_manyWakeTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const tags = "/v2/team/app/tags/list"
		f := newFake()
		var slept atomic.Int64
		f.now = func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
		rt, err := auth.NewTransport(testHost, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil),
			&auth.Options{Base: &direct{hosts: map[string]http.Handler{"https://" + testHost: f,
				"https://login.microsoftonline.com": f}}})
		if err != nil {
			t.Fatal(err)
		}
		defer rt.Close()
		wantStatus(t, do(t, rt, "GET", tags, ""), 200)
		f.took()
		slept.Store(int64(8 * time.Hour))
		// All of them send the dead token before one has its refusal.
		var together sync.WaitGroup
		together.Add(20)
		var arrived atomic.Int32
		f.intercept = func(_ http.ResponseWriter, r *http.Request, _ url.Values) bool {
			if r.URL.Path == tags && arrived.Add(1) <= 20 {
				together.Done()
				together.Wait()
			}
			return false
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+testHost+tags, nil)
				resp, err := rt.RoundTrip(req)
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("got %v, %v", resp, err)
				}
				if err == nil {
					_ = resp.Body.Close()
				}
			})
		}
		wg.Wait()
		want := map[string]int{tags: 40, "/tenant-1/oauth2/v2.0/token": 1, "/oauth2/exchange": 1, "/oauth2/token": 1}
		if diff := difftest.Diff(want, paths(f.took())); diff != "" {
			t.Error(diff)
		}
	})
}

// Three hours of work, a request every half minute, on a machine whose clock is two
// hours off, and against servers that tell no time or the wrong one. The registry
// is never sent a token that has ended, and token services are asked as rarely as
// what they say allows.
func TestClockTwoHoursOff(t *testing.T) {
	const tags = "/v2/team/app/tags/list"
	const work, every = 3 * time.Hour, 30 * time.Second
	requests := int(work / every)
	hourly := 4                                // at the start and each 48 minutes
	minutely := int(work/(60*time.Second)) + 1 // what a token without a known end is used for
	for _, server := range []struct {
		name   string
		set    func(*fake)
		tokens int
	}{
		{"Date", func(*fake) {}, hourly},
		{"no Date", func(f *fake) { f.noDate = true }, minutely},
		{"no expiry", func(f *fake) { f.bareJWT = true }, minutely},
		// A front end whose clock differs from the one that makes the tokens. The first
		// makes them seem to have ended when they come, the second to live for three
		// hours; the registry's refusal then costs one more request each hour.
		{"a Date two hours ahead", func(f *fake) { f.date = 2 * time.Hour }, minutely},
		{"a Date two hours behind", func(f *fake) { f.date = -2 * time.Hour }, hourly},
	} {
		for _, skew := range []time.Duration{0, 2 * time.Hour, -2 * time.Hour} {
			for _, kind := range []string{"token", "principal"} {
				t.Run(fmt.Sprintf("%s/%v/%s", server.name, skew, kind), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						f := newFake()
						server.set(f)
						cred, exchanges := ci(), 0
						if kind == "principal" {
							cred, exchanges = auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil),
								server.tokens
						}
						rt, err := auth.NewTransport(testHost, cred, &auth.Options{Now: func() time.Time {
							return time.Now().Add(skew)
						},
							Base: &direct{hosts: map[string]http.Handler{"https://" + testHost: f,
								"https://login.microsoftonline.com": f}}})
						if err != nil {
							t.Fatal(err)
						}
						defer rt.Close()
						for range requests {
							wantStatus(t, do(t, rt, "GET", tags, ""), 200)
							time.Sleep(every)
						}
						synctest.Wait()
						got := paths(f.took())
						dead := 0
						if f.date < 0 {
							dead = server.tokens
						}
						if n := got[tags] - requests; n > dead {
							t.Errorf("%d requests with a token that had ended, want at most %d", n, dead)
						}
						if n := got["/oauth2/token"]; n > server.tokens {
							t.Errorf("%d token requests, want at most %d", n, server.tokens)
						}
						if n := got["/oauth2/exchange"]; n > exchanges || n != got["/tenant-1/oauth2/v2.0/token"] {
							t.Errorf("%d exchanges and %d sign-ins, want at most %d", n,
								got["/tenant-1/oauth2/v2.0/token"], exchanges)
						}
					})
				})
			}
		}
	}
}

// flaky makes a registry that refuses one request in ten, as if its token were not
// good, with or without a word of why. Token services are left alone: what they
// refuse is the credential.
type flaky struct {
	mu       sync.Mutex
	draw     *rand.Rand
	twice    bool           // may refuse the second try of a call as well
	refusals map[string]int // by call, which the header Call names
}

func (f *flaky) refuses(w http.ResponseWriter, r *http.Request, _ url.Values) bool {
	if strings.Contains(r.URL.Path, "/oauth2/") {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	call := r.Header.Get("Call")
	if f.draw.IntN(10) > 0 || f.refusals[call] > 0 && !f.twice {
		return false
	}
	f.refusals[call]++
	if f.draw.IntN(2) == 0 {
		w.Header().Set("Www-Authenticate", `Bearer realm="https://`+testHost+`/oauth2/token",service="`+testHost+
			`",error="invalid_token"`)
	}
	w.WriteHeader(http.StatusUnauthorized)
	return true
}

// A registry that answers 401 once in ten, for no reason. What can be sent again
// succeeds; what cannot is refused, clearly, and is never sent empty.
func TestOneInTenIsRefused(t *testing.T) {
	const calls, workers, repositories = 4000, 8, 25
	for _, tt := range []struct {
		name  string
		twice bool
	}{{"never twice in a row", false}, {"at random", true}} {
		t.Run(tt.name, func(t *testing.T) {
			f, rt, _ := setup(t, auth.ServicePrincipal("tenant-1", "client-1", "sp-secret", nil))
			var allowed []string
			for i := range repositories {
				allowed = append(allowed, fmt.Sprintf("repository:team/r%d:metadata_read,pull,push", i))
			}
			f.allowed = mustScope(strings.Join(allowed, " "))
			bad := &flaky{draw: rand.New(rand.NewPCG(20, 26)), twice: tt.twice, refusals: map[string]int{}}
			f.intercept = bad.refuses

			var failed, streamsRefused, bodies atomic.Int64
			var wg sync.WaitGroup
			for worker := range workers {
				draw := rand.New(rand.NewPCG(7, uint64(worker)))
				wg.Go(func() {
					for i := range calls / workers {
						id := fmt.Sprint(worker, ".", i)
						repo := fmt.Sprintf("/v2/team/r%d", draw.IntN(repositories))
						method, path, stream := http.MethodGet, repo+"/tags/list", false
						var body io.Reader
						switch draw.IntN(5) {
						case 0:
							path = repo + "/manifests/v1"
						case 1:
							path = repo + "/blobs/sha256:00"
						case 2:
							method, path, body = http.MethodPut, repo+"/manifests/v1", strings.NewReader("body of "+id)
						case 3:
							method, path, body, stream = http.MethodPatch, repo+"/blobs/uploads/u",
								io.NopCloser(strings.NewReader("body of "+id)), true
						}
						req, err := http.NewRequestWithContext(t.Context(), method, "https://"+testHost+path, body)
						if err != nil {
							t.Error(err)
							return
						}
						req.Header.Set("Call", id)
						resp, err := rt.RoundTrip(req)
						if err != nil {
							t.Errorf("%s %s: %v", method, path, err)
							continue
						}
						bad.mu.Lock()
						refused := bad.refusals[id]
						bad.mu.Unlock()
						switch {
						case resp.StatusCode == http.StatusOK:
							if body != nil {
								bodies.Add(1)
							}
						case stream && refused == 1:
							streamsRefused.Add(1)
							err := rt.ResponseError(resp, "upload a blob")
							if !errors.Is(err, acrkit.CodeCredentialRejected) ||
								!strings.Contains(err.Error(), "can be read only once") {
								t.Errorf("a stream that was refused: %v", err)
							}
						case tt.twice && refused == 2:
							failed.Add(1)
						default:
							t.Errorf("%s %s: status %d after %d refusals", method, path, resp.StatusCode, refused)
						}
						_ = resp.Body.Close()
					}
				})
			}
			wg.Wait()

			refusals := 0
			for _, n := range bad.refusals {
				refusals += n
			}
			t.Logf("%d calls, %d refusals, %d streams refused, %d calls refused twice", calls, refusals,
				streamsRefused.Load(), failed.Load())
			if refusals < calls/20 || streamsRefused.Load() == 0 || tt.twice != (failed.Load() > 0) {
				t.Error("this tests nothing")
			}
			// One in a hundred meets it twice in a row, by chance, and that is not a case
			// for asking on and on.
			if failed.Load() > calls/50 {
				t.Errorf("%d of %d calls failed", failed.Load(), calls)
			}
			got := paths(f.took())
			tokens := got["/oauth2/token"]
			delete(got, "/oauth2/token")
			signIns, exchanges := got["/tenant-1/oauth2/v2.0/token"], got["/oauth2/exchange"]
			delete(got, "/tenant-1/oauth2/v2.0/token")
			delete(got, "/oauth2/exchange")
			sent := 0
			for _, n := range got {
				sent += n
			}
			if most := calls + refusals; sent > most {
				t.Errorf("%d requests, want at most %d: the calls and what was sent again", sent, most)
			}
			cold := repositories * 3 // pull, push and metadata_read of each
			if tokens > cold+refusals || exchanges > 1+refusals || exchanges != signIns {
				t.Errorf("%d token requests, %d exchanges, %d sign-ins for %d refusals", tokens,
					exchanges, signIns, refusals)
			}
			seen := map[string]bool{}
			for _, b := range f.bodies {
				if b != "" && (seen[b] || !strings.HasPrefix(b, "body of ")) {
					t.Errorf("the registry took %q twice", b)
				}
				seen[b] = true
			}
			delete(seen, "") // of the GETs
			if int64(len(seen)) != bodies.Load() {
				t.Errorf("the registry took %d bodies, and %d were given to it", len(seen), bodies.Load())
			}
		})
	}
}

// heap returns the memory that is in use, after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // finalizers and pools of the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// wantGoroutines waits for the number of goroutines to come back to what it was.
func wantGoroutines(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before,
				stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// tokenMill is a registry that keeps nothing: tokens of two kilobytes, as ACR's
// are, and an answer to everything.
type tokenMill struct{ tokens, requests atomic.Int64 }

func (m *tokenMill) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}
	if r.URL.Path != "/oauth2/token" {
		m.requests.Add(1)
		return resp, nil
	}
	resp.Body = io.NopCloser(strings.NewReader(fmt.Sprintf(`{"access_token":"%d.%s","expires_in":3600}`,
		m.tokens.Add(1), strings.Repeat("x", 2000))))
	return resp, nil
}

// A tool that walks through a registry: 1,000 repositories in turn, then in random
// order, on one transport, each with a token of its own; then many more, with a
// few that are used all the time.
func TestThousandRepositories(t *testing.T) {
	goroutines := runtime.NumGoroutine()
	mill := &tokenMill{}
	rt, err := auth.NewTransport(testHost, ci(), &auth.Options{Base: mill})
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	visit := func(i int) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			fmt.Sprintf("https://%s/v2/team/r%d/tags/list", testHost, i), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	want := func(what string, tokens, requests int64) {
		t.Helper()
		if got := mill.tokens.Swap(0); got != tokens {
			t.Errorf("%s: %d token requests, want %d", what, got, tokens)
		}
		if got := mill.requests.Swap(0); got != requests {
			t.Errorf("%s: %d requests, want %d", what, got, requests)
		}
	}
	const some = 1000
	if some > auth.MaxCachedTokens {
		t.Fatal("the cache has no room for 1,000 tokens")
	}
	empty := heap()
	for i := range some {
		visit(i)
	}
	want("in turn", some, some)
	draw := rand.New(rand.NewPCG(1, 2))
	for _, i := range draw.Perm(some) {
		visit(i)
	}
	want("in random order", 0, some)
	full := heap()
	t.Logf("1,000 tokens of 2 kB: %.1f MiB", float64(int64(full)-int64(empty))/(1<<20))
	if full > empty+8<<20 {
		t.Errorf("1,000 tokens take %d bytes", full-empty)
	}

	// Ten times the cache goes by; ten repositories are visited all along. They are
	// asked for once more at most: what is used stays, what is not goes.
	const many = 10 * auth.MaxCachedTokens
	for i := range many {
		visit(some + i)
		visit(i % 10)
	}
	want("a long walk", many, 2*many)
	if after := heap(); after > full+1<<20 {
		t.Errorf("after %d repositories the heap has grown by %d bytes", many, after-full)
	}
	for i := range auth.MaxCachedTokens - 10 {
		visit(some + many - 1 - i) // the latest, and none of the ten
	}
	want("the latest", 0, auth.MaxCachedTokens-10)
	visit(some - 1)
	want("one of long ago", 1, 1)
	if err := rt.Close(); err != nil {
		t.Error(err)
	}
	wantGoroutines(t, goroutines)
	if after := heap(); after > full+1<<20 {
		t.Errorf("closed, the transport holds on to %d bytes", after-full)
	}
}
