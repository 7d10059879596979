package emulator_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/seed"
)

// pipes is a listener of connections in memory, for the bubble's clock.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

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

// bubble is an emulator whose connections, and whose time, are the test's own.
type bubble struct {
	*emulator.Emulator
	t     *testing.T
	pipes *pipes
	stop  func() // ends the listener and waits for it
	open  []net.Conn

	password string // of the token "all-rights" with all rights
}

// inBubble runs do with an emulator in a bubble.
func inBubble(t *testing.T, do func(t *testing.T, b *bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e, err := emulator.Open(t.Context(), &emulator.Options{Seed: parse(t, seed.Example())})
		must(t, err)
		b := &bubble{Emulator: e, t: t, pipes: &pipes{conns: make(chan net.Conn), done: make(chan struct{})}}
		ctx, cancel := context.WithCancel(context.Background())
		served := make(chan error, 1)
		go func() { served <- e.Serve(ctx, b.pipes) }()
		b.stop = sync.OnceFunc(func() {
			cancel()
			must(t, <-served)
		})
		defer func() {
			for _, c := range b.open {
				c.Close()
			}
			b.stop()
			must(t, e.Close())
		}()
		r, err := e.Registry("")
		must(t, err)
		must(t, r.PutToken(t.Context(), emulator.TokenSpec{Name: "all-rights", ScopeMap: "_repositories_admin"}))
		made, err := r.GeneratePasswords(t.Context(), "all-rights", time.Time{})
		must(t, err)
		b.password = string(made[0].Value)
		must(t, b.DeleteSnapshot(t.Context(), emulator.SeedSnapshot))
		_, err = b.TakeSnapshot(t.Context(), emulator.SeedSnapshot)
		must(t, err)
		do(t, b)
	})
}

// forever is when a test gives up that waits for an end that does not come.
const forever = 12 * time.Hour

// dial opens a connection and writes to it, for what no client does.
func (b *bubble) dial(format string, args ...any) net.Conn {
	b.t.Helper()
	client, server := net.Pipe()
	must(b.t, client.SetDeadline(time.Now().Add(forever)))
	b.open = append(b.open, client)
	b.pipes.conns <- server
	if _, err := fmt.Fprintf(client, format, args...); err != nil {
		b.t.Fatal(err)
	}
	return client
}

// send makes a request on a connection of its own and returns the answer.
func (b *bubble) send(method, path, header, body string) (status int, h http.Header, text string) {
	b.t.Helper()
	c := b.dial("%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s", method,
		path, len(body), header, body)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(b.t, err)
	data, err := io.ReadAll(resp.Body)
	must(b.t, err)
	return resp.StatusCode, resp.Header, string(data)
}

// token returns the Authorization header of a token with a scope.
func (b *bubble) token(scope string) string {
	b.t.Helper()
	form := url.Values{"grant_type": {"password"}, "service": {"localhost"}, "scope": {scope},
		"username": {"all-rights"}, "password": {b.password}}
	_, _, text := b.send("POST", "/oauth2/token", "Content-Type: application/x-www-form-urlencoded\r\n", form.Encode())
	return "Authorization: Bearer " + answer{body: text}.field(b.t, "access_token") + "\r\n"
}

// ends reads a connection to its end, and returns what came and how long it took.
func (b *bubble) ends(c net.Conn) (text string, took time.Duration) {
	b.t.Helper()
	start := time.Now()
	data, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, io.ErrClosedPipe) {
		b.t.Error(err)
	}
	return string(data), time.Since(start)
}

// rst is how long net/http leaves a connection open whose client is to read the
// answer before the rest of its request is thrown away.
const rst = 500 * time.Millisecond

func within(t *testing.T, what string, took, least, most time.Duration) {
	t.Helper()
	if took < least || took > most {
		t.Errorf("%s: after %v, want %v to %v", what, took, least, most)
	}
}

const tokenForm = "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: " +
	"application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\n%s"

// TestConnectionLimits: a client that says nothing, half a header or nothing more
// loses its connection, each at its own time.
func TestConnectionLimits(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       time.Duration
	}{
		{"nothing", "", 10 * time.Second},
		{"a byte", "G", 10 * time.Second},
		{"half a header", "GET /v2/ HTTP/1.1\r\nHost: local", 10 * time.Second},
		{"nothing more", "GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 2 * time.Minute},
		{"a byte more", "GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\nGET ", 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				_, took := b.ends(b.dial("%s", tt.text))
				within(t, "the connection ends", took, tt.want, tt.want+rst)
			})
		})
	}
}

// TestHeaderLimit: a header has room for a token with the longest scope, and an end.
func TestHeaderLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		for n, want := range map[int]int{250 << 10: 401, 270 << 10: 431} {
			c := b.dial("")
			go fmt.Fprintf(c, "GET /v2/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Long: %s\r\n\r\n",
				strings.Repeat("x", n))
			text, _ := b.ends(c)
			if !strings.HasPrefix(text, fmt.Sprintf("HTTP/1.1 %d ", want)) {
				t.Errorf("%d bytes: %.40q, want %d", n, text, want)
			}
		}
	})
}

