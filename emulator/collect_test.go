package emulator_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/emulator"
)

const collectSeed = `
registries:
  - name: myregistry
    repositories: [{name: samples/app, images: [{tags: [v1], platforms: [linux/amd64]}]}]
`

// TestServeCollects: blobs that nothing names go while the emulator serves, what
// an image names stays, and Serve ends with its goroutine.
func TestServeCollects(t *testing.T) {
	dir := t.TempDir()
	e, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir, Seed: parse(t, collectSeed),
		CollectAfter: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	count := func() (n int) {
		files, err := filepath.Glob(filepath.Join(dir, "state", "blobs", "blobs", "sha256", "*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	before := count()
	stray := filepath.Join(dir, "state", "blobs", "blobs", "sha256", "00")
	if err := os.MkdirAll(stray, 0o700); err != nil {
		t.Fatal(err)
	}
	// As a crash between content and its repository leaves it.
	if err := os.WriteFile(filepath.Join(stray, strings.Repeat("0", 64)), []byte("stray"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Serve(ctx, l) }()
	for deadline := time.Now().Add(30 * time.Second); count() != before; {
		if time.Now().After(deadline) {
			t.Fatalf("%d contents, want %d", count(), before)
		}
		time.Sleep(10 * time.Millisecond) // between looks; the deadline is above
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if c, err := e.Collect(t.Context()); err != nil || c != (emulator.Collected{}) {
		t.Errorf("collected %+v, %v; an image's content is in use", c, err)
	}
}

// TestMemoryLimit pushes more than an emulator without a data folder may hold.
func TestMemoryLimit(t *testing.T) {
	f := start(t, &emulator.Options{MemoryLimit: 1 << 20})
	token := f.password("ci-push", "correct-horse-battery-staple-0002",
		"repository:samples/app:pull,push").field(t, "access_token")
	digest := "sha256:" + strings.Repeat("0", 64)
	a := f.do(http.MethodPost, "/v2/samples/app/blobs/uploads/?digest="+digest, bearer(token),
		strings.Repeat("x", 2<<20))
	if a.status != http.StatusInternalServerError || !strings.Contains(a.body, "limit of the emulator's memory") {
		t.Errorf("answer %d %s", a.status, a.body)
	}
	if a := f.do(http.MethodPost, "/v2/samples/app/blobs/uploads/", bearer(token),
		""); a.status != http.StatusAccepted {
		t.Errorf("afterwards: %d %s", a.status, a.body)
	}
}
