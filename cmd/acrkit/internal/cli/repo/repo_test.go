package repo

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/scopemap"
)

func TestNewCmdList(t *testing.T) {
	for _, tc := range []struct {
		line, name, registry string
		repositories         []string
	}{
		{"", "myregistry", "myregistry.azurecr.io", nil},
		{"other", "myregistry", "other.azurecr.io", nil},
		{"localhost:5443", "", "localhost:5443", nil},
		{"a/b c", "myregistry", "myregistry.azurecr.io", []string{"a/b", "c"}},
		{"other a/b c", "", "other.azurecr.io", []string{"a/b", "c"}},
		{"localhost:5443/a localhost:5443/b", "", "localhost:5443", []string{"a", "b"}},
		{"--repository a -r b -r a", "myregistry", "myregistry.azurecr.io", []string{"a", "b"}},
		{"https://other.azurecr.io", "", "other.azurecr.io", nil},
	} {
		var got *listOptions
		cmd := newCmdList(clitest.Factory(map[string]string{"ACR_NAME": tc.name}),
			func(_ context.Context, opts *listOptions) error { got = opts; return nil })
		if err := clitest.Execute(t, cmd, tc.line); err != nil {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		if got.Registry.Host() != tc.registry || !slices.Equal(got.Repositories, tc.repositories) {
			t.Errorf("%s: %+v", tc.line, got)
		}
	}
	for line, words := range map[string]string{
		"":                                     "ACR_NAME is not set",
		"r.azurecr.io s.azurecr.io/a":          "another registry",
		"r.azurecr.io a/b:v1":                  "names a tag",
		"r.azurecr.io a/b --scope-map x":       "exclude each other",
		"r.azurecr.io --limit -1":              "--limit",
		"r.azurecr.io --json name,digest":      `unknown JSON field "digest"`,
		"r.azurecr.io --scope-map /not/there":  "no such file",
		"r.azurecr.io.evil.example --json":     "--json needs a list",
		"http://r.azurecr.io":                  "plain-HTTP address",
		"r.azurecr.io --repository Upper/Case": "upper-case",
	} {
		clitest.WrongUsage(t, newCmdList(clitest.Factory(nil), nil), line, words)
	}
}

func TestNewCmdView(t *testing.T) {
	var got *viewOptions
	cmd := newCmdView(clitest.Factory(nil), func(_ context.Context, opts *viewOptions) error { got = opts; return nil })
	if err := clitest.Execute(t, cmd, "localhost:5443/a/b"); err != nil ||
		got.Repository.String() != "localhost:5443/a/b" {
		t.Errorf("%+v, %v", got, err)
	}
	clitest.WrongUsage(t, newCmdView(clitest.Factory(nil), nil), "localhost:5443/a:v1", "names a tag or a digest")
}

func TestJSONFields(t *testing.T) {
	clitest.JSONFields(t, newCmdList(clitest.Factory(nil), nil), "name", "source", "complete")
	clitest.JSONFields(t, newCmdView(clitest.Factory(nil), nil), "name", "createdTime", "lastUpdateTime",
		"manifestCount", "tagCount", "changeableAttributes")
}

func TestFromMap(t *testing.T) {
	m, err := scopemap.Parse([]string{"repositories/team/app/content/read", "repositories/team/app/metadata/read",
		"repositories/team/web/metadata/read",
		"repositories/lib/*/metadata/read", "gateway/edge/config/read"})
	if err != nil {
		t.Fatal(err)
	}
	names, wildcards := fromMap(m)
	if diff := cmp.Diff([]string{"team/app", "team/web"}, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]scopemap.Pattern{"lib/*"}, wildcards); diff != "" {
		t.Error(diff)
	}
}
