package portmux_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/portmux"
	"github.com/acrkit/acrkit/internal/pki"
)

func config(t *testing.T) *tls.Config {
	t.Helper()
	a, err := pki.Open("", nil)
	if err != nil {
		t.Fatal(err)
	}
	return a.TLSConfig(func(string) bool { return true })
}

func listen(t *testing.T) *portmux.Listener {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return portmux.New(inner, config(t))
}

func TestBothOnOnePort(t *testing.T) {
	l := listen(t)
	defer l.Close()
	plain, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := plain.Write([]byte("GET /")); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	buf := make([]byte, 5)
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "GET /" {
		t.Errorf("%q %v", buf, err)
	}
	if _, ok := c.(*tls.Conn); ok {
		t.Error("plain HTTP was taken for TLS")
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		client, err := tls.Dial("tcp", l.Addr().String(),
			&tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
		if err != nil {
			t.Error(err)
			return
		}
		client.Close()
	})
	secure, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	tc, ok := secure.(*tls.Conn)
	if !ok {
		t.Fatalf("%T", secure)
	}
	if err := tc.HandshakeContext(t.Context()); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// TestSilentClients neither hold up others nor stay for ever.
func TestSilentClients(t *testing.T) {
	l := listen(t)
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	loud, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer loud.Close()
	if _, err := loud.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("the silent connection is still open")
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// pipes is a listener of connections in memory, for the bubble's clock.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
	errs  chan error
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case err := <-p.errs:
		return nil, err
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

type passing struct{}

func (passing) Error() string   { return "too many open files" }
func (passing) Temporary() bool { return true }

func TestSilenceEnds(t *testing.T) {
	c := config(t)
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), done: make(chan struct{}), errs: make(chan error)}
		l := portmux.New(p, c)
		client, server := net.Pipe()
		p.errs <- passing{} // an error that passes is no end
		p.conns <- server
		start := time.Now()
		if _, err := client.Read(make([]byte, 1)); err == nil {
			t.Error("it spoke first")
		}
		if d := time.Since(start); d != portmux.FirstByte {
			t.Errorf("closed after %v", d)
		}
		p.errs <- errors.New("broken")
		if _, err := l.Accept(); err == nil || err.Error() != "broken" {
			t.Errorf("got %v", err)
		}
		l.Close()
	})
}

// TestSilentAtOnce: no more than maxSilent silent connections are held; one more
// waits in the queue until another has had its time.
func TestSilentAtOnce(t *testing.T) {
	const most = 1024
	c := config(t)
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), done: make(chan struct{}), errs: make(chan error)}
		l := portmux.New(p, c)
		start := time.Now()
		for i := range most + 1 {
			_, server := net.Pipe()
			p.conns <- server
			if took := time.Since(start); i < most && took != 0 || i == most && took != portmux.FirstByte {
				t.Fatalf("connection %d is accepted after %v", i+1, took)
			}
		}
		l.Close()
	})
}

// TestFilesTakeTheShortWay: net/http sends a file without copying it only where
// the connection can read from one.
func TestFilesTakeTheShortWay(t *testing.T) {
	l := listen(t)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Write([]byte("G")); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	to, ok := c.(io.ReaderFrom)
	if !ok {
		t.Fatalf("%T is no io.ReaderFrom", c)
	}
	f, err := os.Open(os.Args[0]) // the test itself
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 100_000
	n, err := to.ReadFrom(io.LimitReader(f, size))
	c.Close()
	if err != nil || n != size {
		t.Errorf("%d %v", n, err)
	}
	got, err := io.ReadAll(client)
	want := make([]byte, size)
	if _, err := f.ReadAt(want, 0); err != nil {
		t.Fatal(err)
	}
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, %v, or they differ", len(got), err)
	}
}
