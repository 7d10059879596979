package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	// stallers is how many connections stall at a time.
	stallers = 12
	// largeBlob is more than the system buffers of an answer that is not read.
	largeBlob = 12 << 20
	// stallPause is the time between two clients that stall.
	stallPause = 50 * time.Millisecond
)

// staller opens connections that send one byte of a body, or read nothing of their
// answer, and then stall; and it resets the emulator meanwhile, to a snapshot
// that does not exist, which waits for all requests and changes nothing.
type staller struct {
	s     *server
	who   *identities
	dice  *rand.Rand
	count *counters
	open  []net.Conn
}

const stallRepo = "c/stall"

// run goes on until stop is closed. Its errors are violations.
func (x *staller) run(ctx context.Context, stop <-chan struct{}) error {
	defer x.keep(0)
	for {
		select {
		case <-stop:
			return nil
		case <-time.After(stallPause):
		}
		steps := []struct {
			name string
			do   func(context.Context) error
		}{
			{"stalled form", x.form}, {"stalled refused upload", x.refused}, {"stalled upload", x.upload},
			{"stalled reader", x.reader}, {"reset beside stalls", x.reset},
		}
		step := steps[x.dice.IntN(len(steps))]
		err := step.do(ctx)
		if v := (*violation)(nil); errors.As(err, &v) {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		if err == nil {
			x.count.add(step.name)
			continue
		}
		x.s.wait(ctx) // a kill has cut it off
	}
}

// keep closes the oldest connections, all but n.
func (x *staller) keep(n int) {
	for len(x.open) > n {
		_ = x.open[0].Close()
		x.open = x.open[1:]
	}
}

// stall writes a request to a new connection and leaves it open.
func (x *staller) stall(ctx context.Context, format string, args ...any) error {
	c, err := (&net.Dialer{Timeout: requestLimit}).DialContext(ctx, "tcp", x.s.addr)
	if err != nil {
		return err
	}
	x.open = append(x.open, c)
	x.keep(stallers)
	_, err = fmt.Fprintf(c, format, args...)
	return err
}

func (x *staller) form(ctx context.Context) error {
	return x.stall(ctx, "POST /oauth2/token HTTP/1.1\r\nHost: %s\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ng", x.s.addr)
}

func (x *staller) refused(ctx context.Context) error {
	return x.stall(ctx,
		"POST /v2/%s/blobs/uploads/ HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\nx", stallRepo, x.s.addr)
}

func (x *staller) token(ctx context.Context) (string, error) {
	token, _, err := x.who.accessToken(ctx, x.s, writer, "repository:"+stallRepo+":pull,push")
	return token, err
}

func (x *staller) upload(ctx context.Context) error {
	token, err := x.token(ctx)
	if err != nil {
		return err
	}
	a, err := x.s.send(ctx, http.MethodPost, "/v2/"+stallRepo+"/blobs/uploads/",
		http.Header{"Authorization": {"Bearer " + token}}, nil)
	if err != nil {
		return err
	}
	if a.status != http.StatusAccepted {
		return wrong("begin an upload: %d %s", a.status, a.body)
	}
	return x.stall(ctx, "PATCH %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\nx",
		a.header.Get("Location"), x.s.addr, token)
}

func (x *staller) reader(ctx context.Context) error {
	token, err := x.token(ctx)
	if err != nil {
		return err
	}
	auth := http.Header{"Authorization": {"Bearer " + token}}
	blob := make([]byte, largeBlob)
	digest := digestOf(blob)
	a, err := x.s.send(ctx, http.MethodHead, "/v2/"+stallRepo+"/blobs/"+digest, auth, nil)
	if err != nil {
		return err
	}
	if a.status == http.StatusNotFound { // not yet, or collected
		if a, err = x.s.send(ctx, http.MethodPost, "/v2/"+stallRepo+"/blobs/uploads/?digest="+url.QueryEscape(digest),
			auth, bytes.NewReader(blob)); err != nil {
			return err
		}
		if a.status != http.StatusCreated {
			return wrong("push a blob: %d %s", a.status, a.body)
		}
	}
	return x.stall(ctx, "GET /v2/%s/blobs/%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		stallRepo, digest, x.s.addr, token)
}

func (x *staller) reset(ctx context.Context) error {
	key, err := os.ReadFile(filepath.Join(x.s.dir, "control-api.key"))
	if err != nil {
		return wrong("%v", err)
	}
	header := http.Header{"Acrkit-Control-Key": {strings.TrimSpace(string(key))}, "Content-Type": {"application/json"}}
	a, err := x.s.send(ctx, http.MethodPost, "/_acrkit/v1/reset", header,
		io.NopCloser(strings.NewReader(`{"snapshot":"none"}`)))
	if err != nil {
		return err
	}
	if a.status != http.StatusNotFound {
		return wrong("a reset to a snapshot that does not exist: %d %s", a.status, a.body)
	}
	return nil
}
