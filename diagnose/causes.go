package diagnose

import (
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/sentence"
)

// causes holds what programs use of each cause. The texts for people are in package
// sentence, under the same codes.
var causes = []Cause{
	// the causes that say no more than a code does, one for each.
	{Code: cause.WrongUsage, Name: "wrong-usage", Class: acrkit.CodeUsage, Basis: Documented},
	{Code: cause.HostRefused, Name: "host-refused", Class: acrkit.CodeHostRefused, Basis: Documented},
	{Code: cause.NoCredential, Name: "no-credential", Class: acrkit.CodeCredentialMissing, Basis: Recorded},
	{Code: cause.CredentialRejected, Name: "credential-rejected",
		Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.MissingRight, Name: "missing-right", Class: acrkit.CodeInsufficientScope, Basis: Recorded},
	{Code: cause.Denied, Name: "denied", Class: acrkit.CodeDenied, Basis: Documented},
	{Code: cause.Locked, Name: "locked", Class: acrkit.CodeLocked, Basis: Recorded},
	{Code: cause.NotFound, Name: "not-found", Class: acrkit.CodeNotFound, Basis: Recorded},
	{Code: cause.Unavailable, Name: "unavailable", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.CertificateUntrusted, Name: "certificate-untrusted", Class: acrkit.CodeTLS, Basis: Documented},
	{Code: cause.Throttled, Name: "throttled", Class: acrkit.CodeThrottled, Basis: Documented},
	{Code: cause.Incomplete, Name: "incomplete", Class: acrkit.CodeIncomplete, Basis: Documented},
	{Code: cause.Protocol, Name: "protocol", Class: acrkit.CodeProtocol, Basis: Documented},
	{Code: cause.TooLarge, Name: "too-large", Class: acrkit.CodeTooLarge, Basis: Documented},
	// between this machine and the registry.
	{Code: cause.NameUnknown, Name: "name-unknown", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.NameLookupFailed, Name: "name-lookup-failed", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.PrivateEndpointPublicAddress, Name: "private-endpoint-public-address",
		Class: acrkit.CodeDenied, Basis: Documented},
	{Code: cause.ConnectionRefused, Name: "connection-refused", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.ConnectionTimeout, Name: "connection-timeout", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.TLSIntercepted, Name: "tls-intercepted", Class: acrkit.CodeTLS, Basis: Documented},
	{Code: cause.CertificateWrongName, Name: "certificate-wrong-name", Class: acrkit.CodeTLS, Basis: Documented},
	{Code: cause.CertificateExpired, Name: "certificate-expired", Class: acrkit.CodeTLS, Basis: Documented},
	{Code: cause.PlainHTTPServer, Name: "plain-http-server", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.ProxyUnreachable, Name: "proxy-unreachable", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.NetworkRule, Name: "network-rule", Class: acrkit.CodeDenied, Basis: Documented},
	{Code: cause.NotARegistry, Name: "not-a-registry", Class: acrkit.CodeProtocol, Basis: Documented},
	{Code: cause.LoginServerHash, Name: "login-server-hash", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.DataEndpointBlocked, Name: "data-endpoint-blocked", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.RedirectRefused, Name: "blob-redirect-with-credential", Class: acrkit.CodeUsage, Basis: Documented},
	// in who asks, and how the client says so.
	{Code: cause.SilentlyAnonymous, Name: "silently-anonymous", Class: acrkit.CodeCredentialMissing, Basis: Recorded},
	{Code: cause.PasswordWhitespace, Name: "password-whitespace", Class: acrkit.CodeUsage, Basis: Documented},
	{Code: cause.PasswordWrong, Name: "password-wrong", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.PasswordExpired, Name: "password-expired", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.TokenDisabled, Name: "token-disabled", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.PasswordNotYetActive, Name: "password-not-yet-active",
		Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.TokenUnknown, Name: "token-unknown", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.SecretIDPasted, Name: "secret-id-pasted", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.TokenAsPassword, Name: "token-as-password", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.TokenEnded, Name: "token-ended", Class: acrkit.CodeCredentialRejected, Basis: Recorded},
	{Code: cause.ClockOff, Name: "clock-off", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.StaleLogin, Name: "stale-login", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.HelperMissing, Name: "helper-missing", Class: acrkit.CodeUsage, Basis: Documented},
	{Code: cause.HelperFailed, Name: "helper-failed", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.DockerConfigBroken, Name: "docker-config-broken", Class: acrkit.CodeUsage, Basis: Documented},
	{Code: cause.BasicOnAPI, Name: "basic-on-api", Class: acrkit.CodeCredentialRejected, Basis: Recorded},
	{Code: cause.AdminDisabled, Name: "admin-disabled", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.WrongIdentity, Name: "wrong-identity", Class: acrkit.CodeInsufficientScope, Basis: Documented},
	{Code: cause.HalfCredential, Name: "half-credential", Class: acrkit.CodeUsage, Basis: Documented},
	{Code: cause.HeaderTooLarge, Name: "header-too-large", Class: acrkit.CodeTooLarge, Basis: Documented},
	{Code: cause.EmptyScope, Name: "empty-scope", Class: acrkit.CodeUsage, Basis: Documented},
	// in Entra, roles, and the exchange of its tokens.
	{Code: cause.EntraSecretWrong, Name: "entra-secret-wrong", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.EntraSecretExpired, Name: "entra-secret-expired",
		Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.EntraApplicationUnknown, Name: "entra-application-unknown",
		Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.EntraSignInEnded, Name: "entra-sign-in-ended",
		Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.EntraAudienceUnknown, Name: "entra-audience-unknown",
		Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.ScopeOfLoginServer, Name: "scope-of-login-server", Class: acrkit.CodeUsage, Basis: Documented},
	{Code: cause.ARMAudienceDisabled, Name: "arm-audience-disabled",
		Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.ExchangeRefused, Name: "exchange-refused", Class: acrkit.CodeCredentialRejected, Basis: Recorded},
	{Code: cause.EntraTenantUnknown, Name: "entra-tenant-unknown",
		Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.EntraAssertionRefused, Name: "entra-assertion-refused",
		Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.EntraUserRefused, Name: "entra-user-refused", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.EntraPolicy, Name: "entra-policy", Class: acrkit.CodeDenied, Basis: Documented},
	{Code: cause.EntraRefused, Name: "entra-refused", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.EntraUnreachable, Name: "entra-unreachable", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.NoRole, Name: "no-role", Class: acrkit.CodeDenied, Basis: Documented},
	{Code: cause.ABACMode, Name: "abac-mode", Class: acrkit.CodeInsufficientScope, Basis: Documented},
	{Code: cause.UserUnknown, Name: "user-unknown", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.WrongRegistryToken, Name: "wrong-registry-token", Class: acrkit.CodeHostRefused, Basis: Documented},
	{Code: cause.AnonymousPullOff, Name: "anonymous-pull-off", Class: acrkit.CodeCredentialMissing, Basis: Documented},
	// in what was asked for: rights, items, locks, clients.
	{Code: cause.MetadataReadMissing, Name: "metadata-read-missing",
		Class: acrkit.CodeInsufficientScope, Basis: Recorded},
	{Code: cause.PushWithoutPull, Name: "push-without-pull", Class: acrkit.CodeInsufficientScope, Basis: Recorded},
	{Code: cause.CatalogScoped, Name: "catalog-scoped", Class: acrkit.CodeInsufficientScope, Basis: Recorded},
	{Code: cause.WildcardWrong, Name: "wildcard-wrong", Class: acrkit.CodeInsufficientScope, Basis: Documented},
	{Code: cause.MountSourceMissing, Name: "mount-source-missing",
		Class: acrkit.CodeInsufficientScope, Basis: Recorded},
	{Code: cause.AskedTooLittle, Name: "asked-too-little", Class: acrkit.CodeInsufficientScope, Basis: Recorded},
	{Code: cause.NoRightHere, Name: "no-right-here", Class: acrkit.CodeInsufficientScope, Basis: Recorded},
	{Code: cause.RepositoryUnknown, Name: "repository-unknown", Class: acrkit.CodeNotFound, Basis: Recorded},
	{Code: cause.TagUnknown, Name: "tag-unknown", Class: acrkit.CodeNotFound, Basis: Recorded},
	{Code: cause.LoginServerPort, Name: "login-server-port", Class: acrkit.CodeNotFound, Basis: Believed},
	{Code: cause.TagLocked, Name: "tag-locked", Class: acrkit.CodeLocked, Basis: Recorded},
	{Code: cause.ManifestLocked, Name: "manifest-locked", Class: acrkit.CodeLocked, Basis: Recorded},
	{Code: cause.RepositoryLocked, Name: "repository-locked", Class: acrkit.CodeLocked, Basis: Recorded},
	{Code: cause.BlobUnknown, Name: "blob-unknown", Class: acrkit.CodeNotFound, Basis: Recorded},
	{Code: cause.RepositoryNameWrong, Name: "repository-name-wrong", Class: acrkit.CodeNotFound, Basis: Recorded},
	{Code: cause.StoreIgnored, Name: "store-ignored", Class: acrkit.CodeCredentialMissing, Basis: Believed},
	{Code: cause.LocalFailure, Name: "local-failure", Basis: Documented},
	// in what a client asked, of whom, and how it sent it.
	{Code: cause.OtherRegistry, Name: "other-registry", Class: acrkit.CodeUsage, Basis: Documented},
	{Code: cause.PlatformMissing, Name: "platform-missing", Class: acrkit.CodeNotFound, Basis: Documented},
	{Code: cause.AcceptLacksType, Name: "accept-lacks-type", Class: acrkit.CodeNotFound, Basis: Documented},
	{Code: cause.UploadLost, Name: "upload-lost", Class: acrkit.CodeNotFound, Basis: Documented},
	{Code: cause.ClientDeadline, Name: "client-deadline", Class: acrkit.CodeUnavailable, Basis: Documented},
	{Code: cause.SecretTooLong, Name: "secret-too-long", Class: acrkit.CodeTooLarge, Basis: Documented},
	{Code: cause.ImportSourceRefused, Name: "import-source-refused", Class: acrkit.CodeDenied, Basis: Documented},
	{Code: cause.UploadPartRefused, Name: "upload-part-refused", Class: acrkit.CodeTooLarge, Basis: Documented},
	{Code: cause.ProxyMalformed, Name: "proxy-malformed", Class: acrkit.CodeUsage, Basis: Documented},
	{Code: cause.PasswordByteOrderMark, Name: "password-byte-order-mark", Class: acrkit.CodeUsage, Basis: Documented},
	{Code: cause.OtherCloud, Name: "other-cloud", Class: acrkit.CodeCredentialRejected, Basis: Recorded},
	{Code: cause.StorageLimit, Name: "storage-limit", Class: acrkit.CodeLocked, Basis: Documented},
	{Code: cause.TokenMalformed, Name: "token-malformed", Class: acrkit.CodeCredentialRejected, Basis: Documented},
	{Code: cause.ARMActionDenied, Name: "arm-action-denied", Class: acrkit.CodeDenied, Basis: Recorded},
	{Code: cause.ARMRequestInvalid, Name: "arm-request-invalid", Class: acrkit.CodeUsage, Basis: Recorded},
	{Code: cause.ARMNotFound, Name: "arm-not-found", Class: acrkit.CodeNotFound, Basis: Recorded},
	{Code: cause.ARMExists, Name: "arm-exists", Class: acrkit.CodeConflict, Basis: Recorded},
	{Code: cause.ARMNotReady, Name: "arm-not-ready", Class: acrkit.CodeConflict, Basis: Recorded},
	{Code: cause.ARMQuota, Name: "arm-quota", Class: acrkit.CodeTooLarge, Basis: Documented},
	{Code: cause.Conflict, Name: "conflict", Class: acrkit.CodeConflict, Basis: Documented},
}

// Causes returns the table of all causes, by code.
func Causes() []Cause {
	all := slices.Clone(causes)
	for i := range all {
		all[i] = described(all[i])
	}
	return all
}

// described returns a cause with its texts.
func described(c Cause) Cause {
	text := sentence.OfCause(string(c.Code))
	c.Title, c.Symptom, c.Difference, c.Proof = text.Title, text.Symptom, text.Difference, text.Proof
	c.Fix = sentence.Draft(text.Fix, nil)
	return c
}

// Lookup returns the row of a code or of a slug, and whether there is one.
func Lookup(codeOrName string) (Cause, bool) {
	i := slices.IndexFunc(causes, func(c Cause) bool {
		return strings.EqualFold(string(c.Code), codeOrName) || c.Name == codeOrName
	})
	if i < 0 {
		return Cause{}, false
	}
	return described(causes[i]), true
}
