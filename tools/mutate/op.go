package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit/tools/internal/marker"
)

// op is a way to change the marked code. What is taken out stays in the source as code
// that does not run, so that its variables are still used.
type op struct {
	kind opKind
	text string // the operation's argument
	with string // what replace puts in its place
}

type opKind string

// remove takes the marked code out: a statement, a clause of a switch, a declared name, or
// an element of a list.
func remove() op { return op{kind: "remove"} }

// never makes the marked condition false; always makes it true. The condition is that of
// an if, for or case, or the one value that is returned or assigned.
func never() op  { return op{kind: "never"} }
func always() op { return op{kind: "always"} }

// drop takes one operand out of the marked && or ||: the innermost that has a name or a
// literal of this text. A text ".Name" is the selector alone.
func drop(word string) op { return op{kind: "drop", text: word} }

// value gives the marked constant, assignment, field or result another value. A "$" in it
// is the value that it has.
func value(expression string) op { return op{kind: "value", text: expression} }

// first runs a statement before the marked one; in a marked function or clause, before
// all others.
func first(statement string) op { return op{kind: "first", text: statement} }

// rename gives the marked function another name, so that it implements nothing.
func rename() op { return op{kind: "rename"} }

// replace is for what no other operation says: a text that occurs once in the marked
// line, or in the head of the marked statement, is replaced.
func replace(text, with string) op { return op{kind: "replace", text: text, with: with} }

func (o op) String() string {
	switch {
	case o.with != "":
		return fmt.Sprintf("%s %s by %s", o.kind, o.text, o.with)
	case o.text != "":
		return string(o.kind) + " " + o.text
	}
	return string(o.kind)
}

// edit replaces the bytes from..to of a file.
type edit struct {
	from, to int
	text     string
}

var (
	errKind  = errors.New("this operation is for other code than what is marked")
	errWord  = errors.New("not in exactly one operand of the marked && or ||")
	errTimes = errors.New("not exactly once in the marked line")
)

// apply returns the text of the marker's file with the change made.
func (o op) apply(m marker.Marker) (string, error) {
	node, err := m.Node()
	if err != nil {
		return "", err
	}
	e, err := o.edits(m.File, node)
	if err != nil {
		return "", err
	}
	text := m.File.Text
	slices.SortFunc(e, func(a, b edit) int { return b.from - a.from })
	for _, one := range e {
		text = text[:one.from] + one.text + text[one.to:]
	}
	return withoutUnused(text)
}

func (o op) edits(f *marker.File, node ast.Node) ([]edit, error) {
	switch o.kind {
	case "remove":
		return removal(f, node)
	case "never", "always":
		conditions := conditionsOf(node)
		if len(conditions) != 1 {
			return nil, errKind
		}
		neutral := "false && "
		if o.kind == "always" {
			neutral = "true || "
		}
		return wrap(f, conditions[0], "("+neutral+"(", "))"), nil
	case "drop":
		operand, other, err := operandOf(f, node, o.text)
		if err != nil {
			return nil, err
		}
		neutral := "true || "
		if other == token.LOR {
			neutral = "false && "
		}
		return wrap(f, operand, "("+neutral+"(", "))"), nil
	case "value":
		value, ok := valueOf(node)
		if !ok {
			return nil, errKind
		}
		text := o.text
		if strings.Contains(text, "$") {
			text = strings.ReplaceAll(text, "$", "("+f.Source(value)+")")
		}
		return []edit{{f.Offset(value.Pos()), f.Offset(value.End()), text}}, nil
	case "first":
		at, ok := beginOf(node)
		if !ok {
			return nil, errKind
		}
		return []edit{{f.Offset(at), f.Offset(at), o.text + "; "}}, nil
	case "rename":
		fn, ok := node.(*ast.FuncDecl)
		if !ok {
			return nil, errKind
		}
		at := f.Offset(fn.Name.End())
		return []edit{{at, at, "Removed"}}, nil
	case "replace":
		from, to := f.Offset(node.Pos()), f.Offset(headEnd(f, node))
		head := f.Text[from:to]
		if strings.Count(head, o.text) != 1 {
			return nil, errTimes
		}
		at := from + strings.Index(head, o.text)
		return []edit{{at, at + len(o.text), o.with}}, nil
	}
	return nil, errKind
}

func wrap(f *marker.File, n ast.Node, before, after string) []edit {
	from, to := f.Offset(n.Pos()), f.Offset(n.End())
	return []edit{{from, to, before + f.Text[from:to] + after}}
}

// removal takes out what is marked. A statement becomes one that does not run.
func removal(f *marker.File, node ast.Node) ([]edit, error) {
	from, to := f.Offset(node.Pos()), f.Offset(node.End())
	switch node := node.(type) {
	case *ast.AssignStmt:
		if node.Tok == token.DEFINE {
			return nil, errKind
		}
	case *ast.CaseClause, *ast.CommClause, *ast.ValueSpec:
		return []edit{{from, to, ""}}, nil
	case ast.Stmt:
	case ast.Expr:
		rest := strings.TrimLeft(f.Text[to:], " \t\n")
		if strings.HasPrefix(rest, ",") {
			to = len(f.Text) - len(rest) + 1
		}
		return []edit{{from, to, ""}}, nil
	default:
		return nil, errKind
	}
	return wrap(f, node, "if false { ", " }"), nil
}

