package cmdutil

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadScopeMap(t *testing.T) {
	const lines = "repositories/team/app/content/read\nrepositories/team/app/metadata/read\n" +
		"repositories/team/web/metadata/read\nrepositories/lib/*/metadata/read\ngateway/edge/config/read"
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
		{"actions_twice", `{"actions":` + quoted + `,"actions":["repositories/*/content/write"]}`, "twice"},
		{"actions_in_capitals", `{"actions":` + quoted + `,"Actions":["repositories/*/content/write"]}`, "not spelled"},
		{"properties_in_capitals", `{"Properties":{"actions":` + quoted + `}}`, "not spelled"},
		{"not_json", `{"actions":`, "not the JSON"},
		{"wrong_array", `[1,2`, "not JSON"},
		{"bad_line", "repositories/team/*/x/content/read", "wildcard"},
		{"table", "NAME TYPE\nci-pull x", "action 1"},
		{"too_large", strings.Repeat("#", 1<<20+1), "larger than the limit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := ReadScopeMap("-", strings.NewReader(tc.in))
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
		})
	}
	t.Run("file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "map")
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := ReadScopeMap(path, nil); err != nil || len(m.Rules) != 5 {
			t.Errorf("%v, %v", m, err)
		}
		if _, err := ReadScopeMap(path+"x", nil); ExitCode(err) != ExitUsage {
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
	_, err := ReadScopeMap("-", strings.NewReader(strings.Repeat("wrong\n", 400)))
	if err == nil || strings.Count(err.Error(), "\n") != 5 || !strings.HasSuffix(err.Error(), "and 395 more") {
		t.Error(err)
	}
}
