package rights_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
)

func TestLines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "map.json")
	if err := os.WriteFile(file, []byte(`{"name":"x","actions":["repositories/c/*/content/write",
		"gateway/edge/config/read"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{"samples/app:content/read"}, []string{"repositories/samples/app/content/read"}},
		{[]string{"samples/app:content/read,metadata/read", "samples/app:content/read"},
			[]string{"repositories/samples/app/content/read", "repositories/samples/app/metadata/read"}},
		{[]string{"samples/*:pull"}, []string{"repositories/samples/*/content/read"}},
		{[]string{"*:metadata/read"}, []string{"repositories/*/metadata/read"}},
		{[]string{"repositories/samples/app/content/write", "gateway/edge/config/read"},
			[]string{"repositories/samples/app/content/write", "gateway/edge/config/read"}},
		{[]string{"a:metadata/read", "@-", "@" + file, "b:pull"}, []string{"repositories/a/metadata/read",
			"repositories/b/content/read", "repositories/c/*/content/write", "gateway/edge/config/read"}},
	} {
		got, err := rights.Lines("allow", tc.in, strings.NewReader("repositories/b/content/read # why\n"))
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%q: %q, %v", tc.in, got, err)
		}
	}
	for in, words := range map[string]string{
		"@-":                             "action 1",
		"r5555.azurecr.io/team/app:pull": "is a registry; name the repository alone: team/app",
		"@nothing":                       "cannot read the scope map",
		"samples/app":                    "neither REPOSITORY:ACTION nor a line",
		"samples/app:read":               `"read" is none of`,
		"samples/app:":                   `"" is none of`,
		"samples/app:content/read,":      `"" is none of`,
		":content/read":                  "--allow",
		"Samples/app:content/read":       "--allow",
		"samples/*/app:content/read":     "--allow",
		"repositories/samples/app/read":  "neither",
		"":                               "neither",
		"samples/app:v1:content/read":    "is none of",
		"repositories/samples/app/content/delet1": "neither",
	} {
		_, err := rights.Lines("allow", []string{in}, strings.NewReader("repositories/a/push"))
		if acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v", in, err)
		}
	}
}
