package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// goal is what a row has to show. The zero value asks for nothing.
type goal struct {
	kind  goalKind
	value float64
	floor float64 // of a ratio: what it must never be under, in any round; 0 = none
}

type goalKind uint8

const (
	noGoal goalKind = iota
	ratioAtLeast
	ratioAtMost
	valueAtLeast
	valueAtMost
)

func atLeast(ratio, floor float64) goal { return goal{ratioAtLeast, ratio, floor} }
func atMost(ratio float64) goal         { return goal{kind: ratioAtMost, value: ratio} }
func perSecond(n float64) goal          { return goal{kind: valueAtLeast, value: n} }
func mebibytes(n float64) goal          { return goal{kind: valueAtMost, value: n} }

func (g goal) String() string {
	switch g.kind {
	case ratioAtLeast:
		if g.floor > 0 {
			return fmt.Sprintf("≥ %g×, never < %g×", g.value, g.floor)
		}
		return fmt.Sprintf("≥ %g×", g.value)
	case ratioAtMost:
		return fmt.Sprintf("≤ %g×", g.value)
	case valueAtLeast:
		return fmt.Sprintf("≥ %g", g.value)
	case valueAtMost:
		return fmt.Sprintf("≤ %g", g.value)
	}
	return ""
}

// met judges the medians, and the floor every round.
func (g goal) met(ratio spread, value float64) bool {
	switch g.kind {
	case ratioAtLeast:
		return ratio.middle >= g.value && ratio.least >= g.floor
	case ratioAtMost:
		return ratio.middle <= g.value
	case valueAtLeast:
		return value >= g.value
	case valueAtMost:
		return value <= g.value
	}
	return true
}

// row is one measure of all servers, with a value for each round.
type row struct {
	key, title, unit string
	goal             goal
	values           map[string][]float64
	sums             map[string]measure // for the time of a request
	without          map[string]string
}

func newRow(key, title, unit string, g goal) *row {
	return &row{key: key, title: title, unit: unit, goal: g, values: map[string][]float64{}, sums: map[string]measure{}}
}

func (r *row) add(server string, value float64, m measure) {
	r.values[server] = append(r.values[server], value)
	r.sums[server] = r.sums[server].plus(m)
}

func (r *row) ratio() spread {
	return spreadOf(ratios(r.values[nameEmulator], r.values[nameDistribution]))
}

func (r *row) met() bool { return r.goal.met(r.ratio(), median(r.values[nameEmulator])) }

// number writes a value with three digits or all before the point.
func number(v float64) string {
	switch {
	case v >= 100:
		s := fmt.Sprintf("%.0f", v)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (r *row) cell(server string) string {
	v := r.values[server]
	if len(v) == 0 {
		return "–"
	}
	return number(median(v))
}

func (r *row) cpuCell(server string) string {
	m := r.sums[server]
	if m.count == 0 || m.cpu == 0 {
		return "–"
	}
	return number(float64(m.cpuEach()) / float64(time.Microsecond))
}

var order = []string{nameDistribution, nameCrane, nameEmulator}

// table writes the rows as Markdown.
func table(w io.Writer, rows []*row) {
	fmt.Fprintln(w,
		"| | unit | distribution | crane registry | acrkit | acrkit ÷ distribution (least–most) | goal | | CPU µs "+
			"each: d / c / a |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		ratio := "–"
		if len(r.values[nameDistribution]) > 0 && len(r.values[nameEmulator]) > 0 {
			s := r.ratio()
			ratio = fmt.Sprintf("**%s** (%s–%s)", number(s.middle), number(s.least), number(s.most))
		}
		verdict := ""
		if r.goal.kind != noGoal {
			verdict = "met"
			if !r.met() {
				verdict = "**missed**"
			}
		}
		cells := []string{r.title, r.unit}
		var cpu []string
		for _, name := range order {
			cells = append(cells, r.cell(name))
			cpu = append(cpu, r.cpuCell(name))
		}
		cells = append(cells, ratio, r.goal.String(), verdict, strings.Join(cpu, " / "))
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	for _, r := range rows {
		for _, name := range order {
			if why := r.without[name]; why != "" {
				fmt.Fprintf(w, "\n%s, %s: %s.\n", r.title, name, why)
			}
		}
	}
}

// The generated parts of a document stand between such lines.
func marks(section string) (begin, end string) {
	return "<!-- bench:" + section + " -->\n", "<!-- /bench:" + section + " -->\n"
}

// replaceSection puts text between a document's marks.
func replaceSection(doc []byte, section, text string) ([]byte, error) {
	begin, end := marks(section)
	before, rest, ok := bytes.Cut(doc, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		return nil, fmt.Errorf("the document has no line %q with its end", strings.TrimSpace(begin))
	}
	return []byte(string(before) + begin + text + end + string(after)), nil
}

func writeSection(path, section, text string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if doc, err = replaceSection(doc, section, text); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, doc, 0o644) //nolint:gosec // a document for everyone
}
