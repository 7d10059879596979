package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/acrkit/acrkit/tools/internal/marker"
)

// TestCompiles type-checks each changed file in its package. The command would say the
// same only after it has compiled everything.
func TestCompiles(t *testing.T) {
	places := mustFindPlaces(t)
	packages := listPackages(t, places)
	done := map[string]bool{}
	for _, r := range rules() {
		for _, c := range r.changes {
			m, text, err := c.apply(places)
			if err != nil || done[c.place+c.op.String()] {
				continue // an error is TestRules's
			}
			done[c.place+c.op.String()] = true
			p := packages[filepath.Join(root, filepath.Dir(filepath.FromSlash(m.File.Path)))]
			if p == nil {
				t.Errorf("%s: the go command lists no package there", m.File.Path)
				continue
			}
			if err := p.check(filepath.Base(m.File.Path), text); err != nil {
				t.Errorf("%s: %s: %v: %v", r.name, c.place, c.op, err)
			}
		}
	}
}

// TestCompiles_sees sees that the check finds what a compiler finds.
func TestCompiles_sees(t *testing.T) {
	places := mustFindPlaces(t)
	packages := listPackages(t, places)
	folder := filepath.Join(root, "internal", "limit")
	data, err := os.ReadFile(filepath.Join(folder, "limit.go"))
	if err != nil {
		t.Fatal(err)
	}
	p := packages[folder]
	if err := p.check("limit.go", string(data)); err != nil {
		t.Error("the code as it is:", err)
	}
	for _, wrong := range []string{
		"\nfunc wrong() { unused := 1 }\n", "\nvar wrong int = \"\"\n",
		"\nfunc wrong() int { }\n", "\nvar wrong = unknown.Name\n",
	} {
		if p.check("limit.go", string(data)+wrong) == nil {
			t.Errorf("%q compiles", wrong)
		}
	}
}

// checkedPackage is one package with what its type-check needs.
type checkedPackage struct {
	path    string
	fset    *token.FileSet
	files   map[string]*ast.File // by name, without the functions' bodies
	imports types.Importer
}

// check type-checks the package with another text of one file, and returns what is wrong in
// that file.
func (p *checkedPackage) check(name, text string) error {
	changed, err := parser.ParseFile(p.fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	files := []*ast.File{changed}
	for other, file := range p.files {
		if other != name {
			files = append(files, file)
		}
	}
	var wrong error
	config := types.Config{Importer: p.imports, Error: func(err error) {
		var e types.Error
		if errors.As(err, &e) && p.fset.Position(e.Pos).Filename == name && wrong == nil {
			wrong = err
		}
	}}
	_, _ = config.Check(p.path, p.fset, files, nil) // what is wrong is in wrong
	return wrong
}

// listPackages returns the packages that have markers, by folder.
func listPackages(t *testing.T, places map[string]marker.Marker) map[string]*checkedPackage {
	t.Helper()
	modules := map[string][]string{} // folders of packages, by the module's folder
	for _, m := range places {
		folder := filepath.Join(root, filepath.Dir(filepath.FromSlash(m.File.Path)))
		module := folder
		for {
			if _, err := os.Stat(filepath.Join(module, "go.mod")); err == nil {
				break
			}
			module = filepath.Dir(module)
		}
		if !slices.Contains(modules[module], folder) {
			modules[module] = append(modules[module], folder)
		}
	}
	found := map[string]*checkedPackage{}
	for module, folders := range modules {
		args := []string{"list", "-export", "-deps", "-json=ImportPath,Export,Dir,GoFiles"}
		for _, folder := range folders {
			below, err := filepath.Rel(module, folder)
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, "./"+filepath.ToSlash(below))
		}
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = module
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, &stderr)
		}
		exports := map[string]string{}
		fset := token.NewFileSet()
		imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
			return os.Open(exports[path])
		})
		wanted := map[string]string{} // our name of a folder, by its absolute name
		for _, folder := range folders {
			abs, err := filepath.Abs(folder)
			if err != nil {
				t.Fatal(err)
			}
			wanted[abs] = folder
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				ImportPath, Export, Dir string
				GoFiles                 []string
			}
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			exports[p.ImportPath] = p.Export
			folder, ok := wanted[p.Dir]
			if !ok {
				continue
			}
			c := &checkedPackage{path: p.ImportPath, fset: fset, files: map[string]*ast.File{}, imports: imports}
			for _, name := range p.GoFiles {
				file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range file.Decls {
					if fn, ok := d.(*ast.FuncDecl); ok {
						fn.Body = nil
					}
				}
				c.files[name] = file
			}
			found[folder] = c
		}
	}
	return found
}
