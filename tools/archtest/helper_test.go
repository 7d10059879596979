package archtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The credential helper starts for every pull, and on every node: it is compared
// with a committed list of the packages that are compiled into it, and has neither
// the emulator nor a database nor the command line.
func TestWhatTheHelperIsMadeOf(t *testing.T) {
	openAll(t, "cmd/docker-credential-acrkit")
	got := strings.Fields(goTool(t, moduleRoot, platform, "list", "-deps", "-f",
		"{{if not .Standard}}{{.ImportPath}}{{end}}", "./cmd/docker-credential-acrkit"))
	slices.Sort(got)
	for _, p := range got {
		for _, unwanted := range []string{module + "/emulator", module + "/acrtest", module +
			"/cmd/acrkit/internal/cli", "modernc.org/", "github.com/spf13/", "testing"} {
			if strings.HasPrefix(p, unwanted) {
				t.Errorf("%s is compiled in", p)
			}
		}
	}
	golden := filepath.Join("testdata", "docker-credential-acrkit.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(strings.Join(got, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Fields(string(want)), got); diff != "" {
		t.Errorf("packages compiled into docker-credential-acrkit (-want +got); -update writes the list:\n%s", diff)
	}
}
