//go:build unix

package child

import (
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// lock takes an advisory lock, which ends with the process however that ends.
func lock(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

func isMine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// passedOn are the signals that are passed on to the command. Others reach both, as the
// terminal's do, or only acrkit, as SIGKILL.
var passedOn = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
	syscall.SIGUSR1, syscall.SIGUSR2}

// Signals are caught for a program.
type Signals struct{ ch chan os.Signal }

// CatchSignals catches signals from now on: they go to the program, or end acrkit
// after its cleanup.
func CatchSignals() *Signals {
	r := &Signals{make(chan os.Signal, 16)}
	signal.Notify(r.ch, passedOn...)
	return r
}

// Stop catches them no longer.
func (r *Signals) Stop() { signal.Stop(r.ch) }

// Run runs the command to its end and returns its exit code. A signal that came
// before keeps it from being started.
func (r *Signals) Run(cmd *exec.Cmd) (status int, err error) {
	select {
	case s := <-r.ch:
		return 128 + int(s.(syscall.Signal)), nil
	default:
	}
	if err := cmd.Start(); err != nil {
		return 0, notStarted(cmd.Args[0], err)
	}
	ended := make(chan struct{})
	go func() {
		err = cmd.Wait()
		close(ended)
	}()
	for {
		select {
		case s := <-r.ch:
			if fromTerminal(s) {
				continue // it has gone to the command, too
			}
			_ = cmd.Process.Signal(s) // it may have ended just now
		case <-ended:
			ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			switch {
			case ok && ws.Signaled():
				return 128 + int(ws.Signal()), nil
			case cmd.ProcessState.ExitCode() > 0:
				return cmd.ProcessState.ExitCode(), nil
			}
			return 0, err
		}
	}
}

// fromTerminal reports whether a signal is one that the terminal's keys send to
// every process in the foreground. Go does not report which process sent it; in the
// foreground it is assumed to come from the keys, because a command that gets an
// interrupt twice may end without cleanup.
func fromTerminal(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer func() { _ = tty.Close() }()
	group, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && group == syscall.Getpgrp()
}
