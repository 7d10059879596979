package cmdutil

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
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/store"
)

// Values of --auth that name a place or a way, and no [auth.Kind].
const (
	authStore      = "store"       // acrkit's own store of logins
	authGitHubOIDC = "github-oidc" // a service principal by the token of a GitHub Actions job
)

// AuthKinds are the values of --auth. The first six choose among what the
// environment and the store hold, the next two a place, the rest a way to sign in
// that is only taken on request, except GitHub's ([Factory.Identity]).
var AuthKinds = []string{
	string(auth.KindScopedToken), string(auth.KindRefreshToken), string(auth.KindServicePrincipal), string(auth.KindCertificate),
	string(auth.KindAdminUser), string(auth.KindUserPassword),
	authStore, string(auth.KindDockerConfig),
	authGitHubOIDC, string(auth.KindAzureCLI), string(auth.KindManagedIdentity), string(auth.KindAnonymous),
}

// Names of places in messages.
const (
	storeName    = "acrkit's store"
	nothingFound = "nothing was found"
)

// Identity is who the command is towards one registry, before anything was sent.
type Identity struct {
	Registry   acrkit.Registry
	Credential auth.Credential
	// Source says where the credential came from: the variables, a flag, acrkit's
	// store; "" where only the first token decides ([Connection.Effective]).
	Source  string
	Lookups []auth.Lookup // every place that was looked at until the credential was found
	Note    string        // why a credential that is there was not used, or ""

	plainHTTP bool
	later     bool              // Docker's configuration and nobody come after what was found
	stored    map[string]string // the source of each login of the store, by prefix
	storedAs  map[string]string // the repositories of each login, by source
	places    func(context.Context) []auth.Lookup
}

// Identity finds the credential for a registry: what --auth names, else a complete
// set in the environment, else acrkit's store, else Docker's configuration, else
// nobody. Nothing is sent. Logins of the store may be for some repositories only;
// the others then go on to Docker's configuration. That one is not asked before a
// token is needed.
//
// Only what holds nothing for the registry is passed over. Half a set in the
// environment, or a store that cannot be read, is an error; the lookups are
// returned with it.
func (f *Factory) Identity(ctx context.Context, reg acrkit.Registry) (Identity, error) {
	id := Identity{Registry: reg, Credential: auth.Anonymous(), plainHTTP: f.Global.PlainHTTP}
	kind := auth.Kind(f.Global.Auth)
	switch f.Global.Auth {
	case string(auth.KindAnonymous):
		id.Source = "--auth anonymous"
		return id, nil
	case string(auth.KindDockerConfig):
		cred, ok := f.dockerConfig()
		if !ok {
			return id, &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "find Docker's configuration", Reason: "neither HOME nor DOCKER_CONFIG is set", Hint: loginHint(reg, "")}
		}
		id.Credential, id.later = cred, true
		return id, nil
	case string(auth.KindAzureCLI):
		id.Source, id.Credential = "--auth azure-cli", azureauth.AzureCLI(nil)
		return id, nil
	case string(auth.KindManagedIdentity):
		id.Source, id.Credential = "--auth managed-identity", f.managedIdentity(&id)
		return id, nil
	case authStore:
	default:
		if found, err := f.fromEnvironment(&id, kind); found || err != nil {
			id.places = f.afterEnvironment(reg)
			return id, err
		}
	}
	entries, err := f.fromStore(ctx, &id, kind)
	if err != nil {
		return id, err
	}
	if _, all := entries[""]; !all && f.Global.Auth == "" {
		entries[""], id.later = auth.Anonymous(), true
		if docker, ok := f.dockerConfig(); ok {
			entries[""] = auth.Chain(docker, auth.Anonymous())
		}
	}
	cred, all := entries[""]
	switch {
	case len(entries) == 0:
		return id, f.noneOfKind(&id, kind)
	case all && len(entries) == 1:
		id.Credential, id.Source = cred, id.stored[""]
	default:
		id.Credential = auth.ByRepository(entries)
	}
	if f.Global.Auth == "" {
		id.places = f.afterStore(reg)
	}
	return id, nil
}

