// Package find finds the credential for a registry: in the environment, in
// acrkit's store of logins, or as a kind that was asked for. The command and the
// credential helper share it, so that both use the same identity.
package find

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/internal/login/tokencache"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// Kinds that name a place or a way of signing in, and are not an [auth.Kind].
const (
	KindStore      = "store"       // acrkit's own store of logins
	KindGitHubOIDC = "github-oidc" // a service principal by the token of a GitHub Actions job
)

// StoreName is how messages name acrkit's store.
const StoreName = "acrkit's store"

// Finder looks for credentials. LookupEnv is required.
type Finder struct {
	LookupEnv func(string) (string, bool) // as os.LookupEnv
	Now       func() time.Time            // nil is time.Now
	// Kind is the only kind to use; "" is the first that is found. AskedBy is the text
	// before it in messages: "--auth ".
	Kind    string
	AskedBy string
	// Docker returns the credential of Docker's and podman's files. Nil does not use
	// them: a credential helper would ask itself.
	Docker func() auth.Credential
	// NoCache neither stores tokens nor uses stored ones.
	NoCache bool
}

// Tokens returns the store of tokens between processes; nil if it is off or cannot be
// opened, which is no error.
func (f *Finder) Tokens() auth.TokenStore {
	if f.NoCache || f.env(tokencache.EnvNoCache) != "" {
		return nil
	}
	c, err := tokencache.Open(&tokencache.Options{LookupEnv: f.LookupEnv, Now: f.Now})
	if err != nil {
		return nil
	}
	return c
}

// Identity is the identity for one registry, before anything is sent.
type Identity struct {
	Registry   acrkit.Registry
	Credential auth.Credential
	// Source says where the credential came from: the variables, what asked for the
	// kind, acrkit's store; "" if that is known only with the first token.
	Source  string
	Lookups []auth.Lookup // every place that was looked at until the credential was found
	Note    string        // why a credential that is there was not used, or ""

	ByEnvironment bool // the environment decided, with a credential or with an error

	Asked bool // Source is what asked for the kind

	Later  bool                   // Docker's configuration and then Anonymous follow what was found
	Stored map[string]StoredLogin // the logins of the store, by prefix
}

// StoredLogin is a login of acrkit's store.
type StoredLogin struct {
	Source     string // as its [auth.Lookup] has it
	Repository string // the repositories, as stored: "team/*"; "" = all
}

// OnlyParts reports whether there are logins for some repositories, and none for the
// whole registry before Docker's configuration.
func (id Identity) OnlyParts() bool {
	_, all := id.Stored[""]
	return len(id.Stored) > 0 && !all
}

// Find returns the credential for a registry: of the kind in Kind, else a complete set in
// the environment, else acrkit's store, else Docker's configuration if Docker is set,
// else [auth.Anonymous]. Nothing is sent. Logins of the store may be for some repositories
// only; the others then use the places after the store. Docker's configuration is not
// read before a token is needed.
//
// A place is skipped only if it has nothing for the registry. An incomplete set in the
// environment, or a store that cannot be read, is an error; the lookups are returned with
// it.
func (f *Finder) Find(ctx context.Context, reg acrkit.Registry) (Identity, error) {
	id := Identity{Registry: reg, Credential: auth.Anonymous()}
	kind := auth.Kind(f.Kind)
	switch {
	case kind == auth.KindAnonymous:
		id.Source, id.Asked = f.asked(), true
		return id, nil
	case kind == auth.KindDockerConfig && f.Docker != nil:
		id.Credential, id.Later = f.Docker(), true
		return id, nil
	case kind == auth.KindAzureCLI:
		id.Source, id.Asked, id.Credential = f.asked(), true, azureauth.AzureCLI(nil)
		return id, nil
	case kind == auth.KindManagedIdentity:
		id.Source, id.Asked = f.asked(), true
		id.Credential = f.managedIdentity(&id)
		return id, nil
	case kind == KindStore:
	default:
		if found, err := f.fromEnvironment(&id, kind); found || err != nil {
			id.ByEnvironment = true
			return id, err
		}
	}
	entries, err := f.fromStore(ctx, &id, kind)
	if err != nil {
		return id, err
	}
	if _, all := entries[""]; !all && f.Kind == "" {
		entries[""], id.Later = auth.Anonymous(), f.Docker != nil
		if f.Docker != nil {
			entries[""] = auth.Chain(f.Docker(), auth.Anonymous())
		}
	}
	cred, all := entries[""]
	switch {
	case len(entries) == 0:
		return id, f.noneOfKind(&id, kind)
	case all && len(entries) == 1:
		id.Credential, id.Source = cred, id.Stored[""].Source
	default:
		id.Credential = auth.ByRepository(entries)
	}
	return id, nil
}

