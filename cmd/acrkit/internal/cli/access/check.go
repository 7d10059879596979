package access

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/access"
)

// checkOptions are what "access check" needs.
type checkOptions struct {
	IO       *iostreams.IOStreams
	Manage   func(context.Context, acrkit.Registry, *cmdutil.Azure) (*manage.Registry, error)
	Now      func() time.Time
	Exporter *cmdutil.Exporter

	Registry acrkit.Registry
	Who      string // a token's name, the registry's for the admin user, or an object id
	Query    access.Query
	Azure    cmdutil.Azure
}

var checkFields = []string{"who", "repository", "action", "answer", "reason", "grants"}

type checkJSON struct {
	Who        string         `json:"who"`
	Repository string         `json:"repository"`
	Action     string         `json:"action"`
	Answer     access.Answer  `json:"answer"` // yes, no or unknown
	Reason     string         `json:"reason"`
	Grants     []access.Grant `json:"grants"` // that decide it
}

// newCmdCheck returns "access check". A runF other than nil runs instead of it.
func newCmdCheck(f *cmdutil.Factory, runF func(context.Context, *checkOptions) error) *cobra.Command {
	opts := &checkOptions{IO: f.IO, Manage: f.Manage, Now: f.Now}
	cmd := &cobra.Command{
		Use:   "check [<registry>]",
		Short: "Check whether an identity has a right",
		Long: "Check whether one identity has a right, and show what gives it. It is a token's name,\n" +
			"the registry's name for the admin user, or the object id of a user, a group or a\n" +
			"service principal: not its client id. Azure includes the groups that it is in. What\n" +
			"anonymous pull allows, it may do too.\n\n" +
			"The exit code is 0 for yes, 4 for no, and 7 if it could not be decided.",
		Example: "$ acrkit access check myregistry --who ci-pull --repository samples/app --action content/read\n" +
			"$ acrkit access check myregistry --who 22222222-2222-2222-2222-222222222222 --action catalog",
		Args: cmdutil.MaxArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.complete(f, cmdutil.First(args)); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return checkRun(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Who, "who", "", "the `name` of a token, or an object id in Entra")
	flags.StringVarP(&opts.Query.Repository, "repository", "r", "", "the `name` of the repository")
	cmdutil.CompleteRepositoryFlag(cmd, f, "repository")
	cmdutil.EnumFlag(cmd, &opts.Query.Action, "action", "", "the right", access.Rights()...)
	opts.Azure.AddFlags(cmd)
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, checkFields)
	return cmd
}

func (opts *checkOptions) complete(f *cmdutil.Factory, arg string) (err error) {
	q := &opts.Query
	switch {
	case opts.Who == "":
		return cmdutil.Usage("--who is missing: a token's name or an object id")
	case !names.MatchString(opts.Who):
		return cmdutil.Usage("--who %q is neither the name of a token nor an object id", opts.Who)
	case q.Action == "":
		return cmdutil.Usage("--action is missing")
	}
	if opts.Registry, q.Repository, err = f.RepositoryFlag(q.Repository, arg); err != nil {
		return err
	}
	if q.Repository == "" && q.Action != access.Catalog && q.Action != access.Control {
		return cmdutil.Usage("--repository is missing: %s is a right on a repository", q.Action)
	}
	return q.Check()
}

var (
	names = regexp.MustCompile(`^[a-zA-Z0-9-]{5,50}$`) // of tokens, registries, and object ids
	guids = regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)
)

func checkRun(ctx context.Context, opts *checkOptions) error {
	r, err := opts.Manage(ctx, opts.Registry, &opts.Azure)
	if err != nil {
		return err
	}
	c := &checker{opts: opts, r: r}
	if err := c.read(ctx); err != nil {
		return opts.Azure.Explain(ctx, err)
	}
	answer, grants := access.Decide(c.grants)
	out := checkJSON{opts.Who, opts.Query.Repository, opts.Query.Action, answer, c.reason(answer, grants),
		append([]access.Grant{}, grants...)}
	fix := ""
	if answer == access.No && c.unassigned {
		fix = sentence.Fix(sentence.ShowObjectID, map[string]string{"client": opts.Who})
	}
	if err := out.print(ctx, opts, fix); err != nil {
		return err
	}
	switch answer {
	case access.Yes:
		return nil
	case access.No:
		return cmdutil.Exit(cmdutil.ExitRefused)
	}
	uncertain := 0
	for _, g := range grants {
		if isUncertain(g) {
			uncertain++
		}
	}
	return incomplete("decide it", opts.Registry, c.unread, uncertain)
}

// checker reads what concerns one identity.
type checker struct {
	opts   *checkOptions
	r      *manage.Registry
	grants []access.Grant
	unread error // the first list that could not be read
	found  bool  // the identity is known here

	whyNot     []string // for each role of an object id that could give the right, and does not
	unassigned bool     // no role is assigned to the object id
}

func (c *checker) read(ctx context.Context) error {
	settings, err := c.r.Settings(ctx)
	if err != nil {
		return err
	}
	for _, g := range c.opts.Query.Settings(settings, c.r.Name()) {
		if g.Kind == access.KindAnonymous || strings.EqualFold(c.opts.Who, g.Name) {
			c.grants = append(c.grants, g)
		}
	}
	c.found = strings.EqualFold(c.opts.Who, c.r.Name())
	if c.opts.Query.Action != access.Control {
		if err := c.token(ctx); err != nil {
			return err
		}
	}
	if guids.MatchString(c.opts.Who) {
		c.found = true // by its form
		return c.principal(ctx, settings)
	}
	if !c.found {
		return &acrkit.Error{Code: acrkit.CodeNotFound, Op: "check who has access", Registry: c.opts.Registry,
			Reason: "there is no token " + c.opts.Who + ", and it is no object id",
			Hint:   sentence.Fix(sentence.ListAccess, map[string]string{"host": c.opts.Registry.Host()})}
	}
	return nil
}

