package explain

import (
	"context"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
)

func TestNewCmdExplain(t *testing.T) {
	for _, tc := range []struct {
		line, reference string
		action          acrkit.Action
		file            string
	}{
		{"localhost:5443/a/b:v1", "localhost:5443/a/b:v1", acrkit.ContentRead, ""},
		{"localhost:5443/a/b", "localhost:5443/a/b", acrkit.MetadataRead, ""},
		{"localhost:5443/a/b:v1 --action push", "localhost:5443/a/b:v1", acrkit.ContentWrite, ""},
		{"--error", "", acrkit.MetadataRead, "-"},
		{"--error log.txt", "", acrkit.MetadataRead, "log.txt"},
		{"-e", "", acrkit.MetadataRead, "-"},
		{"--error=log.txt --no-probes", "", acrkit.MetadataRead, "log.txt"},
	} {
		var got *Options
		cmd := NewCmdExplain(clitest.Factory(nil), func(_ context.Context, opts *Options) error {
			got = opts
			return nil
		})
		if err := clitest.Execute(t, cmd, tc.line); err != nil {
			t.Errorf("%q: %v", tc.line, err)
			continue
		}
		reference := ""
		if got.ErrorFile == "" {
			reference = got.Reference.String()
		}
		if reference != tc.reference || got.Action != tc.action || got.ErrorFile != tc.file {
			t.Errorf("%q: %+v", tc.line, got)
		}
	}
	for line, why := range map[string]string{
		"":                              "no reference is given",
		"--error=x localhost:5443/a":    "takes no reference beside it",
		"--error --action push":         "needs a reference",
		"--error=":                      "an empty name",
		"localhost:5443/a --action fly": "fly",
		"a/b":                           "names no registry",
	} {
		clitest.WrongUsage(t, NewCmdExplain(clitest.Factory(nil), nil), line, why)
	}
	clitest.JSONFields(t, NewCmdExplain(clitest.Factory(nil), nil),
		"code", "name", "title", "confidence", "missing", "evidence", "candidates", "probes", "fix", "registry",
		"repository", "required")
}
