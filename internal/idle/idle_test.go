package idle_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit/internal/idle"
)

// pipes is a listener of connections in memory, for the bubble's clock.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// dial returns the client's end of a new connection.
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// serve runs an HTTP server with a handler in a bubble, and do with it.
func serve(t *testing.T, s *idle.Server, h http.HandlerFunc, do func(t *testing.T, p *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		srv := &http.Server{Handler: h} //nolint:gosec // its time is the bubble's
		served := make(chan error, 1)
		go func() { served <- srv.Serve(s.Listener(p)) }()
		do(t, p)
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-served
	})
}

const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n"

// TestBody: a client that sends less than MinBytes in ReadTime is ended, however
// it spreads them; one that sends that much is not, however long it takes.
func TestBody(t *testing.T) {
	for _, tt := range []struct {
		name   string
		length int
		pieces []int // bytes, one piece after each pause
		pause  time.Duration
		busy   time.Duration // of the handler, before it reads
		fails  bool
		takes  time.Duration
	}{
		{name: "one byte, then silence", length: 100, pieces: []int{1}, fails: true, takes: idle.ReadTime},
		{name: "nothing", length: 100, fails: true, takes: idle.ReadTime},
		{name: "a byte a second", length: 100, pieces: slices(1, 100), pause: time.Second,
			fails: true, takes: idle.ReadTime},
		{name: "a byte too few", length: 5000, pieces: []int{idle.MinBytes - 1}, pause: idle.ReadTime - time.Second,
			fails: true, takes: idle.ReadTime},
		{name: "just enough, for long", length: 10 * idle.MinBytes, pieces: slices(idle.MinBytes, 10),
			pause: idle.ReadTime - time.Nanosecond,
			takes: 10 * (idle.ReadTime - time.Nanosecond)},
		{name: "a short body", length: 3, pieces: slices(1, 3), pause: idle.ReadTime/3 - time.Nanosecond,
			takes: 3 * (idle.ReadTime/3 - time.Nanosecond)},
		{name: "a busy handler", length: 1, pieces: []int{1}, busy: time.Hour, takes: time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s idle.Server
			var err error
			var took time.Duration
			var read []byte
			serve(t, &s, func(w http.ResponseWriter, r *http.Request) {
				b := s.Body(w, r)
				defer b.Done()
				start := time.Now()
				time.Sleep(tt.busy)
				read, err = io.ReadAll(r.Body)
				took = time.Since(start)
			}, func(_ *testing.T, p *pipes) {
				c := p.dial()
				fmt.Fprintf(c, head, tt.length, "")
				var sender sync.WaitGroup
				defer sender.Wait()
				defer c.Close()
				sender.Go(func() {
					for _, n := range tt.pieces {
						time.Sleep(tt.pause)
						if _, err := c.Write(make([]byte, n)); err != nil {
							return
						}
					}
				})
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Error(err) // it is answered even so
					return
				}
				if resp.Close != tt.fails {
					t.Errorf("the connection closes: %t", resp.Close)
				}
			})
			if errors.Is(err, idle.ErrStalled) != tt.fails || !tt.fails && (err != nil || len(read) != tt.length) ||
				took != tt.takes {
				t.Errorf("%d bytes in %s: %v", len(read), took, err)
			}
		})
	}
}

func slices(n, times int) (all []int) {
	for range times {
		all = append(all, n)
	}
	return all
}

// TestDrain: a body that no answer needed is read, so that the client can read the
// answer; not for longer than UnreadTime, and not more than MaxUnread. After Done
// nothing waits for the rest.
func TestDrain(t *testing.T) {
	for _, tt := range []struct {
		name   string
		length int
		expect string
		send   int
		every  time.Duration // for each KiB
		closes bool
		takes  time.Duration
	}{
		{name: "whole", length: 300 << 10, send: 300 << 10},
		{name: "as much as is read", length: 16 << 20, send: 16 << 20},
		{name: "more than is read", length: 16<<20 + 1, send: 16 << 20, closes: true},
		{name: "one byte", length: 100, send: 1, closes: true, takes: idle.ReadTime},
		{name: "slowly", length: 59 << 10, send: 59 << 10, every: time.Second, takes: 59 * time.Second},
		{name: "too slowly", length: 100 << 10, send: 100 << 10, every: time.Second, closes: true,
			takes: idle.UnreadTime},
		{name: "asks first", length: 100, expect: "Expect: 100-continue\r\n", closes: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s idle.Server
			serve(t, &s, func(w http.ResponseWriter, r *http.Request) {
				b := s.Body(w, r)
				defer b.Done()
				w.WriteHeader(http.StatusUnauthorized)
				b.Drain()
			}, func(_ *testing.T, p *pipes) {
				c := p.dial()
				start := time.Now()
				fmt.Fprintf(c, head, tt.length, tt.expect)
				var sender sync.WaitGroup
				defer sender.Wait()
				defer c.Close()
				sender.Go(func() {
					for left := tt.send; left > 0 && tt.expect == ""; left -= 1 << 10 {
						time.Sleep(tt.every)
						if _, err := c.Write(make([]byte, min(left, 1<<10))); err != nil {
							return
						}
					}
				})
				resp, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if took := time.Since(start); resp.StatusCode != 401 || resp.Close != tt.closes || took != tt.takes {
					t.Errorf("%s after %s, closing: %t", resp.Status, took, resp.Close)
				}
			})
		})
	}
}

