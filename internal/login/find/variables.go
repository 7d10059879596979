package find

import (
	"runtime"
	"slices"
	"strings"
)

// variableSet is a set of variables that one credential is read from.
type variableSet struct {
	secrets []string // each holds a secret, or the path of one
	rest    []string // useless without a secret, and an incomplete credential for other programs
}

// variableSets are all variables from which this program or Microsoft's library in it
// reads a secret: the library reads AZURE_PASSWORD and those of a managed identity.
var variableSets = []variableSet{
	{
		//rule:command-environment-secrets
		secrets: []string{"ACR_TOKEN_PASSWORD", "ACR_TOKEN_PASSWORD2", "ACR_TOKEN_PASSWORD_FILE"},
		rest:    []string{"ACR_TOKEN_NAME"},
	},
	//rule:command-environment-variable-sets
	{secrets: []string{"ACR_REFRESH_TOKEN"}},
	{
		secrets: []string{"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD",
			"AZURE_FEDERATED_TOKEN_FILE", "AZURE_PASSWORD", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"},
		rest: []string{
			"AZURE_TENANT_ID",
			"AZURE_CLIENT_ID",
			"AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
			"AZURE_USERNAME",
			"ACTIONS_ID_TOKEN_REQUEST_URL",
		},
	},
	//rule:command-environment-seed
	{
		secrets: []string{"ACRKIT_SEED", "ACRKIT_CA_KEY_FILE"}, // a seed may have its secrets in it
		rest:    []string{"ACRKIT_CA_CERT_FILE"},
	},
	{
		secrets: []string{"IDENTITY_HEADER", "MSI_SECRET"},
		rest:    []string{"IDENTITY_ENDPOINT", "IDENTITY_SERVER_THUMBPRINT", "MSI_ENDPOINT"},
	},
}

// WithoutSecrets returns env, a list of NAME=value, without the variables that hold a
// secret of a credential or its path. The rest of such a credential, its tenant and client
// for example, is removed too: a program that reads an incomplete credential fails.
func WithoutSecrets(env []string) []string {
	var remove []string
	for _, set := range variableSets {
		if slices.ContainsFunc(env, func(v string) bool { return isNamed(v, set.secrets) }) {
			//rule:command-environment-without-secrets
			remove = append(append(remove, set.secrets...), set.rest...)
		}
	}
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool { return isNamed(v, remove) })
}

// pastAppService are the variables that make one of Microsoft's libraries use another
// identity than the managed identity of App Service, though AZURE_TOKEN_CREDENTIALS names
// that one. The libraries for TypeScript and Java use the file of a federated token,
// IDENTITY_SERVER_THUMBPRINT is Service Fabric's, and older versions of the libraries read
// the others first.
//
//rule:managed-identity-past-app-service
var pastAppService = []string{"AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT",
	"MSI_ENDPOINT", "MSI_SECRET"}

// WithAppService returns env, a list of NAME=value, such that DefaultAzureCredential of
// Microsoft's libraries asks only the endpoint for a managed identity's token, and sends
// it the header: the protocol is that of App Service.
func WithAppService(env []string, endpoint, header string) []string {
	set := []string{
		"IDENTITY_ENDPOINT=" + endpoint,
		"IDENTITY_HEADER=" + header,
		"AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential", // else a sign-in of az is tried, too
	}
	remove := slices.Clone(pastAppService)
	for _, v := range set {
		name, _, _ := strings.Cut(v, "=")
		//rule:managed-identity-with-app-service
		remove = append(remove, name)
	}
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool { return isNamed(v, remove) })
	return append(env, set...)
}

// isNamed reports whether an entry of an environment has one of the names, as the
// system compares names.
func isNamed(entry string, names []string) bool {
	name, _, _ := strings.Cut(entry, "=")
	return slices.ContainsFunc(names, func(n string) bool {
		return n == name || runtime.GOOS == "windows" && strings.EqualFold(n, name)
	})
}
