package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/manage"
	"github.com/acrkit/acrkit/manage/policy"
	"github.com/acrkit/acrkit/manage/rotate"
	"github.com/acrkit/acrkit/manage/sink"
)

// allOptions are what "token rotate --all" needs beside rotateOptions.
type allOptions struct {
	All              bool
	File             string // "-" = standard input
	Max, MaxFailures int

	policy policy.Policy
	now    func() time.Time
}

// parseAll reads what --all goes with.
func (opts *rotateOptions) parseAll(f *cmdutil.Factory, args []string, others bool) error {
	switch {
	case opts.All != (opts.File != ""):
		return cmdutil.Usage("--all and --policy belong together")
	case !opts.All && (opts.Max != 0 || opts.MaxFailures != defaultFailures):
		return cmdutil.Usage("--max and --max-failures are for --all")
	case !opts.All:
		return cmdutil.ExactArgs(1, tokenArg+": [<registry>/]<token>")(nil, args)
	case others:
		return cmdutil.Usage("with --all, the policy says the sinks and times: leave the other flags out")
	case opts.Max < 0 || opts.MaxFailures < 0:
		return cmdutil.Usage("--max and --max-failures must not be negative")
	case len(args) > 1:
		return cmdutil.Usage("--all takes one registry at most")
	}
	var err error
	if opts.Registry, err = f.Registry(cmdutil.First(args)); err != nil {
		return err
	}
	data, err := readPolicy(f, opts.File)
	if err != nil {
		return err
	}
	if opts.policy, err = policy.Parse(data, sinkOptions(f)); err != nil {
		if e, ok := errors.AsType[*acrkit.Error](err); ok {
			e.Op = fmt.Sprintf("read the policy in %q", opts.File)
		}
	}
	return err
}

// defaultFailures is how many tokens may fail before the rest is left.
const defaultFailures = 3

func readPolicy(f *cmdutil.Factory, file string) ([]byte, error) {
	in := f.IO.In
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the policy", Errs: []error{err}}
		}
		defer opened.Close()
		in = opened
	}
	return io.ReadAll(io.LimitReader(in, policy.MaxFile+1))
}

func rotateAllRun(ctx context.Context, opts *rotateOptions) error {
	if err := opts.Possible(); err != nil {
		return err
	}
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
	var tokens []manage.Token
	for t, err := range passwords.Tokens(ctx) {
		if err != nil {
			return opts.Azure.Explain(ctx, err)
		}
		tokens = append(tokens, t)
	}
	f := &policy.Fleet{Policy: opts.policy, Tokens: tokens, Max: opts.Max, MaxFailures: opts.MaxFailures, Now: opts.now,
		Rotation: func(t policy.Token) *rotate.Rotation {
			r := opts.rotation(t.Name, dir, passwords, o)
			r.Sinks, r.Expires, r.Next, r.Grace, r.Later = t.Sinks, t.Expires, t.Age, t.Grace, true
			return r
		},
		Lock: func(ctx context.Context, token string) (func(), error) {
			return rotate.NewFileJournal(dir, opts.Registry, token).Lock(ctx)
		},
		Report: func(i policy.Item) { cmdutil.Say(opts.IO.ErrOut, "%s:", i.Token) }}
	plan, err := f.Plan(ctx)
	if err != nil {
		return err
	}
	due := 0
	for _, i := range plan {
		if i.Action == policy.ActionRotate || i.Action == policy.ActionFinish {
			due++
		}
	}
	if opts.DryRun || due == 0 {
		err := opts.table(ctx, plan, false)
		if !opts.DryRun && err == nil {
			_, err = f.Run(ctx, plan) // what failed is told
		}
		return err
	}
	if opts.Confirm.Asks() {
		for _, i := range plan {
			doc := ofFleet(i, false)
			cmdutil.Say(opts.IO.ErrOut, "%s: %s, %s", doc.Name, doc.Status, doc.why())
		}
	}
	if err := opts.Confirm.Ask(ctx, fmt.Sprintf("Change the passwords of %d tokens?", due)); err != nil {
		return err
	}
	done, err := f.Run(ctx, plan)
	return errors.Join(opts.Azure.Explain(ctx, err), opts.table(context.WithoutCancel(ctx), done, true))
}

// table prints a line or an object for each token, by a plan or by what was done.
func (opts *rotateOptions) table(ctx context.Context, items []policy.Item, done bool) error {
	rows := make([]rotateJSON, 0, len(items))
	for _, i := range items {
		rows = append(rows, ofFleet(i, done))
	}
	return cmdutil.PrintAll(ctx, opts.IO, opts.Exporter, rows, []string{"TOKEN", "OWNER", "ACTION", "WHY"},
		func(doc rotateJSON) []string { return []string{doc.Name, doc.Owner, doc.Status, doc.why()} })
}

// sinkOptions are what the sinks of a command use.
func sinkOptions(f *cmdutil.Factory) *sink.Options {
	//rule:token-sink-environment
	environ := func() []string { return find.WithoutSecrets(os.Environ()) }
	return &sink.Options{LookupEnv: f.LookupEnv, Environ: environ}
}

// rotation is a rotation of a token, without its sinks and times.
func (opts *rotateOptions) rotation(token, dir string, passwords *manage.Registry, o *auth.Options) *rotate.Rotation {
	return &rotate.Rotation{Registry: opts.Registry, Token: token, Passwords: passwords,
		Login:   rotate.NewLogin(opts.Registry, token, o),
		Journal: rotate.NewFileJournal(dir, opts.Registry, token), Clock: opts.clock, Command: opts.command,
		Report: func(line string) { cmdutil.Say(opts.IO.ErrOut, "%s", line) }}
}
