package token

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/rights"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/rotate"
	"github.com/acrkit/acrkit/manage/sink"
)

// rotateOptions are what "token rotate" needs.
type rotateOptions struct {
	rights.Change
	allOptions
	Exporter *cmdutil.Exporter

	Sinks                 []sink.Sink
	Expires, Every, Grace time.Duration
	Slot                  string
	Later, Finish         bool
	Journal               string // its folder; "" = in acrkit's own

	clock       rotate.Clock // nil = the machine's
	command     string       // what the user ran
	authOptions func(acrkit.Registry) (*auth.Options, error)
	lookupEnv   func(string) (string, bool)
}

// newCmdRotate returns "token rotate". A runF other than nil runs instead of it.
func newCmdRotate(f *cmdutil.Factory, runF func(context.Context, *rotateOptions) error) *cobra.Command {
	opts := &rotateOptions{authOptions: f.AuthOptions, lookupEnv: f.LookupEnv, allOptions: allOptions{now: f.Now}}
	if f.Sleep != nil {
		opts.clock = clock{f}
	}
	var to []string
	var expires, every, grace string
	cmd := &cobra.Command{
		Use:   "rotate {[<registry>/]<token> --to <sink>... | --all --policy <file> [<registry>]}",
		Short: "Replace a token's password without an outage",
		Long: "Generate a new password in the slot that no sink holds, wait until the registry accepts it,\n" +
			"deliver it to every sink and check each one, and only then remove the old password.\n\n" +
			"Name every place that has the password: one that is not named keeps a password that is\n" +
			"removed. The same command again completes a rotation that was cut off, at any point.\n" +
			"If it cannot be known which slot the sinks hold, nothing is changed without --slot.\n\n" +
			rotateSinks + "\n\n" +
			"The old password works on for the longest cache of the sinks and a minute; the command\n" +
			"waits. With --grace it returns when the new password is delivered, and the same command\n" +
			"with --finish, for cron, removes the old one when the time has come, and not before.\n\n" +
			"--all rotates what is due by a policy, and removes the old passwords whose grace is over;\n" +
			"it is for cron, too. docs/rotation.md shows a policy. One token's failure does not stop the\n" +
			"others.\n\n" +
			"--json has one object, or a list of them with --all. Its status is rotated, finished (the\n" +
			"old password was removed), wait, leave, nothing, fail (the error says why) or not tried;\n" +
			"with --dry-run also rotate and finish.",
		Example: "# Now, with the new password in a file that a program watches\n$ acrkit token rotate " +
			"myregistry/ci-pull --to 'file:/run/secrets/acr cache:10m' --expires 90d --every 30d\n\n" +
			"# Into Kubernetes, and later the end of the old password\n" +
			"$ to='exec:./kubernetes-put.sh read:./kubernetes-get.sh format:dockerconfigjson cache:5m'\n" +
			"$ acrkit token rotate ci-pull --grace 24h --to \"$to\"\n" +
			"$ acrkit token rotate ci-pull --grace 24h --to \"$to\" --finish",
		RunE: func(cmd *cobra.Command, args []string) error {
			err := opts.parseAll(f, args, changed(cmd, "to", "expires", "every", "grace", "finish", "slot"))
			if err != nil {
				return err
			}
			opts.command = cmdutil.GivenCommand(cmd, args, "dry-run", "finish")
			if opts.All {
				if runF != nil {
					return runF(cmd.Context(), opts)
				}
				return rotateAllRun(cmd.Context(), opts)
			}
			if opts.Registry, opts.Name, err = f.Object(args[0], tokenArg); err != nil {
				return err
			}
			if err := opts.parse(f, to, expires, every, grace); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), opts)
			}
			return rotateRun(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&to, "to", nil, "deliver the password to this `sink`; may be repeated")
	flags.StringVar(&expires, "expires", "90d", "how long the new password lives, a `duration`")
	flags.StringVar(&every, "every", "", "how often it is rotated, a `duration`: it must not expire before that")
	flags.StringVar(&grace, "grace", "", "return at once, and let the old password work for this `duration`")
	flags.BoolVar(&opts.Finish, "finish", false, "remove the old password, if its grace is over")
	flags.StringVar(&opts.Slot, "slot", "", "generate this `slot`, if it cannot be known which one is free")
	flags.StringVar(&opts.Journal, "journal", "", "the `folder` of the journal (default: in acrkit's own folder)")
	flags.BoolVar(&opts.All, "all", false, "rotate what is due of all tokens that the policy names")
	flags.StringVar(&opts.File, "policy", "", "the `file` with the policy of --all")
	flags.IntVar(&opts.Max, "max", 0, "begin this `number` of rotations at most; 0 = no limit")
	flags.IntVar(&opts.MaxFailures, "max-failures", defaultFailures,
		"stop after this `number` of tokens that failed; 0 = go on")
	cmdutil.AddJSONFlags(cmd, &opts.Exporter, rotateFields)
	opts.AddFlags(cmd, f)
	return cmd
}

