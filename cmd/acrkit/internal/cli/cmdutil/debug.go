package cmdutil

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/acrkit/acrkit/internal/redact"
)

// debugTransport writes every request and answer, without bodies: those of token
// requests are secrets, the others may be large. What a header or a URL may show
// is decided by package redact.
type debugTransport struct {
	base http.RoundTripper
	w    io.Writer
	now  func() time.Time
	mu   sync.Mutex
}

func (d *debugTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	start := d.now()
	resp, err := d.base.RoundTrip(req)
	var b strings.Builder
	fmt.Fprintf(&b, "> %s %s\n", req.Method, redact.URL(req.URL))
	writeHeader(&b, ">", req.Header)
	took := d.now().Sub(start).Round(time.Millisecond)
	if err != nil {
		fmt.Fprintf(&b, "< no answer after %s: %s\n", took, redact.Text(err.Error()))
	} else {
		fmt.Fprintf(&b, "< %s %d %s (%s)\n", resp.Proto, resp.StatusCode, http.StatusText(resp.StatusCode), took)
		writeHeader(&b, "<", resp.Header)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _ = io.WriteString(d.w, b.String())
	return resp, err
}

func writeHeader(b *strings.Builder, mark string, h http.Header) {
	shown := redact.Header(h)
	names := make([]string, 0, len(shown))
	for name := range shown {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range shown[name] {
			fmt.Fprintf(b, "%s %s: %s\n", mark, name, v)
		}
	}
}
