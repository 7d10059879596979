package rule

import (
	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// causes has the cause of each rule but those of faults; "" is a rule with several
// causes.
var causes = map[ID]acrkit.Cause{
	PlainHTTP:    cause.Denied,
	NetworkRule:  cause.NetworkRule,
	RateLimit:    cause.Throttled,
	RegistryGone: cause.Unavailable,

	UserUnknown:          cause.TokenUnknown,
	PasswordWrong:        cause.PasswordWrong,
	PasswordExpired:      cause.PasswordExpired,
	PasswordNotYet:       cause.PasswordNotYetActive,
	ClientSecretWrong:    cause.EntraSecretWrong,
	ClientSecretExpired:  cause.EntraSecretExpired,
	ScopedTokenDisabled:  cause.TokenDisabled,
	ScopedTokenDeleted:   cause.TokenUnknown,
	ApplicationDeleted:   cause.EntraApplicationUnknown,
	AdminUserDisabled:    cause.AdminDisabled,
	AnonymousPullOff:     cause.AnonymousPullOff,
	NoRole:               cause.NoRole,
	AuthorizationTwice:   cause.CredentialRejected,
	AuthorizationScheme:  cause.CredentialRejected,
	AuthorizationMangled: cause.CredentialRejected,
	BasicScopedToken:     cause.BasicOnAPI,

	ACRTokenMalformed:     cause.TokenMalformed,
	ACRTokenSignature:     cause.CredentialRejected,
	ACRTokenIssuer:        cause.TokenAsPassword,
	ACRTokenKind:          cause.TokenAsPassword,
	ACRTokenExpired:       cause.TokenEnded,
	ACRTokenNotYetValid:   cause.CredentialRejected,
	ACRTokenOtherRegistry: cause.WrongRegistryToken,

	AccessTokenNarrow: cause.AskedTooLittle,
	RightMissing:      "", // which right it is decides
	NoRightHere:       cause.NoRightHere,
	ScopeMapDeleted:   cause.NoRightHere,
	ABACRole:          cause.ABACMode,
	ABACRepository:    cause.NoRightHere,

	TagLocked:        cause.TagLocked,
	ManifestLocked:   cause.ManifestLocked,
	RepositoryLocked: cause.RepositoryLocked,

	AcceptLacksType: cause.AcceptLacksType,

	FormMalformed:        cause.WrongUsage,
	FormTooLarge:         cause.TooLarge,
	ServiceMissing:       cause.WrongUsage,
	ServiceOtherRegistry: cause.CredentialRejected,
	GrantTypeUnsupported: cause.WrongUsage,
	ScopeEmpty:           cause.EmptyScope,
	ScopeTooLarge:        cause.TooLarge,

	EntraTokenMalformed:   cause.ExchangeRefused,
	EntraTokenSignature:   cause.ExchangeRefused,
	EntraTokenExpired:     cause.TokenEnded,
	EntraTokenNotYetValid: cause.ExchangeRefused,
	EntraTokenApplication: cause.ExchangeRefused,
	EntraTokenTenant:      cause.ExchangeRefused,
	EntraTokenAudience:    cause.ExchangeRefused,
	EntraTokenCloud:       cause.OtherCloud,
	ARMAudienceOff:        cause.ARMAudienceDisabled,
	ExchangeOfRefresh:     cause.ExchangeRefused,

	StorageAuthorization: cause.RedirectRefused,
	StorageLinkExpired:   cause.Denied,
	StorageLinkMalformed: cause.Denied,

	EntraParameterMissing:   cause.EntraRefused,
	EntraTenantUnknown:      cause.EntraTenantUnknown,
	EntraApplicationUnknown: cause.EntraApplicationUnknown,
	EntraSecretWrong:        cause.EntraSecretWrong,
	EntraSecretExpired:      cause.EntraSecretExpired,
	EntraSecretMissing:      cause.EntraRefused,
	EntraResourceUnknown:    cause.EntraAudienceUnknown,
	EntraScopeMalformed:     cause.EntraRefused,
	EntraScopeNotDefault:    cause.EntraRefused,
	EntraGrantUnsupported:   cause.EntraRefused,
	EntraRequestTooLarge:    cause.EntraRefused,
	EntraAssertionMalformed: cause.EntraAssertionRefused,
	EntraAssertionSignature: cause.EntraAssertionRefused,
	EntraAssertionAudience:  cause.EntraAssertionRefused,
	EntraAssertionTime:      cause.EntraAssertionRefused,
	EntraCertificateUnknown: cause.EntraAssertionRefused,
	EntraCertificateExpired: cause.EntraAssertionRefused,
	EntraFederationNone:     cause.EntraAssertionRefused,
	EntraFederationIssuer:   cause.EntraAssertionRefused,
	EntraFederationSubject:  cause.EntraAssertionRefused,
	EntraFederationAudience: cause.EntraAssertionRefused,

	ARMAuthorizationMissing: cause.NoCredential,
	ARMToken:                cause.CredentialRejected,
	ARMTokenExpired:         cause.TokenEnded,
	ARMTokenAudience:        cause.CredentialRejected,
	ARMVersionMissing:       cause.ARMRequestInvalid,

	GraphToken:      cause.CredentialRejected,
	GraphPermission: cause.Denied,
	ARMRole:         cause.ARMActionDenied,
}

// Cause returns the cause of a refusal by this rule: kind is the kind of principal,
// required and missing are scope texts of the decision log. "" is not known: a rule of a later version, or
// none, as in what an earlier version wrote.
func (id ID) Cause(kind, required, missing string) acrkit.Cause {
	if id == RightMissing || id == ABACCondition {
		return ofRight(kind, required, missing)
	}
	if k, ok := faultOf(id); ok {
		return k.Cause()
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
