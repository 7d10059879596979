package scopemapcmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/uselog"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/scopemap"
)

// suggestOptions are what "scope-map suggest" needs.
type suggestOptions struct {
	IO       *iostreams.IOStreams
	Granted  func(ctx context.Context, arg string) (granted, error)
	Exporter *cmdutil.Exporter

	Sources        []string
	Registry       string // name; "" = that of the lines
	Identities     []string
	GrantedMap     string // file or name; "" = nothing is reviewed
	Wildcards      bool
	RoleAssignment bool
	Format         string // "" = the rights with their evidence
	Name           string // of the map that is printed; "" = not known
}

var suggestFields = []string{"line", "action", "repository", "count", "first", "last", "sources", "state", "change",
	"instead", "why"}

// suggestJSON is a right, and a row of the output.
type suggestJSON struct {
	Line       string            `json:"line"`       // of a scope map
	Action     string            `json:"action"`     // as content/read; "" = a gateway line
	Repository string            `json:"repository"` // a name or a pattern
	Count      int64             `json:"count"`      // how often it was used
	First      string            `json:"first"`      // when; "" = never
	Last       string            `json:"last"`
	Sources    []string          `json:"sources"` // where it was seen
	State      scopemap.UseState `json:"state"`
	Change     string            `json:"change"`  // keep, remove, narrow or add; "" = nothing is reviewed
	Instead    []string          `json:"instead"` // lines to which it is narrowed
	Why        string            `json:"why"`     // why its use is unknown, or where it was not seen
}

// The changes of a review.
const (
	changeKeep   = "keep"
	changeRemove = "remove"
	changeNarrow = "narrow"
	changeAdd    = "add" // used and not granted: for you to decide
)

const suggestLong = `Find the smallest scope map that allows everything that was used. Each row is a right,
how often it was used, when first and last, and in which source. --format prints the
scope map.

A source is recognised by its content, and - is stdin; several are merged:

  recording      of "acrkit proxy --record"
  decision log   "acrkit emulator log --json ` + uselog.DecisionFields + `"
  ACR's logs     ContainerRegistryRepositoryEvents and ContainerRegistryLoginEvents:
                 JSON lines, a storage account's or an event hub's JSON, what "az monitor
                 log-analytics query" prints, the CSV of the portal
  rows           that a query counted: LoginServer, Identity, Repository,
                 OperationName, Count, First, Last (docs/least-privilege.md)

What was refused or failed (401, 403, 408, 429, 5xx) is no use of a right; what was not
found (404) is one, since the registry checks rights first. A line that cannot be read
is named and the others count; the exit code is then 7. --identity chooses a token's
user name or an object id where a log has several; a recording has none, and always
counts.

Unknown is not unused. ACR's logs do not show metadata/read, metadata/write and the
catalog, so a job may need them although they are not suggested.

--granted MAP turns it round: which of the granted rights were used, when last, and
which never. MAP is a file as "acrkit scope-map lint" reads it, or the name of a scope
map or a token: the lines of all tokens with the map are chosen. --format prints the
map without what was not used. A right of which no source shows the use is kept: by
ACR's logs also content/read, if anything was pushed, since a push may mount blobs.
Kept as well are what was tried and always failed (408, 429, 5xx), and every right, if
a line could not be read. A wildcard becomes the names that were used. The exit code is
8 if something can be taken away.

--wildcards replaces three or more names under PREFIX/ that used the same action by
PREFIX/*, the longest prefix first, and never by *; with --granted, it keeps wildcards.
They also allow repositories that were not used.

--role-assignment prints what an Entra identity needs in a registry in ABAC mode
instead: the smallest role, and the condition that narrows it to these rights.`

