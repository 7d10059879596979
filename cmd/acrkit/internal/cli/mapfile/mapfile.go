// Package mapfile reads scope maps from files of every form that people have them in, and
// writes them.
package mapfile

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/scopemap"
)

// fileLimit bounds a file: the plan of a large configuration has some MiB.
var fileLimit = limit.Limit{Name: "a scope map file", Bytes: 16 << 20}

// Map is a scope map as it was written. Its lines may be invalid.
type Map struct {
	Name        string // "" = not known
	Registry    string // name of the registry that it is of; "" = not known
	Description string
	Address     string // of the resource in a plan or a template
	System      bool   // one of the service's own
	Actions     []string
	// Lines are the numbers of the actions' lines in the file, from 1; nil where an action
	// has no line of its own.
	Lines []int
	Err   error // why the actions are not known; nil = they are
}

// Title names the map within its file: its name, else its address; "" if it has neither.
func (m Map) Title() string { return cmp.Or(m.Name, m.Address) }

// Parse returns the map's value; an error if a line is invalid, or if the actions are not
// known.
func (m Map) Parse() (scopemap.Map, error) {
	if m.Err != nil {
		return scopemap.Map{}, m.Err
	}
	v, err := scopemap.Parse(m.Actions)
	v.Name, v.Description, v.System = m.Name, m.Description, m.System
	return v, err
}

// Form is how a file has its maps.
type Form string

// The forms. Only the first two have nothing but the lines of one map.
const (
	FormLines     Form = "lines"
	FormArray     Form = "array"
	FormObject    Form = "object" // of az or ARM, one or several
	FormTemplate  Form = "template"
	FormTerraform Form = "terraform"
)

// File is what a file holds. A list, a plan, a state or a template may hold no map.
type File struct {
	Path string // "-" = stdin
	Form Form
	Maps []Map
	Text string // all of it, without a byte order mark
}

// Read reads the scope maps of a file, or of in where the path is "-". After the path, #NAME
// chooses a map by its name or its address.
func Read(arg string, in io.Reader) (*File, error) {
	path, name := split(arg)
	f, err := read(path, in)
	if err == nil && name != "" {
		err = f.choose(name)
	}
	if err != nil {
		e := &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("read the scope map %q", path),
			Reason: firstReasons(err), Errs: []error{err}, Hint: hint(path)}
		if errors.Is(err, errEncoding) {
			e.Hint = sentence.Draft(sentence.SaveAsUTF8, nil)
		}
		return nil, e
	}
	return f, nil
}

// ReadOne reads a scope map as [Read] does, and returns its value. It is an error if the file
// holds several and none is chosen, or if a line is invalid.
func ReadOne(arg string, in io.Reader) (scopemap.Map, error) {
	f, err := Read(arg, in)
	if err != nil {
		return scopemap.Map{}, err
	}
	return f.One()
}

// One returns the value of the only map.
func (f *File) One() (scopemap.Map, error) {
	m, err := f.Only()
	if err == nil {
		v, failed := m.Parse()
		if failed == nil {
			return v, nil
		}
		err = failed
	}
	return scopemap.Map{}, &acrkit.Error{Code: acrkit.CodeUsage, Op: fmt.Sprintf("read the scope map %q", f.Path),
		Reason: firstReasons(err), Errs: []error{err}, Hint: hint(f.Path)}
}

// Only returns the only map; an error if the file has several.
func (f *File) Only() (Map, error) {
	if len(f.Maps) == 1 {
		return f.Maps[0], nil
	}
	if len(f.Maps) == 0 {
		return Map{}, errors.New("it holds no scope map")
	}
	path := f.Path
	if path == "-" {
		path = "FILE" // -#NAME would be a flag
	}
	return Map{}, fmt.Errorf("it holds %d scope maps; choose one as %s#NAME: %s", len(f.Maps), path, titles(f.Maps))
}

// sources are the ends of files that other programs turn into one that can be read, each with
// the command.
var sources = map[string]sentence.FixKey{".tf": sentence.ShowPlan, ".tfplan": sentence.ShowPlan,
	".tfstate": sentence.ShowPlan, ".bicep": sentence.BuildTemplate}

// hint returns how to get a file that can be read.
func hint(path string) string {
	return sentence.Draft(cmp.Or(sources[filepath.Ext(path)], sentence.SaveScopeMap), nil)
}

// errEncoding is of a text that is not UTF-8, as PowerShell writes what a program prints.
var errEncoding = errors.New("save it as UTF-8")

