package logout

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/internal/login/store"
)

func TestFlags(t *testing.T) {
	for line, want := range map[string][]any{
		"":                             {"env.azurecr.io", "", false},
		"myregistry":                   {"myregistry.azurecr.io", "", false},
		"myregistry -r team/*":         {"myregistry.azurecr.io", "team/*", false},
		"-r other.azurecr.io/team/app": {"other.azurecr.io", "team/app", false},
		"--all":                        {"", "", true}, // ACR_NAME is ignored
		"myregistry --all":             {"myregistry.azurecr.io", "", true},
	} {
		var got []any
		cmd := NewCmdLogout(clitest.Factory(map[string]string{"ACR_NAME": "env"}),
			func(_ context.Context, o *Options) error {
				got = []any{o.Registry.Host(), o.Repository, o.All}
				return nil
			})
		if err := clitest.Execute(t, cmd, line); err != nil {
			t.Errorf("%s: %v", line, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
	for line, words := range map[string]string{
		"a b":         "at most 1 argument",
		"--all -r a":  "exclude each other",
		"-r *":        "the whole registry",
		"http://a.io": "plain-HTTP",
	} {
		clitest.WrongUsage(t, NewCmdLogout(clitest.Factory(map[string]string{"ACR_NAME": "env"}), nil), line, words)
	}
}

// logout --docker takes the helper out of Docker's configuration, and only ours.
func TestDocker(t *testing.T) {
	for _, tt := range []struct {
		name, file, want string
		code             acrkit.Code
	}{
		{"ours", `{"credHelpers":{"myregistry.azurecr.io":"acrkit","gcr.io":"gcloud"}}`,
			`{"credHelpers":{"gcr.io":"gcloud"}}`, ""},
		{"another", `{"credHelpers":{"myregistry.azurecr.io":"desktop"}}`,
			`{"credHelpers":{"myregistry.azurecr.io":"desktop"}}`, acrkit.CodeNotFound},
		{"broken", `{"credHelpers":`, `{"credHelpers":`, acrkit.CodeUsage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "config.json")
			if err := os.WriteFile(file, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := NewCmdLogout(clitest.Factory(map[string]string{"DOCKER_CONFIG": dir,
				store.EnvDir: filepath.Join(dir, "acrkit"), store.EnvKeyring: "off"}), nil)
			if err := clitest.Execute(t, cmd, "myregistry --docker --yes"); acrkit.CodeOf(err) != tt.code {
				t.Errorf("%v, want %q", err, tt.code)
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != tt.want {
				t.Errorf("%s, %v", got, err)
			}
		})
	}
	for line, words := range map[string]string{
		"--all --docker --yes": "--docker needs a registry",
		"myregistry --docker":  "this is not a terminal",
		"a -r b --docker -y":   "exclude each other",
	} {
		clitest.WrongUsage(t, NewCmdLogout(clitest.Factory(nil), nil), line, words)
	}
}
