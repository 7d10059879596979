package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fixOwner is the package that has all commands that fix something.
const fixOwner = "internal/sentence"

// command is the beginning of a command in a hint.
var command = regexp.MustCompile("^(?:(?:sudo|export|set) )?" +
	"(?:acrkit|az|kubectl|docker|podman|curl|openssl|df|ls|rm|mv|ps|nslookup|getent|printf) [a-z-]|^export [A-Z]")

// helpFields hold what a command says of itself: its use, and examples.
var helpFields = []string{"Use", "Short", "Long", "Example", "Deprecated"}

// commandsElsewhere are the functions with commands that are not fixes, each with the
// reason.
var commandsElsewhere = map[string]string{
	"auth/azureauth/azurecli.go explainCLI": "looks for az's own words",
	"emulator/internal/dataplane/errors.go": "the emulator's answer to a client, which it " +
		"gives as a registry",
	"cmd/acrkit/internal/cli/demo/stage.go stage.keep":                   "what the demo prints for its user to try",
	"cmd/acrkit/internal/cli/emulator/check.go checker":                  "the command's own name",
	"cmd/acrkit/internal/cli/emulator/target/target.go Target.Open":      "likewise",
	"cmd/acrkit/internal/cli/emulator/env.go NewCmdEnv":                  "likewise, and help",
	"cmd/acrkit/internal/cli/emulator/print.go logins":                   "what its user may try",
	"cmd/acrkit/internal/cli/emulator/envfor.go EnvOptions.controlPlane": "for a shell to run",
	"cmd/acrkit/internal/cli/emulator/print.go uses":                     "likewise",
	"cmd/acrkit/internal/cli/emulator/start.go NewCmdStart":              "the command's own name",
	"cmd/acrkit/internal/cli/login/verify.go Options.refused":            "the command's own name",
	"cmd/acrkit/internal/cli/login/login.go Options.report":              "what comes after a login",
	"cmd/acrkit/internal/cli/mapfile/write.go azCommand":                 "a form in which a map is written",
	"cmd/acrkit/internal/cli/mapfile/write.go AzUpdate":                  "likewise, a change",
	"cmd/acrkit/internal/cli/scopemap/role.go assignment.az":             "likewise, an assignment",
	"cmd/acrkit/internal/cli/proxy/authority.go Options.authority":       "the beginning of a log line",
	"cmd/acrkit/internal/cli/proxy/proxy.go Options.complete":            "a combination of flags that is refused",
	"cmd/acrkit/internal/cli/proxy/run.go run":                           "a name",
	"internal/errtext/errtext.go":                                        "a name",
	"tools/leakcheck/allowed.go":                                         "reasons of a list",
	"internal/pki/authority.go newPair":                                  "a name",
	"internal/login/tokencache/seal.go newKeys":                          "labels of keys",
	"proxy/identity.go call.otherResource":                               "a sentence of the proxy's own endpoint",
	"credhelper/docker.go Helper.usage":                                  "help",
	"reference.go ParseReference":                                        "the root imports no package of ours",
}

// hintFields are the fields that hold a fix.
var hintFields = []string{"Hint", "Fix"}

