package replay

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Report is what came out.
type Report struct {
	Recordings    int
	Exchanges     int // that were played: the N of M are Matched of Exchanges
	Matched       int
	Differences   []Difference
	Excluded      []Exclusion // exchanges that were not played
	ExcludedParts []Exclusion // of exchanges that were: what was not compared
	NotRecordings []Exclusion // files in the folder that are none
	Operations    []Operation // what the exchanges asked for; what is missing here was not tried
}

// Operation is what requests of one kind came to.
type Operation struct {
	Name             string // such as "GET /acr/v1/NAME/_tags"
	Played, Matching int
}

func (rep *Report) count(name string, matching bool) {
	i := slices.IndexFunc(rep.Operations, func(o Operation) bool { return o.Name == name })
	if i < 0 {
		i = len(rep.Operations)
		rep.Operations = append(rep.Operations, Operation{Name: name})
	}
	rep.Operations[i].Played++
	rep.Exchanges++
	if matching {
		rep.Operations[i].Matching++
		rep.Matched++
	}
}

// operation names the kind of a request.
func operation(method, path string) string {
	for _, word := range []string{"/_tags/", "/_manifests/", "/_tags", "/_manifests", "/blobs/uploads/", "/manifests/", "/blobs/", "/tags/list", "/referrers/"} {
		before, after, ok := strings.Cut(path, word)
		if !ok {
			continue
		}
		root := "/v2/NAME"
		if strings.HasPrefix(before, "/acr/v1/") {
			root = "/acr/v1/NAME"
		}
		switch {
		case after == "":
		case strings.Contains(after, ":") || word == "/blobs/":
			word += "DIGEST"
		case word == "/blobs/uploads/":
			word += "ID"
		default:
			word += "TAG"
		}
		return method + " " + root + word
	}
	if rest, ok := strings.CutPrefix(path, "/acr/v1/"); ok && rest != "_catalog" {
		path = "/acr/v1/NAME"
	}
	return method + " " + path
}

// Difference is an exchange whose answer is not the recorded one.
type Difference struct {
	File     string
	Exchange int // its place in the file, from 1
	Request  string
	What     []string
}

// Exclusion says why something in a file is left out.
type Exclusion struct {
	File   string
	Reason string
	Count  int // of exchanges, or of files for a folder without recordings
}

func (rep *Report) exclude(file, reason string, whole bool) {
	list := &rep.ExcludedParts
	if whole {
		list = &rep.Excluded
	}
	for i, e := range *list {
		if e.File == file && e.Reason == reason {
			(*list)[i].Count++
			return
		}
	}
	*list = append(*list, Exclusion{file, reason, 1})
}

func (rep *Report) sort() {
	order := func(a, b Exclusion) int {
		return cmp.Or(strings.Compare(a.Reason, b.Reason), strings.Compare(a.File, b.File))
	}
	slices.SortFunc(rep.Excluded, order)
	slices.SortFunc(rep.ExcludedParts, order)
	slices.SortFunc(rep.Operations, func(a, b Operation) int {
		_, pathA, _ := strings.Cut(a.Name, " ")
		_, pathB, _ := strings.Cut(b.Name, " ")
		return cmp.Or(strings.Compare(pathA, pathB), strings.Compare(a.Name, b.Name))
	})
}

// Write prints the report: differences first, then what is excluded and why, and
// at the end the line that sums it up.
func (rep *Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, d := range rep.Differences {
		fmt.Fprintf(&b, "DIFFERS %s, exchange %d: %s\n", d.File, d.Exchange, d.Request)
		for _, what := range d.What {
			fmt.Fprintf(&b, "    %s\n", what)
		}
	}
	list := func(title, unit string, all []Exclusion) {
		last := ""
		for i, e := range all {
			if i == 0 {
				fmt.Fprintf(&b, "\n%s:\n", title)
			}
			if e.Reason != last {
				total := 0
				for _, x := range all {
					if x.Reason == e.Reason {
						total += x.Count
					}
				}
				fmt.Fprintf(&b, "  %s: %d %s\n", e.Reason, total, unit)
				last = e.Reason
			}
			fmt.Fprintf(&b, "    %4d  %s\n", e.Count, e.File)
		}
	}
	list("Excluded exchanges", "exchanges", rep.Excluded)
	list("Not compared in exchanges that were", "exchanges", rep.ExcludedParts)
	b.WriteString("\nNever compared: the headers Server, Date, Connection and Keep-Alive; the order of an object's keys; what a time, an id or a token is, beyond its form.\n")
	list("Files that are no recordings", "files", rep.NotRecordings)
	excluded := 0
	for _, e := range rep.Excluded {
		excluded += e.Count
	}
	b.WriteString("\nBy operation:\n")
	for _, o := range rep.Operations {
		fmt.Fprintf(&b, "  %4d of %4d  %s\n", o.Matching, o.Played, o.Name)
	}
	fmt.Fprintf(&b, "\n%d recordings, %d exchanges, %d of them excluded.\n", rep.Recordings, rep.Exchanges+excluded, excluded)
	fmt.Fprintf(&b, "%d of %d exchanges match", rep.Matched, rep.Exchanges)
	if rep.Exchanges > 0 {
		fmt.Fprintf(&b, " (%.1f %%)", 100*float64(rep.Matched)/float64(rep.Exchanges))
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}
