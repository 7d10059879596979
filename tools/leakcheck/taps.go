package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit/tools/internal/marker"
)

// The kinds of what taps report.
const (
	kindSecret = "secret"
	kindLog    = "log"    // a line of a slog handler
	kindError  = "error"  // the text of an error
	kindOutput = "output" // what a command says or prints
)

// markedKinds are the kinds that the code marks with //tap:KIND. Logs need no marker.
var markedKinds = []string{kindSecret, kindError, kindOutput}

// report is one line that a tap wrote.
type report struct {
	PID  int    `json:"pid"`
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// tapSource is put into the packages that call leakTap. One write to a file that is open
// for appending is one whole line, even if other processes write to it.
const tapSource = `package %s

import (
	leakio "io"
	leakos "os"
	leakconv "strconv"
	leakatomic "sync/atomic"
	leaksyscall "syscall"
)

// What was reported lately, by hash. A fixed place in memory, because tests
// watch how the heap grows.
var leakSeen [1 << 16]leakatomic.Uint64

func leakTap(kind, text string) {
	hash := uint64(14695981039346656037)
	for _, s := range [2]string{kind, text} {
		for i := range len(s) {
			hash = (hash ^ uint64(s[i])) * 1099511628211
		}
	}
	if leakSeen[hash%%uint64(len(leakSeen))].Swap(hash) == hash {
		return
	}
	f, err := leakos.OpenFile(%s, leakos.O_APPEND|leakos.O_CREATE|leakos.O_WRONLY, 0o600)
	if err != nil {
		panic("leakcheck: " + err.Error())
	}
	_, err = f.WriteString(leakconv.Itoa(leakos.Getpid()) + " " + kind + " " + leakconv.QuoteToASCII(text) + "\n")
	_ = f.Close()
	// A test of full disks may let its process write nothing more.
	if pathErr, ok := err.(*leakos.PathError); ok && pathErr.Err == leaksyscall.EFBIG {
		return
	}
	if err != nil {
		panic("leakcheck: " + err.Error())
	}
}

// leakLog is the writer of a slog handler: a handler writes each line at once.
type leakLog struct{ leakio.Writer }

func (w leakLog) Write(p []byte) (int, error) {
	leakTap("log", string(p))
	return w.Writer.Write(p)
}
`

// insertion is text for one place of a file.
type insertion struct {
	at   int
	text string
}

// logBegin is what comes before the writer of a slog handler.
const logBegin = "leakLog{"

func insert(text string, all []insertion) string {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b insertion) int { return b.at - a.at })
	for _, one := range all {
		text = text[:one.at] + one.text + text[one.at:]
	}
	return text
}

// taps returns what the taps put into a file: the code that reports where a //tap: marker
// is, and the writer around that of each slog handler that the file makes.
func taps(f *marker.File) ([]insertion, error) {
	var all []insertion
	for _, m := range marker.Of(f, "tap") {
		if !slices.Contains(markedKinds, m.Name) {
			return nil, fmt.Errorf("%s:%d: //tap:%s: there is no such tap", f.Path, m.Line, m.Name)
		}
		one, err := tap(m)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: //tap:%s: %w", f.Path, m.Line, m.Name, err)
		}
		all = append(all, one)
	}
	if !strings.Contains(f.Text, `"log/slog"`) {
		return all, nil
	}
	_, syntax, err := f.Parse()
	if err != nil {
		return nil, err
	}
	calls := map[*ast.SelectorExpr]bool{}
	ast.Inspect(syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && isHandler(s) && len(n.Args) > 0 {
				calls[s] = true
				all = append(all, insertion{f.Offset(n.Args[0].Pos()), logBegin},
					insertion{f.Offset(n.Args[0].End()), "}"})
			}
		case *ast.SelectorExpr:
			if isHandler(n) && !calls[n] && err == nil {
				err = fmt.Errorf(
					"%s uses slog.%s otherwise than in a call; see tools/leakcheck/taps.go", f.Path, n.Sel.Name)
			}
		}
		return true
	})
	return all, err
}

func isHandler(s *ast.SelectorExpr) bool {
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "slog" && (s.Sel.Name == "NewTextHandler" || s.Sel.Name == "NewJSONHandler")
}

