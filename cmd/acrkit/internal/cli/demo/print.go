package demo

import (
	"fmt"

	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/visible"
)

// printer writes to standard output and remembers the first failure.
type printer struct {
	io  *iostreams.IOStreams
	err error
}

func (p *printer) line(format string, a ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.io.Out, format+"\n", a...)
	}
}

// variable matches what may differ between requests that are shown as one.
var variable = regexp.MustCompile(`sha256(:|%3A)[0-9a-f]{64}|(/blobs/uploads/)[^/]+`)

// exchanges prints the requests of one step, like ones together, in columns.
func (p *printer) exchanges(log []exchange) {
	var lines []exchange
	seen := map[exchange]int{}
	for _, e := range log {
		e.path = variable.ReplaceAllStringFunc(e.path, func(s string) string {
			if strings.HasPrefix(s, "/blobs") {
				return "/blobs/uploads/…"
			}
			return "sha256:…"
		})
		e.path = visible.Line(e.path)
		if i, ok := seen[e]; ok {
			lines[i].times++
			continue
		}
		seen[e] = len(lines)
		lines = append(lines, e)
	}
	width := 0
	for _, e := range lines {
		width = max(width, utf8.RuneCountInString(e.path))
	}
	for _, e := range lines {
		style, status := iostreams.Success, fmt.Sprint(e.status)
		switch {
		case e.status == 0:
			style, status = iostreams.Failure, "no answer"
		case e.status >= 400 && e.status != http.StatusNotFound || e.refused:
			style = iostreams.Failure
		case e.status == http.StatusNotFound:
			style = iostreams.Muted
		}
		more := e.note
		if e.times > 1 {
			more = strings.TrimSpace(fmt.Sprintf("×%d  %s", e.times, e.note))
		}
		line := fmt.Sprintf("     %-6s %s%s → %s", e.method, e.path,
			strings.Repeat(" ", width-utf8.RuneCountInString(e.path)), p.io.Styled(style, status))
		if more != "" {
			line += "  " + p.io.Styled(iostreams.Muted, visible.Line(more))
		}
		p.line("%s", line)
	}
}
