package scopemap_test

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/internal/difftest"
	"github.com/acrkit/acrkit/scopemap"
)

// writtenMap is a scope map from a real project, with an expert's judgement.
type writtenMap struct {
	ID, Name, Purpose string
	Actions           []string
	Expected          struct {
		Valid    bool
		Findings []string
		Minimal  []string
	}
}

// needContext are the judgements that the lines of a map do not show: they follow from the
// job that it is for, from how a script quotes its arguments, or from the registry's name.
var needContext = []string{"over-broad", "comment-mismatch", "job-needs", "catalog-needs-root", "unquoted-glob",
	"repository-named-like-registry"}

// judgement is "KIND on TARGET (remark)".
var judgement = regexp.MustCompile(`^(\S+)(?: on)?(?: ([^ (]+))?(?: \((.*)\))?$`)

// TestWrittenMaps holds Lint and Minimal to what an expert says of maps that people wrote. The
// folder is not part of the project.
func TestWrittenMaps(t *testing.T) {
	dir := cmp.Or(os.Getenv("ACRKIT_SCOPEMAPS"), filepath.Join("..", "..", "shared", "scopemaps"))
	data, err := os.ReadFile(filepath.Join(dir, "maps.json"))
	if err != nil {
		t.Skipf("the maps that people wrote are not here; set ACRKIT_SCOPEMAPS to their folder: %v", err)
	}
	var all []writtenMap
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 40 {
		t.Fatalf("%s has %d maps", dir, len(all))
	}
	var expected, matched, found, falsely, context int
	for _, m := range all {
		got := scopemap.Lint(m.Actions)
		if m.Name != "" {
			got = append(got, scopemap.LintName(m.Name)...)
		}
		valid := !slices.ContainsFunc(scopemap.Lint(m.Actions), func(f scopemap.Finding) bool {
			return f.Severity == scopemap.SeverityError
		})
		if valid != m.Expected.Valid {
			t.Errorf("%s (%s): valid: %v, want %v: %v", m.ID, m.Purpose, valid, m.Expected.Valid, got)
		}
		wanted := make([]bool, len(got)) // which findings are expected
		for _, text := range m.Expected.Findings {
			j := judgement.FindStringSubmatch(text)
			if j == nil {
				t.Fatalf("%s: the judgement %q has another form", m.ID, text)
			}
			if slices.Contains(needContext, j[1]) {
				context++
				continue
			}
			expected++
			info := strings.HasPrefix(j[3], "info")
			hit := false
			for i, f := range got {
				if string(f.Kind) == j[1] && (f.Severity == scopemap.SeverityInfo) == info && isAbout(f, j[2]) {
					wanted[i], hit = true, true
				}
			}
			if hit {
				matched++
			} else {
				t.Errorf("%s (%s): not found: %s", m.ID, m.Purpose, text)
			}
		}
		for i, f := range got {
			found++
			if !wanted[i] {
				falsely++
				t.Errorf("%s (%s): not expected: %s", m.ID, m.Purpose, f)
			}
		}
		if !m.Expected.Valid {
			continue
		}
		least := scopemap.Minimal(mustParse(t, m.Actions...))
		if diff := difftest.Diff(m.Expected.Minimal, least.Lines()); diff != "" {
			t.Errorf("%s (%s): minimal: %s", m.ID, m.Purpose, diff)
		}
	}
	t.Logf("%d maps: %d of %d expected findings; %d of %d findings are not expected; %d judgements need context",
		len(all), matched, expected, falsely, found, context)
}

func isAbout(f scopemap.Finding, target string) bool {
	return target == "" || f.Text == target || strings.Contains(f.Text, "/"+target+"/") ||
		strings.Contains(f.Reason, target)
}
