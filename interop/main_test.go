package interop

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// update writes what a run saw to the committed files that the usual run compares
// it with: the tables of clients, and what clients say when they are refused.
var update = flag.Bool("update", false, "write the tables of clients and the captures from this run")

// binaryVariable hands the command to a test that runs itself again, in a mount
// namespace of its own.
const binaryVariable = "ACRKIT_INTEROP_BINARY"

// acrkitBinary is the command under test, built once by TestMain. The credential
// helper lies beside it.
var acrkitBinary string

// shared is the emulator most tests use. Each client has repositories of its own
// in it.
var shared *emulatorProcess

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "acrkit-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	acrkitBinary = os.Getenv(binaryVariable) // set when a test runs itself in another mount namespace
	if acrkitBinary == "" {
		acrkitBinary = filepath.Join(dir, "acrkit")
		build := exec.CommandContext(context.Background(), "go", "build", "-o", dir+string(filepath.Separator),
			"./cmd/acrkit", "./cmd/docker-credential-acrkit")
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build the commands: %v\n%s", err, out)
			return 1
		}
		shared, err = startEmulator(filepath.Join(dir, "data"), seed, nil)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer shared.stop()
	}
	defer func() { docker.stop() }() // the daemon is made later, if at all
	code := m.Run()
	if code != 0 && shared != nil {
		fmt.Fprintf(os.Stderr, "\nthe emulator's log ends with:\n%s\n", shared.tail(4000))
	}
	if err := errors.Join(explained.check(), results.write(code == 0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
