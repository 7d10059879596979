package emulator

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(f roundTrip) *client {
	return &client{http: newHTTPClient(f), base: "http://emulator.test/", key: "k"}
}

// TestReadLimits: what is read of a data folder and of an emulator has a limit; a
// file of just that size is not refused for it.
func TestReadLimits(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, n int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+strings.Repeat(" ", n-len(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n, refused := range map[int]bool{4 << 10: false, 4<<10 + 1: true} {
		write(controlKey, "key", n)
		c := &control{factory: clitest.Factory(nil), DataDir: dir, Addr: "127.0.0.1:1"}
		if _, err := c.open(); (acrkit.CodeOf(err) == acrkit.CodeTooLarge) != refused || !refused && err != nil {
			t.Errorf("a key of %d bytes: %v", n, err)
		}
	}
	for n, refused := range map[int]bool{1 << 20: false, 1<<20 + 1: true} {
		write(connectionFile, `{"loginServer":"localhost:1"}`, n)
		if _, err := readConnection(dir); (err != nil) != refused {
			t.Errorf("a connection file of %d bytes: %v", n, err)
		}
	}
	for n, refused := range map[int64]bool{64 << 20: false, 64<<20 + 1: true} {
		cl := answering(func(r *http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader("{}"), io.LimitReader(blanks{}, n-2))
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
		})
		if err := cl.call(t.Context(), http.MethodGet, "clock", nil, nil); (err != nil) != refused {
			t.Errorf("an answer of %d bytes: %v", n, err)
		}
	}
}

// blanks never end.
type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
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
		if took := time.Since(start); err == nil || took != 30*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
