package iostreams

import (
	"bufio"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/acrkit/acrkit/internal/visible"
)

// Table writes rows. On a terminal: aligned columns under a header, where text is wrapped at
// its blanks; if that has no room, each row as a block. A word is never cut. In a pipe: tabs,
// no header, each row written as it comes.
type Table struct {
	s      *IOStreams
	header []string
	headed bool // the header was written
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

// align writes the rows that were held back: as lines of columns if they have room, else each
// row as a block.
func (t *Table) align() {
	rows := t.rows
	t.rows = nil
	columns := columnsOf(t.header, rows)
	if len(columns) > 1 && !fit(columns, t.s.width) {
		first := t.first(rows)
		if t.header != nil && !t.headed {
			t.write(strings.Join(t.header[:min(first, len(t.header))], between), Bold)
		}
		t.headed = true
		for _, row := range rows {
			t.block(row, first)
		}
		return
	}
	if t.header != nil && !t.headed {
		t.line(columns, t.header, Bold)
	}
	t.headed = true
	for _, row := range rows {
		t.line(columns, row, 0)
	}
}

// between is what parts two columns.
const between = "  "

const gap = len(between)

// line writes one row of columns, with as many lines as its longest cell needs.
func (t *Table) line(columns []column, row []string, style Style) {
	cells := make([][]string, len(row))
	height := 1
	for i, cell := range row {
		cells[i] = []string{cell}
		if i < len(columns) {
			cells[i] = columns[i].lines(cell)
		}
		height = max(height, len(cells[i]))
	}
	for n := range height {
		var line strings.Builder
		for i, lines := range cells {
			part := ""
			if n < len(lines) {
				part = lines[n]
			}
			line.WriteString(part)
			if i < len(cells)-1 && i < len(columns) {
				line.WriteString(strings.Repeat(" ", max(columns[i].width-utf8.RuneCountInString(part), 0)+gap))
			}
		}
		t.write(strings.TrimRight(line.String(), " "), style)
	}
}

func (t *Table) write(line string, style Style) {
	t.w.WriteString(t.s.Styled(style, line) + "\n") //nolint:errcheck // bufio keeps the error for Flush
}

// first returns how many cells are on the first line of a block: as many as have room in each
// row, and can be read without a head.
func (t *Table) first(rows [][]string) int {
	for n := 1; n < len(rows[0]); n++ {
		for _, row := range rows {
			if n >= len(row) || needsHead(row[n]) ||
				utf8.RuneCountInString(strings.Join(row[:n+1], between)) > t.s.width {
				return n
			}
		}
	}
	return len(rows[0])
}

// block writes one row over several lines: the first cells on one, then each other cell
// behind its head.
func (t *Table) block(row []string, first int) {
	t.write(strings.Join(row[:first], between), 0)
	const indent = 4
	widest := 0
	for _, name := range t.header[min(first, len(t.header)):] {
		widest = max(widest, utf8.RuneCountInString(name)+gap)
	}
	for i, cell := range row[first:] {
		if isEmpty(cell) {
			continue
		}
		name := ""
		if first+i < len(t.header) {
			name = strings.ToLower(t.header[first+i])
		}
		name += strings.Repeat(" ", max(widest-utf8.RuneCountInString(name), 0))
		t.write(strings.Repeat(" ", indent)+name+t.s.Wrap(indent+widest, cell), 0)
	}
}

// isEmpty reports whether a cell says that there is nothing.
func isEmpty(cell string) bool { return cell == "" || cell == "-" }

// needsHead reports whether a cell says nothing without the head of its column.
func needsHead(cell string) bool {
	return isEmpty(cell) || isTime(cell) || strings.Trim(cell, "0123456789") == ""
}

// column is how the cells of a column are written.
type column struct {
	width int
	least int  // the width of its longest word, or of a sentence that can be read
	head  int  // the width of its head's longest word
	times bool // cells are times, of which the date may be enough
	date  bool // only the dates are written
}

// columnsOf measures the columns of rows.
func columnsOf(header []string, rows [][]string) []column {
	columns := make([]column, len(rows[0]))
	for i := range columns {
		c := &columns[i]
		c.times = true
		empty := true
		if i < len(header) {
			c.width, c.head = utf8.RuneCountInString(header[i]), longestWord(header[i])
		}
		c.least = c.head
		for _, row := range rows {
			if i >= len(row) {
				continue
			}
			c.width, c.least = max(c.width, utf8.RuneCountInString(row[i])), max(c.least, longestWord(row[i]))
			if !isEmpty(row[i]) {
				c.times, empty = c.times && isTime(row[i]), false
			}
		}
		c.times = c.times && !empty
		c.least = max(c.least, min(c.width, minText))
	}
	return columns
}

func longestWord(text string) (n int) {
	for word := range strings.FieldsSeq(text) {
		n = max(n, utf8.RuneCountInString(word))
	}
	return n
}

// fit makes columns narrower until a row has room in total: times become dates, then the
// widest column gives way as long as its longest word has room. Nothing is cut. The result is
// whether it has room.
func fit(columns []column, total int) bool {
	over := gap*(len(columns)-1) - total
	for _, c := range columns {
		over += c.width
	}
	for i := range columns {
		c := &columns[i]
		if date := max(len(time.DateOnly), c.head); over > 0 && c.times && c.width > date {
			over -= c.width - date
			c.width, c.least, c.date = date, date, true
		}
	}
	for ; over > 0; over-- {
		widest := -1
		for i, c := range columns {
			if c.width > c.least && (widest < 0 || c.width > columns[widest].width) {
				widest = i
			}
		}
		if widest < 0 {
			return false
		}
		columns[widest].width--
	}
	return true
}

// lines writes a cell in the width of its column.
func (c column) lines(cell string) []string {
	if c.date && isTime(cell) {
		cell = cell[:len(time.DateOnly)]
	}
	if utf8.RuneCountInString(cell) <= c.width {
		return []string{cell}
	}
	return wrap(c.width, cell)
}

// isTime reports whether a cell is a time that begins with its date.
func isTime(cell string) bool {
	_, err := time.Parse(time.RFC3339, cell)
	return err == nil
}
