package uselog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// value reads a JSON object: a line of a log, or several in "records" (of an event hub) or
// "tables" (of the API of Log Analytics). Those are noted one by one, and the error is errNoted.
func (r *reader) value(line int, b []byte) error {
	nested, partial := false, ""
	var f fields
	err := object(b, func(key, value []byte) error {
		switch first := value[0]; {
		case first == '[' && string(key) == "records":
			nested = true
			return array(value, func(record []byte) error {
				r.note(line, r.value(line, record))
				return r.fail
			})
		case first == '[' && string(key) == "tables":
			nested = true
			return array(value, func(table []byte) error { return r.table(line, table) })
		case string(key) == "error":
			partial = codeOf(value)
		case first == '{' && bytes.EqualFold(key, []byte("properties")):
			return object(value, f.readKey)
		case first == '"' && bytes.EqualFold(key, []byte("properties")): // JSON in a text
			if inner := text(value); bytes.HasPrefix(bytes.TrimLeft(inner, " "), []byte("{")) {
				return object(inner, f.readKey)
			}
		}
		return f.readKey(key, value)
	})
	switch {
	case err != nil:
		return err
	case nested:
		r.partial(partial)
		return errNoted
	}
	return r.event(&f)
}

// codeOf returns the code of an error of the API of Log Analytics.
func codeOf(value []byte) (code string) {
	code = "error"
	_ = object(value, func(key, value []byte) error {
		if string(key) == "code" {
			code = string(text(value))
		}
		return nil
	})
	return code
}

// partial notes that the API of Log Analytics gave less than was queried: beside the rows, it then
// has an error.
//
// Source: Microsoft, "Azure Monitor Log Analytics API response format".
func (r *reader) partial(code string) {
	if code != "" {
		r.source.Ends = fmt.Sprintf("Azure Monitor says that these are not all rows: %q; "+countInstead, clip(code))
	}
}

// countInstead is the remedy for a log that is too long for a query.
const countInstead = "let the query count (docs/least-privilege.md)"

func (r *reader) event(f *fields) error {
	if f.has[fActions] && !f.has[fOperation] {
		return errMap
	}
	e, err := f.event()
	if err != nil {
		return err
	}
	return r.add(e)
}

// table reads {"columns": [{"name": …}], "rows": [[…]]}.
func (r *reader) table(line int, b []byte) error {
	var columns, rows []byte
	err := object(b, func(key, value []byte) error {
		switch string(key) {
		case "columns":
			columns = value
		case "rows":
			rows = value
		}
		return nil
	})
	if err != nil {
		return err
	}
	names, err := columnNames(columns)
	if err != nil {
		return err
	}
	return array(rows, func(row []byte) error {
		r.note(line, r.row(names, row))
		return r.fail
	})
}

// columnNames reads the names of a table's columns.
func columnNames(columns []byte) (names [][]byte, err error) {
	err = array(columns, func(c []byte) error {
		name := []byte(nil)
		err := object(c, func(key, value []byte) error {
			if string(key) == "name" {
				name = bytes.Clone(text(value))
			}
			return nil
		})
		names = append(names, name)
		return err
	})
	return names, err
}

// row reads the values of a row.
func (r *reader) row(names [][]byte, row []byte) error {
	var f fields
	i := 0
	err := array(row, func(value []byte) error {
		if i >= len(names) {
			return fmt.Errorf("a row has more values than the table has columns: %d", len(names))
		}
		i++
		return f.readKey(names[i-1], value)
	})
	if err != nil {
		return err
	}
	if i < len(names) {
		return fmt.Errorf("a row has %d values, and the table %d columns", i, len(names))
	}
	return r.event(&f)
}

// document reads JSON that is not a line each: a list, as az prints it, or one object after the
// other. It keeps one line of the log at a time. After JSON that is broken nothing can be read.
func (r *reader) document() error {
	d := &document{in: r.in, line: 1}
	err := d.all(r)
	r.full()
	//rule:suggest-document-cut
	if err != nil && r.fail == nil {
		if cut, ok := errors.AsType[*readError](err); ok {
			return cut.err
		}
		r.broken(d.line, fmt.Errorf("%w; what follows is not read", err))
	}
	return nil
}

// document reads the values of a JSON text that need not fit into memory.
type document struct {
	in   *bufio.Reader
	line int
	buf  []byte
}

// readError is of the file, not of its text.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }

// next returns the next byte that is no space, and leaves it; io.EOF at the end.
func (d *document) next() (byte, error) {
	for {
		c, err := d.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return 0, io.EOF
		case err != nil:
			return 0, &readError{err}
		case c == '\n':
			d.line++
		case c != ' ' && c != '\t' && c != '\r':
			return c, d.in.UnreadByte()
		}
	}
}

// within is next inside of a value, where the text may not end.
func (d *document) within() (byte, error) {
	c, err := d.next()
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	return c, err
}

// take takes one of two bytes.
func (d *document) take(a, b byte) (byte, error) {
	c, err := d.within()
	if err != nil {
		return 0, err
	}
	if c != a && c != b {
		return 0, fmt.Errorf("it is not JSON: %q", rune(c))
	}
	_, err = d.in.ReadByte()
	return c, err
}