// pair returns both ends of a connection of a server's listener.
func pair(t *testing.T, s *idle.Server) (server, client net.Conn) {
	t.Helper()
	p := newPipes()
	go func() { client = p.dial() }()
	server, err := s.Listener(p).Accept()
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return server, client
}

// take reads n bytes after each pause, until the end.
func take(c net.Conn, n int, pause time.Duration) (all []byte) {
	for {
		time.Sleep(pause)
		b := make([]byte, n)
		k, err := io.ReadFull(c, b)
		all = append(all, b[:k]...)
		if err != nil {
			return all
		}
	}
}

// TestConn: a client that takes less than MinBytes in WriteTime is ended; one that
// takes that much is not, and gets the answer whole.
func TestConn(t *testing.T) {
	const size = 64 << 10
	answer := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	for _, tt := range []struct {
		name  string
		piece int
		pause time.Duration
		fails bool
		takes time.Duration
	}{
		{"it does not read", 1, time.Hour, true, idle.WriteTime},
		{"a byte a second", 1, time.Second, true, idle.WriteTime},
		{"a byte too few", idle.MinBytes - 1, idle.WriteTime - time.Second, true, idle.WriteTime},
		{"just enough", idle.MinBytes, idle.WriteTime - time.Nanosecond, false,
			size / idle.MinBytes * (idle.WriteTime - time.Nanosecond)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, client := pair(t, new(idle.Server))
				taken := make(chan []byte)
				go func() { taken <- take(client, tt.piece, tt.pause) }()
				start := time.Now()
				n, err := server.Write(answer)
				if took := time.Since(start); errors.Is(err, idle.ErrStalled) != tt.fails || !tt.fails && err != nil ||
					took != tt.takes {
					t.Errorf("%d bytes in %s: %v", n, took, err)
				}
				server.Close()
				if got := <-taken; !bytes.Equal(got, answer[:n]) || !tt.fails && n != size {
					t.Errorf("%d bytes came, %d were sent", len(got), n)
				}
			})
		})
	}
}

// TestConn_deadlines: those of the user of the connection hold, and are not reported as a
// stalled client.
func TestConn_deadlines(t *testing.T) {
	for name, set := range map[string]func(net.Conn, time.Time) error{"write": net.Conn.SetWriteDeadline,
		"both": net.Conn.SetDeadline} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, client := pair(t, new(idle.Server))
				defer client.Close()
				defer server.Close()
				fails := func(after time.Duration) {
					t.Helper()
					start := time.Now()
					_, err := server.Write(make([]byte, 1))
					if took := time.Since(start); !errors.Is(err, os.ErrDeadlineExceeded) || took != after {
						t.Errorf("after %s: %v", took, err)
					}
				}
				if err := set(server, time.Now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
				fails(time.Minute)
				if err := set(server, time.Time{}); err != nil {
					t.Fatal(err)
				}
				go func() {
					time.Sleep(time.Second)
					_ = set(server, time.Now().Add(time.Second)) // while it writes
				}()
				fails(2 * time.Second)
			})
		})
	}
}

