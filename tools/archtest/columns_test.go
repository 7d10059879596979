package archtest

import (
	"bytes"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxCodeColumns is the width of a line of Go, a tab being four columns.
const maxCodeColumns = 120

// wideLines returns the numbers of the lines that are too wide. A line with a raw string is
// not: such a string is a text of another program or a document, and stays as it is.
func wideLines(src []byte) []int {
	file := token.NewFileSet().AddFile("", -1, len(src))
	var s scanner.Scanner
	s.Init(file, src, func(token.Position, string) {}, scanner.ScanComments)
	raw := map[int]bool{}
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			break
		}
		if tok == token.STRING && text[0] == '`' {
			first := file.Line(pos)
			for i := range 1 + strings.Count(text, "\n") {
				raw[first+i] = true
			}
		}
	}
	var wide []int
	n := 0
	for line := range bytes.Lines(src) {
		n++
		text := strings.ReplaceAll(strings.TrimRight(string(line), "\n"), "\t", "    ")
		if utf8.RuneCountInString(text) > maxCodeColumns && !raw[n] {
			wide = append(wide, n)
		}
	}
	return wide
}

func TestCodeColumns(t *testing.T) {
	for _, f := range everyGoFile(t) {
		src, err := os.ReadFile(filepath.Join(moduleRoot, f))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range wideLines(src) {
			t.Errorf("%s:%d: more than %d columns", f, n, maxCodeColumns)
		}
	}
}

func TestWideLines(t *testing.T) {
	wide := strings.Repeat("x", maxCodeColumns-len("var  = 1"))
	for src, want := range map[string]int{
		"package p\n\nvar " + wide + " = 1\n":                     0,
		"package p\n\nvar " + wide + "x = 1\n":                    1,
		"package p\n\nvar x = `" + wide + wide + "`\n":            0,
		"package p\n\nvar x = `a\n" + wide + wide + "` + \"b\"\n": 0,
		"package p\n\n// " + wide + wide + "\n":                   1,
		"package p\n\nfunc f() {\n\t" + wide + "xxxxx()\n}\n":     1,
	} {
		if got := wideLines([]byte(src)); len(got) != want {
			t.Errorf("%q: lines %v, want %d", src, got, want)
		}
	}
}

// everyGoFile lists the Go files of all modules, below the root.
func everyGoFile(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(moduleRoot, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "testdata", "node_modules", "dist"}, d.Name()):
			return fs.SkipDir
		case !d.IsDir() && filepath.Ext(path) == ".go":
			name, err := filepath.Rel(moduleRoot, path)
			files = append(files, name)
			return err
		}
		return nil
	})
	if err != nil || len(files) < 500 {
		t.Fatalf("%d Go files were found: %v", len(files), err)
	}
	return files
}
