package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/module"
	modzip "golang.org/x/mod/zip"
)

const modulePath = "github.com/acrkit/acrkit"

// TestGoInstall installs the programs as "go install …@vX.Y.Z" does, with a module proxy
// of files that holds the checkout. It fails where the main module's go.mod has a
// replace, or needs a module that is not published. An adapter, a module of its own, is
// imported the same way.
func TestGoInstall(t *testing.T) {
	tag := "v" + version(t)
	proxy := t.TempDir()
	publish(t, proxy, modulePath, tag, "")
	adapters, err := filepath.Glob(filepath.Join(repository, "adapters", "*", "go.mod"))
	if err != nil || len(adapters) < 3 {
		t.Fatalf("adapters: %v, %v", adapters, err)
	}
	for _, a := range adapters {
		sub := "adapters/" + filepath.Base(filepath.Dir(a))
		publish(t, proxy, modulePath+"/"+sub, tag, sub)
	}

	cache, bin := t.TempDir(), t.TempDir()
	env := append(os.Environ(),
		// The files of ours are asked first; other modules come from this machine's cache or its proxy.
		"GOPROXY=file://"+filepath.ToSlash(proxy)+",file://"+filepath.ToSlash(goEnv(t, "GOMODCACHE"))+
			"/cache/download,"+goEnv(t, "GOPROXY"),
		"GONOSUMDB="+modulePath+","+modulePath+"/*", "GOMODCACHE="+cache, "GOBIN="+bin, "GOWORK=off",
		// As a release is built, so that Go's cache has the packages of other modules already.
		"GOFLAGS=-modcacherw -trimpath", "CGO_ENABLED=0",
	)
	in := func(dir string, args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env = dir, env
		return run(t, cmd)
	}
	t.Run("programs", func(t *testing.T) {
		empty := t.TempDir()
		for _, program := range []string{"acrkit", "docker-credential-acrkit"} {
			in(empty, "install", modulePath+"/cmd/"+program+"@"+tag)
		}
		out := run(t, exec.Command(filepath.Join(bin, "acrkit"), "--version"))
		if !strings.HasPrefix(out, "acrkit "+tag+" ") {
			t.Errorf("acrkit --version: %q, want %s", out, tag)
		}
	})
	t.Run("adapters", func(t *testing.T) {
		for _, a := range adapters {
			name := filepath.Base(filepath.Dir(a))
			importer := t.TempDir()
			writeFile(t, filepath.Join(importer, "go.mod"), "module importer\n\ngo 1.26.0\n")
			copyFile(t, filepath.Join(repository, "tools", "archtest", "testdata", "importers", name, "main.go"),
				filepath.Join(importer, "main.go"))
			in(importer, "get", modulePath+"/adapters/"+name+"@"+tag)
			in(importer, "list", "-mod=mod", "-deps", ".") // finds every package that it needs
		}
	})
}

// publish puts a module of the checkout, as committed or about to be, into a proxy of files.
func publish(t *testing.T, proxy, path, tag, sub string) {
	t.Helper()
	root := filepath.Join(repository, filepath.FromSlash(sub))
	var files []modzip.File
	listed := run(t, exec.Command("git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "-z"))
	for name := range strings.SplitSeq(strings.TrimSuffix(listed, "\x00"), "\x00") {
		if info, err := os.Lstat(filepath.Join(root, name)); err == nil && info.Mode().IsRegular() {
			files = append(files, checkoutFile{root: root, name: name})
		}
	}
	if sub != "" { // a module below the root has the repository's licence, as the go command does it
		files = append(files, checkoutFile{root: repository, name: "LICENSE"})
	}
	var content bytes.Buffer
	if err := modzip.Create(&content, module.Version{Path: path, Version: tag}, files); err != nil {
		t.Fatal(err)
	}
	if _, err := zip.NewReader(bytes.NewReader(content.Bytes()), int64(content.Len())); err != nil {
		t.Fatal(err)
	}
	info, err := json.Marshal(map[string]any{"Version": tag, "Time": time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	escaped, err := module.EscapePath(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	writeFile(t, filepath.Join(dir, "list"), tag+"\n")
	writeFile(t, filepath.Join(dir, tag+".info"), string(info))
	writeFile(t, filepath.Join(dir, tag+".mod"), read(t, filepath.Join(root, "go.mod")))
	writeFile(t, filepath.Join(dir, tag+".zip"), content.String())
}

// checkoutFile is a file of the module at root.
type checkoutFile struct{ root, name string }

func (f checkoutFile) Path() string                { return f.name }
func (f checkoutFile) Lstat() (os.FileInfo, error) { return os.Lstat(filepath.Join(f.root, f.name)) }
func (f checkoutFile) Open() (io.ReadCloser, error) {
	return os.Open(filepath.Join(f.root, f.name))
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(run(t, exec.Command("go", "env", name)))
}

// run returns the output of a command, which must succeed.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, stderr.Bytes())
	}
	return string(out)
}
