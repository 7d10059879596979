package archtest

import (
	"go/ast"
	"go/doc"
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

// notPublic are the folders whose packages no other program imports.
var notPublic = []string{"cmd", "examples", "internal", "interop", "sdk", "testdata", "tools", "kubelettest"}

// runByTest are the examples of a test, which needs a *testing.T and so prints nothing. A
// test beside each runs it.
var runByTest = map[string]string{
	"acrtest":            "NewRegistry",
	"credhelper/hostile": "Test",
}

// TestExamples: every package that other programs import has its comment in doc.go and at
// least one example, and go test runs each example and compares what it prints.
func TestExamples(t *testing.T) {
	public := publicPackages(t, moduleRoot)
	if len(public) < 12 {
		t.Errorf("only %d public packages: %q", len(public), public)
	}
	for _, dir := range public {
		comment, examples := readExamples(t, filepath.Join(moduleRoot, dir))
		if !strings.HasPrefix(comment, "Package ") {
			t.Errorf("%s/doc.go has no package comment", dir)
		}
		if len(examples) == 0 {
			t.Errorf("%s has no example: show its main task in an example_test.go", dir)
		}
		for _, e := range examples {
			if e.Doc == "" {
				t.Errorf("%s: Example%s has no comment", dir, e.Name)
			}
			if e.Output == "" && e.Name != runByTest[dir] {
				t.Errorf("%s: Example%s has no output, so nothing runs it", dir, e.Name)
			}
		}
	}
}

// publicPackages returns the folders of the packages that other programs import, nested
// modules included.
func publicPackages(t *testing.T, root string) (dirs []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		case p != root && (strings.HasPrefix(d.Name(), ".") || slices.Contains(notPublic, d.Name())):
			return fs.SkipDir
		}
		names, err := filepath.Glob(filepath.Join(p, "*.go"))
		if err != nil {
			return err
		}
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				rel, err := filepath.Rel(root, p)
				dirs = append(dirs, filepath.ToSlash(rel))
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// readExamples returns the package comment in doc.go and the package's examples.
func readExamples(t *testing.T, dir string) (comment string, examples []*doc.Example) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var tests []*ast.File
	for _, name := range names {
		isTest := strings.HasSuffix(name, "_test.go")
		if !isTest && path.Base(filepath.ToSlash(name)) != "doc.go" {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if isTest {
			tests = append(tests, f)
		} else {
			comment = f.Doc.Text()
		}
	}
	return comment, doc.Examples(tests...)
}
