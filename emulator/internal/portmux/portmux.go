// Package portmux lets HTTP and TLS share a port: a connection whose first byte
// begins a TLS handshake becomes a TLS connection, any other stays as it is.
package portmux

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// FirstByte is how long a new connection may stay silent.
	//rule:listener-times-first-byte
	FirstByte = 10 * time.Second
	// maxSilent bounds the connections that have not sent their first byte; more
	// wait in the kernel's queue.
	//rule:listener-times-max-silent
	maxSilent = 1024
	// recordHandshake is the first byte of a TLS connection (RFC 8446 §5.1).
	recordHandshake = 22
)

// Listener yields *tls.Conn values for TLS, which net/http recognises, and plain
// connections for the rest.
type Listener struct {
	inner  net.Listener
	config *tls.Config

	conns  chan net.Conn
	done   chan struct{}
	close  sync.Once
	mu     sync.Mutex
	err    error
	silent map[net.Conn]struct{}
	wait   sync.WaitGroup
}

// New starts to accept from inner.
func New(inner net.Listener, config *tls.Config) *Listener {
	l := &Listener{inner: inner, config: config, conns: make(chan net.Conn), done: make(chan struct{}),
		silent: map[net.Conn]struct{}{}}
	l.wait.Add(1)
	go l.run()
	return l
}

func (l *Listener) run() {
	defer l.wait.Done()
	slots := make(chan struct{}, maxSilent)
	for {
		select {
		case slots <- struct{}{}:
		case <-l.done:
			return
		}
		conn, err := l.inner.Accept()
		if err != nil {
			<-slots
			if !l.pause(err) {
				l.stop(err)
				return
			}
			continue
		}
		if !l.track(conn) {
			return
		}
		l.wait.Add(1)
		go func() {
			defer l.wait.Done()
			defer func() { <-slots }()
			l.sort(conn)
		}()
	}
}

// pause waits after an error that may pass (no file descriptor left, a client
// that hung up in the queue), and reports whether to go on.
func (l *Listener) pause(err error) bool {
	var passing interface{ Temporary() bool }
	if !errors.As(err, &passing) || !passing.Temporary() {
		return false
	}
	t := time.NewTimer(50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.done:
		return false
	}
}

// track notes a connection so that Close can end it.
func (l *Listener) track(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.done:
		conn.Close() // the listener is gone
		return false
	default:
	}
	l.silent[conn] = struct{}{}
	return true
}

func (l *Listener) sort(conn net.Conn) {
	var first [1]byte
	err := conn.SetReadDeadline(time.Now().Add(FirstByte))
	if err == nil {
		_, err = io.ReadFull(conn, first[:])
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Time{})
	}
	l.mu.Lock()
	delete(l.silent, conn)
	l.mu.Unlock()
	if err != nil {
		conn.Close() // it sent nothing
		return
	}
	var out net.Conn = &prefixed{Conn: conn, first: bytes.NewReader(first[:])}
	if first[0] == recordHandshake {
		out = tls.Server(out, l.config)
	}
	select {
	case l.conns <- out:
	case <-l.done:
		conn.Close() // no server is left for it
	}
}

func (l *Listener) stop(err error) {
	l.close.Do(func() {
		l.mu.Lock()
		l.err = err
		close(l.done)
		for c := range l.silent {
			c.Close() // it had no request yet
		}
		l.mu.Unlock()
		l.inner.Close() // a listener has nothing to lose
	})
}

// Accept returns the next connection that has sent something.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return nil, l.err
	}
}

// Close stops accepting, ends the connections that have sent nothing yet, and
// waits for its goroutines.
func (l *Listener) Close() error {
	l.stop(net.ErrClosed)
	l.wait.Wait()
	return nil
}

// Addr returns the address of the inner listener.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

// prefixed returns the byte that was read before the rest.
type prefixed struct {
	net.Conn
	first *bytes.Reader
}

func (c *prefixed) Read(p []byte) (int, error) {
	if c.first != nil {
		if n, _ := c.first.Read(p); n > 0 {
			c.first = nil
			return n, nil
		}
	}
	return c.Conn.Read(p)
}

// ReadFrom sends a file by the connection's own ReadFrom, which avoids a copy and
// which the embedded interface hides.
func (c *prefixed) ReadFrom(r io.Reader) (int64, error) { return io.Copy(c.Conn, r) }
