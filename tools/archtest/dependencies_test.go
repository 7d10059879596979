package archtest

import (
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the lists of compiled packages anew")

// TestWhatImportersGet builds a separate module for each package that other tools
// import, and compares the packages that are compiled into it with a committed list, so
// that a new dependency is a visible change. The standard
// library is left out, except for net/http, which the vocabulary stays clear of.
func TestWhatImportersGet(t *testing.T) {
	for _, tc := range []struct {
		list, pkg, use string
		withoutHTTP    bool
	}{
		{"acrkit", "", `acrkit.ParseRegistry("myregistry")`, true},
		{"scopemap", "scopemap", `scopemap.System()`, true},
		{"auth", "auth", `auth.NewTransport("myregistry", auth.ScopedToken("name", "password"), nil)`, false},
		{"azureauth", "auth/azureauth", `azureauth.NewContainerRegistryClient("myregistry", nil, nil)`, false},
		{"registry", "registry", `registry.New("myregistry", nil, nil)`, false},
		{"seed", "emulator/seed", `seed.Read(nil)`, false},
		{"credhelper", "credhelper", `func() (any, error) { return credhelper.New(credhelper.Options{}), nil }()`,
			false},
	} {
		t.Run(tc.list, func(t *testing.T) {
			t.Parallel()
			openAll(t, tc.pkg)
			importPath := strings.TrimSuffix(module+"/"+tc.pkg, "/")
			imports := "\t\"" + importPath + "\"\n"
			if strings.HasPrefix(tc.use, "auth.") && tc.pkg != "auth" {
				imports += "\t\"" + module + "/auth\"\n"
			}
			dir := outsideModule(t, "package main\n\nimport (\n"+imports+
				")\n\nfunc main() { _, _ = func() (any, any) { return "+pair(tc.use)+" }() }\n")
			goTool(t, dir, nil, "build", "-o", filepath.Join(dir, "tool"), ".")

			// One platform for all, so that the list is the same everywhere.
			platform := []string{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0"}
			std := strings.Fields(goTool(t, dir, platform, "list", "-deps", "-f",
				"{{if .Standard}}{{.ImportPath}}{{end}}", "."))
			if tc.withoutHTTP && slices.Contains(std, "net/http") {
				t.Errorf("%s brings net/http", importPath)
			}
			if !slices.Contains(std, "strings") {
				t.Errorf("the list of the standard library's packages misses strings: %q", std)
			}
			got := strings.Fields(goTool(t, dir, platform, "list", "-deps", "-f",
				"{{if not .Standard}}{{.ImportPath}}{{end}}", "."))
			slices.Sort(got)
			got = slices.DeleteFunc(got, func(p string) bool { return p == outsideName })
			golden := filepath.Join("testdata", tc.list+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(string(want)), got); diff != "" {
				t.Errorf(
					"packages compiled into a program that imports %s (-want +got), see docs/decisions for the "+
						"reasons; -update writes the list:\n%s", importPath, diff)
			}
		})
	}
}

// pair makes two values of a call that returns one or two.
func pair(call string) string {
	if strings.HasPrefix(call, "scopemap.System") {
		return call + ", nil"
	}
	return call
}

const outsideName = "example.com/outside"

// outsideModule writes a module that requires acrkit as other modules do, with the same
// versions of its dependencies, so that the module cache suffices.
func outsideModule(t *testing.T, mainGo string) string {
	t.Helper()
	root, err := filepath.Abs(moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	goMod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	goSum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	mod := strings.Replace(string(goMod), "module "+module+"\n", "module "+outsideName+"\n", 1)
	if mod == string(goMod) {
		t.Fatal("go.mod has no module line that this test knows")
	}
	mod += "\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + strconv.Quote(root) + "\n"
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": mod, "go.sum": string(goSum), "main.go": mainGo} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func goTool(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -buildvcs=false", "GOSUMDB=off", "GOWORK=off", "GOTOOLCHAIN=local")
	cmd.Env = append(cmd.Env, env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// openAll opens the files that the go command will read, so that the test cache
// knows this test depends on them.
func openAll(t *testing.T, pkg string) {
	t.Helper()
	for _, dir := range []string{"", "scopemap", "auth", "registry", "credhelper", "internal", pkg} {
		err := filepath.WalkDir(filepath.Join(moduleRoot, dir), func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && dir == "" && p != moduleRoot:
				return fs.SkipDir
			case d.IsDir() || !strings.HasSuffix(p, ".go"):
				return nil
			}
			_, err = os.ReadFile(p)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
