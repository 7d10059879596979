package repo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/registry"
	"github.com/acrkit/acrkit/scopemap"
)

// listOptions are what "repo list" needs.
type listOptions struct {
	IO       *iostreams.IOStreams
	Connect  func(context.Context, acrkit.Registry) (*cmdutil.Connection, error)
	Exporter *cmdutil.Exporter

	Registry     acrkit.Registry
	Repositories []string // names to check instead of listing the catalog
	ScopeMap     string   // file with the token's scope map; "-" is stdin
	Limit        int
}

var listFields = []string{"name", "source", "complete"}

type listJSON struct {
	Name     string `json:"name"`
	Source   string `json:"source"`   // catalog, scope-map, or arguments
	Complete bool   `json:"complete"` // the list as a whole
}

// The sources of a list.
const (
	fromCatalog   = "catalog"
	fromScopeMap  = "scope-map"
	fromArguments = "arguments"
)

// maxProbes is how many names are checked at once: enough to hide the distance
// to the registry, and far from what ACR allows one identity (documented).
const maxProbes = 8

// newCmdList returns "repo list". A runF other than nil runs instead of it.
func newCmdList(f *cmdutil.Factory, runF func(context.Context, *listOptions) error) *cobra.Command {
	opts := &listOptions{IO: f.IO, Connect: f.Connect}
	cmd := &cobra.Command{
		Use:   "list [<registry>] [<repository>...]",
		Short: "List the repositories of a registry",
		Long: "List the repositories of a registry, one name a line; all of them or fail.\n\n" +
			"The registry lists its catalog to a service principal with a role, and to a\n" +
			"scope-mapped token only if its scope map is on \"*\". For other tokens the names\n" +
			"come from the scope map (--scope-map) or from you (--repository, or arguments with\n" +
			"a / in them); each name is checked, and only those that exist are printed. A\n" +
			"wildcard such as team/* cannot be enumerated: it is named, and the exit code is 7.\n\n" +
			"The first argument without a / is the registry; by default that of ACR_NAME.",
		Example: "# With the credentials in the environment\n$ ACR_NAME=myregistry acrkit repo list\n\n" +
			"# With a scope-mapped token that may not list the catalog\n" +
			"$ az acr scope-map show --registry myregistry --name ci-pull > ci-pull.json\n$ acrkit repo list " +
			"--scope-map ci-pull.json\n\n" +
			"# Which of these exist?\n$ acrkit repo list samples/app samples/web",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.complete(f, args); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return listRun(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVarP(&opts.Repositories, "repository", "r", nil,
		"check this `name` instead of listing the catalog; may be repeated")
	cmdutil.CompleteRepositoryFlag(cmd, f, "repository")
	flags.StringVar(&opts.ScopeMap, "scope-map", "",
		"take the names from the token's scope map in this `file`: lines, JSON, or a JSON plan (- for stdin)")
	flags.IntVarP(&opts.Limit, "limit", "L", 0, "stop after this `number` of repositories; 0 lists all")
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, listFields)
	return cmd
}

// complete reads the arguments.
func (opts *listOptions) complete(f *cmdutil.Factory, args []string) error {
	named := opts.Repositories
	registryArg := ""
	for i, arg := range args {
		switch {
		case strings.Contains(arg, "/") && !strings.Contains(arg, "://"):
			named = append(named, arg)
			if first, _, _ := strings.Cut(arg, "/"); i == 0 && strings.ContainsAny(first, ".:") {
				registryArg = first
			}
		case i == 0:
			registryArg = arg
		default:
			named = append(named, arg)
		}
	}
	if opts.Limit < 0 {
		return cmdutil.Usage("--limit must not be negative")
	}
	if len(named) > 0 && opts.ScopeMap != "" {
		return cmdutil.Usage("--scope-map and names of repositories exclude each other")
	}
	var err error
	if opts.Registry, err = f.Registry(registryArg); err != nil {
		return err
	}
	opts.Repositories = nil
	for _, arg := range named {
		name, err := repositoryArg(arg, opts.Registry)
		if err != nil {
			return err
		}
		if !slices.Contains(opts.Repositories, name) {
			opts.Repositories = append(opts.Repositories, name)
		}
	}
	return nil
}

func listRun(ctx context.Context, opts *listOptions) error {
	var m scopemap.Map
	if opts.ScopeMap != "" {
		var err error
		if m, err = mapfile.ReadOne(opts.ScopeMap, opts.IO.In); err != nil {
			return err
		}
	}
	c, err := opts.Connect(ctx, opts.Registry)
	if err != nil {
		return err
	}
	defer c.Close()
	if len(opts.Repositories) > 0 {
		return check(ctx, opts, c, source{kind: fromArguments, text: "the names that were given"},
			opts.Repositories, nil)
	}
	err = listCatalog(ctx, opts, c)
	if !errors.Is(err, acrkit.CodeInsufficientScope) {
		return cmdutil.Explain(ctx, c, err)
	}
	if opts.ScopeMap == "" {
		return withCatalogHint(ctx, c, err)
	}
	names, wildcards := fromMap(m)
	text := "the scope map " + opts.ScopeMap
	if opts.ScopeMap == "-" {
		text = "the scope map on stdin"
	}
	return check(ctx, opts, c, source{kind: fromScopeMap, text: text}, names, wildcards)
}

// listCatalog lists what the registry lists.
func listCatalog(ctx context.Context, opts *listOptions, c *cmdutil.Connection) error {
	limit, cut := opts.Limit, false
	list := c.Client.Repositories(ctx, &registry.ListOptions{Limit: limit})
	if opts.Exporter != nil && limit > 0 && limit < math.MaxInt {
		// One more than the limit shows whether the list was cut.
		more := c.Client.Repositories(ctx, &registry.ListOptions{Limit: limit + 1})
		list = func(yield func(string, error) bool) {
			n := 0
			for name, err := range more {
				if err == nil && n == limit {
					cut = true
					return
				}
				if n++; !yield(name, err) {
					return
				}
			}
		}
	}
	row := func(name string) []string { return []string{name} }
	n, err := cmdutil.PrintList(ctx, opts.IO, opts.Exporter, list, []string{"NAME"}, row, func(name string) listJSON {
		return listJSON{name, fromCatalog, !cut}
	})
	if err != nil && n > 0 && errors.Is(err, acrkit.CodeInsufficientScope) {
		// The right was there and went in the midst of the list; names are out
		// already, so nothing may be added from elsewhere.
		return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "list repositories", Registry: opts.Registry,
			Reason: fmt.Sprintf("after %d names the registry refused the catalog", n), Errs: []error{err}}
	}
	return err
}