var errTap = errors.New("a tap is at a function or a statement, and names what it reports; " +
	"only that of a return of one value may leave that out")

// tap returns the call that a marker stands for: at the beginning of a function, or before
// a statement.
func tap(m marker.Marker) (insertion, error) {
	node, err := m.Node()
	if err != nil {
		return insertion{}, err
	}
	shown := m.Args
	at := node.Pos()
	switch node := node.(type) {
	case *ast.FuncDecl:
		at = node.Body.Lbrace + 1
	case *ast.ReturnStmt:
		if shown == "" && len(node.Results) == 1 {
			shown = m.File.Source(node.Results[0])
		}
	case ast.Stmt:
	default:
		return insertion{}, errTap
	}
	if _, err := parser.ParseExpr(shown); err != nil {
		return insertion{}, errors.Join(errTap, err)
	}
	return insertion{m.File.Offset(at), fmt.Sprintf("leakTap(%q, string(%s)); ", m.Name, shown)}, nil
}

// WriteOverlay writes into dir what "go test -overlay" takes, and returns the file's name.
// Taps report to the file reports. It changes only files of the module at root. with are
// folders in testdata that have taps too.
func WriteOverlay(root, dir, reports string, with ...string) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	n := 0
	put := func(target, text string) error {
		n++
		name := filepath.Join(dir, fmt.Sprintf("overlay%d.go", n))
		replace[target] = name
		return os.WriteFile(name, []byte(text), 0o600)
	}
	kinds := map[string]int{}
	err = marker.Files(root, with, func(f *marker.File) error {
		if inNestedModule(root, f.Path) {
			return nil
		}
		all, err := taps(f)
		if err != nil || len(all) == 0 {
			return err
		}
		for _, m := range marker.Of(f, "tap") {
			kinds[m.Name]++
		}
		for _, one := range all {
			if one.text == logBegin {
				kinds[kindLog]++
			}
		}
		text := insert(f.Text, all)
		target := filepath.Join(root, filepath.FromSlash(f.Path))
		_, syntax, err := f.Parse()
		if err != nil {
			return err
		}
		if _, err := parser.ParseFile(token.NewFileSet(), target, text, parser.SkipObjectResolution); err != nil {
			return fmt.Errorf("with its taps, %s cannot be parsed: %w", f.Path, err)
		}
		if err := put(target, text); err != nil {
			return err
		}
		// Tests in a package of their own cannot call what is in the package beside.
		pkg := syntax.Name.Name
		beside := filepath.Join(filepath.Dir(target), "leaktap_overlay.go")
		if strings.HasSuffix(pkg, "_test") {
			beside = filepath.Join(filepath.Dir(target), "leaktap_overlay_test.go")
		}
		if _, done := replace[beside]; done {
			return nil
		}
		return put(beside, fmt.Sprintf(tapSource, pkg, strconv.Quote(reports)))
	})
	if err != nil {
		return "", err
	}
	for _, kind := range append([]string{kindLog}, markedKinds...) {
		if kinds[kind] == 0 {
			return "", fmt.Errorf("no code has a tap of the kind %q; see tools/leakcheck/taps.go", kind)
		}
	}
	data, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, data, 0o600)
}

// inNestedModule reports whether a file below root is in a module of its own.
func inNestedModule(root, file string) bool {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(dir), "go.mod")); err == nil {
			return true
		}
	}
	return false
}

// readReports returns what processes with these ids reported.
func readReports(path string, pids map[int]bool) ([]report, error) {
	data, err := os.ReadFile(path) //nolint:gosec // a file of ours, in a folder of our own
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []report
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(parts) != 3 {
			return nil, fmt.Errorf("a report of a tap is malformed: %.60q", line)
		}
		pid, err := strconv.Atoi(parts[0])
		if err != nil {
			return nil, fmt.Errorf("a report of a tap is malformed: %.60q", line)
		}
		if !pids[pid] {
			continue
		}
		text, err := strconv.Unquote(parts[2])
		if err != nil {
			return nil, fmt.Errorf("a report of a tap is malformed: %.60q", line)
		}
		out = append(out, report{pid, parts[1], text})
	}
	return out, nil
}
