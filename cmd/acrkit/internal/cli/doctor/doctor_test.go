package doctor

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/diagnose"
)

func TestNewCmdDoctor(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	var got *Options
	cmd := NewCmdDoctor(clitest.Factory(nil), func(_ context.Context, opts *Options) error { got = opts; return nil })
	if err := clitest.Execute(t, cmd, "myregistry --want a/b:content/read -w c:push -w c:v1:content/delete -w c@"+
		digest+":pull"); err != nil {
		t.Fatal(err)
	}
	want := []diagnose.Want{{Repository: "a/b", Action: acrkit.ContentRead},
		{Repository: "c", Action: acrkit.ContentWrite},
		{Repository: "c", Action: acrkit.ContentDelete, Target: "v1"},
		{Repository: "c", Action: acrkit.ContentRead, Target: digest}}
	if diff := cmp.Diff(want, got.Wants); diff != "" || got.Registry.Host() != "myregistry.azurecr.io" ||
		got.Written != "myregistry" {
		t.Errorf("%+v\n%s", got, diff)
	}
	for line, why := range map[string]string{"": "ACR_NAME", "a b": "at most 1",
		"myregistry --want x": "REPOSITORY:ACTION", "myregistry --want x:y": "y",
		"myregistry --want x:-:push": "neither a tag nor a digest"} {
		clitest.WrongUsage(t, NewCmdDoctor(clitest.Factory(nil), nil), line, why)
	}
	clitest.JSONFields(t, NewCmdDoctor(clitest.Factory(nil), nil), "registry", "healthy",
		"complete", "steps", "diagnosis")
}