// TestHurry: what hangs is ended at once or soon, and what moves is not; after it
// the usual limits hold.
func TestHurry(t *testing.T) {
	const hurry = 3 * time.Second
	synctest.Test(t, func(t *testing.T) {
		var s idle.Server
		write := func() (took chan time.Duration, client net.Conn) {
			server, client := pair(t, &s)
			took = make(chan time.Duration, 1)
			start := time.Now()
			go func() {
				if _, err := server.Write(make([]byte, 1<<20)); err != nil && !errors.Is(err, idle.ErrStalled) {
					t.Error(err)
				}
				took <- time.Since(start)
				server.Close()
			}()
			return took, client
		}
		old, _ := write()
		moving, reader := write()
		var readers sync.WaitGroup
		defer readers.Wait()
		readers.Go(func() { take(reader, idle.MinBytes, time.Second) })
		time.Sleep(time.Minute)
		fresh, _ := write()
		synctest.Wait()
		relax := s.Hurry(hurry, hurry)
		synctest.Wait()
		if d := <-old; d != time.Minute {
			t.Errorf("what has hung for long ends after %s", d)
		}
		if d := <-fresh; d != hurry {
			t.Errorf("what has just begun to hang ends after %s", d)
		}
		during, _ := write()
		if d := <-during; d != hurry {
			t.Errorf("what begins to hang meanwhile ends after %s", d)
		}
		kept, _ := write()
		synctest.Wait()
		relax()
		if d := <-kept; d != idle.WriteTime {
			t.Errorf("after it, what hangs ends after %s", d)
		}
		if d := <-moving; d != 1024*time.Second {
			t.Errorf("what moves ends after %s", d)
		}
	})
}

// TestHurry_body: likewise of bodies.
func TestHurry_body(t *testing.T) {
	var s idle.Server
	var ended chan error
	serve(t, &s, func(w http.ResponseWriter, r *http.Request) {
		b := s.Body(w, r)
		defer b.Done()
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	}, func(t *testing.T, p *pipes) {
		ended = make(chan error, 1) // of the bubble
		c := p.dial()
		defer c.Close()
		fmt.Fprintf(c, head, 100, "")
		start := time.Now()
		time.Sleep(time.Second)
		relax := s.Hurry(3*time.Second, 3*time.Second)
		err := <-ended
		if took := time.Since(start); !errors.Is(err, idle.ErrStalled) || took != 3*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
		relax()
		_, _ = http.ReadResponse(bufio.NewReader(c), nil)
		// Its connection may serve another request by now: nothing is done to it.
		s.Hurry(time.Second, time.Second)()
	})
}

// tries signals when a part of a file is sent.
type tries struct {
	*net.TCPConn
	begun chan struct{}
}

func (c *tries) ReadFrom(r io.Reader) (int64, error) {
	c.begun <- struct{}{}
	return c.TCPConn.ReadFrom(r)
}

type tryListener struct {
	net.Listener
	begun chan struct{}
}

func (l *tryListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tries{c.(*net.TCPConn), l.begun}, nil
}

// TestFile: a part of a file goes the short way, and comes whole to a client that
// takes longer than one try.
func TestFile(t *testing.T) {
	const size = 20 << 20 // more than the system's buffers take
	path := filepath.Join(t.TempDir(), "f")
	want := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	if err := os.WriteFile(path, want, 0o600); err != nil {
		t.Fatal(err)
	}
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{}, 100)
	var s idle.Server
	l := s.Listener(&tryListener{inner, begun})
	defer l.Close()
	client, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	defer s.Hurry(4*time.Second, 4*time.Second)() // a try is half a second
	sent := make(chan error, 1)
	go func() {
		n, err := server.(io.ReaderFrom).ReadFrom(io.LimitReader(f, size))
		if err == nil && n != size {
			err = fmt.Errorf("%d bytes were sent", n)
		}
		server.Close()
		sent <- err
	}()
	for range 2 { // the first try ends in the middle
		select {
		case <-begun:
		case err := <-sent:
			t.Fatal("it did not go on:", err)
		}
	}
	got, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, %v, or they differ", len(got), err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestBody_next: the limit of one request's body is not left for what follows: a
// handler that works on, and the next request.
func TestBody_next(t *testing.T) {
	var s idle.Server
	serve(t, &s, func(w http.ResponseWriter, r *http.Request) {
		b := s.Body(w, r)
		defer b.Done()
		if _, err := io.ReadAll(r.Body); err != nil {
			t.Error(err)
		}
		select {
		case <-time.After(time.Hour):
		case <-r.Context().Done():
			t.Error("the request was ended:", r.Context().Err())
		}
	}, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer c.Close()
		r := bufio.NewReader(c)
		for range 2 {
			fmt.Fprintf(c, head, 1, "")
			fmt.Fprint(c, "x")
			if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != 200 || resp.Close {
				t.Errorf("%v, %v", resp, err)
			}
		}
	})
}

// TestDrain_rest: a body that the handler left alone is not waited for either.
func TestDrain_rest(t *testing.T) {
	var s idle.Server
	serve(t, &s, func(w http.ResponseWriter, r *http.Request) {
		s.Body(w, r).Done()
	}, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer c.Close()
		start := time.Now()
		fmt.Fprintf(c, head, 100, "")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || !resp.Close || time.Since(start) != 0 {
			t.Errorf("after %s: %v, %v", time.Since(start), resp, err)
		}
	})
}
