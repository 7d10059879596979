package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// straceable skips where no program can be traced, and says why.
func straceable(t *testing.T) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if tracer := regexp.MustCompile(`(?m)^TracerPid:\s+[1-9]`); tracer.Match(status) {
		t.Skip("not checked: this test is traced itself, and a process has one tracer (the leak check does it)")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("not checked: strace is not installed")
	}
	if out, err := exec.CommandContext(t.Context(), "strace", "-f", "-o", filepath.Join(t.TempDir(), "trace"),
		"true").CombinedOutput(); err != nil {
		t.Skipf("not checked: no program can be traced here: %s", out)
	}
}

var systemCall = regexp.MustCompile(`^[0-9]+ +([a-z0-9_]+\(.*?)(?: += .*)?\n$`)

// touches runs a program with an input and returns the system calls by which it
// reached beyond itself, sorted.
func touches(t *testing.T, in string, argv ...string) []string {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), "strace",
		append([]string{"-f", "-qq", "-e", "trace=%file,%network,execve,execveat", "-e", "signal=none", "-o",
			trace, "--"}, argv...)...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "ACRKIT_REGISTRIES=registry.contoso.com",
		"AZURE_CLIENT_ID=22222222-2222-2222-2222-222222222222", "IDENTITY_ENDPOINT=http://127.0.0.1:1/",
		"DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere"}
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.Output()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	started := false
	for line := range strings.Lines(string(data)) {
		m := systemCall.FindStringSubmatch(line)
		if m == nil {
			continue // the end of a call that began before, or of a process
		}
		if !started && strings.HasPrefix(m[1], "execve(") {
			started = true // the program itself
			continue
		}
		call, _, _ := strings.Cut(m[1], " <unfinished")
		calls = append(calls, strings.TrimSuffix(call, ")"))
	}
	slices.Sort(calls)
	if len(argv) > 1 && argv[1] == "get" &&
		!strings.Contains(string(out), "credentials not found in native keychain") &&
		!strings.Contains(string(out), "Username") {
		t.Errorf("%q: %q", in, out)
	}
	return slices.Compact(calls)
}

// A foreign host's get opens, connects to and runs nothing more than a Go program
// that does nothing at all.
func TestForeignGetTouchesNothing(t *testing.T) {
	straceable(t)
	helper, err := program()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	source, empty := filepath.Join(dir, "main.go"), filepath.Join(dir, "empty")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", empty, source)
	build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	nothing := touches(t, "", empty)
	if len(nothing) == 0 {
		t.Error("an empty program reads the size of pages at least: this test does not see it")
	}
	for _, host := range []string{"docker.io", "https://index.docker.io/v1/", "ghcr.io",
		"myregistry.azurecr.io.evil.example", "localhost:5000", "169.254.169.254", "http://myregistry.azurecr.io"} {
		for _, call := range touches(t, host, helper, "get") {
			if !slices.Contains(nothing, call) {
				t.Errorf("%s: %s, which an empty program does not", host, call)
			}
		}
	}
	// This test sees what it looks for: the registry's own get reads the store.
	own := touches(t, "myregistry.azurecr.io", helper, "get")
	if !slices.ContainsFunc(own, func(call string) bool { return strings.Contains(call, "acrkit") }) {
		t.Errorf("the store was not looked for: %q", own)
	}
	// Nor is a machine's identity asked for, or a program run, because nothing else is there.
	for _, call := range own {
		if strings.HasPrefix(call, "connect(") || strings.HasPrefix(call, "exec") ||
			strings.HasPrefix(call, "socket(") {
			t.Errorf("without a credential: %s", call)
		}
	}
}
