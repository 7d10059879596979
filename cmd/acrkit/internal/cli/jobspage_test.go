package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/scopemap"
)

// jobsHead is the page's text, with "'" for "`".
const jobsHead = `# Rights of common jobs

Written by 'go test ./cmd/acrkit/internal/cli -run TestJobsPage -update'.

The least rights that a scope-mapped token needs for a job.
['acrkit scope-map generate'](cli.md#acrkit-scope-map-generate) prints them for your repositories:

'''sh
acrkit scope-map generate --for crane-copy source=team/app target=mirror/app --format az
'''

['interop/jobs'](../interop/jobs) ran each job with its client against the emulator: with every right, to record what
its requests require; with just these rights, which must work; and without each of them, which must fail for that
reason. '.ci/nightly jobs' does so again. What a request requires is the answer of ACR itself
where [fidelity.md](fidelity.md) says *recorded*. Other versions of a client may send other requests, which
'acrkit proxy --record' finds out.

*catalog: metadata/read* is 'repositories/*/metadata/read', which the list of the repositories needs. 'acr purge' sends a
scope-mapped token in a way that ACR refuses, so it ran through ['acrkit proxy'](proxy.md). No package registry has 'acr'
and 'argocd-image-updater': their jobs run where 'ACRKIT_INTEROP_ACR' and 'ACRKIT_INTEROP_IMAGE_UPDATER' name the
programs, built from source.

| job | what it does | client | rights |
|---|---|---|---|
`

// TestJobsPage holds docs/jobs.md up to date with the table of jobs.
func TestJobsPage(t *testing.T) {
	file := filepath.Join("..", "..", "..", "..", "docs", "jobs.md")
	var b, optional strings.Builder
	b.WriteString(strings.ReplaceAll(jobsHead, "'", "`"))
	for _, j := range scopemap.Jobs() {
		var rights []string
		for _, n := range j.Needs {
			var actions []string
			for _, a := range n.Actions {
				actions = append(actions, a.String())
			}
			for _, o := range n.Optional {
				actions = append(actions, o.Action.String()+" (optional)")
				fmt.Fprintf(&optional, "| %s | %s on the %s | %s | `%s` |\n", j.Name, o.Action, n.Role, o.Without,
					strings.NewReplacer("|", "/", "`", "'").Replace(o.Log))
			}
			rights = append(rights, n.Role+": "+strings.Join(actions, ", "))
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s %s | %s |\n", j.Name, j.Does, j.Client, j.Version, strings.Join(rights, "; "))
	}
	b.WriteString("\n## Optional rights\n\nWithout them the client does the job by other means, as its own log " +
		"shows. `--optional` adds them.\n\n| job | right | without it | the client's log |\n|---|---|---|---|\n")
	b.WriteString(optional.String())
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(page)); diff != "" {
		t.Errorf("docs/jobs.md is not up to date: run this test with -update (-want +got):\n%s", diff)
	}
}

// TestJobs_valid: every job of the table gives a valid scope map, with and without what is
// optional.
func TestJobs_valid(t *testing.T) {
	for _, j := range scopemap.Jobs() {
		var targets []scopemap.Target
		for _, n := range j.Needs {
			if len(n.Actions)+len(n.Optional) == 0 {
				t.Errorf("%s: the %s needs no right", j.Name, n.Role)
			}
			if n.Role != scopemap.RoleCatalog {
				targets = append(targets, scopemap.Target{Role: n.Role, Pattern: scopemap.Pattern("team/" + n.Role)})
			}
			for _, o := range n.Optional {
				if o.Without == "" || o.Log == "" {
					t.Errorf("%s: %s on the %s is optional, and nothing shows it", j.Name, o.Action, n.Role)
				}
			}
		}
		grants, err := scopemap.Generate([]scopemap.Job{j}, targets)
		if err != nil {
			t.Errorf("%s: %v", j.Name, err)
			continue
		}
		needed, all := scopemap.MapOf(grants, false), scopemap.MapOf(grants, true)
		if len(needed.Rules) == 0 || scopemap.Diff(needed, all).Widens() != (len(all.Rules) > len(needed.Rules)) {
			t.Errorf("%s: the map is %v, and %v with what is optional", j.Name, needed.Lines(), all.Lines())
		}
		if _, err := scopemap.Parse(all.Lines()); err != nil {
			t.Errorf("%s: %v", j.Name, err)
		}
		if needs := len(j.Roles()) < len(j.Needs); all.Decide(acrkit.CatalogScope()).Allowed() != needs {
			t.Errorf("%s: the catalog is granted: %t, and needed: %t", j.Name, !needs, needs)
		}
	}
}
