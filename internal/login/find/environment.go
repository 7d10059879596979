package find

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/internal/sentence"
)

// fromEnvironment takes what the variables hold for the registry; found is false
// where they hold nothing for it.
func (f *Finder) fromEnvironment(id *Identity, kind auth.Kind) (found bool, err error) {
	host := f.hintHost(id.Registry)
	env, err := azureauth.FromEnvironment(f.lookupFor(kind), &azidentity.ClientCertificateCredentialOptions{})
	if kind == "" || kind == KindGitHubOIDC {
		env, err = f.gitHubOIDC(env, err)
	}
	id.Lookups = env.Lookups
	if kind != "" {
		// The variables of other kinds were not read.
		id.Lookups = slices.DeleteFunc(id.Lookups, func(l auth.Lookup) bool {
			return l.Outcome == auth.OutcomeNotSet && l.Kind != kind
		})
	}
	if e, ok := errors.AsType[*acrkit.Error](err); ok && e.Code != acrkit.CodeCredentialMissing {
		switch {
		case !env.Registry.IsZero() && env.Registry.LoginServer() != id.Registry.LoginServer():
			// An incomplete set for another registry is no error here.
			id.Note = fmt.Sprintf("%s, for %s, the registry in ACR_NAME", e.Reason, env.Registry.Host())
		case f.env("ACR_NAME") == "" && kind == "" && onlyAzure(env.Lookups):
			// These variables serve many programs; without ACR_NAME they do not name a registry.
			id.Note = e.Reason + ", and ACR_NAME is not set"
		default:
			e.Hint = halfHint(env.Lookups, host)
			return false, e
		}
		return false, nil
	} else if ok && f.env("ACR_NAME") == "" && slices.ContainsFunc(env.Lookups, isIncomplete) {
		id.Note = e.Reason
	}
	switch {
	case env.Credential == nil:
		return false, nil
	//rule:regional-from-environment-2
	case env.Registry.LoginServer() != id.Registry.LoginServer():
		verb := "is"
		for i := range id.Lookups {
			if l := &id.Lookups[i]; l.Outcome == auth.OutcomeUsed {
				if len(l.Variables) > 1 {
					verb = "are"
				}
				l.Outcome, l.Detail = auth.OutcomeShadowed, "for "+env.Registry.Host()+" only"
			}
		}
		id.Note = fmt.Sprintf("%s %s set for %s, the registry in ACR_NAME, and not used", env.Source,
			verb, env.Registry.Host())
		return false, nil
	}
	id.Credential, id.Source = env.Credential, env.Source
	return true, nil
}

func isIncomplete(l auth.Lookup) bool { return l.Outcome == auth.OutcomeIncomplete }

// onlyAzure reports whether only variables of AZURE_* are incomplete.
func onlyAzure(lookups []auth.Lookup) bool {
	return !slices.ContainsFunc(lookups, func(l auth.Lookup) bool {
		return l.Outcome != auth.OutcomeNotSet && !isPrincipal(l)
	})
}

// isPrincipal reports whether a place is that of AZURE_*: a service principal, by secret
// or by certificate.
func isPrincipal(l auth.Lookup) bool {
	return l.Kind == auth.KindServicePrincipal || l.Kind == auth.KindCertificate
}

