//go:build unix

package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runner is "acrkit run" around a shell, under way.
type runner struct {
	cmd    *exec.Cmd
	folder string // its DOCKER_CONFIG
	tmp    string
	child  int // the shell's process
	out    *bufio.Reader
	stderr *bytes.Buffer
}

// startRun starts "acrkit run" with a script that tells its folder and process
// first, then goes on.
func startRun(t *testing.T, s server, tmp, script string) *runner {
	t.Helper()
	return startRunWith(t, s, tmp, script, "ACR_TOKEN_PASSWORD_FILE="+writeFile(t, "password", "reader-password-0001"))
}

// startRunWith is startRun with this variable for the password.
func startRunWith(t *testing.T, s server, tmp, script, password string) *runner {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	r := &runner{tmp: tmp, stderr: &bytes.Buffer{}}
	r.cmd = exec.CommandContext(ctx, "acrkit", "run", "--repository", "samples/app", "--", "sh", "-c",
		`echo "$DOCKER_CONFIG"; echo $$; `+script)
	r.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + tmp, "ACR_NAME=" + s.host,
		"ACR_TOKEN_NAME=reader", password},
		s.environment(t.TempDir())...)
	r.cmd.Stderr = r.stderr
	r.cmd.WaitDelay = time.Second   // what a killed one leaves holds the streams
	stdin, err := r.cmd.StdinPipe() // "read" waits until the test is over
	if err != nil {
		t.Fatal(err)
	}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = r.cmd.Wait(); stop() })
	r.out = bufio.NewReader(out)
	line := func() string {
		text, err := r.out.ReadString('\n')
		if err != nil {
			t.Fatalf("%v: %s", err, r.stderr)
		}
		return strings.TrimSpace(text)
	}
	r.folder = line()
	if r.child, err = strconv.Atoi(line()); err != nil {
		t.Fatal(err)
	}
	return r
}

// end waits for the end and returns the exit code.
func (r *runner) end(t *testing.T) int {
	t.Helper()
	err := r.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// Signals are the command's: it may tidy up, and its end is ours. The folder goes
// in every case.
func TestRun_signals(t *testing.T) {
	s := startServer(t)
	for _, tc := range []struct {
		name   string
		signal syscall.Signal
		script string
		code   int
	}{
		{"SIGTERM", syscall.SIGTERM, `echo ready; while :; do sleep 0.05; done`, 128 + 15},
		{"SIGINT", syscall.SIGINT, `trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done`, 9},
		{"SIGHUP", syscall.SIGHUP, `trap 'exit 8' HUP; echo ready; while :; do sleep 0.05; done`, 8},
		{"SIGTERM_that_the_command_survives", syscall.SIGTERM,
			`trap 'test -f "$DOCKER_CONFIG/config.json" && exit 0' TERM; echo ready; while :; do sleep 0.05; done`, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tmp := t.TempDir()
			r := startRun(t, s, tmp, tc.script)
			if _, err := r.out.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(r.folder, "config.json")); err != nil {
				t.Error(err)
			}
			if err := r.cmd.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			if code := r.end(t); code != tc.code {
				t.Errorf("exit code %d, want %d\n%s", code, tc.code, r.stderr)
			}
			if left := entries(t, tmp); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			if r.stderr.Len() > 0 {
				t.Errorf("stderr: %s", r.stderr)
			}
		})
	}
}

// What a killed acrkit leaves is removed by the next run, and a run that goes on is
// left alone.
func TestRun_killed(t *testing.T) {
	s := startServer(t)
	tmp := t.TempDir()
	running := startRun(t, s, tmp, `read line`)
	killed := startRun(t, s, tmp, `exec sleep 60`)
	if err := killed.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.cmd.Wait()
	t.Cleanup(func() {
		if p, err := os.FindProcess(killed.child); err == nil {
			_ = p.Kill()
		}
	})
	if _, err := os.Stat(killed.folder); err != nil {
		t.Fatalf("nothing was left: %v", err)
	}
	past := time.Now().Add(-time.Minute)
	for _, folder := range []string{killed.folder, running.folder} {
		if err := os.Chtimes(folder, past, past); err != nil {
			t.Fatal(err)
		}
	}
	next := startRun(t, s, tmp, `exit 5`)
	if code := next.end(t); code != 5 {
		t.Errorf("exit code %d\n%s", code, next.stderr)
	}
	if got := entries(t, tmp); len(got) != 1 || got[0] != filepath.Base(running.folder) {
		t.Errorf("left: %v, want the folder of the run that goes on, %s", got, filepath.Base(running.folder))
	}
}
