package interop

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// TestTable_differences: a run that saw something else than the committed table is
// an error, and one that saw less is, where it should have seen it.
func TestTable_differences(t *testing.T) {
	committed := []result{
		{"crane", "v1", "pull", "ok", ""},
		{"crane", "v1", "refused: push", "401 insufficient_scope, exit 1", "no"},
		{"skopeo", "1.9", "pull", "ok", ""},
	}
	for _, tc := range []struct {
		name  string
		seen  []result
		whole bool
		want  string // "" = no difference
	}{
		{"the same, of another version and in other words",
			[]result{{"crane", "v2", "pull", "ok", ""},
				{"crane", "v2", "refused: push", "401 insufficient_scope, exit 1", "never"}}, true, ""},
		{"another outcome", []result{{"crane", "v1", "pull", "401", ""}}, false,
			`crane, pull: the table says "ok", the run "401"`},
		{"a new row", []result{{"crane", "v1", "copy", "ok", ""}}, false, "no row says that crane, copy: ok"},
		{"a row not seen", []result{{"crane", "v1", "pull", "ok", ""}}, true,
			"crane, refused: push was not seen in this run"},
		{"a row not asked for", []result{{"crane", "v1", "pull", "ok", ""}}, false, ""},
		{"a client that is not installed", []result{{"skopeo", "1.9", "pull", "ok", ""}}, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := compareTables(committed, tc.seen, tc.whole)
			if (err == nil) != (tc.want == "") || err != nil && (!strings.Contains(err.Error(), tc.want) ||
				strings.Contains(err.Error(), "\n")) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
	merged := merge(committed, []result{{"crane", "v2", "pull", "ok", ""}})
	if len(merged) != 3 || merged[0].version != "v2" || merged[1].what != "refused: push" {
		t.Errorf("merged: %v", merged)
	}
}

// TestTable_committed reads the committed table back as it is written.
func TestTable_committed(t *testing.T) {
	rows, err := readTable()
	if err != nil || len(rows) < 50 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		if row.client == "" || row.version == "" || row.what == "" || row.outcome == "" {
			t.Errorf("%v has no client, version, subject or outcome", row)
		}
		if again := (result{row.client, row.version, row.what, oneLine(row.outcome, 200),
			oneLine(row.words, 300)}); again != row {
			t.Errorf("%v is written as %v", row, again)
		}
	}
	if !slices.IsSortedFunc(rows, compareRows) {
		t.Error("the rows are not in order")
	}
	// The README's table is made of the same rows.
	readme, err := os.ReadFile(summaryPage)
	if err != nil || !strings.Contains(string(readme), tableBegin+summary(rows)+tableEnd) {
		t.Errorf("%s does not show the rows of %s: run the tests with -update (%v)", summaryPage, tablePage, err)
	}
}
