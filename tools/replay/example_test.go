package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestExamples: an example whose statuses, headers, keys or values are others than the
// emulator's is a difference.
func TestExamples(t *testing.T) {
	const parameters = `{"parameters":{"api-version":"2023-07-01",
		"subscriptionId":"00000000-0000-0000-0000-000000000000",
		"resourceGroupName":"group","registryName":"myRegistry","scopeMapName":"myScopeMap",
		"scopeMapCreateParameters":{"properties":{"actions":["repositories/a/contentRead"]}}},"responses":`
	body := func(changes ...string) string {
		return strings.NewReplacer(changes...).Replace(`{"name":"myScopeMap","properties":{"type":"IsUserDefined",` +
			`"actions":["repositories/a/contentRead"],"provisioningState":"Whatever"}}`)
	}
	for name, x := range map[string]struct{ file, answers, want string }{
		"alike":  {"ScopeMapCreate", `{"200":{"body":` + body() + `},"201":{}}`, ""},
		"status": {"ScopeMapCreate", `{"201":{"body":` + body() + `}}`, "status 200, which the example has not"},
		"a value": {"ScopeMapCreate", `{"200":{"body":` + body("a/content", "b/content") + `}}`,
			".properties.actions[0] is "},
		"a key": {"ScopeMapCreate", `{"200":{"body":` + body(`"name"`, `"more":1,"name"`) + `}}`, ".more is missing"},
		"a header": {"ScopeMapCreate", `{"200":{"headers":{"Azure-AsyncOperation":"https://x/y"},"body":` +
			body() + `}}`,
			"there is no Azure-Asyncoperation"},
	} {
		dir := filepath.Join(t.TempDir(), "version", "examples")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		data := []byte(parameters + x.answers + "}")
		if err := os.WriteFile(filepath.Join(dir, x.file+".json"), data, 0o644); err != nil {
			t.Fatal(err)
		}
		report := new(Report)
		if err := report.playExamples(t.Context(), filepath.Dir(filepath.Dir(dir))); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, d := range report.Differences {
			got += strings.Join(d.What, "; ")
		}
		if x.want == "" && got != "" || !strings.Contains(got, x.want) || report.Exchanges != 1 {
			t.Errorf("%s: %d exchanges, %s, want %s", name, report.Exchanges, got, x.want)
		}
		if diff := cmp.Diff(x.want == "", report.Good()); diff != "" {
			t.Errorf("%s: good %s", name, diff)
		}
	}
}
