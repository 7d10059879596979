package diagnose_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/internal/sentence"
)

// TestCauses: each cause of package cause has a row here and its texts in package
// sentence. TestPromises of tools/archtest holds that no code changes or goes.
func TestCauses(t *testing.T) {
	names := map[string]bool{}
	slug := regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)*$`)
	last := acrkit.Cause("")
	for _, c := range diagnose.Causes() {
		if c.Code <= last {
			t.Errorf("%s comes after %s", c.Code, last)
		}
		last = c.Code
		if !slug.MatchString(c.Name) || names[c.Name] {
			t.Errorf("%s: the slug %q is malformed or there twice", c.Code, c.Name)
		}
		names[c.Name] = true
		for _, text := range []string{c.Title, c.Symptom, c.Difference, c.Proof, c.Fix} {
			if text == "" || strings.HasSuffix(text, ".") || strings.ContainsAny(text, "\n") {
				t.Errorf("%s: the text %q is empty, has a line feed, or ends with a full stop", c.Code, text)
			}
		}
		if c.Basis != diagnose.Recorded && c.Basis != diagnose.Documented && c.Basis != diagnose.Believed {
			t.Errorf("%s: basis %q", c.Code, c.Basis)
		}
		if c.Class.Cause() == "" {
			t.Errorf("%s: class %q is no code", c.Code, c.Class)
		}
	}
	for n := range 1000 {
		code := fmt.Sprintf("ACRK%03d", n)
		if _, ok := diagnose.Lookup(code); ok != (sentence.OfCause(code).Title != "") {
			t.Errorf("%s is in one of diagnose/causes.go and internal/sentence/causes*.go, and not in the other", code)
		}
	}
	constants := constantsOf(t, "../internal/cause/cause.go")
	if len(constants) != len(diagnose.Causes()) {
		t.Errorf("package cause has %d causes, the table in causes.go %d", len(constants), len(diagnose.Causes()))
	}
	for code, name := range constants {
		if _, ok := diagnose.Lookup(code); !ok {
			t.Errorf("cause.%s, %s, has no row in causes.go", name, code)
		}
	}
}

// constantsOf returns the names of the constants of a file by their values.
func constantsOf(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if value, ok := spec.Values[0].(*ast.BasicLit); ok {
				code, err := strconv.Unquote(value.Value)
				if err != nil {
					t.Fatal(err)
				}
				if names[code] != "" {
					t.Errorf("%s is %s and %s", code, names[code], spec.Names[0].Name)
				}
				names[code] = spec.Names[0].Name
			}
		}
		return true
	})
	return names
}

// TestCodes sees that every code of the root has its general cause in the table.
func TestCodes(t *testing.T) {
	codes := []acrkit.Code{acrkit.CodeUsage, acrkit.CodeHostRefused, acrkit.CodeCredentialMissing,
		acrkit.CodeCredentialRejected,
		acrkit.CodeInsufficientScope, acrkit.CodeDenied, acrkit.CodeLocked, acrkit.CodeNotFound, acrkit.CodeUnavailable,
		acrkit.CodeTLS,
		acrkit.CodeThrottled, acrkit.CodeIncomplete, acrkit.CodeProtocol, acrkit.CodeTooLarge}
	for _, code := range codes {
		c, ok := diagnose.Lookup(string(code.Cause()))
		if !ok || c.Class != code {
			t.Errorf("%s has the cause %q: %v, %+v", code, code.Cause(), ok, c)
		}
	}
	if got := acrkit.CauseOf(&acrkit.Error{Code: acrkit.CodeDenied}); got != "ACRK006" {
		t.Error(got)
	}
	if got := acrkit.CauseOf(&acrkit.Error{Code: acrkit.CodeDenied, Cause: "ACRK025"}); got != "ACRK025" {
		t.Error(got)
	}
	if got := acrkit.CauseOf(t.Context().Err()); got != "" {
		t.Error(got)
	}
}
