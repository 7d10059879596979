package idle

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Listener returns a listener whose connections limit how long a client may not read what
// is written to it. It must be below TLS: a TLS connection fails after an incomplete
// write.
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

// looks is how often a waiting write is tried again in the time allowed. The system
// reports room when a third of its buffer is free, but accepts data before that.
const looks = 8

type conn struct {
	net.Conn
	server *Server

	mu       sync.Mutex
	progress progress
	deadline time.Time // set by the user of the connection; zero = none
}

// Write implements [net.Conn]. It returns [ErrStalled] when the client has made no
// progress for too long.
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
		// Data that was read and not sent is lost; a file that is sent directly has none.
		//rule:standing-still-read-from
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
	//rule:standing-still-set-deadline-2
	_ = c.Conn.SetWriteDeadline(at) // if the connection is closed, the write fails
}

// end ends a write, and reports whether it must continue.
func (c *conn) end(n int64, err error) (again bool, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	stalled := !now.Before(c.progress.deadline(c.server.writeLimit()))
	c.progress.end(n)
	switch {
	case !isTimeout(err), !c.deadline.IsZero() && !now.Before(c.deadline):
		return false, err
	//rule:standing-still-end-3
	case stalled && c.progress.waited > 0: // and without enough progress just now
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
