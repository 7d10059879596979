package emulator_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/fault"
)

// The numbers of the limits are repeated here, so that a change of one fails.

// A token request has a maximum length. Where more than that has come, the rest is not
// needed to refuse it.
func TestTokenRequestLimit(t *testing.T) {
	f := start(t, nil)
	for path, most := range map[string]int{"/oauth2/token": 512 << 10, "/oauth2/exchange": 512 << 10,
		"/" + tenantID + "/oauth2/v2.0/token": 64 << 10} {
		for size, want := range map[int]int{most: 400, most + 1: 413} {
			body := "pad=" + strings.Repeat("a", size-len("pad="))
			a := f.do("POST", path, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body)
			if a.status != want {
				t.Errorf("%s: a request of %d bytes: %d, want %d", path, size, a.status, want)
			}
		}
	}
	const most = 512 << 10
	for sent, want := range map[int]int{most: 408, most + 1: 413} {
		inBubble(t, func(t *testing.T, b *bubble) {
			c := b.dial(
				"POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
					"Content-Length: %d\r\n\r\n%s", 4*most, strings.Repeat("a", sent))
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			must(t, err)
			if resp.StatusCode != want {
				t.Errorf("%d bytes, and no more: %d, want %d", sent, resp.StatusCode, want)
			}
		})
	}
}

// A token request asks for at most 1000 rights, in at most 1000 words.
func TestScopeLimit(t *testing.T) {
	f := start(t, nil)
	scope := func(words int, format string) string {
		var b strings.Builder
		for i := range words {
			fmt.Fprintf(&b, format+" ", i)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		scope string
		want  int
	}{
		"1000_rights_in_1000_words": {scope(1000, "repository:r%d:pull"), 200},
		"1001_rights_in_1001_words": {scope(1001, "repository:r%d:pull"), 400},
		"1000_rights_in_500_words":  {scope(500, "repository:r%d:pull,push"), 200},
		"1002_rights_in_501_words":  {scope(501, "repository:r%d:pull,push"), 400},
		"one_right_in_1000_words":   {strings.Repeat("repository:r:pull ", 1000), 200},
		"one_right_in_1001_words":   {strings.Repeat("repository:r:pull ", 1001), 400},
	} {
		if a := f.password("ci-pull", pullPw, c.scope); a.status != c.want {
			t.Errorf("%s: %d %.200s", name, a.status, a.body)
		}
	}
}

// 64 callers wait for decisions at a time, each for a minute at most.
func TestFollowers(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		call := func(query string) (status int, took time.Duration) {
			r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost/_acrkit/v1/decisions"+query, nil)
			r.RemoteAddr = "" // a call of the handler
			r.Header.Set("Acrkit-Control-Key", string(b.ControlKey()))
			w, start := httptest.NewRecorder(), time.Now()
			b.ServeHTTP(w, r)
			return w.Code, time.Since(start)
		}
		const wait = "?outcome=faulted&wait="
		if status, _ := call(wait + "60001ms"); status != 400 {
			t.Errorf("more than a minute: %d", status)
		}
		var callers sync.WaitGroup
		for range 64 {
			callers.Go(func() {
				if status, took := call(wait + "60s"); status != 200 || took != time.Minute {
					t.Errorf("a caller: %d after %v", status, took)
				}
			})
		}
		synctest.Wait()
		if status, took := call(wait + "60s"); status != 503 || took != 0 {
			t.Errorf("one more: %d after %v", status, took)
		}
		if status, _ := call(""); status != 200 {
			t.Errorf("one that does not wait: %d", status)
		}
		callers.Wait()
		if status, _ := call(wait + "1ms"); status != 200 {
			t.Errorf("afterwards: %d", status)
		}
	})
}

