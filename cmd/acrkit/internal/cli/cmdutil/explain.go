package cmdutil

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/wording"
)

// Explain adds to an error what the command knows: the credential, what it was granted,
// and one command that fixes it. It says only what the answers prove.
func Explain(ctx context.Context, c *Connection, err error) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	out := *e
	reg := c.Registry
	host := reg.Host() // for hints
	if c.Transport == nil {
		host = find.LoginServer(reg)
	}
	who := c.Effective(c.about(e.Required))
	fix := func(key sentence.FixKey) string { return c.fix(key, host) }
	is := func(kind auth.Kind) bool { return who.Credential != nil && who.Credential.Kind() == kind }
	anonymous := is(auth.KindAnonymous)
	switch {
	case anonymous && (e.Code == acrkit.CodeCredentialRejected || e.Code == acrkit.CodeCredentialMissing):
		// Nothing was refused: there was nothing to present.
		out.Code = acrkit.CodeCredentialMissing
		out.Reason, out.Hint = "no credential was found, and the registry requires one", fix(sentence.Login)
		switch {
		case c.Note != "":
			out.Reason, out.Hint = c.Note, fix(sentence.NameRegistry)
		case c.Asked:
			out.Reason = "the registry requires a credential, and --auth anonymous uses none"
		}
	case who.Undecided() && e.Status == 0 && asked(err):
		// A place failed that had to be asked. acrkit's own login has priority over it.
		if e.Hint == "" || e.Cause == cause.HelperMissing || e.Cause == cause.HelperFailed ||
			e.Cause == cause.DockerConfigBroken {
			out.Hint = fix(sentence.LoginFirst)
		}
	case e.Code == acrkit.CodeCredentialRejected:
		// The report of a chain or of Docker's configuration has a reason that names the place.
		if who.Source != "" && !c.Asked && (who.From == "" || !asked(err)) {
			out.Reason = wording.Reason(e) + "; it is from " + who.Source
		}
		if e.Hint == "" || !knowsFix(e) && !is(auth.KindManagedIdentity) && !is(auth.KindAzureCLI) {
			out.Hint = rejectedHint(c, who)
		}
	case e.Code == acrkit.CodeInsufficientScope:
		out.Reason, out.Granted = missingRights(ctx, c, e, who.Credential)
		out.Cause = cmp.Or(causeOfMissing(e.Required, out.Granted, is(auth.KindScopedToken)), e.Cause)
		out.Hint = rightsHint(c, e.Required, who.Credential)
		if anonymous && c.Note != "" {
			out.Reason, out.Hint = out.Reason+"; "+c.Note, fix(sentence.NameRegistry)
		} else if anonymous {
			out.Hint = fix(sentence.Login)
		}
	case e.Code == acrkit.CodeLocked && c.Transport != nil && e.Hint == "":
		explainLock(ctx, c, &out, err)
	case e.Code == acrkit.CodeDenied && reg.IsACR():
		out.Hint = fix(sentence.ShowNetwork)
	case e.Code == acrkit.CodeHostRefused && host != reg.Host():
		out.Hint = fix(sentence.NameLoginServer)
	case e.Code == acrkit.CodeHostRefused && c.Transport == nil && !c.plainHTTP:
		out.Hint = fix(sentence.TrustHost)
	case e.Code == acrkit.CodeHostRefused && c.plainHTTP:
		out.Hint = c.fix(sentence.WithoutPlainHTTP, reg.Host())
	case e.Code == acrkit.CodeNotFound && c.Target != "":
		out.Hint = c.fix(sentence.ListTags, reg.Host())
	case e.Code == acrkit.CodeNotFound && c.Repository != "" && is(auth.KindScopedToken):
		// Such a token may not list the catalog.
		out.Hint = c.fix(sentence.ShowRights, reg.Host())
	case e.Code == acrkit.CodeNotFound:
		out.Hint = c.fix(sentence.ListRepositories, reg.Host())
	case e.Code == acrkit.CodeTLS && reg.IsLoopback():
		out.Hint = fix(sentence.TrustEmulator)
	case e.Code == acrkit.CodeTLS:
		out.Hint = fix(sentence.TrustAuthority)
	case e.Code == acrkit.CodeUnavailable && e.Cause != cause.ProxyUnreachable:
		key := sentence.Reach
		if e.Cause == cause.ConnectionTimeout {
			key = sentence.ReachInTime
		}
		out.Hint = c.fix(key, reg.Host())
	}
	return &out
}