// TestStalledForm: a token request that does not come whole holds up nothing, no
// reset either, and is answered when the time for a stalled body is over.
func TestStalledForm(t *testing.T) {
	for _, path := range []string{"/oauth2/token", "/oauth2/exchange", "/" + tenantID + "/oauth2/v2.0/token", "/" +
		tenantID + "/oauth2/token", "/adfs/oauth2/token"} {
		t.Run(path, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				c := b.dial(tokenForm, path, "g")
				synctest.Wait()
				start := time.Now()
				must(t, b.Reset(t.Context(), ""))
				if status, _, _ := b.send("GET", "/v2/", "", ""); status != 401 {
					t.Errorf("another request: %d", status)
				}
				within(t, "reset and request", time.Since(start), 0, 0)
				text, took := b.ends(c)
				if !strings.HasPrefix(text, "HTTP/1.1 408 ") || !strings.Contains(text, "within 30s") {
					t.Errorf("%.200q", text)
				}
				within(t, "the answer", took, 30*time.Second, 30*time.Second+rst)
			})
		})
	}
}

// TestStalledBody: a body that does not come whole is not waited for longer than
// its time, on every path; a client that lacks a right gets that answer.
func TestStalledBody(t *testing.T) {
	const mine = "repository:samples/new:pull,push repository:samples/app:metadata_write"
	for name, tt := range map[string]struct {
		method, path string
		credential   bool
		status       string
	}{
		"upload":             {"POST", "/v2/samples/new/blobs/uploads/?digest=" + emptyDigest, true, "400"},
		"manifest":           {"PUT", "/v2/samples/new/manifests/v1", true, "400"},
		"attributes":         {"PATCH", "/acr/v1/samples/app", true, "400"},
		"anonymous_upload":   {"POST", "/v2/samples/new/blobs/uploads/?digest=" + emptyDigest, false, "401"},
		"anonymous_manifest": {"PUT", "/v2/samples/new/manifests/v1", false, "401"},
		"no_route":           {"POST", "/nothing", false, "404"},
		"arm":                {"GET", "/subscriptions?api-version=1", false, "401"},
		"control":            {"POST", "/_acrkit/v1/snapshots", false, "403"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bubble) {
				header := ""
				if tt.credential {
					header = b.token(mine)
				}
				c := b.dial("%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 1000\r\n\r\nx",
					tt.method, tt.path, header)
				text, took := b.ends(c)
				if !strings.HasPrefix(text, "HTTP/1.1 "+tt.status) {
					t.Errorf("%.200q", text)
				}
				within(t, "the answer", took, 30*time.Second, 30*time.Second+rst)
				if n := b.UnderWay(); n != 0 {
					t.Errorf("%d requests under way", n)
				}
			})
		})
	}
}

const emptyDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// TestMovingUpload: one that moves 1 KiB in its time comes whole, after hours.
func TestMovingUpload(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		const pieces = 300
		must(t, b.SetLifetimes(t.Context(), seed.Lifetimes{Access: 10 * time.Hour}))
		c := b.dial("POST /v2/samples/new/blobs/uploads/ HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 0\r\n\r\n",
			b.token("repository:samples/new:pull,push"))
		r := bufio.NewReader(c)
		resp, err := http.ReadResponse(r, nil)
		must(t, err)
		fmt.Fprintf(c, "PATCH %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\n",
			resp.Header.Get("Location"), b.token("repository:samples/new:pull,push"), pieces<<10)
		for range pieces {
			time.Sleep(29 * time.Second)
			if _, err := c.Write(make([]byte, 1<<10)); err != nil {
				t.Fatal(err)
			}
		}
		resp, err = http.ReadResponse(r, nil)
		must(t, err)
		if resp.StatusCode != 202 || resp.Header.Get("Range") != fmt.Sprintf("0-%d", pieces<<10-1) {
			t.Errorf("%s, Range %s", resp.Status, resp.Header.Get("Range"))
		}
	})
}

// upload begins a chunk of an upload and sends one byte of it.
func (b *bubble) upload() net.Conn {
	b.t.Helper()
	auth := b.token("repository:samples/new:pull,push")
	_, h, _ := b.send("POST", "/v2/samples/new/blobs/uploads/", auth, "")
	c := b.dial("PATCH %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %d\r\n\r\nx", h.Get("Location"), auth, 1<<20)
	synctest.Wait()
	if b.UnderWay() != 1 {
		b.t.Fatalf("%d requests under way", b.UnderWay())
	}
	return c
}

