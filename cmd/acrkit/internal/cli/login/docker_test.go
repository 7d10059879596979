package login

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// login with --docker, against a file of Docker's with a login of another registry.
func TestDocker(t *testing.T) {
	const before = "{\n\t\"auths\": {\n\t\t\"other.example\": {\n\t\t\t\"auth\": " +
		"\"b3RoZXI6cGFzcw==\"\n\t\t}\n\t},\n\t\"x\": 1\n}"
	absent := func(string) (string, error) { return "", errors.New("not found") }
	for _, tt := range []struct {
		name    string
		file    string
		answer  string // "" = not asked
		inPath  bool
		changed bool
		code    acrkit.Code
		words   []string
	}{
		{"yes", before, "y", true, true, "", []string{`+    "myregistry.azurecr.io": "acrkit"`, "Changed "}},
		{"no", before, "n", true, false, "", []string{`+    "myregistry.azurecr.io": "acrkit"`, "was not changed"}},
		{"unasked", before, "", true, true, "", []string{"Changed "}},
		{"not_in_PATH", before, "", false, true, "", []string{"docker-credential-acrkit is not in PATH"}},
		{"plain_login",
			`{"auths":{"https://myregistry.azurecr.io/v1/":{"auth":"b3RoZXI6cGFzcw=="}},"credHelpers":{"myregistry.azurecr.io":"acrkit"}}`, "", true, false, "", []string{"as plain text, which is not used now: docker logout myregistry.azurecr.io"}},
		{"variable", before, "", true, true, "",
			[]string{
				"DOCKER_AUTH_CONFIG has a login for myregistry.azurecr.io, which Docker takes before the helper: " +
					"unset DOCKER_AUTH_CONFIG"}},
		{"already", `{"credHelpers":{"myregistry.azurecr.io":"acrkit"}}`, "", true, false, "", []string{"Stored"}},
		{"broken", before + "}", "", true, false, acrkit.CodeUsage, []string{"is not JSON"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opts, f := options(t)
			dir := t.TempDir()
			file := filepath.Join(dir, "config.json")
			if err := os.WriteFile(file, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			s, in, _, errOut := iostreams.Test()
			opts.IO, opts.Kind, opts.User, opts.Stdin = s, auth.KindScopedToken, "ci", true
			in.WriteString("password-of-ci\n")
			opts.Docker = Docker{IO: s, Wanted: true, Yes: tt.answer == "",
				LookupEnv: func(name string) (string, bool) {
					env := map[string]string{"DOCKER_CONFIG": dir, "REGISTRY_AUTH_FILE": "/podman.json"}
					if tt.name == "variable" {
						env["DOCKER_AUTH_CONFIG"] = `{"auths":{"myregistry.azurecr.io":{"auth":"b3RoZXI6cGFzcw=="}}}`
					}
					return env[name], true
				},
				Answer: func(_ context.Context, question string) (string, error) {
					if tt.answer == "" {
						t.Errorf("asked %q", question)
					}
					return tt.answer, nil
				}}
			if !tt.inPath {
				opts.Docker.LookPath = absent
			} else {
				opts.Docker.LookPath = func(name string) (string, error) { return "/bin/" + name, nil }
			}
			err := run(t.Context(), opts)
			if acrkit.CodeOf(err) != tt.code {
				t.Fatalf("%v\n%s", err, errOut)
			}
			said := errOut.String()
			if err != nil {
				said += err.Error()
			}
			if tt.name != "variable" && strings.Contains(said, "DOCKER_AUTH_CONFIG") {
				t.Errorf("%q speaks of a variable that is not set", said)
			}
			for _, words := range tt.words {
				if !strings.Contains(said, words) {
					t.Errorf("%q does not hold %q", said, words)
				}
			}
			if strings.Contains(said, "b3RoZXI6cGFzcw") || strings.Contains(said, "password-of-ci") {
				t.Errorf("a secret is shown: %q", said)
			}
			// With a file that cannot be changed nothing is stored either.
			if got := len(stored(t, f)); got != map[bool]int{true: 1, false: 0}[tt.code == ""] {
				t.Errorf("%d logins", got)
			}
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if (string(got) != tt.file) != tt.changed {
				t.Errorf("the file is now %s", got)
			}
			var doc struct {
				Auths, CredHelpers map[string]any
				X                  int
			}
			if tt.changed &&
				(json.Unmarshal(got, &doc) != nil || doc.CredHelpers["myregistry.azurecr.io"] != "acrkit" ||
					len(doc.Auths) != 1 || doc.X != 1) {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestDocker_flags(t *testing.T) {
	for line, words := range map[string]string{
		"--docker":                     "this is not a terminal",
		"--yes":                        "--yes answers the question of --docker",
		"--docker --yes -r team/app":   "exclude each other",
		"--docker --password-file x":   "add --yes",
		"--docker --yes -r 'team/*' a": "exclude each other",
	} {
		clitest.WrongUsage(t, NewCmdLogin(clitest.Factory(map[string]string{"ACR_NAME": "env"}), nil),
			strings.ReplaceAll(line, "'", ""), words)
	}
	d := Docker{LookupEnv: func(string) (string, bool) { return "", false }}
	reg, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.Name(reg); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("without a home: %v", err)
	}
	s, in, _, errOut := iostreams.Test()
	d = Docker{IO: s, LookupEnv: func(string) (string, bool) {
		return t.TempDir(), true
	}, LookPath: func(string) (string, error) { return "", nil }}
	c, _, err := d.Name(reg)
	if err != nil {
		t.Fatal(err)
	}
	in.WriteString("") // the end of the input is no consent
	if done, err := d.Apply(t.Context(), c); done || err != nil ||
		!strings.Contains(errOut.String(), "was not changed") {
		t.Errorf("%v, %v, %q", done, err, errOut)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d.Answer = func(context.Context, string) (string, error) { cancel(); return "", io.EOF }
	if done, err := d.Apply(ctx, c); done || err == nil {
		t.Errorf("interrupted: %v, %v", done, err)
	}
	local, err := acrkit.ParseRegistry("localhost:5443")
	if err != nil {
		t.Fatal(err)
	}
	if d.Warn(local, c); !strings.Contains(errOut.String(), "ACRKIT_REGISTRIES=localhost:5443") {
		t.Errorf("%q", errOut)
	}
}