// newCmdSuggest returns "scope-map suggest". A runF other than nil runs instead of it.
func newCmdSuggest(f *cmdutil.Factory, runF func(context.Context, *suggestOptions) error) *cobra.Command {
	opts := &suggestOptions{IO: f.IO}
	var azure cmdutil.Azure
	opts.Granted = source{f, &azure}.granted
	cmd := &cobra.Command{
		Use: "suggest <source>...", Short: "Find the smallest scope map for what was used", Long: suggestLong,
		Example: "$ acrkit proxy myregistry --record used.txt -- make release\n" +
			"$ acrkit scope-map suggest used.txt --format az --registry myregistry --name ci-push\n\n" +
			"# A month of a token\n" +
			"$ acrkit scope-map suggest log.json --identity ci-pull --format terraform\n\n" +
			"# What does it have, and not use?\n" +
			"$ acrkit scope-map suggest log.json used.txt --granted myregistry/ci-pull\n\n" +
			"# A role instead of a token\n" +
			"$ acrkit scope-map suggest log.csv --identity 22222222-2222-2222-2222-222222222222 --role-assignment",
		Args: cmdutil.MinArgs(1, "at least one source; - is stdin"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Sources = args
			if name := f.Global.Registry; name != "" {
				reg, err := acrkit.ParseRegistry(name)
				if err != nil {
					return err
				}
				opts.Registry = uselog.NameOf(reg)
			}
			if err := opts.complete(); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return suggestRun(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&opts.Identities, "identity", nil,
		"only lines of this `name` or object id; may be repeated (\"\": lines without one)")
	flags.StringVar(&opts.GrantedMap, "granted", "", "review this `map`: a file, or the name of a scope map or a token")
	flags.BoolVar(&opts.Wildcards, "wildcards", false,
		"replace names under one prefix by a wildcard, and keep wildcards")
	flags.BoolVar(&opts.RoleAssignment, "role-assignment", false,
		"print the role assignment of an Entra identity in ABAC mode")
	cmdutil.EnumFlag(cmd, &opts.Format, "format", "",
		"print the map (with --role-assignment: az, terraform or json) as",
		mapfile.Formats...)
	addNameFlag(cmd, &opts.Name)
	azure.AddFlags(cmd)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, suggestFields)
	return cmd
}

// complete refuses options that exclude each other.
func (opts *suggestOptions) complete() error {
	stdin := 0
	for _, arg := range append(slices.Clone(opts.Sources), opts.GrantedMap) {
		if isStdin(arg) {
			stdin++
		}
	}
	var seen []os.FileInfo
	for _, path := range opts.Sources {
		info, err := os.Stat(path)
		if err != nil || isStdin(path) || !info.Mode().IsRegular() {
			continue // what cannot be read says so when it is
		}
		for _, other := range seen {
			if os.SameFile(info, other) {
				return cmdutil.Usage("the source %q is given twice; its lines would count twice", path)
			}
		}
		seen = append(seen, info)
	}
	form := mapfile.Format(opts.Format)
	switch {
	case stdin > 1:
		return cmdutil.Usage("stdin (-) can be read once")
	case opts.Exporter != nil && (opts.Format != "" || opts.RoleAssignment):
		return cmdutil.Usage("--json prints the rights; it excludes --format and --role-assignment")
	case opts.RoleAssignment && opts.GrantedMap != "":
		return cmdutil.Usage("--granted reviews a scope map; it and --role-assignment exclude each other")
	case opts.RoleAssignment && (form == mapfile.AsLines || form == mapfile.AsArray):
		return cmdutil.Usage("--role-assignment prints az, terraform or json, and not %s", form)
	case opts.RoleAssignment && opts.Name != "":
		return cmdutil.Usage("--name is that of a scope map; it and --role-assignment exclude each other")
	}
	return checkName(opts.Name, opts.Format)
}

func suggestRun(ctx context.Context, opts *suggestOptions) error {
	var g granted
	if opts.GrantedMap != "" {
		var err error
		if g, err = opts.Granted(ctx, opts.GrantedMap); err != nil {
			return err
		}
		opts.Registry = cmp.Or(opts.Registry, g.registry)
		if opts.Identities == nil {
			opts.Identities = g.identities
		}
	}
	log := uselog.New(uselog.Choice{Registry: opts.Registry, Identities: opts.Identities})
	defer log.Close()
	for _, path := range opts.Sources {
		if err := log.Read(path, opts.IO.In); err != nil {
			return err
		}
	}
	if err := log.Check(); err != nil {
		return err
	}
	opts.Registry = cmp.Or(opts.Registry, log.Registry())
	switch {
	case log.Lines() == 0:
		return opts.incomplete(log, "the sources have no line about a request")
	case opts.GrantedMap != "":
		return opts.review(ctx, log, g)
	case log.Used() == 0 && slices.Equal(log.Kinds(), []uselog.Kind{uselog.LoginEvents}):
		return opts.incomplete(log, "all lines are of ContainerRegistryLoginEvents, and say who signed in; "+
			"ContainerRegistryRepositoryEvents says what was used")
	case log.Used() == 0:
		return opts.incomplete(log, fmt.Sprintf("no line shows the use of a right; refused or failed: %d of %d",
			log.Refused(), log.Lines()))
	}
	return opts.suggest(ctx, log)
}

// incomplete is the error of sources that do not say everything.
func (opts *suggestOptions) incomplete(log *uselog.Log, reasons ...string) error {
	reasons = append(reasons, log.Missing()...)
	if len(reasons) == 0 {
		return nil
	}
	return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "find out all rights that were used",
		Reason: strings.Join(reasons, "\n"),
		Hint:   sentence.Fix(sentence.ShowSources, nil)}
}

