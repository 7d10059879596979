package acrtest_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/fault"
)

// tags lists a repository's tags with the client of package registry.
func tags(t *testing.T, reg *acrtest.Registry, cred auth.Credential) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, err := range reg.Client(cred).Tags(ctx, "samples/app", nil) {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestFaultsSeenByAClient: our own client retries what may pass, and reports what
// does not as what it is.
func TestFaultsSeenByAClient(t *testing.T) {
	for name, x := range map[string]struct {
		fault fault.Fault
		code  acrkit.Code // "" = it is outlasted
		least int64       // hits
	}{
		"throttled_once": {fault.Fault{Kind: fault.Throttle, Routes: []fault.Route{fault.RouteTags}, Count: 1},
			"", 1},
		"unavailable_once": {fault.Fault{Kind: fault.Status, Status: 503,
			Routes: []fault.Route{fault.RouteTags}, Count: 1}, "", 1},
		"dropped_once": {fault.Fault{Kind: fault.Drop, Routes: []fault.Route{fault.RouteTags}, Count: 1}, "",
			1},
		"drop_in_the_body": {fault.Fault{Kind: fault.Drop, AfterBytes: 20, Routes: []fault.Route{fault.RouteTags},
			Principal: "reader", Count: 1}, "", 1},
		"token_service_down": {fault.Fault{Kind: fault.Status, Status: 503, Routes: []fault.Route{fault.RouteToken}},
			acrkit.CodeUnavailable, 1},
		"token_empty_401": {fault.Fault{Kind: fault.Unauthorized, Routes: []fault.Route{fault.RouteToken}},
			acrkit.CodeCredentialRejected, 1},
		"slow": {fault.Fault{Kind: fault.Slow, BytesPerSecond: 4000,
			Routes: []fault.Route{fault.RouteTags}}, "", 1},
		"another_identity": {fault.Fault{Kind: fault.Status, Status: 500, Principal: "another"}, "", 0},
		"another_route": {fault.Fault{Kind: fault.Status, Status: 500,
			Routes: []fault.Route{fault.RouteCatalog}}, "", 0},
		"this_identity's_token": {fault.Fault{Kind: fault.Unauthorized, Principal: "READER",
			Routes: []fault.Route{fault.RouteToken}}, acrkit.CodeCredentialRejected, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := acrtest.NewRegistry(t, nil)
			reg.Push("samples/app", "v1")
			token := reg.Token("reader", "repositories/samples/app/metadata/read")
			f, err := reg.Emulator().AddFault(x.fault)
			if err != nil {
				t.Fatal(err)
			}
			err = tags(t, reg, token.Credential())
			if acrkit.CodeOf(err) != x.code {
				t.Errorf("%v, want %q", err, x.code)
			}
			hits := int64(0)
			for _, d := range reg.Decisions() {
				if d.Outcome == emulator.OutcomeFaulted && strings.HasPrefix(d.Reason, "fault ") {
					hits++
				}
			}
			if hits < x.least || x.least == 0 && hits > 0 {
				t.Errorf("%d requests were hit by fault %d", hits, f.ID)
			}
		})
	}
}

func TestHangEndsWithTheClient(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Fault(fault.Fault{Kind: fault.Hang})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for _, method := range []string{http.MethodGet, http.MethodPut} {
		req, err := http.NewRequestWithContext(ctx, method, reg.URL()+"/v2/a/manifests/v1", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := reg.HTTPClient().Do(req)
		if err == nil {
			resp.Body.Close()
			t.Error("there was an answer")
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", method, err)
		}
	}
	reg.Reset("") // does not wait for what hangs
}

// TestIdentityUnderARunningClient: what an administrator does while a client
// runs.
func TestIdentityUnderARunningClient(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	token := reg.Token("reader", "repositories/samples/app/metadata/read")
	// One transport holds its access token, as a long-running client does.
	client := reg.Client(token.Credential())
	list := func() acrkit.Code {
		for _, err := range client.Tags(t.Context(), "samples/app", nil) {
			if err != nil {
				return acrkit.CodeOf(err)
			}
		}
		return ""
	}
	expect := func(what string, want acrkit.Code) {
		t.Helper()
		if got := list(); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	expect("at first", "")
	reg.DisableToken("reader")
	expect("disabled", acrkit.CodeCredentialRejected)
	reg.EnableToken("reader")
	expect("enabled", "")
	reg.ScopeMap("reader", "repositories/other/metadata/read")
	expect("its scope map shrank", acrkit.CodeInsufficientScope)
	reg.ScopeMap("reader", "repositories/samples/app/metadata/read")
	expect("its scope map is back", "")
	reg.ExpirePassword("reader", "password1")
	expect("its password has expired, its access token not", "")
	reg.Advance(61 * time.Minute)
	expect("its access token has expired too", acrkit.CodeCredentialRejected)
	reader := reg.Token("two-passwords", "repositories/*/metadata/read")
	reg.RegeneratePassword(reader.Name, "password1")
	if err := tags(t, reg, reader.Credential()); acrkit.CodeOf(err) != acrkit.CodeCredentialRejected {
		t.Errorf("with the old password: %v", err)
	}
	if err := tags(t, reg, reader.Pair()); err != nil {
		t.Errorf("with both passwords, of which one is old: %v", err)
	}
	next := auth.ScopedToken("reader", reg.RegeneratePassword("reader", "password1"))
	if err := tags(t, reg, next); err != nil {
		t.Errorf("with a new password: %v", err)
	}
	reg.DenyNetwork()
	if err := tags(t, reg, next); acrkit.CodeOf(err) != acrkit.CodeDenied ||
		!strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("behind a firewall: %v", err)
	}
	reg.AllowNetwork()
	if err := tags(t, reg, next); err != nil {
		t.Errorf("after AllowNetwork: %v", err)
	}
}

// TestExpiryMidPush: with tokens that live for a moment of the registry's clock,
// a push across their end goes through, because the transport renews.
func TestExpiryMidPush(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Clock().Freeze()
	reg.Push("samples/app", "v1")
	for i := range 3 {
		reg.Advance(2 * time.Hour)
		reg.Push("samples/app", string(rune('a'+i)))
	}
}

func TestSnapshotAndReset(t *testing.T) {
	for name, dir := range map[string]string{"memory": "", "disk": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			reg := acrtest.NewRegistry(t, &acrtest.Options{DataDir: dir})
			reg.Push("samples/app", "v1")
			token := reg.Token("reader", "repositories/samples/app/metadata/read")
			reg.Snapshot("one")
			reg.Push("samples/app", "v2")
			reg.Push("other", "v1")
			reg.DisableToken("reader")
			if _, err := reg.Emulator().Collect(t.Context()); err != nil {
				t.Fatal(err)
			}
			reg.Reset("one")
			var got []string
			for tag, err := range reg.Client(token.Credential()).Tags(t.Context(), "samples/app", nil) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, tag.Name)
			}
			if !slices.Equal(got, []string{"v1"}) {
				t.Errorf("tags %v", got)
			}
			// What was pushed afterwards works, with the same blobs too.
			reg.Push("other", "v1")
			reg.Reset("")
			if err := tags(t, reg, token.Credential()); acrkit.CodeOf(err) != acrkit.CodeCredentialRejected {
				t.Errorf("after the seed: %v", err)
			}
			reg.Push("samples/app", "v1")
		})
	}
}

