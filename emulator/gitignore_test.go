package emulator_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator"
)

// Git ignores all files of a data folder, and none that a user puts there.
func TestGitIgnore(t *testing.T) {
	dir := t.TempDir()
	f := start(t, &emulator.Options{DataDir: dir})
	f.refreshToken()
	data, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	must(t, err)
	ignored := func(name string) bool {
		for line := range strings.Lines(string(data)) {
			if ok, err := path.Match(strings.Trim(strings.TrimSpace(line), "/"), name); err == nil && ok {
				return true
			}
		}
		return false
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		if !ignored(e.Name()) {
			t.Errorf("%s is not ignored", e.Name())
		}
	}
	for _, name := range []string{"connection.json", "connection.json.tmp-X", "ca-key.pem.tmp-X", "state.discard-X"} {
		if !ignored(name) {
			t.Errorf("%s is not ignored", name)
		}
	}
	for _, name := range []string{"seed.yaml", "main.go", "README.md"} {
		if ignored(name) {
			t.Errorf("%s is ignored", name)
		}
	}
	if git, err := exec.LookPath("git"); err == nil { // the lines above hold without it
		must(t, exec.Command(git, "-C", dir, "init", "-q").Run())
		out, err := exec.Command(git, "-C", dir, "status", "--porcelain", "-uall").CombinedOutput()
		must(t, err)
		if len(out) > 0 {
			t.Errorf("git would add:\n%s", out)
		}
		must(t, os.RemoveAll(filepath.Join(dir, ".git")))
	}
	f.stop()

	// One that is there already is the user's own.
	must(t, os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("mine\n"), 0o600))
	f = start(t, &emulator.Options{DataDir: dir})
	f.stop()
	if data, err := os.ReadFile(filepath.Join(dir, ".gitignore")); err != nil || string(data) != "mine\n" {
		t.Errorf("%q %v", data, err)
	}
}
