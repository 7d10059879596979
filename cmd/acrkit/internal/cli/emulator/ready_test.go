package emulator

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadyTime: a start whose listener says nothing fails after half a minute.
func TestReadyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		go func() { _, _ = io.Copy(io.Discard, server) }()
		start := time.Now()
		err := waitReady(t.Context(), connection{LoginServer: "localhost"}, nil,
			func(context.Context) (net.Conn, error) { return client, nil })
		if took := time.Since(start); err == nil || took != 30*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
