package recipes

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

const (
	root     = "../.."
	examples = root + "/examples"
)

// run runs a program to its end and returns its standard output. A failure ends the test. It
// gets this process's environment, changed by env.
func run(t *testing.T, dir string, env map[string]string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), stepTime) // cleanups run programs too
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, os.Environ()
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, readFile(t, from), 0o600); err != nil {
		t.Fatal(err)
	}
}

var versionLine = regexp.MustCompile(`(?m)^version = "(.+)"$`)

// version is the project's, which the recipes name: tools/release holds them to one.
func version(t *testing.T) string {
	t.Helper()
	found := versionLine.FindSubmatch(readFile(t, root+"/sdk/python/pyproject.toml"))
	if found == nil {
		t.Fatal("no version is found")
	}
	return string(found[1])
}

// build makes the command as a release does.
func build(t *testing.T, to string) {
	t.Helper()
	run(t, root, map[string]string{"CGO_ENABLED": "0"}, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w", "-o", to, "./cmd/acrkit")
}

// release makes a folder of releases with the archive of one, for this machine.
func release(t *testing.T) (dir, v string) {
	t.Helper()
	dir, v = t.TempDir(), version(t)
	files := filepath.Join(dir, "v"+v)
	program := t.TempDir()
	build(t, filepath.Join(program, "acrkit"))
	if err := os.MkdirAll(files, 0o755); err != nil {
		t.Fatal(err)
	}
	archive := "acrkit_" + v + "_linux_" + runtime.GOARCH + ".tar.gz"
	run(t, program, nil, "tar", "-czf", filepath.Join(files, archive), "acrkit")
	sums := run(t, files, nil, "sha256sum", archive)
	sums += strings.Repeat("0", 64) + "  acrkit_" + v + "_darwin_arm64.tar.gz\n" // not downloaded
	if err := os.WriteFile(filepath.Join(files, "acrkit_"+v+"_checksums.txt"), []byte(sums), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, v
}

// endEmulator ends what start.sh left running below temp when the test ends, as the runner
// ends the processes of a job.
func endEmulator(t *testing.T, temp string) {
	t.Cleanup(func() {
		all, err := filepath.Glob("/proc/[0-9]*/exe")
		if err != nil {
			t.Fatal(err)
		}
		for _, exe := range all {
			if target, _ := os.Readlink(exe); strings.HasPrefix(target, temp+string(filepath.Separator)) {
				pid := 0
				for _, digit := range filepath.Base(filepath.Dir(exe)) {
					pid = pid*10 + int(digit-'0')
				}
				if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
