package iostreams

import (
	"bufio"
	"strings"
	"unicode/utf8"
)

// Table writes rows. On a terminal: aligned columns under a header, the last one
// cut to the width. In a pipe: tabs, no header, nothing cut, each row written
// as it comes.
type Table struct {
	s      *IOStreams
	header []string
	rows   [][]string
	w      *bufio.Writer
}

// maxAligned is how many rows a terminal table holds back to align them; more
// are written in blocks of this size, so that memory stays bounded.
const maxAligned = 1000

// NewTable returns a table with the given column heads.
func (s *IOStreams) NewTable(header ...string) *Table {
	return &Table{s: s, header: header, w: bufio.NewWriter(s.Out)}
}

// Row adds a row.
func (t *Table) Row(cells ...string) error {
	for i := range cells {
		cells[i] = Clean(cells[i])
	}
	if !t.s.outTTY {
		if _, err := t.w.WriteString(strings.Join(cells, "\t") + "\n"); err != nil {
			return err
		}
		return nil
	}
	t.rows = append(t.rows, cells)
	if len(t.rows) >= maxAligned {
		return t.Flush()
	}
	return nil
}

// Flush writes what was held back. It must be called at the end, also after a
// failure: what was listed was listed.
func (t *Table) Flush() error {
	if len(t.rows) > 0 {
		t.align()
	}
	return t.w.Flush()
}

func (t *Table) align() {
	rows := t.rows
	if t.header != nil {
		rows = append([][]string{t.header}, rows...)
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			if i < len(widths) {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		text := line.String()
		if r := []rune(text); len(r) > t.s.width && t.s.width > 1 {
			text = string(r[:t.s.width-1]) + "…"
		}
		if n == 0 && t.header != nil {
			text = t.s.Styled(Bold, text)
		}
		t.w.WriteString(text + "\n") //nolint:errcheck // bufio keeps the error for Flush
	}
	t.rows, t.header = t.rows[:0], nil
}
