package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// dockerDaemon is a dockerd of the tests' own: started by the first test that needs
// it, on a socket and in folders below one of its own, without network, and stopped
// when the tests are done.
type dockerDaemon struct {
	once sync.Once
	err  error

	program string // the client
	dir     string
	socket  string
	cmd     *exec.Cmd
	done    chan struct{} // closed when the daemon has ended
}

var docker dockerDaemon

// dockerLimit bounds the life of the daemon, should nobody stop it.
const dockerLimit = 20 * time.Minute

// need starts the daemon. Where it cannot run, that is a failure in CI and a skip by
// name elsewhere, as for every client.
func (d *dockerDaemon) need(t *testing.T) {
	t.Helper()
	d.once.Do(func() { d.err = d.start() })
	if d.err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal(d.err)
	}
	t.Skipf("docker was NOT tested: %v", d.err)
}

func (d *dockerDaemon) start() error {
	program, err := exec.LookPath("dockerd")
	if err != nil {
		return fmt.Errorf("dockerd is not installed: apt-get install docker.io: %w", err)
	}
	// The client that came with it, where there are several.
	d.program = filepath.Join(filepath.Dir(filepath.Dir(program)), "bin", "docker")
	if _, err := os.Stat(d.program); err != nil {
		if d.program, err = exec.LookPath("docker"); err != nil {
			return err
		}
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("dockerd must be started as root")
	}
	if d.dir, err = os.MkdirTemp("", "ik-dockerd-"); err != nil { // short: a socket's name is
		return err
	}
	d.socket = filepath.Join(d.dir, "s")
	config := filepath.Join(d.dir, "daemon.json") // not the machine's
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, cancel := context.WithTimeout(context.Background(), dockerLimit)
	d.cmd = exec.CommandContext(ctx, program, "--config-file", config, "--data-root", filepath.Join(d.dir, "data"), "--exec-root", filepath.Join(d.dir, "exec"),
		"--pidfile", filepath.Join(d.dir, "pid"), "--host", d.host(), "--storage-driver", "vfs", "--bridge=none",
		"--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
	d.cmd.Stdout, d.cmd.Stderr = log, log
	// Asked to end, it ends its containerd as well.
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(os.Interrupt) }
	d.cmd.WaitDelay = 20 * time.Second
	if err := d.cmd.Start(); err != nil {
		cancel()
		return err
	}
	d.done = make(chan struct{})
	go func() {
		defer cancel()
		_ = d.cmd.Wait() // how it ended stands in its log
		close(d.done)
	}()
	deadline := time.Now().Add(startLimit)
	for {
		last := exec.CommandContext(ctx, d.program, "--host", d.host(), "version", "--format", "{{.Server.Version}}").Run()
		if last == nil {
			return nil
		}
		select {
		case <-d.done:
		case <-time.After(50 * time.Millisecond):
			if time.Now().Before(deadline) {
				continue
			}
		}
		said, _ := os.ReadFile(filepath.Join(d.dir, "log")) // all there is to say
		d.stop()
		return fmt.Errorf("dockerd cannot be started: %w\n%s", last, said[max(0, len(said)-2000):])
	}
}

func (d *dockerDaemon) host() string { return "unix://" + d.socket }

// stop ends the daemon and removes what it left.
func (d *dockerDaemon) stop() {
	if d.done == nil {
		return
	}
	_ = d.cmd.Process.Signal(os.Interrupt) // it may have ended already
	select {
	case <-d.done:
	case <-time.After(20 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.done
	}
	if err := os.RemoveAll(d.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// version names both halves, which need not be of one version.
func (d *dockerDaemon) version(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), d.program, "--host", d.host(), "version", "--format", "{{.Client.Version}} {{.Server.Version}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	client, server, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if client == server {
		return client
	}
	return client + ", daemon " + server
}