// conditionsOf returns what never and always can change.
func conditionsOf(node ast.Node) []ast.Expr {
	switch node := node.(type) {
	case *ast.IfStmt:
		return []ast.Expr{node.Cond}
	case *ast.ForStmt:
		return []ast.Expr{node.Cond}
	case *ast.CaseClause:
		return node.List
	case *ast.ReturnStmt:
		return node.Results
	case ast.Expr:
		return []ast.Expr{node}
	}
	if value, ok := valueOf(node); ok {
		return []ast.Expr{value}
	}
	return nil
}

// valueOf returns the one value of a constant, an assignment, a field or a return.
func valueOf(node ast.Node) (ast.Expr, bool) {
	one := func(list []ast.Expr) (ast.Expr, bool) {
		if len(list) != 1 {
			return nil, false
		}
		return list[0], true
	}
	switch node := node.(type) {
	case *ast.GenDecl:
		if len(node.Specs) == 1 {
			return valueOf(node.Specs[0])
		}
	case *ast.DeclStmt:
		return valueOf(node.Decl)
	case *ast.ValueSpec:
		return one(node.Values)
	case *ast.AssignStmt:
		return one(node.Rhs)
	case *ast.ReturnStmt:
		return one(node.Results)
	case *ast.KeyValueExpr:
		return node.Value, true
	case *ast.FuncDecl: // a function of one line
		if node.Body != nil && len(node.Body.List) == 1 {
			if ret, ok := node.Body.List[0].(*ast.ReturnStmt); ok {
				return one(ret.Results)
			}
		}
	}
	return nil, false
}

// beginOf returns where a statement that runs first belongs.
func beginOf(node ast.Node) (token.Pos, bool) {
	switch node := node.(type) {
	case *ast.FuncDecl:
		return node.Body.Lbrace + 1, true
	case *ast.CaseClause:
		return node.Colon + 1, true
	case *ast.CommClause:
		return node.Colon + 1, true
	case ast.Stmt:
		return node.Pos(), true
	}
	return 0, false
}

// headEnd returns the end of the marked line, or of the statement's head where that takes
// several lines: what comes before its block.
func headEnd(f *marker.File, node ast.Node) token.Pos {
	body := func(b *ast.BlockStmt) token.Pos {
		if !strings.Contains(f.Source(node), "\n") { // all in one line
			return node.End()
		}
		return b.Lbrace + 1
	}
	switch node := node.(type) {
	case *ast.FuncDecl:
		return body(node.Body)
	case *ast.IfStmt:
		return body(node.Body)
	case *ast.ForStmt:
		return body(node.Body)
	case *ast.RangeStmt:
		return body(node.Body)
	case *ast.SwitchStmt:
		return body(node.Body)
	case *ast.TypeSwitchStmt:
		return body(node.Body)
	case *ast.SelectStmt:
		return body(node.Body)
	case *ast.CaseClause:
		return node.Colon + 1
	case *ast.CommClause:
		return node.Colon + 1
	}
	return node.End()
}

// operandOf returns the innermost operand of && or || in the head of the node that has
// the word, and its operator.
func operandOf(f *marker.File, node ast.Node, word string) (found ast.Expr, operator token.Token, err error) {
	type operand struct {
		expr ast.Expr
		op   token.Token
	}
	var all []operand
	end := headEnd(f, node)
	ast.Inspect(node, func(n ast.Node) bool {
		if n == nil || n.Pos() >= end {
			return false
		}
		b, ok := n.(*ast.BinaryExpr)
		if !ok || b.Op != token.LAND && b.Op != token.LOR {
			return true
		}
		for _, x := range []ast.Expr{b.X, b.Y} {
			if inner, ok := x.(*ast.BinaryExpr); ok && inner.Op == b.Op {
				continue // whose operands are operands of their own
			}
			all = append(all, operand{x, b.Op})
		}
		return true
	})
	all = slices.DeleteFunc(all, func(o operand) bool { return !mentions(o.expr, word) })
	// Of operands in one another, the innermost.
	all = slices.DeleteFunc(slices.Clone(all), func(o operand) bool {
		return slices.ContainsFunc(all, func(in operand) bool {
			return in != o && o.expr.Pos() <= in.expr.Pos() && in.expr.End() <= o.expr.End()
		})
	})
	if len(all) != 1 {
		return nil, 0, errWord
	}
	return all[0].expr, all[0].op, nil
}

// mentions reports whether an expression has a name or a literal of this text.
func mentions(x ast.Expr, word string) bool {
	found := false
	ast.Inspect(x, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			found = found || n.Name == word
		case *ast.BasicLit:
			found = found || n.Value == word
		case *ast.SelectorExpr:
			found = found || "."+n.Sel.Name == word
		}
		return !found
	})
	return found
}

var version = regexp.MustCompile(`^v[0-9]+$`)

// withoutUnused renames the imports that a change has left unused.
func withoutUnused(text string) (string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution)
	if err != nil {
		return "", fmt.Errorf("the changed code cannot be parsed: %w", err)
	}
	used := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	for _, spec := range slices.Backward(file.Imports) {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return "", err
		}
		name := path.Base(imported)
		if version.MatchString(name) {
			name = path.Base(path.Dir(imported))
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "_" || name == "." || used[name] || strings.Contains(name, "-") {
			continue
		}
		from, to := fset.Position(spec.Pos()).Offset, fset.Position(spec.End()).Offset
		text = text[:from] + "_ " + spec.Path.Value + text[to:]
	}
	return text, nil
}
