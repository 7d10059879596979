//go:build race && unix

package cli_test

import (
	"os"
	"syscall"
)

// A process of the race detector sleeps for a second before it ends, and the tests run some
// hundred commands, most with an environment of their own. So it starts itself again with
// the setting that turns this off. What the detector finds is the same.
func init() {
	const setting = "GORACE"
	if os.Getenv(setting) != "" {
		return
	}
	program, err := os.Executable()
	if err == nil {
		err = syscall.Exec(program, os.Args, append(os.Environ(), setting+"=atexit_sleep_ms=0"))
	}
	panic(err)
}
