// Package identity finds the credential for a registry: in the environment, in
// acrkit's store of logins, or as a kind that was asked for. The command and the
// credential helper share it, so that both are the same person.
package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/tokencache"
)

// Kinds that name a place or a way, and are no [auth.Kind].
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
	// Kind takes this kind only; "" is the first that is found. It is the value of
	// AskedBy, which ends in what stands before the value: "--auth ".
	Kind    string
	AskedBy string
	// Docker returns what Docker and podman keep as a credential. Nil never asks it: a
	// credential helper that did would be asked by itself.
	Docker func() auth.Credential
	// NoCache keeps no token beyond the process and uses none that was kept.
	NoCache bool
}

// Tokens is where tokens are kept between processes; nil where they are not to be,
// or cannot. A cache that cannot be opened is an aid less, and no error.
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

// Identity is who one is towards one registry, before anything was sent.
type Identity struct {
	Registry   acrkit.Registry
	Credential auth.Credential
	// Source says where the credential came from: the variables, what asked for the
	// kind, acrkit's store; "" where only the first token decides.
	Source  string
	Lookups []auth.Lookup // every place that was looked at until the credential was found
	Note    string        // why a credential that is there was not used, or ""

	ByEnvironment bool // the environment decided, with a credential or with an error

	Asked bool // Source is what asked for the kind

	Later  bool                   // Docker's configuration and nobody come after what was found
	Stored map[string]StoredLogin // the logins of the store, by prefix
}

// StoredLogin is a login of acrkit's store.
type StoredLogin struct {
	Source     string // as its [auth.Lookup] has it
	Repository string // what it is for, as it was stored: "team/*"; "" = all
}

// OnlyParts reports whether logins are known for some repositories, and nothing is
// for the registry as a whole before Docker's configuration is asked.
func (id Identity) OnlyParts() bool {
	_, all := id.Stored[""]
	return len(id.Stored) > 0 && !all
}

// Find finds the credential for a registry: what Kind names, else a complete set
// in the environment, else acrkit's store, else Docker's configuration where that
// is asked, else nobody. Nothing is sent. Logins of the store may be for some
// repositories only; the others then go on to what comes after the store. Docker's
// configuration is not read before a token is needed.
//
// Only what holds nothing for the registry is passed over. Half a set in the
// environment, or a store that cannot be read, is an error; the lookups are
// returned with it.
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

// InEnvironment is [Finder.Find] in the environment alone; ByEnvironment tells
// whether it decides.
func (f *Finder) InEnvironment(reg acrkit.Registry) (Identity, error) {
	id := Identity{Registry: reg, Credential: auth.Anonymous()}
	found, err := f.fromEnvironment(&id, auth.Kind(f.Kind))
	id.ByEnvironment = found || err != nil
	return id, err
}

// asked is how the kind was asked for.
func (f *Finder) asked() string { return f.AskedBy + f.Kind }

// noneOfKind is the error where a kind was asked for that is not there.
func (f *Finder) noneOfKind(id *Identity, kind auth.Kind) error {
	e := &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "sign in", Registry: id.Registry,
		Reason: fmt.Sprintf("%s, and neither the environment nor %s holds a credential of this kind for it", f.asked(), StoreName),
		Hint:   exportHint(kind, f.hintHost(id.Registry))}
	switch {
	case id.Note != "":
		e.Reason, e.Hint = id.Note, sentence.Fix(sentence.NameRegistry, map[string]string{"host": f.hintHost(id.Registry)})
	case kind == KindStore:
		e.Reason, e.Hint = fmt.Sprintf("%s, and %s has no login for it", f.asked(), StoreName), LoginHint(id.Registry, "")
	case kind == KindGitHubOIDC:
		e.Reason = f.asked() + ", and the job's variables are missing: a job has them with the permission id-token: write"
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

// CustomLoginServer reports whether the variable ACRKIT_REGISTRIES, a list with
// commas, names the registry: a login server that its name does not tell.
func (f *Finder) CustomLoginServer(reg acrkit.Registry) bool {
	return slices.Contains(f.CustomLoginServers(), reg)
}

// CustomLoginServers returns the registries in ACRKIT_REGISTRIES. What is no name
// of one is left out.
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

// lookAlike reports whether a host reads like one of ACR's and is none. Whoever
// sees it in a hint takes it for good, so it must not stand in a command.
func lookAlike(reg acrkit.Registry) bool {
	return strings.Contains(reg.Host(), "azurecr.") && !reg.IsACR() && !reg.IsLoopback()
}

// LoginServer returns the registry's host; of a look-alike, the login server that
// it is made to look like.
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

func reasonOf(err error) string {
	if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return err.Error()
}
