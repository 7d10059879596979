package cmdutil

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// Explain adds to an error what the command knows: whose credential it was, what
// it was granted, and one command that mends it. It says only what the wire
// proved.
func Explain(ctx context.Context, c *Connection, err error) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	out := *e
	who := subject(c.Credential)
	reg := c.Registry
	switch e.Code {
	case acrkit.CodeInsufficientScope:
		out.Reason, out.Granted = missingRights(ctx, c, who, e.Required)
		setHint(&out, rightsHint(c, e.Required))
	case acrkit.CodeCredentialMissing:
		if c.Note != "" {
			out.Reason = c.Note
			setHint(&out, "export ACR_NAME="+reg.Host())
		} else if c.Credential.Kind() == auth.KindAnonymous {
			out.Reason = "no credential was found, and the registry lets nobody in without one"
		}
		setHint(&out, exportHint("", reg))
	case acrkit.CodeCredentialRejected:
		if c.Credential.Kind() == auth.KindAnonymous {
			// Nothing was refused: there was nothing to present.
			out.Code = acrkit.CodeCredentialMissing
			out.Reason = "no credential was found, and the registry lets nobody in without one"
			if c.Note != "" {
				out.Reason = c.Note
			}
			setHint(&out, exportHint("", reg))
		}
		setHint(&out, rejectedHint(c))
	case acrkit.CodeHostRefused:
		if strings.Contains(out.Reason, "plain HTTP") || strings.Contains(out.Reason, "plain-HTTP") {
			setHint(&out, "acrkit whoami --registry "+reg.Host()+"    # without --plain-http")
		}
		setHint(&out, "export ACRKIT_REGISTRIES="+reg.Host()+"    # only if this host is yours")
	case acrkit.CodeNotFound:
		setHint(&out, "acrkit repo list "+reg.Host())
	case acrkit.CodeTLS:
		setHint(&out, "export SSL_CERT_FILE=ca.pem    # the certificate of the server's authority; \"acrkit emulator start\" names its own")
	case acrkit.CodeUnavailable:
		setHint(&out, fmt.Sprintf("curl -sS -o /dev/null -w '%%{http_code}\\n' %s://%s/v2/    # 401 means it can be reached", scheme(reg), reg.Host()))
	case acrkit.CodeDenied:
		setHint(&out, fmt.Sprintf("az acr show --name %s --query '{access: publicNetworkAccess, rules: networkRuleSet}'", reg.Name()))
	}
	return &out
}

func scheme(acrkit.Registry) string { return "https" }

func setHint(e *acrkit.Error, hint string) {
	if e.Hint == "" {
		e.Hint = hint
	}
}

// subject names the credential at the beginning of a clause.
func subject(c auth.Credential) string {
	if c == nil {
		return "the credential"
	}
	if c.Kind() == auth.KindAnonymous {
		return "the anonymous user"
	}
	return "the " + c.String()
}

// missingRights says what the credential has and has not, in scope-map names. To
// know what it has, it asks for a token with every right on the repository.
func missingRights(ctx context.Context, c *Connection, who string, required acrkit.Scope) (string, *acrkit.Scope) {
	if required.Contains(acrkit.CatalogScope()) {
		if c.Credential != nil && c.Credential.Kind() == auth.KindScopedToken {
			return who + ` may not list the catalog; a scope-mapped token can only with a scope map on "*"`, &acrkit.Scope{}
		}
		return who + " may not list the catalog", &acrkit.Scope{}
	}
	var wants []string
	name := ""
	for access := range required.All() {
		name = access.Name
		for _, word := range access.Actions {
			wants = append(wants, actionName(word))
		}
	}
	if len(wants) == 0 {
		return who + " lacks a right that the registry does not name", nil
	}
	var granted *acrkit.Scope
	if c.Transport != nil {
		if token, err := c.Transport.Token(ctx, acrkit.RepositoryScope(name, acrkit.Actions()...)); err == nil {
			granted = token.Granted
		}
	}
	if granted == nil {
		return fmt.Sprintf("%s has not all of %s on %q", who, strings.Join(wants, " and "), name), nil
	}
	var has, lacks []string
	for _, a := range acrkit.Actions() {
		if granted.Contains(acrkit.RepositoryScope(name, a)) {
			has = append(has, a.String())
		}
	}
	for _, want := range wants {
		if a, err := acrkit.ParseAction(want); err != nil || !granted.Contains(acrkit.RepositoryScope(name, a)) {
			lacks = append(lacks, want)
		}
	}
	if len(lacks) == 0 {
		lacks = wants
	}
	if len(has) == 0 {
		return fmt.Sprintf("%s has no right on %q; this needs %s", who, name, strings.Join(lacks, " and ")), granted
	}
	return fmt.Sprintf("%s has %s but not %s", who, strings.Join(has, " and "), strings.Join(lacks, " and ")), granted
}

func actionName(word string) string {
	if a, err := acrkit.ParseAction(word); err == nil {
		return a.String()
	}
	return word
}

func rightsHint(c *Connection, required acrkit.Scope) string {
	reg := c.Registry
	whoami := "acrkit whoami --registry " + reg.Host()
	for access := range required.All() {
		if access.Type != "repository" {
			continue
		}
		if c.Credential != nil && c.Credential.Kind() == auth.KindScopedToken && reg.IsACR() {
			var actions []string
			for _, word := range access.Actions {
				actions = append(actions, actionName(word))
			}
			return fmt.Sprintf("az acr scope-map update --registry %s --name SCOPE_MAP --add-repository %s %s", reg.Name(), access.Name, strings.Join(actions, " "))
		}
		return whoami + " --repository " + access.Name
	}
	return whoami
}

func rejectedHint(c *Connection) string {
	reg := c.Registry
	if !reg.IsACR() {
		return "acrkit whoami --registry " + reg.Host()
	}
	switch c.Credential.Kind() {
	case auth.KindScopedToken:
		if _, name, ok := strings.Cut(c.Credential.String(), `"`); ok {
			return fmt.Sprintf("az acr token show --registry %s --name %s", reg.Name(), strings.TrimSuffix(name, `"`))
		}
	case auth.KindServicePrincipal:
		return "az ad app credential list --id $AZURE_CLIENT_ID"
	}
	return "acrkit whoami --registry " + reg.Host()
}
