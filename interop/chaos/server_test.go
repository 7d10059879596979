package chaos

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	startLimit   = 60 * time.Second // a busy machine may start slowly
	requestLimit = 60 * time.Second
	// answerLimit is how long a request may take beside clients that stall and
	// resets: a reset waits three seconds for those, and the machine is busy.
	answerLimit = 30 * time.Second
	largestBody = 16 << 20
	// collectAfter makes the emulator collect what no manifest names while pushes
	// run; a client may rely on a blob for half of it.
	collectAfter = 8 * time.Second
)

// server is "acrkit emulator start" on one address, killed and started again.
type server struct {
	binary, dir, addr, seedFile string
	client                      *http.Client

	mu         sync.Mutex
	cmd        *exec.Cmd
	done       chan struct{} // closed when the process has ended
	up         chan struct{} // closed while the process answers
	log        bytes.Buffer
	generation atomic.Int64    // counts starts; what was begun in one may end in the next
	rotten     map[string]bool // digests of contents in which a bit was flipped
}

func newServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{binary: filepath.Join(dir, "acrkit"), dir: filepath.Join(dir, "data"),
		seedFile: filepath.Join(dir, "seed.yaml"), up: make(chan struct{}), rotten: map[string]bool{}}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", s.binary, "./cmd/acrkit")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the command: %v\n%s", err, out)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Write keeps the last of what the process says.
func (s *server) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.log.Len() > 4<<20 {
		s.log.Next(2 << 20)
	}
	return s.log.Write(p)
}

func (s *server) tail(n int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.log.Bytes()
	return string(b[max(0, len(b)-n):])
}

// start starts the process with a seed that is merged into what the folder
// holds, and waits until it answers.
func (s *server) start(ctx context.Context, seed string) error {
	if err := os.WriteFile(s.seedFile, []byte(seed), 0o600); err != nil {
		return err
	}
	// It is ended by kill, not by the context.
	cmd := exec.CommandContext(context.Background(), s.binary, "emulator", "start", "--addr", s.addr, "--data", s.dir,
		"--seed", s.seedFile, "--seed-mode", "merge", "--collect-after", collectAfter.String())
	cmd.Stdout, cmd.Stderr = s, s
	cmd.Env = append(os.Environ(), "GOTRACEBACK=all")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	s.mu.Lock()
	s.cmd, s.done = cmd, done
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		err := s.ready(ctx)
		if err == nil {
			break
		}
		select {
		case <-done:
			return fmt.Errorf("the emulator ended before it was ready:\n%s", s.tail(4000))
		case <-ctx.Done():
			return fmt.Errorf("the emulator does not get ready: %w\n%s", err, s.tail(4000))
		case <-time.After(10 * time.Millisecond): // between looks
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation.Add(1)
	close(s.up)
	return nil
}

func (s *server) ready(ctx context.Context) error {
	if s.client == nil {
		pem, err := os.ReadFile(filepath.Join(s.dir, "ca.pem"))
		if err != nil {
			return err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return errors.New("no certificate yet")
		}
		s.client = &http.Client{Timeout: requestLimit,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
				MaxIdleConnsPerHost: 64},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	a, err := s.send(ctx, http.MethodGet, "/v2/", nil, nil)
	if err != nil {
		return err
	}
	if a.status != http.StatusUnauthorized {
		return fmt.Errorf("GET /v2/ answers %d", a.status)
	}
	return nil
}

// wait returns when the server answers, or was last seen to.
func (s *server) wait(ctx context.Context) {
	s.mu.Lock()
	up := s.up
	s.mu.Unlock()
	select {
	case <-up:
	case <-ctx.Done():
	}
}

// rot flips one bit of a content in the data folder, as a disk does. The process
// must not run.
func (s *server) rot(dice *rand.Rand) error {
	all, err := filepath.Glob(filepath.Join(s.dir, "state", "blobs", "blobs", "sha256", "*", "*"))
	if err != nil || len(all) == 0 {
		return err
	}
	path := all[dice.IntN(len(all))]
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return err
	}
	b[dice.IntN(len(b))] ^= 1 << dice.IntN(8)
	s.mu.Lock()
	s.rotten["sha256:"+filepath.Base(path)] = true
	s.mu.Unlock()
	return os.WriteFile(path, b, 0o600)
}

// rotted reports whether a bit of a content was flipped once.
func (s *server) rotted(digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rotten[digest]
}

// kill ends the process as kill -9 does.
func (s *server) kill() {
	s.signal(syscall.SIGKILL)
}

// signal sends a signal and waits for the end of the process.
func (s *server) signal(sig os.Signal) {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	select {
	case <-s.up:
		s.up = make(chan struct{})
	default:
	}
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(sig) // it may have ended already
	<-done
}

// answer is what came back, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (s *server) send(ctx context.Context, method, path string, header http.Header, body io.Reader) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, "https://"+s.addr+path, body)
	if err != nil {
		return answer{}, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	began := time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, largestBody))
	if took := time.Since(began); err == nil && took > answerLimit {
		return answer{}, wrong("%s %s took %v", method, path, took)
	}
	return answer{resp.StatusCode, resp.Header, b}, err
}

// openFiles counts the process's open files, connections among them.
func (s *server) openFiles() (int, error) {
	s.mu.Lock()
	pid := s.cmd.Process.Pid
	s.mu.Unlock()
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	return len(entries), err
}

var goroutineLine = regexp.MustCompile(`(?m)^goroutine \d+ .*\[`)

// goroutines ends the process with its stacks and counts them, those of the
// runtime not included.
func (s *server) goroutines() (count int, stacks string) {
	s.mu.Lock()
	s.log.Reset()
	s.mu.Unlock()
	s.signal(syscall.SIGQUIT)
	stacks = s.tail(4 << 20)
	for _, one := range bytes.Split([]byte(stacks), []byte("\n\n")) {
		if goroutineLine.Match(one) && !bytes.Contains(one, []byte("runtime.gopark(")) || goroutineLine.Match(one) &&
			bytes.Contains(one, []byte("created by ")) && !bytes.Contains(one, []byte("created by runtime.")) {
			count++
		}
	}
	return count, stacks
}
