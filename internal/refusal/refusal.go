// Package refusal names the cause of a refusal of the emulator, whose decision log
// has what its answers must not say.
package refusal

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/cause"
)

// causes has the cause of each rule. "" is a rule with several causes, or one that
// is no failure.
var causes = map[rule.ID]acrkit.Cause{
	rule.PlainHTTP:    cause.Denied,
	rule.NetworkRule:  cause.NetworkRule,
	rule.RateLimit:    cause.Throttled,
	rule.RegistryGone: cause.Unavailable,

	rule.UserUnknown:          cause.TokenUnknown,
	rule.PasswordWrong:        cause.PasswordWrong,
	rule.PasswordExpired:      cause.PasswordExpired,
	rule.ClientSecretWrong:    cause.EntraSecretWrong,
	rule.ClientSecretExpired:  cause.EntraSecretExpired,
	rule.ScopedTokenDisabled:  cause.TokenDisabled,
	rule.ScopedTokenDeleted:   cause.TokenUnknown,
	rule.ApplicationDeleted:   cause.EntraApplicationUnknown,
	rule.AdminUserDisabled:    cause.AdminDisabled,
	rule.AnonymousPullOff:     cause.AnonymousPullOff,
	rule.NoRole:               cause.NoRole,
	rule.AuthorizationTwice:   cause.CredentialRejected,
	rule.AuthorizationScheme:  cause.CredentialRejected,
	rule.AuthorizationMangled: cause.CredentialRejected,
	rule.BasicScopedToken:     cause.BasicOnAPI,

	rule.ACRTokenMalformed:     cause.TokenMalformed,
	rule.ACRTokenSignature:     cause.CredentialRejected,
	rule.ACRTokenIssuer:        cause.TokenAsPassword,
	rule.ACRTokenKind:          cause.TokenAsPassword,
	rule.ACRTokenExpired:       cause.TokenEnded,
	rule.ACRTokenNotYetValid:   cause.CredentialRejected,
	rule.ACRTokenOtherRegistry: cause.WrongRegistryToken,

	rule.AccessTokenNarrow: cause.AskedTooLittle,
	rule.RightMissing:      "", // which right it is decides
	rule.NoRightHere:       cause.NoRightHere,
	rule.ScopeMapDeleted:   cause.NoRightHere,
	rule.ABACRole:          cause.ABACMode,

	rule.TagLocked:        cause.TagLocked,
	rule.ManifestLocked:   cause.ManifestLocked,
	rule.RepositoryLocked: cause.RepositoryLocked,

	rule.AcceptLacksType: cause.AcceptLacksType,

	rule.FormMalformed:        cause.WrongUsage,
	rule.FormTooLarge:         cause.TooLarge,
	rule.ServiceMissing:       cause.WrongUsage,
	rule.ServiceOtherRegistry: cause.CredentialRejected,
	rule.GrantTypeUnsupported: cause.WrongUsage,
	rule.ScopeEmpty:           cause.EmptyScope,
	rule.ScopeTooLarge:        cause.TooLarge,

	rule.EntraTokenMalformed:   cause.ExchangeRefused,
	rule.EntraTokenSignature:   cause.ExchangeRefused,
	rule.EntraTokenExpired:     cause.TokenEnded,
	rule.EntraTokenNotYetValid: cause.ExchangeRefused,
	rule.EntraTokenApplication: cause.ExchangeRefused,
	rule.EntraTokenTenant:      cause.ExchangeRefused,
	rule.EntraTokenAudience:    cause.ExchangeRefused,
	rule.EntraTokenCloud:       cause.OtherCloud,
	rule.ARMAudienceOff:        cause.ARMAudienceDisabled,
	rule.ExchangeOfRefresh:     cause.ExchangeRefused,

	rule.StorageAuthorization: cause.RedirectRefused,
	rule.StorageLinkExpired:   cause.Denied,
	rule.StorageLinkMalformed: cause.Denied,

	rule.EntraParameterMissing:   cause.EntraRefused,
	rule.EntraTenantUnknown:      cause.EntraTenantUnknown,
	rule.EntraApplicationUnknown: cause.EntraApplicationUnknown,
	rule.EntraSecretWrong:        cause.EntraSecretWrong,
	rule.EntraSecretExpired:      cause.EntraSecretExpired,
	rule.EntraSecretMissing:      cause.EntraRefused,
	rule.EntraResourceUnknown:    cause.EntraAudienceUnknown,
	rule.EntraScopeMalformed:     cause.EntraRefused,
	rule.EntraScopeNotDefault:    cause.EntraRefused,
	rule.EntraGrantUnsupported:   cause.EntraRefused,
	rule.EntraRequestTooLarge:    cause.EntraRefused,
	rule.EntraAssertionMalformed: cause.EntraAssertionRefused,
	rule.EntraAssertionSignature: cause.EntraAssertionRefused,
	rule.EntraAssertionAudience:  cause.EntraAssertionRefused,
	rule.EntraAssertionTime:      cause.EntraAssertionRefused,
	rule.EntraCertificateUnknown: cause.EntraAssertionRefused,
	rule.EntraCertificateExpired: cause.EntraAssertionRefused,
	rule.EntraFederationNone:     cause.EntraAssertionRefused,
	rule.EntraFederationIssuer:   cause.EntraAssertionRefused,
	rule.EntraFederationSubject:  cause.EntraAssertionRefused,
	rule.EntraFederationAudience: cause.EntraAssertionRefused,

	rule.ARMAuthorizationMissing: cause.NoCredential,
	rule.ARMToken:                cause.CredentialRejected,
	rule.ARMTokenExpired:         cause.TokenEnded,
	rule.ARMTokenAudience:        cause.CredentialRejected,
	rule.ARMVersionMissing:       cause.WrongUsage,

	rule.FaultThrottle:     cause.Throttled,
	rule.FaultStatus:       cause.Unavailable,
	rule.FaultUnauthorized: cause.CredentialRejected,
	rule.FaultDrop:         cause.Unavailable,
	rule.FaultHang:         cause.ConnectionTimeout,
	rule.FaultSlow:         "", // it refuses nothing
	rule.FaultTooLarge:     cause.UploadPartRefused,
	rule.FaultWrongRange:   cause.UploadPartRefused,
	rule.FaultNoLength:     cause.UploadPartRefused,
	rule.FaultDisallowed:   cause.StorageLimit,
}