// InEnvironment is [Finder.Find] in the environment alone; ByEnvironment says whether the
// environment has a credential or an error.
func (f *Finder) InEnvironment(reg acrkit.Registry) (Identity, error) {
	id := Identity{Registry: reg, Credential: auth.Anonymous()}
	found, err := f.fromEnvironment(&id, auth.Kind(f.Kind))
	id.ByEnvironment = found || err != nil
	return id, err
}

// asked is the option that asked for the kind.
func (f *Finder) asked() string { return f.AskedBy + f.Kind }

// noneOfKind is the error where a kind was asked for that is not there.
func (f *Finder) noneOfKind(id *Identity, kind auth.Kind) error {
	e := &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "sign in", Registry: id.Registry,
		Reason: fmt.Sprintf("%s, and neither the environment nor %s holds a credential of this kind for it", f.asked(),
			StoreName),
		Hint: exportHint(kind, f.hintHost(id.Registry))}
	switch {
	case id.Note != "":
		e.Reason, e.Hint = id.Note,
			sentence.Fix(sentence.NameRegistry, map[string]string{"host": f.hintHost(id.Registry)})
	case kind == KindStore:
		e.Reason, e.Hint = fmt.Sprintf("%s, and %s has no login for it", f.asked(), StoreName),
			LoginHint(id.Registry, "")
	case kind == KindGitHubOIDC:
		e.Reason = f.asked() +
			", and the job's variables are missing: a job has them with the permission id-token: write"
	}
	return e
}

// managedIdentity is the identity of the machine: the user-assigned one that
// AZURE_CLIENT_ID names, as Microsoft's libraries read it, else the system's.
func (f *Finder) managedIdentity(id *Identity) auth.Credential {
	opts := &azidentity.ManagedIdentityCredentialOptions{}
	if client := f.env("AZURE_CLIENT_ID"); client != "" {
		opts.ID = azidentity.ClientID(client)
		id.Source += " with AZURE_CLIENT_ID"
	}
	return azureauth.ManagedIdentity(opts)
}

// CustomLoginServer reports whether the variable ACRKIT_REGISTRIES, a comma-separated
// list, names the registry: a login server without the name of one.
func (f *Finder) CustomLoginServer(reg acrkit.Registry) bool {
	return slices.Contains(f.CustomLoginServers(), reg)
}

// CustomLoginServers returns the registries in ACRKIT_REGISTRIES, without malformed
// names.
func (f *Finder) CustomLoginServers() []acrkit.Registry {
	var all []acrkit.Registry
	for name := range strings.SplitSeq(f.env("ACRKIT_REGISTRIES"), ",") {
		if reg, err := acrkit.ParseRegistry(strings.TrimSpace(name)); err == nil {
			all = append(all, reg)
		}
	}
	return all
}

func (f *Finder) env(name string) string {
	v, _ := f.LookupEnv(name)
	return v
}

// hintHost is the host that a hint may name.
func (f *Finder) hintHost(reg acrkit.Registry) string {
	if f.CustomLoginServer(reg) {
		return reg.Host()
	}
	return LoginServer(reg)
}

// LoginHint is the command that stores a credential for a registry or a part of it.
func LoginHint(reg acrkit.Registry, repository string) string {
	key := sentence.Login
	if repository != "" {
		key, repository = sentence.LoginPart, shell.Quote(repository)
	}
	return sentence.Fix(key, map[string]string{"host": LoginServer(reg), "repository": repository})
}

// lookAlike reports whether a host looks like one of ACR's and is not. A hint must not
// have it in a command, because users trust hints.
func lookAlike(reg acrkit.Registry) bool {
	return strings.Contains(reg.Host(), "azurecr.") && !reg.IsACR() && !reg.IsLoopback()
}

// LoginServer returns the registry's host; for a look-alike, the login server that it
// imitates.
func LoginServer(reg acrkit.Registry) string {
	if !lookAlike(reg) {
		return reg.Host()
	}
	host := reg.Hostname()
	name, _, _ := strings.Cut(host[:strings.Index(host, "azurecr.")], ".")
	if name = strings.Trim(name, "-_"); name == "" {
		name = "NAME"
	}
	for _, suffix := range []string{".azurecr.us", ".azurecr.cn"} {
		if strings.Contains(host+".", suffix+".") {
			return name + suffix
		}
	}
	return name + ".azurecr.io"
}
