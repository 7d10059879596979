package login

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// secret gets the secret from where it was said to be.
func (opts *Options) secret(ctx context.Context, cred auth.Credential) (string, error) {
	switch {
	case opts.File != "":
		f, err := os.Open(opts.File)
		if err != nil {
			return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "read --password-file", Errs: []error{err}}
		}
		defer f.Close()
		return readAll(f, fmt.Sprintf("read --password-file %q", opts.File))
	case opts.Stdin && !opts.IO.IsStdinTTY():
		return readAll(opts.IO.In, "read the secret from standard input")
	case opts.CanPrompt:
		what := "Password"
		switch opts.Kind {
		case auth.KindServicePrincipal:
			what = "Client secret"
		case auth.KindRefreshToken, auth.KindEntraToken:
			return opts.Secret(ctx, strings.ToUpper(cred.String()[:1])+cred.String()[1:]+": ")
		}
		return opts.Secret(ctx, fmt.Sprintf("%s of %s: ", what, cred))
	}
	return "", &acrkit.Error{Code: acrkit.CodeUsage,
		Reason: "the secret can be asked for at a terminal only; give it with --password-stdin or --password-file",
		Hint:   opts.withFile()}
}

// withFile is the command with the secret in a file, as far as its words need no quotes.
func (opts *Options) withFile() string {
	args := opts.Registry.Host()
	if opts.Kind == auth.KindScopedToken && shell.IsPlain(opts.User) {
		args += " --token-name " + opts.User
	}
	return sentence.Fix(sentence.LoginWithPasswordFile, map[string]string{"args": args})
}

// readAll reads a secret that one line feed may follow. What else is odd about it
// is said where it is used.
func readAll(r io.Reader, op string) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, store.MaxSecret+3))
	if err != nil {
		return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Errs: []error{err}}
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case secret == "":
		return "", &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Reason: "there is nothing in it"}
	case len(secret) > store.MaxSecret:
		return "", &acrkit.Error{Code: acrkit.CodeTooLarge, Op: op,
			Reason: fmt.Sprintf("it is longer than %d bytes", store.MaxSecret)}
	}
	return secret, nil
}

// askName asks for the name of the token.
func askName(ctx context.Context, s *iostreams.IOStreams) (string, error) {
	return cmdutil.Ask(ctx, s, "Token name: ", func() (string, error) { return cmdutil.ReadLine(s.In) })
}

// readSecret asks for a secret without an echo.
func readSecret(ctx context.Context, s *iostreams.IOStreams, what string) (string, error) {
	f, ok := s.In.(*os.File)
	if !ok {
		return cmdutil.Ask(ctx, s, what, func() (string, error) { return cmdutil.ReadLine(s.In) })
	}
	fd := int(f.Fd())
	// A person who interrupts leaves a reader behind that has switched the echo off.
	state, err := term.GetState(fd)
	if err != nil {
		return "", &acrkit.Error{Op: "read from the terminal", Errs: []error{err}}
	}
	secret, err := cmdutil.Ask(ctx, s, what, func() (string, error) {
		secret, err := term.ReadPassword(fd)
		return string(secret), err
	})
	cmdutil.Say(s.ErrOut, "")
	if ctx.Err() != nil {
		_ = term.Restore(fd, state) // the process ends, and says why
	}
	return secret, err
}
