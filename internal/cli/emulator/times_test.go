package emulator

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cli/iostreams"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(f roundTrip) *client {
	return &client{http: newHTTPClient(f), base: "http://emulator.test/", key: "k"}
}

// TestFollowTime: an emulator that is away is waited for, for fifteen seconds.
func TestFollowTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		cl := answering(func(r *http.Request) (*http.Response, error) {
			if calls++; calls > 1 {
				return nil, errors.New("connection refused")
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"last":1}`)), Request: r}, nil
		})
		s, _, _, _ := iostreams.Test()
		start := time.Now()
		err := (&LogOptions{IO: s}).follow(t.Context(), cl, url.Values{})
		if took := time.Since(start); acrkit.CodeOf(err) != acrkit.CodeUnavailable || took < 15*time.Second || took > 16*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// TestReadyTime: a start whose listener says nothing fails after half a minute.
func TestReadyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		go func() { _, _ = io.Copy(io.Discard, server) }()
		start := time.Now()
		err := waitReady(t.Context(), connection{LoginServer: "localhost"}, nil, func(context.Context) (net.Conn, error) { return client, nil })
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 30*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