// noneOfKind is the error where --auth names what is not there.
func (f *Factory) noneOfKind(id *Identity, kind auth.Kind) error {
	e := &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "sign in", Registry: id.Registry,
		Reason: fmt.Sprintf("--auth %s, and neither the environment nor %s holds a credential of this kind for it", kind, storeName),
		Hint:   exportHint(kind, f.hintHost(id.Registry))}
	switch {
	case id.Note != "":
		e.Reason, e.Hint = id.Note, "export ACR_NAME="+f.hintHost(id.Registry)
	case kind == authStore:
		e.Reason, e.Hint = fmt.Sprintf("--auth store, and %s has no login for it", storeName), loginHint(id.Registry, "")
	case kind == authGitHubOIDC:
		e.Reason = "--auth github-oidc, and the job's variables are missing: a job has them with the permission id-token: write"
	}
	return e
}

// hintHost is the host that a hint may name.
func (f *Factory) hintHost(reg acrkit.Registry) string {
	if f.customLoginServer(reg) {
		return reg.Host()
	}
	return loginServer(reg)
}

// loginHint is the command that stores a credential for a registry or a part of it.
func loginHint(reg acrkit.Registry, repository string) string {
	hint := "acrkit login " + loginServer(reg)
	if repository != "" {
		hint += " --repository " + shell.Quote(repository)
	}
	return hint
}

// fromEnvironment takes what the variables hold for the registry; found is false
// where they hold nothing for it.
func (f *Factory) fromEnvironment(id *Identity, kind auth.Kind) (found bool, err error) {
	host := f.hintHost(id.Registry)
	env, err := azureauth.FromEnvironment(f.lookupFor(kind), &azidentity.ClientCertificateCredentialOptions{})
	if kind == "" || kind == authGitHubOIDC {
		env, err = f.gitHubOIDC(env, err)
	}
	id.Lookups = env.Lookups
	if kind != "" {
		// The variables of other kinds were not looked at.
		id.Lookups = slices.DeleteFunc(id.Lookups, func(l auth.Lookup) bool { return l.Outcome == auth.OutcomeNotSet && l.Kind != kind })
	}
	if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Code != acrkit.CodeCredentialMissing {
		switch {
		case !env.Registry.IsZero() && env.Registry != id.Registry:
			// Half a set for another registry is a worry for another day.
			id.Note = fmt.Sprintf("%s, for %s, the registry in ACR_NAME", e.Reason, env.Registry.Host())
		case f.Env("ACR_NAME") == "" && kind == "" && onlyAzure(env.Lookups):
			// These variables serve many programs; without ACR_NAME they are not for us.
			id.Note = e.Reason + ", and ACR_NAME is not set"
		default:
			e.Hint = halfHint(env.Lookups, host)
			return false, e
		}
		return false, nil
	} else if ok && f.Env("ACR_NAME") == "" && slices.ContainsFunc(env.Lookups, isIncomplete) {
		id.Note = e.Reason
	}
	switch {
	case env.Credential == nil:
		return false, nil
	case env.Registry != id.Registry:
		id.Note = fmt.Sprintf("%s set for %s, the registry in ACR_NAME, and not used", isOrAre(env.Source), env.Registry.Host())
		for i := range id.Lookups {
			if l := &id.Lookups[i]; l.Outcome == auth.OutcomeUsed {
				l.Outcome, l.Detail = auth.OutcomeShadowed, "for "+env.Registry.Host()+" only"
			}
		}
		return false, nil
	}
	id.Credential, id.Source = env.Credential, env.Source
	return true, nil
}

func isOrAre(variables string) string {
	if strings.Contains(variables, " and ") {
		return variables + " are"
	}
	return variables + " is"
}

func isIncomplete(l auth.Lookup) bool { return l.Outcome == auth.OutcomeIncomplete }

