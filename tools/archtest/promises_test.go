package archtest

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// nothingGoes sees that each line of a list is still there. Scripts, pages and recordings
// name codes, so none changes its meaning or goes, not even by -update.
func nothingGoes(t *testing.T, file string, got []string) {
	t.Helper()
	promised, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(promised)) {
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(got, line) {
			t.Fatalf("%q has changed or is gone; a new cause takes a new number", line)
		}
	}
}

// TestPromises compares what users' programs may rely on (docs/release.md) with committed
// lists, one line for each name, so that a removal is seen as one. -update writes them.
func TestPromises(t *testing.T) {
	for _, p := range []struct {
		list  string
		lines func(t *testing.T) []string
		least int // fewer lines mean that this test does not see them
	}{
		{"go-api", goAPI, 500},
		{"exit-codes", exitCodes, 5},
		{"json-fields", jsonFields, 20},
		{"codes", causes, 10},
		{"seed", seedKeys, 40},
		{"control-api", controlAPI, 40},
	} {
		t.Run(p.list, func(t *testing.T) {
			got := p.lines(t)
			slices.Sort(got)
			got = slices.Compact(got)
			if len(got) < p.least {
				t.Fatalf("%d lines, at least %d are there: %q", len(got), p.least, got)
			}
			file := filepath.Join("testdata", "promises", p.list+".txt")
			if *update {
				if p.list == "codes" {
					nothingGoes(t, file, got)
				}
				if err := os.WriteFile(file, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(strings.TrimSuffix(string(want), "\n"), "\n"), got); diff != "" {
				t.Errorf(
					"%s has changed (-promised +got); see docs/release.md for what may, and write the list with "+
						"-update:\n%s", p.list, diff)
			}
		})
	}
}

// goAPI returns the exported names of the packages that other modules may import: a line
// for each function, method, field and so on, with its type.
func goAPI(t *testing.T) (lines []string) {
	roots := []string{"."}
	found, err := filepath.Glob(filepath.Join(moduleRoot, "adapters", "*", "go.mod"))
	if err != nil || len(found) == 0 {
		t.Fatalf("adapters: %v, %v", found, err)
	}
	for _, mod := range found {
		roots = append(roots, "adapters/"+filepath.Base(filepath.Dir(mod)))
	}
	for _, root := range roots {
		for _, f := range readModule(t, filepath.Join(moduleRoot, root)) {
			dir := path.Join(root, path.Dir(f.path))
			first, _, _ := strings.Cut(dir, "/")
			if f.test || strings.Contains("/"+dir+"/", "/internal/") ||
				slices.Contains([]string{"cmd", "tools", "examples"}, first) {
				continue
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, filepath.Join(moduleRoot, root, f.path), nil,
				parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if file.Name.Name == "main" || !ast.FileExports(file) {
				continue
			}
			for _, decl := range file.Decls {
				for _, line := range declared(set, decl) {
					lines = append(lines, path.Join("acrkit", dir)+": "+line)
				}
			}
		}
	}
	return lines
}

// declared returns a line for each exported name of a declaration.
func declared(set *token.FileSet, decl ast.Decl) (lines []string) {
	text := func(node any) string {
		var b strings.Builder
		_ = printer.Fprint(&b, set, node)
		return strings.Join(strings.Fields(b.String()), " ")
	}
	if f, ok := decl.(*ast.FuncDecl); ok {
		f.Doc, f.Body = nil, nil
		if f.Recv != nil {
			receiver := strings.TrimPrefix(text(f.Recv.List[0].Type), "*")
			if !token.IsExported(receiver) {
				return nil
			}
			f.Recv.List[0].Names = nil
		}
		return []string{text(f)}
	}
	gen, ok := decl.(*ast.GenDecl)
	if !ok {
		return nil
	}
	for _, spec := range gen.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			for _, name := range s.Names {
				if name.IsExported() {
					lines = append(lines, gen.Tok.String()+" "+name.Name)
				}
			}
		case *ast.TypeSpec:
			var members *ast.FieldList
			switch kind := s.Type.(type) {
			case *ast.StructType:
				lines, members = append(lines, "type "+s.Name.Name+" struct"), kind.Fields
			case *ast.InterfaceType:
				lines, members = append(lines, "type "+s.Name.Name+" interface"), kind.Methods
			default:
				s.Doc, s.Comment = nil, nil
				lines = append(lines, "type "+text(s))
			}
			if members == nil {
				continue
			}
			for _, m := range members.List {
				for _, name := range m.Names {
					lines = append(lines, "type "+s.Name.Name+": "+name.Name+" "+text(m.Type))
				}
				if len(m.Names) == 0 {
					lines = append(lines, "type "+s.Name.Name+": "+text(m.Type))
				}
			}
		}
	}
	return lines
}

