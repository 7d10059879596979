package cmdutil

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

type late time.Duration

func (d late) RoundTrip(*http.Request) (*http.Response, error) {
	time.Sleep(time.Duration(d))
	return nil, io.ErrUnexpectedEOF
}

func TestAwaited(t *testing.T) {
	for _, tty := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s, _, _, errOut := iostreams.Test()
			s.SetTTY(tty, tty, tty)
			rt := &awaited{late(3 * time.Second), s}
			resp, err := rt.RoundTrip(httptest.NewRequest(http.MethodGet, "https://myregistry.azurecr.io/v2/", nil))
			if err == nil {
				resp.Body.Close()
			}
			(&Factory{IO: s}).onRetry(mustRegistry(t, "myregistry"))(30*time.Second,
				&acrkit.Error{Code: acrkit.CodeThrottled, Status: 429})
			time.Sleep(time.Minute)
			synctest.Wait()
			got := errOut.String()
			if !tty && got != "" {
				t.Errorf("in a pipe: %q", got)
			}
			if tty && (!strings.HasPrefix(got, "waiting for myregistry.azurecr.io\r") ||
				!strings.Contains(got, "\r429 throttled from myregistry.azurecr.io; trying again in 30s\r")) {
				t.Errorf("%q", got)
			}
		})
	}
}
