package wire

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A dial, and TLS, end by themselves, also where no request waits for them any more.
func TestNewTransport(t *testing.T) {
	if d := Dialer(); d.Timeout != 30*time.Second {
		t.Errorf("a dial may take %s", d.Timeout)
	}
	synctest.Test(t, func(t *testing.T) {
		std := NewTransport()
		std.Proxy = nil
		done := make(chan struct{})
		std.DialContext = func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer close(done)
				_, _ = io.Copy(io.Discard, server)
			}()
			return client, nil
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://registry.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = std.RoundTrip(req)
		if took := time.Since(start); err == nil || !strings.Contains(err.Error(), "TLS handshake timeout") ||
			took != 10*time.Second {
			t.Errorf("%v after %s", err, took)
		}
		<-done
	})
}
