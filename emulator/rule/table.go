//nolint:gosec // names of rules, no secrets
package rule

// What ends a request before its credential is checked.
const (
	PlainHTTP    ID = "plain-http"
	NetworkRule  ID = "network-rule"
	RateLimit    ID = "rate-limit"
	RegistryGone ID = "registry-gone"
)

// Authentication: names, passwords and principals.
const (
	UserUnknown          ID = "user-unknown"
	PasswordWrong        ID = "password-wrong"
	PasswordExpired      ID = "password-expired"
	PasswordNotYet       ID = "password-not-yet"
	ClientSecretWrong    ID = "client-secret-wrong"
	ClientSecretExpired  ID = "client-secret-expired"
	ScopedTokenDisabled  ID = "scoped-token-disabled"
	ScopedTokenDeleted   ID = "scoped-token-deleted"
	ApplicationDeleted   ID = "application-deleted"
	AdminUserDisabled    ID = "admin-user-disabled"
	AnonymousPullOff     ID = "anonymous-pull-off"
	NoRole               ID = "no-role"
	AuthorizationTwice   ID = "authorization-twice"
	AuthorizationScheme  ID = "authorization-scheme"
	AuthorizationMangled ID = "authorization-mangled"
	BasicScopedToken     ID = "basic-scoped-token"
)

// The registry's own tokens, access tokens and refresh tokens alike.
const (
	ACRTokenMalformed     ID = "acr-token-malformed"
	ACRTokenSignature     ID = "acr-token-signature"
	ACRTokenIssuer        ID = "acr-token-issuer"
	ACRTokenKind          ID = "acr-token-kind"
	ACRTokenExpired       ID = "acr-token-expired"
	ACRTokenNotYetValid   ID = "acr-token-not-yet-valid"
	ACRTokenOtherRegistry ID = "acr-token-other-registry"
)

// Rights.
const (
	AccessTokenNarrow ID = "access-token-narrow"
	RightMissing      ID = "right-missing"
	NoRightHere       ID = "no-right-here"
	ScopeMapDeleted   ID = "scope-map-deleted"
	ABACRole          ID = "abac-role"
	ABACCondition     ID = "abac-condition"
	ABACRepository    ID = "abac-repository"
)

// Locks.
const (
	TagLocked        ID = "tag-locked"
	ManifestLocked   ID = "manifest-locked"
	RepositoryLocked ID = "repository-locked"
)

// Content that a client asks for in the wrong way.
const (
	AcceptLacksType ID = "accept-lacks-type"
)

// Requests to the token service.
const (
	FormMalformed        ID = "form-malformed"
	FormTooLarge         ID = "form-too-large"
	ServiceMissing       ID = "service-missing"
	ServiceOtherRegistry ID = "service-other-registry"
	GrantTypeUnsupported ID = "grant-type-unsupported"
	ScopeEmpty           ID = "scope-empty"
	ScopeTooLarge        ID = "scope-too-large"
)

// Entra tokens, at the exchange.
const (
	EntraTokenMalformed   ID = "entra-token-malformed"
	EntraTokenSignature   ID = "entra-token-signature"
	EntraTokenExpired     ID = "entra-token-expired"
	EntraTokenNotYetValid ID = "entra-token-not-yet-valid"
	EntraTokenApplication ID = "entra-token-application"
	EntraTokenTenant      ID = "entra-token-tenant"
	EntraTokenAudience    ID = "entra-token-audience"
	EntraTokenCloud       ID = "entra-token-cloud"
	ARMAudienceOff        ID = "arm-audience-off"
	ExchangeOfRefresh     ID = "exchange-of-refresh-token"
)

// The host of blobs.
const (
	StorageAuthorization ID = "storage-authorization"
	StorageLinkExpired   ID = "storage-link-expired"
	StorageLinkMalformed ID = "storage-link-malformed"
)