// onlyAzure reports whether nothing but variables of AZURE_* is incomplete.
func onlyAzure(lookups []auth.Lookup) bool {
	return !slices.ContainsFunc(lookups, func(l auth.Lookup) bool {
		return l.Outcome != auth.OutcomeNotSet && !strings.HasPrefix(l.Source, "AZURE_")
	})
}

// gitHubOIDC completes AZURE_TENANT_ID and AZURE_CLIENT_ID, where no secret,
// certificate or file stands beside them, by the OIDC token of the GitHub Actions
// job. It needs no request: a job has the two ACTIONS_* variables only where
// somebody gave it the permission id-token: write, and Microsoft's own action,
// azure/login, takes the same four for the same.
func (f *Factory) gitHubOIDC(env auth.Environment, err error) (auth.Environment, error) {
	const url, token = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
	tenant, client := f.Env("AZURE_TENANT_ID"), f.Env("AZURE_CLIENT_ID")
	l := auth.Lookup{Source: "AZURE_TENANT_ID, AZURE_CLIENT_ID and ACTIONS_ID_TOKEN_REQUEST_*", Kind: auth.KindServicePrincipal, Outcome: auth.OutcomeNotSet}
	i := slices.IndexFunc(env.Lookups, func(l auth.Lookup) bool { return strings.HasPrefix(l.Source, "AZURE_TENANT_ID") })
	if i < 0 || tenant == "" || client == "" {
		return env, err
	}
	if f.Env(url) == "" && f.Env(token) == "" {
		if f.Global.Auth == authGitHubOIDC {
			// That a secret is missing too is beside the point.
			env.Lookups[i] = l
			err = &acrkit.Error{Code: acrkit.CodeCredentialMissing}
		}
		return env, err
	}
	if env.Lookups[i].Outcome == auth.OutcomeIncomplete && (f.Env(url) == "" || f.Env(token) == "") {
		set, missing := url, token
		if f.Env(url) == "" {
			set, missing = token, url
		}
		l.Outcome, l.Detail = auth.OutcomeIncomplete, missing+" is missing"
		env.Lookups[i] = l
		return env, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read a credential from the environment", Reason: fmt.Sprintf("%s is set, but %s is missing", set, missing)}
	}
	if f.Env(url) == "" || f.Env(token) == "" {
		return env, err
	}
	for _, proof := range []string{"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"} {
		if f.Env(proof) != "" && f.Global.Auth != authGitHubOIDC {
			return env, err
		}
	}
	if f.Global.Auth != authGitHubOIDC && env.Lookups[i].Outcome != auth.OutcomeIncomplete {
		// An earlier set decided.
		l.Outcome = auth.OutcomeShadowed
		env.Lookups[i] = l
		return env, err
	}
	if env.Registry.IsZero() {
		l.Outcome, l.Detail = auth.OutcomeIncomplete, "ACR_NAME is not set, which says for which registry it is"
		env.Lookups[i] = l
		return env, &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "find a credential in the environment", Reason: l.Source + " are set, but not ACR_NAME, which says for which registry"}
	}
	l.Outcome = auth.OutcomeUsed
	env.Lookups[i] = l
	env.Source = l.Source
	env.Credential = auth.FederatedServicePrincipal(tenant, client, auth.GitHubOIDC(f.Env(url), f.Env(token), ""),
		&auth.EntraOptions{AuthorityHost: f.Env("AZURE_AUTHORITY_HOST")})
	return env, nil
}

// managedIdentity is the identity of the machine: the user-assigned one that
// AZURE_CLIENT_ID names, as Microsoft's libraries read it, else the system's.
func (f *Factory) managedIdentity(id *Identity) auth.Credential {
	opts := &azidentity.ManagedIdentityCredentialOptions{}
	if client := f.Env("AZURE_CLIENT_ID"); client != "" {
		opts.ID = azidentity.ClientID(client)
		id.Source += " with AZURE_CLIENT_ID"
	}
	return azureauth.ManagedIdentity(opts)
}

// Store opens acrkit's store of logins. Nothing is read yet.
func (f *Factory) Store() (*store.Store, error) {
	return store.Open(&store.Options{Now: f.Now, LookupEnv: f.LookupEnv})
}

