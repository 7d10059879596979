package logout

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/internal/cli/clitest"
)

func TestFlags(t *testing.T) {
	for line, want := range map[string][]any{
		"":                             {"env.azurecr.io", "", false},
		"myregistry":                   {"myregistry.azurecr.io", "", false},
		"myregistry -r team/*":         {"myregistry.azurecr.io", "team/*", false},
		"-r other.azurecr.io/team/app": {"other.azurecr.io", "team/app", false},
		"--all":                        {"", "", true}, // whatever ACR_NAME says
		"myregistry --all":             {"myregistry.azurecr.io", "", true},
	} {
		var got []any
		cmd := NewCmdLogout(clitest.Factory(map[string]string{"ACR_NAME": "env"}), func(_ context.Context, o *Options) error {
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
