// Package cause names the causes of package diagnose for the packages beneath it,
// which say in their errors which one they have found. What each means, and what
// fixes it, is in the table of package diagnose; the general cause of each code
// is [acrkit.Code.Cause].
package cause

import "github.com/acrkit/acrkit"

// The causes. A number is never used again.
const (
	WrongUsage   acrkit.Cause = "ACRK001" // the input is wrong or incomplete
	HostRefused  acrkit.Cause = "ACRK002" // the host is not one that a credential may go to
	NoCredential acrkit.Cause = "ACRK003" // no credential was found, and the registry requires one
	// the user and its password are not accepted: wrong, expired, disabled, not yet active or unknown
	CredentialRejected acrkit.Cause = "ACRK004"
	// the credential is good, and lacks a right that the request needs
	MissingRight         acrkit.Cause = "ACRK005"
	Denied               acrkit.Cause = "ACRK006" // the registry or Entra forbids it by a rule of its own
	Locked               acrkit.Cause = "ACRK007" // a lock on a repository, tag or manifest forbids it
	NotFound             acrkit.Cause = "ACRK008" // what was asked for does not exist
	Unavailable          acrkit.Cause = "ACRK009" // the network or the service failed
	CertificateUntrusted acrkit.Cause = "ACRK010" // the server's certificate is not trusted
	Throttled            acrkit.Cause = "ACRK011" // too many requests: the service asks to wait
	Incomplete           acrkit.Cause = "ACRK012" // the answer could not be completed
	Protocol             acrkit.Cause = "ACRK013" // the answer is not what a registry gives
	TooLarge             acrkit.Cause = "ACRK014" // a size limit was exceeded
	NameUnknown          acrkit.Cause = "ACRK015" // no host has the registry's name
	NameLookupFailed     acrkit.Cause = "ACRK016" // the resolver did not answer
	// the registry has a private endpoint, and its name resolves to a public address here
	PrivateEndpointPublicAddress acrkit.Cause = "ACRK017"
	ConnectionRefused            acrkit.Cause = "ACRK018" // nothing listens at the registry's address
	ConnectionTimeout            acrkit.Cause = "ACRK019" // the registry's address does not answer
	TLSIntercepted               acrkit.Cause = "ACRK020" // a proxy between here and the registry intercepts TLS
	CertificateWrongName         acrkit.Cause = "ACRK021" // the server's certificate is for another name
	// the server's certificate has expired or is not valid yet, or this machine's clock is wrong
	CertificateExpired acrkit.Cause = "ACRK022"
	PlainHTTPServer    acrkit.Cause = "ACRK023" // the port answers in plain HTTP
	// the proxy that the environment names cannot be reached or refuses
	ProxyUnreachable    acrkit.Cause = "ACRK024"
	NetworkRule         acrkit.Cause = "ACRK025" // the registry's network rules do not allow this address
	NotARegistry        acrkit.Cause = "ACRK026" // the host answers but is not a registry
	LoginServerHash     acrkit.Cause = "ACRK027" // the login server carries a hash that the name lacks
	DataEndpointBlocked acrkit.Cause = "ACRK028" // the host of blobs cannot be reached
	// the storage behind the registry refuses a request that carries Authorization
	RedirectRefused acrkit.Cause = "ACRK029"
	// the client sent no credential at all, though it may have been given one
	SilentlyAnonymous  acrkit.Cause = "ACRK030"
	PasswordWhitespace acrkit.Cause = "ACRK031" // white space or a line feed is part of the user name or password
	PasswordWrong      acrkit.Cause = "ACRK032" // the password is not one of the token's two
	PasswordExpired    acrkit.Cause = "ACRK033" // the token's password has expired
	TokenDisabled      acrkit.Cause = "ACRK034" // the scope-mapped token is disabled
	// the password was made less than a minute ago and is not everywhere yet
	PasswordNotYetActive acrkit.Cause = "ACRK035"
	TokenUnknown         acrkit.Cause = "ACRK036" // the registry has no token of this name
	SecretIDPasted       acrkit.Cause = "ACRK037" // the id of the client secret was given, not its value
	TokenAsPassword      acrkit.Cause = "ACRK038" // a token of Entra or of another kind was given as the password
	TokenEnded           acrkit.Cause = "ACRK039" // the token has ended, by its own exp
	ClockOff             acrkit.Cause = "ACRK040" // this machine's clock is wrong
	StaleLogin           acrkit.Cause = "ACRK041" // a stored login that is not accepted prevents an anonymous pull
	// the credential helper that a configuration names is not installed
	HelperMissing           acrkit.Cause = "ACRK042"
	HelperFailed            acrkit.Cause = "ACRK043" // the credential helper hangs or fails
	DockerConfigBroken      acrkit.Cause = "ACRK044" // the Docker configuration cannot be read
	BasicOnAPI              acrkit.Cause = "ACRK045" // a token's password was sent as Basic straight to the API
	AdminDisabled           acrkit.Cause = "ACRK046" // the admin user is disabled
	WrongIdentity           acrkit.Cause = "ACRK047" // another credential was used than the one that was meant
	HalfCredential          acrkit.Cause = "ACRK048" // half a credential is set
	HeaderTooLarge          acrkit.Cause = "ACRK049" // the credential or token is too long for a header
	EmptyScope              acrkit.Cause = "ACRK050" // the client asked for an empty scope
	EntraSecretWrong        acrkit.Cause = "ACRK051" // the client secret is wrong
	EntraSecretExpired      acrkit.Cause = "ACRK052" // the client secret has expired
	EntraApplicationUnknown acrkit.Cause = "ACRK053" // the application is not known in this tenant
	EntraSignInEnded        acrkit.Cause = "ACRK054" // the sign-in to Entra has ended
	// Entra does not know the audience of Container Registry in this tenant
	EntraAudienceUnknown acrkit.Cause = "ACRK055"
	ScopeOfLoginServer   acrkit.Cause = "ACRK056" // the Entra scope is written https://REGISTRY/.default
	// the registry does not accept Entra tokens for Azure Resource Manager
	ARMAudienceDisabled acrkit.Cause = "ACRK057"
	// the registry does not accept the Entra token: unreadable, ended, or of another tenant
	ExchangeRefused       acrkit.Cause = "ACRK058"
	EntraTenantUnknown    acrkit.Cause = "ACRK059" // Entra does not know the tenant
	EntraAssertionRefused acrkit.Cause = "ACRK060" // Entra does not accept the assertion or certificate
	EntraUserRefused      acrkit.Cause = "ACRK061" // Entra does not let the user sign in
	EntraPolicy           acrkit.Cause = "ACRK062" // a policy of the tenant blocks the sign-in
	EntraRefused          acrkit.Cause = "ACRK063" // Entra refuses the sign-in
	// the Entra authority cannot be reached or does not answer as Entra does
	EntraUnreachable acrkit.Cause = "ACRK064"
	NoRole           acrkit.Cause = "ACRK065" // the identity has no role on the registry
	// the registry is in ABAC mode, where AcrPull, AcrPush and AcrDelete have no effect
	ABACMode acrkit.Cause = "ACRK066"
	// the user name is none of the registry's: no token, admin user or service principal
	UserUnknown         acrkit.Cause = "ACRK067"
	WrongRegistryToken  acrkit.Cause = "ACRK068" // the token is for another registry
	AnonymousPullOff    acrkit.Cause = "ACRK069" // the registry requires a credential
	MetadataReadMissing acrkit.Cause = "ACRK070" // metadata/read is missing, which listing tags needs at ACR
	PushWithoutPull     acrkit.Cause = "ACRK071" // content/write is there without content/read, and a push needs both
	CatalogScoped       acrkit.Cause = "ACRK072" // a scope-mapped token cannot list the registry's repositories
	WildcardWrong       acrkit.Cause = "ACRK073" // a wildcard of the scope map is written so that it holds nothing
	MountSourceMissing  acrkit.Cause = "ACRK074" // a mount needs content/read on its source, in the same token
	AskedTooLittle      acrkit.Cause = "ACRK075" // the client asked for fewer rights than it has and needs
	NoRightHere         acrkit.Cause = "ACRK076" // the credential has no right at all on this repository
	RepositoryUnknown   acrkit.Cause = "ACRK080" // the repository does not exist
	TagUnknown          acrkit.Cause = "ACRK081" // the repository has no such tag or manifest
	LoginServerPort     acrkit.Cause = "ACRK082" // the login server is written with :443, which ACR does not know
	TagLocked           acrkit.Cause = "ACRK083" // the tag is locked
	ManifestLocked      acrkit.Cause = "ACRK084" // the manifest is locked
	RepositoryLocked    acrkit.Cause = "ACRK085" // the repository is locked
	BlobUnknown         acrkit.Cause = "ACRK086" // the repository does not hold the blob
	// the repository's name cannot exist: upper case, or characters that no name has
	RepositoryNameWrong acrkit.Cause = "ACRK087"
	// the client does not read the store where docker login put the credential
	StoreIgnored acrkit.Cause = "ACRK090"
	// something on this machine failed: a file, a disk, a port or a program
	LocalFailure          acrkit.Cause = "ACRK092"
	OtherRegistry         acrkit.Cause = "ACRK093" // the request went to another registry
	PlatformMissing       acrkit.Cause = "ACRK094" // the image has no manifest for this platform
	AcceptLacksType       acrkit.Cause = "ACRK095" // the client's Accept header does not take the manifest's media type
	UploadLost            acrkit.Cause = "ACRK096" // the upload session is gone, or a part was sent twice
	ClientDeadline        acrkit.Cause = "ACRK097" // the client gave up at its own deadline
	SecretTooLong         acrkit.Cause = "ACRK098" // the credential is too long for the store of the system
	ImportSourceRefused   acrkit.Cause = "ACRK099" // the source of an import refused
	UploadPartRefused     acrkit.Cause = "ACRK100" // a part of an upload is refused for its size or range
	ProxyMalformed        acrkit.Cause = "ACRK101" // a proxy variable is no URL
	PasswordByteOrderMark acrkit.Cause = "ACRK102" // the password has a byte order mark
	OtherCloud            acrkit.Cause = "ACRK103" // the Entra token is for Azure Resource Manager of another cloud
	StorageLimit          acrkit.Cause = "ACRK104" // the registry's storage is full
	TokenMalformed        acrkit.Cause = "ACRK105" // the token was cut off or changed in copying
	// the identity has no role that allows an action of Azure Resource Manager
	ARMActionDenied   acrkit.Cause = "ACRK106"
	ARMRequestInvalid acrkit.Cause = "ACRK107" // Azure Resource Manager does not accept a value of the request
	ARMNotFound       acrkit.Cause = "ACRK108" // what a request to Azure Resource Manager names does not exist
	ARMExists         acrkit.Cause = "ACRK109" // Azure Resource Manager has one already: a name or a role is taken
	ARMNotReady       acrkit.Cause = "ACRK110" // a change of the token or registry has not ended
	ARMQuota          acrkit.Cause = "ACRK111" // a limit of the tier or the subscription is reached
	// another change came first, or there is one of this name already
	Conflict acrkit.Cause = "ACRK120"
)
