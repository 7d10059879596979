package azureauth

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
)

// FromEnvironment is [auth.FromEnvironment] with certificates: where that one ends at
// AZURE_CLIENT_CERTIFICATE_PATH, this returns a [Certificate] of AZURE_TENANT_ID,
// AZURE_CLIENT_ID, the path, AZURE_CLIENT_CERTIFICATE_PASSWORD and
// AZURE_CLIENT_SEND_CERTIFICATE_CHAIN (1 or true), at the authority
// AZURE_AUTHORITY_HOST where it is set. opts may be nil; the variables override it. The
// file is read at once, and a fault in it is an error.
//
// Nothing else is asked or run: a managed identity and the Azure CLI are used only where
// the caller names them.
func FromEnvironment(lookup func(string) (string, bool),
	opts *azidentity.ClientCertificateCredentialOptions) (auth.Environment, error) {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	env, err := auth.FromEnvironment(lookup)
	i := slices.IndexFunc(env.Lookups, func(l auth.Lookup) bool { return l.Outcome == auth.OutcomeNotSupported })
	if i < 0 {
		return env, err
	}
	get := func(name string) string { v, _ := lookup(name); return v }
	var o azidentity.ClientCertificateCredentialOptions
	if opts != nil {
		o = *opts
	}
	if authority := get("AZURE_AUTHORITY_HOST"); authority != "" {
		o.Cloud.ActiveDirectoryAuthorityHost = authority
	}
	if chain := get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN"); chain != "" {
		o.SendCertificateChain = chain == "1" || strings.EqualFold(chain, "true") // as azidentity reads it
	}
	file, password := get("AZURE_CLIENT_CERTIFICATE_PATH"), get("AZURE_CLIENT_CERTIFICATE_PASSWORD")
	cred := Certificate(get("AZURE_TENANT_ID"), get("AZURE_CLIENT_ID"), file, password, &o)
	found := &env.Lookups[i]
	if data, err := (&certificate{file: file}).read(); err != nil {
		return env, unusable(found, err)
	} else if _, _, err := parseCertificates(data, redact.NewSecret(password)); err != nil {
		return env, unusable(found, err)
	}
	found.Outcome, found.Detail = auth.OutcomeUsed, ""
	env.Credential, env.Source = cred, found.Source
	return env, nil
}

func unusable(l *auth.Lookup, err error) error {
	e := &acrkit.Error{Code: acrkit.CodeUsage, Op: "read a credential from the environment", Reason: err.Error()}
	if from, ok := errors.AsType[*acrkit.Error](err); ok {
		e.Cause, e.Reason, e.Hint = from.Cause, from.Reason, from.Hint
	}
	l.Outcome, l.Detail = auth.OutcomeIncomplete, "the file in AZURE_CLIENT_CERTIFICATE_PATH cannot be used: "+e.Reason
	e.Reason = l.Detail
	return e
}
