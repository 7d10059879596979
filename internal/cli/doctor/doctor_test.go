package doctor

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/internal/cli/clitest"
)

func TestNewCmdDoctor(t *testing.T) {
	var got *Options
	cmd := NewCmdDoctor(clitest.Factory(nil), func(_ context.Context, opts *Options) error { got = opts; return nil })
	if err := clitest.Execute(t, cmd, "myregistry --want a/b:content/read -w c:push"); err != nil {
		t.Fatal(err)
	}
	want := []diagnose.Want{{Repository: "a/b", Action: acrkit.ContentRead}, {Repository: "c", Action: acrkit.ContentWrite}}
	if diff := cmp.Diff(want, got.Wants); diff != "" || got.Registry.Host() != "myregistry.azurecr.io" || got.Written != "myregistry" {
		t.Errorf("%+v\n%s", got, diff)
	}
	for line, why := range map[string]string{"": "ACR_NAME", "a b": "at most 1", "myregistry --want x": "REPOSITORY:ACTION", "myregistry --want x:y": "y"} {
		clitest.WrongUsage(t, NewCmdDoctor(clitest.Factory(nil), nil), line, why)
	}
	clitest.JSONFields(t, NewCmdDoctor(clitest.Factory(nil), nil), "registry", "healthy", "complete", "steps", "diagnosis")
}
