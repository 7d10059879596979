package main

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/tools/replay/recording"
)

// Report is the result of [Run].
type Report struct {
	Recordings    int
	Exchanges     int // that were played
	Matched       int // answered alike
	Lost          int // answered alike, but for the bytes that the recording lost
	Differences   []Difference
	Excluded      []Exclusion        // exchanges that were not played
	ExcludedParts []Exclusion        // of exchanges that were: what was not compared
	NotRecordings []Exclusion        // files in the folder that are none
	Unread        []recording.Unread // files that look like recordings
	Operations    []Operation        // what the exchanges asked for; what is missing here was not tried
	Sources       []Source           // the same by where the recordings come from
}

// Good reports whether all was read and played, and answered alike.
func (rep *Report) Good() bool {
	return len(rep.Unread) == 0 && len(rep.Differences) == 0 && rep.Matched > 0
}

// Tally counts exchanges.
type Tally struct{ Played, Alike, Different, Lost int }

// Operation counts the results of one kind of request.
type Operation struct {
	Name string // such as "GET /acr/v1/NAME/_tags"
	Tally
}

// Source counts the results of the exchanges of one kind that one client recorded in
// one folder.
type Source struct {
	Folder string // below the one that was played
	Client string // such as "js", or the format of the recordings
	Kind   string // such as "uploads"
	Tally
}

// outcome is the result of an exchange.
type outcome int

const (
	alike outcome = iota
	different
	lost // alike, but for bytes that the recording lost
)

func (t *Tally) add(o outcome) {
	t.Played++
	switch o {
	case alike:
		t.Alike++
	case different:
		t.Different++
	case lost:
		t.Lost++
	}
}

// count counts an exchange. Folder and Client of from are those of its recording.
func (rep *Report) count(from Source, x *recording.Exchange, o outcome) {
	name := operation(x.Method, x.URL.Path)
	i := slices.IndexFunc(rep.Operations, func(o Operation) bool { return o.Name == name })
	if i < 0 {
		i = len(rep.Operations)
		rep.Operations = append(rep.Operations, Operation{Name: name})
	}
	rep.Operations[i].add(o)
	kind := kindOf(x.URL.Path)
	j := slices.IndexFunc(rep.Sources, func(s Source) bool {
		return s.Folder == from.Folder && s.Client == from.Client && s.Kind == kind
	})
	if j < 0 {
		j = len(rep.Sources)
		rep.Sources = append(rep.Sources, Source{Folder: from.Folder, Client: from.Client, Kind: kind})
	}
	rep.Sources[j].add(o)
	rep.Exchanges++
	switch o {
	case alike:
		rep.Matched++
	case lost:
		rep.Lost++
	}
}

// kindOf names what a request is about.
func kindOf(path string) string {
	for _, k := range []struct{ part, kind string }{
		{"/subscriptions/", "control plane"},
		{"/oauth2/", "tokens"}, {"/acr/v1/", "metadata"}, {"/blobs/uploads/", "uploads"},
		{"/manifests/", "manifests"}, {"/blobs/", "blobs"}, {"/referrers/", "referrers"}, {"/_catalog", "lists"},
		{"/tags/list", "lists"},
	} {
		if strings.Contains(path, k.part) {
			return k.kind
		}
	}
	return "other"
}

var sdkClient = regexp.MustCompile(`^azsdk-([a-z]+)-`)

// sourceOf returns where a recording comes from.
func sourceOf(r *recording.Recording) Source {
	s := Source{Folder: ".", Client: r.Format}
	if i := strings.IndexByte(r.File, '/'); i > 0 {
		s.Folder = r.File[:i]
	}
	for _, x := range r.Exchanges {
		agent := x.Header.Get("User-Agent")
		if m := sdkClient.FindStringSubmatch(agent); m != nil {
			s.Client = m[1]
			return s
		}
		if strings.Contains(agent, "AZURECLI/") {
			s.Client = "az"
		}
	}
	return s
}

