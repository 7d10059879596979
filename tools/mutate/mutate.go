// Package mutate holds the list of acrkit's security rules and of the defects of
// other clients that it must not have, each with the code that enforces it, a change
// that removes the rule, and the test that must then fail.
//
// The list is checked twice. The tests of this package check that each change still fits
// the code, that each named test exists, and that docs/security-rules.md says the same.
// The command in cmd makes each change, only for the compiler (go test -overlay), and
// runs its test.
package mutate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Rule is one security rule.
type Rule struct {
	ID     string // stable: "origin", "D7"
	Text   string // the rule
	Breaks []Break
}

// Break removes a rule, or a part of it.
type Break struct {
	File    string // below the module; where the rule is kept
	Find    string // occurs exactly once in the file
	Replace string
	Package string // of the test, as "./auth"
	Test    string // must fail then
}

// Apply returns the file's text with the change made.
func (b Break) Apply(root string) (string, error) {
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(b.File)))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(data), b.Find); n != 1 {
		return "", fmt.Errorf("%s: %q occurs %d times, want once: the code has moved, and tools/mutate must follow", b.File, b.Find, n)
	}
	return strings.Replace(string(data), b.Find, b.Replace, 1), nil
}

// ErrSurvived says that the test passed without the rule.
var ErrSurvived = errors.New("the test passes without the rule")

// Run makes the change and runs its test, which must fail or panic. Code that does not
// compile or a test that times out is an error.
func (b Break) Run(ctx context.Context, root string) error {
	text, err := b.Apply(root)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	changed, overlay := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return err
	}
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, filepath.FromSlash(b.File)): changed}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return err
	}
	//nolint:gosec // the list's own words
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay="+overlay, "-vet=off", "-count=1", "-timeout=3m", "-run=^"+b.Test+"$", ".")
	cmd.Dir = filepath.Join(root, filepath.FromSlash(b.Package)) // which may be in a module of its own
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return ErrSurvived
	case !strings.Contains(string(out), "--- FAIL: "+b.Test) && !strings.Contains(string(out), "panic: runtime error"):
		return fmt.Errorf("the test did not fail by itself:\n%s", out)
	}
	return nil
}
