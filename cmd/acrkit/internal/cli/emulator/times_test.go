package emulator

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator/control"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(t *testing.T, f roundTrip) *control.Client {
	c, err := control.NewClient("https://emulator.test", "k", &control.Options{Base: f})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestReadLimits: what is read of a data folder has a limit; a file of just that size is
// not refused for it.
func TestReadLimits(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, n int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text+strings.Repeat(" ", n-len(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for n, refused := range map[int]bool{4 << 10: false, 4<<10 + 1: true} {
		write(control.KeyFile, "key", n)
		c := &target{factory: clitest.Factory(nil), DataDir: dir, Addr: "127.0.0.1:1"}
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
}

// TestFollowTime: an emulator that is away is waited for, for fifteen seconds.
func TestFollowTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		cl := answering(t, func(r *http.Request) (*http.Response, error) {
			if calls++; calls > 1 {
				return nil, errors.New("connection refused")
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"last":1}`)), Request: r}, nil
		})
		s, _, _, _ := iostreams.Test()
		start := time.Now()
		err := (&LogOptions{IO: s}).follow(t.Context(), cl, control.DecisionQuery{})
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
