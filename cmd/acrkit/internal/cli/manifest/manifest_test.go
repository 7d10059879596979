package manifest

import (
	"context"
	"testing"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
)

func TestNewCmdList(t *testing.T) {
	var got *listOptions
	cmd := newCmdList(clitest.Factory(nil), func(_ context.Context, opts *listOptions) error { got = opts; return nil })
	if err := clitest.Execute(t, cmd, "localhost:5443/a/b --order oldest -L 7"); err != nil {
		t.Fatal(err)
	}
	if got.Reference.String() != "localhost:5443/a/b" || got.Limit != 7 || got.Order != "oldest" {
		t.Errorf("%+v", got)
	}
	for line, words := range map[string]string{
		"":                      "needs a repository",
		"localhost:5443/app:v1": "names a tag or a digest",
		"localhost:5443/a -L x": "invalid argument",
	} {
		clitest.WrongUsage(t, newCmdList(clitest.Factory(nil), nil), line, words)
	}
}

func TestNewCmdView(t *testing.T) {
	var got *viewOptions
	cmd := newCmdView(clitest.Factory(nil), func(_ context.Context, opts *viewOptions) error { got = opts; return nil })
	if err := clitest.Execute(t, cmd, "--raw localhost:5443/a/b:v1"); err != nil {
		t.Fatal(err)
	}
	if got.Reference.String() != "localhost:5443/a/b:v1" || !got.Raw {
		t.Errorf("%+v", got)
	}
	for line, words := range map[string]string{
		"":                                     "needs a tag or a digest",
		"localhost:5443/app":                   "names neither a tag nor a digest",
		"localhost:5443/app@sha256:1":          "malformed digest",
		"localhost:5443/a:v1 --raw --json os":  "exclude each other",
		"localhost:5443/a:v1 --json something": "unknown JSON field",
	} {
		clitest.WrongUsage(t, newCmdView(clitest.Factory(nil), nil), line, words)
	}
}

func TestJSONFields(t *testing.T) {
	clitest.JSONFields(t, newCmdList(clitest.Factory(nil), nil),
		"digest", "mediaType", "configMediaType", "artifactType", "architecture", "os", "imageSize",
		"createdTime", "lastUpdateTime", "tags", "changeableAttributes")
	clitest.JSONFields(t, newCmdView(clitest.Factory(nil), nil),
		"digest", "mediaType", "configMediaType", "artifactType", "architecture", "os", "imageSize",
		"createdTime", "lastUpdateTime", "tags", "references", "changeableAttributes", "lockedTags",
		"repositoryAttributes")
}
