package scopemapcmd

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/mapfile"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/scopemap"
)

// generateOptions are what "scope-map generate" needs.
type generateOptions struct {
	IO       *iostreams.IOStreams
	Exporter *cmdutil.Exporter

	Jobs     []scopemap.Job
	Targets  []scopemap.Target
	List     bool
	Optional bool
	Format   string // "" = a table of the rights
	Name     string // of the map that is printed; "" = not known
	Registry string // name, for the formats that have it; "" = not known
}

var generateFields = []string{"job", "does", "client", "version", "role", "action", "repository", "line", "optional",
	"without", "log"}

// generateJSON is a right of a job, and a row of the output.
type generateJSON struct {
	Job        string `json:"job"`
	Does       string `json:"does"`    // what the job does
	Client     string `json:"client"`  // the program that was recorded
	Version    string `json:"version"` // of the client then
	Role       string `json:"role"`    // of the repository in the job
	Action     string `json:"action"`
	Repository string `json:"repository"` // a pattern; "" = with --list, any
	Line       string `json:"line"`       // of the scope map; "" = with --list
	Optional   bool   `json:"optional"`   // the job is done without it
	Without    string `json:"without"`    // what the client does without an optional right
	Log        string `json:"log"`        // the line of the client's log that shows that
}

const generateLong = `Print the least rights that common jobs need. Each job was recorded with the client
itself, then run with just these rights, which worked, and without each of them, which
failed: docs/jobs.md has the clients and their versions.

Choose jobs with --for, and name the repositories for all of them: a name, or
PREFIX/*. A job with several repositories takes each as ROLE=REPOSITORY, such as
source=team/app target=mirror/app. The role "catalog" takes none: to list the
repositories of a registry is a right on all of them. --list shows the jobs and their
roles.

--format prints the smallest scope map with these rights. Without a right that is
optional the client does its job by other means; it is not part of the map, except
with --optional. Other versions of a client may need other rights: "acrkit proxy
--record" finds them out.`

// newCmdGenerate returns "scope-map generate". A runF other than nil runs instead of it.
func newCmdGenerate(f *cmdutil.Factory, runF func(context.Context, *generateOptions) error) *cobra.Command {
	opts := &generateOptions{IO: f.IO}
	var jobs []string
	cmd := &cobra.Command{
		Use:   "generate {--for <job>... [[<role>=]<repository>...] | --list}",
		Short: "Print the rights that a common job needs", Long: generateLong,
		Example: "$ acrkit scope-map generate --list\n\n" +
			"$ acrkit scope-map generate --for docker-push team/app\n\n" +
			"# One map for two jobs, as the command that makes it\n" +
			"$ acrkit scope-map generate --for helm-push --for helm-dependency-update 'charts/*' --format az " +
			"\\\n    --registry myregistry --name ci-charts\n\n" +
			"# A job with two repositories\n" +
			"$ acrkit scope-map generate --for crane-copy source=team/app target=mirror/app --format terraform",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.complete(f, jobs, args); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return generateRun(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&jobs, "for", nil, "a `job`; may be repeated")
	flags.BoolVar(&opts.List, "list", false, "list the jobs")
	flags.BoolVar(&opts.Optional, "optional", false, "include rights without which the job is done by other means")
	cmdutil.EnumFlag(cmd, &opts.Format, "format", "", "print the map as", mapfile.Formats...)
	addNameFlag(cmd, &opts.Name)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, generateFields)
	cmdutil.CompleteNameFlag(cmd, "for", func(context.Context) ([]string, error) {
		return slices.Sorted(maps.Keys(jobsByName())), nil
	})
	cmdutil.TakeGlobals(cmd, cmdutil.FlagRegistry)
	return cmd
}

func jobsByName() map[string]scopemap.Job {
	all := map[string]scopemap.Job{}
	for _, j := range scopemap.Jobs() {
		all[j.Name] = j
	}
	return all
}

