package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// binaryVariable hands the command to a test that runs itself again, in a mount
// namespace of its own.
const binaryVariable = "ACRKIT_INTEROP_BINARY"

// acrkitBinary is the command under test, built once by TestMain.
var acrkitBinary string

// shared is the emulator most tests use. Each client has repositories of its own
// in it.
var shared *emulatorProcess

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "acrkit-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	acrkitBinary = os.Getenv(binaryVariable) // set when a test runs itself in another mount namespace
	if acrkitBinary == "" {
		acrkitBinary = filepath.Join(dir, "acrkit")
		build := exec.CommandContext(context.Background(), "go", "build", "-o", acrkitBinary, "./cmd/acrkit")
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build the command: %v\n%s", err, out)
			return 1
		}
		shared, err = startEmulator(filepath.Join(dir, "data"), seed, nil)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer shared.stop()
	}
	code := m.Run()
	if code != 0 && shared != nil {
		fmt.Fprintf(os.Stderr, "\nthe emulator's log ends with:\n%s\n", shared.tail(4000))
	}
	if err := results.write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// result is one line of the table.
type result struct{ client, version, what, outcome, words string }

type resultTable struct {
	mu   sync.Mutex
	rows []result
}

var results resultTable

func (r *resultTable) add(row result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

// write prints the table and keeps it in results/clients.md, which git ignores.
func (r *resultTable) write() error {
	if len(r.rows) == 0 {
		return nil
	}
	slices.SortStableFunc(r.rows, func(a, b result) int { return strings.Compare(a.client, b.client) })
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CLIENT\tVERSION\tWHAT\tOUTCOME\tTHE CLIENT'S WORDS")
	var md strings.Builder
	md.WriteString("| client | version | what | outcome | the client's words |\n|---|---|---|---|---|\n")
	for _, row := range r.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", row.client, row.version, row.what, row.outcome, clip(row.words, 90))
		fmt.Fprintf(&md, "| %s | %s | %s | %s | %s |\n", row.client, row.version, row.what, row.outcome, strings.ReplaceAll(clip(row.words, 300), "|", "\\|"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := os.MkdirAll("results", 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("results", "clients.md"), []byte(md.String()), 0o644)
}

func clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}
