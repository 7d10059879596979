package idle

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Listener returns a listener whose connections limit how long a client may leave
// unread what is written to it. It belongs below TLS: a TLS connection does not
// outlive a write that was cut short.
func (s *Server) Listener(l net.Listener) net.Listener { return &listener{l, s} }

type listener struct {
	net.Listener
	server *Server
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: inner, server: l.server}
	l.server.add(c)
	return c, nil
}

// looks is how often in the time allowed a write that waits is tried again. The
// system says that there is room when a third of its buffer is free, and takes
// more before.
const looks = 8

type conn struct {
	net.Conn
	server *Server

	mu       sync.Mutex
	progress progress
	deadline time.Time // of whoever uses the connection; zero = none
}

// Write implements [net.Conn]. It returns [ErrStalled] when the client has stood
// still for too long.
func (c *conn) Write(b []byte) (n int, err error) {
	for {
		c.begin()
		k, err := c.Conn.Write(b[n:])
		n += k
		if again, err := c.end(int64(k), err); !again {
			return n, err
		}
	}
}

// ReadFrom sends a part of a file without copying it, where the system can.
func (c *conn) ReadFrom(r io.Reader) (n int64, err error) {
	to, ok := c.Conn.(io.ReaderFrom)
	part, limited := r.(*io.LimitedReader)
	if ok && limited {
		_, ok = part.R.(*os.File)
	}
	if !ok || !limited {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	for {
		before := part.N
		c.begin()
		k, err := to.ReadFrom(part)
		n += k
		again, err := c.end(k, err)
		// What was read and not sent is lost; a file that was sent directly has none.
		if !again || before-part.N != k {
			return n, err
		}
	}
}

func (c *conn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress.begin()
	c.setDeadline()
}

// setDeadline is called with the lock.
func (c *conn) setDeadline() {
	at := c.deadline
	if !c.progress.since.IsZero() {
		limit := c.server.writeLimit()
		own := c.progress.deadline(limit)
		if look := c.progress.since.Add(limit / looks); look.Before(own) {
			own = look
		}
		if at.IsZero() || own.Before(at) {
			at = own
		}
	}
	_ = c.Conn.SetWriteDeadline(at) // of a closed connection: the write says so
}

// end ends a write, and reports whether it is to be gone on with.
func (c *conn) end(n int64, err error) (again bool, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	stalled := !now.Before(c.progress.deadline(c.server.writeLimit()))
	c.progress.end(n)
	switch {
	case !isTimeout(err), !c.deadline.IsZero() && !now.Before(c.deadline):
		return false, err
	case stalled && c.progress.waited > 0: // and not moved enough in the last moment
		return false, ErrStalled
	}
	return true, err
}

func (c *conn) adjust() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.progress.since.IsZero() {
		c.setDeadline()
	}
}

// SetWriteDeadline implements [net.Conn].
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if c.progress.since.IsZero() {
		return c.Conn.SetWriteDeadline(t)
	}
	c.setDeadline()
	return nil
}

// SetDeadline implements [net.Conn].
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// Close implements [net.Conn].
func (c *conn) Close() error {
	c.server.remove(c)
	return c.Conn.Close()
}
