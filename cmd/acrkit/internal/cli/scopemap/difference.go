package scopemapcmd

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/scopemap"
)

// rightFields are the JSON fields of a right that was gained or lost.
var rightFields = []string{"change", "actions", "repositories", "except", "catalog", "gateway"}

// rightJSON is a right that one of two scope maps has and the other has not.
type rightJSON struct {
	Change       string   `json:"change"`       // gained or lost
	Actions      []string `json:"actions"`      // as content/read
	Repositories string   `json:"repositories"` // a pattern; "" = none, of a gateway line
	Except       []string `json:"except"`       // patterns within it, for which nothing changes
	Catalog      bool     `json:"catalog"`      // the catalog belongs to it
	Gateway      string   `json:"gateway"`      // the line of a connected registry; "" = of repositories
}

const (
	gained = "gained"
	lost   = "lost"
)

// newRightsJSON returns the rights of a difference, those that were gained first.
func newRightsJSON(d scopemap.Difference) []rightJSON {
	rows := make([]rightJSON, 0, len(d.Gained)+len(d.Lost))
	add := func(change string, rights []scopemap.Right) {
		for _, r := range rights {
			row := rightJSON{Change: change, Actions: []string{}, Repositories: string(r.Pattern), Except: []string{},
				Catalog: r.Catalog(), Gateway: r.Gateway}
			for _, a := range r.Actions {
				row.Actions = append(row.Actions, a.String())
			}
			for _, p := range r.Except {
				row.Except = append(row.Except, string(p))
			}
			rows = append(rows, row)
		}
	}
	add(gained, d.Gained)
	add(lost, d.Lost)
	return rows
}

// cells are the row of a right.
func (r rightJSON) cells() []string {
	if r.Gateway != "" {
		return []string{r.Change, r.Gateway, ""}
	}
	actions := r.Actions
	if r.Catalog {
		actions = append(slices.Clone(actions), "catalog")
	}
	where := r.Repositories
	if len(r.Except) > 0 {
		where += " except " + strings.Join(r.Except, ", ")
	}
	return []string{r.Change, strings.Join(actions, ","), where}
}

// only returns the part of a difference that was gained or that was lost; all of it if change
// is empty.
func only(d scopemap.Difference, change string) scopemap.Difference {
	switch change {
	case gained:
		d.Lost = nil
	case lost:
		d.Gained = nil
	}
	return d
}

// printDifference prints which rights were gained and lost, or one of both, on which
// repositories, and on stderr whether the second map allows more than the first. Nothing is cut
// on a terminal: what a right does not contain is as important as what it does.
func printDifference(ctx context.Context, s *iostreams.IOStreams, e *cmdutil.Exporter, d scopemap.Difference,
	change string) error {
	shown := only(d, change)
	if e != nil {
		if err := e.Write(ctx, s, newRightsJSON(shown)); err != nil {
			return err
		}
	} else if _, err := io.WriteString(s.Out, differenceText(s, shown)); err != nil {
		return err
	}
	switch {
	case d.Same():
		cmdutil.Say(s.ErrOut, "the same rights")
	case !d.Widens():
		cmdutil.Say(s.ErrOut, "narrower: nothing is gained")
	case len(d.Lost) == 0:
		cmdutil.Say(s.ErrOut, "%s: nothing is lost", s.StyledErr(iostreams.Warning, "WIDER"))
	default:
		cmdutil.Say(s.ErrOut, "%s: rights are gained, and others are lost", s.StyledErr(iostreams.Warning, "WIDER"))
	}
	return nil
}

// differenceText has a line for each right: a row in a pipe, and what the commands show that
// change a map on a terminal.
func differenceText(s *iostreams.IOStreams, d scopemap.Difference) string {
	var b strings.Builder
	switch {
	case d.Same():
	case s.IsStdoutTTY():
		for line := range strings.SplitSeq(d.String(), "\n") {
			const indent = len("+ ")
			style := iostreams.Warning
			if strings.HasPrefix(line, "-") {
				style = iostreams.Muted
			}
			b.WriteString(s.Styled(style, line[:indent]) + s.Wrap(indent, line[indent:]) + "\n")
		}
	default:
		for _, row := range newRightsJSON(d) {
			b.WriteString(strings.Join(row.cells(), "\t") + "\n")
		}
	}
	return b.String()
}