// complete finds the jobs and the repositories, and refuses options that exclude each other.
func (opts *generateOptions) complete(f *cmdutil.Factory, jobs, args []string) error {
	switch {
	case opts.List && (len(jobs) > 0 || len(args) > 0 || opts.Format+opts.Name != ""):
		return cmdutil.Usage("--list lists all jobs; it excludes --for, --format, --name and repositories")
	case opts.List:
		return nil
	case len(jobs) == 0:
		return listJobs("name a job with --for")
	case opts.Format != "" && opts.Exporter != nil:
		return cmdutil.Usage("--json prints the rights; it and --format exclude each other")
	}
	if err := checkName(opts.Name, opts.Format); err != nil {
		return err
	}
	all := jobsByName()
	for _, name := range jobs {
		j, ok := all[name]
		if !ok {
			reason := fmt.Sprintf("there is no job %q", name)
			if near := jobsLike(name); len(near) > 0 {
				reason += "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return listJobs(reason)
		}
		opts.Jobs = append(opts.Jobs, j)
	}
	i := slices.IndexFunc(opts.Jobs, func(j scopemap.Job) bool { return len(j.Roles()) > 0 })
	if i >= 0 && len(args) == 0 {
		return cmdutil.Usage("the job %s needs %s", opts.Jobs[i].Name, opts.Jobs[i].Usage())
	}
	for _, arg := range args {
		t, err := scopemap.ParseTarget(arg)
		if err == nil {
			err = rights.OfNoRegistry(t.Pattern)
		}
		if err != nil {
			return err
		}
		opts.Targets = append(opts.Targets, t)
	}
	registry, err := registryFor(f, opts.Format)
	opts.Registry = registry.of("")
	return err
}

// listJobs is the error of a job that is not there.
func listJobs(reason string) error {
	return &acrkit.Error{Code: acrkit.CodeUsage, Reason: reason, Hint: sentence.Fix(sentence.ListJobs, nil)}
}

// maxNear is how many jobs a message names.
const maxNear = 3

// jobsLike returns the jobs whose names differ by at most two letters, else those that have all
// words of the name: another job of the same client is no job like it.
func jobsLike(name string) []string {
	all := slices.Sorted(maps.Keys(jobsByName()))
	words := strings.Split(strings.ToLower(name), "-")
	for _, like := range []func(string) bool{
		func(job string) bool { return errtext.Distance(name, job) <= 2 },
		func(job string) bool {
			of := strings.Split(job, "-")
			return !slices.ContainsFunc(words, func(word string) bool { return !slices.Contains(of, word) })
		},
	} {
		near := slices.DeleteFunc(slices.Clone(all), func(job string) bool { return !like(job) })
		if len(near) > 0 {
			return near[:min(len(near), maxNear)]
		}
	}
	return nil
}

func generateRun(ctx context.Context, opts *generateOptions) error {
	if opts.List {
		return opts.list(ctx)
	}
	grants, err := scopemap.Generate(opts.Jobs, opts.Targets)
	if err != nil {
		return err
	}
	m := scopemap.MapOf(grants, opts.Optional)
	m.Name = opts.Name
	//rule:command-limits-generated
	if len(m.Rules) > scopemap.MaxActions {
		return &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "generate a scope map",
			Reason: fmt.Sprintf("it has %d actions; the service allows %d", len(m.Rules), scopemap.MaxActions)}
	}
	rows := make([]generateJSON, 0, len(grants))
	for _, g := range grants {
		if g.Optional == nil || opts.Optional {
			rows = append(rows, newGenerateJSON(g.Job, g.Role, g.Rule.Action, g.Optional, &g.Rule))
		}
	}
	if opts.Format != "" {
		_, err = io.WriteString(opts.IO.Out, mapfile.Write(m, mapfile.Format(opts.Format), opts.Registry))
	} else {
		_, err = cmdutil.PrintList(ctx, opts.IO, opts.Exporter, each(rows),
			[]string{"JOB", "ROLE", "ACTION", "REPOSITORY", "NEEDED"}, generateJSON.cells,
			func(r generateJSON) generateJSON { return r })
	}
	if err != nil {
		return err
	}
	opts.notes(grants, m)
	return nil
}

