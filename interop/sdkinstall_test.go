package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// installLimit bounds the installation of one SDK on a machine that has nothing of
// it yet.
const installLimit = 6 * time.Minute

// sdk is Microsoft's client library of one language, with the programs in
// sdk/<folder> that use it.
type sdk struct {
	name, title, folder string
	// packages are what the table names, each "name version" as the lock file
	// has it.
	packages string
	needs    string // the program, and the Debian package that has it
	// runtime prints the version of the language, and captured is how that began
	// when captures/ was written. The machine chooses the version: with another one
	// the words are not held. No runtime: it is pinned with the module.
	runtime  []string
	captured string
	locks    []string   // the files that say what is installed
	install  [][]string // commands, run in a folder that holds the locks
	// prepare makes the programs ready in dir, where installed lies beside; nil:
	// they are copied.
	prepare func(t *testing.T, dir, installed string)
	// command runs a program ("repositories", say) that lies in dir.
	command func(dir, installed, program string) []string
}

var sdks = []sdk{
	{
		name: "azure-sdk-python", title: "Python", folder: "python",
		packages: "azure-containerregistry 1.2.0, azure-identity 1.27.0",
		runtime:  []string{"python3", "--version"}, captured: "Python 3.11.",
		needs: "pip3 python3-pip", locks: []string{"requirements.txt"},
		install: [][]string{
			{"python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", "lib",
				"--require-hashes", "-r", "requirements.txt"},
		},
		command: func(dir, installed, program string) []string {
			return []string{"env", "PYTHONPATH=" + filepath.Join(installed, "lib"), "python3",
				filepath.Join(dir, program+".py")}
		},
	},
	{
		name: "azure-sdk-js", title: "TypeScript", folder: "typescript",
		packages: "@azure/container-registry 1.1.2, @azure/identity 4.13.1",
		runtime:  []string{"node", "--version"}, captured: "v20.",
		needs: "npm npm", locks: []string{"package.json", "package-lock.json"},
		install: [][]string{{"npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"}},
		prepare: func(t *testing.T, dir, installed string) {
			if err := os.Symlink(filepath.Join(installed, "node_modules"),
				filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			// tsx runs programs without checking their types.
			mustRun(t, dir, "node_modules/.bin/tsc")
		},
		command: func(dir, _, program string) []string {
			return []string{filepath.Join(dir, "node_modules/.bin/tsx"), filepath.Join(dir, program+".ts")}
		},
	},
	{
		name: "azure-sdk-java", title: "Java", folder: "java",
		packages: "azure-containers-containerregistry 1.2.6, azure-identity 1.18.2",
		runtime:  []string{"java", "--version"}, captured: "openjdk 17.",
		needs: "mvn maven", locks: []string{"pom.xml"},
		install: [][]string{{"mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies",
			"-DoutputDirectory=lib"}},
		prepare: func(t *testing.T, dir, installed string) {
			mustRun(t, dir, "javac", "-cp", filepath.Join(installed, "lib", "*"), "Repositories.java", "Promote.java",
				"Tags.java", "Vault.java", "Answer.java", "Pages.java")
		},
		command: func(dir, installed, program string) []string {
			return []string{"java", "-cp", dir + ":" + filepath.Join(installed, "lib", "*"),
				strings.ToUpper(program[:1]) + program[1:]}
		},
	},
	{
		name: "azure-sdk-go", title: "Go", folder: "go", packages: "azcontainerregistry v0.2.3, azidentity v1.15.0",
		needs: "go golang",
		prepare: func(t *testing.T, dir, _ string) {
			folder, err := filepath.Abs("sdk/go")
			if err != nil {
				t.Fatal(err)
			}
			mustRun(t, folder, "go", "build", "-o", dir+string(filepath.Separator), "./...")
		},
		command: func(dir, _, program string) []string { return []string{filepath.Join(dir, program)} },
	},
}

// program is an SDK's programs, ready to run.
type programs struct {
	sdk
	dir, installed string
}

// ready installs the SDK, once for each content of its lock files, and copies its
// programs to a folder of their own.
func (s sdk) ready(t *testing.T) programs {
	t.Helper()
	name, pkg, _ := strings.Cut(s.needs, " ")
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed: apt-get install %s", name, pkg)
		}
		t.Skipf("%s is not installed, so %s was NOT tested: apt-get install %s", name, s.title, pkg)
	}
	p := programs{sdk: s, dir: t.TempDir()}
	if len(s.install) > 0 {
		p.installed = s.installation(t)
	}
	source := filepath.Join("sdk", s.folder)
	entries, err := os.ReadDir(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() {
			copyFile(t, filepath.Join(source, e.Name()), filepath.Join(p.dir, e.Name()))
		}
	}
	if s.prepare != nil {
		s.prepare(t, p.dir, p.installed)
	}
	return p
}

// wordsHeld reports whether this machine's language is of the version with which
// captures/ was written.
func (s sdk) wordsHeld(t *testing.T) bool {
	t.Helper()
	if s.runtime == nil {
		return true
	}
	out, err := exec.CommandContext(t.Context(), s.runtime[0], s.runtime[1:]...).Output()
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(s.runtime, " "), err)
	}
	return strings.HasPrefix(string(out), s.captured)
}

// installation returns the folder where the SDK's packages are. It is made under
// another name and renamed, so that it is whole or not there, and two test runs do
// not meet in it.
func (s sdk) installation(t *testing.T) string {
	t.Helper()
	hash := sha256.New()
	for _, lock := range s.locks {
		b, err := os.ReadFile(filepath.Join("sdk", s.folder, lock))
		if err != nil {
			t.Fatal(err)
		}
		hash.Write(b)
	}
	fmt.Fprint(hash, s.install)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "acrkit-ci", "sdk")
	final := filepath.Join(cache, s.folder+"-"+hex.EncodeToString(hash.Sum(nil))[:16])
	if _, err := os.Stat(final); err == nil {
		return final
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(cache, ".new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, lock := range s.locks {
		copyFile(t, filepath.Join("sdk", s.folder, lock), filepath.Join(dir, lock))
	}
	began := time.Now()
	for _, command := range s.install {
		mustRun(t, dir, command...)
	}
	t.Logf("installed in %v", time.Since(began).Round(time.Second))
	if err := os.Rename(dir, final); err != nil && !isExist(final) {
		t.Fatal(err)
	}
	return final
}

func isExist(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, fs.FileMode(0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mustRun runs a command of the installation, with the caller's environment: where
// packages come from is the machine's business.
func mustRun(t *testing.T, dir string, command ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installLimit)
	defer cancel()
	name := command[0]
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		name = filepath.Join(dir, name)
	}
	cmd := exec.CommandContext(ctx, name, command[1:]...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatal(fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, out.String()))
	}
}