// clock is the time of the command where that is not the machine's.
type clock struct{ f *cmdutil.Factory }

func (c clock) Now() time.Time                                   { return c.f.Now() }
func (c clock) Sleep(ctx context.Context, d time.Duration) error { return c.f.Sleep(ctx, d) }

// rotateSinks says how a sink of a rotation is written.
const rotateSinks = "A sink is one of these; quote the whole of one with options:\n\n" +
	"  file:PATH [format:dockerconfigjson]   a file of mode 0600; its time is that of the\n" +
	"                                        password's creation\n" +
	"  docker                                Docker's login, in its file or helper\n" +
	"  exec:COMMAND [read:COMMAND] [verify:COMMAND] [format:dockerconfigjson]\n\n" +
	"exec: takes the password on its standard input, read: prints it, and verify: takes it and\n" +
	"exits with 0 if programs get it. Without read: or verify:, the old password is never\nremoved. No shell is " +
	"used: " +
	"write exec:sh -c '…' for one. cache:DURATION says how long the\nprograms go on with a password that they " +
	"have read."

func (opts *rotateOptions) parse(f *cmdutil.Factory, to []string, expires, every, grace string) error {
	for _, text := range to {
		//rule:token-rotate-stdout
		if text == stdoutText {
			return cmdutil.Usage("standard output is no sink of a rotation: nothing tells what got the password")
		}
		s, err := sinkOf(f, text)
		if err != nil {
			return err
		}
		opts.Sinks = append(opts.Sinks, s)
	}
	for _, flag := range []struct {
		name, text string
		to         *time.Duration
	}{{"expires", expires, &opts.Expires}, {"every", every, &opts.Every}, {"grace", grace, &opts.Grace}} {
		if flag.text == "" {
			continue
		}
		d, err := cmdutil.Duration(flag.name, flag.text)
		if err != nil {
			return err
		}
		*flag.to = d
	}
	opts.Later = grace != ""
	switch {
	case len(to) == 0:
		return cmdutil.Usage("say which places have the password, with --to")
	case opts.Finish && opts.Slot != "":
		return cmdutil.Usage("--finish generates nothing, and takes no --slot")
	case opts.Finish && opts.DryRun:
		return cmdutil.Usage("--finish and --dry-run exclude each other; --dry-run alone says what is to be done")
	}
	return nil
}

// journalDir is the folder of the journal: the one that was given, or one in acrkit's own.
func journalDir(given string, lookupEnv func(string) (string, bool)) (string, error) {
	if given != "" {
		return given, nil
	}
	own, err := store.Dir(lookupEnv)
	if err != nil {
		return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "keep the journal",
			Reason: "there is no folder of acrkit's own",
			Errs:   []error{err}, Hint: sentence.Fix(sentence.SetFolder, map[string]string{"variable": store.EnvDir})}
	}
	return filepath.Join(own, "rotations"), nil
}