// The Entra authority. Each has one number of AADSTS.
const (
	EntraParameterMissing   ID = "entra-parameter-missing"
	EntraTenantUnknown      ID = "entra-tenant-unknown"
	EntraApplicationUnknown ID = "entra-application-unknown"
	EntraSecretWrong        ID = "entra-secret-wrong"
	EntraSecretExpired      ID = "entra-secret-expired"
	EntraSecretMissing      ID = "entra-secret-missing"
	EntraResourceUnknown    ID = "entra-resource-unknown"
	EntraScopeMalformed     ID = "entra-scope-malformed"
	EntraScopeNotDefault    ID = "entra-scope-not-default"
	EntraGrantUnsupported   ID = "entra-grant-unsupported"
	EntraRequestTooLarge    ID = "entra-request-too-large"
	EntraAssertionMalformed ID = "entra-assertion-malformed"
	EntraAssertionSignature ID = "entra-assertion-signature"
	EntraAssertionAudience  ID = "entra-assertion-audience"
	EntraAssertionTime      ID = "entra-assertion-time"
	EntraCertificateUnknown ID = "entra-certificate-unknown"
	EntraCertificateExpired ID = "entra-certificate-expired"
	EntraFederationNone     ID = "entra-federation-none"
	EntraFederationIssuer   ID = "entra-federation-issuer"
	EntraFederationSubject  ID = "entra-federation-subject"
	EntraFederationAudience ID = "entra-federation-audience"
)

// Azure Resource Manager.
const (
	ARMAuthorizationMissing ID = "arm-authorization-missing"
	ARMToken                ID = "arm-token"
	ARMTokenExpired         ID = "arm-token-expired"
	ARMTokenAudience        ID = "arm-token-audience"
	ARMVersionMissing       ID = "arm-version-missing"
	ARMRole                 ID = "arm-role"
)

// Microsoft Graph.
const (
	GraphToken      ID = "graph-token"
	GraphPermission ID = "graph-permission"
)

