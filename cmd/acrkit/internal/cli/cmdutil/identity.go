package cmdutil

import (
	"context"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/find"
	"github.com/acrkit/acrkit/internal/login/store"
)

// AuthKinds are the values of --auth. The first six choose among what the
// environment and the store hold, the next two a place, the rest a way to sign in
// that is only taken on request, except GitHub's.
var AuthKinds = []string{
	string(auth.KindScopedToken), string(auth.KindRefreshToken), string(auth.KindServicePrincipal),
	string(auth.KindCertificate),
	string(auth.KindAdminUser), string(auth.KindUserPassword),
	find.KindStore, string(auth.KindDockerConfig),
	find.KindGitHubOIDC, string(auth.KindAzureCLI), string(auth.KindManagedIdentity), string(auth.KindAnonymous),
}

// nothingFound is the name of the anonymous place in messages.
const nothingFound = "nothing was found"

// Identity is the credential for one registry, before a request is sent.
type Identity struct {
	find.Identity

	plainHTTP bool
	places    func(context.Context) []auth.Lookup
}

// IdentityOf returns an identity with this credential, without a search.
func IdentityOf(reg acrkit.Registry, cred auth.Credential) Identity {
	return Identity{Identity: find.Identity{Registry: reg, Credential: cred}}
}

// finder looks for credentials as the command does.
func (f *Factory) finder() *find.Finder {
	return &find.Finder{LookupEnv: f.LookupEnv, Now: f.Now, Kind: f.Global.Auth, AskedBy: "--auth ",
		Docker: f.dockerConfig, NoCache: f.Global.NoCache}
}

// Identity finds the credential for a registry: what --auth names, else a complete
// set in the environment, else acrkit's store, else Docker's configuration, else
// anonymous ([find.Finder.Find]). It sends no request.
func (f *Factory) Identity(ctx context.Context, reg acrkit.Registry) (Identity, error) {
	found, err := f.finder().Find(ctx, reg)
	id := Identity{Identity: found, plainHTTP: f.Global.PlainHTTP}
	switch {
	case found.ByEnvironment:
		id.places = f.afterEnvironment(reg)
	case err == nil && f.Global.Auth == "":
		id.places = f.afterStore(reg)
	}
	return id, err
}

// Store opens acrkit's store of logins. Nothing is read yet.
func (f *Factory) Store() (*store.Store, error) { return f.finder().Store() }

// customLoginServer reports whether ACRKIT_REGISTRIES names the registry.
func (f *Factory) customLoginServer(reg acrkit.Registry) bool {
	return f.finder().CustomLoginServer(reg)
}

// dockerConfig is what Docker and podman keep.
func (f *Factory) dockerConfig() auth.Credential {
	return auth.DockerConfigFromEnvironment(f.LookupEnv)
}
