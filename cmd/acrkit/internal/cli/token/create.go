package token

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/sink"
)

// createOptions are what "token create" needs.
type createOptions struct {
	rights.Change
	Lines    []string  // of its own scope map
	ScopeMap string    // an existing one, instead
	Expires  time.Time // of the password; zero = never
	Sinks    []sink.Sink

	now   func() time.Time
	pause func(context.Context, time.Duration) error
}

// tokenName is what the name of a new token can be (Azure Resource Manager's definition of
// tokens). The scope map is made first, and may have more.
var tokenName = regexp.MustCompile(`^[a-zA-Z0-9-]{5,50}$`)

// newCmdCreate returns "token create". A runF other than nil runs instead of it.
func newCmdCreate(f *cmdutil.Factory, runF func(context.Context, *createOptions) error) *cobra.Command {
	opts := &createOptions{now: f.Now, pause: f.Pause}
	var allow, to []string
	var expires string
	var never bool
	cmd := &cobra.Command{
		Use: "create [<registry>/]<token> {--allow <right>... | --scope-map <name>} {--expires <when> | " +
			"--never-expires} --to <sink>...",
		Short: "Make a token, and deliver its password",
		Long: "Make a token with its own scope map, or with an existing one, and one password, and\n" +
			"deliver the password to where programs read it. It is not printed.\n\n" + rights.Help +
			"\n\n" + sinkHelp + "\n\n" +
			"Nothing is replaced: if there is a token or scope map of this name, or a sink holds a\n" +
			"password, the command fails and makes nothing.",
		Example: "$ acrkit token create myregistry/ci-pull --allow samples/app:content/read,metadata/read \\\n" +
			"    --expires 90d --to file:/etc/ci/acr-password\n\n" +
			"# Into Kubernetes, as a login for pulling\n$ acrkit token create k8s-pull --scope-map " +
			"_repositories_pull " +
			"--expires 90d \\\n    --to 'exec:./kubernetes-put.sh format:dockerconfigjson'\n\n" +
			"# Into another program\n$ acrkit token create ci-push --allow samples/app:content/write,content/read " +
			"\\\n    --expires 30d --to - | gh secret set ACR_PASSWORD",
		Args: cmdutil.ExactArgs(1, tokenArg+": [<registry>/]<token>"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.parse(f, args[0], allow, to, expires, never); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return createRun(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	rights.AddAllowFlag(cmd, &allow)
	flags.StringVar(&opts.ScopeMap, "scope-map", "", "`name` of an existing scope map, instead of --allow")
	flags.StringVar(&expires, "expires", "", "when the password expires: a `time`, or a duration such as 90d")
	flags.BoolVar(&never, "never-expires", false, "the password does not expire")
	flags.StringArrayVar(&to, "to", nil, "deliver the password to this `sink`; may be repeated")
	opts.AddFlags(cmd, f)
	return cmd
}

// sinkHelp says how a sink is written.
const sinkHelp = "A sink is file:PATH (mode 0600; the folder must exist), docker (Docker's configuration or\n" +
	"its credential helper), exec:COMMAND (the password on its standard input), or - for\n" +
	"standard output, unless that is a terminal."

func (opts *createOptions) parse(f *cmdutil.Factory, arg string, allow, to []string, expires string, never bool) error {
	var err error
	if opts.Registry, opts.Name, err = f.Object(arg, tokenArg); err != nil {
		return err
	}
	//rule:token-create-name
	if !tokenName.MatchString(opts.Name) {
		return cmdutil.Usage("%q cannot be a token's name: that has 5 to 50 letters, digits and -", opts.Name)
	}
	if opts.Lines, err = rights.Lines("allow", allow, f.IO.In); err != nil {
		return err
	}
	switch {
	case (len(opts.Lines) == 0) == (opts.ScopeMap == ""):
		return cmdutil.Usage("give the rights with --allow, or an existing scope map with --scope-map")
	//rule:token-create-expires
	case (expires == "") == !never:
		return cmdutil.Usage("say when the password expires, with --expires or --never-expires")
	case len(to) == 0 && !opts.DryRun:
		return cmdutil.Usage("say where the password goes, with --to: it cannot be read later")
	}
	if expires != "" {
		if opts.Expires, err = cmdutil.Expiry(expires, f.Now()); err != nil {
			return err
		}
	}
	for i, text := range to {
		if slices.Contains(to[:i], text) {
			return cmdutil.Usage("--to %q is given twice", text)
		}
		s, err := sinkOf(f, text)
		if err != nil {
			return err
		}
		opts.Sinks = append(opts.Sinks, s)
	}
	return nil
}

func createRun(ctx context.Context, opts *createOptions) error {
	if rights.OnAll(opts.Lines) {
		if err := opts.Possible(); err != nil {
			return err
		}
	}
	r, err := opts.Open(ctx)
	if err != nil {
		return err
	}
	effect, err := opts.effect(ctx, r)
	if err != nil {
		return opts.Explain(ctx, err, sentence.ShowScopeMaps)
	}
	if err := opts.empty(ctx); err != nil {
		return err
	}
	if agreed, err := opts.Agree(ctx, effect); err != nil || !agreed {
		return err
	}
	return opts.create(ctx, r)
}

// effect reads what is there, and returns what would change. A token or scope map of the
// name is an error.
func (opts *createOptions) effect(ctx context.Context, r *manage.Registry) (rights.Effect, error) {
	effect := rights.Effect{Tokens: []string{opts.Name}, After: opts.Lines, New: true,
		Question: "Make a token for all repositories?", What: "new " + rights.ScopeMap(opts.Name)}
	_, err := r.Token(ctx, opts.Name)
	//rule:token-create-token
	if err == nil {
		return effect, &acrkit.Error{Code: acrkit.CodeConflict, Cause: cause.Conflict,
			Op: "create the " + rights.Token(opts.Name), Registry: opts.Registry,
			Reason: "there is a token of this name already; nothing was changed",
			Hint:   sentence.Fix(sentence.ViewToken, opts.facts())}
	} else if !errors.Is(err, acrkit.CodeNotFound) {
		return effect, err
	}
	if opts.ScopeMap == "" {
		//rule:token-create-map
		if err := rights.Free(ctx, r, opts.Registry, opts.Name); err != nil {
			return effect, err
		}
	} else {
		m, err := r.ScopeMap(ctx, opts.ScopeMap)
		if err != nil {
			return effect, err
		}
		effect.What, effect.After = rights.ScopeMap(m.Name), m.Actions
	}
	effect.Always = rights.OnAll(effect.After)
	expires := "does not expire"
	if !opts.Expires.IsZero() {
		expires = "expires " + cmdutil.Time(opts.Expires)
	}
	effect.Notes = []string{"Its " + string(manage.Slot1) + " " + expires + "."}
	for _, s := range opts.Sinks {
		effect.Notes = append(effect.Notes, "It is delivered to "+s.String()+".")
	}
	return effect, nil
}

func (opts *createOptions) facts() map[string]string {
	return map[string]string{"host": opts.Registry.Host(), "token": opts.Name, "scope_map": opts.Name}
}

// empty reads the sinks: none that can be read may hold a password.
func (opts *createOptions) empty(ctx context.Context) error {
	for _, s := range opts.Sinks {
		held, err := s.Holds(ctx, sink.Value{Registry: opts.Registry, Token: opts.Name})
		switch {
		case errors.Is(err, sink.ErrUnreadable):
		case err != nil:
			return err
		//rule:token-create-sink
		case !held.Password.IsZero():
			return &acrkit.Error{Code: acrkit.CodeConflict, Cause: cause.Conflict,
				Op: "create the " + rights.Token(opts.Name), Registry: opts.Registry,
				Reason: s.String() + " holds a password already; nothing was changed"}
		}
	}
	return nil
}

// create makes the token, step by step. What was made before a failure is named.
func (opts *createOptions) create(ctx context.Context, r *manage.Registry) error {
	scopeMap, fix := opts.ScopeMap, sentence.RemoveMadeToken
	var made string
	said := func(format string, a ...any) { cmdutil.Say(opts.IO.ErrOut, format, a...) }
	failed := func(err error, key sentence.FixKey) error {
		err = opts.Azure.Explain(ctx, err)
		if made == "" {
			return err
		}
		command := sentence.Fix(key, opts.facts())
		//rule:token-create-foreign
		if errors.Is(err, acrkit.CodeConflict) { // another command has made it: it is not removed
			command = acrkit.HintOf(err)
		}
		if ctx.Err() != nil { // what was made has been said
			said("To remove it: %s", command)
			return err
		}
		return halfDone(err, opts.Registry, made, command)
	}
	if scopeMap == "" {
		scopeMap, fix = opts.Name, sentence.RemoveMade
		err := r.CreateScopeMap(ctx, manage.ScopeMap{Name: scopeMap, Description: "of the token " + opts.Name,
			Actions: opts.Lines})
		if err != nil {
			if opts.isThere(ctx, func(ctx context.Context) error { _, err := r.ScopeMap(ctx, scopeMap); return err }) {
				made = "a " + rights.ScopeMap(scopeMap) + " is there now"
			}
			return failed(err, sentence.RemoveMadeMap)
		}
		made = "the " + rights.ScopeMap(scopeMap) + " was made"
		said("Made the %s.", rights.ScopeMap(scopeMap))
	}
	if err := r.CreateToken(ctx, opts.Name, scopeMap); err != nil {
		if !opts.isThere(ctx, func(ctx context.Context) error { _, err := r.Token(ctx, opts.Name); return err }) {
			return failed(err, sentence.RemoveMadeMap)
		}
		made = "a " + rights.Token(opts.Name) + " is there now"
		return failed(err, fix)
	}
	made = "the token was made, and nothing has a password of it"
	said("Made the %s.", rights.Token(opts.Name))
	began := opts.now()
	if err := opts.holds(ctx, r, time.Time{}); err != nil {
		return failed(err, fix)
	}
	p, err := r.GeneratePassword(ctx, opts.Name, manage.Slot1, opts.Expires)
	if err != nil {
		return failed(err, fix)
	}
	took := opts.now().Sub(began)
	v := sink.Value{Registry: opts.Registry, Token: opts.Name, Password: p.Value, Created: p.Created}
	for i, s := range opts.Sinks {
		if err := deliver(ctx, s, v); err != nil {
			if i > 0 {
				made = "the token was made, and only the sinks named before have its password"
			}
			return failed(err, fix)
		}
		said("Delivered %s to %s.", p.Slot, s)
	}
	if err := opts.settled(ctx, r, p.Created, took); err != nil {
		return failed(err, fix)
	}
	said("The registry accepts it within about a minute.")
	return nil
}

// settled looks at the token's password again, once a password that another command was
// making at the same time has arrived. took is the time from the last look at the token until
// the password was made. If it is long, another command may have looked for the last time
// before its password was replaced.
func (opts *createOptions) settled(ctx context.Context, r *manage.Registry, created time.Time,
	took time.Duration) error {
	if err := opts.pause(ctx, r.Settle()); err != nil {
		return err
	}
	//rule:token-create-replaced
	if err := opts.holds(ctx, r, created); err != nil {
		return err
	}
	//rule:token-create-slow
	if settle := r.Settle(); settle > 0 && took > settle {
		return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "create the " + rights.Token(opts.Name),
			Registry: opts.Registry,
			Reason: fmt.Sprintf("its password took %s to make; if another command made one in "+
				"this time, it is replaced, and that command did not notice", took.Round(time.Millisecond)),
			Hint: sentence.Fix(sentence.ViewToken, opts.facts())}
	}
	return nil
}

// holds returns an error with [acrkit.CodeConflict] unless the token's only password is the
// one that was made at this time; zero means that it has none. Without it, two commands
// that make one token at the same time could both report success.
func (opts *createOptions) holds(ctx context.Context, r *manage.Registry, created time.Time) error {
	t, err := r.Token(ctx, opts.Name)
	if err != nil {
		return err
	}
	want := 1
	if created.IsZero() {
		want = 0
	}
	if len(t.Passwords) == want && (want == 0 || t.Passwords[0].Created.Equal(created)) {
		return nil
	}
	return &acrkit.Error{Code: acrkit.CodeConflict, Cause: cause.Conflict, Op: "create the " + rights.Token(opts.Name),
		Registry: opts.Registry, Reason: "another command made a password of it at the same time; what this command " +
			"delivered may not work", Hint: sentence.Fix(sentence.ViewToken, opts.facts())}
}

// lookTime is how long a command looks for what it has made before it fails.
const lookTime = 10 * time.Second

// isThere reports whether something can be read that a request has made whose answer was
// lost.
func (opts *createOptions) isThere(ctx context.Context, look func(context.Context) error) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	return look(ctx) == nil
}

// deliver delivers the password to a sink, and checks that it is there, if that is possible.
func deliver(ctx context.Context, s sink.Sink, v sink.Value) error {
	if err := s.Deliver(ctx, v); err != nil {
		return err
	}
	//rule:token-create-verify
	if err := s.Verify(ctx, v); err != nil && !errors.Is(err, sink.ErrUnverifiable) {
		return err
	}
	return nil
}
