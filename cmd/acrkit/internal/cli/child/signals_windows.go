//go:build windows

package child

import (
	"io/fs"
	"os"
	"os/exec"
	"os/signal"

	"golang.org/x/sys/windows"
)

// lock takes a lock, which ends with the process however that ends.
func lock(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, new(windows.Overlapped))
}

// isMine is always true: the folder for temporary files is the user's own.
func isMine(fs.FileInfo) bool { return true }

// Signals keeps an interrupt from ending acrkit before the command, to which the
// console sends it too.
type Signals struct{ ch chan os.Signal }

// CatchSignals catches signals from now on: they go to the program, or end acrkit
// after its cleanup.
func CatchSignals() *Signals {
	r := &Signals{make(chan os.Signal, 1)}
	signal.Notify(r.ch, os.Interrupt)
	return r
}

// Stop catches them no longer.
func (r *Signals) Stop() { signal.Stop(r.ch) }

func (r *Signals) Run(cmd *exec.Cmd) (status int, err error) {
	if err := cmd.Start(); err != nil {
		return 0, notStarted(cmd.Args[0], err)
	}
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		return code, nil
	}
	return 0, err
}
