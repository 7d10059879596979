package archtest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// importers are the packages that others import, in the order of the page. Each
// has a program in testdata/importers that uses it as they would.
var importers = []struct{ name, pkg, title string }{
	{"acrkit", "", "`acrkit` (root)"},
	{"scopemap", "scopemap", "`scopemap`"},
	{"auth", "auth", "`auth`"},
	{"registry", "registry", "`registry`, with `auth`"},
	{"azureauth", "auth/azureauth", "`auth/azureauth`"},
	{"credhelper", "credhelper", "`credhelper`"},
	{"emulator", "emulator", "`emulator`"},
	{"acrtest", "acrtest", "`acrtest` (a test's binary)"},
	{"ggcr", "adapters/ggcr", "`adapters/ggcr`"},
	{"orasauth", "adapters/orasauth", "`adapters/orasauth`"},
	{"acrenv", "adapters/acrenv", "`adapters/acrenv`"},
}

// adapters holds modules of ours, each in the folder of its program's name.
const adapters = "adapters"

// platform is the one all lists and sizes are of, so that they are the same
// everywhere.
var platform = []string{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0"}

// bareModule writes a module that requires only acrkit, as after go get; its main.go is
// the program of that name.
func bareModule(t *testing.T, program string) string {
	t.Helper()
	root, err := filepath.Abs(moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	mainGo, err := os.ReadFile(filepath.Join("testdata", "importers", program, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	goMod, err := os.ReadFile(filepath.Join(moduleRoot, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := goDirective.FindString(string(goMod))
	requires := map[string]string{module: root}
	if adapter := filepath.Join(root, adapters, program); exists(adapter) {
		requires[module+"/"+adapters+"/"+program] = adapter
	}
	mod := "module " + outsideName + "\n\n" + version + "\n"
	for _, path := range slices.Sorted(maps.Keys(requires)) {
		mod += "\nrequire " + path + " v0.0.0\n\nreplace " + path + " => " + strconv.Quote(requires[path]) + "\n"
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  mod,
		"main.go": string(mainGo),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var goDirective = regexp.MustCompile(`(?m)^go [0-9.]+$`)

// compiled returns the packages of other modules in a program, by module.
func compiled(t *testing.T, dir string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, line := range strings.Split(goTool(t, dir, platform, "list", "-deps", "-f",
		"{{with .Module}}{{.Path}} {{$.ImportPath}}{{end}}", "."), "\n") {
		mod, pkg, ok := strings.Cut(line, " ")
		if isOurs := mod == module || strings.HasPrefix(mod, module+"/") || mod == outsideName; ok && !isOurs {
			out[mod] = append(out[mod], pkg)
		}
	}
	return out
}

const importingPage = moduleRoot + "/docs/importing.md"

// The part of the page that this test writes.
const (
	generatedBegin = "<!-- written by go test ./tools/archtest -run TestImportingPage -update -->\n"
	generatedEnd   = "<!-- end -->\n"
)

// sizeColumns finds the sizes of a package: what it adds to an empty program, and to one
// that uses HTTPS.
var sizeColumns = regexp.MustCompile("(?m)^\\| (`[^|]*) \\|[^|]*\\|[^|]*\\| ([^|]*) \\| ([^|]*) \\|$")

// TestImportingPage holds what docs/importing.md says about packages and modules
// true. Sizes are measured with -update only: they change with every version of Go.
func TestImportingPage(t *testing.T) {
	openAll(t, "emulator")
	openAll(t, "acrtest")
	openAll(t, adapters)
	page, err := os.ReadFile(importingPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), generatedBegin)
	old, after, foundEnd := strings.Cut(rest, generatedEnd)
	if !found || !foundEnd {
		t.Fatal("docs/importing.md has lost the marks around what this test writes")
	}
	sizes, measured := map[string][2]string{}, measuredLine.FindString(old)
	for _, m := range sizeColumns.FindAllStringSubmatch(old, -1) {
		sizes[m[1]] = [2]string{m[2], m[3]}
	}
	var empty, https int64
	if *update {
		empty, https = measure(t, "empty"), measure(t, "https")
		measured = fmt.Sprintf("Measured on %s with %s: an empty program has %s, one that gets a page over HTTPS %s.",
			time.Now().UTC().Format(time.DateOnly), strings.Join(strings.Fields(goTool(t, ".", nil, "version"))[2:3],
				""), mib(empty), mib(https))
	}
	var table, lists strings.Builder
	for _, p := range importers {
		modules := compiled(t, bareModule(t, p.name))
		packages := 0
		for _, pkgs := range modules {
			packages += len(pkgs)
		}
		if *update {
			n := measure(t, p.name)
			sizes[p.title] = [2]string{added(n - empty), added(n - https)}
		}
		fmt.Fprintf(&table, "| %s | %d | %d | %s | %s |\n", p.title, len(modules), packages,
			sizes[p.title][0], sizes[p.title][1])
		names := slices.Sorted(maps.Keys(modules))
		for i, name := range names {
			names[i] = "`" + name + "`"
		}
		what := strings.Join(names, ", ")
		if len(names) == 0 {
			what = "nothing but the standard library"
		}
		fmt.Fprintf(&lists, "- %s: %s\n", p.title, what)
	}
	want := generatedBegin +
		"\n| package | modules of others | their packages | added to an empty program | added to one that speaks " +
		"HTTPS |\n|---|---|---|---|---|\n" +
		table.String() + "\n" + measured + "\n\nThe modules:\n\n" + lists.String() + "\n" + generatedEnd
	if *update {
		if err := os.WriteFile(importingPage, []byte(before+want+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, generatedBegin+old+generatedEnd); diff != "" {
		t.Errorf("docs/importing.md is stale (-want +got); -update writes it:\n%s", diff)
	}
}

var measuredLine = regexp.MustCompile(`(?m)^Measured on .*$`)

// measure returns the size of a program without symbols, as it is usually shipped.
func measure(t *testing.T, program string) int64 {
	t.Helper()
	dir := bareModule(t, program)
	goTool(t, dir, platform, "build", "-trimpath", "-ldflags=-s -w", "-o", "tool", ".")
	info, err := os.Stat(filepath.Join(dir, "tool"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func mib(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// added is a difference of sizes; a program that does not use HTTPS may be the smaller
// one.
func added(n int64) string {
	if n < 1<<20/20 {
		return "–"
	}
	return mib(n)
}

// TestWhatComesAlong: a program that imports auth alone has no module of others in
// its go.mod and no line of theirs in its go.sum; one that imports azureauth has
// the Azure SDK's, and those that the SDK itself requires.
func TestWhatComesAlong(t *testing.T) {
	openAll(t, "auth/azureauth")
	t.Run("auth", func(t *testing.T) {
		dir := bareModule(t, "auth")
		before, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		goTool(t, dir, nil, "build", "-o", "tool", ".")
		after, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(before), string(after)); diff != "" {
			t.Errorf("the importer's go.mod has changed:\n%s", diff)
		}
		// Ours is replaced by a folder, which has no sum.
		if sum, err := os.ReadFile(filepath.Join(dir, "go.sum")); err == nil && len(sum) > 0 {
			t.Errorf("the importer's go.sum:\n%s", sum)
		}
	})
	t.Run("azureauth", func(t *testing.T) {
		dir := bareModule(t, "azureauth")
		modules := compiled(t, dir)
		azure := func(module string) bool {
			return strings.HasPrefix(module, "github.com/Azure/azure-sdk-for-go/") ||
				strings.HasPrefix(module, "github.com/AzureAD/")
		}
		// Edges of the module graph: "a@v b@v", or "a b@v" of the main module.
		requires := map[string][]string{}
		for _, line := range strings.Split(goTool(t, dir, nil, "mod", "graph"), "\n") {
			from, to, _ := strings.Cut(line, " ")
			from, _, _ = strings.Cut(from, "@")
			to, _, _ = strings.Cut(to, "@")
			requires[from] = append(requires[from], to)
		}
		azures := 0
		for mod := range modules {
			if azure(mod) {
				azures++
				continue
			}
			if !slices.ContainsFunc(slices.Collect(maps.Keys(modules)), func(by string) bool {
				return azure(by) && slices.Contains(requires[by], mod)
			}) {
				t.Errorf("%s is no module of the Azure SDK, and none of those requires it", mod)
			}
		}
		if azures < 3 {
			t.Errorf("%d modules of the Azure SDK: this test does not look where it should", azures)
		}
		// acrkit's own packages import only Azure's modules.
		for _, line := range strings.Split(goTool(t, dir, platform, "list", "-deps", "-f",
			"{{with .Module}}{{.Path}}{{end}} {{join .Imports \" \"}}", "."), "\n") {
			of, imports, _ := strings.Cut(line, " ")
			if of != module {
				continue
			}
			for imported := range strings.FieldsSeq(imports) {
				if _, isOurs := ours(imported); !isOurs && !isStd(imported) &&
					!strings.HasPrefix(imported, "github.com/Azure/azure-sdk-for-go/sdk/") {
					t.Errorf("a package of ours imports %s", imported)
				}
			}
		}
	})
}

// TestTidy: go mod tidy adds nothing to the go.sum of a program that imports the packages
// of the standard library but acrkit's own two lines. It looks at the tests of what the
// program imports too, directly or not: those that need other modules are in
// internal/librarytest. The module proxy is a folder that has only acrkit.
func TestTidy(t *testing.T) {
	const version = "v0.0.1"
	light := []string{"", "scopemap", "auth", "registry"}
	openAll(t, "internal/librarytest")
	proxy := t.TempDir()
	dir := filepath.Join(proxy, filepath.FromSlash(module), "@v")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	goMod, err := os.ReadFile(filepath.Join(moduleRoot, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for suffix, data := range map[string][]byte{".mod": goMod, ".zip": zipOf(t, append(light, "internal"),
		module+"@"+version), ".info": []byte(`{"Version":"` + version + `"}`)} {
		if err := os.WriteFile(filepath.Join(dir, version+suffix), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if replaced := regexp.MustCompile(`(?m)^replace\b`).Find(goMod); replaced != nil {
		t.Error("go.mod has a replace directive, which go install refuses for a program of another module")
	}

	text := "package main\n\nimport (\n"
	for _, pkg := range light {
		text += "\t_ " + strconv.Quote(strings.TrimSuffix(module+"/"+pkg, "/")) + "\n"
	}
	program := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module " + outsideName + "\n\n" + goDirective.FindString(string(goMod)) + "\n\nrequire " + module +
			" " + version + "\n",
		"main.go": text + ")\n\nfunc main() {}\n",
	} {
		if err := os.WriteFile(filepath.Join(program, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	goTool(t, program, []string{"GOPROXY=file://" + filepath.ToSlash(proxy), "GOMODCACHE=" + t.TempDir(),
		"GOFLAGS=-mod=mod -modcacherw"}, "mod", "tidy")
	sums, err := os.ReadFile(filepath.Join(program, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(sums)), "\n")
	for _, line := range lines {
		if !strings.HasPrefix(line, module+" ") {
			t.Errorf("go.sum has %s", line)
		}
	}
	if len(lines) != 2 {
		t.Errorf("go.sum has %d lines, want 2", len(lines))
	}
}

// zipOf returns a module's zip file with the Go files of folders, the root's without those
// below it.
func zipOf(t *testing.T, dirs []string, prefix string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, dir := range dirs {
		root := filepath.Join(moduleRoot, dir)
		err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && p != root && (dir == "" || exists(filepath.Join(p, "go.mod")) || d.Name() == "testdata"):
				return fs.SkipDir
			case d.IsDir() || filepath.Ext(p) != ".go":
				return nil
			}
			rel, err := filepath.Rel(moduleRoot, p)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			w, err := z.Create(prefix + "/" + filepath.ToSlash(rel))
			if err == nil {
				_, err = w.Write(data)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// decision is the page with the reason of each dependency.
const decision = moduleRoot + "/docs/decisions/0001-dependencies.md"

// TestEachDependencyHasItsReason compares the direct requirements of go.mod with
// the table of reasons: none without, and no reason for what is not there.
func TestEachDependencyHasItsReason(t *testing.T) {
	goMod, err := os.ReadFile(filepath.Join(moduleRoot, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(decision)
	if err != nil {
		t.Fatal(err)
	}
	files := readModule(t, moduleRoot)
	for _, v := range reasonless(string(goMod), string(page), files) {
		t.Error(v)
	}
}

func TestReasonlessBites(t *testing.T) {
	const goMod = "module m\n\ngo 1.26.0\n\nrequire example.com/one v1.0.0\n\nrequire (\n\texample.com/a/v2 " +
		"v2.1.0\n\texample.com/b v0.1.0 // indirect\n\texample.com/t v1.0.0\n)\n"
	used := []file{{path: "x/x.go", pkg: "x", imports: []string{"example.com/a/v2/sub", "example.com/one"}}}
	good := "| `example.com/one` | `x` | why |\n| `example.com/a/v2` | `x` | why |\n| `example.com/t` | tests only | " +
		"why |\n"
	for _, tc := range []struct {
		name, page string
		files      []file
		want       string
	}{
		{"good", good, used, ""},
		{"no reason", strings.Replace(good, "`example.com/a/v2`", "`example.com/c`", 1), used,
			"example.com/c has a reason, and is not required directly\n" +
				"example.com/a/v2 is required, and has no reason"},
		{"reason for nothing", good + "| `example.com/b` | `x` | why |\n", used,
			"example.com/b has a reason, and is not required directly"},
		{"empty reason", strings.Replace(good, "| `x` | why |", "| `x` | |", 1), used,
			"example.com/one has an empty reason"},
		{"not in tests only", strings.Replace(good, "`x` | why |\n| `example.com/t`",
			"tests only | why |\n| `example.com/t`", 1), used,
			"example.com/a/v2 is said to be in tests only, and x/x.go imports it"},
		{"in tests only", strings.Replace(good, "tests only", "`x`", 1), used,
			"example.com/t is said to be in `x`, and no file outside of tests imports it"},
		{"twice", good + "| `example.com/one` | `x` | other |\n", used, "example.com/one has two reasons"},
	} {
		if got := strings.Join(reasonless(goMod, tc.page, tc.files), "\n"); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

var (
	requireLine = regexp.MustCompile(`(?m)^(?:require )?\t?([^\s()]+\.[^\s()]+) v\S+( // indirect)?$`)
	reasonRow   = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|([^|]*)\\|(.*)\\|$")
)

// isTestHelp reports whether a package is only for acrkit's own tests.
func isTestHelp(pkg string) bool {
	r, ok := ruleFor(pkg)
	return ok && r.mayTest && strings.Contains("/"+pkg, "/internal/")
}

// reasonless returns what is wrong between a go.mod and the table of reasons.
func reasonless(goMod, page string, files []file) []string {
	direct := map[string]bool{}
	for _, m := range requireLine.FindAllStringSubmatch(goMod, -1) {
		if m[2] == "" {
			direct[m[1]] = true
		}
	}
	var out []string
	reasons := map[string]bool{}
	for _, m := range reasonRow.FindAllStringSubmatch(page, -1) {
		name, users, why := m[1], strings.TrimSpace(m[2]), strings.TrimSpace(m[3])
		imports := func(f file) bool {
			return !f.test && !isTestHelp(f.pkg) && slices.ContainsFunc(f.imports, func(i string) bool {
				return matches(name+"/...", i)
			})
		}
		user := slices.IndexFunc(files, imports)
		switch {
		case reasons[name]:
			out = append(out, name+" has two reasons")
		case !direct[name]:
			out = append(out, name+" has a reason, and is not required directly")
		case why == "":
			out = append(out, name+" has an empty reason")
		case users == "tests only" && user >= 0:
			out = append(out, name+" is said to be in tests only, and "+files[user].path+" imports it")
		case users != "tests only" && user < 0:
			out = append(out, name+" is said to be in "+users+", and no file outside of tests imports it")
		}
		reasons[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(direct)) {
		if !reasons[name] {
			out = append(out, name+" is required, and has no reason")
		}
	}
	return out
}
