package diagnose_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
)

// mute is a network in which something does not answer.
type mute struct {
	lookup bool // the resolver
	dial   bool // the registry's address
}

func (m mute) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	if m.lookup {
		<-ctx.Done()
		return nil, &net.DNSError{Err: "i/o timeout", IsTimeout: true}
	}
	return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
}

func (m mute) LookupCNAME(ctx context.Context, host string) (string, error) {
	if m.lookup {
		<-ctx.Done()
		return "", ctx.Err()
	}
	return host, nil
}

// transport connects to a server that takes the connection and says nothing.
func (m mute) transport(t *testing.T) *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		if trace := httptrace.ContextClientTrace(ctx); trace != nil {
			trace.ConnectStart("tcp", "192.0.2.1:443")
		}
		if m.dial {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(time.Hour): // net/http lets a dial go on that no request waits for
				return nil, errors.New("no route")
			}
		}
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(io.Discard, server)
		}()
		t.Cleanup(func() {
			_ = server.Close()
			<-done
		})
		return client, nil
	}}
}

// Where nothing answers, the doctor and explain say so in seconds.
func TestSilence(t *testing.T) {
	reg := mustRegistry(t, acrHost)
	for _, tt := range []struct {
		name  string
		mute  mute
		plain bool
		step  string
		after time.Duration
		text  string
	}{
		{"resolver", mute{lookup: true}, false, "name", 6 * time.Second, "cannot be looked up now"},
		{"address", mute{dial: true}, false, "tcp", 6 * time.Second, "did not answer in time"},
		{"handshake", mute{}, false, "tls", 6 * time.Second, "did not answer in time"},
		{"answer", mute{}, true, "challenge", 10 * time.Second, "accepted the connection and sent nothing for 10s"},
	} {
		t.Run("doctor_"+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := tt.mute.transport(t)
				check := diagnose.Check{Registry: reg}
				opts := &diagnose.Options{Base: base, Resolver: tt.mute, PlainHTTP: tt.plain}
				if tt.plain {
					check.Registry = mustRegistry(t, "localhost:5000")
				}
				start := time.Now()
				var last diagnose.Step
				for step := range diagnose.Doctor(t.Context(), check, opts) {
					last = step
				}
				if took := time.Since(start); last.Name != tt.step || last.Outcome != diagnose.Failed ||
					took != tt.after || !strings.Contains(last.Text, tt.text) {
					t.Errorf("%s %s after %s: %s", last.Name, last.Outcome, took, last.Text)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
	for _, tt := range []struct {
		name  string
		mute  mute
		after time.Duration
	}{
		// For a text, a probe waits no longer than a connection takes to fail.
		{"address", mute{dial: true}, 2 * time.Second},
		{"handshake", mute{}, 2 * time.Second},
	} {
		t.Run("explain_"+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				base := tt.mute.transport(t)
				rt, err := auth.NewTransport(acrHost, auth.ScopedToken("ci", "made-up-password"),
					&auth.Options{Base: base})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Registry: reg, Transport: rt,
					Required: acrkit.RepositoryScope("team/app",
						acrkit.ContentRead),
					Text: "denied: requested access to the resource is denied: unauthorized: authentication required"},
					&diagnose.Options{Base: base, Resolver: tt.mute})
				if took := time.Since(start); err != nil || took != tt.after || len(d.Probes) == 0 {
					t.Errorf("%v %v after %s, asked %v", d.Code, err, took, d.Probes)
				}
				_ = rt.Close()
				time.Sleep(2 * time.Hour)
			})
		})
	}
	// The look-ups about a private endpoint, of a refusal by network rule.
	t.Run("private_endpoint", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			_, err := diagnose.Explain(t.Context(), diagnose.Attempt{Registry: reg,
				Exchange: &diagnose.Exchange{Method: "GET", URL: "https://" + acrHost + "/v2/", Status: 403,
					Header: http.Header{},
					Body: []byte(
						`{"errors":[{"code":"DENIED","message":"client with IP '192.0.2.7' is not allowed access"}]}`)}}, &diagnose.Options{Resolver: mute{lookup: true}})
			if took := time.Since(start); err != nil || took != 6*time.Second {
				t.Errorf("%v after %s", err, took)
			}
		})
	})
}

