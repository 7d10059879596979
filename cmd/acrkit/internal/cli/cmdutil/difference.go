package cmdutil

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/visible"
	"github.com/acrkit/acrkit/scopemap"
)

// RightFields are the JSON fields of a right that was gained or lost.
var RightFields = []string{"change", "actions", "repositories", "except", "catalog", "gateway"}

// RightJSON is a right that one of two scope maps has and the other has not.
type RightJSON struct {
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

// NewRightsJSON returns the rights of a difference, those that were gained first.
func NewRightsJSON(d scopemap.Difference) []RightJSON {
	rows := make([]RightJSON, 0, len(d.Gained)+len(d.Lost))
	add := func(change string, rights []scopemap.Right) {
		for _, r := range rights {
			row := RightJSON{Change: change, Actions: []string{}, Repositories: string(r.Pattern), Except: []string{},
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
func (r RightJSON) cells() []string {
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

// PrintDifference prints which rights were gained and lost, on which repositories, and on
// stderr whether the second map allows more than the first. Nothing is cut on a terminal: what
// a right does not contain is as important as what it does.
func PrintDifference(ctx context.Context, s *iostreams.IOStreams, e *Exporter, d scopemap.Difference) error {
	rows := NewRightsJSON(d)
	if e != nil {
		if err := e.Write(ctx, s, rows); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if e != nil {
			break
		}
		cells := row.cells()
		for i := range cells {
			cells[i] = visible.Line(cells[i])
		}
		line := strings.Join(cells, "\t")
		if s.IsStdoutTTY() {
			style := iostreams.Warning
			if row.Change == lost {
				style = iostreams.Muted
			}
			text := strings.ReplaceAll(cells[1], ",", ", ")
			if cells[2] != "" {
				text += " on " + cells[2]
			}
			const columns = len(gained + "  ")
			line = s.Styled(style, fmt.Sprintf("%-*s", columns, row.Change)) + s.Wrap(columns, text)
		}
		if _, err := fmt.Fprintln(s.Out, line); err != nil {
			return err
		}
	}
	switch {
	case d.Same():
		Say(s.ErrOut, "the same rights")
	case !d.Widens():
		Say(s.ErrOut, "narrower: nothing is gained")
	case len(d.Lost) == 0:
		Say(s.ErrOut, "%s: nothing is lost", s.StyledErr(iostreams.Warning, "WIDER"))
	default:
		Say(s.ErrOut, "%s: rights are gained, and others are lost", s.StyledErr(iostreams.Warning, "WIDER"))
	}
	return nil
}
