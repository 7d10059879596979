package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// dockerDaemon is a dockerd of the tests' own: started by the first test that needs
// it, on a socket and in folders below one of its own, without network, and stopped
// when the tests are done.
type dockerDaemon struct {
	*daemon // nil until it has been needed

	once    sync.Once
	err     error
	program string // the client
	socket  string
}

var docker dockerDaemon

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
	dir, err := os.MkdirTemp("", "ik-dockerd-") // short: a socket's name is
	if err != nil {
		return err
	}
	d.socket = filepath.Join(dir, "s")
	config := filepath.Join(dir, "daemon.json") // not the machine's
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		return err
	}
	d.daemon, err = startDaemon(dir, []string{d.program, "--host", d.host(), "version", "--format",
		"{{.Server.Version}}"},
		program, "--config-file", config, "--data-root", filepath.Join(dir, "data"), "--exec-root",
		filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "--host", d.host(), "--storage-driver", "vfs", "--bridge=none",
		"--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false")
	return err
}

func (d *dockerDaemon) host() string { return "unix://" + d.socket }

// version names both halves, which need not be of one version.
func (d *dockerDaemon) version(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), d.program, "--host", d.host(), "version", "--format",
		"{{.Client.Version}} {{.Server.Version}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	client, server, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if client == server {
		return client
	}
	return client + ", daemon " + server
}
