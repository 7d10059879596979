package iostreams

import (
	"bufio"
	"strings"
	"unicode/utf8"

	"github.com/acrkit/acrkit/internal/visible"
)

// Table writes rows. On a terminal: aligned columns under a header, the widest ones
// cut until a row fits. In a pipe: tabs, no header, nothing cut, each row written
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
		//rule:terminal-row
		cells[i] = visible.Line(cells[i])
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
	fit(widths, t.s.width)
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i < len(widths) {
				cell = cut(cell, widths[i])
			}
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		text := cut(strings.TrimRight(line.String(), " "), t.s.width)
		if n == 0 && t.header != nil {
			text = t.s.Styled(Bold, text)
		}
		t.w.WriteString(text + "\n") //nolint:errcheck // bufio keeps the error for Flush
	}
	t.rows, t.header = t.rows[:0], nil
}

// minColumn is the width below which a column is not cut: less says nothing.
const minColumn = 6

// fit takes from the widest columns until a row with two blanks between them has
// room in total columns.
func fit(widths []int, total int) {
	over := 2*(len(widths)-1) - total
	for _, w := range widths {
		over += w
	}
	for ; over > 0; over-- {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= minColumn {
			return
		}
		widths[widest]--
	}
}

// cut shortens text to a number of columns, and shows that it did.
func cut(text string, columns int) string {
	if columns < 2 || utf8.RuneCountInString(text) <= columns {
		return text
	}
	return string([]rune(text)[:columns-1]) + "…"
}