func rotateRun(ctx context.Context, opts *rotateOptions) error {
	dir, err := journalDir(opts.Journal, opts.lookupEnv)
	if err != nil {
		return err
	}
	passwords, err := opts.Open(ctx)
	if err != nil {
		return err
	}
	o, err := opts.authOptions(opts.Registry)
	if err != nil {
		return err
	}
	r := opts.rotation(opts.Name, dir, passwords, o)
	r.Sinks, r.Expires, r.Next, r.Grace, r.Later = opts.Sinks, opts.Expires, opts.Every, opts.Grace, opts.Later
	r.Slot, r.Replace = manage.Slot(opts.Slot), opts.Confirm.Yes
	if opts.DryRun {
		p, err := r.Plan(ctx)
		if err != nil {
			return opts.Explain(ctx, err, sentence.ShowTokens)
		}
		return opts.show(ctx, p)
	}
	unlock, err := rotate.NewFileJournal(dir, opts.Registry, opts.Name).Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	var out rotate.Result
	if opts.Finish {
		out, err = r.Finish(ctx)
	} else {
		out, err = r.Run(ctx)
		if stale, ok := errors.AsType[*rotate.StaleError](err); ok && opts.Confirm.Possible() == nil {
			cmdutil.Say(opts.IO.ErrOut, "%v.", stale)
			if err = opts.Confirm.Ask(ctx, "Replace it?"); err == nil {
				r.Replace = true
				out, err = r.Run(ctx)
			}
		}
	}
	err = opts.Explain(ctx, err, sentence.ShowTokens)
	if perr := opts.print(ctx, out, err); err == nil {
		err = perr
	}
	return err
}

// show prints a plan.
func (opts *rotateOptions) show(ctx context.Context, p rotate.Plan) error {
	if opts.Exporter != nil {
		return opts.Exporter.Write(ctx, opts.IO, planned(opts.Name, p))
	}
	pairs := [][2]string{{"step", string(p.Step)}, {"password", string(p.Slot)}, {"expires", cmdutil.Time(p.Expires)},
		{"remove", string(p.Old)}, {"not before", cmdutil.Time(p.NotBefore)}}
	for _, s := range p.Sinks {
		holds := "holds " + string(s.Slot)
		switch {
		case s.Stale:
			holds = "holds a password that is not accepted"
		case s.Slot == "":
			holds = "holds none, or it is not known which"
		}
		pairs = append(pairs, [2]string{"sink", s.Sink.String() + ": " + holds})
	}
	return cmdutil.PrintPairs(opts.IO, pairs)
}

// print prints what was done: each sink's result, also after an error.
func (opts *rotateOptions) print(ctx context.Context, out rotate.Result, err error) error {
	if opts.Exporter != nil {
		return opts.Exporter.Write(context.WithoutCancel(ctx), opts.IO, rotated(opts.Name, out, err))
	}
	pairs := [][2]string{{"password", string(out.Slot)}, {"expires", cmdutil.Time(out.Expires)}}
	for _, d := range out.Sinks {
		result := "has it, and is verified"
		switch {
		case d.Err != nil:
			result = "failed: " + d.Err.Error()
		case !d.Verified:
			result = "took it, and cannot be verified"
		}
		pairs = append(pairs, [2]string{"sink", d.Sink + ": " + result})
	}
	pairs = append(pairs, [2]string{"removed", string(out.Retired)},
		[2]string{"old password works until", cmdutil.Time(out.RetireAfter)})
	until := cmdutil.Time(out.RetireAfter)
	switch say := func(format string, a ...any) { cmdutil.Say(opts.IO.ErrOut, format, a...) }; {
	case err != nil:
	case out.Step == rotate.StepNothing:
		say("There is no rotation of the %s to finish.", rights.Token(opts.Name))
	case until == "":
	case opts.Finish:
		say("Not before %s: programs may use the old password until then. Nothing was done.", until)
	case out.Step == rotate.StepRetire:
		say("No password was generated: the last rotation is to be finished first, not before %s, by the same command "+
			"with --finish.", until)
	default:
		say("Then: the same command with --finish.")
	}
	return cmdutil.PrintPairs(opts.IO, pairs)
}

// changed reports whether one of the flags was given.
func changed(cmd *cobra.Command, names ...string) bool {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return true
		}
	}
	return false
}