// exitCodes returns the constants with the exit codes of the command. A test of the
// command compares them with its help.
func exitCodes(t *testing.T) (lines []string) {
	file, err := parser.ParseFile(token.NewFileSet(),
		filepath.Join(moduleRoot, "cmd/acrkit/internal/cli/cmdutil/errors.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(s.Names[0].Name, "Exit") {
			if value, ok := s.Values[0].(*ast.BasicLit); ok {
				lines = append(lines, value.Value+" "+s.Names[0].Name)
			}
		}
		return true
	})
	return lines
}

var (
	commandHeading = regexp.MustCompile(`(?m)^## (acrkit .*)$`)
	fieldsOfHelp   = regexp.MustCompile(`(?m)^JSON FIELDS\n((?:  .*\n)+)`)
	codeHeading    = regexp.MustCompile(`(?m)^### <a id="[^"]*"></a>(ACRK\d+ \S+)$`)
)

// jsonFields returns the fields of --json, by command, as docs/cli.md has them from the
// commands' help.
func jsonFields(t *testing.T) (lines []string) {
	page := readFromRoot(t, "docs/cli.md")
	headings := commandHeading.FindAllStringSubmatchIndex(page, -1)
	for i, h := range headings {
		end := len(page)
		if i+1 < len(headings) {
			end = headings[i+1][0]
		}
		if m := fieldsOfHelp.FindStringSubmatch(page[h[0]:end]); m != nil {
			for field := range strings.SplitSeq(strings.Join(strings.Fields(m[1]), " "), ", ") {
				lines = append(lines, page[h[2]:h[3]]+": "+field)
			}
		}
	}
	return lines
}

// causes returns the codes of causes with their names, as docs/troubleshooting.md has them
// from the table of package diagnose.
func causes(t *testing.T) (lines []string) {
	for _, m := range codeHeading.FindAllStringSubmatch(readFromRoot(t, "docs/troubleshooting.md"), -1) {
		lines = append(lines, m[1])
	}
	return lines
}

// seedKeys returns the keys of a seed, from its JSON schema.
func seedKeys(t *testing.T) []string {
	var schema any
	if err := json.Unmarshal([]byte(readFromRoot(t, findFile(t, "seed.schema.json"))), &schema); err != nil {
		t.Fatal(err)
	}
	return properties("", schema)
}

// controlAPI returns the operations of the emulator's control API, their parameters, and
// the fields of what they take and answer, from its OpenAPI document.
func controlAPI(t *testing.T) []string {
	var document struct {
		Paths      map[string]map[string]any
		Components map[string]any
	}
	if err := yaml.Unmarshal([]byte(readFromRoot(t, findFile(t, "openapi.yaml"))), &document); err != nil {
		t.Fatal(err)
	}
	lines := properties("", document.Components["schemas"])
	if named, ok := document.Components["parameters"].(map[string]any); ok {
		for name := range named {
			lines = append(lines, "parameter "+name)
		}
	}
	for p, operations := range document.Paths {
		for method, operation := range operations {
			lines = append(lines, strings.ToUpper(method)+" "+p)
			lines = append(lines, properties(strings.ToUpper(method)+" "+p, operation)...)
		}
	}
	return lines
}

// properties returns the names of all properties in a JSON schema, with their places.
func properties(at string, schema any) (lines []string) {
	switch s := schema.(type) {
	case []any:
		for _, item := range s {
			lines = append(lines, properties(at, item)...)
		}
	case map[string]any:
		for key, value := range s {
			named, ok := value.(map[string]any)
			if key == "properties" && ok {
				for name, below := range named {
					lines = append(lines, at+" "+name)
					lines = append(lines, properties(at+" "+name, below)...)
				}
				continue
			}
			switch key {
			case "items", "schema", "content", "application/json", "requestBody", "responses", "allOf", "oneOf",
				"anyOf", "$defs":
				lines = append(lines, properties(at, value)...) // no name that a user types
			default:
				lines = append(lines, properties(strings.TrimSpace(at+" "+key), value)...)
			}
		}
	}
	return lines
}

// readFromRoot returns a file of the repository.
func readFromRoot(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(moduleRoot, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// findFile returns the only file of the emulator with that name, relative to the repository.
func findFile(t *testing.T, name string) string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(moduleRoot), "emulator", func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == name {
			found = append(found, p)
		}
		return err
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %q, %v", name, found, err)
	}
	return found[0]
}
