package proxy

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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

// rst is how long net/http leaves a connection open for a client to read the answer.
const rst = 500 * time.Millisecond

// TestListenerLimits: a client that says nothing, half a header, nothing more, or
// does not read its answer, loses its connection, each at its own time; at the end
// all do.
func TestListenerLimits(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		stop       bool
		want       time.Duration
	}{
		{"nothing", "", false, 10 * time.Second},
		{"half a header", "GET / HTTP/1.1\r\nHost: local", false, 10 * time.Second},
		{"nothing more", "GET /none HTTP/1.1\r\nHost: x\r\n\r\n", false, 2 * time.Minute},
		{"no reader", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", false, 2 * time.Minute},
		{"the end", "GET /hang HTTP/1.1\r\nHost: x\r\n\r\n", true, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
				stop := serve(t.Context(), p, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.Path {
					case "/":
						_, _ = w.Write(make([]byte, 1<<20))
					case "/hang":
						<-r.Context().Done()
					}
				}))
				client, server := net.Pipe()
				defer client.Close()
				if err := client.SetDeadline(time.Now().Add(10 * time.Hour)); err != nil {
					t.Fatal(err)
				}
				p.conns <- server
				start := time.Now()
				if _, err := io.WriteString(client, tt.text); err != nil {
					t.Fatal(err)
				}
				if tt.stop {
					synctest.Wait()
					if err := stop(); err != nil {
						t.Error(err)
					}
				} else {
					if tt.name == "no reader" {
						time.Sleep(tt.want + rst/2)
					}
					if _, err := io.ReadAll(client); err != nil {
						t.Error("it is not ended:", err)
					}
					defer func() { _ = stop() }()
				}
				if took := time.Since(start); took < tt.want || took > tt.want+rst {
					t.Errorf("it ends after %v, want %v", took, tt.want)
				}
			})
		})
	}
}

// TestHeaderLimit: a header has room for the proxy's tokens, and an end.
func TestHeaderLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		stop := serve(t.Context(), p, nil, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for n, want := range map[int]string{250 << 10: "HTTP/1.1 200 ", 270 << 10: "HTTP/1.1 431 "} {
			client, server := net.Pipe()
			p.conns <- server
			go fmt.Fprintf(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: %s\r\n\r\n",
				strings.Repeat("x", n))
			if data, err := io.ReadAll(client); err != nil || !strings.HasPrefix(string(data), want) {
				t.Errorf("%d bytes: %.40q, %v", n, data, err)
			}
			client.Close()
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
