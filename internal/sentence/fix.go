//nolint:gosec // commands, no secrets
package sentence

import (
	"cmp"
	"regexp"
	"strings"
)

// FixKey names a fix.
type FixKey string

// The fixes: commands to paste and, where there is none, an advice. Facts are the
// registry's host and name, the scheme, repository, actions, token and program.
const (
	Login             FixKey = "login"               // no credential was found
	LoginFirst        FixKey = "login_first"         // a place failed that comes after a login
	LoginForDocker    FixKey = "login_for_docker"    // Docker's login was not accepted
	LoginForPodman    FixKey = "login_for_podman"    // podman's was not
	LoginOfAzureCLI   FixKey = "login_of_azure_cli"  // the login that "az acr login" left was not
	SignInToAzure     FixKey = "sign_in_to_azure"    // no user is signed in to the Azure CLI
	NameRegistry      FixKey = "name_registry"       // the variables are for another registry, or for none
	NameHost          FixKey = "name_host"           // a reference begins with a registry's short name, perhaps
	NameLoginServer   FixKey = "name_login_server"   // the host only looks like a registry
	TrustHost         FixKey = "trust_host"          // the host is none of Microsoft's
	WithoutPlainHTTP  FixKey = "without_plain_http"  // plain HTTP to a host that is not this machine
	ShowIdentity      FixKey = "show_identity"       // who it is, and what it may
	ShowRights        FixKey = "show_rights"         // the same, on a repository
	ShowToken         FixKey = "show_token"          // status and expiry of a scope-mapped token
	ShowAdminPassword FixKey = "show_admin_password" // the admin user's passwords
	ShowSecrets       FixKey = "show_secrets"        // secrets and certificates of an application
	AddRights         FixKey = "add_rights"          // to a scope map
	ShowNetwork       FixKey = "show_network"        // the network rules
	ListTags          FixKey = "list_tags"           // no such tag
	ListRepositories  FixKey = "list_repositories"   // no such repository
	TrustEmulator     FixKey = "trust_emulator"      // the emulator's certificate is not trusted
	TrustAuthority    FixKey = "trust_authority"     // another server's is not
	Reach             FixKey = "reach"               // the registry does not answer
	ReachInTime       FixKey = "reach_in_time"       // likewise, and a client would wait for ever
	ReachARM          FixKey = "reach_arm"           // Azure Resource Manager does not
	NameAtEmulator    FixKey = "name_at_emulator"    // a registry of the emulator is named as one of Azure's

	LoginPart       FixKey = "login_part" // the same, of a part of the registry
	UnsetPassword   FixKey = "unset_password"
	SetToken        FixKey = "set_token" // variables: name and password of a scope-mapped token
	SetRefreshToken FixKey = "set_refresh_token"
	SetSecret       FixKey = "set_secret" // a service principal, by its secret
	// a service principal for Azure Resource Manager, or another identity
	SetAzurePrincipal FixKey = "set_azure_principal"
	SetCertificate    FixKey = "set_certificate"
	SetFederated      FixKey = "set_federated"   // by a token of another issuer
	SetGitHubOIDC     FixKey = "set_github_oidc" // by that of a GitHub Actions job
	ExplainVariables  FixKey = "explain_variables"

	LogInAgain     FixKey = "log_in_again"    // an entry of a configuration file is no login
	InstallHelper  FixKey = "install_helper"  // a credential helper is not there
	RunHelper      FixKey = "run_helper"      // it fails
	InstallCLI     FixKey = "install_cli"     // the Azure CLI is not there
	TryCLI         FixKey = "try_cli"         // it fails
	AssignIdentity FixKey = "assign_identity" // the machine has no identity of its own
	ListIdentities FixKey = "list_identities" // it does not have the one that was named
	CheckProxy     FixKey = "check_proxy"     // the proxy does not answer
	CheckName      FixKey = "check_name"      // no host has the name
	TrustServer    FixKey = "trust_server"    // a server's certificate is not trusted
)

// These are parts of sentences and of other fixes.
const (
	addRight  = "az acr scope-map update --registry {name} --name SCOPE_MAP --add-repository {repository} "
	addRights = addRight + "{actions}"

	assign               = "az role assignment create --assignee {client} --role "
	onRegistry           = " --scope $(az acr show --name {name} --query id --output tsv)"
	assignRole           = assign + "{registry_role}" + onRegistry
	assignRepositoryRole = assign + `"{repository_role}"` + onRegistry

	showToken = "az acr token show --registry {name} --name {token}"
	showAdmin = "az acr show --name {name} --query adminUserEnabled"
)

