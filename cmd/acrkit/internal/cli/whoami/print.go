package whoami

import (
	"context"
	"fmt"
	"time"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
)

// print writes everything: as JSON, as tables on a terminal, or in a pipe as lines
// that each begin with what they say.
func (out *outputJSON) print(ctx context.Context, opts *Options, note string) error {
	s := opts.IO
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, s, out)
	}
	p := &printer{s: s, tty: s.IsStdoutTTY()}
	p.pairs([][2]string{{"registry", out.Registry}, {"credential", out.Credential},
		{"from", out.Source}, {"note", note}})
	var rows [][]string
	for _, c := range out.Credentials {
		name, applies := c.Repositories, ""
		if name == "" {
			name = "all others"
		}
		if c.Applies {
			applies = "applies"
		}
		rows = append(rows, []string{name, c.Credential, c.Source, applies})
	}
	p.table("for", []string{"REPOSITORIES", "CREDENTIAL", "FROM", ""}, rows)
	rows = nil
	for _, l := range out.Lookups {
		rows = append(rows, []string{l.Source, l.Outcome, l.Detail})
	}
	p.table("looked at", []string{"LOOKED AT", "OUTCOME", ""}, rows)
	out.rights(p)
	p.space()
	p.pairs([][2]string{
		{"access token ends", p.when(out.Expires, opts.Now())},
		{"refresh token ends", p.when(out.RefreshExpires, opts.Now())},
		{"Entra token ends", p.when(out.EntraExpires, opts.Now())},
		{"Entra audience", out.Audience},
		{"password ends", out.secretEnds()},
	})
	return p.err
}

// secretEnds says where to see the expiry, which no answer of the registry contains.
func (out *outputJSON) secretEnds() string {
	if out.Error == "" && out.Credential != "" && auth.Kind(out.Kind) == auth.KindScopedToken {
		return `the registry does not say; "az acr token show" does`
	}
	return ""
}

func (out *outputJSON) rights(p *printer) {
	switch {
	case out.Error != "" || out.Credential == "":
	case out.Granted == nil:
		p.space()
		p.pairs([][2]string{{"may", "unknown: the token does not say what it grants"}})
	case out.Repository == "" && len(out.Granted) > 0:
		p.space()
		p.pairs([][2]string{{"may", "list the catalog"}})
	case out.Repository == "":
		p.space()
		p.pairs([][2]string{{"may not", "list the catalog (--repository NAME shows the rights on one repository)"}})
	default:
		on := fmt.Sprintf(" on %q", out.Repository)
		p.space()
		var rows [][2]string
		for _, name := range out.Granted {
			rows = append(rows, [2]string{"granted", name + on})
		}
		for _, name := range out.Missing {
			rows = append(rows, [2]string{"not granted", name + on})
		}
		p.pairs(rows)
	}
}

// printer keeps the first error.
type printer struct {
	s       *iostreams.IOStreams
	tty     bool
	printed bool // something was printed
	want    bool // an empty line before what comes next
	err     error
}

// space sets what follows apart, on a terminal.
func (p *printer) space() { p.want = p.printed }

func (p *printer) begin() {
	if p.want && p.tty && p.err == nil {
		_, p.err = fmt.Fprintln(p.s.Out)
	}
	p.want, p.printed = false, true
}

func (p *printer) pairs(pairs [][2]string) {
	filled := pairs[:0:0]
	for _, pair := range pairs {
		if pair[1] != "" {
			filled = append(filled, pair)
		}
	}
	if len(filled) == 0 || p.err != nil {
		return
	}
	p.begin()
	if p.err == nil {
		p.err = cmdutil.PrintPairs(p.s, filled)
	}
}

// table writes rows: under a header on a terminal, in a pipe behind a word.
func (p *printer) table(word string, header []string, rows [][]string) {
	if len(rows) == 0 || p.err != nil {
		return
	}
	p.space()
	p.begin()
	if !p.tty {
		header = nil
	}
	t := p.s.NewTable(header...)
	for _, row := range rows {
		if !p.tty {
			row = append([]string{word}, row...)
		}
		if p.err == nil {
			p.err = t.Row(row...)
		}
	}
	if err := t.Flush(); p.err == nil {
		p.err = err
	}
}

func (p *printer) when(t *time.Time, now time.Time) string {
	switch {
	case t == nil:
		return ""
	case !p.tty:
		return t.Format(time.RFC3339)
	case t.Before(now):
		return t.Format(time.RFC3339) + " (over)"
	}
	return fmt.Sprintf("%s (in %s)", t.Format(time.RFC3339), roughly(t.Sub(now)))
}

// roughly writes a span as a person would say it.
func roughly(d time.Duration) string {
	switch d = d.Round(time.Minute); {
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
