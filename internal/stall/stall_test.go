package stall_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit/internal/stall"
)

// registry is a server behind a pipe: what it does with the connection once it
// has it.
type registry func(conn net.Conn)

// open returns a client of it, in the bubble of a test.
func open(t *testing.T, serve registry) http.RoundTripper {
	t.Helper()
	std := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			serve(server)
		}()
		t.Cleanup(func() {
			_ = server.Close()
			<-done
		})
		return client, nil
	}}
	t.Cleanup(std.CloseIdleConnections)
	return stall.Wrap(std)
}

// request reads a request's header.
func request(conn net.Conn) *http.Request {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return nil
	}
	return req
}

// pace writes text in pieces of n bytes, the first after a pause of every.
func pace(conn net.Conn, text string, n int, every time.Duration) {
	for len(text) > 0 {
		time.Sleep(every)
		n = min(n, len(text))
		if _, err := io.WriteString(conn, text[:n]); err != nil {
			return
		}
		text = text[n:]
	}
}

func do(ctx context.Context, rt http.RoundTripper, method string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://registry.test/v2/", body)
	if err != nil {
		return nil, err
	}
	return rt.RoundTrip(req)
}

// fails checks that err is a stall's of the phase, after the time.
func fails(t *testing.T, err error, phase stall.Phase, start time.Time, after time.Duration) {
	t.Helper()
	e, ok := errors.AsType[*stall.Error](err)
	if !ok || e.Phase != phase {
		t.Fatalf("the error is %#v (%v), want one of phase %d", err, err, phase)
	}
	if took := time.Since(start); took != after {
		t.Errorf("it took %s, want %s", took, after)
	}
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v is no timeout", err)
	}
}

const okHeader = "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"

func TestHeader(t *testing.T) {
	header := fmt.Sprintf(okHeader, 0)
	for _, tt := range []struct {
		name  string
		serve registry
		phase stall.Phase
		text  string
		ok    bool
	}{
		{"silence", func(conn net.Conn) { request(conn) }, stall.Waiting,
			"registry.test accepted the connection and sent nothing for 30s", false},
		{"a_byte_a_second", func(conn net.Conn) { request(conn); pace(conn, header, 1, time.Second) }, stall.Header,
			"registry.test did not complete the header of its answer within 30s", false},
		{"within_the_limit", func(conn net.Conn) {
			request(conn)
			pace(conn, header, 100,
				30*time.Second-time.Nanosecond)
		}, 0, "", true},
		{"past_the_limit", func(conn net.Conn) {
			request(conn)
			pace(conn, header, 100,
				30*time.Second+time.Nanosecond)
		}, stall.Waiting, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				resp, err := do(t.Context(), open(t, tt.serve), http.MethodGet, nil)
				if tt.ok {
					if err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
					return
				}
				fails(t, err, tt.phase, start, 30*time.Second)
				if got := err.Error(); tt.text != "" && got != tt.text {
					t.Errorf("it reads %q, want %q", got, tt.text)
				}
			})
		})
	}
}

func stalled(err error) *stall.Error {
	e, _ := errors.AsType[*stall.Error](err)
	return e
}

// A server may work before it answers a change, or a long body.
func TestHeader_work(t *testing.T) {
	long := strings.Repeat("x", 64<<10)
	for _, tt := range []struct {
		method, body string
		want         time.Duration
	}{
		{http.MethodGet, "", 30 * time.Second}, {http.MethodHead, "", 30 * time.Second},
		{http.MethodPost, "", 30 * time.Second},
		{http.MethodPost, long, 30 * time.Second}, {http.MethodPost, long + "x",
			5 * time.Minute}, {http.MethodPatch, long + "x", 5 * time.Minute},
		{http.MethodPut, "", 5 * time.Minute}, {http.MethodDelete, "", 5 * time.Minute},
	} {
		t.Run(fmt.Sprintf("%s_%d", tt.method, len(tt.body)), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := do(t.Context(), open(t, func(conn net.Conn) {
					_, _ = io.Copy(io.Discard, conn)
				}), tt.method, strings.NewReader(tt.body))
				fails(t, err, stall.Waiting, start, tt.want)
			})
		})
	}
}

// slowReader gives a byte after each pause.
type slowReader struct {
	left  int
	pause time.Duration
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(r.pause)
	r.left--
	p[0] = 'x'
	return 1, nil
}

