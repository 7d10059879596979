package token

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/rotate"
	"github.com/acrkit/acrkit/manage/sink"
)

const (
	// revokeWait is how long a command looks by default until a removed password is
	// refused. Microsoft says that a change takes about a minute.
	revokeWait = 5 * time.Minute
	// revokePause is the time between two logins.
	revokePause = time.Second
)

// revokeOptions are what "token revoke" needs.
type revokeOptions struct {
	rights.Change
	Slot     manage.Slot   // "" = both
	Password redact.Secret // the old value; zero = not known
	Sinks    []sink.Sink   // that may hold it
	Wait     time.Duration

	Journal string // the folder of the rotations' journal; "" = in acrkit's own

	authOptions func(acrkit.Registry) (*auth.Options, error)
	lookupEnv   func(string) (string, bool)
	now         func() time.Time
	pause       func(context.Context, time.Duration) error
}

// newCmdRevoke returns "token revoke". A runF other than nil runs instead of it.
func newCmdRevoke(f *cmdutil.Factory, runF func(context.Context, *revokeOptions) error) *cobra.Command {
	opts := &revokeOptions{authOptions: f.AuthOptions, lookupEnv: f.LookupEnv, now: f.Now, pause: f.Pause}
	var slot, file string
	var to []string
	cmd := &cobra.Command{
		Use:   "revoke [<registry>/]<token> [--slot <slot>]",
		Short: "Remove a password that has leaked, or all of a token",
		Long: "Remove the password of one slot, or of both, and wait until the registry refuses it.\nWhat will " +
			"break is " +
			"shown first, and confirmed.\n\nWith the old value, from a file or a sink, the command logs in with it " +
			"until it is\nrefused, and prints how long that took. Without it, it only sees that Azure no " +
			"longer\nlists " +
			"the password. " + liveOnHelp + "\n\n\"acrkit token disable\" refuses all logins, too, and can be undone.",
		Example: "# Both passwords\n$ acrkit token revoke myregistry/ci-pull\n\n" +
			"# One of them, and see that the value is refused\n" +
			"$ acrkit token revoke ci-pull --slot password1 --password-file ./leaked\n\n" +
			"# The value that a sink holds\n$ acrkit token revoke ci-pull --slot password1 --to " +
			"file:/etc/ci/acr-password",
		Args: cmdutil.ExactArgs(1, tokenArg+": [<registry>/]<token>"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if opts.Registry, opts.Name, err = f.Object(args[0], tokenArg); err != nil {
				return err
			}
			opts.Slot = manage.Slot(slot)
			if opts.Wait <= 0 {
				return cmdutil.Usage("--wait must be longer than nothing")
			}
			for _, text := range to {
				s, err := sinkOf(f, text)
				if err != nil {
					return err
				}
				opts.Sinks = append(opts.Sinks, s)
			}
			if file != "" {
				if opts.Password, err = f.ReadPassword(file); err != nil {
					return err
				}
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return revokeRun(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	cmdutil.EnumFlag(cmd, &slot, "slot", "", "remove the password of this slot only", string(manage.Slot1),
		string(manage.Slot2))
	flags.StringVar(&file, "password-file", "", "the old password is in this `file` (- for standard input)")
	flags.StringArrayVar(&to, "to", nil, "the old password may be in this `sink`; may be repeated")
	flags.StringVar(&opts.Journal, "journal", "",
		"the `folder` of the journal of rotations (default: in acrkit's own folder)")
	flags.DurationVar(&opts.Wait, "wait", revokeWait, "how long to wait until the password is refused")
	opts.AddFlags(cmd, f)
	return cmd
}

// liveOnHelp is [liveOn] in a help text.
const liveOnHelp = "Access tokens that were issued before\ngo on working until they expire, after about an hour."

func revokeRun(ctx context.Context, opts *revokeOptions) error {
	if err := opts.Possible(); err != nil {
		return err
	}
	r, err := opts.Open(ctx)
	if err != nil {
		return err
	}
	explain := func(err error) error { return opts.Explain(ctx, err, sentence.ShowTokens) }
	t, m, err := tokenWithMap(ctx, r, opts.Name)
	if err != nil {
		return explain(err)
	}
	gone, stays := opts.split(t)
	if len(gone) == 0 {
		cmdutil.Say(opts.IO.ErrOut, "The %s has no %s; nothing was changed.", rights.Token(t.Name), opts.passwords())
		return nil
	}
	holders, err := opts.holders(ctx)
	if err != nil {
		return err
	}
	effect := opts.effect(ctx, t, m, gone, stays, holders)
	login, note, err := opts.tried(ctx)
	if err != nil {
		return err
	}
	if note != "" {
		effect.Notes = append(effect.Notes, note)
	}
	if agreed, err := opts.Agree(ctx, effect); err != nil || !agreed {
		return err
	}
	start := opts.now()
	for i, p := range gone {
		if err := r.RemovePassword(ctx, t.Name, p.Slot, p.Created); err != nil {
			err = explain(err)
			if i > 0 {
				err = halfDone(err, opts.Registry, string(gone[0].Slot)+" was removed",
					sentence.Fix(sentence.ViewToken, map[string]string{"host": opts.Registry.Host(), "token": t.Name}))
			}
			return err
		}
		cmdutil.Say(opts.IO.ErrOut, "Removed %s of the %s.", p.Slot, rights.Token(t.Name))
	}
	if login == nil {
		return explain(opts.listed(ctx, r, gone, start))
	}
	return opts.refused(ctx, login, stays, start)
}

// tried logs in with the old value. Only if that is accepted now, a refusal later shows
// something; else login is nil.
func (opts *revokeOptions) tried(ctx context.Context) (login rotate.Login, note string, err error) {
	if opts.Password.IsZero() {
		return nil, "", nil
	}
	o, err := opts.authOptions(opts.Registry)
	if err != nil {
		return nil, "", err
	}
	login = rotate.NewLogin(opts.Registry, opts.Name, o)
	accepted, failed := login(ctx, opts.Password)
	switch {
	case ctx.Err() != nil:
		return nil, "", context.Cause(ctx)
	case failed != nil: // a registry that does not answer is no reason to leave the password
		note = "The registry could not be asked whether it accepts the value now: " + failed.Error()
	//rule:token-revoke-accepted
	case !accepted:
		return nil, "The value that was given is not accepted now: it is none of this token's, or was refused before.",
			nil
	}
	return login, note, nil
}

func (opts *revokeOptions) passwords() string {
	if opts.Slot == "" {
		return "password"
	}
	return string(opts.Slot)
}

// split returns the passwords that are removed, and the others.
func (opts *revokeOptions) split(t manage.Token) (gone, stays []manage.Password) {
	for _, p := range t.Passwords {
		if opts.Slot == "" || p.Slot == opts.Slot {
			gone = append(gone, p)
		} else {
			stays = append(stays, p)
		}
	}
	return gone, stays
}

// holders returns the sinks that hold a password of the token. If the old one is not known,
// it is what the first of them holds.
func (opts *revokeOptions) holders(ctx context.Context) (names []string, err error) {
	for _, s := range opts.Sinks {
		held, err := s.Holds(ctx, sink.Value{Registry: opts.Registry, Token: opts.Name})
		if errors.Is(err, sink.ErrUnreadable) {
			names = append(names, s.String()+" (cannot be read back)")
			continue
		}
		if err != nil {
			return nil, err
		}
		if held.Password.IsZero() {
			continue
		}
		if opts.Password.IsZero() {
			opts.Password = held.Password
		}
		if opts.Password.Equal(held.Password) {
			names = append(names, s.String())
		}
	}
	return names, nil
}

// effect is what breaks.
func (opts *revokeOptions) effect(ctx context.Context, t manage.Token, m manage.ScopeMap, gone, stays []manage.Password,
	holders []string) rights.Effect {
	e := rights.Effect{What: rights.ScopeMap(t.ScopeMap), Before: m.Actions, After: m.Actions, Tokens: []string{t.Name},
		Always: true, Question: "Remove " + slots(gone) + " of the " + rights.Token(t.Name) + "?"}
	if t.Enabled && !slices.ContainsFunc(stays, func(p manage.Password) bool { return p.Live(opts.now()) }) {
		e.After = nil
	}
	e.Notes = append(e.Notes, "Logins with "+slots(gone)+" are refused; what holds it cannot pull or push any more.")
	for _, p := range gone {
		e.Notes = append(e.Notes, "Removed: "+passwordText(p, opts.now())+", made "+cmdutil.Time(p.Created)+".")
	}
	for _, p := range stays {
		e.Notes = append(e.Notes, "Stays: "+passwordText(p, opts.now())+", made "+cmdutil.Time(p.Created)+".")
	}
	e.Notes = append(e.Notes, opts.delivered(ctx, gone)...)
	if len(holders) > 0 {
		e.Notes = append(e.Notes, "It is held by "+strings.Join(holders, ", ")+".")
	}
	e.Notes = append(e.Notes, liveOn)
	return e
}

// delivered says where rotations on this machine have delivered the passwords, by their
// journal. It is a hint: one that cannot be read has nothing to say.
func (opts *revokeOptions) delivered(ctx context.Context, gone []manage.Password) (notes []string) {
	dir, err := journalDir(opts.Journal, opts.lookupEnv)
	if err != nil {
		return nil
	}
	r, err := rotate.NewFileJournal(dir, opts.Registry, opts.Name).Load(ctx)
	if err != nil {
		return []string{"The journal of rotations cannot be read: " + err.Error()}
	}
	for _, d := range r.Sinks {
		if slices.ContainsFunc(gone, func(p manage.Password) bool {
			return p.Slot == d.Slot && p.Created.Sub(d.Created).Abs() < time.Second
		}) {
			notes = append(notes, "A rotation delivered "+string(d.Slot)+" to "+d.Sink+".")
		}
	}
	return notes
}

func slots(all []manage.Password) string {
	names := make([]string, 0, len(all))
	for _, p := range all {
		names = append(names, string(p.Slot))
	}
	return strings.Join(names, " and ")
}

// refused logs in with the old value until it is refused.
func (opts *revokeOptions) refused(ctx context.Context, login rotate.Login, stays []manage.Password,
	start time.Time) error {
	const op = "see that the password is refused"
	var last error
	for {
		var accepted bool
		accepted, last = login(ctx, opts.Password)
		if last == nil && !accepted {
			cmdutil.Say(opts.IO.ErrOut, "The registry refuses it, %s after the command was given.", opts.since(start))
			return nil
		}
		if opts.now().Sub(start) >= opts.Wait || ctx.Err() != nil {
			break
		}
		if err := opts.pause(ctx, revokePause); err != nil {
			return err
		}
	}
	e := &acrkit.Error{Code: acrkit.CodeIncomplete, Op: op, Registry: opts.Registry,
		Hint: sentence.Fix(sentence.ViewToken, map[string]string{"host": opts.Registry.Host(), "token": opts.Name})}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case last != nil:
		e.Reason, e.Errs = "it was removed, and the registry does not answer: "+last.Error(), []error{last}
	case len(stays) > 0:
		e.Reason = "it is still accepted after " + opts.since(start) + "; it may be the value of " + slots(stays)
	default:
		e.Reason = "it was removed, and is still accepted after " + opts.since(start)
	}
	return e
}

// listed waits until Azure no longer lists the passwords.
func (opts *revokeOptions) listed(ctx context.Context, r *manage.Registry, gone []manage.Password,
	start time.Time) error {
	for {
		t, err := r.Token(ctx, opts.Name)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(gone, func(p manage.Password) bool {
			now, ok := t.Password(p.Slot)
			return ok && now.Created.Equal(p.Created)
		}) {
			cmdutil.Say(opts.IO.ErrOut,
				"Azure no longer lists it, %s after the command was given. Whether the registry "+
					"refuses it already was not tried: that needs the old value (--password-file or --to). "+
					"Microsoft says "+
					"that it takes about a minute.", opts.since(start))
			return nil
		}
		if opts.now().Sub(start) >= opts.Wait {
			return &acrkit.Error{Code: acrkit.CodeIncomplete, Op: "see that the password is removed",
				Registry: opts.Registry, Reason: "Azure still lists it after " + opts.since(start)}
		}
		if err := opts.pause(ctx, revokePause); err != nil {
			return err
		}
	}
}

func (opts *revokeOptions) since(start time.Time) string {
	return opts.now().Sub(start).Round(100 * time.Millisecond).String()
}
