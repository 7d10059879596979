package archtest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/tools/archtest"
)

// TestGoRunOfAnImporter runs programs of other modules against a registry, with go run.
// They print what they did, and which modules are linked into them.
func TestGoRunOfAnImporter(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1", "v2")
	token := r.Token("ci-read", "repositories/samples/app/metadata/read")
	env := []string{"ACR_NAME=" + r.Host(), "ACR_TOKEN_NAME=" + token.Name, "ACR_TOKEN_PASSWORD=" + token.Password1,
		"SSL_CERT_FILE=" + r.CAFile()}
	for _, tc := range []struct {
		program, did string
		alone        bool // no module of others
	}{
		{"auth", "200", true},
		{"azureauth", "2", false},
	} {
		t.Run(tc.program, func(t *testing.T) {
			t.Parallel()
			dir := archtest.BareModule(t, tc.program)
			want := []string{tc.did, "github.com/acrkit/acrkit"}
			others := slices.Collect(maps.Keys(archtest.Compiled(t, dir)))
			if tc.alone != (len(others) == 0) {
				t.Errorf("modules of others: %q", others)
			}
			got := strings.Fields(archtest.GoTool(t, dir, env, "run", "."))
			want = append(want, others...)
			slices.Sort(want[1:])
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what the program did, and the modules in it (-want +got):\n%s", diff)
			}
		})
	}
}
