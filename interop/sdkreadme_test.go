package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// programBlock is a program of interop/sdk in a page, between markers that name its
// file.
var programBlock = regexp.MustCompile("(?s)(<!-- program: (\\S+) -->\n```(\\w+)\n)(.*?)(```\n<!-- end of program -->\n)")

// TestPrograms holds the programs that the README shows against those that the
// tests run.
func TestPrograms(t *testing.T) {
	const page = "../README.md"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	got := programBlock.ReplaceAllStringFunc(string(b), func(block string) string {
		m := programBlock.FindStringSubmatch(block)
		files = append(files, m[2])
		program, err := os.ReadFile(filepath.Join("sdk", filepath.FromSlash(m[2])))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(program), "```") {
			t.Fatalf("%s cannot stand in a block", m[2])
		}
		return m[1] + string(program) + m[5]
	})
	if len(files) != 3 {
		t.Errorf("%s shows %v, want a program of Python, TypeScript and Java", page, files)
	}
	switch {
	case got == string(b):
	case *update:
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s shows other programs than those in sdk: run the tests with -update", page)
	}
}
