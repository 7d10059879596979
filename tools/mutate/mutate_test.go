package mutate

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/security-rules.md anew")

const root = "../.."

// TestRules holds the list to the code: what each change replaces is there, and so
// is the test that must fail. That it does is what cmd sees.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] || r.Text == "" || len(r.Breaks) == 0 {
			t.Errorf("%s: is listed twice, or has no text or change", r.ID)
		}
		seen[r.ID] = true
		for _, b := range r.Breaks {
			if _, err := b.Apply(root); err != nil {
				t.Errorf("%s: %v", r.ID, err)
			}
			if !testExists(t, b.Package, b.Test) {
				t.Errorf("%s: there is no test %s in %s", r.ID, b.Test, b.Package)
			}
		}
	}
	for i := 1; i <= 16; i++ {
		if id := fmt.Sprintf("D%d", i); !seen[id] {
			t.Errorf("%s has no rule", id)
		}
	}
}

func testExists(t *testing.T, pkg, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	head := regexp.MustCompile(`(?m)^func ` + name + `\(t \*testing\.T\) \{`)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if head.Match(data) {
			return true
		}
	}
	return false
}

func TestPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Security rules\n\nWritten by `go test ./tools/mutate -run TestPage -update`; the list is in `tools/mutate`.\n\n" +
		"Each rule is listed with the code that enforces it and the test that fails without it.\n" +
		"`go run ./tools/mutate/cmd` takes out each, one at a time, and sees its test fail. D1 to D16 are defects that were found by running other clients.\n\n" +
		"| rule | promise | kept in | test |\n|---|---|---|---|\n")
	for _, r := range Rules() {
		for i, br := range r.Breaks {
			id, text := r.ID, r.Text
			if i > 0 {
				id, text = "", ""
			}
			fmt.Fprintf(&b, "| %s | %s | `%s` | `%s` in `%s` |\n", id, text, br.File, br.Test, br.Package)
		}
	}
	page := filepath.Join(root, "docs", "security-rules.md")
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil || string(got) != b.String() {
		t.Errorf("%s is not what the rules say (%v); -update writes it", page, err)
	}
}
