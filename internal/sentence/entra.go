//nolint:gosec // sentences and commands, no secrets
package sentence

import (
	"maps"
	"slices"
)

// Entra says what Entra's number of a refusal means, and the fix; "" where the number is
// not known, or no fix is. Source: Microsoft, "Microsoft Entra authentication and
// authorization error codes".
func Entra(number int) (text string, fix FixKey) {
	m := entra[number]
	return m.text, m.fix
}

// EntraNumbers returns the numbers that Entra has words for, in order.
func EntraNumbers() []int {
	return slices.Sorted(maps.Keys(entra))
}

type entraMeaning struct {
	text string
	fix  FixKey
}

var entra = map[int]entraMeaning{
	7000215: {"the client secret is wrong (is it the secret's id, and not its value?)", ""},
	7000222: {"the client secret has expired", RenewSecretOfApplication},
	700016:  {"the application is not known in this tenant", CheckClientAndTenant},
	7000112: {"the application is disabled", ""},
	7000216: {"the request proves nothing: secret, certificate or assertion are missing", ""},
	50027:   {"the assertion is no token that Entra can read", ""},
	700023:  {"the assertion is not for this authority", CheckCloud},
	700024:  {"the assertion has expired or is not yet valid", CheckIssuerClock},
	700027:  {"the application does not have this certificate, or it has expired", CompareThumbprints},
	70021:   {"no federated identity of the application matches the token", CheckFederatedCredential},
	700211:  {"no federated identity of the application has the token's issuer", ""},
	700212:  {"no federated identity of the application has the token's audience", ""},
	700213:  {"no federated identity of the application has the token's subject", ""},
	90002:   {"there is no such tenant", CheckTenantAndCloud},
	900023:  {"the tenant is neither a GUID nor a domain name", ""},
	50001:   {"the resource is not known in this tenant", ""},
	500011:  {"the resource is not known in this tenant", ""},
	500014:  {"the resource is disabled in this tenant", ""},
	50034:   {"the user is not known in this tenant", ""},
	50053:   {"the account is locked", ""},
	50055:   {"the password has expired", ""},
	50057:   {"the account is disabled", ""},
	50076:   {"multi-factor authentication is required", ""},
	50079:   {"multi-factor authentication must be set up", ""},
	50126:   {"user name or password is wrong", ""},
	53003:   {"a conditional access policy blocks it", ""},
	65001:   {"the application has no consent to use the resource", ""},
	700082:  {"the Entra refresh token has expired because it was not used", SignInToAzure},
	700084:  {"the Entra refresh token has expired", SignInToAzure},
	70043:   {"the sign-in has expired under a conditional access policy", SignInToAzure},
	50173:   {"the sign-in has been revoked", SignInToAzure},
	90033:   {"Entra is unavailable for a moment", ""},
	90024:   {"Entra is unavailable for a moment", ""},
}

// The fixes of Entra's refusals.
const (
	RenewSecretOfApplication FixKey = "renew_secret_of_application"
	CheckClientAndTenant     FixKey = "check_client_and_tenant"
	CheckCloud               FixKey = "check_cloud"
	CheckIssuerClock         FixKey = "check_issuer_clock"
	CompareThumbprints       FixKey = "compare_thumbprints"
	CheckFederatedCredential FixKey = "check_federated_credential"
	CheckTenantAndCloud      FixKey = "check_tenant_and_cloud"
)

var fixesOfEntra = map[FixKey]string{
	RenewSecretOfApplication: "az ad app credential reset --id CLIENT_ID    # makes a new one",
	CheckClientAndTenant:     "check client id and tenant",
	CheckCloud:               "check that the authority is the right cloud's",
	CheckIssuerClock:         "the assertion's own life is short; check the clock of its issuer",
	CompareThumbprints:       "az ad app credential list --cert --id CLIENT_ID    # compare the thumbprints",
	CheckFederatedCredential: "check issuer, subject and audience of the federated credential",
	CheckTenantAndCloud:      "check the tenant, and that the authority is the right cloud's",
}