// armBase answers for Azure Resource Manager after a while, each page with a link
// to the next.
type armBase struct {
	next     func(page int) string // the path of the next page; "" = there is none
	takes    time.Duration
	values   int // on the first page; 0 = one
	requests int
}

func (a *armBase) RoundTrip(r *http.Request) (*http.Response, error) {
	a.requests++
	select {
	case <-time.After(a.takes):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	link := ""
	if path := a.next(a.requests); path != "" {
		link = fmt.Sprintf(`,"nextLink":"https://management.azure.com%s"`, path)
	}
	values := []string{}
	for i := range max(1, a.values) {
		values = append(values, fmt.Sprintf(`{"subscriptionId":"sub-%d-%d"}`, a.requests, i))
	}
	a.values = 0
	w := httptest.NewRecorder()
	fmt.Fprintf(w, `{"value":[%s]%s}`, strings.Join(values, ","), link)
	return w.Result(), nil
}

// A list of Azure Resource Manager that does not end is an error, and so is a
// question that takes too long as a whole.
func TestARM_endless(t *testing.T) {
	for _, tt := range []struct {
		name     string
		base     armBase
		requests int
		after    time.Duration
		text     string
	}{
		{"endless", armBase{next: func(n int) string { return fmt.Sprintf("/subscriptions?page=%d", n) }}, 50, 0,
			"more than 50 pages"},
		{"fifty_pages", armBase{next: func(n int) string { // and one request for each subscription
			if n < 50 {
				return fmt.Sprintf("/subscriptions?page=%d", n)
			}
			return ""
		}}, 100, 0, "no registry with this login server"},
		{"subscriptions", armBase{values: 101, next: func(int) string { return "" }}, 101, 0,
			"no registry with this login server"},
		{"itself", armBase{next: func(int) string { return "/subscriptions?page=1" }}, 2, 0, "leads to itself"},
		{"slow", armBase{next: func(n int) string { return fmt.Sprintf("/subscriptions?page=%d", n) },
			takes: 9 * time.Second}, 12, 100 * time.Second, ""},
		{"silent", armBase{next: func(int) string { return "" }, takes: time.Hour}, 1, 10 * time.Second,
			"management.azure.com did not answer within 10s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				arm, err := diagnose.NewARM(func(context.Context) (string, error) { return "made-up-token", nil },
					&diagnose.ARMOptions{Base: &tt.base})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				_, err = arm.Registry(t.Context(), mustRegistry(t, acrHost))
				if took := time.Since(start); err == nil || !strings.Contains(err.Error(), tt.text) ||
					took != tt.after || tt.base.requests != tt.requests {
					t.Errorf("%v after %s and %d requests", err, took, tt.base.requests)
				}
			})
		})
	}
}

// endlessBody counts what is read of it.
type endlessBody struct{ read int64 }

func (b *endlessBody) Read(p []byte) (int, error) {
	b.read += int64(len(p))
	return len(p), nil
}

// Of a probe's answer a part is read, however long it is.
func TestProbeBody(t *testing.T) {
	body := &endlessBody{}
	base := roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{},
			Body: io.NopCloser(body), Request: r}, nil
	})
	opts := &diagnose.Options{Base: base, Resolver: mute{}}
	x := &diagnose.Exchange{Method: "GET", URL: "https://" + acrHost + "/v2/team/app/tags/list", Status: 403,
		Header: http.Header{}}
	if _, err := diagnose.Explain(t.Context(), diagnose.Attempt{Registry: mustRegistry(t, acrHost), Exchange: x},
		opts); err != nil {
		t.Fatal(err)
	}
	if body.read == 0 || body.read > 128<<10 {
		t.Errorf("%d bytes were read", body.read)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