// withCatalogHint adds the hint for a token that may not list the catalog.
func withCatalogHint(ctx context.Context, c *cmdutil.Connection, err error) error {
	err = cmdutil.Explain(ctx, c, err)
	if e, ok := errors.AsType[*acrkit.Error](err); ok && c.Credential.Kind() != auth.KindServicePrincipal {
		e.Hint = sentence.Fix(sentence.ListByScopeMap, map[string]string{"host": c.Registry.Host()})
	}
	return err
}

type source struct{ kind, text string }

// probe is what is known about one name.
type probe struct {
	name  string
	state probeState
	why   error
}

type probeState int

const (
	exists probeState = iota + 1
	absent
	unknown // the rights do not suffice to find out
)

// check asks for each name whether it exists, and prints those that do.
func check(ctx context.Context, opts *listOptions, c *cmdutil.Connection, src source, names []string,
	wildcards []scopemap.Pattern) error {
	probes := make([]probe, len(names))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(maxProbes)
	for i, name := range names {
		g.Go(func() error {
			p, err := probeOne(gctx, c, name)
			probes[i] = p
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return cmdutil.Explain(ctx, c, err)
	}
	var unknowns, absents []string
	var found []string
	var why error
	for _, p := range probes {
		switch p.state {
		case exists:
			found = append(found, p.name)
		case absent:
			absents = append(absents, p.name)
		default:
			unknowns, why = append(unknowns, p.name), p.why
		}
	}
	slices.Sort(found)
	limited := opts.Limit > 0 && len(found) > opts.Limit
	if limited {
		found = found[:opts.Limit]
	}
	complete := len(wildcards) == 0 && len(unknowns) == 0
	if err := printFound(ctx, opts, src, found, complete && !limited); err != nil {
		return err
	}
	said := opts.IO.ErrOut
	cmdutil.Say(said, "source: %s; %d of %d names exist", src.text, len(names)-len(absents)-len(unknowns), len(names))
	if len(absents) > 0 {
		cmdutil.Say(said, "not there: %s", strings.Join(absents, ", "))
	}
	if complete || (limited && len(wildcards) == 0) {
		return nil
	}
	return incomplete(c, wildcards, unknowns, why)
}

func printFound(ctx context.Context, opts *listOptions, src source, found []string, complete bool) error {
	if opts.Exporter != nil {
		rows := make([]listJSON, 0, len(found))
		for _, name := range found {
			rows = append(rows, listJSON{name, src.kind, complete})
		}
		return opts.Exporter.Write(ctx, opts.IO, rows)
	}
	for _, name := range found {
		if _, err := io.WriteString(opts.IO.Out, name+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// probeOne asks for one repository. An error means that no name can be checked.
func probeOne(ctx context.Context, c *cmdutil.Connection, name string) (probe, error) {
	_, err := c.Client.Repository(ctx, name)
	switch {
	case err == nil:
		return probe{name: name, state: exists}, nil
	case errors.Is(err, acrkit.CodeNotFound):
		return probe{name: name, state: absent}, nil
	case errors.Is(err, acrkit.CodeInsufficientScope):
		return probe{name: name, state: unknown, why: err}, nil
	}
	return probe{name: name}, err
}

// incomplete returns an error that names what is not known.
func incomplete(c *cmdutil.Connection, wildcards []scopemap.Pattern, unknowns []string, why error) error {
	e := &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "list all repositories", Registry: c.Registry}
	var reasons []string
	if len(wildcards) > 0 {
		quoted := make([]string, len(wildcards))
		for i, w := range wildcards {
			quoted[i] = fmt.Sprintf("%q", string(w))
		}
		reasons = append(reasons,
			fmt.Sprintf(
				"%s cannot be enumerated: the registry lists its catalog only to a scope map with metadata/read "+
					"on \"*\"", strings.Join(quoted, ", ")))
		e.Hint = sentence.Fix(sentence.ListByName, map[string]string{"host": c.Registry.Host()})
	}
	if len(unknowns) > 0 {
		quoted := make([]string, len(unknowns))
		for i, name := range unknowns {
			quoted[i] = fmt.Sprintf("%q", name)
		}
		reasons = append(reasons, fmt.Sprintf("whether %s exists is not known without metadata/read on it",
			strings.Join(quoted, ", ")))
		e.Hint = sentence.Fix(sentence.ShowRights,
			map[string]string{"host": c.Registry.Host(), "repository": unknowns[0]})
		e.Errs = []error{why}
	}
	e.Reason = strings.Join(reasons, "; ")
	return e
}
