package log

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/emulator/control"
)

// replies is a control API that answers each request with the next text.
type replies func() string

func (r replies) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(r())), ContentLength: -1, Request: req}, nil
}

// A log whose pages do not go on is an error, with --follow and without.
func TestLog_no_progress(t *testing.T) {
	for _, follow := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			requests := 0
			c, err := control.NewClient("http://emulator.localhost", "k", &control.Options{Base: replies(func() string {
				requests++
				// It gives up before the test would never end.
				return fmt.Sprintf(`{"decisions":[{"id":7}],"last":7,"more":%t,"ending":true}`, requests < 20)
			})})
			if err != nil {
				t.Fatal(err)
			}
			f := clitest.Factory(nil)
			opts := &options{IO: f.IO}
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