// table has all rules but those of faults.
var table = []Rule{
	{PlainHTTP, Listener, "plain HTTP from another machine"},
	{NetworkRule, Listener, "the network rules do not allow the address"},
	{RateLimit, Listener, "a rate limit of the registry's tier is reached"},
	{RegistryGone, Listener, "the registry does not exist any more"},

	{UserUnknown, Registry, "no such token, admin user or service principal"},
	{PasswordWrong, Registry, "the password is wrong"},
	{PasswordExpired, Registry, "the password has expired"},
	{PasswordNotYet, Registry, "the password was made anew and does not work yet"},
	{ClientSecretWrong, Registry, "the client secret is wrong"},
	{ClientSecretExpired, Registry, "the client secret has expired"},
	{ScopedTokenDisabled, Registry, "the token is disabled"},
	{ScopedTokenDeleted, Registry, "the scope-mapped token was deleted"},
	{ApplicationDeleted, Registry, "the application was deleted"},
	{AdminUserDisabled, Registry, "the admin user is disabled"},
	{AnonymousPullOff, Registry, "anonymous pull is not enabled"},
	{NoRole, TokenService, "it has no role on the registry"},
	{AuthorizationTwice, DataPlane, "more than one Authorization header"},
	{AuthorizationScheme, DataPlane, "the Authorization header is neither Bearer nor Basic"},
	{AuthorizationMangled, Registry, "the Authorization header cannot be read"},
	{BasicScopedToken, DataPlane, "only the token service accepts a scope-mapped token"},

	{ACRTokenMalformed, Registry, "the ACR token cannot be read"},
	{ACRTokenSignature, Registry, "the ACR token is not signed by this emulator"},
	{ACRTokenIssuer, Registry, "the token is another issuer's, such as Entra's"},
	{ACRTokenKind, Registry, "a refresh token is used as an access token, or the other way round"},
	{ACRTokenExpired, Registry, "the ACR token has expired"},
	{ACRTokenNotYetValid, Registry, "the ACR token is not valid yet"},
	{ACRTokenOtherRegistry, Registry, "the ACR token is for another registry"},

	{AccessTokenNarrow, DataPlane, "the access token lacks a right that its principal has"},
	{RightMissing, DataPlane, "the principal lacks the right"},
	{ScopeMapDeleted, DataPlane, "the token's scope map was deleted"},
	{NoRightHere, DataPlane, "the principal has no right on the repository"},
	{ABACRole, DataPlane, "the role gives nothing in ABAC mode"},
	{ABACCondition, DataPlane, "the condition of the role assignment does not allow it"},
	{ABACRepository, DataPlane, "the condition of the role assignment allows nothing on the repository"},

	{TagLocked, DataPlane, "a lock on the tag forbids it"},
	{ManifestLocked, DataPlane, "a lock on the manifest forbids it"},
	{RepositoryLocked, DataPlane, "a lock on the repository forbids it"},

	{AcceptLacksType, DataPlane, "the Accept header does not name the manifest's OCI media type"},

	{FormMalformed, TokenService, "the request is not a form"},
	{FormTooLarge, TokenService, "the request is too large"},
	{ServiceMissing, TokenService, "the parameter service is missing"},
	{ServiceOtherRegistry, TokenService, "the service is another registry's"},
	{GrantTypeUnsupported, TokenService, "the grant_type is not supported"},
	{ScopeEmpty, TokenService, "the scope is empty: leave it out"},
	{ScopeTooLarge, TokenService, "the scope is too large"},

	{EntraTokenMalformed, Exchange, "the Entra token cannot be read"},
	{EntraTokenSignature, Exchange, "the Entra token is not signed by this authority"},
	{EntraTokenExpired, Exchange, "the Entra token has expired"},
	{EntraTokenNotYetValid, Exchange, "the Entra token is not valid yet"},
	{EntraTokenApplication, Exchange, "the application of the Entra token does not exist"},
	{EntraTokenTenant, Exchange, "the tenant is not the token's"},
	{EntraTokenAudience, Exchange, "the Entra token is for another resource"},
	{EntraTokenCloud, Exchange, "the Entra token is for Azure Resource Manager of another cloud"},
	{ARMAudienceOff, Exchange, "the registry takes no ARM tokens"},
	{ExchangeOfRefresh, Exchange, "refresh tokens of Entra are not issued here"},

	{StorageAuthorization, Storage, "the request carries Authorization beside the signed link"},
	{StorageLinkExpired, Storage, "the signed link has expired"},
	{StorageLinkMalformed, Storage, "the link is not signed by this emulator"},

	{EntraParameterMissing, Entra, "a parameter is missing"},
	{EntraTenantUnknown, Entra, "there is no such tenant"},
	{EntraApplicationUnknown, Entra, "the tenant has no such application"},
	{EntraSecretWrong, Entra, "the client secret is wrong"},
	{EntraSecretExpired, Entra, "the client secret has expired"},
	{EntraSecretMissing, Entra, "neither secret nor assertion is there"},
	{EntraResourceUnknown, Entra, "the resource is not known"},
	{EntraScopeMalformed, Entra, "the scope is not one resource"},
	{EntraScopeNotDefault, Entra, "the scope does not end in /.default"},
	{EntraGrantUnsupported, Entra, "the grant_type is not supported"},
	{EntraRequestTooLarge, Entra, "the request is too large"},
	{EntraAssertionMalformed, Entra, "the assertion cannot be read"},
	{EntraAssertionSignature, Entra, "the signature of the assertion does not match"},
	{EntraAssertionAudience, Entra, "the assertion is for another audience"},
	{EntraAssertionTime, Entra, "the assertion has expired or is not valid yet"},
	{EntraCertificateUnknown, Entra, "the application has no such certificate"},
	{EntraCertificateExpired, Entra, "the certificate has expired"},
	{EntraFederationNone, Entra, "the application trusts no issuer"},
	{EntraFederationIssuer, Entra, "the application does not trust the issuer of the assertion"},
	{EntraFederationSubject, Entra, "the application does not trust the subject of the assertion"},
	{EntraFederationAudience, Entra, "the application does not trust the audience of the assertion"},

	{ARMAuthorizationMissing, ARM, "the request carries no Bearer token"},
	{ARMToken, ARM, "the Entra token is not a good one"},
	{ARMTokenExpired, ARM, "the Entra token has expired"},
	{ARMTokenAudience, ARM, "the Entra token is not for Azure Resource Manager"},
	{ARMVersionMissing, ARM, "the parameter api-version is missing"},
	{ARMRole, ARM, "no role of the client allows the action"},

	{GraphToken, Graph, "the Entra token is missing, not good, or for another service"},
	{GraphPermission, Graph, "Microsoft Graph is read only here"},
}
