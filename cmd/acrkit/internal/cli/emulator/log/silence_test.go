package log

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/emulator/control"
)

// controlled returns a client of a control API that answers with serve.
func controlled(t *testing.T, serve func(conn net.Conn, req *http.Request)) *control.Client {
	base := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			in := bufio.NewReader(there)
			for {
				req, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				serve(there, req)
			}
		}()
		t.Cleanup(func() {
			_ = there.Close()
			<-done
		})
		return here, nil
	}}
	t.Cleanup(base.CloseIdleConnections)
	c, err := control.NewClient("http://emulator.localhost", "k", &control.Options{Base: base})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answer(conn net.Conn, body string) {
	_, _ = fmt.Fprintf(conn,
		"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// A log whose pages do not go on is an error, with --follow and without.
func TestLog_no_progress(t *testing.T) {
	for _, follow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			c := controlled(t, func(conn net.Conn, _ *http.Request) {
				requests++
				// It gives up before the test would never end.
				answer(conn, fmt.Sprintf(`{"decisions":[{"id":7}],"last":7,"more":%t,"ending":true}`, requests < 20))
			})
			f := clitest.Factory(nil)
			opts := &options{IO: f.IO}
			var err error
			if follow {
				err = opts.follow(t.Context(), c, control.DecisionQuery{})
			} else {
				err = opts.run(t.Context(), c, "")
			}
			if acrkit.CodeOf(err) != acrkit.CodeProtocol || requests != 2 {
				t.Errorf("--follow %t: %v after %d requests", follow, err, requests)
			}
		})
	}
}
