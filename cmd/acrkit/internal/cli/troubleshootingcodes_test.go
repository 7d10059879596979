package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/diagnose"
)

const codesBegin,
	codesEnd = "<!-- codes: written by go test ./cmd/acrkit/internal/cli -run TestTroubleshootingCodes -update -->\n",
	"<!-- /codes -->\n"

// TestTroubleshootingCodes: the page has a section for each cause of the table, and
// for no other, with what acrkit explain says of the code.
func TestTroubleshootingCodes(t *testing.T) {
	path := filepath.Join("..", "..", "..", "..", "docs", "troubleshooting.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), codesBegin)
	old, tail, ok2 := strings.Cut(rest, codesEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the codes", path)
	}
	var b strings.Builder
	for _, c := range diagnose.Causes() {
		fmt.Fprintf(&b, "\n### <a id=%q></a>%s %s\n\n%s.\n\n", strings.ToLower(string(c.Code)), c.Code,
			c.Name, upper(c.Title))
		for _, line := range [][2]string{{"Symptom", c.Symptom}, {"Difference from similar causes", c.Difference},
			{"Proof", c.Proof}, {"Known", string(c.Basis)}} {
			if line[1] != "" {
				fmt.Fprintf(&b, "* %s: %s.\n", line[0], strings.TrimSuffix(line[1], "."))
			}
		}
		if c.Fix != "" {
			fmt.Fprintf(&b, "\n```sh\n%s\n```\n", c.Fix)
		}
	}
	b.WriteString("\n")
	if *update {
		if err := os.WriteFile(path, []byte(head+codesBegin+b.String()+codesEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(b.String(), old); diff != "" {
		t.Errorf("the codes in %s are stale; run with -update:\n%s", path, diff)
	}
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
