package uselog

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// csvColumns reads the header of a CSV file. Azure's portal writes "TimeGenerated [UTC]".
func csvColumns(header []string) (columns []int, known map[field]bool) {
	known = map[field]bool{}
	for _, name := range header {
		name = strings.TrimSuffix(strings.TrimSpace(name), " [UTC]")
		c, ok := column([]byte(name))
		if !ok {
			columns = append(columns, -1)
			continue
		}
		columns, known[c] = append(columns, int(c)), true
	}
	return columns, known
}

// csvComma returns what separates the columns if a text begins with the header of a log; 0 = it does
// not. Excel writes semicolons where the decimal mark is a comma.
func csvComma(head []byte) rune {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	for _, comma := range []rune{',', ';', '\t'} {
		in := csv.NewReader(bytes.NewReader(line))
		in.Comma = comma
		header, err := in.Read()
		if err != nil {
			continue
		}
		if _, known := csvColumns(header); known[fOperation] || known[fOutcome] {
			return comma
		}
	}
	return 0
}

// csv reads a CSV file with a header.
func (r *reader) csv(comma rune) error {
	budget := &budget{in: r.in, left: maxLine}
	in := csv.NewReader(budget)
	in.Comma, in.ReuseRecord = comma, true
	header, err := in.Read()
	if err != nil {
		return err
	}
	columns, _ := csvColumns(header)
	in.FieldsPerRecord = len(columns)
	last := 1
	for r.fail == nil {
		budget.left = maxLine
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			r.full()
			return nil
		}
		if err != nil {
			if errors.Is(err, errLongRow) {
				r.broken(last+1, fmt.Errorf("%w; what follows is not read", err))
				return nil
			}
			parse, ok := errors.AsType[*csv.ParseError](err)
			if !ok {
				return err
			}
			last = parse.Line
			if errors.Is(err, csv.ErrFieldCount) {
				err = fmt.Errorf("it has %d values, and the header %d", len(row), len(columns))
			} else {
				err = parse.Err
			}
			r.broken(parse.StartLine, err)
			continue
		}
		line, _ := in.FieldPos(0)
		last = line
		var f fields
		for i, c := range columns {
			if c >= 0 && err == nil {
				err = f.set(field(c), []byte(row[i]))
			}
		}
		if err == nil {
			err = r.event(&f)
		}
		r.note(line, err)
	}
	return nil
}

var errLongRow = fmt.Errorf("it has a row that is longer than %d bytes", maxLine)

// budget ends the reading of a file whose row does not end.
type budget struct {
	in   io.Reader
	left int
}

func (b *budget) Read(p []byte) (int, error) {
	//rule:suggest-limits-row
	if b.left <= 0 {
		return 0, errLongRow
	}
	n, err := b.in.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
