package control_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/control"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// open returns an emulator in memory, and a client of it that makes no connection. called
// lists the requests, as METHOD PATTERN of the emulator's router.
func open(t *testing.T) (e *emulator.Emulator, c *control.Client, called func() []string) {
	t.Helper()
	e, err := emulator.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	mux := http.NewServeMux()
	var patterns []string
	for _, o := range control.Operations() {
		mux.HandleFunc(o.Method()+" "+control.Prefix+o.Path(), func(w http.ResponseWriter, r *http.Request) {
			patterns = append(patterns, string(o))
			e.ServeHTTP(w, r)
		})
	}
	c, err = control.NewClient("https://localhost:5443", string(e.ControlKey()), &control.Options{
		Base: roundTrip(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
			in.Header, in.RemoteAddr = r.Header, ""
			mux.ServeHTTP(w, in)
			resp := w.Result()
			resp.Request = r
			return resp, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, c, func() []string { return patterns }
}

// TestClient calls every method, and with them every operation, of a real emulator.
func TestClient(t *testing.T) {
	e, c, called := open(t)
	ctx := t.Context()
	ok := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	same := func(what string, got, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	frozen, now := true, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err := c.ChangeClock(ctx, control.ClockChange{Frozen: &frozen})
	ok("ChangeClock", err)
	_, err = c.ChangeClock(ctx, control.ClockChange{Now: &now})
	ok("ChangeClock", err)
	clock, err := c.AdvanceClock(ctx, time.Hour)
	ok("AdvanceClock", err)
	same("the clock", clock.Now, now.Add(time.Hour))
	shown, err := c.Clock(ctx)
	ok("Clock", err)
	same("the clock is frozen", shown.Frozen, true)

	same("Lifetimes", get(c.SetLifetimes(ctx, control.Lifetimes{Access: "5m"})),
		control.Lifetimes{Access: "5m0s", Refresh: "3h0m0s", Entra: "1h0m0s"})
	same("Lifetimes", get(c.Lifetimes(ctx)).Access, "5m0s")
	ok("SetRateLimits", c.SetRateLimits(ctx, true))
	same("RateLimits", get(c.RateLimits(ctx)), true)

	added := get(c.AddFault(ctx, control.NewFault{Kind: "status", Status: 503}))
	same("Faults", get(c.Faults(ctx)), []control.Fault{added})
	same("the faults of the emulator", len(e.Faults()), 1)
	ok("RemoveFault", c.RemoveFault(ctx, added.ID))
	same("RemoveFault again", acrkit.CodeOf(c.RemoveFault(ctx, added.ID)), acrkit.CodeNotFound)
	ok("RemoveFaults", c.RemoveFaults(ctx))

	taken := get(c.TakeSnapshot(ctx, "one"))
	same("Snapshots", get(c.Snapshots(ctx))[1], taken)
	part := get(c.Check(ctx, ""))
	same("Check", part.Next, "")
	if text := get(c.Seed(ctx)); !strings.Contains(text, "\nregistries:\n  - name: myregistry\n") {
		t.Errorf("Seed: %s", text)
	}

	registries := get(c.Registries(ctx))
	same("Registries", len(registries), 1)
	same("Registry", get(c.Registry(ctx, "myregistry")), registries[0])
	disabled := control.Disabled
	changed := get(c.ChangeRegistry(ctx, "", control.RegistryChange{ArmTokenPolicy: &disabled,
		Network: &control.Network{DefaultAction: "Deny"}}))
	same("ChangeRegistry", changed.ArmTokenPolicy, control.Disabled)
	same("ChangeRegistry", changed.Network, control.Network{DefaultAction: "Deny", IPRules: []string{}})

	stored := get(c.PutScopeMap(ctx, "", "ci-pull",
		control.NewScopeMap{Actions: []string{"repositories/a/content/read"}}))
	same("ScopeMaps", get(c.ScopeMaps(ctx, ""))[0], stored)
	token := get(c.PutToken(ctx, "", "ci-pull", control.NewToken{ScopeMap: "ci-pull"}))
	same("Tokens", get(c.Tokens(ctx, "")), []control.Token{token})
	same("ChangeToken",
		get(c.ChangeToken(ctx, "", "ci-pull", control.TokenChange{Status: &disabled})).Status, control.Disabled)
	passwords := get(c.GeneratePasswords(ctx, "", "ci-pull", control.NewPasswords{Names: []string{"password2"}}))
	same("GeneratePasswords", len(passwords), 1)
	if text := fmt.Sprintf("%v %+v %#v %s", passwords, passwords, passwords,
		passwords[0].LogValue()); strings.Contains(text, passwords[0].Value) ||
		!strings.Contains(text, "password2") {
		t.Errorf("a password prints as %s", text)
	}
	expired := get(c.ExpirePassword(ctx, "", "ci-pull", "password2", time.Time{}))
	same("ExpirePassword", expired.Passwords[0].Expires, now.Add(time.Hour))
	same("Token", get(c.Token(ctx, "", "ci-pull")), expired)
	ok("DeleteToken", c.DeleteToken(ctx, "", "ci-pull"))
	ok("DeleteScopeMap", c.DeleteScopeMap(ctx, "", "ci-pull"))

	page := get(c.Decisions(ctx, control.DecisionQuery{Registry: "myregistry", Principal: "ci-pull", Repository: "a",
		Outcome: "denied", Since: now, After: 1, Wait: time.Millisecond}))
	same("Decisions", len(page.Decisions), 0)
	ok("Reset", c.Reset(ctx, "one"))
	ok("DeleteSnapshot", c.DeleteSnapshot(ctx, "one"))
	running := get(c.ResetClock(ctx))
	same("ResetClock", running.Frozen, false)

	var missed []string
	for _, o := range control.Operations() {
		if !slices.Contains(called(), string(o)) && o != control.GetOpenAPI {
			missed = append(missed, string(o))
		}
	}
	if missed != nil {
		t.Errorf("no method of the client makes %q", missed)
	}
}

// get returns a result that must come without an error.
func get[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestClientErrors: each refusal has the code that the emulator said, or that of its
// status.
func TestClientErrors(t *testing.T) {
	e, c, _ := open(t)
	for name, x := range map[string]struct {
		err        error
		code       acrkit.Code
		text, hint string
	}{
		"not found": {c.DeleteToken(t.Context(), "", "none5"), acrkit.CodeNotFound,
			"it cannot find the token \"none5\"", ""},
		"no seed": {c.Reset(t.Context(), "none5"), acrkit.CodeNotFound, "", "acrkit emulator snapshot list"},
		"wrong":   {c.RemoveFault(t.Context(), -1), acrkit.CodeNotFound, "there is no such fault", ""},
		"wrong kind": {second(c.AddFault(t.Context(), control.NewFault{Kind: "x"})), acrkit.CodeUsage,
			"no kind of fault", ""},
		// The router answers a path that it cleans with a redirect, which is not followed.
		"a redirect": {c.DeleteSnapshot(t.Context(), ".."), acrkit.CodeProtocol, "it answered 3", ""},
	} {
		if acrkit.CodeOf(x.err) != x.code || !strings.Contains(fmt.Sprint(x.err), x.text) {
			t.Errorf("%s: %v", name, x.err)
		}
		if a, ok := errors.AsType[*acrkit.Error](x.err); !ok || a.Hint != x.hint {
			t.Errorf("%s: the hint %+v", name, x.err)
		}
	}
	other := func(url, key string) *control.Client {
		return get(control.NewClient(url, key,
			&control.Options{Base: roundTrip(func(r *http.Request) (*http.Response, error) {
				w := httptest.NewRecorder()
				in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
				in.Header, in.RemoteAddr = r.Header, ""
				e.ServeHTTP(w, in)
				return w.Result(), nil
			})}))
	}
	for code, c := range map[acrkit.Code]*control.Client{
		acrkit.CodeCredentialRejected: other("https://localhost:5443", "another-key"),
		acrkit.CodeDenied:             other("https://myregistry.azurecr.localhost", string(e.ControlKey())),
	} {
		if _, err := c.Clock(t.Context()); acrkit.CodeOf(err) != code {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestNewClient: the key goes to this machine, or over TLS, and is not printed.
func TestNewClient(t *testing.T) {
	const key = "key-of-the-control-api"
	for url, ok := range map[string]bool{
		"https://localhost:5443": true, "https://localhost:5443/": true, "https://reg.example": true,
		"http://localhost:5443": true, "http://127.0.0.1:5443": true, "http://[::1]:5443": true,
		"http://reg.example": false, "http://192.0.2.7:5443": false, "localhost:5443": false, "": false,
		"https://user:pw@localhost": false, "https://localhost/v2/": false, "https://localhost?x=1": false,
		"ftp://localhost": false,
	} {
		c, err := control.NewClient(url, key, nil)
		if (err == nil) != ok || !ok && acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("%q: %v", url, err)
		}
		if text := fmt.Sprintf("%v %+v %#v %s %v", c, c, c, c, err); strings.Contains(text, key) ||
			strings.Contains(text, "pw@") {
			t.Errorf("%q: %s", url, text)
		}
	}
	for _, key := range []string{"", "two words", "line\n"} {
		if _, err := control.NewClient("https://localhost", key, nil); acrkit.CodeOf(err) != acrkit.CodeUsage {
			t.Errorf("the key %q: %v", key, err)
		}
	}
}

// piped returns a client of a control API that answers with serve.
func piped(t *testing.T, serve func(conn net.Conn, req *http.Request)) *control.Client {
	base := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			in := bufio.NewReader(there)
			for {
				req, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				serve(there, req)
			}
		}()
		t.Cleanup(func() {
			_ = there.Close()
			<-done
		})
		return here, nil
	}}
	t.Cleanup(base.CloseIdleConnections)
	return get(control.NewClient("http://emulator.localhost", "k", &control.Options{Base: base}))
}

func answer(conn net.Conn, body string) {
	_, _ = fmt.Fprintf(conn,
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// An emulator that hangs does not hold its client; one that waits for a decision, as it
// was asked to, is waited for.
func TestClient_silence(t *testing.T) {
	for _, tt := range []struct {
		name  string
		serve func(net.Conn, *http.Request)
		after time.Duration
		text  string // "" = no error
	}{
		{"no_answer", func(net.Conn, *http.Request) {}, time.Minute,
			"emulator.localhost accepted the connection and sent nothing for 1m0s"},
		{"late", func(conn net.Conn, _ *http.Request) {
			time.Sleep(59 * time.Second)
			answer(conn, "{}")
		}, 59 * time.Second, ""},
		{"half_an_answer", func(conn net.Conn, _ *http.Request) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
		}, 30 * time.Second,
			"emulator.localhost sent less than 1024 bytes of its answer in 30s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := piped(t, tt.serve)
				start := time.Now()
				_, err := c.Decisions(t.Context(), control.DecisionQuery{Wait: time.Hour})
				if took := time.Since(start); took != tt.after {
					t.Errorf("it took %s, want %s", took, tt.after)
				}
				if tt.text == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				e, ok := errors.AsType[*acrkit.Error](err)
				if !ok || e.Code != acrkit.CodeUnavailable || !strings.Contains(err.Error(), tt.text) ||
					!strings.HasPrefix(e.Hint, "acrkit emulator start") {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// TestDecisions_wait: a client asks to wait for no longer than it waits for an answer.
func TestDecisions_wait(t *testing.T) {
	for wait, want := range map[time.Duration]string{0: "", time.Second: "1s", 30 * time.Second: "30s",
		time.Minute: "30s"} {
		asked := "-"
		c := get(control.NewClient("https://localhost", "k",
			&control.Options{Base: roundTrip(func(r *http.Request) (*http.Response, error) {
				asked = r.URL.Query().Get("wait")
				return &http.Response{StatusCode: 200, Header: http.Header{},
					Body: io.NopCloser(strings.NewReader("{}")), Request: r}, nil
			})}))
		if _, err := c.Decisions(t.Context(), control.DecisionQuery{Wait: wait}); err != nil || asked != want {
			t.Errorf("%v: it asked for %q, %v", wait, asked, err)
		}
	}
}

// TestAnswerLimit: an answer has a limit; one of just that size is not refused for it.
func TestAnswerLimit(t *testing.T) {
	for n, refused := range map[int64]bool{64 << 20: false, 64<<20 + 1: true} {
		c := get(control.NewClient("https://localhost", "k",
			&control.Options{Base: roundTrip(func(r *http.Request) (*http.Response, error) {
				body := io.MultiReader(strings.NewReader("{}"), io.LimitReader(blanks{}, n-2))
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
			})}))
		if _, err := c.Clock(t.Context()); (err != nil) != refused {
			t.Errorf("an answer of %d bytes: %v", n, err)
		}
	}
}

// blanks never end.
type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
