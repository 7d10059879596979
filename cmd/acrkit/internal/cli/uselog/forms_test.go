package uselog

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/acrkit/acrkit/scopemap"
)

// line is a line of ACR's logs, for tests.
type line struct {
	at                              time.Time
	category, operation, repository string
	identity, status                string
}

const server = "example.azurecr.io"

func (l line) logAnalytics() map[string]any {
	row := map[string]any{"TimeGenerated": stampNano(l.at), "OperationName": l.operation, "LoginServer": server,
		"Identity": l.identity, "ResultType": "HttpStatusCode", "ResultDescription": l.status, "Type": l.category,
		"CallerIpAddress": "203.0.113.18", "TenantId": "11111111-1111-1111-1111-111111111111"}
	if l.category == string(RepositoryEvents) {
		row["Repository"], row["Tag"], row["Size"] = l.repository, `v"1`, 5
	}
	return row
}

// resource is the form of storage accounts and event hubs (recorded).
func (l line) resource() map[string]any {
	p := map[string]any{"loginServer": server, "tag": "v1", "digest": "<nil>", "userAgent": "a \\ b"}
	if l.category == string(RepositoryEvents) {
		p["repository"] = l.repository
	}
	return map[string]any{"time": stampNano(l.at), "category": l.category, "operationName": l.operation,
		"identity": l.identity, "resultType": "HttpStatusCode", "resultDescription": l.status, "properties": p,
		"resourceId": "/SUBSCRIPTIONS/X/PROVIDERS/MICROSOFT.CONTAINERREGISTRY/REGISTRIES/EXAMPLE"}
}

func stampNano(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

var columns = []string{"TenantId", "TimeGenerated [UTC]", "OperationName", "LoginServer", "Repository", "Identity",
	"ResultType", "ResultDescription", "Type"}

func (l line) values() []string {
	return []string{"11111111-1111-1111-1111-111111111111", stampNano(l.at), l.operation, server, l.repository,
		l.identity, "HttpStatusCode", l.status, l.category}
}

// forms writes the lines in every form.
func forms(lines []line) map[string]string {
	encode := func(v any, indent string) string {
		b, err := json.MarshalIndent(v, "", indent)
		if err != nil {
			panic(err)
		}
		if indent == "" {
			b, _ = json.Marshal(v)
		}
		return string(b)
	}
	var analytics, resources []map[string]any
	var rows [][]string
	var perLine, blob strings.Builder
	var table strings.Builder
	w := csv.NewWriter(&table)
	_ = w.Write(columns)
	for _, l := range lines {
		analytics, resources = append(analytics, l.logAnalytics()), append(resources, l.resource())
		rows = append(rows, l.values())
		perLine.WriteString(encode(l.logAnalytics(), "") + "\n")
		blob.WriteString(encode(l.resource(), "") + "\r\n")
		_ = w.Write(l.values())
	}
	w.Flush()
	var names []map[string]string
	for _, c := range columns {
		names = append(names, map[string]string{"name": strings.TrimSuffix(c, " [UTC]"), "type": "string"})
	}
	tables := map[string]any{"tables": []any{map[string]any{"name": "PrimaryResult", "columns": names, "rows": rows}}}
	var objects strings.Builder
	for _, r := range analytics {
		objects.WriteString(encode(r, "  ") + "\n")
	}
	return map[string]string{
		"JSON lines of Log Analytics": perLine.String(),
		"a storage account":           blob.String(),
		"az":                          encode(analytics, "  "),
		"a list in one line":          encode(analytics, ""),
		"an event hub":                encode(map[string]any{"records": resources}, ""),
		"an event hub, indented":      encode(map[string]any{"records": resources}, "  "),
		"the API":                     encode(tables, ""),
		"the API, indented":           encode(tables, "\t"),
		"objects, indented":           objects.String(),
		"CSV":                         "\ufeff" + table.String(),
		"CSV with semicolons":         separated(lines, ';'),
		"CSV with tabs":               separated(lines, '\t'),
		"CSV of Windows":              strings.ReplaceAll(table.String(), "\n", "\r\n"),
	}
}

// separated is CSV with another separator.
func separated(lines []line, comma rune) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = comma
	_ = w.Write(columns)
	for _, l := range lines {
		_ = w.Write(l.values())
	}
	w.Flush()
	return b.String()
}

