package scopemapcmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/internal/visible"
	"github.com/acrkit/acrkit/scopemap"
)

// lintOptions are what "scope-map lint" needs.
type lintOptions struct {
	IO       *iostreams.IOStreams
	Read     func(ctx context.Context, arg string) (*mapfile.File, error)
	Exporter *cmdutil.Exporter

	Files    []string
	Fix      bool
	Write    bool
	All      bool
	Format   string // "" = that of the file
	Registry registryName
}

var lintFields = []string{"file", "map", "number", "line", "text", "severity", "kind", "reason", "instead"}

// findingJSON is a finding, and a row of the output.
type findingJSON struct {
	File     string               `json:"file"`
	Map      string               `json:"map"`    // its name or address; "" = the file says none
	Number   int                  `json:"number"` // of the action in the map, from 1; 0 = the map
	Line     int                  `json:"line"`   // of the file; 0 = the map, or a file without lines of actions
	Text     string               `json:"text"`   // the action
	Severity scopemap.Severity    `json:"severity"`
	Kind     scopemap.FindingKind `json:"kind"`
	Reason   string               `json:"reason"`
	Instead  []string             `json:"instead"` // lines that were probably meant
}

// where names the place of a finding, as FILE:LINE or FILE#MAP action N.
func (f findingJSON) where() string {
	text := f.File
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d", text, f.Line)
	}
	if f.Map != "" {
		text += "#" + f.Map
	}
	if f.Number > 0 {
		text += fmt.Sprintf(" action %d", f.Number)
	}
	return text
}

const lintLong = `Check scope maps: lines that the service refuses, rights that do nothing without
another one, lines that are there twice or that a wider one contains, rights on all
repositories. What is often intended, such as a map that can pull and not list, is
no finding; --all shows it too.

A file has lines (# begins a comment), a JSON array, the JSON of az or ARM for one
map or several, an ARM template, what "terraform show -json" prints, or what
"acrkit proxy --record" wrote. - is stdin. FILE#NAME chooses a map by its name or
its Terraform address. What is no file is the name of a scope map in Azure, or of a
token, whose scope map is checked.

--fix prints the map with the fewest lines that have exactly the same rights, in the
form of the file, or in the one of --format. It removes lines only; nothing is
granted and nothing is taken away, so what it lacks is still to be found. Comments
of a file of lines stay. With --write it replaces the file.

The exit code is 0 if nothing was found and 8 if something was; with --fix, if
something is left. It is 7 if the actions of a map are known only later, as of some
plans and templates.`

