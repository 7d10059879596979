package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// countsPage has the table of requests that TestCounts writes.
const (
	countsPage  = "../docs/azure-sdks.md"
	countsBegin = "<!-- written by interop: go test -C interop . -run TestCounts -update -->\n"
	countsEnd   = "<!-- end of the counts -->\n"
)

// TestCounts holds the table of requests against the counts that the tests of
// sdk/*/ assert from the emulator's decision log.
func TestCounts(t *testing.T) {
	languages := []struct{ folder, title string }{{"python", "Python"}, {"typescript", "TypeScript"}, {"java", "Java"}}
	operations := []string{"list tags", "get manifest", "upload of 25 MiB", "download of 25 MiB",
		"paging over 2,300 tags"}
	kinds := []string{"acrkit cold", "acrkit warm", "service principal"}
	counts := map[string]map[string]map[string]int{}
	for _, l := range languages {
		b, err := os.ReadFile(filepath.Join("..", "sdk", l.folder, "counts.json"))
		if err != nil {
			t.Fatal(err)
		}
		var c map[string]map[string]int
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatalf("%s: %v", l.folder, err)
		}
		if len(c) != len(operations) {
			t.Errorf("sdk/%s counts %d operations, want %d", l.folder, len(c), len(operations))
		}
		counts[l.folder] = c
	}
	var table strings.Builder
	table.WriteString("| |")
	for _, l := range languages {
		fmt.Fprintf(&table, " %s: acrkit, cold | warm | service principal |", l.title)
	}
	table.WriteString("\n|---|" + strings.Repeat("---:|", len(languages)*len(kinds)) + "\n")
	for _, op := range operations {
		fmt.Fprintf(&table, "| %s |", op)
		for _, l := range languages {
			for _, kind := range kinds {
				n, ok := counts[l.folder][op][kind]
				if !ok {
					t.Errorf("sdk/%s does not count %s, %s", l.folder, op, kind)
				}
				fmt.Fprintf(&table, " %d |", n)
			}
		}
		table.WriteString("\n")
	}
	b, err := os.ReadFile(countsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), countsBegin)
	_, after, ended := strings.Cut(rest, countsEnd)
	if !ok || !ended {
		t.Fatalf("%s has no place for the counts", countsPage)
	}
	want := before + countsBegin + table.String() + countsEnd + after
	switch {
	case want == string(b):
	case *update:
		if err := os.WriteFile(countsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s shows other counts than sdk/*/counts.json: run the test with -update", countsPage)
	}
}
