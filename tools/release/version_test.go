package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const repository = "../.."

// version returns the version of this checkout.
func version(t *testing.T) string {
	t.Helper()
	v, err := Version(repository)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOneVersion: the packages for Python, npm and Maven, what the adapters require, and
// what the pages tell users to type name one version.
func TestOneVersion(t *testing.T) {
	if v := version(t); v == "" {
		t.Error("no version")
	}
}

// TestVersions: each place that differs is found, and SetVersion reaches all of them.
func TestVersions(t *testing.T) {
	root := t.TempDir()
	was := version(t)
	for _, p := range places {
		files, err := filepath.Glob(filepath.Join(repository, p.glob))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", p.glob, files, err)
		}
		for _, file := range files {
			rel, err := filepath.Rel(repository, file)
			if err != nil {
				t.Fatal(err)
			}
			copyFile(t, file, filepath.Join(root, rel))
		}
	}
	if err := SetVersion(root, "7.8.9"); err != nil {
		t.Fatal(err)
	}
	if v, err := Version(root); v != "7.8.9" || err != nil {
		t.Fatalf("after SetVersion: %q, %v", v, err)
	}
	for _, p := range places {
		files, err := filepath.Glob(filepath.Join(root, p.glob))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			good := read(t, file)
			for _, bad := range []struct{ with, says string }{{was, was}, {"7.8.9rc1", "7.8.9rc1"},
				{"", "no version"}} {
				changed := p.pattern.ReplaceAllStringFunc(good, func(match string) string {
					return strings.Replace(match, "7.8.9", bad.with, 1)
				})
				if bad.with == "" {
					changed = "nothing here\n"
				}
				writeFile(t, file, changed)
				v, err := Version(root)
				if err == nil || !strings.Contains(err.Error(), filepath.Base(file)) ||
					!strings.Contains(err.Error(), bad.says) {
					t.Errorf("%s with %q: %q, %v", file, bad.with, v, err)
				}
			}
			writeFile(t, file, good)
		}
	}
	for _, bad := range []string{"", "v1.2.3", "1.2", "1.2.3-rc.1", "1.2.3\n"} {
		if err := SetVersion(root, bad); err == nil {
			t.Errorf("the version %q was set", bad)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	writeFile(t, to, read(t, from))
}