// gitHubOIDC completes AZURE_TENANT_ID and AZURE_CLIENT_ID, if there is no secret,
// certificate or file with them, by the OIDC token of the GitHub Actions job. The user
// need not name it: a job has the two ACTIONS_* variables only with the permission
// id-token: write, and Microsoft's own action, azure/login, uses the same four variables.
func (f *Finder) gitHubOIDC(env auth.Environment, err error) (auth.Environment, error) {
	const url, token = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
	tenant, client := f.env("AZURE_TENANT_ID"), f.env("AZURE_CLIENT_ID")
	l := auth.Lookup{Source: "AZURE_TENANT_ID, AZURE_CLIENT_ID and ACTIONS_ID_TOKEN_REQUEST_*",
		Kind: auth.KindServicePrincipal, Outcome: auth.OutcomeNotSet,
		Place:     auth.Place{Kind: auth.PlaceEnvironment},
		Variables: []string{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", url, token}}
	i := slices.IndexFunc(env.Lookups, isPrincipal)
	if i < 0 || tenant == "" || client == "" {
		return env, err
	}
	if f.env(url) == "" && f.env(token) == "" {
		if f.Kind == KindGitHubOIDC {
			// The missing secret need not be reported too.
			env.Lookups[i] = l
			err = &acrkit.Error{Code: acrkit.CodeCredentialMissing}
		}
		return env, err
	}
	if env.Lookups[i].Outcome == auth.OutcomeIncomplete && (f.env(url) == "" || f.env(token) == "") {
		set, missing := url, token
		if f.env(url) == "" {
			set, missing = token, url
		}
		l.Outcome, l.Detail, l.Missing = auth.OutcomeIncomplete, missing+" is missing", []string{missing}
		env.Lookups[i] = l
		return env, &acrkit.Error{Code: acrkit.CodeUsage, Op: "read a credential from the environment",
			Reason: fmt.Sprintf("%s is set, but %s is missing", set, missing)}
	}
	if f.env(url) == "" || f.env(token) == "" {
		return env, err
	}
	for _, proof := range []string{"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH",
		"AZURE_FEDERATED_TOKEN_FILE"} {
		if f.env(proof) != "" && f.Kind != KindGitHubOIDC {
			return env, err
		}
	}
	if f.Kind != KindGitHubOIDC && env.Lookups[i].Outcome != auth.OutcomeIncomplete {
		// An earlier set was used.
		l.Outcome = auth.OutcomeShadowed
		env.Lookups[i] = l
		return env, err
	}
	if env.Registry.IsZero() {
		l.Outcome, l.Detail, l.Missing = auth.OutcomeIncomplete,
			"ACR_NAME is not set, which says for which registry it is", []string{"ACR_NAME"}
		env.Lookups[i] = l
		return env, &acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "find a credential in the environment",
			Reason: l.Source + " are set, but not ACR_NAME, which says for which registry"}
	}
	l.Outcome = auth.OutcomeUsed
	env.Lookups[i] = l
	env.Source = l.Source
	env.Credential = auth.FederatedServicePrincipal(tenant, client, auth.GitHubOIDC(f.env(url), f.env(token), ""),
		&auth.EntraOptions{AuthorityHost: f.env("AZURE_AUTHORITY_HOST")})
	return env, nil
}

// halfHint returns the hint for the first incomplete set of variables.
func halfHint(lookups []auth.Lookup, host string) string {
	for _, l := range lookups {
		switch {
		case l.Outcome != auth.OutcomeIncomplete:
		case slices.Contains(l.Missing, "ACR_NAME"):
			return sentence.Fix(sentence.NameRegistry, map[string]string{"host": host})
		case slices.Contains(l.Variables, "AZURE_FEDERATED_TOKEN_FILE"):
			return sentence.Fix(sentence.SetFederated, map[string]string{"host": host})
		case slices.Contains(l.Variables, "ACTIONS_ID_TOKEN_REQUEST_URL"):
			return exportHint(KindGitHubOIDC, host)
		case slices.Contains(l.Variables, "ACR_TOKEN_PASSWORD") &&
			slices.Contains(l.Variables, "ACR_TOKEN_PASSWORD_FILE"):
			return sentence.Fix(sentence.UnsetPassword, nil) // both are set
		default:
			return exportHint(l.Kind, host)
		}
	}
	return sentence.Fix(sentence.ExplainVariables, nil)
}

func exportHint(kind auth.Kind, host string) string {
	key := sentence.SetToken
	switch kind {
	case auth.KindServicePrincipal:
		key = sentence.SetSecret
	case auth.KindCertificate:
		key = sentence.SetCertificate
	case KindGitHubOIDC:
		key = sentence.SetGitHubOIDC
	case auth.KindRefreshToken:
		key = sentence.SetRefreshToken
	}
	return sentence.Fix(key, map[string]string{"host": host})
}

// lookupFor hides the variables of all other kinds.
func (f *Finder) lookupFor(kind auth.Kind) func(string) (string, bool) {
	if kind == "" {
		return f.LookupEnv
	}
	return func(name string) (string, bool) {
		var of []auth.Kind
		switch {
		case strings.HasPrefix(name, "ACR_TOKEN_"):
			of = []auth.Kind{auth.KindScopedToken, auth.KindAdminUser}
		case strings.HasPrefix(name, "ACR_REFRESH_TOKEN"):
			of = []auth.Kind{auth.KindRefreshToken}
		case strings.HasPrefix(name, "AZURE_CLIENT_CERTIFICATE_"):
			of = []auth.Kind{auth.KindCertificate}
		case name == "AZURE_CLIENT_SECRET" || name == "AZURE_FEDERATED_TOKEN_FILE":
			of = []auth.Kind{auth.KindServicePrincipal}
		case strings.HasPrefix(name, "AZURE_") && name != "AZURE_AUTHORITY_HOST":
			of = []auth.Kind{auth.KindServicePrincipal, auth.KindCertificate, KindGitHubOIDC}
		}
		if of != nil && !slices.Contains(of, kind) {
			return "", false
		}
		return f.LookupEnv(name)
	}
}
