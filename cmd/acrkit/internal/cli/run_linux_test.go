package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// The secret is in no argument and no variable, neither of acrkit nor of the command.
func TestRun_shows_no_secret(t *testing.T) {
	s := startServer(t)
	r := startRun(t, s, t.TempDir(), `read line`)
	for _, pid := range []int{r.cmd.Process.Pid, r.child} {
		for _, name := range []string{"cmdline", "environ"} {
			data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), name))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(data, []byte("reader-password")) || bytes.Contains(data, []byte("cmVhZGVy")) {
				t.Errorf("the secret is in %s of %d", name, pid)
			}
		}
	}
	// Where acrkit itself has it from a variable, the command has not.
	direct := startRunWith(t, s, t.TempDir(), `read line`, "ACR_TOKEN_PASSWORD=reader-password-0001")
	if data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(direct.child), "environ")); err != nil ||
		bytes.Contains(data, []byte("reader-password")) {
		t.Errorf("the secret is in the environment of the command: %v", err)
	}
	if config, err := os.ReadFile(filepath.Join(r.folder, "config.json")); err != nil ||
		!bytes.Contains(config, []byte("cmVhZGVy")) {
		t.Errorf("%s, %v", config, err)
	}
}
