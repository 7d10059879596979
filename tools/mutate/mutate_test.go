package main

import (
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/tools/internal/marker"
)

var update = flag.Bool("update", false, "write docs/security-rules.md anew")

const root = "../.."

func mustFindPlaces(t *testing.T) map[string]marker.Marker {
	t.Helper()
	places, err := findPlaces(root)
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// TestRules holds the list to the code: each marker has a change, each change has one
// marker and makes other code, and there is the test that must fail. That it does is what
// the command sees.
func TestRules(t *testing.T) {
	places := mustFindPlaces(t)
	named, marked := map[string]bool{}, map[string]bool{}
	for _, r := range rules() {
		if named[r.name] || r.text == "" || len(r.changes) == 0 {
			t.Errorf("%s: is listed twice, or has no text or change", r.name)
		}
		named[r.name] = true
		for _, c := range r.changes {
			marked[c.place] = true
			m, text, err := c.apply(places)
			if err != nil {
				t.Errorf("%s: %v", r.name, err)
				continue
			}
			if text == m.File.Text {
				t.Errorf("%s: %s: %v does not change the code", r.name, c.place, c.op)
			}
			if !testExists(t, c.testFolder(m), c.test) {
				t.Errorf("%s: there is no test %s in %s", r.name, c.test, c.testFolder(m))
			}
		}
	}
	for name, m := range places {
		if !marked[name] {
			t.Errorf("%s:%d: //rule:%s is in no list of tools/mutate", m.File.Path, m.Line, name)
		}
	}
	for i := 1; i <= 16; i++ {
		if id := fmt.Sprintf("D%d", i); !named[id] {
			t.Errorf("%s has no rule", id)
		}
	}
}

func testExists(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
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
	b.WriteString("# Security rules\n\n" +
		"Written by `go test ./tools/mutate -run TestPage -update`; the list is in `tools/mutate`.\n\n" +
		"Each rule is listed with the code that keeps it and the tests that fail without it. In the code, a comment\n" +
		"`//rule:…` marks each place. `go run ./tools/mutate RULE` removes the rule, one place at a time, and sees\n" +
		"the tests fail. D1 to D16 are defects that were found by running other clients.\n")
	places := mustFindPlaces(t)
	for _, r := range rules() {
		b.WriteString("\n" + wrapped("**"+r.name+".** "+r.text) + "\n")
		var files []string
		where, tests := map[string][]string{}, map[string][]string{}
		add := func(list []string, s string) []string {
			if slices.Contains(list, s) {
				return list
			}
			return append(list, s)
		}
		for _, c := range r.changes {
			m, ok := places[c.place]
			if !ok {
				t.Fatalf("no code is marked //rule:%s", c.place)
			}
			in, err := m.Where()
			if err != nil {
				t.Fatal(err)
			}
			test := "`" + c.test + "`"
			if c.pkg != "" {
				test += " in `" + path.Clean(c.pkg) + "`"
			}
			files = add(files, m.File.Path)
			where[m.File.Path] = add(where[m.File.Path], "`"+in+"`")
			tests[m.File.Path] = add(tests[m.File.Path], test)
		}
		for _, file := range files {
			b.WriteString(wrapped(fmt.Sprintf("- [%s](../%s) %s: %s", file, file,
				strings.Join(where[file], ", "), strings.Join(tests[file], ", "))))
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

// wrapped returns a paragraph or an item of a list in lines of at most 118 columns.
func wrapped(s string) string {
	const columns = 118
	indent := ""
	if strings.HasPrefix(s, "- ") {
		indent = "  "
	}
	var b strings.Builder
	line := 0
	for i, word := range strings.Fields(s) {
		switch {
		case i > 0 && line+1+len(word) > columns:
			b.WriteString("\n" + indent)
			line = len(indent)
		case i > 0:
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String() + "\n"
}
