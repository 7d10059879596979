package diagnose

import (
	"cmp"
	"context"
	"iter"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/internal/errtext"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/wire"
)

// plain returns s if it needs no quotes in any shell, else a word to replace.
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

// fix returns the fix of a cause with the names of the attempt. A name that is not known
// stays a word in capitals.
func (x *examiner) fix(ctx context.Context, c Cause) string {
	if seconds := x.wait(c.Code); seconds != "" {
		return sentence.Fix(sentence.WaitFor, map[string]string{"seconds": seconds})
	}
	key := x.unlocking(cmp.Or(x.fixOfClient(c.Code), sentence.OfCause(string(c.Code)).Fix))
	key = x.ofIdentity(ctx, key)
	switch {
	case key == "": // nothing is known
		return cmp.Or(sentence.Fix(sentence.ExamineRights, x.blanks()), sentence.Draft(sentence.Examine, x.blanks()))
	case key == sentence.AsWritten:
		return x.asMeant()
	case key.OfAzure() && !x.reg.IsZero() && !x.reg.IsACR():
		return x.fixElsewhere(ctx, c.Code, key)
	}
	return sentence.Draft(key, x.blanks())
}

// fixElsewhere returns the fix of a cause at a registry that is not Microsoft's, where azure
// would be that at Microsoft's. A registry at a loopback address need not be an emulator.
func (x *examiner) fixElsewhere(ctx context.Context, c acrkit.Cause, azure sentence.FixKey) string {
	facts := x.blanks()
	if x.reg.IsLoopback() {
		if !isNamed(x.reg) {
			delete(facts, "name")
		}
		key := sentence.AtEmulator(string(c))
		if key.OfScopeMap() && !azure.OfScopeMap() {
			key = cmp.Or(sentence.RoleAtEmulator(azure), key)
		}
		switch x.local(ctx) {
		case anEmulator:
			return sentence.Draft(key, facts)
		case unknownHere:
			if facts["host"] != "" {
				return sentence.IfEmulator(key, facts)
			}
		case anotherHere:
			return sentence.Draft(sentence.Examine, facts)
		}
	}
	if facts["repository"] != "" {
		return sentence.Draft(sentence.ShowRights, facts)
	}
	return sentence.Draft(sentence.ShowIdentity, facts)
}

// localServer is what answers at a loopback address.
type localServer int

const (
	notAsked    localServer = iota
	unknownHere             // it may not be asked, or does not answer
	anEmulator
	aProxy      // acrkit's, of a registry elsewhere
	anotherHere // any other registry
)

// local finds out what answers at the registry's loopback address, by one request in a
// run. All names below azurecr.localhost are an emulator's.
func (x *examiner) local(ctx context.Context) localServer {
	if isNamed(x.reg) {
		return anEmulator
	}
	if *x.here != notAsked {
		return *x.here
	}
	if !x.mayAsk() {
		return unknownHere
	}
	*x.here = x.askLocal(ctx)
	return *x.here
}

// isNamed reports whether a host is an emulator's that names one of its registries.
func isNamed(reg acrkit.Registry) bool {
	return strings.HasSuffix(reg.Hostname(), ".azurecr.localhost")
}

func (x *examiner) askLocal(ctx context.Context) localServer {
	const op = "ask whether it is acrkit's emulator"
	resp, _, err := x.ask(ctx, op, control.Prefix) //nolint:bodyclose // ask closes it
	if err != nil {
		return unknownHere
	}
	switch resp.Header.Get("Server") {
	case control.Server:
		return anEmulator
	case wire.ProxyServer:
		return aProxy
	}
	return anotherHere
}

// blanks returns the names of the attempt for a fix. Names that need quotes in a shell
// are left out.
func (x *examiner) blanks() map[string]string {
	missing := x.required
	if x.granted != nil {
		missing = x.required.Minus(*x.granted)
	}
	facts := map[string]string{"host": x.reg.Host(), "server": x.reg.Host(), "name": x.reg.Name(), "scheme": x.scheme(),
		"repository": x.repository, "token": x.name(), "address": errtext.ClientAddress(x.said)}
	if acrkit.IsDigest(x.target) {
		facts["digest"] = x.target
	} else {
		facts["tag"] = x.target
	}
	if c := x.credential(); c != nil && c.Kind() == auth.KindServicePrincipal {
		facts["client"] = c.Name()
	} else if name := x.name(); wire.IsGUID(name) && name != wire.ZeroGUID {
		facts["client"] = name
	}
	for name, value := range facts {
		if !shell.IsPlain(value) {
			delete(facts, name)
		}
	}
	if r, ok := errtext.ReadARMRefusal(x.said); ok {
		facts["role"] = RoleFor(r.Action) // several words
		if shell.IsPlain(r.ObjectID) {
			facts["object"] = r.ObjectID
		}
		if scope := scopeOfRole(r.Scope); shell.IsPlain(scope) {
			facts["scope"] = scope
		}
	}
	facts["actions"], facts["lines"] = x.actions(missing), x.lines(missing) // several words
	if !missing.IsEmpty() {
		facts["registry_role"], facts["repository_role"] = RolesOf(missing)
	}
	facts["wants"] = wantsOf(x.required)
	return facts
}

// wantsOf lists rights as "acrkit doctor" takes them.
func wantsOf(required acrkit.Scope) string {
	var wants []string
	for repository, action := range repositoryActions(required) {
		if shell.IsPlain(repository) {
			wants = append(wants, "--want "+repository+":"+action.String())
		}
	}
	return strings.Join(wants, " ")
}

// actions lists the missing actions on the repository by their scope-map names.
func (x *examiner) actions(missing acrkit.Scope) string {
	var names []string
	for repository, action := range repositoryActions(missing) {
		if repository == x.repository {
			names = append(names, action.String())
		}
	}
	if len(names) == 0 {
		return "ACTION" // nothing says which
	}
	return strings.Join(names, " ")
}

// lines lists what a scope map needs for the request: what the credential holds on the
// repository already, and what is missing.
func (x *examiner) lines(missing acrkit.Scope) string {
	all := missing
	if x.granted != nil {
		all = all.Union(x.onRepository(*x.granted))
	}
	var lines []string
	for repository, action := range repositoryActions(all) {
		if shell.IsPlain(repository) {
			lines = append(lines, "repositories/"+repository+"/"+action.String())
		}
	}
	return strings.Join(lines, " ")
}

// repositoryActions yields each repository of a scope with each of its actions that a
// scope map can name.
func repositoryActions(scope acrkit.Scope) iter.Seq2[string, acrkit.Action] {
	return func(yield func(string, acrkit.Action) bool) {
		for access := range scope.All() {
			if access.Type != "repository" {
				continue
			}
			for _, word := range access.Actions {
				if action, err := acrkit.ParseAction(word); err == nil && !yield(access.Name, action) {
					return
				}
			}
		}
	}
}
