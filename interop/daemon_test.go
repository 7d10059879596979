package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// daemonLimit limits the life of a daemon that is not stopped.
const daemonLimit = 20 * time.Minute

// daemon is a program of the tests' own that serves until it is stopped, with all its
// files in one folder.
type daemon struct {
	dir  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// startDaemon starts a program whose files are in dir, and returns when the command
// that asks it for a sign of life succeeds. dir is removed with it.
func startDaemon(dir string, ready []string, program string, args ...string) (*daemon, error) {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	ctx, cancel := context.WithTimeout(context.Background(), daemonLimit) // it may outlive a test's
	d := &daemon{dir: dir, cmd: exec.CommandContext(ctx, program, args...), done: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr = log, log
	// Asked to end, it ends what it has started as well.
	d.cmd.Cancel = func() error { return d.cmd.Process.Signal(os.Interrupt) }
	d.cmd.WaitDelay = 20 * time.Second
	if err := d.cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer cancel()
		_ = d.cmd.Wait() // its log says how it ended
		close(d.done)
	}()
	deadline := time.Now().Add(startLimit)
	for {
		last := exec.CommandContext(ctx, ready[0], ready[1:]...).Run()
		if last == nil {
			return d, nil
		}
		select {
		case <-d.done:
		case <-time.After(50 * time.Millisecond):
			if time.Now().Before(deadline) {
				continue
			}
		}
		said, _ := os.ReadFile(log.Name()) // all there is to say
		d.stop()
		return nil, fmt.Errorf("%s cannot be started: %w\n%s", filepath.Base(program), last,
			said[max(0, len(said)-2000):])
	}
}

// stop ends the daemon, where there is one, and removes what it left.
func (d *daemon) stop() {
	if d == nil {
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
