package scopemapcmd

import (
	"context"
	"testing"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
)

func TestNewCmdLint(t *testing.T) {
	for _, tc := range []struct {
		line string
		env  map[string]string
		want lintOptions
	}{
		{"a", nil, lintOptions{Files: []string{"a"}}},
		{"a b - --all", nil, lintOptions{Files: []string{"a", "b", "-"}, All: true}},
		{"a b --fix --write", nil, lintOptions{Files: []string{"a", "b"}, Fix: true, Write: true}},
		{"- --fix --format json", map[string]string{"ACR_NAME": "no name at all"},
			lintOptions{Files: []string{"-"}, Fix: true, Format: "json"}},
		{"a --fix --format az", map[string]string{"ACR_NAME": "my.azurecr.io"},
			lintOptions{Files: []string{"a"}, Fix: true, Format: "az", Registry: registryName{env: "my"}}},
		{"a --fix --format terraform", nil, lintOptions{Files: []string{"a"}, Fix: true, Format: "terraform"}},
	} {
		var got *lintOptions
		cmd := newCmdLint(clitest.Factory(tc.env),
			func(_ context.Context, opts *lintOptions) error { got = opts; return nil })
		if err := clitest.Execute(t, cmd, tc.line); err != nil {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		if len(got.Files) != len(tc.want.Files) || got.All != tc.want.All || got.Fix != tc.want.Fix ||
			got.Write != tc.want.Write || got.Format != tc.want.Format || got.Registry != tc.want.Registry {
			t.Errorf("%s: %+v", tc.line, got)
		}
	}
}

// TestRegistryName: a flag counts more than a file, and a file more than the environment.
func TestRegistryName(t *testing.T) {
	for _, tc := range []struct {
		n          registryName
		file, want string
	}{
		{registryName{}, "", ""},
		{registryName{env: "env"}, "", "env"},
		{registryName{env: "env"}, "file", "file"},
		{registryName{"flag", "env"}, "file", "flag"},
	} {
		if got := tc.n.of(tc.file); got != tc.want {
			t.Errorf("%+v, %q: %q, want %q", tc.n, tc.file, got, tc.want)
		}
	}
}

func TestNewCmdLint_wrong_usage(t *testing.T) {
	for line, words := range map[string]string{
		"":                             "needs at least one file",
		"- -":                          "stdin (-) can be read once",
		"-- - -#c":                     "stdin (-) can be read once",
		"a --write":                    "--write needs --fix",
		"a --format az":                "--format needs --fix",
		"a --fix --write --format az":  "exclude each other",
		"- --fix --write":              "stdin is none",
		"a b --fix":                    "--fix prints one map",
		"a --fix --json kind":          "--fix prints the map",
		"a --fix --format xml":         "valid values are {lines|json|array|az|terraform}",
		"a --json x":                   `unknown JSON field "x"`,
		"a --fix --format az --auth x": "unknown flag",
	} {
		clitest.WrongUsage(t, newCmdLint(clitest.Factory(nil), func(context.Context, *lintOptions) error {
			t.Errorf("%s: the command ran", line)
			return nil
		}), line, words)
	}
	clitest.WrongUsage(t, newCmdLint(clitest.Factory(map[string]string{"ACR_NAME": "no name"}), nil),
		"a --fix --format az", "no name")
}

func TestNewCmdDiff_wrong_usage(t *testing.T) {
	for line, words := range map[string]string{
		"":                              "needs two files",
		"a":                             "needs two files",
		"a b c":                         "takes 2 argument",
		"-- - -#x":                      "stdin (-) can be read once",
		"a b --format az --only lost":   "it excludes --json and --only",
		"a b --format az --json change": "it excludes --json and --only",
		"a b --format json":             "valid values are {az}",
		"a b --only new":                "valid values are {gained|lost}",
	} {
		clitest.WrongUsage(t, newCmdDiff(clitest.Factory(nil), func(context.Context, *diffOptions) error {
			t.Errorf("%s: the command ran", line)
			return nil
		}), line, words)
	}
}

func TestJSONFields(t *testing.T) {
	clitest.JSONFields(t, newCmdLint(clitest.Factory(nil), nil), "file", "map", "number", "line", "text", "severity",
		"kind", "reason", "instead")
	clitest.JSONFields(t, newCmdGenerate(clitest.Factory(nil), nil), "job", "does", "client", "version", "role",
		"action", "repository", "line", "optional", "without", "log")
	clitest.JSONFields(t, newCmdDiff(clitest.Factory(nil), nil), "change", "actions", "repositories", "except",
		"catalog", "gateway")
}
