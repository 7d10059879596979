package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	readyTime = 30 * time.Second
	readyPoll = 500 * time.Microsecond // small beside the times that are measured with it
	stopTime  = 15 * time.Second
)

// server is one of the programs that are compared: how it is started, and the
// process, if it runs.
type server struct {
	name string
	addr string
	dir  string // its data; "" = it keeps all in memory
	args func(s *server) []string
	auth bool // wants access tokens
	env  []string

	cmd    *exec.Cmd
	output *os.File
	ended  chan struct{} // closed when the process is gone
}

// start runs the server and returns how long its first answer took.
func (s *server) start(ctx context.Context) (first time.Duration, err error) {
	if s.output == nil {
		if s.output, err = os.CreateTemp("", "acrkit-bench-*.log"); err != nil {
			return 0, err
		}
		if err := os.Remove(s.output.Name()); err != nil { // it lives as long as it is open
			return 0, err
		}
	}
	args := s.args(s)
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // the programs that this one installed
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stdout, cmd.Stderr = s.output, s.output
	dieWithParent(cmd)
	request := message("GET", s.addr, "/v2/")
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	s.cmd, s.ended = cmd, make(chan struct{})
	go func(ended chan struct{}) {
		_ = cmd.Wait() // it is ended by a signal
		close(ended)
	}(s.ended)
	for time.Since(began) < readyTime {
		if c, err := dial(ctx, s.addr); err == nil {
			_, err = c.do(wantNothing, request)
			c.Close()
			if err == nil {
				return time.Since(began), nil
			}
		}
		select {
		case <-s.ended:
			return 0, fmt.Errorf("%s ended: %s", s.name, s.tail())
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(readyPoll):
		}
	}
	return 0, errors.Join(fmt.Errorf("%s does not answer: %s", s.name, s.tail()), s.stop())
}

func (s *server) stop() error {
	if s.cmd == nil {
		return nil
	}
	cmd := s.cmd
	s.cmd = nil
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(stopTime):
	}
	err := cmd.Process.Kill()
	<-s.ended
	return errors.Join(fmt.Errorf("%s did not stop within %v", s.name, stopTime), err)
}

// restart begins anew; with wipe, without data.
func (s *server) restart(ctx context.Context, wipe bool) (first time.Duration, err error) {
	if err := s.stop(); err != nil {
		return 0, err
	}
	if wipe && s.dir != "" {
		if err := os.RemoveAll(s.dir); err != nil {
			return 0, err
		}
	}
	return s.start(ctx)
}

// tail returns the end of what the server printed.
func (s *server) tail() string {
	b := make([]byte, 2000)
	info, err := s.output.Stat()
	if err != nil {
		return err.Error()
	}
	n, _ := s.output.ReadAt(b, max(0, info.Size()-int64(len(b))))
	return strings.TrimSpace(string(b[:n]))
}

func (s *server) cpu() (time.Duration, error) { return processCPU(s.cmd.Process.Pid) }

// peak returns the most memory the process has held, in bytes.
func (s *server) peak() (int64, error) { return processPeak(s.cmd.Process.Pid) }

// freeAddr returns a loopback address that nothing listens on now.
func freeAddr(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// Names of the servers, in tables.
const (
	nameDistribution = "distribution"
	nameCrane        = "crane registry"
	nameEmulator     = "acrkit"
)

// The emulator's one token may do all. Its password is as public as this file.
const (
	tokenName     = "worker"
	tokenPassword = "bench-password-that-everyone-may-know-0001"
	seedText      = `
registries:
  - name: bench
    scopeMaps:
      - name: everything
        actions:
          - repositories/*/content/read
          - repositories/*/content/write
          - repositories/*/metadata/read
    tokens:
      - {name: ` + tokenName + `, scopeMap: everything, passwords: [{name: password1, value: ` + tokenPassword + `}]}
`
)

// distributionConfig is the example configuration of the project without what
// costs time and gives nothing here: access log, health checks, debug server.
const distributionConfig = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  cache: {blobdescriptor: inmemory}
  delete: {enabled: true}
  filesystem: {rootdirectory: %q}
http: {addr: %q}
`

func newEmulator(ctx context.Context, programs *programs, work, label string) (*server, error) {
	seed := filepath.Join(work, "seed.yaml")
	if err := os.WriteFile(seed, []byte(seedText), 0o600); err != nil {
		return nil, err
	}
	addr, err := freeAddr(ctx)
	return &server{name: nameEmulator, addr: addr, dir: filepath.Join(work, label), auth: true,
		args: func(s *server) []string {
			return []string{programs.emulator, "emulator", "start", "--addr", s.addr, "--data", s.dir, "--seed", seed}
		}}, err
}

func newDistribution(ctx context.Context, programs *programs, work string) (*server, error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(work, "distribution")
	config := filepath.Join(work, "distribution.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, distributionConfig, dir, addr), 0o600); err != nil {
		return nil, err
	}
	return &server{name: nameDistribution, addr: addr, dir: dir, env: []string{"OTEL_TRACES_EXPORTER=none"},
		args: func(*server) []string {
			return []string{programs.distribution, "serve", config}
		}}, nil
}

func newCrane(ctx context.Context, programs *programs) (*server, error) {
	addr, err := freeAddr(ctx)
	return &server{name: nameCrane, addr: addr, args: func(s *server) []string {
		return []string{programs.crane, "registry", "serve", "--address", s.addr}
	}}, err
}