// The wait for the header begins when the request's body has been sent, whether it
// is the caller who is slow or the server.
func TestUpload(t *testing.T) {
	t.Run("slow_caller", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rt := open(t, func(conn net.Conn) {
				_, _ = io.Copy(io.Discard, request(conn).Body)
				pace(conn, fmt.Sprintf(okHeader, 0), 100, time.Minute)
			})
			resp, err := do(t.Context(), rt, http.MethodPatch, &slowReader{10, 20 * time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		})
	})
	t.Run("slow_server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rt := open(t, func(conn net.Conn) {
				body := request(conn).Body
				buffer := make([]byte, 16<<10)
				for {
					if _, err := io.ReadFull(body, buffer); err != nil {
						break
					}
					time.Sleep(time.Minute)
				}
				pace(conn, fmt.Sprintf(okHeader, 0), 100, time.Minute)
			})
			resp, err := do(t.Context(), rt, http.MethodPatch, strings.NewReader(strings.Repeat("x", 512<<10)))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		})
	})
	t.Run("server_stops", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			rt := open(t, func(conn net.Conn) {
				_, _ = io.CopyN(io.Discard, request(conn).Body, 100<<10)
				time.Sleep(time.Minute)
				_, _ = io.CopyN(io.Discard, conn, 100<<10)
			})
			_, err := do(t.Context(), rt, http.MethodPatch, strings.NewReader(strings.Repeat("x", 512<<10)))
			fails(t, err, stall.Sending, start, 6*time.Minute)
			if got, want := err.Error(),
				"registry.test accepted the connection and took no more of the request for 5m0s"; got != want {
				t.Errorf("it reads %q, want %q", got, want)
			}
		})
	})
}

func TestBody(t *testing.T) {
	for _, tt := range []struct {
		name  string
		size  int
		piece int
		every time.Duration
		after time.Duration // of the failure; 0 = none
	}{
		{"moves", 600 << 10, 1 << 10, time.Second, 0}, // ten minutes
		{"just_moves", 4 << 10, 1 << 10, 30*time.Second - time.Nanosecond, 0},
		{"just_does_not", 4 << 10, 1<<10 - 1, 15*time.Second - time.Nanosecond, 0},
		{"a_byte_less", 4 << 10, 1<<10 - 1, 30*time.Second - time.Nanosecond, 30 * time.Second},
		{"a_byte_a_second", 4 << 10, 1, time.Second, 30 * time.Second},
		{"silence", 4 << 10, 4 << 10, time.Hour, 30 * time.Second},
		{"stops_before_its_end", 100<<10 + 1, 50 << 10, 20 * time.Second, 0},
		{"the_last_bytes", 100, 1, time.Second, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rt := open(t, func(conn net.Conn) {
					request(conn)
					_, _ = fmt.Fprintf(conn, okHeader, tt.size)
					pace(conn, strings.Repeat("x", tt.size), tt.piece, tt.every)
				})
				resp, err := do(t.Context(), rt, http.MethodGet, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				start := time.Now()
				n, err := io.Copy(io.Discard, resp.Body)
				if tt.after == 0 {
					if err != nil || n != int64(tt.size) {
						t.Fatalf("%d of %d bytes, %v", n, tt.size, err)
					}
					return
				}
				fails(t, err, stall.Body, start, tt.after)
				if got, want := err.Error(),
					"registry.test sent less than 1024 bytes of its answer in 30s, and more was to come"; got != want {
					t.Errorf("it reads %q, want %q", got, want)
				}
			})
		})
	}
}

// Only the time in which the reader waits for the server counts.
func TestBody_slow_reader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := open(t, func(conn net.Conn) {
			request(conn)
			_, _ = fmt.Fprintf(conn, okHeader, 100)
			pace(conn, strings.Repeat("x", 100), 10, time.Second)
		})
		resp, err := do(t.Context(), rt, http.MethodGet, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		buffer := make([]byte, 10)
		for range 10 {
			time.Sleep(time.Hour)
			if _, err := io.ReadFull(resp.Body, buffer); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// stubborn is a body that does not know of any context.
type stubborn struct{ *io.PipeReader }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// The limits hold above any RoundTripper.
func TestAnyRoundTripper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := do(t.Context(), stall.Wrap(roundTripper(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, req.Context().Err()
		})), http.MethodGet, nil)
		fails(t, err, stall.Begun, start, 30*time.Second)

		pipe, writer := io.Pipe()
		defer writer.Close()
		resp, err := do(t.Context(), stall.Wrap(roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: stubborn{pipe}}, nil
		})), http.MethodGet, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		start = time.Now()
		_, err = io.ReadAll(resp.Body)
		fails(t, err, stall.Body, start, 30*time.Second)
	})
}

func TestConnection(t *testing.T) {
	// net/http lets a dial go on that no request waits for any more.
	hang := func(context.Context, string, string) (net.Conn, error) {
		time.Sleep(time.Hour)
		return nil, errors.New("no connection")
	}
	for _, tt := range []struct {
		name  string
		std   *http.Transport
		url   string
		phase stall.Phase
	}{
		{"no_connection", &http.Transport{DialContext: hang}, "http://registry.test/", stall.Begun},
		{"handshake", &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				time.AfterFunc(time.Hour, func() { _ = server.Close() })
				_, _ = io.Copy(io.Discard, server)
			}()
			return client, nil
		}}, "https://registry.test/", stall.Handshake},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tt.url, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, err = stall.Wrap(tt.std).RoundTrip(req)
				fails(t, err, tt.phase, start, 30*time.Second)
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// A resolver that says nothing.
func TestLookup(t *testing.T) {
	// Package net reads the system's settings at the first look-up and keeps a channel
	// with them, which must not belong to the bubble.
	if _, err := (&net.Resolver{PreferGo: true}).LookupIPAddr(t.Context(), "localhost"); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		silent := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		std := &http.Transport{DialContext: (&net.Dialer{Resolver: silent}).DialContext}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err := do(ctx, stall.Wrap(std), http.MethodGet, nil)
		fails(t, err, stall.Lookup, start, 3*time.Second)
		if got, want := err.Error(), "the name registry.test was not looked up within 3s"; got != want {
			t.Errorf("it reads %q, want %q", got, want)
		}
		time.Sleep(time.Hour) // for net/http, which lets the look-up go on
	})
}