// split splits PATH#NAME. A file whose name has the sign is itself.
func split(arg string) (path, name string) {
	i := strings.LastIndexByte(arg, '#')
	if i <= 0 {
		return arg, ""
	}
	if _, err := os.Lstat(arg); err == nil {
		return arg, ""
	}
	return arg[:i], arg[i+1:]
}

func read(path string, in io.Reader) (*File, error) {
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.IsDir() {
			return nil, errors.New("it is a folder")
		}
		if ext := filepath.Ext(path); sources[ext] != "" {
			return nil, fmt.Errorf("files that end with %s are not read; make JSON of it", ext)
		}
		in = file
	}
	data, err := fileLimit.ReadAll(in)
	if err != nil {
		return nil, err
	}
	f, err := parse(data)
	if err != nil {
		return nil, err
	}
	f.Path = path
	return f, nil
}

// parse reads what a file holds.
func parse(data []byte) (*File, error) {
	text := strings.TrimPrefix(string(data), "\ufeff")
	if why := loginfile.LeadingMark(text); why != "" {
		return nil, fmt.Errorf("it %s; %w", why, errEncoding)
	}
	f := &File{Text: text}
	var err error
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "":
		return nil, errors.New("it is empty")
	case trimmed[0] == '{' || trimmed[0] == '[':
		f.Form, f.Maps, err = parseJSON([]byte(trimmed))
	default:
		f.Form, f.Maps = FormLines, []Map{parseLines(text)}
	}
	if err != nil {
		return nil, err
	}
	if (f.Form == FormLines || f.Form == FormArray) && !isMap(f.Maps[0].Actions) {
		return nil, errors.New("it is no scope map: no line is of the form repositories/NAME/content/read")
	}
	return f, nil
}

// action returns a line of a file without spaces around it and without a comment. No action
// has a #, so a comment after one begins with it.
func action(line string) string {
	line = strings.TrimSpace(line)
	if i := strings.IndexByte(line, '#'); i == 0 || i > 0 && (line[i-1] == ' ' || line[i-1] == '\t') {
		line = strings.TrimSpace(line[:i])
	}
	return line
}

// parseLines reads one action a line. Empty lines and comments do not count.
func parseLines(text string) Map {
	m := Map{Lines: []int{}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = action(line); line != "" {
			m.Actions, m.Lines = append(m.Actions, line), append(m.Lines, n)
		}
	}
	return m
}

// isMap reports whether lines are those of a scope map, if perhaps a wrong one: one of them
// has a form that is known, or there is none.
func isMap(lines []string) bool {
	strange := 0
	for _, f := range scopemap.Lint(lines) {
		if f.Kind == scopemap.InvalidLine && len(f.Instead) == 0 {
			strange++
		}
	}
	return len(lines) == 0 || strange < len(lines)
}

// choose keeps the map with a name or an address.
func (f *File) choose(name string) error {
	chosen := slices.DeleteFunc(slices.Clone(f.Maps), func(m Map) bool {
		return !strings.EqualFold(m.Name, name) && m.Address != name
	})
	switch {
	case len(f.Maps) == 0:
		return fmt.Errorf("it holds no scope map, so none %q", name)
	case len(chosen) == 0:
		return fmt.Errorf("it holds no scope map %q; it has %s", name, titles(f.Maps))
	case len(chosen) == 1:
		f.Maps = chosen
		return nil
	}
	addresses := make([]string, 0, len(chosen))
	for _, m := range chosen {
		addresses = append(addresses, cmp.Or(m.Address, m.Name))
	}
	return fmt.Errorf("it holds %d scope maps %q; choose by the address: %s", len(chosen), name,
		strings.Join(firstOf(addresses), ", "))
}

// maxReasons is how many wrong lines, or maps, a message names: a file of another kind is
// wrong in every one.
const maxReasons = 5

func firstOf(texts []string) []string {
	if more := len(texts) - maxReasons; more > 0 {
		return append(slices.Clone(texts[:maxReasons]), fmt.Sprintf("and %d more", more))
	}
	return texts
}

func titles(maps []Map) string {
	texts := make([]string, 0, len(maps))
	for _, m := range maps {
		texts = append(texts, cmp.Or(m.Title(), "one without a name"))
	}
	return strings.Join(firstOf(texts), ", ")
}

func firstReasons(err error) string {
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	lines := make([]string, 0, len(all))
	for _, e := range all {
		lines = append(lines, e.Error())
	}
	return strings.Join(firstOf(lines), "\n")
}
