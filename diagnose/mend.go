package diagnose

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/shell"
)

var (
	placeholder = regexp.MustCompile(`\b[A-Z_]{3,}\b`)
)

// plain returns s if any shell takes it as it stands, else a word to replace.
func plain(s string) string {
	if shell.IsPlain(s) {
		return s
	}
	return "NAME"
}

// name returns the user or token name of the attempt's credential, "" = not known.
func (x *examiner) name() string {
	if x.user != "" {
		return x.user
	}
	switch c := x.credential(); {
	case c == nil:
	case c.Kind() == auth.KindScopedToken, c.Kind() == auth.KindUserPassword, c.Kind() == auth.KindAdminUser:
		if name := c.Name(); name != "" {
			return name
		}
	}
	return x.reading.User
}

func (x *examiner) credential() auth.Credential {
	if x.a.Transport == nil {
		return nil
	}
	return x.a.Transport.Status(x.required).Credential
}

// mend fills a cause's command with the names of the attempt. What is not known
// stays a word in capitals.
func (x *examiner) mend(c Cause) string {
	command := cmp.Or(x.wait(c.Code), x.fixOfClient(c.Code), c.Mend)
	if !x.reg.IsZero() && !x.reg.IsACR() && (strings.HasPrefix(command, "az acr ") || strings.HasPrefix(command, "az role ")) {
		// az knows Microsoft's registries alone.
		switch {
		case x.reg.IsLoopback():
			command = cmp.Or(fixesOfEmulator[c.Code], "acrkit emulator log --denied --explain")
		case x.repository != "":
			command = "acrkit whoami --registry REGISTRY --repository REPOSITORY"
		default:
			command = "acrkit whoami --registry REGISTRY"
		}
	}
	if command == asWritten && x.onlyText {
		command = x.asMeant()
	}
	missing := x.required
	if x.granted != nil {
		missing = x.required.Minus(*x.granted)
	}
	return placeholder.ReplaceAllStringFunc(command, func(word string) string {
		value := ""
		switch word {
		case "REGISTRY":
			if value = x.reg.Host(); strings.HasPrefix(command, "az ") {
				value = x.reg.Name()
			}
		case "REPOSITORY":
			value = x.repository
		case "TAG":
			value = x.target
		case "DIGEST":
			if acrkit.IsDigest(x.target) {
				value = x.target
			}
		case "ACTIONS":
			return x.actions(missing)
		case "LINES":
			return x.lines(missing)
		case "SERVER":
			value = x.reg.Host()
		case "TOKEN":
			value = x.name()
		case "CLIENT_ID":
			if c := x.credential(); c != nil && c.Kind() == auth.KindServicePrincipal {
				value = c.Name()
			} else if fullGUID(x.user) {
				value = x.user
			}
		case "ADDRESS":
			value = errtext.ClientAddress(x.said)
		}
		if !shell.IsPlain(value) {
			return word
		}
		return value
	})
}

// actions lists the missing actions on the repository by their scope-map names.
func (x *examiner) actions(missing acrkit.Scope) string {
	var names []string
	for a := range missing.All() {
		if a.Type != "repository" || a.Name != x.repository {
			continue
		}
		for _, w := range a.Actions {
			if action, err := acrkit.ParseAction(w); err == nil {
				names = append(names, action.String())
			}
		}
	}
	if len(names) == 0 {
		return "ACTION" // nothing says which
	}
	return strings.Join(names, " ")
}
