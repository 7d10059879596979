package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/acrkit/acrkit/tools/internal/marker"
)

// rule is one security rule.
type rule struct {
	name    string // stable: "origin", "D7"
	text    string // the rule, in a sentence
	changes []change
}

// change removes a rule, or a part of it.
type change struct {
	place string // the name of the marker
	op    op
	pkg   string // of the test, as "./auth"; "" = the package of the marked code
	test  string // must fail then
}

// findPlaces returns the markers of all places by name.
func findPlaces(root string) (map[string]marker.Marker, error) {
	all, err := marker.Find(root, "rule")
	if err != nil {
		return nil, err
	}
	places := map[string]marker.Marker{}
	for _, m := range all {
		if other, ok := places[m.Name]; ok {
			return nil, fmt.Errorf("//rule:%s is at two places: %s:%d and %s:%d", m.Name,
				other.File.Path, other.Line, m.File.Path, m.Line)
		}
		places[m.Name] = m
	}
	return places, nil
}

// apply returns the marker of the place, and its file's text with the change made.
func (c change) apply(places map[string]marker.Marker) (m marker.Marker, text string, err error) {
	m, ok := places[c.place]
	if !ok {
		return m, "", fmt.Errorf("no code is marked //rule:%s", c.place)
	}
	text, err = c.op.apply(m)
	if err != nil {
		return m, "", fmt.Errorf("%s:%d: //rule:%s: %v: %w", m.File.Path, m.Line, m.Name, c.op, err)
	}
	return m, text, nil
}

// testFolder returns the folder of the test's package, below the root.
func (c change) testFolder(m marker.Marker) string {
	if c.pkg != "" {
		return path.Clean(c.pkg)
	}
	return path.Dir(m.File.Path)
}

var errSurvived = errors.New("the test passes without the rule")

// run makes the change and runs its test, which must fail or panic. Code that does not
// compile or a test that times out is an error.
func (c change) run(ctx context.Context, root string, places map[string]marker.Marker) error {
	m, text, err := c.apply(places)
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
	original := filepath.Join(root, filepath.FromSlash(m.File.Path))
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		return err
	}
	//nolint:gosec // the list's own words
	cmd := exec.CommandContext(ctx, "go", "test", "-overlay="+overlay, "-vet=off", "-count=1", "-timeout=3m",
		"-run=^"+c.test+"$", ".")
	cmd.Dir = filepath.Join(root, filepath.FromSlash(c.testFolder(m))) // which may be in a module of its own
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return errSurvived
	case !strings.Contains(string(out), "--- FAIL: "+c.test) && !strings.Contains(string(out), "panic: runtime error"):
		return fmt.Errorf("the test did not fail by itself:\n%s", out)
	}
	return nil
}
