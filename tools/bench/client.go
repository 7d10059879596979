package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// The client is as lean as a client can be, so that on a machine which it shares
// with the server most of the time is the server's: requests are bytes made
// beforehand, answers are read by hand, and bodies are counted and dropped. It
// speaks only as much HTTP/1.1 as these servers do.

const (
	dialTime  = 5 * time.Second
	replyTime = 2 * time.Minute // for one exchange; the slowest is a layer of 128 MiB
	maxLine   = 64 << 10        // the longest header line
	maxKept   = 1 << 20         // the largest body that is kept
)

// conn is a connection to a server.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func dial(ctx context.Context, addr string) (*conn, error) {
	c, err := (&net.Dialer{Timeout: dialTime}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReaderSize(c, maxLine)}, nil
}

// reply is what is looked at of an answer.
type reply struct {
	status         int
	size           int64 // of the body
	location, link string
	body           []byte // if it was asked for
}

// want says what of an answer is needed besides its status.
type want uint8

const (
	wantNothing want = 0
	isHead      want = 1 << iota // the answer has no body, even if its headers say so
	wantHeaders
	wantBody
)

// do sends a request, in parts, and reads its answer.
func (c *conn) do(w want, request ...[]byte) (reply, error) {
	if err := c.SetDeadline(time.Now().Add(replyTime)); err != nil {
		return reply{}, err
	}
	var err error
	if len(request) == 1 {
		_, err = c.Write(request[0])
	} else {
		parts := net.Buffers(request)
		_, err = parts.WriteTo(c.Conn)
	}
	if err != nil {
		return reply{}, err
	}
	return c.read(w)
}

var errAnswer = errors.New("the answer cannot be read")

func (c *conn) read(w want) (r reply, err error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return r, err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return r, fmt.Errorf("%w: %q", errAnswer, line)
	}
	if r.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return r, fmt.Errorf("%w: %q", errAnswer, line)
	}
	length, chunked := int64(-1), false
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return r, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return r, fmt.Errorf("%w: %q", errAnswer, line)
		}
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "content-length"):
			if length, err = strconv.ParseInt(string(value), 10, 62); err != nil || length < 0 {
				return r, fmt.Errorf("%w: %q", errAnswer, line)
			}
		case is(name, "transfer-encoding"):
			chunked = true
		case w&wantHeaders != 0 && is(name, "location"):
			r.location = string(value)
		case w&wantHeaders != 0 && is(name, "link"):
			r.link = string(value)
		}
	}
	switch {
	case w&isHead != 0 || r.status == 204 || r.status == 304:
		return r, nil
	case chunked:
		return r, c.chunks(w, &r)
	case length < 0:
		return r, fmt.Errorf("%w: no length", errAnswer)
	}
	return r, c.body(w, length, &r)
}

// is compares a header's name; only those that begin alike are looked at closer.
func is(name []byte, want string) bool {
	return len(name) == len(want) && name[0]|0x20 == want[0] && strings.EqualFold(string(name), want)
}

func (c *conn) body(w want, n int64, r *reply) error {
	r.size += n
	if w&wantBody == 0 {
		for n > 0 {
			k, err := c.r.Discard(int(min(n, maxKept)))
			if n -= int64(k); err != nil {
				return err
			}
		}
		return nil
	}
	if n > maxKept-int64(len(r.body)) {
		return fmt.Errorf("%w: a body of more than %d bytes", errAnswer, maxKept)
	}
	at := len(r.body)
	r.body = append(r.body, make([]byte, n)...)
	_, err := io.ReadFull(c.r, r.body[at:])
	return err
}

func (c *conn) chunks(w want, r *reply) error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 62)
		if err != nil || n < 0 {
			return fmt.Errorf("%w: a chunk of %q", errAnswer, line)
		}
		if err := c.body(w, n, r); err != nil {
			return err
		}
		if line, err = c.r.ReadSlice('\n'); err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return fmt.Errorf("%w: %q after a chunk", errAnswer, line)
		}
		if n == 0 {
			return nil
		}
	}
}

// message returns the bytes of a request. headers are whole lines; a body's
// length is one of them.
func message(method, addr, target string, headers ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, addr)
	for _, h := range headers {
		if h != "" {
			b.WriteString(h)
			b.WriteString("\r\n")
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// next returns the target of the page after this one, "" at the end.
func (r reply) next() string {
	target, _, ok := strings.Cut(strings.TrimPrefix(r.link, "<"), ">")
	if !ok {
		return ""
	}
	return pathOf(target)
}

// pathOf cuts scheme and host off an address, which some servers write there.
func pathOf(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:]
		}
		return "/"
	}
	return address
}
