package rule_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"testing"

	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/rule"
)

// TestTable: every constant has one row with a sentence, and every row a constant.
func TestTable(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "table.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[rule.ID]bool{}
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				id, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				if declared[rule.ID(id)] {
					t.Errorf("%s occurs twice", id)
				}
				declared[rule.ID(id)] = true
			}
		}
		return true
	})
	if len(declared) < 50 {
		t.Fatalf("only %d constants", len(declared))
	}
	form, seen := regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`), map[rule.ID]bool{}
	for _, k := range fault.Kinds() {
		declared[rule.OfFault(k)] = true
	}
	for _, r := range rule.All() {
		if !declared[r.ID] || seen[r.ID] || r.Text == "" || r.By == "" || !form.MatchString(string(r.ID)) {
			t.Errorf("%+v", r)
		}
		seen[r.ID] = true
	}
	for id := range declared {
		if !seen[id] {
			t.Errorf("%s has no row", id)
		}
	}
}

func TestOf(t *testing.T) {
	if id, text := rule.Of(fmt.Errorf("more: %w", rule.PasswordExpired)); id != rule.PasswordExpired ||
		text != "the password has expired" {
		t.Errorf("%q %q", id, text)
	}
	if id, text := rule.Of(rule.OfFault(fault.Hang)); id != "fault-hang" || text != "a fault: no answer" {
		t.Errorf("%q %q", id, text)
	}
	if id, text := rule.Of(errors.New("the disk is full")); id != "" || text != "the disk is full" {
		t.Errorf("%q %q", id, text)
	}
	if text := rule.ID("of-a-later-version").Text(); text != "of-a-later-version" {
		t.Error(text)
	}
}