// token reads a token of this name.
func (c *checker) token(ctx context.Context) error {
	t, err := c.r.Token(ctx, c.opts.Who)
	switch {
	case errors.Is(err, acrkit.CodeNotFound):
		return nil
	case err != nil:
		c.found = c.found || errors.Is(err, acrkit.CodeDenied)
		return c.denied(ctx, "the tokens", err)
	}
	c.found = true
	m, err := c.r.ScopeMap(ctx, t.ScopeMap)
	token := access.OfToken(t, c.opts.Now())
	if err == nil {
		c.grants = append(c.grants, c.opts.Query.ScopeMap(token, &m)...)
		return nil
	}
	c.grants = append(c.grants, c.opts.Query.ScopeMap(token, nil)...)
	if errors.Is(err, acrkit.CodeNotFound) {
		return nil
	}
	return c.denied(ctx, "the scope map "+t.ScopeMap, err)
}

// principal reads the role assignments of an object id, and their definitions after them, as
// [reader.assignments] does.
func (c *checker) principal(ctx context.Context, settings manage.Settings) error {
	assigned, err := c.assigned(ctx)
	if err != nil {
		if err := c.denied(ctx, "the role assignments", err); err != nil {
			return err
		}
	}
	roles, err := c.r.Roles(ctx)
	if err != nil {
		if err := c.denied(ctx, "the role definitions", err); err != nil {
			return err
		}
	}
	query := c.opts.Query
	query.Member = true
	for _, a := range assigned {
		role := roleOf(roles, a)
		grants := query.Assignment(settings, a, role)
		c.grants = append(c.grants, grants...)
		if len(grants) > 0 {
			continue
		}
		if why := without(query, settings, a, role); why != "" {
			c.whyNot = append(c.whyNot, why)
		}
	}
	slices.Sort(c.whyNot) // Azure has the assignments in no order
	c.unassigned = len(assigned) == 0
	return nil
}

// without says why an assignment does not give a right that its role could give, "" if the
// role never does.
func without(q access.Query, s manage.Settings, a manage.Assignment, role *manage.Role) string {
	condition := a.Condition
	a.Condition = ""
	if condition != "" && len(q.Assignment(s, a, role)) > 0 {
		return "the condition of the role " + role.Name + " on " + a.Scope + " excludes it"
	}
	in := "in ABAC mode"
	if !s.ABAC {
		in = "in a registry that is not in ABAC mode"
	}
	if s.ABAC = !s.ABAC; len(q.Assignment(s, a, role)) > 0 {
		return "the role " + role.Name + " on " + a.Scope + " has no effect " + in
	}
	return ""
}

// assigned returns the role assignments of the object id; with an error, those before it.
func (c *checker) assigned(ctx context.Context) (all []manage.Assignment, err error) {
	for a, err := range c.r.AssignmentsOf(ctx, c.opts.Who) {
		if err != nil {
			return all, err
		}
		all = append(all, a)
	}
	if len(all) > 0 {
		return all, nil
	}
	for a, err := range c.r.Assignments(ctx) { // a group, of which Azure takes no object id above
		if err != nil {
			return all, err
		}
		if strings.EqualFold(a.PrincipalID, c.opts.Who) {
			all = append(all, a)
		}
	}
	return all, nil
}

// denied keeps that something could not be read for lack of a right, and returns every
// other error.
func (c *checker) denied(ctx context.Context, what string, err error) error {
	if err = c.opts.Azure.Explain(ctx, err); !errors.Is(err, acrkit.CodeDenied) {
		return err
	}
	if c.unread == nil {
		c.unread = err
	}
	c.grants = append(c.grants, access.Unread(what, err))
	return nil
}

// reason says why in one clause.
func (c *checker) reason(answer access.Answer, grants []access.Grant) string {
	switch {
	case answer == access.Yes:
		return who(grants[0]) + " has it by " + by(grants[0])
	case answer == access.Unknown:
		return grants[0].Unknown
	case len(grants) > 0:
		return "the token has the right, and cannot log in: " + state(grants[0])
	case len(c.whyNot) > 0:
		return strings.Join(c.whyNot, "; ")
	case c.unassigned:
		return "no role is assigned to this object id, or to a group that it is in; a client id is no object id"
	case guids.MatchString(c.opts.Who):
		return "no role that is assigned to this object id, or to a group that it is in, gives it"
	}
	return "nothing gives it"
}

func (out *checkJSON) print(ctx context.Context, opts *checkOptions, fix string) error {
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, out)
	}
	pairs := [][2]string{{"answer", string(out.Answer)}, {"reason", out.Reason}}
	for _, g := range out.Grants {
		switch {
		case g.Kind == access.KindUnread:
			pairs = append(pairs, [2]string{"not read", g.Name + ": " + g.Unknown})
		case g.Unknown != "":
			pairs = append(pairs, [2]string{"unknown", by(g) + ": " + g.Unknown})
		default:
			pairs = append(pairs, [2]string{"by", by(g)})
		}
	}
	if fix != "" {
		pairs = append(pairs, [2]string{cmdutil.PairFix, fix})
	}
	return cmdutil.PrintPairs(opts.IO, pairs)
}
