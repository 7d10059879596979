package acrtest_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/imagegen"
)

// serveDir makes the test binary an emulator over that folder, so that a test can
// kill it.
const serveDir = "ACRTEST_SERVE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveDir); dir != "" {
		if err := serveForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const durablePassword = "correct-horse-battery-staple-0001"

// serveForever ends when its standard input does, which is at the latest when the
// test does.
func serveForever(dir string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	em, err := emulator.Open(ctx,
		&emulator.Options{DataDir: dir, Seed: &seed.Seed{Registries: []seed.Registry{{Name: "myregistry",
			Tokens: []seed.Token{{Name: "ci-app", ScopeMap: "_repositories_push",
				Passwords: []seed.Password{{Name: "password1", Value: durablePassword}}}}}}}})
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	fmt.Println(l.Addr())
	if err := em.Serve(ctx, l); err != nil {
		return err
	}
	return em.Close()
}

// process is an emulator in a process of its own.
type process struct {
	host string
	base *http.Transport
	kill func()
}

func startProcess(t *testing.T, dir string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), serveDir+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	kill := func() {
		once.Do(func() {
			_ = cmd.Process.Kill() // SIGKILL
			_ = cmd.Wait()
			_ = stdin.Close()
		})
	}
	t.Cleanup(kill)
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		kill()
		t.Fatalf("the emulator did not start: %v\n%s", err, &stderr)
	}
	ca, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	// HTTP/1.1, so that each push has a connection of its own.
	base := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 256}
	t.Cleanup(base.CloseIdleConnections)
	return &process{host: strings.TrimSpace(addr), base: base, kill: kill}
}

func (p *process) repository(t *testing.T, rt *auth.Transport, name string) *remote.Repository {
	t.Helper()
	repo, err := remote.NewRepository(p.host + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	repo.Client = &http.Client{Transport: rt}
	return repo
}

func (p *process) transport(t *testing.T) *auth.Transport {
	t.Helper()
	rt, err := auth.NewTransport(p.host, auth.ScopedToken("ci-app", durablePassword), &auth.Options{Base: p.base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = rt.Close() })
	return rt
}

// TestKill kills the emulator during 200 concurrent pushes. After a restart on the
// same folder every blob and manifest that it acknowledged is there and whole.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := startProcess(t, dir)
	rt := p.transport(t)

	type item struct {
		repo string
		desc ocispec.Descriptor
		tag  string // of a manifest
	}
	const pushes = 200
	var (
		mu       sync.Mutex
		acked    []item
		complete int
		wg       sync.WaitGroup
	)
	enough := make(chan struct{})
	ack := func(i item) {
		mu.Lock()
		defer mu.Unlock()
		acked = append(acked, i)
		if i.tag != "" {
			if complete++; complete == pushes/8 {
				close(enough)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for n := range pushes {
		name := fmt.Sprintf("samples/app%d", n%20)
		repo := p.repository(t, rt, name)
		wg.Go(func() {
			m := imagegen.Image(fmt.Sprint("kill", n), ocispec.Platform{OS: "linux", Architecture: "amd64"},
				&imagegen.Options{LayerSize: 64 << 10})
			for _, b := range m.Blobs {
				if repo.Push(ctx, b.Descriptor, bytes.NewReader(b.Data)) != nil {
					return // killed
				}
				ack(item{name, b.Descriptor, ""})
			}
			tag := fmt.Sprintf("v%d", n)
			if repo.PushReference(ctx, m.Descriptor, bytes.NewReader(m.Data), tag) == nil {
				ack(item{name, m.Descriptor, tag})
			}
		})
	}
	select {
	case <-enough:
	case <-ctx.Done():
		t.Error("the pushes did not get anywhere")
	}
	p.kill()
	wg.Wait()
	if complete == pushes {
		t.Error("every push was done before the kill: nothing was interrupted")
	}
	t.Logf("acknowledged before the kill: %d items, %d of %d images whole", len(acked), complete, pushes)

	p = startProcess(t, dir)
	rt = p.transport(t)
	for _, i := range acked {
		repo := p.repository(t, rt, i.repo)
		rc, err := repo.Fetch(t.Context(), i.desc)
		if err != nil {
			t.Errorf("%s@%s was acknowledged and is gone: %v", i.repo, i.desc.Digest, err)
			continue
		}
		data, err := io.ReadAll(rc)
		rc.Close()
		if err != nil || digest.FromBytes(data) != i.desc.Digest {
			t.Errorf("%s@%s was acknowledged and is not whole: %d of %d bytes, %v", i.repo, i.desc.Digest,
				len(data), i.desc.Size, err)
		}
		if i.tag != "" {
			if d, err := repo.Resolve(t.Context(), i.tag); err != nil || d.Digest != i.desc.Digest {
				t.Errorf("%s:%s is %s, %v, want %s", i.repo, i.tag, d.Digest, err, i.desc.Digest)
			}
		}
	}
}
