package tag

import (
	"context"
	"testing"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
)

func TestNewCmdList(t *testing.T) {
	for _, tc := range []struct {
		line, name, reference, order string
		limit                        int
	}{
		{"samples/app", "myregistry", "myregistry.azurecr.io/samples/app", "name", 0},
		{"localhost:5443/samples/app --limit 3 --order newest", "", "localhost:5443/samples/app", "newest", 3},
		{"samples/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa -L 1", "r.azurecr.cn",
			"r.azurecr.cn/samples/app@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			"name", 1},
	} {
		var got *listOptions
		cmd := newCmdList(clitest.Factory(map[string]string{"ACR_NAME": tc.name}),
			func(_ context.Context, opts *listOptions) error { got = opts; return nil })
		if err := clitest.Execute(t, cmd, tc.line); err != nil {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		if got.Reference.String() != tc.reference || got.Limit != tc.limit || got.Order != tc.order {
			t.Errorf("%s: %+v", tc.line, got)
		}
	}
}

func TestNewCmdList_wrong_usage(t *testing.T) {
	for line, words := range map[string]string{
		"":                           "needs a repository",
		"a b":                        "takes 1 argument",
		"samples/app":                "ACR_NAME is not set",
		"localhost:5443/app:v1":      "names a tag",
		"localhost:5443/App":         "upper-case",
		"https://x.azurecr.io/a":     "is a URL",
		"localhost:5443/a -L -1":     "--limit",
		"localhost:5443/a --order x": "valid values are {name|newest|oldest}",
		"localhost:5443/a --json x":  `unknown JSON field "x"`,
		"localhost:5443/a --lmit 3":  "unknown flag",
	} {
		ran := false
		clitest.WrongUsage(t, newCmdList(clitest.Factory(nil), func(context.Context, *listOptions) error {
			ran = true
			return nil
		}), line, words)
		if ran {
			t.Errorf("%s: the command ran", line)
		}
	}
}

func TestJSONFields(t *testing.T) {
	clitest.JSONFields(t, newCmdList(clitest.Factory(nil), nil), "name", "digest", "createdTime", "lastUpdateTime",
		"changeableAttributes")
}
