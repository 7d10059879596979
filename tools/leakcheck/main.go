// Command leakcheck runs the test suite and looks for its secrets in everything that it
// prints, logs and writes.
//
//	go run ./tools/leakcheck [packages]
//
// It needs Linux and strace. It first checks itself on tests that leak on purpose
// ([plants]).
//
// Two things make it see what a test does not check. The suite is built with taps: copies
// of a few of our files, handed to the compiler alone (go test -overlay), that report each
// secret, error, log line and output of a command. A comment marks where they are (see
// package marker):
//
//	//tap:secret value
//	func NewSecret(value string) Secret {
//
// The lines of slog handlers need no comment: the writer of each that our files make is
// tapped. And each test program runs under strace, which reports what it and all its
// children write, to which file of which mode, and what arguments programs are started
// with. Nothing of this is in the product, and no file of Go's own is changed.
//
// A secret is looked for as it is, and in base64, percent, hexadecimal and JSON spelling;
// what looks like a signed token or holds a private key is found whether it was reported or
// not. The places where a secret belongs are listed in allowed.go, each with its reason.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	if len(os.Args) > 3 && os.Args[1] == traceCommand {
		err = trace(ctx, os.Args[2], os.Args[3:])
	} else {
		err = run(ctx, os.Args[1:])
	}
	stop()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "leakcheck:", err)
		os.Exit(1)
	}
}

const (
	// traceCommand is how "go test -exec" calls this program for one test program.
	traceCommand = "-trace"
	// heavy are the tests that send hundreds of megabytes of made-up blobs: strace
	// would write each of them several times. The smaller tests beside them log and
	// authenticate the same.
	heavy = "^TestTokenEndsInAnUpload_"
)

// plants are the tests that leak on purpose, each where Go lets it import what it needs.
var plants = []string{"tools/leakcheck/testdata/plant", "cmd/acrkit/internal/cli/iostreams/testdata/plant"}

func run(ctx context.Context, packages []string) error {
	if _, err := exec.LookPath("strace"); err != nil {
		return errors.New("strace is missing (apt-get install strace)")
	}
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	root, err := goEnv(ctx, "GOMOD")
	if err != nil {
		return err
	}
	root = filepath.Dir(root)
	work, err := os.MkdirTemp("", "leakcheck-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	overlay, err := WriteOverlay(root, work, filepath.Join(work, "reports"), plants...)
	if err != nil {
		return err
	}
	if err := checkItself(ctx, root, work, overlay); err != nil {
		return err
	}
	// Reports are known by the id of their process, and the suite may use an id again.
	if err := os.Remove(filepath.Join(work, "reports")); err != nil {
		return err
	}
	start := time.Now()
	results, testErr, err := suite(ctx, root, work, overlay, packages)
	if err != nil {
		return err
	}
	var all []Finding
	var secrets, events, shown int
	var written int64
	for _, r := range results {
		secrets, events, shown, written = secrets+r.Secrets, events+r.Events, shown+r.Shown, written+r.Bytes
		all = append(all, r.Findings...)
	}
	for _, f := range Unique(all) {
		fmt.Println(f)
	}
	fmt.Printf("%d packages, %d secrets, %d system calls, %d MiB written or printed, "+
		"%d errors, log lines and outputs, in %s: %d findings\n",
		len(results), secrets, events, written>>20, shown, time.Since(start).Round(time.Second), len(Unique(all)))
	switch {
	case testErr != nil:
		return fmt.Errorf("the tests failed, and what did not run was not checked: %w", testErr)
	case secrets == 0:
		return errors.New("the tests used no secret that was seen")
	case len(all) > 0:
		return errors.New("secrets were found where none belong; " +
			"if one belongs there, add it to tools/leakcheck/allowed.go with the reason")
	}
	return nil
}

// checkItself runs the tests that leak on purpose: what is not found there would
// not be found anywhere.
func checkItself(ctx context.Context, root, work, overlay string) error {
	var packages []string
	for _, p := range plants {
		packages = append(packages, "./"+p)
	}
	results, testErr, err := suite(ctx, root, work, overlay, packages)
	if err := errors.Join(testErr, err); err != nil {
		return err
	}
	var found []Finding
	for _, r := range results {
		found = append(found, r.Findings...)
	}
	if missing := MissingOfPlanted(found); len(missing) > 0 {
		return fmt.Errorf("of what was leaked on purpose, this was not found: %s", strings.Join(missing, ", "))
	}
	fmt.Printf("what was leaked on purpose was found: %d findings\n", len(found))
	return nil
}

// suite runs tests and returns a result for each test program. testErr is the
// failure of the tests themselves.
func suite(ctx context.Context, root, work, overlay string, packages []string) (results []Result, testErr, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp(work, "suite-")
	if err != nil {
		return nil, nil, err
	}
	args := append([]string{"test", "-overlay=" + overlay, "-exec=" + self + " " + traceCommand + " " + dir,
		"-count=1", "-v", "-timeout=15m", "-skip=" + heavy}, packages...)
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are the caller's packages
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "TMPDIR="+work)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if testErr = cmd.Run(); testErr != nil {
		printFailures(out.String())
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		var r Result
		if err := json.Unmarshal(data, &r); err != nil {
			return nil, nil, err
		}
		results = append(results, r)
	}
	return results, testErr, nil
}

// printFailures prints the lines that report failed tests, with the lines before
// them.
func printFailures(out string) {
	var kept []string
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "=== ") || strings.HasPrefix(strings.TrimSpace(line), "--- PASS") ||
			strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "PASS") {
			kept = nil
			continue
		}
		kept = append(kept, line)
		if strings.Contains(line, "--- FAIL") || strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "panic:") {
			fmt.Print(strings.Join(kept[max(0, len(kept)-20):], ""))
			kept = nil
		}
	}
}

// trace runs one test program under strace, and leaves its result in dir.
func trace(ctx context.Context, dir string, program []string) error {
	wd, err := os.Getwd()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "trace-*")
	if err != nil {
		return err
	}
	_ = f.Close()
	defer func() { _ = os.Remove(f.Name()) }() //nolint:gosec // made above, in a folder of our own
	//nolint:gosec // go test's own program
	cmd := exec.CommandContext(ctx, "strace", append(StraceArgs(f.Name()), program...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	testErr := cmd.Run()
	root, err := goEnv(ctx, "GOMOD")
	if err != nil {
		return err
	}
	pkg, err := filepath.Rel(filepath.Dir(root), wd)
	if err != nil {
		return err
	}
	open := func() (io.ReadCloser, error) { return os.Open(f.Name()) } //nolint:gosec // likewise
	result, err := Scan(filepath.ToSlash(pkg), open, filepath.Join(filepath.Dir(dir), "reports"))
	if err != nil {
		return fmt.Errorf("%s: %w", pkg, err)
	}
	data, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return errors.Join(testErr, os.WriteFile(f.Name()+".json", data, 0o600)) //nolint:gosec // likewise
}

func goEnv(ctx context.Context, name string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", name).Output() //nolint:gosec // a name of ours
	return strings.TrimSpace(string(out)), err
}
