package root

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"
)

// TestExitCodesTopic compares the exit codes of package cmdutil with the lines of
// `acrkit help exit-codes`.
func TestExitCodesTopic(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../cmdutil/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string]string{} // by number, the constant's name
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Exit") {
			codes[spec.Values[0].(*ast.BasicLit).Value] = spec.Names[0].Name
		}
		return true
	})
	if codes["0"] != "ExitOK" {
		t.Fatalf("the constants were not read: %v", codes)
	}
	for _, m := range regexp.MustCompile(`(?m)^ {2}(\d+) `).FindAllStringSubmatch(exitCodesTopic, -1) {
		if codes[m[1]] == "" {
			t.Errorf("help exit-codes names %s, which is no exit code", m[1])
		}
		delete(codes, m[1])
	}
	for number, name := range codes {
		t.Errorf("help exit-codes lacks %s (%s)", number, name)
	}
}
