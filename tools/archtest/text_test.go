package archtest

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readsText lists the functions that decide on the text of a message, each with the
// reason. Other code decides on codes, causes and fields: a sentence may be reworded.
var readsText = map[string]string{
	"auth/azureauth/credential.go codeByText": "azidentity gives no type to what failed before a request",
	"auth/azureauth/credential.go firstLine":  "shortens azidentity's text",
	"auth/azureauth/azurecli.go explainCLI":   "azidentity gives no type to what az printed",
	"auth/azureauth/certificate.go parseCertificates": "azidentity gives no type to what is wrong with a " +
		"certificate",
	"auth/azureauth/managedidentity.go answerPolicy.Do": "net.OpError has no other sign of a connection that was " +
		"not made",
	"internal/wire/network.go NetworkError": "net.OpError has no other sign of a proxy",
	"internal/wire/response.go unknown": "the service has one code for a manifest that is " +
		"missing and one that is not accepted",
	"internal/wire/response.go serviceErrors": "the service's own words, which it says for every cause",
	"internal/wire/response.go actions": "leaves out a name that the sentence has already; " +
		"nothing else hangs on it",
	"internal/wire/network.go Within":                       "a constant: the operation that tells a person nothing",
	"manage/policy/policy.go Parse":                         "the YAML library gives no type to its errors",
	"emulator/seed/yaml.go problems.addSyntax":              "the YAML library gives no type to its errors",
	"emulator/control/client.go refusedBy":                  "takes the first word off a sentence of the control API",
	"cmd/acrkit/internal/cli/cmdutil/errors.go oneLine":     "makes one line of several",
	"cmd/acrkit/internal/cli/clitest/clitest.go WrongUsage": "a test's own comparison",
	"tools/replay/report.go writeExclusions": "groups what was left out by the sentences of its " +
		"own list",
	"tools/replay/report.go Report.exclude": "as writeExclusions",
	"tools/replay/report.go Report.sort":    "as writeExclusions",
}

// textReaders are packages that read the output of other programs.
var textReaders = []string{"internal/errtext"}

// TestNothingDecidesOnText finds code that compares or searches the text of an error, of
// a credential or of a field that holds a sentence. It follows text into variables, and
// into functions of the same package.
func TestNothingDecidesOnText(t *testing.T) {
	got := map[string][]string{}
	for _, p := range typedPackages(t, moduleRoot, "./...") {
		if slices.Contains(textReaders, p.pkg) {
			continue
		}
		for _, use := range p.textDecisions() {
			got[use.in] = append(got[use.in], use.what)
		}
	}
	for _, in := range slices.Sorted(maps.Keys(got)) {
		if readsText[in] == "" {
			t.Errorf("%s decides on text: %s; give what it asks about a code, a cause or a field", in,
				strings.Join(got[in], "; "))
		}
	}
	for in, why := range readsText {
		if got[in] == nil {
			t.Errorf("%s does not decide on text any more; take it out of the list (%s)", in, why)
		}
	}
}

