// Package marker finds comments by which a tool knows a place in the code, as
//
//	//rule:origin-port
//
// A marker is alone on its line, without a space after the slashes, as the directives of
// Go are. It marks what begins on the next line that is not a comment: a statement, a
// declaration, a clause, or an element of a list. So the place is known after the code has
// moved to another file, and after the lines around it have changed.
package marker

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Marker is one marker.
type Marker struct {
	Name string // after the colon
	Args string // after the name and a space
	Line int    // of the comment, from 1
	File *File
}

// File is a Go file.
type File struct {
	Path string // below the root of the repository, with slashes
	Text string

	fset   *token.FileSet
	syntax *ast.File
}

// Find returns the markers of a kind ("rule" for //rule:name) in all Go files below root,
// as [Files] has them.
func Find(root, kind string) ([]Marker, error) {
	var found []Marker
	err := Files(root, nil, func(f *File) error {
		found = append(found, Of(f, kind)...)
		return nil
	})
	return found, err
}

// Files calls each for all Go files below root, those of nested modules included. Folders
// that the go command leaves out (hidden ones and testdata) are left out, except those in
// with, which are named from root.
func Files(root string, with []string, each func(*File) error) error {
	folders := map[string]bool{".": true}
	for _, w := range with {
		for ; !folders[w]; w = path.Dir(w) {
			folders[w] = true
		}
	}
	files := os.DirFS(root)
	return fs.WalkDir(files, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		switch {
		case entry.IsDir() && folders[file]:
			return nil
		case entry.IsDir() && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") ||
			name == "testdata" || name == "node_modules"):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		data, err := fs.ReadFile(files, file)
		if err != nil {
			return err
		}
		return each(&File{Path: file, Text: string(data)})
	})
}

// Of returns the markers of a kind in one file.
func Of(f *File, kind string) []Marker {
	if !strings.Contains(f.Text, "//"+kind+":") {
		return nil
	}
	var found []Marker
	line := 0
	for text := range strings.Lines(f.Text) {
		line++
		if rest, ok := strings.CutPrefix(strings.TrimSpace(text), "//"+kind+":"); ok {
			name, args, _ := strings.Cut(rest, " ")
			found = append(found, Marker{Name: name, Args: strings.TrimSpace(args), Line: line, File: f})
		}
	}
	return found
}

// Parse returns the syntax of the file.
func (f *File) Parse() (*token.FileSet, *ast.File, error) {
	if f.syntax == nil {
		fset := token.NewFileSet()
		syntax, err := parser.ParseFile(fset, f.Path, f.Text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		f.fset, f.syntax = fset, syntax
	}
	return f.fset, f.syntax, nil
}

// Offset returns the byte of the file at a position.
func (f *File) Offset(p token.Pos) int { return f.fset.PositionFor(p, false).Offset }

// Source returns the text of a node.
func (f *File) Source(n ast.Node) string { return f.Text[f.Offset(n.Pos()):f.Offset(n.End())] }

var errNothing = errors.New("nothing begins on the line below the marker")

// Node returns the outermost piece of code that begins on the marked line.
func (m Marker) Node() (ast.Node, error) {
	fset, syntax, err := m.File.Parse()
	if err != nil {
		return nil, err
	}
	lines := strings.Split(m.File.Text, "\n")
	at := m.Line // of the next line, from 0
	for at < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[at]), "//") {
		at++
	}
	var found ast.Node
	ast.Inspect(syntax, func(n ast.Node) bool {
		switch n.(type) {
		case nil, *ast.CommentGroup, *ast.Comment:
			return false
		case *ast.File:
			return true
		}
		if found == nil && fset.PositionFor(n.Pos(), false).Line == at+1 {
			found = n
		}
		return found == nil
	})
	if found == nil {
		return nil, fmt.Errorf("%s:%d: //…:%s: %w", m.File.Path, m.Line, m.Name, errNothing)
	}
	return found, nil
}

// Where returns the name of the function, method, constant, variable or type that the
// marked code is in, as "Transport.send".
func (m Marker) Where() (string, error) {
	node, err := m.Node()
	if err != nil {
		return "", err
	}
	_, syntax, err := m.File.Parse()
	if err != nil {
		return "", err
	}
	for _, d := range syntax.Decls {
		if node.Pos() < d.Pos() || node.Pos() >= d.End() {
			continue
		}
		switch d := d.(type) {
		case *ast.FuncDecl:
			return m.File.functionName(d), nil
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if node.Pos() > spec.End() {
					continue
				}
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					return spec.Names[0].Name, nil
				case *ast.TypeSpec:
					return spec.Name.Name, nil
				}
			}
		}
	}
	return "", nil
}

func (f *File) functionName(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) != 1 {
		return fn.Name.Name
	}
	receiver := fn.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	return f.Source(receiver) + "." + fn.Name.Name
}
