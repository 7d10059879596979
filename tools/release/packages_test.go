package main

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// packages are the files of the packages for other languages, relative to dist's folder.
func (b build) packages() []string {
	if !b.whole() {
		return nil
	}
	v := b.Version
	var out []string
	for _, name := range []string{"-py3-none-any.whl", ".tar.gz", ".tgz", ".jar", "-sources.jar",
		"-javadoc.jar", ".pom"} {
		out = append(out, filepath.Join(filepath.Dir(*distFlag), "build", "packages", "acrkit-"+v+name))
	}
	return out
}

// TestPackages reads the packages for Python, npm and Maven.
func TestPackages(t *testing.T) {
	b := checkedBuild(t)
	if !b.whole() {
		t.Skip("linux/amd64 alone was built")
	}
	licence := read(t, filepath.Join(repository, "LICENSE"))
	dir := filepath.Join(filepath.Dir(*distFlag), "build", "packages")
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != len(b.packages()) {
		t.Fatalf("%d files in %s, want %d: %v", len(list), dir, len(b.packages()), err)
	}
	info := "acrkit-" + b.Version + ".dist-info/"
	tracked := func(sub, suffix string) (out []string) {
		for file := range strings.Lines(run(t, exec.Command("git", "-C", filepath.Join(repository, sub), "ls-files"))) {
			if file = strings.TrimSpace(file); strings.HasSuffix(file, suffix) {
				out = append(out, file)
			}
		}
		return out
	}
	under := func(prefix string, files []string) []string {
		for i, f := range files {
			files[i] = prefix + f
		}
		return files
	}
	for _, p := range []struct {
		file      string
		licence   string
		has, only []string          // files; all files are below one of only
		says      map[string]string // a file, and a line in it
	}{
		{
			"-py3-none-any.whl", info + "licenses/LICENSE", under("acrkit/", tracked("sdk/python/src/acrkit", "")),
			[]string{"acrkit/", info},
			map[string]string{info + "METADATA": "Version: " + b.Version, info + "WHEEL": "Tag: py3-none-any"},
		},
		{
			".tar.gz", "acrkit-" + b.Version + "/LICENSE",
			under("acrkit-"+b.Version+"/src/acrkit/", tracked("sdk/python/src/acrkit", "")),
			[]string{"acrkit-" + b.Version + "/"},
			map[string]string{"acrkit-" + b.Version + "/PKG-INFO": "License-Expression: Apache-2.0", "acrkit-" +
				b.Version + "/pyproject.toml": `version = "` + b.Version + `"`},
		},
		{
			".tgz", "package/LICENSE", []string{"package/README.md", "package/dist/esm/index.d.ts",
				"package/dist/commonjs/index.js"},
			[]string{"package/dist/", "package/package.json", "package/README.md", "package/LICENSE"},
			map[string]string{"package/package.json": `"version": "` + b.Version + `"`,
				"package/dist/esm/package.json": `"module"`},
		},
		{
			".jar", "META-INF/LICENSE",
			[]string{"io/github/acrkit/ScopedToken.class", "io/github/acrkit/sentences.json",
				"META-INF/maven/io.github.acrkit/acrkit/pom.xml"},
			[]string{"io/github/acrkit/", "META-INF/"},
			map[string]string{"META-INF/MANIFEST.MF": "Automatic-Module-Name: io.github.acrkit"},
		},
		{
			"-sources.jar", "META-INF/LICENSE", tracked("sdk/java/src/main/java", ".java"),
			[]string{"io/github/acrkit/", "META-INF/"}, nil,
		},
		{
			"-javadoc.jar", "", []string{"index.html", "io.github.acrkit/io/github/acrkit/ScopedToken.html"},
			[]string{""}, nil,
		},
	} {
		files := readArchive(t, filepath.Join(dir, "acrkit-"+b.Version+p.file))
		if p.licence != "" && string(files[p.licence].content) != licence {
			t.Errorf("%s: the licence is no copy of LICENSE", p.file)
		}
		for _, name := range p.has {
			if _, ok := files[name]; !ok {
				t.Errorf("%s lacks %s", p.file, name)
			}
		}
		for name := range files {
			below := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
			if !slices.ContainsFunc(p.only, below) || strings.Contains(name, "/tests/") || path.Ext(name) == ".pyc" ||
				strings.Contains(name, "Test") {
				t.Errorf("%s has %s", p.file, name)
			}
		}
		for name, line := range p.says {
			if !strings.Contains(string(files[name].content), line) {
				t.Errorf("%s: %s does not say %q:\n%s", p.file, name, line, files[name].content)
			}
		}
	}
	pom := read(t, filepath.Join(dir, "acrkit-"+b.Version+".pom"))
	for _, element := range []string{"<groupId>io.github.acrkit</groupId>", "<artifactId>acrkit</artifactId>",
		"<version>" + b.Version + "</version>",
		"<name>", "<description>", "<url>", "<licenses>", "<developers>", "<scm>"} { // what Maven Central requires
		if !strings.Contains(pom, element) {
			t.Errorf("the pom has no %s", element)
		}
	}
}
