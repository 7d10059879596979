package acrkit_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestPackageList: the documentation of this package lists every package that another
// module can import and use, each in one line.
func TestPackageList(t *testing.T) {
	parsed, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(parsed.Doc.Text()) {
		if item, ok := strings.CutPrefix(strings.TrimSpace(line), "- [github.com/acrkit/acrkit/"); ok {
			pkg, text, _ := strings.Cut(strings.TrimSuffix(item, "\n"), "]: ")
			if text == "" {
				t.Errorf("%s is listed without a text", pkg)
			}
			listed = append(listed, pkg)
		}
	}
	want := publicPackages(t)
	if len(want) < 8 {
		t.Fatalf("found only %v", want)
	}
	slices.Sort(listed)
	if !slices.Equal(listed, want) {
		t.Errorf("doc.go lists\n%v, the module has\n%v", listed, want)
	}
}

// publicPackages returns the packages of this module, without commands, tools, examples
// and internal packages.
func publicPackages(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, noModule := os.Stat(filepath.Join(p, "go.mod"))
			if p != "." && (noModule == nil || isPrivate(d.Name())) {
				return fs.SkipDir
			}
			return nil
		}
		pkg := path.Dir(filepath.ToSlash(p))
		if pkg != "." && strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go") &&
			!slices.Contains(all, pkg) {
			all = append(all, pkg)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func isPrivate(folder string) bool {
	return slices.Contains([]string{"cmd", "examples", "internal", "testdata", "tools"}, folder) ||
		strings.HasPrefix(folder, ".") || strings.HasPrefix(folder, "_")
}
