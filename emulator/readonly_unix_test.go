//go:build unix

package emulator_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/acrkit/acrkit/emulator"
)

// openFolder makes this test's process one that opens a folder and prints the
// result, as another user: no mode refuses root anything.
const openFolder = "ACRKIT_TEST_OPEN_FOLDER"

func init() { children[openFolder] = openInChild }

// traced finds that a process is traced, in its status.
var traced = regexp.MustCompile(`(?m)^TracerPid:\s+[1-9]`)

func openInChild(dir string) int {
	if os.Geteuid() == 0 {
		if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(otherOwner),
			syscall.Setuid(otherOwner)); err != nil {
			fmt.Println("become another user:", err)
			return 1
		}
	}
	e, err := emulator.Open(context.Background(), &emulator.Options{DataDir: dir, Now: fixedNow})
	if err == nil {
		err = e.Close()
	}
	fmt.Println(err)
	return 0
}

// TestReadOnlyFolder: what may not be written to is named, and is as it was.
func TestReadOnlyFolder(t *testing.T) {
	binary, err := os.Executable()
	must(t, err)
	root := os.Geteuid() == 0
	if status, err := os.ReadFile("/proc/self/status"); err == nil && root && traced.Match(status) {
		t.Skip("not checked under the leak check, whose reports another user cannot write; the plain tests check it")
	}
	for name, tc := range map[string]struct {
		path string
		mode fs.FileMode
		want string
	}{
		"writable":        {".", 0o700, "<nil>"},
		"folder":          {".", 0o500, "/data/lock: permission denied"},
		"state":           {"state", 0o500, "/data/state: permission denied"},
		"database":        {"state/registry.db", 0o400, "/data/state/registry.db cannot be opened"},
		"mark":            {"state/mark", 0o400, "/data/state/mark cannot be opened"},
		"keys":            {"state/keys.json", 0o000, "/data/state/keys.json cannot be opened"},
		"content":         {"state/blobs", 0o000, "/data/state/blobs: permission denied"},
		"folder_no_entry": {".", 0o000, "/data"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, "stopped")
			for up := filepath.Dir(dir); up != filepath.Clean(os.TempDir()) && up != "/dev/shm" &&
				up != "/"; up = filepath.Dir(up) {
				must(t, os.Chmod(up, 0o755))
			}
			must(t, os.Remove(filepath.Join(dir, "lock")))
			if root {
				must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
					if err != nil {
						return err
					}
					return os.Chown(path, otherOwner, otherOwner)
				}))
			}
			path := filepath.Join(dir, filepath.FromSlash(tc.path))
			before := snapshotOf(t, dir)
			must(t, os.Chmod(path, tc.mode))
			cmd := exec.CommandContext(t.Context(), binary)
			cmd.Env = append(os.Environ(), openFolder+"="+dir)
			out, err := cmd.CombinedOutput()
			must(t, err)
			must(t, os.Chmod(path, 0o700))
			if !strings.Contains(string(out), tc.want) || tc.want != "<nil>" &&
				!strings.HasPrefix(string(out), "cannot ") {
				t.Errorf("got %s", out)
			}
			if tc.want != "<nil>" {
				(&folderCase{t: t, dir: dir}).wantSame(before)
			}
		})
	}
}