var drawLine = rapid.Custom(func(t *rapid.T) line {
	l := line{at: time.Date(2026, 1, 1, 0, 0, rapid.IntRange(0, 1e6).Draw(t, "s"),
		100*rapid.IntRange(0, 9).Draw(t, "ns"),
		time.UTC), category: string(RepositoryEvents), identity: "ci-pull"}
	l.operation = rapid.SampledFrom([]string{"Pull", "Push", "Delete", "Untag", "PurgeTag",
		"Login"}).Draw(t, "operation")
	l.repository = rapid.StringMatching(`[ab](/[abc])?`).Draw(t, "repository")
	l.status = rapid.SampledFrom([]string{"200", "201", "404", "401", "403", "429", "500"}).Draw(t, "status")
	if l.operation == "Login" {
		l.category, l.repository = string(LoginEvents), ""
	}
	return l
})

// readAll reads texts as the sources a, b, c…
func readAll(t testing.TB, c Choice, limit int, texts ...string) (*Log, error) {
	l := New(c)
	t.Cleanup(func() { _ = l.Close() })
	if limit > 0 {
		l.limit = limit
	}
	for i, text := range texts {
		dir, err := os.MkdirTemp("", "uselog")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, string(rune('a'+i)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err = l.Read(path, nil)
		_ = os.RemoveAll(dir)
		if err != nil {
			return l, err
		}
		l.Sources[i].Path = string(rune('a' + i))
	}
	return l, l.Check()
}

func uses(t interface{ Fatal(args ...any) }, l *Log) (out []scopemap.Use) {
	for u, err := range l.Uses() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, u)
	}
	return out
}

// equalRule compares what is not exported too.
var equalRule = cmp.Comparer(func(a, b scopemap.Rule) bool { return a == b })

// TestForms: every form of the same log says the same, and how much is kept in memory makes no
// difference.
func TestForms(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := rapid.SliceOfN(drawLine, 1, 12).Draw(rt, "lines")
		var want []scopemap.Use
		first := true
		for name, text := range forms(lines) {
			for _, limit := range []int{0, 1} {
				l, err := readAll(t, Choice{}, limit, text)
				if err != nil {
					rt.Fatalf("%s: %v\n%s", name, err, text)
				}
				if l.Lines() != int64(len(lines)) || len(l.Missing()) > 0 || l.Registry() != "example" {
					rt.Fatalf("%s: %d of %d lines, %q, %v", name, l.Lines(), len(lines), l.Registry(), l.Missing())
				}
				got := uses(rt, l)
				if first {
					want, first = got, false
				}
				if diff := cmp.Diff(want, got, equalRule); diff != "" {
					rt.Fatalf("%s: %s\n%s", name, diff, text)
				}
			}
		}
		var n int64
		for _, l := range lines {
			status, _ := strconv.Atoi(l.status)
			if status < 400 || status == 404 {
				n += map[string]int64{"Pull": 1, "Push": 2, "Delete": 1, "Untag": 1}[l.operation]
			}
		}
		var got int64
		for _, u := range want {
			got += u.Count
		}
		if got != n {
			rt.Fatalf("%d uses, want %d", got, n)
		}
	})
}

// TestMerge: the order of sources, and how lines are spread over them, make no difference but to
// the names of the sources.
func TestMerge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := rapid.SliceOfN(drawLine, 1, 8).Draw(rt, "a")
		b := rapid.SliceOfN(drawLine, 1, 8).Draw(rt, "b")
		pick := func(lines []line) string {
			all := forms(lines)
			return all[rapid.SampledFrom([]string{"az", "CSV", "a storage account", "the API"}).Draw(rt, "form")]
		}
		textA, textB := pick(a), pick(b)
		plain := func(l *Log, err error) (out []scopemap.Use) {
			if err != nil {
				rt.Fatal(err)
			}
			for _, u := range uses(rt, l) {
				u.Sources = nil
				out = append(out, u)
			}
			return out
		}
		want := plain(readAll(t, Choice{}, 0, textA, textB))
		for name, got := range map[string][]scopemap.Use{
			"the other order": plain(readAll(t, Choice{}, 0, textB, textA)),
			"in one":          plain(readAll(t, Choice{}, 0, pick(append(append([]line{}, a...), b...)))),
		} {
			if diff := cmp.Diff(want, got, equalRule); diff != "" {
				rt.Fatalf("%s: %s", name, diff)
			}
		}
	})
}

