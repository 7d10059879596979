package interop

import (
	"bytes"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

// result is one line of the table. Client and what name it; the outcome must be the
// same in every run, the words may change with the client's version.
type result struct{ client, version, what, outcome, words string }

type resultTable struct {
	mu   sync.Mutex
	rows []result
}

var results resultTable

func (r *resultTable) add(row result) {
	row.outcome, row.words = oneLine(row.outcome, 200), oneLine(row.words, 300)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

// The committed pages, each with a table between the markers.
const (
	tablePage   = "../docs/tested-clients.md" // every row
	summaryPage = "../README.md"              // a row for each client
	tableBegin  = "<!-- written by interop: go test -C interop . -update -->\n"
	tableEnd    = "<!-- end of what interop wrote -->\n"
	tableHead   = "| client | version | what | outcome | the client's words |\n|---|---|---|---|---|\n"
)

// write prints the table, and compares it with the committed one or, with -update,
// puts it there. Of a run of some tests only the rows that there are count; judge is
// false if a test failed, where rows are missing for that reason.
func (r *resultTable) write(judge bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.rows) == 0 {
		return nil
	}
	slices.SortFunc(r.rows, compareRows)
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CLIENT\tVERSION\tWHAT\tOUTCOME\tTHE CLIENT'S WORDS")
	for _, row := range r.rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", row.client, row.version, row.what, row.outcome, clip(row.words, 90))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := os.MkdirAll("results", 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join("results", "clients.md"), []byte(markdown(r.rows)), 0o644); err != nil {
		return err
	}
	committed, err := readTable()
	if err != nil {
		return err
	}
	// What was tried without a client, as killing the emulator, has figures of its own
	// in each run, and is no row of the pages.
	seen := slices.DeleteFunc(slices.Clone(r.rows), func(row result) bool { return strings.HasPrefix(row.client, "(") })
	whole := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""
	if *update {
		rows := seen
		if !whole || !judge {
			rows = merge(committed, seen)
		}
		return errors.Join(replaceTable(tablePage, markdown(rows)), replaceTable(summaryPage, summary(rows)))
	}
	if !judge {
		return nil
	}
	return compareTables(committed, seen, whole)
}

func compareRows(a, b result) int {
	return cmp.Or(strings.Compare(a.client, b.client), strings.Compare(a.what, b.what))
}

// compareTables finds what the committed table says otherwise than the run saw. A
// client that is not in the run was not installed, and its test said so.
func compareTables(committed, seen []result, whole bool) error {
	var differences []error
	differ := func(format string, args ...any) {
		differences = append(differences, fmt.Errorf(tablePage+": "+format+": run the tests with -update", args...))
	}
	ran := map[string]bool{}
	for _, row := range seen {
		ran[row.client] = true
		i := slices.IndexFunc(committed, func(c result) bool { return compareRows(c, row) == 0 })
		switch {
		case i < 0:
			differ("no row says that %s, %s: %s", row.client, row.what, row.outcome)
		case committed[i].outcome != row.outcome:
			differ("%s, %s: the table says %q, the run %q", row.client, row.what, committed[i].outcome, row.outcome)
		}
	}
	for _, row := range committed {
		if whole && ran[row.client] && !slices.ContainsFunc(seen, func(s result) bool {
			return compareRows(s, row) == 0
		}) {
			differ("%s, %s was not seen in this run", row.client, row.what)
		}
	}
	return errors.Join(differences...)
}

// merge returns the old rows, each replaced by the new one if it was seen again.
func merge(old, seen []result) []result {
	rows := slices.Clone(seen)
	for _, row := range old {
		if !slices.ContainsFunc(seen, func(s result) bool { return compareRows(s, row) == 0 }) {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, compareRows)
	return rows
}

// oneLine makes a cell of a table of a text.
func oneLine(s string, n int) string {
	return clip(strings.NewReplacer("|", "/", "<", "‹", ">", "›", "\n", " ").Replace(s), n)
}

func markdown(rows []result) string {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", row.client, row.version, row.what, row.outcome, row.words)
	}
	return b.String()
}

// summary has a row for each client: what it did, by each way in, and how often it
// was refused.
func summary(rows []result) string {
	columns := []string{"", "by helper", "by proxy", "by run"} // how a row's what begins
	var b strings.Builder
	b.WriteString(
		"| client | version | with its own login | by helper | by proxy | by `acrkit run` | refused " +
			"|\n|---|---|---|---|---|---|---|\n")
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].client == rows[0].client {
			n++
		}
		did, refused := make([][]string, len(columns)), 0
		for _, row := range rows[:n] {
			if strings.HasPrefix(row.what, "refused: ") {
				refused++
				continue
			}
			column := 0
			for i, way := range columns[1:] {
				if strings.HasPrefix(row.what, way) {
					column = i + 1
				}
			}
			what := row.what
			if column > 0 {
				_, what, _ = strings.Cut(what, ": ")
			}
			for part := range strings.SplitSeq(what, ", ") {
				if !slices.Contains(did[column], part) {
					did[column] = append(did[column], part)
				}
			}
		}
		if refused > 0 { // a client, not a suite of tests
			fmt.Fprintf(&b, "| %s | %s |", rows[0].client, rows[0].version)
			for _, d := range did {
				fmt.Fprintf(&b, " %s |", strings.Join(d, ", "))
			}
			if refused == 1 {
				b.WriteString(" once |\n")
			} else {
				fmt.Fprintf(&b, " %d times |\n", refused)
			}
		}
		rows = rows[n:]
	}
	return b.String()
}

// readTable reads the rows of the committed table.
func readTable() ([]result, error) {
	page, err := os.ReadFile(tablePage)
	if err != nil {
		return nil, err
	}
	_, text, found := strings.Cut(string(page), tableBegin)
	text, _, end := strings.Cut(text, tableEnd)
	if !found || !end {
		return nil, fmt.Errorf("%s has no markers %q and %q", tablePage, tableBegin, tableEnd)
	}
	var rows []result
	for line := range strings.Lines(strings.TrimPrefix(text, tableHead)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 7 {
			return nil, fmt.Errorf("%s: %q is no row of five cells", tablePage, line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, result{cells[1], cells[2], cells[3], cells[4], cells[5]})
	}
	return rows, nil
}

// replaceTable puts a table between the markers of a page.
func replaceTable(file, table string) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(page, []byte(tableBegin))
	_, after, end := bytes.Cut(rest, []byte(tableEnd))
	if !found || !end {
		return fmt.Errorf("%s has no markers %q and %q", file, tableBegin, tableEnd)
	}
	return os.WriteFile(file, slices.Concat(before, []byte(tableBegin+table+tableEnd), after), 0o644)
}

func clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}
