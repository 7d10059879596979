package credhelper

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/docker/docker-credential-helpers/credentials"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// identityUser is the user name that marks an identity token. Source:
// docker/docker-credential-helpers, README, "Development".
const identityUser = "<token>"

// Docker answers one request of Docker's credential-helper protocol, whose action
// is the only argument, and returns the exit code: 0, or 1 with the error's code on
// out and, once, the reason and the fix on errOut. Clients show errOut to the user;
// docker and regctl show nothing else, and podman, skopeo, crane, oras and helm repeat
// out after it.
//
// If there is no credential, or the host is not one of Azure's, out has the protocol's
// own "credentials not found in native keychain" and nothing else: clients then continue
// without a credential.
func (h *Helper) Docker(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	action := ""
	if len(args) == 1 {
		action = args[0]
	}
	switch action {
	case credentials.ActionVersion, "--version", "-v":
		return h.print(out, "%s (github.com/acrkit/acrkit) %s\n", h.opts.Name, h.opts.Version)
	case "help", "--help", "-h":
		return h.print(out, "%s", h.usage())
	case credentials.ActionList:
		in = nil // Docker sends a word that means nothing
	case credentials.ActionGet, credentials.ActionStore, credentials.ActionErase:
	default:
		_, _ = io.WriteString(errOut, h.usage())
		return 1
	}
	return h.within(ctx, in, out, errOut, func(ctx context.Context, data []byte) reply {
		p := &protocol{Helper: h, ctx: ctx}
		var answer bytes.Buffer
		err := credentials.HandleCommand(p, action, bytes.NewReader(data), &answer)
		if _, ours := errors.AsType[*acrkit.Error](err); err != nil && !p.asked && !ours {
			// The library's errors may quote the request.
			err = &acrkit.Error{Code: acrkit.CodeUsage, Op: "read the request",
				Reason: fmt.Sprintf("it is not what the protocol has for %q", action)}
		}
		return reply{out: answer.Bytes(), said: p.said, err: err}
	}, func(err error) {
		if credentials.IsErrCredentialsNotFound(err) {
			_, _ = fmt.Fprintln(out, err)
			return
		}
		_, _ = fmt.Fprintf(out, "%s; the reason is on standard error\n", cmp.Or(acrkit.CodeOf(err), "failed"))
		//rule:kubelet-docker
		h.complain(errOut, err)
	})
}

func (h *Helper) print(out io.Writer, format string, a ...any) int {
	if _, err := fmt.Fprintf(out, format, a...); err != nil {
		return 1
	}
	return 0
}

func (h *Helper) usage() string {
	return "Usage: " + h.opts.Name + " <get|store|erase|list|version|help>\n\n" +
		"A credential helper of Docker's protocol for Azure Container Registry. In Docker's\n" +
		"config.json:\n\n  \"credHelpers\": {\"myregistry.azurecr.io\": \"acrkit\"}\n\n" +
		"acrkit login --docker writes that. It finds the credential where acrkit does, except\n" +
		"in Docker's configuration; see docs/credential-helper.md.\n"
}

// protocol is one request, with the interface of the protocol's library, which has no
// context.
type protocol struct {
	*Helper
	ctx   context.Context //nolint:containedctx // lives as long as the one call that it is for
	asked bool            // the request could be read
	said  string
}

// Get implements [credentials.Helper].
func (p *protocol) Get(serverURL string) (user, secret string, err error) {
	p.asked = true
	reg, repository, ok := p.serverURL(serverURL)
	if !ok {
		return "", "", credentials.NewErrCredentialsNotFound()
	}
	switch p.opts.Answer {
	case "", AnswerPassword, AnswerToken:
	default:
		return "", "", &acrkit.Error{Code: acrkit.CodeUsage, Op: "answer",
			Reason: fmt.Sprintf("the form of the answer is neither %q nor %q", AnswerPassword, AnswerToken)}
	}
	a, err := p.login(p.ctx, reg, repository, nil)
	switch {
	case err != nil:
		return "", "", err
	case a.anonymous:
		if len(a.parts) > 0 && repository == "" {
			p.said = fmt.Sprintf(
				"the logins for %s are for some repositories only (%s), and the client did not say which it needs: %s",
				reg, strings.Join(a.parts, ", "), sentence.Fix(sentence.RunForRepository, nil))
		}
		return "", "", credentials.NewErrCredentialsNotFound()
	case a.User == wire.ZeroGUID && p.opts.Answer == AnswerToken:
		a.User = identityUser
	}
	return a.User, a.Password.Reveal(), nil
}

// Add implements [credentials.Helper].
func (p *protocol) Add(c *credentials.Credentials) error {
	p.asked = true
	const op = "store the login"
	reg, repository, ok := p.serverURL(c.ServerURL)
	switch {
	case !ok:
		return &acrkit.Error{Code: acrkit.CodeHostRefused, Op: op,
			Reason: "the host is not a login server of Azure Container Registry",
			Hint:   sentence.Fix(sentence.NameInCredHelpers, nil)}
	case repository != "":
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Registry: reg,
			Reason: "a login by this way is for the registry, and the client named a repository",
			Hint:   sentence.Fix(sentence.LoginPart, map[string]string{"host": reg.Host(), "repository": repository})}
	case p.opts.Logins == nil:
		return &acrkit.Error{Code: acrkit.CodeUsage, Op: op, Registry: reg, Reason: "this helper keeps no logins"}
	}
	// A login that the registry does not accept is not stored.
	t, err := p.opts.Connect(p.ctx, reg, auth.UserPassword(c.Username, c.Secret))
	if err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	p.said, err = p.opts.Logins.Store(p.ctx, reg, c.Username, redact.NewSecret(c.Secret))
	return err
}

// Delete implements [credentials.Helper].
func (p *protocol) Delete(serverURL string) error {
	p.asked = true
	reg, repository, ok := p.serverURL(serverURL)
	if !ok || repository != "" || p.opts.Logins == nil {
		return nil // nothing was ever stored for it
	}
	var err error
	p.said, err = p.opts.Logins.Erase(p.ctx, reg)
	return err
}

// List implements [credentials.Helper].
func (p *protocol) List() (map[string]string, error) {
	p.asked = true
	all := map[string]string{}
	if p.opts.Logins == nil {
		return all, nil
	}
	users, err := p.opts.Logins.List(p.ctx)
	for reg, user := range users {
		if p.accepts(reg) {
			all[reg.Host()] = user
		}
	}
	return all, err
}
