// Package refusal names the cause of a refusal of the emulator, whose decision log
// knows what its answers must not tell.
package refusal

import (
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
)

// Cause returns the cause of a denial: what was required and missing, as scope
// texts, and the reason in the log. Kind is that of the credential.
func Cause(kind, required, missing, reason string) acrkit.Cause {
	for _, r := range []struct {
		words string
		cause acrkit.Cause
	}{
		{"the password is wrong", cause.PasswordWrong},
		{"the password has expired", cause.PasswordExpired},
		{"the token is disabled", cause.TokenDisabled},
		{"is disabled", cause.TokenDisabled},
		{"no such token, admin user", cause.TokenUnknown},
		{"is taken by the token service only", cause.BasicOnAPI},
		{"takes no ARM tokens", cause.ARMAudienceDisabled},
		{"exchange:", cause.ExchangeRefused},
		{"no role on the registry", cause.NoRole},
		{"the network rules do not allow", cause.NetworkRule},
		{"the scope is there, but empty", cause.EmptyScope},
		{"anonymous pull is not enabled", cause.AnonymousPullOff},
		{"so another token would do", cause.AskedTooLittle},
		{"not a good access token", cause.TokenEnded},
		{"refresh token:", cause.TokenEnded},
	} {
		if strings.Contains(reason, r.words) {
			return r.cause
		}
	}
	lacks, err := acrkit.ParseScope(missing)
	if err != nil || lacks.IsEmpty() {
		if strings.Contains(reason, "lacks it") {
			return cause.MissingRight
		}
		return cause.CredentialRejected
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
	for access := range lacks.All() {
		one := func(a acrkit.Action) bool { return lacks.Equal(acrkit.RepositoryScope(access.Name, a)) }
		switch {
		case one(acrkit.MetadataRead):
			return cause.MetadataReadMissing
		case one(acrkit.ContentRead) && needs.Contains(acrkit.RepositoryScope(access.Name, acrkit.ContentWrite)):
			return cause.PushWithoutPull
		}
	}
	return cause.MissingRight
}