// operation names the kind of a request.
func operation(method, path string) string {
	if strings.HasPrefix(path, "/subscriptions/") {
		return controlOperation(method, path)
	}
	for _, word := range []string{"/_tags/", "/_manifests/", "/_tags", "/_manifests", "/blobs/uploads/", "/manifests/",
		"/blobs/", "/tags/list", "/referrers/"} {
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

// class names the kind of a difference: a header, "body", or both statuses.
func class(what string) string {
	if c, _, ok := strings.Cut(what, ":"); ok && !strings.HasPrefix(what, "status ") {
		return c
	}
	return what
}

// classes counts the differences of exchanges by their class.
func (rep *Report) classes() map[string]int {
	all := map[string]int{}
	for _, d := range rep.Differences {
		seen := map[string]bool{}
		for _, what := range d.What {
			if c := class(what); !seen[c] {
				seen[c] = true
				all[c]++
			}
		}
	}
	return all
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
	slices.SortFunc(rep.Sources, func(a, b Source) int {
		return cmp.Or(strings.Compare(a.Folder, b.Folder), strings.Compare(a.Client, b.Client),
			strings.Compare(a.Kind, b.Kind))
	})
}

// Write prints the report: what could not be read, differences, what is excluded
// and why, the tables, and at the end the line that sums it up.
func (rep *Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, u := range rep.Unread {
		fmt.Fprintf(&b, "UNREAD %s (%s): %s\n", u.File, u.Format, u.Reason)
	}
	for _, d := range rep.Differences {
		fmt.Fprintf(&b, "DIFFERS %s, exchange %d: %s\n", d.File, d.Exchange, d.Request)
		for _, what := range d.What {
			fmt.Fprintf(&b, "    %s\n", what)
		}
	}
	excluded := 0
	for _, e := range rep.Excluded {
		excluded += e.Count
	}
	if rep.Exchanges+excluded == 0 {
		writeExclusions(&b, "Files that are no recordings", "files", rep.NotRecordings)
		fmt.Fprintf(&b, "\nNothing to compare: %d recordings, %d files that could not be read, no exchanges.\n",
			rep.Recordings, len(rep.Unread))
		_, err := io.WriteString(w, b.String())
		return err
	}
	writeExclusions(&b, "Excluded exchanges", "exchanges", rep.Excluded)
	writeExclusions(&b, "Not compared in exchanges that were", "exchanges", rep.ExcludedParts)
	b.WriteString(
		"\nNever compared: the headers Server, Date, Connection and Keep-Alive; the order of an object's keys; what " +
			"a time, an id or a token is, beyond its form.\n")
	writeExclusions(&b, "Files that are no recordings", "files", rep.NotRecordings)
	tally := func(t Tally) string {
		return fmt.Sprintf("%9d %6d %10d %11d", t.Played, t.Alike, t.Different, t.Lost)
	}
	const head = "exchanges  alike  different  bytes lost"
	fmt.Fprintf(&b, "\nBy operation:\n  %s\n", head)
	for _, o := range rep.Operations {
		fmt.Fprintf(&b, "  %s  %s\n", tally(o.Tally), o.Name)
	}
	fmt.Fprintf(&b, "\nBy source:\n  %s  folder, client, kind\n", head)
	for _, s := range rep.Sources {
		fmt.Fprintf(&b, "  %s  %s, %s, %s\n", tally(s.Tally), s.Folder, s.Client, s.Kind)
	}
	if classes := rep.classes(); len(classes) > 0 {
		b.WriteString("\nDifferences by class, in exchanges:\n")
		for _, c := range sortedKeys(classes) {
			fmt.Fprintf(&b, "  %4d  %s\n", classes[c], c)
		}
	}
	fmt.Fprintf(&b, "\n%d recordings, %d files that could not be read, %d exchanges, %d of them excluded.\n",
		rep.Recordings, len(rep.Unread), rep.Exchanges+excluded, excluded)
	compared := rep.Exchanges - rep.Lost
	fmt.Fprintf(&b, "%d of %d exchanges match", rep.Matched, compared)
	if compared > 0 {
		fmt.Fprintf(&b, " (%.1f %%)", 100*float64(rep.Matched)/float64(compared))
	}
	if rep.Lost > 0 {
		fmt.Fprintf(&b, "; %d more do but for bytes that the recordings lost", rep.Lost)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// writeExclusions prints exclusions by their reasons.
func writeExclusions(b *strings.Builder, title, unit string, all []Exclusion) {
	last := ""
	for i, e := range all {
		if i == 0 {
			fmt.Fprintf(b, "\n%s:\n", title)
		}
		if e.Reason != last {
			total := 0
			for _, x := range all {
				if x.Reason == e.Reason {
					total += x.Count
				}
			}
			fmt.Fprintf(b, "  %s: %d %s\n", e.Reason, total, unit)
			last = e.Reason
		}
		fmt.Fprintf(b, "    %4d  %s\n", e.Count, e.File)
	}
}