// newCmdLint returns "scope-map lint". A runF other than nil runs instead of it.
func newCmdLint(f *cmdutil.Factory, runF func(context.Context, *lintOptions) error) *cobra.Command {
	var azure cmdutil.Azure
	opts := &lintOptions{IO: f.IO, Read: source{f, &azure}.read}
	cmd := &cobra.Command{
		Use: "lint {<file> | [<registry>/]<name>}...", Short: "Find what is wrong with scope maps", Long: lintLong,
		Example: "$ acrkit scope-map lint ci-push.txt\n\n" +
			"# The scope map of a token\n$ acrkit scope-map lint myregistry/ci-push\n\n" +
			"# All maps of a registry\n$ az acr scope-map list --registry myregistry | acrkit scope-map lint -\n\n" +
			"# The fewest lines, as the command that makes the map\n" +
			"$ acrkit scope-map lint ci-push.json --fix --format az --registry myregistry",
		Args: cmdutil.MinArgs(1, "at least one file, or name of a scope map; - is stdin"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Files = args
			if err := opts.complete(f); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return lintRun(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.All, "all", false, "show also what is often intended")
	flags.BoolVar(&opts.Fix, "fix", false, "print the fewest lines that have the same rights")
	flags.BoolVar(&opts.Write, "write", false, "with --fix, replace the files (of lines, or a JSON array)")
	cmdutil.EnumFlag(cmd, &opts.Format, "format", "", "with --fix, print the map as", mapfile.Formats...)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, lintFields)
	azure.AddFlags(cmd)
	return cmd
}

// complete refuses options that exclude each other, and finds the registry's name, which only
// some formats have.
func (opts *lintOptions) complete(f *cmdutil.Factory) error {
	var err error
	if opts.Registry, err = registryFor(f, opts.Format); err != nil {
		return err
	}
	stdin := 0
	for _, arg := range opts.Files {
		if isStdin(arg) {
			stdin++
		}
	}
	switch {
	case stdin > 1:
		return cmdutil.Usage("stdin (-) can be read once")
	case opts.Write && !opts.Fix:
		return cmdutil.Usage("--write needs --fix")
	case opts.Format != "" && !opts.Fix:
		return cmdutil.Usage("--format needs --fix")
	case opts.Write && opts.Format != "":
		return cmdutil.Usage("--write keeps the form of the file; it and --format exclude each other")
	case opts.Write && stdin > 0:
		return cmdutil.Usage("--write replaces a file, and stdin is none")
	case opts.Fix && !opts.Write && opts.Exporter != nil:
		return cmdutil.Usage("--fix prints the map; use it with --write, or without --json")
	case opts.Fix && !opts.Write && len(opts.Files) > 1:
		return cmdutil.Usage("--fix prints one map; use it with --write, or with one file")
	}
	return nil
}

func lintRun(ctx context.Context, opts *lintOptions) error {
	files := make([]*mapfile.File, 0, len(opts.Files))
	for _, arg := range opts.Files {
		f, err := opts.Read(ctx, arg)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	if opts.Fix {
		return fixRun(ctx, opts, files)
	}
	var all []findingJSON
	maps := 0
	var unknown []string
	for _, f := range files {
		maps += len(f.Maps)
		for _, m := range f.Maps {
			if m.Err != nil {
				where := findingJSON{File: f.Path, Map: m.Title()}.where()
				unknown = append(unknown, fmt.Sprintf("%s: %v", where, m.Err))
			}
			all = append(all, findingsOf(f, m)...)
		}
	}
	if err := opts.print(ctx, all, maps, opts.IO.Out); err != nil {
		return err
	}
	if len(unknown) > 0 {
		return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "check all scope maps",
			Reason: strings.Join(unknown, "\n")}
	}
	return verdict(all)
}

// verdict returns the exit code of findings.
func verdict(all []findingJSON) error {
	if slices.ContainsFunc(all, findingJSON.matters) {
		return cmdutil.Exit(cmdutil.ExitFound)
	}
	return nil
}

// matters reports whether something should be changed.
func (f findingJSON) matters() bool { return f.Severity != scopemap.SeverityInfo }

// findingsOf returns what is wrong with a map. Those of the service are as they are.
func findingsOf(f *mapfile.File, m mapfile.Map) (out []findingJSON) {
	if m.System || m.Err != nil {
		return nil
	}
	found := scopemap.Lint(m.Actions)
	if m.Name != "" {
		found = append(scopemap.LintName(m.Name), found...)
	}
	for _, x := range found {
		row := findingJSON{File: f.Path, Map: m.Title(), Number: x.Line, Text: x.Text, Severity: x.Severity,
			Kind: x.Kind, Reason: x.Reason, Instead: x.Instead}
		if x.Line > 0 && m.Lines != nil {
			row.Line = m.Lines[x.Line-1]
		}
		if x.Other > 0 {
			other := findingJSON{File: f.Path, Map: m.Title(), Number: x.Other}
			if m.Lines != nil {
				other.Line = m.Lines[x.Other-1]
			}
			row.Reason += "; see " + other.where()
		}
		out = append(out, row)
	}
	return out
}

// print prints findings, and how many there are on stderr.
func (opts *lintOptions) print(ctx context.Context, all []findingJSON, maps int, to io.Writer) error {
	info := 0
	shown := make([]findingJSON, 0, len(all))
	for _, f := range all {
		if !f.matters() {
			info++
		}
		if f.matters() || opts.All {
			shown = append(shown, f)
		}
	}
	if opts.Exporter != nil {
		if err := opts.Exporter.Write(ctx, opts.IO, shown); err != nil {
			return err
		}
	} else {
		for _, f := range shown {
			if err := opts.printOne(f, to); err != nil {
				return err
			}
		}
	}
	more := ""
	if info > 0 && !opts.All {
		more = fmt.Sprintf("; often intended: %d (--all shows them)", info)
	}
	cmdutil.Say(opts.IO.ErrOut, "scope maps: %d; findings: %d%s", maps, len(all)-info, more)
	return nil
}

// printOne prints a finding as a row in a pipe, and as a paragraph on a terminal.
func (opts *lintOptions) printOne(f findingJSON, to io.Writer) error {
	instead := ""
	if len(f.Instead) > 0 {
		instead = "instead: " + strings.Join(f.Instead, " ")
	}
	cells := []string{f.where(), string(f.Severity), string(f.Kind), f.Text, f.Reason, instead}
	for i := range cells {
		cells[i] = visible.Line(cells[i])
	}
	if !opts.IO.IsStdoutTTY() {
		_, err := fmt.Fprintln(to, strings.Join(cells, "\t"))
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %s\n", cells[0], cells[1], cells[2])
	const indent = 4
	for _, text := range cells[3:] {
		if text != "" {
			fmt.Fprintf(&b, "%*s%s\n", indent, "", opts.IO.Wrap(indent, text))
		}
	}
	_, err := io.WriteString(to, b.String())
	return err
}
