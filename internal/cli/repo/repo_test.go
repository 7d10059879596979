package repo

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/internal/cli/cmdutil"
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
		var got *ListOptions
		cmd := NewCmdList(clitest.Factory(map[string]string{"ACR_NAME": tc.name}), func(_ context.Context, opts *ListOptions) error { got = opts; return nil })
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
		clitest.WrongUsage(t, NewCmdList(clitest.Factory(nil), nil), line, words)
	}
}

func TestNewCmdView(t *testing.T) {
	var got *ViewOptions
	cmd := NewCmdView(clitest.Factory(nil), func(_ context.Context, opts *ViewOptions) error { got = opts; return nil })
	if err := clitest.Execute(t, cmd, "localhost:5443/a/b"); err != nil || got.Repository.String() != "localhost:5443/a/b" {
		t.Errorf("%+v, %v", got, err)
	}
	clitest.WrongUsage(t, NewCmdView(clitest.Factory(nil), nil), "localhost:5443/a:v1", "names a tag or a digest")
}

func TestJSONFields(t *testing.T) {
	clitest.JSONFields(t, NewCmdList(clitest.Factory(nil), nil), "name", "source", "complete")
	clitest.JSONFields(t, NewCmdView(clitest.Factory(nil), nil), "name", "createdTime", "lastUpdateTime", "manifestCount", "tagCount", "changeableAttributes")
}

func TestReadScopeMap(t *testing.T) {
	const lines = "repositories/team/app/content/read\nrepositories/team/app/metadata/read\nrepositories/team/web/metadata/read\nrepositories/lib/*/metadata/read\ngateway/edge/config/read"
	quoted := `["` + strings.ReplaceAll(lines, "\n", `","`) + `"]`
	for _, tc := range []struct{ name, in, err string }{
		{"lines", "# the map of ci-pull\n\n  " + strings.ReplaceAll(lines, "\n", "\r\n  ") + "\n", ""},
		{"array", quoted, ""},
		{"az", `{"name":"ci-pull","actions":` + quoted + `,"type":"x"}`, ""},
		{"arm", `{"name":"ci-pull","properties":{"actions":` + quoted + `}}`, ""},
		{"az_list_of_one", `[{"name":"ci-pull","actions":` + quoted + `}]`, ""},
		{"az_list_of_two", `[{"actions":[]},{"actions":[]}]`, "holds 2 scope maps"},
		{"empty", " \n", "is empty"},
		{"no_actions", `{"name":"x"}`, `without "actions"`},
		{"not_json", `{"actions":`, "not the JSON"},
		{"wrong_array", `[1,2`, "not JSON"},
		{"bad_line", "repositories/team/*/x/content/read", "wildcard"},
		{"table", "NAME TYPE\nci-pull x", "action 1"},
		{"too_large", strings.Repeat("#", 1<<20+1), "larger than the limit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := readScopeMap("-", strings.NewReader(tc.in))
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%v, want %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(lines, "\n"), m.Lines()); diff != "" {
				t.Error(diff)
			}
			names, wildcards := fromMap(m)
			if diff := cmp.Diff([]string{"team/app", "team/web"}, names); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]scopemap.Pattern{"lib/*"}, wildcards); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "map")
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := readScopeMap(path, nil); err != nil || len(m.Rules) != 5 {
			t.Errorf("%v, %v", m, err)
		}
		if _, err := readScopeMap(path+"x", nil); cmdutil.ExitCode(err) != cmdutil.ExitUsage {
			t.Error(err)
		}
	})
}

func FuzzParseScopeMap(f *testing.F) {
	f.Add([]byte("repositories/a/content/read\n# x\n"))
	f.Add([]byte(`["repositories/a/*/metadata/read"]`))
	f.Add([]byte(`{"actions":["repositories/*/metadata/read"],"properties":null}`))
	f.Add([]byte(`[{"properties":{"actions":["gateway/x/config/read"]}}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := parseScopeMap(data)
		if err != nil {
			return
		}
		// What was read, written as lines, is the same map.
		if len(m.Rules) == 0 {
			return
		}
		again, err := parseScopeMap([]byte(strings.Join(m.Lines(), "\n")))
		if err != nil || !slices.Equal(again.Lines(), m.Lines()) {
			t.Fatalf("%q: %q, then %q (%v)", data, m.Lines(), again.Lines(), err)
		}
	})
}

func TestReadScopeMap_names_few_of_many_wrong_lines(t *testing.T) {
	_, err := readScopeMap("-", strings.NewReader(strings.Repeat("wrong\n", 400)))
	if err == nil || strings.Count(err.Error(), "\n") != 5 || !strings.HasSuffix(err.Error(), "and 395 more") {
		t.Error(err)
	}
}
