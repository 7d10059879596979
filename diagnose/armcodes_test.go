package diagnose

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/acrkit/acrkit/internal/cause"
)

// TestARMCodes: each code with which the emulator's Azure Resource Manager refuses has a
// cause, as az, Terraform and the SDKs print it.
func TestARMCodes(t *testing.T) {
	codes := map[string]bool{}
	files, err := filepath.Glob("../emulator/internal/arm/*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	word := regexp.MustCompile(`^[A-Z][a-z]+[A-Za-z]+$`)
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && word.MatchString(s) {
				codes[s] = true
			}
		}
	}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit: // failure{status, code, message}
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "failure" && len(n.Elts) == 3 {
					add(n.Elts[1])
				}
			case *ast.CallExpr: // invalid(code, …)
				if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "invalid" {
					add(n.Args[0])
				}
			case *ast.AssignStmt: // code, message = …
				if id, ok := n.Lhs[0].(*ast.Ident); ok && id.Name == "code" {
					add(n.Rhs[0])
				}
			}
			return true
		})
	}
	if len(codes) < 40 {
		t.Errorf("%d codes were found", len(codes))
	}
	for code := range codes {
		for what, text := range map[string]string{
			"az":        "(" + code + ") The message.\nCode: " + code + "\nMessage: The message.",
			"az 2":      "ERROR: (" + code + ") The message.",
			"SDK":       "RESPONSE 400: 400 Bad Request\nERROR CODE: " + code + "\n----",
			"Terraform": `unexpected status 409 (409 Conflict) with error: ` + code + `: The message.`,
			"JSON":      `{"error":{"code":"` + code + `","message":"The message."}}`,
		} {
			d, err := Explain(t.Context(), Attempt{Text: text}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if d.Code == "" || d.Fix == "" {
				t.Errorf("%s of %s: %q, fix %q", what, code, d.Code, d.Fix)
			}
			if want, ok := armCodes[code]; !ok || want != d.Code && code != "AuthorizationFailed" {
				t.Errorf("%s of %s: %s, want %s", what, code, d.Code, want)
			}
		}
	}
	// Words that are no codes.
	for _, text := range []string{"(see above) nothing", "Code: nothing", "the code: ScopeMap", "(NotFound2)"} {
		d, err := Explain(t.Context(), Attempt{Text: text}, nil)
		if err != nil || d.Code == cause.ARMRequestInvalid || d.Code == cause.ARMNotFound {
			t.Errorf("%q: %s, %v", text, d.Code, err)
		}
	}
}