// fixesIn finds fixes that a file has itself: a literal command, or a hint with a literal
// in it.
func fixesIn(path string, f *ast.File) map[string][]string {
	out := map[string][]string{}
	in := path
	note := func(format string, args ...any) { out[in] = append(out[in], fmt.Sprintf(format, args...)) }
	literal := func(e ast.Expr) string {
		text := ""
		ast.Inspect(e, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				return isConversion(n) // the arguments of a function are not checked
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && text == "" {
					text = s
				}
			}
			return true
		})
		return text
	}
	var walk func(n ast.Node) bool
	walk = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			in = path + " " + nameOf(n)
			if n.Body != nil {
				ast.Inspect(n.Body, walk)
			}
			in = path
			return false
		case *ast.KeyValueExpr:
			key, ok := n.Key.(*ast.Ident)
			if ok && slices.Contains(helpFields, key.Name) {
				return false
			}
			if ok && slices.Contains(hintFields, key.Name) {
				if text := literal(n.Value); text != "" {
					note("%s: %q", key.Name, text)
					return false
				}
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				sel, ok := left.(*ast.SelectorExpr)
				if ok && len(n.Rhs) == len(n.Lhs) && slices.Contains(helpFields, sel.Sel.Name) {
					return false
				}
				if ok && len(n.Rhs) == len(n.Lhs) && slices.Contains(hintFields, sel.Sel.Name) {
					if text := literal(n.Rhs[i]); text != "" {
						note("%s = %q", sel.Sel.Name, text)
					}
				}
			}
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && command.MatchString(s) {
				note("%q", s)
			}
		}
		return true
	}
	ast.Inspect(f, walk)
	return out
}

// isConversion reports whether a call only formats its arguments.
func isConversion(c *ast.CallExpr) bool {
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "fmt" || ok && pkg.Name == "strings" || ok && pkg.Name == "cmp"
}

// TestFixesInOnePackage: only package sentence has the texts of fixes.
func TestFixesInOnePackage(t *testing.T) {
	got := map[string][]string{}
	fset := token.NewFileSet()
	for _, f := range readModule(t, moduleRoot) {
		if f.test || f.pkg == fixOwner || isTestHelp(f.pkg) || strings.HasPrefix(f.pkg, "examples/") {
			continue
		}
		parsed, err := parser.ParseFile(fset, moduleRoot+"/"+f.path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for in, what := range fixesIn(f.path, parsed) {
			got[in] = append(got[in], what...)
		}
	}
	for in, what := range got {
		if commandsElsewhere[in] == "" {
			t.Errorf("%s words a fix: %s; give it to package sentence", in, strings.Join(what, "; "))
		}
	}
	for in, why := range commandsElsewhere {
		if got[in] == nil {
			t.Errorf("%s words no fix any more; take it out of the list (%s)", in, why)
		}
	}
}

// TestFixesAreFound: each form of a fix is found, and similar code is not.
func TestFixesAreFound(t *testing.T) {
	const source = `package sample

func Key(op string) error { return &Error{Hint: "try again"} }
func Set(e *Error) { e.Hint = "acrkit doctor " + e.Host }
func Printed(e *Error) { e.Hint = fmt.Sprintf("mv %s", e.Path) }
func Joined(d *Diagnosis) { d.Fix = cmp.Or(d.Fix, "look again") }
func Variable() string { hint := "docker login"; hint += " x"; return hint }
func Handed() error { return usage("none is set", "export ACR_NAME=x") }

var fixes = map[int]string{1: "az acr show --name x"}

func Asked(e *Error) { e.Hint = sentence.Fix(sentence.Login, map[string]string{"host": "x"}) }
func None(e *Error) { e.Hint = "" }
func Passed(from *Error) error { return &Error{Reason: "no such file", Hint: from.Hint} }
func Help() *Command { return &Command{Use: "acrkit login", Example: "$ acrkit login x", Long: "az acr login is old"} }
func Run() { exec.Command("az", "acr", "login") }
func Prose(e *Error) { e.Reason = "the docker daemon does not answer" }
`
	f, err := parser.ParseFile(token.NewFileSet(), "sample.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := fixesIn("sample.go", f)
	for _, name := range []string{"Key", "Set", "Printed", "Joined", "Variable", "Handed"} {
		if got["sample.go "+name] == nil {
			t.Errorf("%s is not found", name)
		}
		delete(got, "sample.go "+name)
	}
	if got["sample.go"] == nil {
		t.Error("the table is not found")
	}
	delete(got, "sample.go")
	if len(got) > 0 {
		t.Errorf("found without a reason: %v", got)
	}
}