// Cause returns the cause of a refusal: its rule, the kind of principal, and as scope
// texts what was required and missing. "" is not known: a rule of a later version, or
// none, as in what an earlier version wrote.
func Cause(id rule.ID, kind, required, missing string) acrkit.Cause {
	if id == rule.RightMissing {
		return ofRight(kind, required, missing)
	}
	return causes[id]
}

// ofRight returns the cause of a missing right that depends on which right it is.
func ofRight(kind, required, missing string) acrkit.Cause {
	lacks, err := acrkit.ParseScope(missing)
	if err != nil {
		return cause.MissingRight
	}
	needs, err := acrkit.ParseScope(required)
	if err != nil {
		return cause.MissingRight
	}
	if lacks.Contains(acrkit.CatalogScope()) {
		if kind == "scoped-token" {
			return cause.CatalogScoped
		}
		return cause.MissingRight
	}
	repositories := 0
	for range needs.All() {
		repositories++
	}
	for access := range lacks.All() {
		needed := func(a acrkit.Action) bool { return needs.Contains(acrkit.RepositoryScope(access.Name, a)) }
		one := func(a acrkit.Action) bool { return lacks.Equal(acrkit.RepositoryScope(access.Name, a)) }
		switch {
		case one(acrkit.MetadataRead):
			return cause.MetadataReadMissing
		case one(acrkit.ContentRead) && needed(acrkit.ContentWrite):
			return cause.PushWithoutPull
		case one(acrkit.ContentRead) && repositories > 1: // besides the target, which is pushed to
			return cause.MountSourceMissing
		}
	}
	return cause.MissingRight
}
