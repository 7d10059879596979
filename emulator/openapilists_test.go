package emulator_test

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/rule"
)

var update = flag.Bool("update", false, "write the lists of words in control/openapi.yaml")

// TestOpenAPILists: with -update it writes the lists of openapi.yaml that come from
// tables: rules, kinds of faults and routes. TestOpenAPIRules and TestOpenAPIFaults
// compare them.
func TestOpenAPILists(t *testing.T) {
	const name = "control/openapi.yaml"
	data, err := os.ReadFile(name)
	must(t, err)
	text := string(data)
	var rules, kinds, routes []string
	for _, r := range rule.All() {
		rules = append(rules, string(r.ID))
	}
	for _, k := range fault.Kinds() {
		kinds = append(kinds, string(k))
	}
	for _, r := range fault.Routes() {
		routes = append(routes, string(r))
	}
	for schema, words := range map[string][]string{"RuleID": rules, "FaultKind": kinds, "Route": routes} {
		re := regexp.MustCompile(`(?s)(\n    ` + schema + `:.*?enum: \[)[^\]]*\]`)
		if len(re.FindAllString(text, -1)) != 1 {
			t.Fatalf("openapi.yaml does not have one list of %s", schema)
		}
		text = re.ReplaceAllString(text, "${1}"+wrap(words)+"]")
	}
	if *update {
		must(t, os.WriteFile(name, []byte(text), 0o644))
	} else if text != string(data) {
		t.Error("a list of openapi.yaml is not as its table; run this test with -update")
	}
}

// wrap joins words with commas: on one line, or in lines of up to 110 columns.
func wrap(words []string) string {
	if one := strings.Join(words, ", "); len(one) < 90 {
		return one
	}
	var b strings.Builder
	column := 200
	for i, w := range words {
		if column+len(w)+2 > 110 {
			b.WriteString("\n       ")
			column = 7
		}
		b.WriteString(" " + w)
		column += len(w) + 2
		if i < len(words)-1 {
			b.WriteByte(',')
		}
	}
	return b.String()
}