// fromStore takes the logins for the registry, each under its prefix.
func (f *Factory) fromStore(ctx context.Context, id *Identity, kind auth.Kind) (map[string]auth.Credential, error) {
	entries, none := map[string]auth.Credential{}, auth.Lookup{Source: storeName, Kind: authStore, Outcome: auth.OutcomeNotSet}
	failed := func(err error) (map[string]auth.Credential, error) {
		none.Outcome, none.Detail = auth.OutcomeFailed, reasonOf(err)
		id.Lookups = append(id.Lookups, none)
		return entries, err
	}
	s, err := f.Store()
	if err != nil {
		return failed(err)
	}
	logins, err := s.Logins(ctx, id.Registry.Host())
	if err != nil {
		return failed(err)
	}
	id.stored, id.storedAs = map[string]string{}, map[string]string{}
	for _, l := range logins {
		lookup := storeLookup(l)
		if kind != "" && kind != authStore && kind != auth.Kind(l.Kind) {
			lookup.Outcome, lookup.Detail = auth.OutcomeShadowed, "--auth "+string(kind)
			id.Lookups = append(id.Lookups, lookup)
			continue
		}
		cred, err := CredentialOf(l)
		if err != nil {
			return failed(err)
		}
		if _, twice := entries[l.Prefix()]; twice {
			return failed(&acrkit.Error{Code: acrkit.CodeUsage, Op: "read the logins", Registry: id.Registry,
				Reason: fmt.Sprintf("two are for what begins with %q", l.Prefix()), Hint: "acrkit logout " + id.Registry.Host() + " --repository " + l.Prefix()})
		}
		entries[l.Prefix()], id.stored[l.Prefix()], id.storedAs[lookup.Source] = cred, lookup.Source, l.Repository
		id.Lookups = append(id.Lookups, lookup)
	}
	if len(logins) == 0 {
		id.Lookups = append(id.Lookups, none)
	}
	return entries, nil
}

// storeLookup describes a login as a place that is used.
func storeLookup(l store.Login) auth.Lookup {
	source := storeName
	if l.Repository != "" {
		source += fmt.Sprintf(", login for %q", l.Repository)
	}
	detail := "stored " + l.Saved.Format(time.DateOnly)
	if l.Why != "" {
		detail += "; not in the keychain: " + l.Why
	}
	return auth.Lookup{Source: fmt.Sprintf("%s (%s)", source, l.Place), Kind: auth.Kind(l.Kind), Outcome: auth.OutcomeUsed, Detail: detail}
}

// CredentialOf returns the credential of a stored login.
func CredentialOf(l store.Login) (auth.Credential, error) {
	secret := l.Secret.Reveal()
	switch auth.Kind(l.Kind) {
	case auth.KindScopedToken:
		return auth.ScopedToken(l.User, secret), nil
	case auth.KindAdminUser:
		return auth.AdminUser(l.User, secret), nil
	case auth.KindUserPassword:
		return auth.UserPassword(l.User, secret), nil
	case auth.KindRefreshToken:
		return auth.RefreshToken(secret), nil
	case auth.KindEntraToken:
		return auth.EntraToken(secret), nil
	case auth.KindServicePrincipal:
		return auth.ServicePrincipal(l.Tenant, l.User, secret, &auth.EntraOptions{AuthorityHost: l.Authority}), nil
	}
	return nil, &acrkit.Error{Code: acrkit.CodeUsage, Op: "use a stored login",
		Reason: fmt.Sprintf("its kind, %q, is not known; a newer acrkit may have stored it", l.Kind), Hint: "acrkit logout " + l.Registry}
}

// dockerConfig is what Docker's and podman's files hold; ok is false where nothing
// says where those would be.
func (f *Factory) dockerConfig() (cred auth.Credential, ok bool) {
	files := auth.DockerConfigFiles(f.LookupEnv)
	if len(files) == 0 {
		return nil, false
	}
	return auth.DockerConfig(files...), true
}

func reasonOf(err error) string {
	if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	return err.Error()
}
