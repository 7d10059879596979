package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

// Limits of a daemon: until it answers, and of its life if it is not stopped.
const (
	daemonStart = time.Minute
	daemonLife  = 40 * time.Minute
	daemonEnd   = 20 * time.Second
)

// daemon is a program of the tests' own that serves until they end, with all its files in one
// folder. It is started by the first job that needs it.
type daemon struct {
	name  string
	start func(dir string) (command, alive []string, err error) // alive asks it for a sign of life

	once sync.Once
	err  error
	dir  string
	stop func()
}

// socket is where it listens.
func (d *daemon) socket() string { return filepath.Join(d.dir, "s") }

// need starts the daemon.
func (d *daemon) need() error {
	d.once.Do(func() { d.err = d.begin() })
	return d.err
}

func (d *daemon) begin() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%s must be started as root", d.name)
	}
	dir, err := os.MkdirTemp("", "aj-"+d.name+"-") // short: a socket's name is
	if err != nil {
		return err
	}
	d.dir = dir
	command, alive, err := d.start(dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, cancel := context.WithTimeout(context.Background(), daemonLife)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	// Asked to end, it ends what it has started as well.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = daemonEnd
	if err := cmd.Start(); err != nil {
		cancel()
		return err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its log says how it ended
		close(ended)
	}()
	d.stop = func() {
		cancel()
		<-ended
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
	for deadline := time.Now().Add(daemonStart); ; {
		last := exec.CommandContext(ctx, alive[0], alive[1:]...).Run()
		if last == nil {
			return nil
		}
		select {
		case <-ended:
		case <-time.After(50 * time.Millisecond):
			if time.Now().Before(deadline) {
				continue
			}
		}
		said, _ := os.ReadFile(log.Name()) // all there is to say
		d.stop()
		d.stop = nil
		return fmt.Errorf("%s cannot be started: %w\n%s", d.name, last, said[max(0, len(said)-2000):])
	}
}

var dockerd = &daemon{name: "dockerd", start: func(dir string) (command, alive []string, err error) {
	host := "unix://" + filepath.Join(dir, "s")
	config := filepath.Join(dir, "daemon.json") // not the machine's
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		return nil, nil, err
	}
	return []string{"dockerd", "--config-file", config, "--data-root", filepath.Join(dir, "data"), "--exec-root",
			filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--host", host, "--storage-driver",
			"vfs", "--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"},
		[]string{dockerProgram(), "--host", host, "version"}, nil
}}

// dockerProgram is the client that came with the daemon, where there are several.
func dockerProgram() string {
	program, err := exec.LookPath("dockerd")
	if err == nil {
		beside := filepath.Join(filepath.Dir(filepath.Dir(program)), "bin", "docker")
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	return "docker"
}

var buildkitd = &daemon{name: "buildkitd", start: func(dir string) (command, alive []string, err error) {
	config := filepath.Join(dir, "buildkitd.toml")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return nil, nil, err
	}
	address := "unix://" + filepath.Join(dir, "s")
	return []string{"buildkitd", "--config", config, "--root", filepath.Join(dir, "root"), "--addr", address,
			"--oci-worker-snapshotter", "native", "--containerd-worker=false", "--oci-worker-net=host"},
		[]string{"test", "-S", filepath.Join(dir, "s")}, nil
}}

// containerd pulls as the container runtime of a kubelet. Nothing in it needs a device or a
// kernel module: images are only pulled.
var containerd = &daemon{name: "containerd", start: func(dir string) (command, alive []string, err error) {
	config := filepath.Join(dir, "config.toml")
	text := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.overlayfs"]
[grpc]
  address = %q
[ttrpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  disable_tcp_service = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = %q
`, filepath.Join(dir, "root"), filepath.Join(dir, "state"), filepath.Join(dir, "s"), filepath.Join(dir, "t"),
		filepath.Join(dir, "certs.d"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, nil, err
	}
	return []string{"containerd", "--config", config},
		[]string{"ctr", "--address", filepath.Join(dir, "s"), "version"}, nil
}}
