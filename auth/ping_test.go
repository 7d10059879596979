package auth

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit/internal/stall"
)

// TestDeadConnection cuts the cable of an HTTP/2 connection: what is sent over it
// goes nowhere, and nothing says so. The request that is under way must fail before
// it has waited for its header too long, because the next one must dial anew.
func TestDeadConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt, err := NewTransport("localhost:5443", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer rt.Close()
		if rt.ownBase == nil {
			t.Fatal("the transport has no base of its own")
		}
		listener := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
		srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				t.Errorf("%s was spoken", r.Proto)
			}
			w.WriteHeader(http.StatusNoContent)
		}))
		_ = srv.Listener.Close()
		srv.Listener, srv.EnableHTTP2 = listener, true
		srv.StartTLS()
		defer srv.Close()

		var cables []*cable
		rt.ownBase.Proxy = nil
		rt.ownBase.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		rt.ownBase.TLSClientConfig.ServerName = "example.com" // httptest's certificate is for that
		rt.ownBase.TLSClientConfig.NextProtos = nil
		rt.ownBase.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			here, there := net.Pipe()
			select {
			case listener.conns <- there:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			c := &cable{Conn: here, cut: make(chan struct{}), closed: make(chan struct{})}
			cables = append(cables, c)
			return c, nil
		}
		get := func() (time.Duration, error) {
			begin := time.Now()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost:5443/oauth2/keys",
				nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := rt.RoundTrip(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			return time.Since(begin), err
		}
		if _, err := get(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		close(cables[0].cut)
		took, err := get()
		if err == nil || took >= stall.HeaderTime {
			t.Errorf("over a dead connection: %v after %s", err, took)
		}
		if took, err := get(); err != nil || took > time.Second || len(cables) != 2 {
			t.Errorf("after it: %v after %s, %d connections", err, took, len(cables))
		}
	})
}

// cable is a connection that swallows everything once it is cut.
type cable struct {
	net.Conn
	cut, closed chan struct{}
	once        sync.Once
}

func (c *cable) Write(p []byte) (int, error) {
	select {
	case <-c.cut:
		return len(p), nil
	default:
		return c.Conn.Write(p)
	}
}

func (c *cable) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	select {
	case <-c.cut:
		<-c.closed
		return 0, io.EOF
	default:
		return n, err
	}
}

func (c *cable) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// pipeListener is a net.Listener of pipes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5443} }
