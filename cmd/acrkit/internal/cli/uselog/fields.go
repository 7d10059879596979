package uselog

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// field is a column of a log that says something about the use of rights.
type field uint8

const (
	fTime field = iota
	fCategory
	fType
	fOperation
	fIdentity
	fResult
	fResultType
	fRepository
	fLoginServer
	fResource
	fCount
	fFirst
	fLast
	fOutcome
	fRequired
	fPath
	fPrincipal
	fRegistry
	fActions
	numFields
)

// named are the columns by their names in lower case. Log Analytics and a storage account
// write the same ones with different case, and the first two differ; count_ and the like are
// the names that summarize gives.
//
// Source: Microsoft, Azure Monitor Logs reference, ContainerRegistryRepositoryEvents and
// ContainerRegistryLoginEvents, and "Common and service-specific schemas for Azure resource
// logs".
func named(name string) (field, bool) {
	switch name {
	case "timegenerated", "time":
		return fTime, true
	case "category":
		return fCategory, true
	case "type":
		return fType, true
	case "operationname", "operation":
		return fOperation, true
	case "identity":
		return fIdentity, true
	case "resultdescription":
		return fResult, true
	case "resulttype":
		return fResultType, true
	case "repository":
		return fRepository, true
	case "loginserver":
		return fLoginServer, true
	case "_resourceid", "resourceid":
		return fResource, true
	case "count", "count_":
		return fCount, true
	case "first", "min_timegenerated":
		return fFirst, true
	case "last", "max_timegenerated":
		return fLast, true
	case "outcome":
		return fOutcome, true
	case "required":
		return fRequired, true
	case "path":
		return fPath, true
	case "principal":
		return fPrincipal, true
	case "registry":
		return fRegistry, true
	case "actions":
		return fActions, true
	}
	return 0, false
}

// longestName is that of the longest column, in bytes.
const longestName = len("resultdescription")

// column returns the column that a key names, without regard to its case.
func column(key []byte) (field, bool) {
	var lower [longestName]byte
	if len(key) > len(lower) {
		return 0, false
	}
	for i, c := range key {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	return named(string(lower[:len(key)]))
}

// fields are the columns of one line.
type fields struct {
	value [numFields][]byte
	has   [numFields]bool
}

// set sets a column. It is an error if the line has it twice with different values, because
// readers differ in which one counts.
func (f *fields) set(c field, value []byte) error {
	//rule:suggest-keys-twice
	if f.has[c] && !bytes.Equal(f.value[c], value) {
		return fmt.Errorf("it says twice, and differently, what is %q", c)
	}
	f.value[c], f.has[c] = value, true
	return nil
}

func (c field) String() string {
	for _, name := range []string{"timegenerated", "category", "type", "operationname", "identity",
		"resultdescription", "resulttype", "repository", "loginserver", "resourceid", "count", "first", "last",
		"outcome",
		"required", "path", "principal", "registry", "actions"} {
		if x, _ := named(name); x == c {
			return name
		}
	}
	return "?"
}

// errNoEvent is of what is JSON, and not a line of a log.
var errNoEvent = errors.New("it has no columns of a log that is known")

// readKey sets the column of a JSON key, if it is one.
func (f *fields) readKey(key, value []byte) error {
	c, ok := column(key)
	if !ok {
		return nil
	}
	return f.set(c, text(value))
}

// get returns the text of a column; "" if the line has none. Microsoft's service writes an
// absent value as <nil> (recorded).
func (f *fields) get(c field) string {
	if v := f.value[c]; string(v) != "<nil>" {
		return string(v)
	}
	return ""
}

// layouts are the times of logs: in JSON, in exports of Kusto, and in the CSV of Azure's
// portal, in English (United States).
var layouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05",
	"2006-01-02T15:04:05", "1/2/2006, 3:04:05 PM"}

// local begins like a date whose day and month only its region tells apart.
var local = regexp.MustCompile(`^\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b`)

func (f *fields) time(c field) (int64, error) {
	s := f.get(c)
	if s == "" {
		return 0, fmt.Errorf("it has no time in %q", c)
	}
	for i, layout := range layouts {
		if i == 1 {
			s = strings.ReplaceAll(s, "\u202f", " ") // before PM, as browsers write it
		}
		if t, err := time.Parse(layout, s); err == nil {
			//rule:suggest-limits-time
			if y := t.Year(); y < 2000 || y > 2200 {
				return 0, fmt.Errorf("the time %q is in another century", s)
			}
			return t.UnixNano(), nil
		}
	}
	err := fmt.Errorf("%q is no time such as 2026-01-31T12:00:00Z", clip(s))
	if local.MatchString(s) {
		err = fmt.Errorf("%w; Azure's portal writes it so in a regional format other than English (United States)", err)
	}
	return 0, err
}

func (f *fields) number(c field) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSuffix(f.get(c), ".0"), 10, 64) // pandas writes 7.0
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is no count", clip(f.get(c)))
	}
	return n, nil
}

// clip shortens what a message quotes of a line.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
