package interop

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// The tokens of the seed. The passwords are as public as this file.
type token struct{ name, password string }

var (
	puller  = token{"interop-pull", "interop-pull-password-0000000001"} // content and metadata of samples/app
	bare    = token{"interop-bare", "interop-bare-password-0000000002"} // content/read of samples/app, no metadata/read
	pusher  = token{"interop-push", "interop-push-password-0000000003"} // reads and writes team/*
	lister  = token{"interop-list", "interop-list-password-0000000004"} // metadata/read on the root
	conform = token{"interop-oci", "interop-oci--password-0000000005"}  // everything on conformance/*
	unknown = token{"interop-pull", "not-the-password-of-interop-pull"}
)

const seed = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - clientId: 22222222-2222-2222-2222-222222222222
        secrets: [{value: interop-principal-secret-000002, expires: 2040-01-01T00:00:00Z}]
registries:
  - name: interop
    roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: AcrPush}]
    repositories:
      - name: samples/app
        images: [{tags: [v1, latest], platforms: [linux/amd64, linux/arm64]}]
      - name: private/app
        images: [{tags: [v1]}]
    scopeMaps:
      - name: reads-one
        actions: [repositories/samples/app/content/read, repositories/samples/app/metadata/read]
      - name: reads-content
        actions: [repositories/samples/app/content/read]
      - name: writes-team
        actions: [repositories/team/*/content/read, repositories/team/*/content/write, repositories/team/*/metadata/read]
      - name: reads-names
        actions: ["repositories/*/metadata/read"]
      - name: conformance
        actions:
          - repositories/conformance/*/content/read
          - repositories/conformance/*/content/write
          - repositories/conformance/*/content/delete
          - repositories/conformance/*/metadata/read
          - repositories/conformance/*/metadata/write
    tokens:
      - {name: interop-pull, scopeMap: reads-one, passwords: [{name: password1, value: interop-pull-password-0000000001}]}
      - {name: interop-bare, scopeMap: reads-content, passwords: [{name: password1, value: interop-bare-password-0000000002}]}
      - {name: interop-push, scopeMap: writes-team, passwords: [{name: password2, value: interop-push-password-0000000003}]}
      - {name: interop-list, scopeMap: reads-names, passwords: [{name: password1, value: interop-list-password-0000000004}]}
      - {name: interop-oci, scopeMap: conformance, passwords: [{name: password1, value: interop-oci--password-0000000005}]}
`

// Limits of waiting; the machine may be busy with other tests.
const (
	startLimit  = 60 * time.Second
	clientLimit = 3 * time.Minute
)

// emulatorProcess is "acrkit emulator start", running.
type emulatorProcess struct {
	host   string // localhost:PORT, as users write it
	caFile string
	client *http.Client
	cmd    *exec.Cmd
	done   chan struct{} // closed when the process has ended
	exit   error

	mu  sync.Mutex
	log bytes.Buffer
}

func (e *emulatorProcess) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.log.Write(p)
}

// tail returns the last n bytes of what the process wrote to either stream.
func (e *emulatorProcess) tail(n int) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.log.Bytes()
	return string(b[max(0, len(b)-n):])
}

// freeAddr returns a loopback address that was free a moment ago.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// launch starts the command on dataDir without waiting for it to be ready.
func launch(dataDir, seed string, env []string, flags ...string) (*emulatorProcess, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	args := append([]string{"emulator", "start", "--addr", addr, "--data", dataDir}, flags...)
	if seed != "" {
		f, err := os.CreateTemp("", "acrkit-seed-*.yaml")
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if _, err := f.WriteString(seed); err != nil {
			return nil, err
		}
		args = append(args, "--seed", f.Name())
	}
	e := &emulatorProcess{host: "localhost:" + port, caFile: filepath.Join(dataDir, "ca.pem"),
		done: make(chan struct{})}
	e.cmd = exec.CommandContext(context.Background(), acrkitBinary, args...)
	e.cmd.Stdout, e.cmd.Stderr = e, e
	e.cmd.Env = append(os.Environ(), env...)
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		e.exit = e.cmd.Wait()
		if seed != "" {
			os.Remove(args[len(args)-1])
		}
		close(e.done) // last: the tests may end with it
	}()
	return e, nil
}

// startEmulator starts the command and waits until GET /v2/ answers 401, the sign
// of being ready.
func startEmulator(dataDir, seed string, env []string, flags ...string) (*emulatorProcess, error) {
	e, err := launch(dataDir, seed, env, flags...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	var last error
	for {
		if last = e.ready(ctx); last == nil {
			return e, nil
		}
		select {
		case <-e.done:
			return nil, fmt.Errorf("the emulator ended before it was ready: %w\n%s", e.exit, e.tail(4000))
		case <-ctx.Done():
			e.stop()
			return nil, fmt.Errorf("the emulator was not ready after %v: %w\n%s", startLimit, last, e.tail(4000))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (e *emulatorProcess) ready(ctx context.Context) error {
	pem, err := os.ReadFile(e.caFile)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", e.caFile)
	}
	e.client = &http.Client{
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}, Timeout: time.Minute}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+e.host+"/v2/", nil)
	if err != nil {
		return err
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("GET /v2/ answers %s, want 401", resp.Status)
	}
	return nil
}

// stop interrupts the process as Ctrl-C does, and kills it if that does not end
// it.
func (e *emulatorProcess) stop() {
	if e == nil {
		return
	}
	_ = e.cmd.Process.Signal(os.Interrupt) // it may have ended already
	select {
	case <-e.done:
	case <-time.After(20 * time.Second):
		e.kill()
	}
}

// kill ends the process as kill -9 does.
func (e *emulatorProcess) kill() {
	if err := e.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintln(os.Stderr, err)
	}
	<-e.done
}

// exitCode is the process's exit code; it must have ended.
func (e *emulatorProcess) exitCode() int { return e.cmd.ProcessState.ExitCode() }