// Who is in a hurry for a connection waits no longer for it, and as long as others
// for what comes over it.
func TestWithConnectTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := stall.WithConnectTime(t.Context(), 6*time.Second)
		handshake := func(after time.Duration) http.RoundTripper {
			return stall.Wrap(&http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				httptrace.ContextClientTrace(ctx).ConnectStart("tcp", "192.0.2.1:443")
				time.Sleep(after)
				return nil, errors.New("no route")
			}})
		}
		start := time.Now()
		_, err := do(ctx, handshake(time.Hour), http.MethodGet, nil)
		fails(t, err, stall.Connect, start, 6*time.Second)
		_, err = do(ctx, handshake(6*time.Second-time.Nanosecond), http.MethodGet, nil)
		if err == nil || stalled(err) != nil {
			t.Errorf("the error is %v, want the dialer's", err)
		}
		start = time.Now()
		_, err = do(ctx, open(t, func(conn net.Conn) { request(conn) }), http.MethodGet, nil)
		fails(t, err, stall.Waiting, start, 30*time.Second)
		time.Sleep(2 * time.Hour) // for net/http, which lets the first dial go on
	})
}

// The end of the caller's own context stays that, and says what was waited for.
func TestCallersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := open(t, func(conn net.Conn) { request(conn) })
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		_, err := do(ctx, silent, http.MethodGet, nil)
		fails(t, err, stall.Waiting, start, 2*time.Second)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v is not the end of the context", err)
		}

		ctx, cancel = context.WithTimeoutCause(t.Context(), 2*time.Second, errors.New("another word for it"))
		defer cancel()
		start = time.Now()
		_, err = do(ctx, silent, http.MethodGet, nil)
		fails(t, err, stall.Waiting, start, 2*time.Second)

		ctx, giveUp := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, giveUp)
		_, err = do(ctx, silent, http.MethodGet, nil)
		if !errors.Is(err, context.Canceled) || stalled(err) != nil {
			t.Errorf("the error is %v, want the cancelled context's", err)
		}

		half := open(t, func(conn net.Conn) { request(conn); _, _ = fmt.Fprintf(conn, okHeader, 10) })
		ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		resp, err := do(ctx, half, http.MethodGet, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		_, err = io.ReadAll(resp.Body)
		if e := stalled(err); e == nil || e.Phase != stall.Body || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the error is %v", err)
		} else if got, want := e.Error(),
			"registry.test had not sent all of its answer when the time was over"; got != want {
			t.Errorf("it reads %q, want %q", got, want)
		}
	})
}

// Of two, the one below counts: above it, a request may be several.
func TestWrappedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := open(t, func(conn net.Conn) {
			request(conn)
			pace(conn, fmt.Sprintf(okHeader, 0), 100, 20*time.Second)
			_ = conn.Close()
		})
		rt := stall.Wrap(roundTripper(func(req *http.Request) (*http.Response, error) {
			for range 2 {
				resp, err := below.RoundTrip(req.Clone(req.Context()))
				if err != nil {
					return nil, err
				}
				_ = resp.Body.Close()
			}
			return below.RoundTrip(req)
		}))
		resp, err := do(t.Context(), rt, http.MethodGet, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()

		start := time.Now()
		silent := open(t, func(conn net.Conn) { request(conn) })
		rt = stall.Wrap(roundTripper(func(req *http.Request) (*http.Response, error) {
			if _, err := silent.RoundTrip(req); err != nil {
				return nil, fmt.Errorf("below: %w", err)
			}
			return nil, nil
		}))
		_, err = do(t.Context(), rt, http.MethodGet, nil)
		fails(t, err, stall.Waiting, start, 30*time.Second)
		if !strings.HasPrefix(err.Error(), "below: ") {
			t.Errorf("the error is %v, want the one below's", err)
		}

		// Who gives up while another host is asked below, by a request with a time of
		// its own, gets the error of that one.
		rt = stall.Wrap(roundTripper(func(req *http.Request) (*http.Response, error) {
			go func() {
				other, err := http.NewRequestWithContext(context.WithoutCancel(req.Context()), http.MethodGet,
					"http://login.test/", nil)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = silent.RoundTrip(other)
			}()
			<-req.Context().Done()
			return nil, req.Context().Err()
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err = do(ctx, rt, http.MethodGet, nil)
		if want := "login.test accepted the connection and sent nothing for 3s"; err == nil || err.Error() != want {
			t.Errorf("the error is %v, want %s", err, want)
		}
		time.Sleep(time.Minute)
	})
}