// TestTextDecisions: each form is found, and similar code is not.
func TestTextDecisions(t *testing.T) {
	const source = `package sample

import (
	"errors"
	"regexp"
	"strings"
)

type Error struct{ Reason, Hint, Op, Other string; Code int }

func (e *Error) Error() string { return e.Reason }

type Credential interface{ Kind() string; String() string }

var re = regexp.MustCompile("x")

func Contains(err error) bool { return strings.Contains(err.Error(), "refused") }
func Equal(err error) bool { return err.Error() == "refused" }
func Field(e *Error) bool { return strings.HasPrefix(e.Reason, "no") }
func Operation(e *Error) bool { return e.Op != "read" }
func Switch(e *Error) int { switch e.Hint { case "a": return 1 }; return 0 }
func Match(err error) bool { return re.MatchString(err.Error()) }
func Variable(err error) bool { text := strings.ToLower(err.Error()); return strings.Contains(text, "x") }
func Describes(c Credential) bool { return c.String() == "anonymous" }
func Looked(e *Error) int { return map[string]int{"a": 1}[e.Reason] }
func Handed(err error) bool { return handed(1, err.Error()) }
func handed(n int, text string) bool { return strings.Contains(text, "x") }
func Cut(c Credential) string { _, name, _ := strings.Cut(c.String(), "x"); return name }

func Empty(e *Error) bool { return e.Reason == "" && "" != e.Hint }
func Typed(err error) bool { e := (*Error)(nil); return errors.As(err, &e) && e.Code == 1 }
func Words(e *Error) string { return "cannot " + e.Op + ": " + strings.TrimSpace(e.Reason) }
func OtherField(e *Error) bool { return e.Other == "x" }
func Builder(b *strings.Builder) bool { return b.String() == "x" }
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "sample.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &typedPackage{pkg: "sample", fset: fset, files: map[string]*ast.File{"sample/sample.go": f}}
	exports := map[string]string{}
	for _, l := range listPackages(t, moduleRoot, "errors", "regexp", "strings") {
		exports[l.ImportPath] = l.Export
	}
	if err := p.check(exportImporter(fset, exports)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, use := range p.textDecisions() {
		got = append(got, strings.TrimPrefix(use.in, "sample/sample.go "))
	}
	want := []string{"Contains", "Equal", "Field", "Operation", "Switch", "Match", "Variable", "Describes",
		"Looked", "handed", "Cut"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("functions that decide on text (-want +got):\n%s", diff)
	}
}

// typedPackage is a package with its types, without its tests.
type typedPackage struct {
	pkg   string // below the module
	fset  *token.FileSet
	files map[string]*ast.File // by path below the module
	info  *types.Info
}

// listed is the output of go list for a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly, Standard       bool
}

func listPackages(t *testing.T, dir string, patterns ...string) (out []listed) {
	t.Helper()
	text := goTool(t, dir, nil, append([]string{"list", "-export", "-deps",
		"-json=ImportPath,Dir,Export,GoFiles,DepOnly,Standard"}, patterns...)...)
	for d := json.NewDecoder(strings.NewReader(text)); ; {
		var l listed
		err := d.Decode(&l)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
}

// exportImporter reads the types of packages from the compiler's export data.
func exportImporter(fset *token.FileSet, files map[string]string) types.Importer {
	return importer.ForCompiler(fset, runtime.Compiler, func(path string) (io.ReadCloser,
		error) {
		return os.Open(files[path])
	})
}

// typedPackages reads packages of the module. Opening their files also makes the test
// cache depend on them.
func typedPackages(t *testing.T, root string, patterns ...string) (out []*typedPackage) {
	t.Helper()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	all, exports := listPackages(t, root, patterns...), map[string]string{}
	for _, l := range all {
		exports[l.ImportPath] = l.Export
	}
	fset := token.NewFileSet()
	imp := exportImporter(fset, exports)
	for _, l := range all {
		pkg, isOurs := ours(l.ImportPath)
		if l.DepOnly || !isOurs {
			continue
		}
		p := &typedPackage{pkg: pkg, fset: fset, files: map[string]*ast.File{}}
		for _, name := range l.GoFiles {
			rel, err := filepath.Rel(root, filepath.Join(l.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			src, err := os.ReadFile(filepath.Join(l.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if p.files[filepath.ToSlash(rel)], err = parser.ParseFile(fset, name, src,
				parser.SkipObjectResolution); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.check(imp); err != nil {
			t.Fatalf("%s: %v", l.ImportPath, err)
		}
		out = append(out, p)
	}
	if len(out) < 10 {
		t.Fatalf("only %d packages", len(out))
	}
	return out
}

func (p *typedPackage) check(imp types.Importer) error {
	p.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{},
		Defs: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}
	var files []*ast.File
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		files = append(files, p.files[name])
	}
	conf := types.Config{Importer: imp}
	_, err := conf.Check(module+"/"+p.pkg, p.fset, files, p.info)
	return err
}

// textUse is one place that decides on text.
type textUse struct {
	in   string // file and function
	what string
}

// textDecisions finds what decides on text, in the order of the files.
func (p *typedPackage) textDecisions() (out []textUse) {
	f := textFunc{p: p, texts: map[types.Object]bool{}}
	functions := func(do func(file string, fn *ast.FuncDecl)) {
		for _, name := range slices.Sorted(maps.Keys(p.files)) {
			for _, decl := range p.files[name].Decls {
				if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
					do(name, fn)
				}
			}
		}
	}
	f.params = map[types.Object][]types.Object{}
	functions(func(_ string, fn *ast.FuncDecl) {
		var params []types.Object
		for _, field := range fn.Type.Params.List {
			for _, name := range field.Names {
				params = append(params, p.info.Defs[name])
			}
		}
		f.params[p.info.Defs[fn.Name]] = params
	})
	for before := -1; before != len(f.texts); {
		before = len(f.texts)
		functions(func(_ string, fn *ast.FuncDecl) { f.follow(fn.Body) })
	}
	functions(func(file string, fn *ast.FuncDecl) {
		for _, what := range f.sinks(fn.Body) {
			out = append(out, textUse{file + " " + nameOf(fn), what})
		}
	})
	return out
}

func nameOf(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return fn.Name.Name
	}
	recv := fn.Recv.List[0].Type
	if star, ok := recv.(*ast.StarExpr); ok {
		recv = star.X
	}
	if index, ok := recv.(*ast.IndexExpr); ok {
		recv = index.X
	}
	return types.ExprString(recv) + "." + fn.Name.Name
}

// sentences are the fields that hold text for a person, wherever they are.
var sentences = []string{"Reason", "Hint", "Op", "Detail", "Message", "Source", "From"}

// textFunc looks at the functions of a package.
type textFunc struct {
	p      *typedPackage
	texts  map[types.Object]bool           // variables and parameters that hold text
	params map[types.Object][]types.Object // of each function of the package
}

// follow finds the variables that text is assigned to, and the parameters of functions
// of the same package that it is handed to.
func (f *textFunc) follow(body ast.Node) {
	note := func(obj types.Object) {
		if obj != nil {
			f.texts[obj] = true
		}
	}
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, right := range n.Rhs {
				if id, ok := n.Lhs[i].(*ast.Ident); ok && len(n.Lhs) == len(n.Rhs) && f.isText(right) {
					note(f.p.info.ObjectOf(id))
				}
			}
		case *ast.CallExpr:
			var id *ast.Ident
			switch fun := ast.Unparen(n.Fun).(type) {
			case *ast.Ident:
				id = fun
			case *ast.SelectorExpr:
				id = fun.Sel
			default:
				return true
			}
			for i, param := range f.params[f.p.info.Uses[id]] {
				if i < len(n.Args) && f.isText(n.Args[i]) {
					note(param)
				}
			}
		}
		return true
	})
}

// isText reports whether an expression is the text of an error or credential, or a
// field that holds a sentence.
func (f *textFunc) isText(e ast.Expr) bool {
	switch e := ast.Unparen(e).(type) {
	case *ast.Ident:
		return f.texts[f.p.info.ObjectOf(e)]
	case *ast.BinaryExpr:
		return e.Op == token.ADD && (f.isText(e.X) || f.isText(e.Y))
	case *ast.SelectorExpr:
		s := f.p.info.Selections[e]
		return s != nil && s.Kind() == types.FieldVal && slices.Contains(sentences, e.Sel.Name) &&
			types.Identical(s.Type(), types.Typ[types.String])
	case *ast.CallExpr:
		sel, ok := ast.Unparen(e.Fun).(*ast.SelectorExpr)
		if !ok {
			return len(e.Args) == 1 && f.p.info.Types[e.Fun].IsType() && f.isText(e.Args[0])
		}
		if s := f.p.info.Selections[sel]; s != nil {
			switch sel.Sel.Name {
			case "Error":
				return len(e.Args) == 0 && hasMethods(s.Recv(), "Error")
			case "String", "Describe":
				return len(e.Args) == 0 && (hasMethods(s.Recv(), "String", "Kind") || sel.Sel.Name == "Describe")
			}
			return false
		}
		return f.isFrom(sel, "strings", "ToLower", "ToUpper", "TrimSpace", "Clone") && f.isText(e.Args[0])
	}
	return false
}

func hasMethods(t types.Type, names ...string) bool {
	for _, name := range names {
		if obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name); obj == nil {
			return false
		}
	}
	return true
}

// isFrom reports whether a selector is one of the names of a package.
func (f *textFunc) isFrom(sel *ast.SelectorExpr, pkg string, names ...string) bool {
	obj := f.p.info.Uses[sel.Sel]
	return obj != nil && obj.Pkg() != nil && obj.Pkg().Path() == pkg &&
		(len(names) == 0 || slices.Contains(names, sel.Sel.Name))
}

func (f *textFunc) isEmpty(e ast.Expr) bool {
	if f.p.info.Types[e].IsNil() {
		return true
	}
	v := f.p.info.Types[e].Value
	return v != nil && v.Kind() == constant.String && constant.StringVal(v) == ""
}

// sinks returns what decides on text.
func (f *textFunc) sinks(body ast.Node) (out []string) {
	found := func(e ast.Expr) { out = append(out, types.ExprString(e)) }
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.EQL || n.Op == token.NEQ) && (f.isText(n.X) && !f.isEmpty(n.Y) || f.isText(n.Y) &&
				!f.isEmpty(n.X)) {
				found(n)
			}
		case *ast.SwitchStmt:
			if n.Tag != nil && f.isText(n.Tag) {
				out = append(out, fmt.Sprintf("switch %s", types.ExprString(n.Tag)))
			}
		case *ast.IndexExpr:
			if f.isText(n.Index) {
				found(n)
			}
		case *ast.CallExpr:
			sel, ok := ast.Unparen(n.Fun).(*ast.SelectorExpr)
			if !ok || !slices.ContainsFunc(n.Args, f.isText) {
				return true
			}
			obj := f.p.info.Uses[sel.Sel]
			switch {
			case obj == nil || obj.Pkg() == nil:
			case obj.Pkg().Path() == "regexp",
				f.isFrom(sel, "slices", "Contains", "Index"),
				obj.Pkg().Path() == "strings" && !f.isFrom(sel, "strings", "ToLower", "ToUpper", "TrimSpace", "Clone",
					"NewReader", "Join", "Repeat", "ToValidUTF8"):
				if obj.Name() != "WriteString" {
					found(n)
				}
			}
		}
		return true
	})
	return out
}
