package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// diskSize is the whole file system's: room for the seed and some small images.
const diskSize = 24 << 20

// TestFullDisk fills a real file system (a tmpfs of a few MiB) under a running
// emulator. It runs itself in a mount namespace of its own, so that nothing stays
// mounted; without root also in a user namespace.
func TestFullDisk(t *testing.T) {
	if os.Getenv(binaryVariable) == "" {
		runInMountNamespace(t, "^TestFullDisk$")
		results.add(result{"(raw HTTP)", "", "full disk",
			"push refused cleanly, reads go on, works again when freed", ""})
		return
	}
	disk := t.TempDir()
	if err := syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("cannot make the mounts private: %v", err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		t.Fatalf("cannot mount a tmpfs: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	data := filepath.Join(disk, "data")
	filler := filepath.Join(disk, "filler")

	e, err := startEmulator(data, seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { e.stop() }()
	before, err := newImage("before the disk is full", 64<<10)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.pushImage(t, "team/disk", "before", before); err != nil {
		t.Fatal(err)
	}

	fill(t, filler, 512<<10)
	large, err := newImage("larger than what is left", 3<<20)
	if err != nil {
		t.Fatal(err)
	}
	err = e.pushImage(t, "team/disk", "large", large)
	var refused *refusedError
	switch {
	case err == nil:
		t.Fatal("3 MiB were accepted on a disk with half a MiB left")
	case !errors.As(err, &refused):
		t.Fatalf("the client saw no answer: %v", err)
	case refused.status < 500 || refused.status > 599:
		t.Errorf("answer %d %s, want a server error", refused.status, refused.body)
	}
	var answer struct {
		Errors []struct{ Code, Message string }
	}
	if err := json.Unmarshal(refused.body, &answer); err != nil || len(answer.Errors) == 0 ||
		answer.Errors[0].Code == "" || answer.Errors[0].Message == "" {
		t.Errorf("the body of %d is no error list: %s", refused.status, refused.body)
	}
	t.Logf("a push on the full disk is answered %d %s", refused.status, bytes.TrimSpace(refused.body))
	if strings.Contains(string(refused.body), disk) {
		t.Errorf("the answer shows the server's paths: %s", refused.body)
	}
	if e.exited() {
		t.Fatalf("the emulator ended:\n%s", e.tail(4000))
	}

	// Now not a byte is left: what is stored must still be readable.
	fill(t, filler, 0)
	e.checkImage(t, "team/disk", "before", before)
	if a := e.mustSend(t, http.MethodGet, "/v2/team/disk/manifests/large",
		accept(bearer(e.accessToken(t, pusher, "repository:team/disk:pull"))), nil); a.status != http.StatusNotFound {
		t.Errorf("the refused image's manifest: %d, want 404", a.status)
	}

	// A start on a full disk: its own message, its own exit code.
	e.stop()
	if err := os.Truncate(filler, 0); err != nil {
		t.Fatal(err)
	}
	fill(t, filler, 0)
	fresh := filepath.Join(disk, "fresh")
	started, err := launch(fresh, seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-started.done
	said := started.tail(4000)
	t.Logf("a start on the full disk ends with exit code %d:\n%s", started.exitCode(), said)
	if started.exitCode() != fullDiskExitCode {
		t.Errorf("exit code %d, want %d", started.exitCode(), fullDiskExitCode)
	}
	if !regexp.MustCompile(`(?m)^acrkit: cannot .*disk .*is full \[ACRK092\]$`).MatchString(said) ||
		strings.Contains(said, "goroutine ") {
		t.Errorf("the message does not say that the disk is full: %s", said)
	}

	// Freed: the old folder opens, what was acknowledged is there, and pushes work.
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(fresh); err != nil {
		t.Fatal(err)
	}
	e, err = startEmulator(data, seed, nil)
	if err != nil {
		t.Fatal(err)
	}
	e.checkImage(t, "team/disk", "before", before)
	if err := e.pushImage(t, "team/disk", "large", large); err != nil {
		t.Errorf("after space was freed: %v", err)
	}
	e.checkImage(t, "team/disk", "large", large)

	// And once more without a restart between full and free.
	fill(t, filler, 256<<10)
	another, err := newImage("another", 3<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.pushImage(t, "team/disk", "another", another); err == nil {
		t.Error("3 MiB were accepted on a disk with a quarter of a MiB left")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if err := e.pushImage(t, "team/disk", "another", another); err != nil {
		t.Errorf("after space was freed under the running emulator: %v", err)
	}
	e.checkImage(t, "team/disk", "another", another)
}

// fullDiskExitCode is what the command ends with when it cannot write: a failure
// of no other kind.
const fullDiskExitCode = 1

// runInMountNamespace runs one test of this program again, where mounting is
// allowed and nothing outside sees it.
func runInMountNamespace(t *testing.T, name string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+name, "-test.v")
	cmd.Env = append(os.Environ(), binaryVariable+"="+acrkitBinary)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM) && os.Getenv("CI") == "":
		t.Skipf("this system allows no mount namespace (%v), so a full disk was NOT tested", err)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// fill writes a file that leaves so many bytes of its file system.
func fill(t *testing.T, path string, left uint64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err != nil {
		return
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		var fs syscall.Statfs_t
		if err := syscall.Fstatfs(int(f.Fd()), &fs); err != nil {
			t.Fatal(err)
		}
		if fs.Bavail*uint64(fs.Bsize) <= left {
			return
		}
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func (e *emulatorProcess) exited() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}
