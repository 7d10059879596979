package run

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/internal/redact"
)

func TestNewCmdRun(t *testing.T) {
	for _, tc := range []struct {
		line, registry, repository string
		command                    []string
	}{
		{"-- crane ls x", "myregistry.azurecr.io", "", []string{"crane", "ls", "x"}},
		{"--repository a/b -- docker push --all-tags x", "myregistry.azurecr.io", "a/b",
			[]string{"docker", "push", "--all-tags", "x"}},
		{"-r a/b docker push --all-tags x", "myregistry.azurecr.io", "a/b",
			[]string{"docker", "push", "--all-tags", "x"}},
		{"-r localhost:5443/a/b make --registry", "localhost:5443", "a/b", []string{"make", "--registry"}},
	} {
		var got *Options
		cmd := NewCmdRun(clitest.Factory(map[string]string{"ACR_NAME": "myregistry"}),
			func(_ context.Context, opts *Options) error { got = opts; return nil })
		if err := clitest.Execute(t, cmd, tc.line); err != nil {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		if got.Registry.Host() != tc.registry || got.Repository != tc.repository ||
			!slices.Equal(got.Command, tc.command) {
			t.Errorf("%s: %+v", tc.line, got)
		}
	}
	for line, words := range map[string]string{
		"":                  "no command is given",
		"-r a/b":            "no command is given",
		"-r a:v1 -- true":   "names a tag",
		"-r a/b -- true":    "ACR_NAME is not set",
		"--nosuch -- true ": "unknown flag",
	} {
		clitest.WrongUsage(t, NewCmdRun(clitest.Factory(nil), nil), line, words)
	}
}

// A credential that changes while the command runs is written again; one that
// cannot be had at the moment leaves the old one.
func TestKeepFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		login := func(password string) auth.Login { return auth.Login{User: "u", Password: redact.NewSecret(password)} }
		answers := []auth.Login{login("a"), login("b"), {}, login("b"), login("c"), login("d")}
		i, fails := 0, 0
		var written []string
		stop := keepFresh(t.Context(), renewalPeriod, login("a"), func(context.Context) (auth.Login, error) {
			l := answers[min(i, len(answers)-1)]
			i++
			if l.User == "" {
				return l, errors.New("not now")
			}
			return l, nil
		}, func(l auth.Login) error {
			if l.Password.Reveal() == "c" && fails == 0 {
				fails++
				return errors.New("the disk is full")
			}
			written = append(written, l.Password.Reveal())
			return nil
		})
		time.Sleep(10*renewalPeriod + time.Second)
		stop()
		if diff := cmp.Diff([]string{"b", "d"}, written); diff != "" {
			t.Error(diff)
		}
	})
}
