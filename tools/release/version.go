package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// place is where a file holds the version, as the only group of the pattern.
type place struct {
	glob    string // relative to the repository
	pattern *regexp.Regexp
}

// places are all places with the version. There is no other source: the tag must be the
// version that they agree on.
var places = []place{
	{"sdk/python/pyproject.toml", regexp.MustCompile(`(?m)^version = "(.*)"$`)},
	{"sdk/typescript/package.json", regexp.MustCompile(`(?m)^  "version": "(.*)",$`)},
	{"sdk/typescript/package-lock.json", regexp.MustCompile(`(?m)^ +"name": "acrkit",\n +"version": "(.*)",$`)},
	{"sdk/java/pom.xml", regexp.MustCompile(`(?m)^  <version>(.*)</version>$`)},
	{"adapters/*/go.mod", regexp.MustCompile(`(?m)^(?:require |\t)github\.com/acrkit/acrkit v(\S+)`)},
	// What the pages tell a user to type.
	{"README.md", regexp.MustCompile(`\bacrkit-(\d\S*)\.tgz\b`)},
	{"README.md", regexp.MustCompile(`\bio\.github\.acrkit:acrkit:([^\s,]+)`)},
	{"sdk/typescript/README.md", regexp.MustCompile(`\bacrkit-(\d\S*)\.tgz\b`)},
	{"sdk/java/README.md", regexp.MustCompile(`<artifactId>acrkit</artifactId>\s+<version>(.*)</version>`)},
	// What the recipes start.
	{"examples/github-actions/service-container.yml", imageVersion},
	{"examples/github-actions/acrkit-emulator/action.yml", regexp.MustCompile(`(?m)^    default: (\d.*)$`)},
	{"examples/compose/compose.yaml", imageVersion},
	{"examples/kubernetes/cronjob.yaml", imageVersion},
	{"examples/python-sdk/test.sh", imageVersion},
	{"examples/testcontainers/emulator_test.go", imageVersion},
}

var imageVersion = regexp.MustCompile(`ghcr\.io/acrkit/(?:acrkit|emulator):(\d[^\s")]*)`)

// aVersion matches what Go, PyPI, npm and Maven all take as a version, and sort alike.
// A pre-release has a form of its own in each.
var aVersion = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

// Version returns the version of a checkout, "1.2.3". Places that disagree, and files
// that have none, are an error.
func Version(root string) (string, error) {
	var version, first string
	err := eachPlace(root, func(file string, text []byte, groups [][]int) error {
		for _, g := range groups {
			v := string(text[g[2]:g[3]])
			switch {
			case !aVersion.MatchString(v):
				return fmt.Errorf("%s: %q is no version of the form 1.2.3", file, v)
			case version == "":
				version, first = v, file
			case v != version:
				return fmt.Errorf(
					"%s has version %s, and %s has %s: give all the same, for example: go run -C tools/release . "+
						"version %s",
					first, version, file, v, version)
			}
		}
		return nil
	})
	return version, err
}

// SetVersion writes a version into every place.
func SetVersion(root, version string) error {
	if !aVersion.MatchString(version) {
		return fmt.Errorf("%q is no version of the form 1.2.3", version)
	}
	return eachPlace(root, func(file string, text []byte, groups [][]int) error {
		var out []byte
		end := 0
		for _, g := range groups {
			out = append(append(out, text[end:g[2]]...), version...)
			end = g[3]
		}
		out = append(out, text[end:]...)
		//nolint:gosec // a file of the checkout, which all may read
		return os.WriteFile(filepath.Join(root, file), out, 0o644)
	})
}

// eachPlace calls do with each file and what the pattern found in it.
func eachPlace(root string, do func(file string, text []byte, groups [][]int) error) error {
	var errs []error
	for _, p := range places {
		files, err := filepath.Glob(filepath.Join(root, p.glob))
		if err != nil {
			return err
		}
		if len(files) == 0 {
			errs = append(errs, fmt.Errorf("%s: no such file", p.glob))
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			groups := p.pattern.FindAllSubmatchIndex(text, -1)
			if len(groups) == 0 {
				errs = append(errs, fmt.Errorf("%s holds no version: nothing matches %s", file, p.pattern))
				continue
			}
			errs = append(errs, do(file, text, groups))
		}
	}
	return errors.Join(errs...)
}