// TestResetEndsWhatHangs: a reset waits three seconds for a stalled client,
// and no longer; so do the others.
func TestResetEndsWhatHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		c := b.upload()
		start := time.Now()
		other := make(chan time.Duration, 1)
		go func() {
			time.Sleep(time.Second) // the reset has begun
			b.send("GET", "/v2/", "", "")
			other <- time.Since(start)
		}()
		must(t, b.Reset(t.Context(), ""))
		within(t, "the reset", time.Since(start), 3*time.Second, 3*time.Second)
		within(t, "another request", <-other, 3*time.Second, 3*time.Second)
		if text, _ := b.ends(c); !strings.HasPrefix(text, "HTTP/1.1 400 ") {
			t.Errorf("%.200q", text)
		}
		// What has hung for longer is not waited for at all.
		b.upload()
		time.Sleep(4 * time.Second)
		start = time.Now()
		must(t, b.Reset(t.Context(), ""))
		within(t, "the second reset", time.Since(start), 0, 0)
		// And after it a client may take its time again.
		c = b.upload()
		_, took := b.ends(c)
		within(t, "an upload after it", took, 30*time.Second, 30*time.Second+rst)
	})
}

// TestResetWaitsForWhatMoves: it is given up after ten seconds, and changes
// nothing; what moves goes on.
func TestResetWaitsForWhatMoves(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		c := b.upload()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 12 {
				time.Sleep(time.Second)
				if _, err := c.Write(make([]byte, 1<<10)); err != nil {
					t.Error(err)
				}
			}
		}()
		start := time.Now()
		err := b.Reset(t.Context(), "")
		if acrkit.CodeOf(err) != acrkit.CodeUnavailable {
			t.Error(err)
		}
		within(t, "the reset", time.Since(start), 10*time.Second, 10*time.Second)
		<-done
	})
}

// TestClientThatDoesNotRead: it holds its connection for two minutes, and a reset
// for eight seconds; one that takes 1 KiB in its time gets the answer whole.
func TestClientThatDoesNotRead(t *testing.T) {
	const size = 100 << 10 // more than is buffered
	blob := make([]byte, size)
	digest := fmt.Sprintf("sha256:%x", sha256.Sum256(blob))
	inBubble(t, func(t *testing.T, b *bubble) {
		must(t, b.SetLifetimes(t.Context(), seed.Lifetimes{Access: 10 * time.Hour}))
		auth := b.token("repository:samples/app:pull,push")
		if status, _, text := b.send("POST", "/v2/samples/app/blobs/uploads/?digest="+digest, auth,
			string(blob)); status != 201 {
			t.Fatal(status, text)
		}
		must(t, b.DeleteSnapshot(t.Context(), emulator.SeedSnapshot))
		_, err := b.TakeSnapshot(t.Context(), emulator.SeedSnapshot)
		must(t, err)
		get := func() net.Conn {
			c := b.dial("GET /v2/samples/app/blobs/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n",
				digest, auth)
			synctest.Wait()
			if n := b.UnderWay(); n != 1 {
				t.Fatalf("%d requests under way", n)
			}
			return c
		}
		get()
		start := time.Now()
		must(t, b.Reset(t.Context(), ""))
		within(t, "the reset", time.Since(start), 8*time.Second, 8*time.Second)

		get()
		time.Sleep(2*time.Minute - time.Nanosecond)
		synctest.Wait()
		if b.UnderWay() != 1 {
			t.Error("it is ended too early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if b.UnderWay() != 0 {
			t.Error("it is not ended")
		}

		c := get()
		var all []byte
		for {
			time.Sleep(2*time.Minute - time.Second)
			piece := make([]byte, 4<<10)
			n, err := io.ReadFull(c, piece)
			if all = append(all, piece[:n]...); err != nil {
				break
			}
		}
		if _, body, _ := strings.Cut(string(all), "\r\n\r\n"); body != string(blob) {
			t.Errorf("%d bytes came", len(body))
		}
	})
}

// TestStop: at the end requests under way have ten seconds.
func TestStop(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		b.upload()
		start := time.Now()
		b.stop()
		within(t, "the end", time.Since(start), 10*time.Second, 10*time.Second)
	})
}

// TestStalledPace: a byte now and then is no movement.
func TestStalledPace(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		c := b.upload()
		var sender sync.WaitGroup
		defer sender.Wait()
		defer c.Close()
		sender.Go(func() {
			for {
				time.Sleep(time.Second)
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
			}
		})
		_, took := b.ends(c)
		within(t, "the end", took, 30*time.Second, 31*time.Second+rst)
	})
}

// TestHangEnds: the fault that never answers ends after ten minutes, and at once
// for a client that stalls in its body.
func TestHangEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bubble) {
		_, err := b.AddFault(fault.Fault{Kind: fault.Hang})
		must(t, err)
		_, took := b.ends(b.dial("GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n"))
		within(t, "without a body", took, 10*time.Minute, 10*time.Minute+rst)
		_, took = b.ends(
			b.dial("PUT /v2/samples/app/manifests/v1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nx"))
		within(t, "in its body", took, 30*time.Second, 30*time.Second+rst)
	})
}
