package whoami

import (
	"context"
	"testing"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
)

func TestNewCmdWhoami(t *testing.T) {
	for _, tc := range []struct{ line, name, registry, repository string }{
		{"", "myregistry", "myregistry.azurecr.io", ""},
		{"localhost:5443", "myregistry", "localhost:5443", ""},
		{"--repository a/b", "myregistry", "myregistry.azurecr.io", "a/b"},
		{"-r localhost:5443/a/b", "", "localhost:5443", "a/b"},
	} {
		var got *Options
		cmd := NewCmdWhoami(clitest.Factory(map[string]string{"ACR_NAME": tc.name}),
			func(_ context.Context, opts *Options) error { got = opts; return nil })
		if err := clitest.Execute(t, cmd, tc.line); err != nil {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		if got.Registry.Host() != tc.registry || got.Repository != tc.repository {
			t.Errorf("%s: %+v", tc.line, got)
		}
	}
	for line, words := range map[string]string{
		"":                                  "ACR_NAME is not set",
		"a b":                               "at most 1",
		"localhost:5443 --repository a:v1":  "names a tag",
		"localhost:5443 --repository UPPER": "upper-case",
	} {
		clitest.WrongUsage(t, NewCmdWhoami(clitest.Factory(nil), nil), line, words)
	}
}

func TestJSONFields(t *testing.T) {
	clitest.JSONFields(t, NewCmdWhoami(clitest.Factory(nil), nil),
		"registry", "credential", "kind", "source", "credentials", "lookups", "repository", "granted", "missing",
		"tokenExpires", "refreshTokenExpires", "entraTokenExpires", "entraAudience", "error")
}
