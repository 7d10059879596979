//go:build unix

package sink

import (
	"os/exec"
	"syscall"
)

// endWithChildren makes the end of cmd's context end the programs that cmd started, too: a
// shell leaves them behind.
func endWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
