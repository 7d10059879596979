package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/acrkit/acrkit"

// rule says what the packages under one path may import.
type rule struct {
	pkg      string   // below the module; "" is the root, "x/..." also all below x
	ours     []string // packages of this module, in the same form
	stdOnly  bool     // no other module, except in tests
	noStd    []string // packages of the standard library that it must not import
	mayTest  bool     // may import package testing outside of tests
	isMain   bool     // a command or example; it may have init functions and import any module
	internal bool     // may import any internal/*, but not internal/login, which stands above auth
}

// rules hold the directions; the first that matches a package applies. Add a new package
// here, and in docs/architecture.md.
//
// auth and emulator do not import each other, neither directly nor through another
// package (TestNoSharedWireCode).
var rules = []rule{
	{pkg: "", stdOnly: true, noStd: []string{"net/http"}},
	{pkg: "scopemap", ours: []string{""}, stdOnly: true, noStd: []string{"net/http"}},
	{pkg: "auth", ours: []string{"", "auth/internal/..."}, internal: true, stdOnly: true},
	{pkg: "auth/internal/...", ours: []string{"", "auth/internal/..."}, internal: true, stdOnly: true},
	{pkg: "auth/azureauth", ours: []string{"", "auth", "auth/internal/..."}, internal: true},
	{pkg: "registry", ours: []string{""}, internal: true, stdOnly: true},
	{pkg: "proxy", ours: []string{"", "scopemap", "auth"}, internal: true, stdOnly: true},
	{pkg: "diagnose", ours: []string{"", "scopemap", "auth", "registry", "emulator/control"},
		internal: true, stdOnly: true},
	{pkg: "manage/sink", ours: []string{"", "internal/login/dockerconf"}, internal: true, stdOnly: true},
	{pkg: "manage", ours: []string{"", "scopemap", "auth", "auth/azureauth"}, internal: true},
	{pkg: "manage/...", ours: []string{"", "scopemap", "auth", "auth/azureauth", "manage/..."}, internal: true},
	{pkg: "credhelper/hostile", stdOnly: true, mayTest: true},
	{pkg: "credhelper", ours: []string{"", "auth"}, internal: true},
	{pkg: "emulator/internal/content/contenttest", ours: []string{"emulator/internal/..."}, mayTest: true},
	{pkg: "emulator/fault", ours: []string{"", "internal/cause", "internal/wording"}, stdOnly: true},
	{pkg: "emulator/internal/refusal", ours: []string{"", "internal/wording"}, stdOnly: true},
	{pkg: "emulator/internal/service", ours: []string{""}, stdOnly: true},
	{pkg: "emulator/rule", ours: []string{"", "emulator/fault", "internal/cause"}, stdOnly: true},
	{pkg: "emulator/control", ours: []string{"", "emulator/fault", "emulator/rule", "internal/limit",
		"internal/sentence", "internal/stall"},
		stdOnly: true},
	{pkg: "emulator/seed", ours: []string{"", "scopemap", "internal/imagegen", "internal/limit", "internal/sentence",
		"internal/wording", "internal/condition", "internal/guid", "emulator/internal/refusal",
		"emulator/internal/service"}},
	// The rules of writing are called by HTTP handlers and Go programs alike.
	{pkg: "emulator/internal/write", ours: []string{"", "scopemap", "internal/wording", "emulator/seed",
		"emulator/internal/db", "emulator/internal/principal", "emulator/internal/refusal",
		"emulator/internal/service", "internal/guid"},
		noStd: []string{"net/http", "encoding/json"}},
	{pkg: "emulator/...", ours: []string{"", "scopemap", "internal/condition", "internal/exactjson", "internal/guid",
		"internal/idle", "internal/imagegen", "internal/pki", "internal/private", "internal/sentence",
		"internal/shell", "internal/wording", "emulator/..."}},
	{pkg: "acrtest", ours: []string{"", "scopemap", "auth", "auth/azureauth", "registry", "emulator/..."},
		internal: true, mayTest: true},
	{pkg: "tools/archtest"},
	{pkg: "cmd/acrkit/internal/cli/clitest",
		ours: []string{"", "emulator/...", "acrtest", "cmd/acrkit/internal/cli/...",
			"internal/login/..."}, internal: true, mayTest: true},
	{pkg: "cmd/acrkit/internal/cli/...", ours: []string{"", "scopemap", "auth", "auth/azureauth",
		"registry", "diagnose", "manage/...",
		"proxy", "emulator/...", "cmd/acrkit/internal/cli/...", "internal/login/..."}, internal: true},
	// The replayer drives the emulator with recorded traffic.
	{pkg: "tools/replay", ours: []string{"", "scopemap", "emulator/...", "internal/wording", "tools/replay/..."},
		isMain: true},
	{pkg: "tools/replay/recording", ours: []string{""}},
	{pkg: "tools/leakcheck", ours: []string{"tools/internal/marker"}, isMain: true},
	{pkg: "tools/mutate", ours: []string{"tools/internal/marker"}, isMain: true},
	{pkg: "tools/..."},
	// The words of conditions, for manage/access and the emulator (decision 18).
	{pkg: "internal/condition", ours: []string{""}, stdOnly: true,
		noStd: []string{"net/http", "os", "encoding/json"}},
	// What roles give, for manage/access and diagnose.
	{pkg: "internal/roles", stdOnly: true, noStd: []string{"net/http", "os", "encoding/json"}},
	{pkg: "internal/stall", stdOnly: true},
	{pkg: "internal/simtime", stdOnly: true}, // for tests
	{pkg: "internal/wire", ours: []string{"", "internal/cause", "internal/limit", "internal/operation",
		"internal/redact",
		"internal/sentence", "internal/stall", "internal/visible", "internal/wording"}, stdOnly: true},
	{pkg: "internal/sentence", stdOnly: true},
	{pkg: "internal/redact", ours: []string{"", "internal/visible"}, stdOnly: true},
	{pkg: "internal/visible", stdOnly: true},
	{pkg: "adapters/internal/adapter", ours: []string{"", "auth"}, stdOnly: true},
	{pkg: "internal/loginfile", stdOnly: true},
	{pkg: "internal/login/dockerconf", ours: []string{"", "internal/loginfile", "internal/private",
		"internal/sentence", "internal/shell"}},
	{pkg: "internal/login/find", ours: []string{"", "auth", "auth/azureauth", "internal/redact", "internal/sentence",
		"internal/shell", "internal/login/store", "internal/login/tokencache", "internal/wire", "internal/wording"}},
	{pkg: "internal/shell"},
	{pkg: "internal/errtext", ours: []string{"", "internal/operation", "internal/redact", "internal/sentence"}},
	{pkg: "internal/pki", ours: []string{"", "internal/private", "internal/sentence"}},
	{pkg: "internal/private", ours: []string{"", "internal/sentence", "internal/shell"}},
	{pkg: "internal/login/store", ours: []string{"", "internal/private", "internal/redact", "internal/sentence",
		"internal/shell", "internal/visible", "internal/wording"}},
	{pkg: "internal/login/tokencache", ours: []string{"", "auth", "internal/private", "internal/redact",
		"internal/sentence", "internal/login/store"}},
	{pkg: "internal/...", ours: []string{""}},
	{pkg: "cmd/docker-credential-acrkit", ours: []string{"", "auth", "credhelper", "internal/login/..."},
		internal: true, isMain: true},
	{pkg: "cmd/...", ours: []string{"cmd/acrkit/internal/cli/..."}, isMain: true},
	{pkg: "examples/...", ours: []string{"", "scopemap", "auth", "auth/azureauth", "registry"}, isMain: true},
}

