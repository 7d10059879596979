package main

import (
	"strings"
	"testing"

	"github.com/acrkit/acrkit/tools/internal/marker"
)

// TestOps sees what each operation does with the code below a marker. An empty text says
// that the operation does not fit the code.
func TestOps(t *testing.T) {
	for _, tt := range []struct {
		code string
		op   op
		want string
	}{
		{"f()", remove(), "if false { f() }"},
		{"defer f()", remove(), "if false { defer f() }"},
		{"a = b", remove(), "if false { a = b }"},
		{"a := b", remove(), ""},
		{"switch {\n//rule:x\ncase a:\nb()\n}", remove(), "switch {\n//rule:x\n\n}"},
		{"_ = []int{\n//rule:x\n1,\n2,\n}", remove(), "{\n//rule:x\n\n2,\n}"},

		{"if a && b {\n}", never(), "if (false && (a && b)) {"},
		{"if err := f(); err != nil {\n}", always(), "if err := f(); (true || (err != nil)) {"},
		{"for a {\n}", never(), "for (false && (a)) {"},
		{"switch {\n//rule:x\ncase a:\n}", never(), "case (false && (a)):"},
		{"switch x {\n//rule:x\ncase a, b:\n}", never(), ""},
		{"return a", always(), "return (true || (a))"},
		{"return a, b", always(), ""},
		{"f()", never(), ""},

		{"if a && b(1) || c {\n}", drop("c"), "if a && b(1) || (false && (c)) {"},
		{"if a && b(1) || c {\n}", drop("1"), "if a && (true || (b(1))) || c {"},
		{"return x.a && y.a && z", drop("x"), "return (true || (x.a)) && y.a && z"},
		{"return x.a && y.b && z", drop(".b"), "return x.a && (true || (y.b)) && z"},
		{"return x.a && y.a && z", drop("a"), ""},
		{"return x.a && y.a && z", drop("none"), ""},
		{"if a {\nreturn b && c\n}", drop("b"), ""},

		{"const a = 1 << 2", value("$ + 1"), "const a = (1 << 2) + 1"},
		{"a := f(1)", value("2"), "a := 2"},
		{"return a", value("nil"), "return nil"},
		{"_ = t{\n//rule:x\nk: v,\n}", value("$ * 2"), "k: (v) * 2,"},
		{"a, b := 1, 2", value("3"), ""},

		{"return a", first("return nil"), "return nil; return a"},
		{"switch {\n//rule:x\ncase a:\nb()\n}", first("continue"), "case a:continue; \nb()"},

		{"f(a, b)", replace("a", "c"), "f(c, b)"},
		{"f(a, a)", replace("a", "c"), ""},
		{"f(a)", replace("x", "c"), ""},
		{"if f(a) {\na()\n}", replace("a", "c"), "if f(c) {\na()\n}"},
	} {
		code := tt.code
		if !strings.Contains(code, "//rule:") {
			code = "//rule:x\n" + code
		}
		f := &marker.File{Path: "x.go", Text: "package x\n\nfunc F() {\n" + code + "\n}\n"}
		got, err := tt.op.apply(marker.Of(f, "rule")[0])
		if (err != nil) != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%v of %q: %q, %v; want %q in it", tt.op, tt.code, got, err, tt.want)
		}
	}
}

func TestOps_declarations(t *testing.T) {
	for _, tt := range []struct {
		code string
		op   op
		want string
	}{
		{"//rule:x\nfunc (a T) Format() { f() }", rename(), "func (a T) FormatRemoved() { f() }"},
		{"//rule:x\nfunc (a T) Format() { f() }", first("g()"), "Format() {g();  f() }"},
		{"//rule:x\nfunc (a T) Format() int { return f() }", value("1"), "Format() int { return 1 }"},
		{"//rule:x\nfunc (a T) Format() int { return f() }", replace("f()", "g()"), "{ return g() }"},
		{"const (\n//rule:x\na = 1\nb = 2\n)", value("$ - 1"), "a = (1) - 1\nb = 2"},
		// An import that is no longer used stays, without a name.
		{"import \"fmt\"\nimport \"math/rand/v2\"\nfunc F() {\n_ = fmt.Print\n//rule:x\nrand.Text()\n}",
			replace("rand.Text()", "f()"), "import \"fmt\"\nimport _ \"math/rand/v2\""},
	} {
		f := &marker.File{Path: "x.go", Text: "package x\n\n" + tt.code + "\n"}
		got, err := tt.op.apply(marker.Of(f, "rule")[0])
		if err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%v of %q: %q, %v; want %q in it", tt.op, tt.code, got, err, tt.want)
		}
	}
}