// notes says on stderr which rights are optional, and whether the map is for every repository.
func (opts *generateOptions) notes(grants []scopemap.Grant, m scopemap.Map) {
	for _, g := range grants {
		if g.Optional == nil {
			continue
		}
		how := "left out, --optional adds it"
		if opts.Optional {
			how = "optional"
		}
		cmdutil.Say(opts.IO.ErrOut, "%s: %s on %s (%s: without it, %s)", how, g.Rule.Action, g.Rule.Pattern, g.Job.Name,
			g.Optional.Without)
	}
	for _, x := range scopemap.Lint(m.Lines()) {
		if x.Kind == scopemap.RootTooBroad || x.Kind == scopemap.RootRead {
			cmdutil.Say(opts.IO.ErrOut, "%s: %s", opts.IO.StyledErr(iostreams.Warning, "all repositories"), x.Reason)
		}
	}
}

// list prints all jobs: a row for each, and in JSON for each of their rights.
func (opts *generateOptions) list(ctx context.Context) error {
	if opts.Exporter == nil {
		_, err := cmdutil.PrintList(ctx, opts.IO, nil, each(scopemap.Jobs()),
			[]string{"JOB", "DOES", "REPOSITORIES"}, func(j scopemap.Job) []string {
				return []string{j.Name, j.Does, cmp.Or(strings.Join(j.Roles(), ", "), "-")}
			}, func(j scopemap.Job) scopemap.Job { return j })
		return err
	}
	rows := []generateJSON{}
	for _, j := range scopemap.Jobs() {
		for _, n := range j.Needs {
			for _, a := range n.Actions {
				rows = append(rows, newGenerateJSON(j, n.Role, a, nil, nil))
			}
			for _, o := range n.Optional {
				rows = append(rows, newGenerateJSON(j, n.Role, o.Action, &o, nil))
			}
		}
	}
	return opts.Exporter.Write(ctx, opts.IO, rows)
}

// newGenerateJSON returns the row of a right; rule is nil if it may be on any repository.
func newGenerateJSON(j scopemap.Job, role string, a acrkit.Action, o *scopemap.OptionalRight,
	rule *scopemap.Rule) generateJSON {
	row := generateJSON{Job: j.Name, Does: j.Does, Client: j.Client, Version: j.Version, Role: role, Action: a.String()}
	if rule == nil && role == scopemap.RoleCatalog {
		rule = &scopemap.Rule{Pattern: scopemap.Root, Action: a}
	}
	if rule != nil {
		row.Repository, row.Line = string(rule.Pattern), rule.String()
	}
	if o != nil {
		row.Optional, row.Without, row.Log = true, o.Without, o.Log
	}
	return row
}

func (r generateJSON) cells() []string {
	needed := "yes"
	if r.Optional {
		needed = "optional"
	}
	return []string{r.Job, r.Role, r.Action, r.Repository, needed}
}

// each yields the items of a list.
func each[T any](items []T) func(yield func(T, error) bool) {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// addNameFlag adds the flag --name of a command that prints a scope map.
func addNameFlag(cmd *cobra.Command, name *string) {
	cmd.Flags().StringVar(name, "name", "", "the `name` of the map, in az, terraform and json")
}

// checkName refuses a name that the service refuses, or that the format does not have.
func checkName(name, format string) error {
	if name == "" {
		return nil
	}
	switch mapfile.Format(format) {
	case mapfile.AsAz, mapfile.AsTerraform, mapfile.AsJSON:
	default:
		return cmdutil.Usage("--name needs --format az, terraform or json")
	}
	for _, f := range scopemap.LintName(name) {
		return cmdutil.Usage("--name: %s", f.Reason)
	}
	return nil
}

// registryName is the name of a registry, for the formats that have it.
type registryName struct{ flag, env string }

// registryFor finds the registry that a user has named, for the formats that have it.
func registryFor(f *cmdutil.Factory, format string) (n registryName, err error) {
	if format != string(mapfile.AsAz) && format != string(mapfile.AsTerraform) {
		return n, nil
	}
	for _, x := range []struct {
		from string
		to   *string
	}{{f.Global.Registry, &n.flag}, {f.Env("ACR_NAME"), &n.env}} {
		if x.from == "" {
			continue
		}
		reg, err := acrkit.ParseRegistry(x.from)
		if err != nil {
			return n, err
		}
		*x.to = reg.Name()
	}
	return n, nil
}

// of returns the name for a scope map whose file names a registry, or does not (""): what the
// user says counts more than a file, and a file more than the environment. "" if none is known.
func (n registryName) of(file string) string { return cmp.Or(n.flag, file, n.env) }
