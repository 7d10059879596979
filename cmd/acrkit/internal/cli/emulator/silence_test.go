package emulator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
)

// controlled returns a client of a control API that answers with serve.
func controlled(t *testing.T, serve func(conn net.Conn, req *http.Request)) *client {
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
	return &client{http: newHTTPClient(base), base: "http://emulator.test/_acrkit/v1/", hint: "acrkit emulator start"}
}

func answer(conn net.Conn, body string) {
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body)
}

// An emulator that hangs does not hold the command; one that waits for a decision,
// as it was asked to, is waited for.
func TestControl_silence(t *testing.T) {
	for _, tt := range []struct {
		name  string
		serve func(net.Conn, *http.Request)
		after time.Duration
		text  string // "" = no error
	}{
		{"no_answer", func(net.Conn, *http.Request) {}, time.Minute,
			"emulator.test accepted the connection and sent nothing for 1m0s"},
		{"late", func(conn net.Conn, _ *http.Request) {
			time.Sleep(followWait + 29*time.Second)
			answer(conn, "{}")
		}, 59 * time.Second, ""},
		{"half_an_answer", func(conn net.Conn, _ *http.Request) {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{")
		}, 30 * time.Second,
			"emulator.test sent less than 1024 bytes of its answer in 30s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := controlled(t, tt.serve)
				start := time.Now()
				var out struct{}
				err := c.call(t.Context(), http.MethodGet, "decisions", nil, &out)
				if took := time.Since(start); took != tt.after {
					t.Errorf("it took %s, want %s", took, tt.after)
				}
				if tt.text == "" {
					if err != nil {
						t.Error(err)
					}
					return
				}
				e, ok := errors.AsType[*acrkit.Error](err)
				if !ok || e.Code != acrkit.CodeUnavailable || !strings.Contains(err.Error(), tt.text) ||
					!strings.HasPrefix(e.Hint, "acrkit emulator start") {
					t.Errorf("%v", err)
				}
			})
		})
	}
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
			opts := &LogOptions{IO: f.IO}
			var err error
			if follow {
				err = opts.follow(t.Context(), c, url.Values{})
			} else {
				cmd := &cobra.Command{}
				cmd.SetContext(t.Context())
				err = opts.run(cmd, c, "")
			}
			if acrkit.CodeOf(err) != acrkit.CodeProtocol || requests != 2 {
				t.Errorf("--follow %t: %v after %d requests", follow, err, requests)
			}
		})
	}
}