// value takes one value; its text is valid until the next call. It looks for the end alone: what
// reads the value checks it.
func (d *document) value() ([]byte, error) {
	d.buf = d.buf[:0]
	if _, err := d.within(); err != nil {
		return nil, err
	}
	depth, quoted, escaped := 0, false, false
	for {
		chunk, err := d.chunk()
		if errors.Is(err, io.EOF) {
			return nil, errCut
		}
		if err != nil {
			return nil, err
		}
		for i, c := range chunk {
			if !quoted && depth == 0 && (c == ',' || c == ']' || c == '}' || c == ':') {
				if len(d.buf)+i == 0 {
					return nil, fmt.Errorf("it is not JSON: %q", rune(c))
				}
				return d.add(chunk[:i])
			}
			//rule:suggest-limits-value
			if len(d.buf)+i >= maxLine {
				return nil, fmt.Errorf("it has a value that is longer than %d bytes", maxLine)
			}
			switch {
			case c == '\n':
				d.line++
			case escaped:
				escaped = false
				continue
			case quoted && c == '\\':
				escaped = true
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '{' || c == '[':
				depth++
			case c == '}' || c == ']':
				depth--
			}
			if depth == 0 && !quoted && (c == '"' || c == '}' || c == ']') {
				return d.add(chunk[:i+1])
			}
		}
		if _, err := d.add(chunk); err != nil {
			return nil, err
		}
	}
}

// chunk returns what can be read at once, and leaves it; io.EOF at the end.
func (d *document) chunk() ([]byte, error) {
	if _, err := d.in.Peek(1); errors.Is(err, io.EOF) {
		return nil, io.EOF
	} else if err != nil {
		return nil, &readError{err}
	}
	return d.in.Peek(d.in.Buffered())
}

// add adds the begin of a chunk to the value.
func (d *document) add(begin []byte) ([]byte, error) {
	d.buf = append(d.buf, begin...)
	_, err := d.in.Discard(len(begin))
	return d.buf, err
}

// each calls visit with each element of a list.
func (d *document) each(visit func() error) error {
	if _, err := d.take('[', '['); err != nil {
		return err
	}
	if c, err := d.within(); err != nil || c == ']' {
		_, _ = d.in.ReadByte()
		return err
	}
	for {
		if err := visit(); err != nil {
			return err
		}
		if c, err := d.take(',', ']'); err != nil || c == ']' {
			return err
		}
	}
}

// members calls visit with each key of an object; visit takes the value.
func (d *document) members(visit func(key string) error) error {
	if _, err := d.take('{', '{'); err != nil {
		return err
	}
	if c, err := d.within(); err != nil || c == '}' {
		_, _ = d.in.ReadByte()
		return err
	}
	for {
		raw, err := d.value()
		if err != nil {
			return err
		}
		s := scanner{b: raw}
		if err := s.text(); err != nil {
			return err
		}
		key := string(text(raw[:s.i]))
		if _, err := d.take(':', ':'); err != nil {
			return err
		}
		if err := visit(key); err != nil {
			return err
		}
		if c, err := d.take(',', '}'); err != nil || c == '}' {
			return err
		}
	}
}

// all reads the values of the whole text.
func (d *document) all(r *reader) error {
	for {
		c, err := d.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case c == '[':
			err = d.records(r)
		case c == '{':
			err = d.object(r)
		default:
			err = fmt.Errorf("it is not JSON: %q", rune(c))
		}
		if err != nil {
			return err
		}
	}
}

// records reads a list of lines.
func (d *document) records(r *reader) error {
	return d.each(func() error {
		if _, err := d.within(); err != nil {
			return err
		}
		line := d.line
		b, err := d.value()
		if err != nil {
			return err
		}
		if b[0] != '{' {
			if isMap(text(b)) {
				r.note(line, errMap)
			} else {
				r.note(line, errNoEvent)
			}
			return r.fail
		}
		r.note(line, r.value(line, b))
		return r.fail
	})
}

// object reads an object: a line of its own, or one with a list of lines.
func (d *document) object(r *reader) error {
	line, lists, partial := d.line, false, ""
	own := []byte("{")
	err := d.members(func(key string) error {
		c, err := d.within()
		if err != nil {
			return err
		}
		switch {
		case c == '[' && key == "records":
			lists = true
			return d.records(r)
		case c == '[' && key == "tables":
			lists = true
			return d.each(func() error { return d.table(r) })
		}
		b, err := d.value()
		if err != nil {
			return err
		}
		if key == "error" {
			partial = codeOf(b)
			return nil
		}
		if len(own) > 1 {
			own = append(own, ',')
		}
		own = fmt.Appendf(own, "%q:", key)
		if own = append(own, b...); len(own) > maxLine {
			return fmt.Errorf("it has a value that is longer than %d bytes", maxLine)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if lists {
		r.partial(partial)
	} else {
		r.note(line, r.value(line, append(own, '}')))
	}
	return r.fail
}

// table reads a table, row by row.
func (d *document) table(r *reader) error {
	var names [][]byte
	return d.members(func(key string) error {
		c, err := d.within()
		if err != nil {
			return err
		}
		if key == "rows" && c == '[' {
			if names == nil {
				return errors.New("the rows of a table come before its columns")
			}
			return d.each(func() error {
				if _, err := d.within(); err != nil {
					return err
				}
				line := d.line
				b, err := d.value()
				if err != nil {
					return err
				}
				r.note(line, r.row(names, b))
				return r.fail
			})
		}
		b, err := d.value()
		if err == nil && key == "columns" {
			names, err = columnNames(b)
		}
		return err
	})
}
