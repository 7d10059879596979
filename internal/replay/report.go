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
	fmt.Fprintf(&b, "\n%d recordings, %d exchanges, %d of them excluded.\n", rep.Recordings, rep.Exchanges+excluded, excluded)
	share := 0.0
	if rep.Exchanges > 0 {
		share = 100 * float64(rep.Matched) / float64(rep.Exchanges)
	}
	fmt.Fprintf(&b, "%d of %d exchanges match (%.1f %%)\n", rep.Matched, rep.Exchanges, share)
	_, err := io.WriteString(w, b.String())
	return err
}