// TestRows: what a query has counted says the same as its lines.
func TestRows(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lines := rapid.SliceOfN(drawLine, 1, 12).Draw(rt, "lines")
		type key struct{ operation, repository, status string }
		type count struct {
			n           int
			first, last time.Time
		}
		rows := map[key]*count{}
		only := lines[:0:0]
		for _, l := range lines {
			if l.category != string(RepositoryEvents) {
				continue
			}
			only = append(only, l)
			k := key{l.operation, l.repository, l.status}
			c := rows[k]
			if c == nil {
				c = &count{first: l.at, last: l.at}
				rows[k] = c
			}
			c.n++
			if l.at.Before(c.first) {
				c.first = l.at
			}
			if l.at.After(c.last) {
				c.last = l.at
			}
		}
		if len(only) == 0 {
			return
		}
		var list []map[string]any
		text := "LoginServer,Identity,Repository,OperationName,ResultDescription,Count,First,Last\n"
		for k, c := range rows {
			list = append(list, map[string]any{"LoginServer": server, "Identity": "ci-pull", "Repository": k.repository,
				"OperationName": k.operation, "ResultDescription": k.status, "count_": strconv.Itoa(c.n) + ".0",
				"min_TimeGenerated": stampNano(c.first), "max_TimeGenerated": stampNano(c.last),
				"TableName": "PrimaryResult"})
			text += fmt.Sprintf("%s,ci-pull,%s,%s,%s,%d,%s,%s\n", server, k.repository, k.operation, k.status, c.n,
				stampNano(c.first), stampNano(c.last))
		}
		asJSON, err := json.MarshalIndent(list, "", "  ")
		if err != nil {
			rt.Fatal(err)
		}
		raw, err := readAll(t, Choice{}, 0, forms(only)["CSV"])
		if err != nil {
			rt.Fatal(err)
		}
		want := uses(rt, raw)
		for _, form := range []string{string(asJSON), text} {
			l, err := readAll(t, Choice{}, 0, form)
			if err != nil {
				rt.Fatalf("%v\n%s", err, form)
			}
			if diff := cmp.Diff(want, uses(rt, l), equalRule); diff != "" || l.Lines() != raw.Lines() ||
				l.Refused() != raw.Refused() || l.Kinds()[0] != Rows {
				rt.Fatalf("%s\n%s", diff, form)
			}
		}
	})
}

// BenchmarkRead reads logs of different length and of many repositories, in each form that may be
// large. The time for a line and the memory do not grow with the length:
//
//	go test ./cmd/acrkit/internal/cli/uselog -run '^$' -bench Read -benchtime 1x
func BenchmarkRead(b *testing.B) {
	for _, form := range []string{"a storage account", "an event hub", "JSON lines of Log Analytics", "az", "CSV"} {
		for _, n := range []int{100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(form, " ", "-"), n), func(b *testing.B) {
				for b.Loop() {
					l := New(Choice{})
					if err := l.Read("-", newLong(form, n)); err != nil {
						b.Fatal(err)
					}
					if l.Lines() != int64(n) || len(l.Missing()) > 0 {
						b.Fatal(l.Lines(), l.Missing())
					}
					rights := 0
					for _, err := range l.Uses() {
						if err != nil {
							b.Fatal(err)
						}
						rights++
					}
					if err := l.Close(); err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(rights), "rights")
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/line")
			})
		}
	}
}

// long is a log of n lines that is made while it is read.
type long struct {
	n, i, names    int
	line           string
	between, after string
	rest           string
}

// newLong returns a log in one of the forms. Its repositories are names/0 to names/9999, in turn.
func newLong(form string, n int) *long {
	const mark = "mark/0"
	text := forms([]line{{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), string(RepositoryEvents), "Pull", mark, "ci",
		"200"}})[form]
	l := &long{n: n, names: 10_000, line: text}
	switch form {
	case "az":
		l.rest, l.line = "[", strings.Trim(text, "[]\n ")
		l.between, l.after = ",", "]"
	case "an event hub":
		l.rest, l.between, l.after = `{"records":[`, ",", "]}"
		l.line = strings.TrimSuffix(strings.TrimPrefix(text, l.rest), l.after)
	case "CSV":
		head, row, _ := strings.Cut(text, "\n")
		l.rest, l.line = head+"\n", row
	}
	return l
}

func (l *long) Read(p []byte) (int, error) {
	for l.rest == "" {
		switch {
		case l.i < l.n:
			l.rest = strings.Replace(l.line, "mark/0", "names/"+strconv.Itoa(l.i%l.names), 1)
			if l.i++; l.i < l.n {
				l.rest += l.between
			} else {
				l.rest += l.after
			}
		default:
			return 0, io.EOF
		}
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// TestMemory: what is kept does not grow with the repositories that are named.
func TestMemory(t *testing.T) {
	const n, limit = 150_000, 32 << 20
	l := New(Choice{})
	defer l.Close()
	read := newLong("CSV", n)
	read.names = n
	if err := l.Read("-", read); err != nil {
		t.Fatal(err)
	}
	rights := 0
	for _, err := range l.Uses() {
		if err != nil {
			t.Fatal(err)
		}
		rights++
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if rights != n || m.HeapAlloc > limit {
		t.Errorf("%d rights, %d MiB", rights, m.HeapAlloc>>20)
	}
	runtime.KeepAlive(l)
}
