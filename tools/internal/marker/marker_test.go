package marker

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const code = `package x

const (
	// limit bounds it.
	//mark:limit
	limit = 1 // of many
)

// F does.
//
//mark:whole
//mark:again 1 + 2
func (t *T[int]) F() {
	//mark:if
	//nolint:x // the next line counts
	if a {
		b()
		//mark:else
	} else if c {
		switch {
		//mark:case
		case d:
		}
	}
	x := "//mark:text"
	//mark:last
}

var list = []string{
	//mark:element
	"one",
}
`

func TestOf(t *testing.T) {
	type found struct{ Name, Args, Code, Where string }
	var got []found
	for _, m := range Of(&File{Path: "x.go", Text: code}, "mark") {
		node, err := m.Node()
		if err != nil {
			if !errors.Is(err, errNothing) {
				t.Error(err)
			}
			got = append(got, found{Name: m.Name})
			continue
		}
		where, err := m.Where()
		if err != nil {
			t.Error(err)
		}
		got = append(got, found{m.Name, m.Args, strings.SplitN(m.File.Source(node), "\n", 2)[0], where})
	}
	if diff := cmp.Diff([]found{
		{"limit", "", "limit = 1", "limit"},
		{"whole", "", "func (t *T[int]) F() {", "T.F"},
		{"again", "1 + 2", "func (t *T[int]) F() {", "T.F"},
		{"if", "", "if a {", "T.F"},
		{"else", "", "if c {", "T.F"},
		{"case", "", "case d:", "T.F"},
		{Name: "last"},
		{"element", "", `"one"`, "list"},
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a.go", "nested/go.mod", "nested/b.go", "testdata/c.go", "testdata/plant/d.go",
		".git/e.go", "f.txt"} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("package x\n\n//mark:a\nvar x int\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	found, err := Find(root, "mark")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range found {
		got = append(got, m.File.Path)
	}
	if diff := cmp.Diff([]string{"a.go", "nested/b.go"}, got); diff != "" {
		t.Error(diff)
	}
	got = nil
	if err := Files(root, []string{"testdata/plant"}, func(f *File) error {
		got = append(got, f.Path)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.go", "nested/b.go", "testdata/c.go", "testdata/plant/d.go"}, got); diff != "" {
		t.Error(diff)
	}
}
