package auth

// Kind is a sort of credential.
type Kind string

// The kinds of credentials.
const (
	KindScopedToken      Kind = "scoped-token"
	KindServicePrincipal Kind = "service-principal"
	KindEntra            Kind = "entra"       // a source of Entra tokens
	KindEntraToken       Kind = "entra-token" // one Entra access token
	KindRefreshToken     Kind = "refresh-token"
	KindUserPassword     Kind = "user-password"
	KindAdminUser        Kind = "admin-user" // the registry's admin user
	KindAnonymous        Kind = "anonymous"
	KindDockerConfig     Kind = "docker-config" // what Docker's or podman's file has for the registry
	KindByRepository     Kind = "by-repository" // several, each for some repositories
	KindChain            Kind = "chain"         // the first of several that is available
)

// The kinds of package azureauth, which uses Microsoft's own library. They are declared
// here because [FromEnvironment] and a [Chain] name them.
const (
	KindCertificate     Kind = "certificate"
	KindManagedIdentity Kind = "managed-identity"
	KindAzureCLI        Kind = "azure-cli"
)
