package archtest

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"
)

// TestTools holds the tools to one convention: tools/NAME is a command, and is run with
// "go run ./tools/NAME".
func TestTools(t *testing.T) {
	for _, entry := range mustReadDir(t, filepath.Join("..", "..", "tools")) {
		name := entry.Name()
		if name == "archtest" || name == "internal" { // tests, and what tools share
			continue
		}
		folder := filepath.Join("..", "..", "tools", name)
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(folder, "main.go"), nil,
			parser.PackageClauseOnly)
		if err != nil || file.Name.Name != "main" {
			t.Errorf("tools/%s/main.go is not the file of a command: %v", name, err)
		}
		if inside, _ := filepath.Glob(filepath.Join(folder, "cmd", "*.go")); len(inside) > 0 {
			t.Errorf("tools/%s has a folder cmd; the command is the tool's own folder", name)
		}
	}
}

func mustReadDir(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}
