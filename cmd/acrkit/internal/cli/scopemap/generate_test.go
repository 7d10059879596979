package scopemapcmd

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/scopemap"
)

func TestNewCmdGenerate(t *testing.T) {
	for _, tc := range []struct {
		line                    string
		jobs, targets           int
		list, optional          bool
		format, registry, first string
	}{
		{line: "--list", list: true},
		{line: "--list --json job", list: true},
		{line: "--for docker-push team/app", jobs: 1, targets: 1},
		{line: "--for docker-push --for helm-pull a b/* --optional", jobs: 2, targets: 2, optional: true},
		{line: "--for crane-copy source=a target=b --format az", jobs: 1, targets: 2, format: "az", registry: "my",
			first: "source"},
		{line: "--for docker-push a --format lines", jobs: 1, targets: 1, format: "lines"},
	} {
		var got *generateOptions
		cmd := newCmdGenerate(clitest.Factory(map[string]string{"ACR_NAME": "my.azurecr.io"}),
			func(_ context.Context, opts *generateOptions) error { got = opts; return nil })
		if err := clitest.Execute(t, cmd, tc.line); err != nil {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		if len(got.Jobs) != tc.jobs || len(got.Targets) != tc.targets || got.List != tc.list ||
			got.Optional != tc.optional || got.Format != tc.format || got.Registry != tc.registry ||
			tc.first != "" && got.Targets[0].Role != tc.first {
			t.Errorf("%s: %+v", tc.line, got)
		}
	}
}

func TestNewCmdGenerate_wrong_usage(t *testing.T) {
	for line, words := range map[string]string{
		"":                                  "name a job with --for",
		"team/app":                          "name a job with --for",
		"--list --for docker-push":          "--list lists all jobs",
		"--list team/app":                   "--list lists all jobs",
		"--list --name ci-app":              "--list lists all jobs",
		"--for docker-push a --name ci-app": "--name needs --format az, terraform or json",
		"--for docker-push a --name ci-app --format lines": "--name needs --format az, terraform or json",
		"--for docker-push a --name ci --format az":        "a name has 5 to 50",
		"--for docker-psh team/app":                        `there is no job "docker-psh"; did you mean docker-push?`,
		"--for push-docker team/app":                       "did you mean docker-push or docker-push-copy?",
		"--for helm a":                                     "helm-dependency-update or helm-pull or helm-pull-newest?",
		"--for nothing a":                                  `there is no job "nothing"`,
		"--for docker-push":                                "the job docker-push needs a repository",
		"--for crane-copy":                                 "needs source=REPOSITORY and target=REPOSITORY",
		"--for docker-push team/a*":                        "only a whole last part may be one",
		"--for docker-push r.azurecr.io/a":                 `"r.azurecr.io" is a registry; name the repository alone: a`,
		"--for docker-push Team/App":                       "upper-case letters",
		"--for docker-push a --format xml":                 "valid values are {lines|json|array|az|terraform}",
		"--for docker-push a --json x":                     `unknown JSON field "x"`,
		"--for docker-push a --json job --format az":       "exclude each other",
		"--for docker-push a --auth x":                     "unknown flag",
	} {
		clitest.WrongUsage(t, newCmdGenerate(clitest.Factory(nil), func(context.Context, *generateOptions) error {
			t.Errorf("%s: the command ran", line)
			return nil
		}), line, words)
	}
	clitest.WrongUsage(t, newCmdGenerate(clitest.Factory(map[string]string{"ACR_NAME": "no name"}), nil),
		"--for docker-push a --format az", "no name")
}

// TestJobsLike_none: a wrong guess would give the rights of another job.
func TestJobsLike_none(t *testing.T) {
	for _, name := range []string{"", "az-acr-import", "docker-build", "nothing"} {
		if near := jobsLike(name); len(near) > 0 {
			t.Errorf("%q: %v", name, near)
		}
	}
}

// TestGenerate_limit: a map has at most as many lines as the service allows.
func TestGenerate_limit(t *testing.T) {
	run := func(n int) error {
		var line strings.Builder
		line.WriteString("--for crane-tags --format lines")
		for i := range n {
			fmt.Fprintf(&line, " team/r%d", i)
		}
		return clitest.Execute(t, newCmdGenerate(clitest.Factory(nil), nil), line.String())
	}
	if err := run(scopemap.MaxActions); err != nil {
		t.Error(err)
	}
	if err := run(scopemap.MaxActions + 1); acrkit.CodeOf(err) != acrkit.CodeTooLarge {
		t.Errorf("one more: %v", err)
	}
}
