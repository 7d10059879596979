package cmdutil

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// awaited shows at a terminal which host is slow to answer.
type awaited struct {
	base http.RoundTripper
	io   *iostreams.IOStreams
}

func (a *awaited) RoundTrip(req *http.Request) (*http.Response, error) {
	defer a.io.Await("waiting for " + req.URL.Host)()
	return a.base.RoundTrip(req)
}

// onRetry reports the wait before a request is sent again.
func (f *Factory) onRetry(reg acrkit.Registry) func(time.Duration, error) {
	return func(d time.Duration, err error) {
		why := "no answer"
		if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Status != 0 {
			why = fmt.Sprintf("%d %s", e.Status, e.Code)
		}
		f.IO.AwaitFor(d, fmt.Sprintf("%s from %s; trying again in %s", why, reg.Host(), d.Round(time.Second)))
	}
}