// TestResetDuringPushes: many push while the state is replaced and copied over
// and over. Each answer is of one state or the other, a snapshot holds no manifest
// without its blobs, and in the end all works.
func TestResetDuringPushes(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	token := reg.TokenOf("pusher", "_repositories_admin")
	reg.Snapshot("empty")
	rt := reg.Transport(token.Credential())
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			client := &http.Client{Transport: rt}
			for n := 0; ctx.Err() == nil; n++ {
				err := pushImage(ctx, client, reg.URL(), "load/"+string(rune('a'+i)))
				if err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 6 {
		name := "s" + string(rune('0'+i))
		reg.Snapshot(name)
		reg.Reset("empty")
		reg.Reset(name)
		if _, err := reg.Emulator().Collect(t.Context()); err != nil {
			t.Error(err)
		}
	}
	stop()
	wg.Wait()
	reg.Reset("s5")
	// Whole: every tagged manifest and its blobs can be read.
	client := &http.Client{Transport: rt}
	for i := range 4 {
		if err := readImage(t.Context(), client, reg.URL(), "load/"+string(rune('a'+i))); err != nil {
			t.Error(err)
		}
	}
	if denied := reg.Denied(); len(denied) > 0 {
		t.Errorf("refused: %+v", denied[0])
	}
}

// TestRequestsOfOtherClients: the request log has what any program sent.
func TestRequestsOfOtherClients(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1")
	if len(reg.Requests()) != 0 {
		t.Errorf("Push's own requests: %v", reg.Requests().Lines())
	}
	// A client that knows nothing of this package, over plain HTTP.
	resp, err := http.Get("http://127.0.0.1" + reg.Host()[strings.LastIndex(reg.Host(), ":"):] + "/v2/?x=1")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	reg.Fault(fault.Fault{Kind: fault.Drop})
	if resp, err := reg.HTTPClient().Get(reg.URL() + "/v2/"); err == nil {
		resp.Body.Close()
		t.Error("not dropped")
	}
	got := reg.Requests().Lines()
	if len(got) < 2 || got[0] != "GET /v2/ 401" || got[len(got)-1] != "GET /v2/ 0" {
		t.Errorf("%v", got)
	}
	if reg.Requests()[0].Query != "x=1" {
		t.Errorf("%+v", reg.Requests()[0])
	}
}

// TestRateLimits: an identity is refused after its share, others go on, and the
// identity can go on after the wait of Retry-After.
func TestRateLimits(t *testing.T) {
	reg := acrtest.NewRegistry(t, &acrtest.Options{RateLimits: true})
	reg.Clock().Freeze()
	if err := reg.Clock().Set(time.Date(2030, 1, 1, 0, 0, 10, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	a, b := reg.TokenOf("first-token", "_repositories_admin"), reg.TokenOf("second-token", "_repositories_admin")
	get := func(rt http.RoundTripper) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, reg.URL()+"/acr/v1/none", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	first := reg.Transport(a.Credential())
	const perIdentity = 2000 // DataplaneDelete, Premium
	for i := range perIdentity {
		if resp := get(first); resp.StatusCode != 404 {
			t.Fatalf("request %d: %s", i, resp.Status)
		}
	}
	resp := get(first)
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "50" {
		t.Errorf("%s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
	}
	if resp := get(reg.Transport(b.Credential())); resp.StatusCode != 404 {
		t.Errorf("another identity: %s", resp.Status)
	}
	reg.Advance(50 * time.Second)
	if resp := get(first); resp.StatusCode != 404 {
		t.Errorf("after the wait: %s", resp.Status)
	}
}