var fixes = map[FixKey]string{
	Login:           "acrkit login {host}",
	LoginFirst:      "acrkit login {host}    # goes before Docker's configuration",
	LoginForDocker:  "docker login {host}",
	LoginForPodman:  "podman login {host}",
	LoginOfAzureCLI: "az acr login --name {name}    # its login expires after three hours",
	SignInToAzure:   "az login",
	NameRegistry:    "export ACR_NAME={host}",
	NameHost: "{command} {name}.azurecr.io/{repository}    # if {name} is the registry; else export " +
		"ACR_NAME=REGISTRY",
	NameLoginServer:   "export ACR_NAME={host}    # a registry's login server; the host that was named is another",
	TrustHost:         "export ACRKIT_REGISTRIES={host}    # only if this host is yours",
	WithoutPlainHTTP:  "acrkit whoami {host}    # without --plain-http",
	ShowIdentity:      "acrkit whoami --registry {host}",
	ShowRights:        "acrkit whoami --registry {host} --repository {repository}",
	ShowToken:         showToken,
	ShowAdminPassword: "az acr credential show --name {name}",
	ShowSecrets:       "az ad app credential list --id $AZURE_CLIENT_ID",
	AddRights:         addRights,
	ShowNetwork:       "az acr show --name {name} --query '{{access: publicNetworkAccess, rules: networkRuleSet}}'",
	ListTags:          "acrkit tag list {host}/{repository}",
	ListRepositories:  "acrkit repo list {host}",
	TrustEmulator:     "export SSL_CERT_FILE=DIR/ca.pem    # \"acrkit emulator start\" prints the file",
	TrustAuthority:    "export SSL_CERT_FILE=ca.pem    # the certificate of its authority, if you trust it",
	Reach:             "curl -sS -o" + reach,
	ReachInTime:       "curl -sS -m 10 -o" + reach,

	NameAtEmulator: "name the registry as the emulator serves it: {host}",
	ReachARM: "curl -sS -m 10 -o /dev/null -w '%{{http_code}}\\n' {endpoint}/    # a number means that it " +
		"can be reached",

	LoginPart:         "acrkit login {host} --repository {repository}",
	UnsetPassword:     "unset ACR_TOKEN_PASSWORD    # or ACR_TOKEN_PASSWORD_FILE",
	SetToken:          setName + "ACR_TOKEN_NAME=… ACR_TOKEN_PASSWORD_FILE=…",
	SetRefreshToken:   setName + "ACR_REFRESH_TOKEN=…",
	SetSecret:         setPrincipal + " AZURE_CLIENT_SECRET=…",
	SetAzurePrincipal: "export AZURE_TENANT_ID=… AZURE_CLIENT_ID=… AZURE_CLIENT_SECRET=…    # or sign in with az login",
	SetCertificate:    setPrincipal + " AZURE_CLIENT_CERTIFICATE_PATH=…",
	SetFederated:      setPrincipal + " AZURE_FEDERATED_TOKEN_FILE=…",
	SetGitHubOIDC:     setPrincipal + "    # in a job with the permission id-token: write",
	ExplainVariables:  "acrkit help environment",

	LogInAgain:    "log in again",
	InstallHelper: "install it, or take it out of credsStore and credHelpers",
	RunHelper:     "run it by hand: echo {host} | {program} get",
	InstallCLI:    "https://aka.ms/azure-cli says how to install it",
	// shows no token
	TryCLI: "az account get-access-token --resource https://containerregistry.azure.net --query expiresOn",
	AssignIdentity: "az vm identity assign --name VM --resource-group GROUP    # or name a user-assigned one by its " +
		"client id",
	ListIdentities: "az vm identity show --name VM --resource-group GROUP    # which identities the machine has",
	CheckProxy:     "check HTTPS_PROXY and NO_PROXY",
	CheckName:      "check the registry's name; a private registry's name is known only inside its network",
	TrustServer:    "if you trust the server, give its CA certificate with SSL_CERT_FILE=FILE",
}

const (
	setName      = "export ACR_NAME={host} "
	setPrincipal = setName + "AZURE_TENANT_ID=… AZURE_CLIENT_ID=…"
)

const reach = " /dev/null -w '%{{http_code}}\\n' {scheme}://{host}/v2/    # 401 means that it can be reached"

// fact is a fact in a fix, or a doubled brace, which means a single one.
var fact = regexp.MustCompile(`\{\{|\}\}|\{[a-z_]+\}`)

// Fix returns a fix with its facts, "" if one is missing: half a command is of no use.
func Fix(key FixKey, facts map[string]string) string {
	filled, whole := fill(key, facts, func(string) string { return "" })
	if !whole {
		return ""
	}
	return filled
}

// Draft returns a fix with its facts. A missing fact is a word in capitals, which the
// user replaces.
func Draft(key FixKey, facts map[string]string) string {
	filled, _ := fill(key, facts, func(name string) string { return cmp.Or(blanks[name], strings.ToUpper(name)) })
	return filled
}

// blanks replace missing facts in a draft, where the fact's name in capitals is not the
// usual word.
var blanks = map[string]string{"host": "REGISTRY", "name": "REGISTRY", "client": "CLIENT_ID", "object": "OBJECT_ID",
	"scheme": "https", "registry_role": "AcrPull", "repository_role": "Container Registry Repository Reader"}

func fill(key FixKey, facts map[string]string, blank func(name string) string) (filled string, whole bool) {
	whole = true
	filled = fact.ReplaceAllStringFunc(template(key), func(word string) string {
		switch word {
		case "{{", "}}":
			return word[:1]
		}
		name := word[1 : len(word)-1]
		if value := facts[name]; value != "" {
			return value
		}
		whole = false
		return blank(name)
	})
	return filled, whole
}

func template(key FixKey) string {
	for _, table := range tables {
		if text, ok := table[key]; ok {
			return text
		}
	}
	return ""
}

// tables hold each fix once.
var tables = []map[FixKey]string{fixes, fixesOfCauses, fixesOfClients, fixesOfEmulator, fixesOfCredentials,
	fixesOfEntra, fixesHere, fixesOfRotation, fixesOfTokens}

// OfAzure reports whether a fix asks Azure of a registry, which knows Microsoft's alone. An
// emulator's az is another.
func (k FixKey) OfAzure() bool {
	return azure.MatchString(template(k)) && k != AssignEmulatorRole && k != AssignEmulatorRepositoryRole
}

var azure = regexp.MustCompile(`\baz (?:acr|role|aks|webapp|containerapp) `)

// OfScopeMap reports whether a fix changes a scope map, which is a token's.
func (k FixKey) OfScopeMap() bool { return scopeMap.MatchString(template(k)) }

var scopeMap = regexp.MustCompile(`\bscope-map (?:update|set) `)