func matches(pattern, pkg string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == prefix || strings.HasPrefix(pkg, prefix+"/")
	}
	return pkg == pattern
}

func (r rule) allows(pkg string) bool {
	if r.internal && strings.HasPrefix(pkg, "internal/") && !matches("internal/login/...", pkg) {
		return true
	}
	return slices.ContainsFunc(r.ours, func(p string) bool { return matches(p, pkg) })
}

func ruleFor(pkg string) (rule, bool) {
	i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.pkg, pkg) })
	if i < 0 {
		return rule{}, false
	}
	return rules[i], true
}

// file is one source file of the module, with what the rules need.
type file struct {
	path    string
	pkg     string // below the module, "" for the root
	test    bool   // a _test.go file of the package itself
	imports []string
	inits   int
}

// readModule parses the module's files in this process. A go list would be
// answered from the test cache after a change elsewhere: the cache knows only
// the files that the test itself opened. External test packages (_test) are
// left out, because they may use acrtest.
func readModule(tb testing.TB, root string) []file {
	tb.Helper()
	var files []file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel == "." {
				return nil
			}
			if name := d.Name(); name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") ||
				strings.HasPrefix(name, "_") {
				return fs.SkipDir
			}
			if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil {
				return fs.SkipDir // a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), p, src, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		f := file{path: rel, pkg: strings.TrimPrefix(path.Dir(rel), "."), test: strings.HasSuffix(rel, "_test.go")}
		if f.test && strings.HasSuffix(parsed.Name.Name, "_test") {
			return nil
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		for _, decl := range parsed.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				f.inits++
			}
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// ours returns the path below the module, and whether imported is of the module.
func ours(imported string) (string, bool) {
	if imported == module {
		return "", true
	}
	return strings.CutPrefix(imported, module+"/")
}

func isStd(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// violations returns the imports that break the rules.
func violations(files []file) []string {
	var out []string
	bad := func(f file, format string, args ...any) {
		out = append(out, f.path+": "+fmt.Sprintf(format, args...))
	}
	for _, f := range files {
		r, ok := ruleFor(f.pkg)
		if !ok {
			bad(f, "no rule says what package %q may import", f.pkg)
			continue
		}
		if f.inits > 0 && !f.test && !r.isMain {
			bad(f, "has an init function; library code has no effects at start")
		}
		for _, imported := range f.imports {
			if pkg, ok := ours(imported); ok {
				if pkg != f.pkg && !r.allows(pkg) {
					bad(f, "must not import %s", imported)
				}
				if to, ok := ruleFor(pkg); ok && to.mayTest && !r.mayTest && !f.test {
					bad(f, "must not import %s, which brings package testing", imported)
				}
				continue
			}
			switch {
			case f.test:
			case !isStd(imported) && r.stdOnly:
				bad(f, "must not import %s: this package needs the standard library alone", imported)
			case slices.Contains(r.noStd, imported):
				bad(f, "must not import %s", imported)
			case imported == "testing" && !r.mayTest:
				bad(f, "must not import testing: its flags would show in every command")
			}
		}
	}
	return out
}

// reach returns the packages that pkg's own files lead to, tests aside.
func reach(files []file, pkg string) map[string]bool {
	seen := map[string]bool{}
	var walk func(string)
	walk = func(p string) {
		for _, f := range files {
			if f.test || !matches(p, f.pkg) {
				continue
			}
			for _, imported := range f.imports {
				if to, ok := ours(imported); ok && !seen[to] {
					seen[to] = true
					walk(to)
				}
			}
		}
	}
	walk(pkg)
	return seen
}

// words are the packages that auth and emulator may both reach: they hold vocabulary, or
// limits on sizes and times (for the client in emulator/control), and cannot read the
// protocol.
var words = []string{"", "internal/cause", "internal/limit", "internal/sentence", "internal/stall",
	"internal/wording"}

// sharedByBoth returns what auth and emulator have in common beyond words.
func sharedByBoth(files []file) []string {
	var out []string
	fromAuth, fromEmulator := reach(files, "auth/..."), reach(files, "emulator/...")
	for p := range fromAuth {
		if !slices.Contains(words, p) && fromEmulator[p] || matches("emulator/...", p) {
			out = append(out, p)
		}
	}
	for p := range fromEmulator {
		if matches("auth/...", p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

const moduleRoot = "../.."

func TestImportDirections(t *testing.T) {
	files := readModule(t, moduleRoot)
	for _, want := range []string{"", "scopemap", "auth", "emulator"} {
		if !slices.ContainsFunc(files, func(f file) bool { return f.pkg == want }) {
			t.Errorf("no file of package %q was found, so this test does not look where it should", want)
		}
	}
	for _, v := range violations(files) {
		t.Error(v)
	}
}

// TestNoSharedWireCode: auth and emulator share vocabulary, never wire code, so that
// one misreading of the protocol cannot hide in both.
func TestNoSharedWireCode(t *testing.T) {
	files := readModule(t, moduleRoot)
	if !reach(files, "auth/...")[""] || !reach(files, "emulator/...")["scopemap"] {
		t.Error("auth does not lead to the root, or emulator not to scopemap: this test does not look where it should")
	}
	for _, p := range sharedByBoth(files) {
		t.Errorf("auth and emulator both lead to %q", p)
	}
}

// TestRulesFindViolations adds one violation at a time to a valid module.
func TestRulesFindViolations(t *testing.T) {
	for _, tc := range []struct {
		name, path, src string
		shared          bool
		want            string
	}{
		{"good", "registry/a.go", "package registry\nimport _ \"net/http\"\nimport _ \"" + module +
			"/internal/redact\"", false, ""},
		{"root with net/http", "a.go", "package acrkit\nimport _ \"net/http\"", false, "must not import net/http"},
		{"root with ours", "a.go", "package acrkit\nimport _ \"" + module + "/scopemap\"", true, "must not import " +
			module + "/scopemap"},
		{"auth to emulator", "auth/a.go", "package auth\nimport _ \"" + module + "/emulator\"",
			true, "must not import"},
		{"auth's own test to emulator", "auth/a_test.go", "package auth\nimport _ \"" + module + "/emulator\"",
			false, "must not import"},
		{"auth's external test to acrtest", "auth/a_test.go", "package auth_test\nimport _ \"" + module +
			"/acrtest\"", false, ""},
		{"emulator to auth", "emulator/internal/x/a.go", "package x\nimport _ \"" + module + "/auth\"",
			true, "must not import"},
		{"emulator to a helper of auth's", "emulator/a.go", "package emulator\nimport _ \"" + module +
			"/internal/redact\"", true, "must not import"},
		{"both to package sentence", "emulator/a.go", "package emulator\nimport _ \"" + module +
			"/internal/sentence\"", false, ""},
		{"package sentence to ours", "internal/sentence/a.go", "package sentence\nimport _ \"" + module + "\"",
			false, "must not import"},
		{"auth to another module", "auth/a.go", "package auth\nimport _ \"golang.org/x/sync/errgroup\"", false,
			"standard library alone"},
		{"auth's test to another module", "auth/a_test.go",
			"package auth\nimport _ \"github.com/google/go-cmp/cmp\"", false, ""},
		{"azureauth to another module", "auth/azureauth/a.go",
			"package azureauth\nimport _ \"github.com/Azure/azure-sdk-for-go/sdk/azcore\"", false, ""},
		{"azureauth to emulator", "auth/azureauth/a.go", "package azureauth\nimport _ \"" + module + "/emulator\"",
			true, "must not import"},
		{"command to a library", "cmd/acrkit/a.go", "package main\nimport _ \"" + module + "/auth\"",
			false, "must not import"},
		{"library to the command line", "registry/a.go", "package registry\nimport _ \"" + module +
			"/cmd/acrkit/internal/cli/root\"", false, "must not import"},
		{"internal to a sibling", "internal/redact/a.go", "package redact\nimport _ \"" + module + "/auth\"",
			false, "must not import"},
		{"command to acrtest", "cmd/acrkit/internal/cli/demo/a.go", "package demo\nimport _ \"" + module +
			"/cmd/acrkit/internal/cli/clitest\"", false, "brings package testing"},
		{"init", "auth/a.go", "package auth\nfunc init() {}", false, "init function"},
		{"testing", "emulator/a.go", "package emulator\nimport _ \"testing\"", false, "must not import testing"},
		{"testing in acrtest", "acrtest/a.go", "package acrtest\nimport _ \"testing\"", false, ""},
		{"conditions in auth", "auth/a.go", "package auth\nimport _ \"" + module + "/internal/condition\"", true, ""},
		{"build constraints hide nothing", "auth/a_plan9.go", "//go:build ignore\n\npackage auth\nimport _ \"" +
			module + "/emulator\"", true, "must not import"},
		{"unknown package", "helpers/a.go", "package helpers", false, "no rule"},
		{"nested module", "bench/a.go", "package bench\nimport _ \"example.com/x\"", false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := t.TempDir()
			write := func(name, src string) {
				p := filepath.Join(root, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p, []byte(src), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("go.mod", "module "+module+"\n")
			write("bench/go.mod", "module "+module+"/bench\n")
			write("auth/good.go", "package auth\nimport _ \""+module+"\"\nimport _ \""+module+"/internal/redact\"")
			write("auth/words.go", "package auth\nimport _ \""+module+"/internal/sentence\"")
			write("internal/sentence/good.go", "package sentence")
			write("emulator/good.go", "package emulator\nimport _ \""+module+"/scopemap\"")
			write("emulator/words.go", "package emulator\nimport _ \""+module+"/internal/condition\"")
			write("internal/condition/good.go", "package condition")
			write("scopemap/good.go", "package scopemap\nimport _ \""+module+"\"")
			write("internal/redact/good.go", "package redact")
			write(tc.path, tc.src)
			files := readModule(t, root)
			got := strings.Join(violations(files), "\n")
			if tc.want == "" && got != "" || !strings.Contains(got, tc.want) {
				t.Errorf("violations = %q, want %q", got, tc.want)
			}
			if shared := sharedByBoth(files); (len(shared) > 0) != tc.shared {
				t.Errorf("auth and emulator share %q, want any: %v", shared, tc.shared)
			}
		})
	}
}