// An answer has at most 1000 decisions.
func TestControlPage(t *testing.T) {
	f := start(t, nil)
	key := http.Header{"Acrkit-Control-Key": {string(f.ControlKey())}}
	for range 1001 {
		f.get("/v2/", nil)
	}
	const path = "/_acrkit/v1/decisions"
	for query, want := range map[string]int{"": 200, "?limit=1000": 200, "?limit=1001": 400} {
		a := f.get(path+query, key)
		if a.status != want {
			t.Errorf("%q: %d", query, a.status)
			continue
		}
		var got struct {
			Decisions []struct{}
			More      bool
		}
		must(t, json.Unmarshal([]byte(a.body), &got))
		if want == 200 && (len(got.Decisions) != 1000 || !got.More) {
			t.Errorf("%q: %d decisions, more %v", query, len(got.Decisions), got.More)
		}
	}
}

func TestFaultLimits(t *testing.T) {
	f := start(t, nil)
	key := http.Header{"Acrkit-Control-Key": {string(f.ControlKey())}, "Content-Type": {"application/json"}}
	for seconds, ok := range map[int]bool{3600: true, 3601: false} {
		_, err := f.AddFault(fault.Fault{Kind: fault.Throttle, RetryAfter: time.Duration(seconds) * time.Second})
		if (err == nil) != ok || !ok && acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("a Retry-After of %d s: %v", seconds, err)
		}
		want := map[bool]int{true: 201, false: 400}[ok]
		body := fmt.Sprintf(`{"kind":"throttle","retryAfter":%d}`, seconds)
		if a := f.do("POST", "/_acrkit/v1/faults", key, body); a.status != want {
			t.Errorf("a Retry-After of %d s: %d %s", seconds, a.status, a.body)
		}
	}
	for seconds, ok := range map[int]bool{0: false, 1: true, 3600: true, 3601: false} {
		_, err := f.AddFault(fault.Fault{Kind: fault.LateWrite, Delay: time.Duration(seconds) * time.Second})
		if (err == nil) != ok || !ok && acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("a delay of %d s: %v", seconds, err)
		}
		want := map[bool]int{true: 201, false: 400}[ok]
		body := fmt.Sprintf(`{"kind":"late-password","delay":%d}`, seconds)
		if a := f.do("POST", "/_acrkit/v1/faults", key, body); a.status != want {
			t.Errorf("a delay of %d s: %d %s", seconds, a.status, a.body)
		}
	}
	f.RemoveFaults()
	for i := range 101 {
		_, err := f.AddFault(fault.Fault{Kind: fault.Hang, Routes: []fault.Route{fault.RouteARM}})
		if ok := i < 100; (err == nil) != ok || !ok && acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Fatalf("fault %d: %v", i+1, err)
		}
	}
}

func TestIPRulesLimit(t *testing.T) {
	f := start(t, nil)
	for n, ok := range map[int]bool{100: true, 101: false} {
		rules := make([]netip.Prefix, n)
		for i := range rules {
			rules[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 32)
		}
		err := f.registry().ChangeSettings(t.Context(), func(s *emulator.RegistrySettings) {
			s.Network = emulator.NetworkRules{Deny: true, Allow: rules}
		})
		if (err == nil) != ok || !ok && acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%d rules: %v", n, err)
		}
	}
}

// A link to storage is good for 20 minutes.
func TestLinkLifetime(t *testing.T) {
	f := start(t, &emulator.Options{BlobRedirects: true})
	_, port, _ := strings.Cut(f.host, ":")
	token := f.password("ci-pull", pullPw, "repository:samples/app:pull").field(t, "access_token")
	path := "https://myregistry.azurecr.localhost:" + port + "/v2/samples/app/blobs/" + f.someBlob(t, token)
	location := f.do(http.MethodGet, path, bearer(token), "").header.Get("Location")
	f.clock.Add(20*time.Minute - time.Second)
	if a := f.do(http.MethodGet, location, nil, ""); a.status != 200 {
		t.Errorf("a second before its end: %d %s", a.status, a.body)
	}
	f.clock.Add(time.Second)
	if a := f.do(http.MethodGet, location, nil, ""); a.status != 403 {
		t.Errorf("at its end: %d %s", a.status, a.body)
	}
}