func (opts *suggestOptions) suggest(ctx context.Context, log *uselog.Log) error {
	var failed error
	uses := withoutError(log.Uses(), &failed)
	catalog, most := false, scopemap.MaxActions
	if opts.RoleAssignment {
		// A role of its own gives the catalog; the line of a scope map gives more.
		uses, most = withoutCatalog(uses, &catalog), maxCondition/minInCondition
	}
	var rules []scopemap.Rule
	n := 0
	rows := func(yield func(suggestJSON, error) bool) {
		for u := range scopemap.Suggest(uses, opts.Wildcards) {
			if n++; n <= most {
				rules = append(rules, u.Rule)
			}
			if !yield(newSuggestJSON(scopemap.GrantedUse{Use: u, State: scopemap.Used}), nil) {
				return
			}
		}
		if failed != nil {
			yield(suggestJSON{}, failed)
		}
	}
	if opts.Format == "" && !opts.RoleAssignment {
		if err := cmdutil.PrintEach(ctx, opts.IO, opts.Exporter, rows,
			[]string{"ACTION", "REPOSITORY", "COUNT", "FIRST", "LAST", "SOURCES"}, suggestJSON.row); err != nil {
			return err
		}
	} else {
		for _, err := range rows {
			if err != nil {
				return err
			}
		}
	}
	opts.notes(log)
	//rule:suggest-limits-lines
	if n > most {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "suggest the smallest rights",
			Reason: fmt.Sprintf("%d rights were used; a scope map has at most %d lines, and a condition %d bytes", n,
				scopemap.MaxActions, maxCondition),
			Hint: sentence.Draft(sentence.ReviewUse, nil)}
	}
	slices.SortFunc(rules, scopemap.CompareRules)
	switch {
	case opts.RoleAssignment:
		if err := opts.printRoles(rules, catalog, log.Identity()); err != nil {
			return err
		}
	case opts.Format != "":
		text := mapfile.Write(scopemap.Map{Name: opts.Name, Rules: rules}, mapfile.Format(opts.Format), opts.Registry)
		if _, err := io.WriteString(opts.IO.Out, text); err != nil {
			return err
		}
	}
	return opts.incomplete(log)
}

// withoutCatalog yields the uses but those of the catalog, of which it says whether there are any.
func withoutCatalog(uses iter.Seq[scopemap.Use], catalog *bool) iter.Seq[scopemap.Use] {
	return func(yield func(scopemap.Use) bool) {
		for u := range uses {
			if u.Rule.Pattern == scopemap.Root {
				*catalog = true
			} else if !yield(u) {
				return
			}
		}
	}
}

// notes says on stderr what was read, and what it cannot show.
func (opts *suggestOptions) notes(log *uselog.Log) {
	first, last := log.Window()
	cmdutil.Say(opts.IO.ErrOut, "lines: %d, from %s to %s; refused or failed: %d", log.Lines(), cmdutil.Time(first),
		cmdutil.Time(last), log.Refused())
	for _, s := range log.Sources {
		if s.Other > 0 {
			cmdutil.Say(opts.IO.ErrOut, "%s: lines of other tables, as %q, which do not count: %d", s.Path,
				s.OtherTable, s.Other)
		}
	}
	if n := log.Nameless(); n > 0 {
		cmdutil.Say(opts.IO.ErrOut, "lines without a column Identity, which may be of several identities: %d", n)
	}
	if n := log.Placeless(); n > 0 {
		cmdutil.Say(opts.IO.ErrOut, "lines without a column LoginServer, which may be of several registries: %d", n)
	}
	for _, k := range log.Kinds() {
		if hidden := k.Hidden(); hidden != "" {
			cmdutil.Say(opts.IO.ErrOut, "%s: cannot show %s", k, hidden)
		}
	}
}

// withoutError yields the values until an error, which it keeps.
func withoutError[T any](items iter.Seq2[T, error], failed *error) iter.Seq[T] {
	return func(yield func(T) bool) {
		for item, err := range items {
			if err != nil {
				*failed = err
				return
			}
			if !yield(item) {
				return
			}
		}
	}
}

func newSuggestJSON(u scopemap.GrantedUse) suggestJSON {
	row := suggestJSON{Line: u.Rule.String(), Count: u.Count, First: cmdutil.Time(u.First), Last: cmdutil.Time(u.Last),
		Sources: append([]string{}, u.Sources...), State: u.State, Instead: []string{}}
	if !u.Rule.IsGateway() {
		row.Action, row.Repository = u.Rule.Action.String(), string(u.Rule.Pattern)
	}
	for _, r := range u.Instead {
		row.Instead = append(row.Instead, r.String())
	}
	return row
}

func (r suggestJSON) row() []string {
	return []string{r.Action, r.Repository, fmt.Sprint(r.Count), r.First, r.Last, strings.Join(r.Sources, ",")}
}