// explainLock adds which item has the lock that forbids it, and the command that unlocks
// it.
func explainLock(ctx context.Context, c *Connection, out *acrkit.Error, err error) {
	d, failed := diagnose.Explain(ctx, diagnose.Attempt{Registry: c.Registry, Err: err, Target: c.Target,
		Transport: c.Transport}, nil)
	if failed != nil {
		return
	}
	if out.Hint = d.Fix; d.Confidence == diagnose.Proved {
		out.Cause = d.Code
		out.Reason = strings.Join(append([]string{d.Title()}, d.Evidence[1:]...), ": ")
	}
}

// fix returns a fix with what is known of the connection, towards a host.
func (c *Connection) fix(key sentence.FixKey, host string) string {
	return sentence.Fix(key, map[string]string{"host": host, "name": c.Registry.Name(), "scheme": c.scheme(),
		"repository": c.Repository})
}

func (id Identity) scheme() string {
	if id.plainHTTP {
		return "http"
	}
	return "https"
}

// asked reports whether an error is of a place that was asked for a credential.
func asked(err error) bool {
	_, ok := errors.AsType[*auth.ChainError](err)
	return ok
}

// knowsFix reports whether the refusal itself says which command fixes it, as those of a
// managed identity and of the Azure CLI always do: a better hint than one for the kind
// of credential.
func knowsFix(e *acrkit.Error) bool {
	switch e.Cause {
	case cause.EntraSecretExpired, cause.EntraSignInEnded:
		return true
	case cause.EntraAssertionRefused:
		refusal, ok := errors.AsType[auth.EntraRefusal](e)
		return ok && refusal.Number == 700027 // the certificate
	}
	return false
}

// rejectedHint returns a command that fixes a credential that was not accepted, or that
// shows more about it.
func rejectedHint(c *Connection, who Effective) string {
	reg := c.Registry
	if who.Login != nil {
		return find.LoginHint(reg, who.Login.Repository)
	}
	if who.From != "" { // of Docker's configuration
		if who.Credential.Kind() == auth.KindRefreshToken && reg.IsACR() {
			return c.fix(sentence.LoginOfAzureCLI, reg.Host())
		}
		place := who.place()
		if len(place.Variables) > 0 { // no login is written there
			return "unset " + strings.Join(place.Variables, " ") + "    # and log in: " +
				c.fix(sentence.Login, reg.Host())
		}
		if place.Place.IsPodman() {
			return c.fix(sentence.LoginForPodman, reg.Host())
		}
		return c.fix(sentence.LoginForDocker, reg.Host())
	}
	if !reg.IsACR() || who.Credential == nil {
		return c.fix(sentence.ShowIdentity, reg.Host())
	}
	switch who.Credential.Kind() {
	case auth.KindScopedToken:
		if name := who.Credential.Name(); shell.IsPlain(name) {
			return sentence.Fix(sentence.ShowToken, map[string]string{"name": reg.Name(), "token": name})
		}
	case auth.KindServicePrincipal, auth.KindCertificate:
		return c.fix(sentence.ShowSecrets, reg.Host())
	case auth.KindAdminUser:
		return c.fix(sentence.ShowAdminPassword, reg.Host())
	case auth.KindAzureCLI:
		return c.fix(sentence.SignInToAzure, reg.Host())
	}
	return c.fix(sentence.ShowIdentity, reg.Host())
}
