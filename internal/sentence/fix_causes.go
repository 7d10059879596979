//nolint:gosec // commands, no secrets
package sentence

// The fixes of the causes that no other fix is for.
const (
	Examine                  FixKey = "examine"
	ExamineRights            FixKey = "examine_rights"
	ShowLocks                FixKey = "show_locks"
	TrustCertificate         FixKey = "trust_certificate"
	Wait                     FixKey = "wait"
	AsWritten                FixKey = "as_written"
	BuildForPlatforms        FixKey = "build_for_platforms"
	UpdateForOCI             FixKey = "update_for_oci"
	PushAgain                FixKey = "push_again"
	MeasureTime              FixKey = "measure_time"
	LoginByPassword          FixKey = "login_by_password"
	ImportWithCredential     FixKey = "import_with_credential"
	PushInParts              FixKey = "push_in_parts"
	WriteProxy               FixKey = "write_proxy"
	WriteProxyIn             FixKey = "write_proxy_in" // the variable that is named
	WriteWithoutMark         FixKey = "write_without_mark"
	NameRepositories         FixKey = "name_repositories"
	RunForScope              FixKey = "run_for_scope"
	UnlockTag                FixKey = "unlock_tag"
	UnlockManifest           FixKey = "unlock_manifest"
	UnlockRepository         FixKey = "unlock_repository"
	ViewManifest             FixKey = "view_manifest"
	RunWithCredential        FixKey = "run_with_credential"
	CheckMachine             FixKey = "check_machine"
	WriteWithoutLineFeed     FixKey = "write_without_line_feed"
	RenewPassword            FixKey = "renew_password"
	EnableToken              FixKey = "enable_token"
	ListTokens               FixKey = "list_tokens"
	RenewSecret              FixKey = "renew_secret"
	ExposeToken              FixKey = "expose_token"
	LoginByAzureCLI          FixKey = "login_by_azure_cli"
	SetClock                 FixKey = "set_clock"
	LogOutOfDocker           FixKey = "log_out_of_docker"
	RunForChallenge          FixKey = "run_for_challenge"
	LoginByToken             FixKey = "login_by_token"
	RunUpdated               FixKey = "run_updated"
	ShowTenantOfApplication  FixKey = "show_tenant_of_application"
	AllowARMTokens           FixKey = "allow_arm_tokens"
	GetTokenForRegistries    FixKey = "get_token_for_registries"
	CompareTenants           FixKey = "compare_tenants"
	ListTenants              FixKey = "list_tenants"
	ListFederatedCredentials FixKey = "list_federated_credentials"
	SignInForRegistries      FixKey = "sign_in_for_registries"
	ReachEntra               FixKey = "reach_entra"
	AssignRole               FixKey = "assign_role"
	AssignARMRole            FixKey = "assign_arm_role"
	AssignRepositoryRole     FixKey = "assign_repository_role"
	ShowLoginServer          FixKey = "show_login_server"
	LookUpName               FixKey = "look_up_name"
	LookUpPrivateName        FixKey = "look_up_private_name"
	TrustIssuer              FixKey = "trust_issuer"
	CompareClocks            FixKey = "compare_clocks"
	ReachPlain               FixKey = "reach_plain"
	PassProxyBy              FixKey = "pass_proxy_by"
	AllowAddress             FixKey = "allow_address"
	ShowEndpoints            FixKey = "show_endpoints"
	RunProxy                 FixKey = "run_proxy"
	CopyToken                FixKey = "copy_token"
	ShowUsage                FixKey = "show_usage"
	ShowARMForms             FixKey = "show_arm_forms"
	ListRegistries           FixKey = "list_registries"
	CheckRegistryName        FixKey = "check_registry_name"
	GenerateAgain            FixKey = "generate_again"
	AddMetadataRead          FixKey = "add_metadata_read"
	AddContentRead           FixKey = "add_content_read"
)

// The fixes of locks that forbid reading, which an unlock without flags keeps.
const (
	UnlockTagForReading        FixKey = "unlock_tag_for_reading"
	UnlockManifestForReading   FixKey = "unlock_manifest_for_reading"
	UnlockRepositoryForReading FixKey = "unlock_repository_for_reading"
)

var fixesOfCauses = map[FixKey]string{
	Examine:          "acrkit doctor {host}",
	ExamineRights:    "acrkit doctor {host} {wants}",
	ShowLocks:        "acrkit tag view {host}/{repository}:{tag}",
	TrustCertificate: "export SSL_CERT_FILE=ca.pem",
	Wait:             "sleep 60",
	AsWritten: "docker tag IMAGE {host}/IMAGE && docker push {host}/IMAGE    # a reference begins " +
		"with the login server",
	BuildForPlatforms: "docker buildx build --platform linux/amd64,linux/arm64 --push --tag " +
		"{host}/{repository}:{tag} FOLDER",
	UpdateForOCI: "acrkit manifest view {host}/{repository}:{tag}    # and update the client: it does " +
		"not know OCI's media types",
	PushAgain: "docker push {host}/{repository}:{tag}    # again from the start; if it repeats, look " +
		"for a proxy or a client that sends parts again",
	MeasureTime: "curl -sS -m 60 -o /dev/null -w '%{{time_connect}} %{{time_total}}\\n' " +
		"{scheme}://{host}/v2/",
	LoginByPassword:      "acrkit login {host} --token-name {token}    # a password is short",
	ImportWithCredential: "az acr import --name {name} --source SOURCE --username USER --password PASSWORD",
	PushInParts: "docker push {host}/{repository}:{tag}    # with a client that sends parts of at most " +
		"20 MB with Content-Length, and no proxy on the way",
	WriteProxyIn: "export {variable}=http://USER:PASSWORD@PROXY:PORT    # with % as %25, @ as %40 and # " +
		"as %23 in the password",
	WriteProxy: "export HTTPS_PROXY=http://USER:PASSWORD@PROXY:PORT    # with % as %25, @ as %40 and # " +
		"as %23 in the password",
	WriteWithoutMark: `printf %s "$PASSWORD" > password.txt    # without a mark; in PowerShell: Set-Content -Encoding ascii -NoNewline`,
	NameRepositories: "acrkit repo list {host} --repository {repository}    # name them",
	RunForScope: "acrkit run --registry {host} -- TOOL    # and update the tool: it must ask for the " +
		"challenge's scope",
	UnlockTag:        "acrkit tag unlock {host}/{repository}:{tag}",
	UnlockManifest:   "acrkit manifest unlock {host}/{repository}@{digest}",
	UnlockRepository: "acrkit repo unlock {host}/{repository}",

	UnlockTagForReading:        "acrkit tag unlock {host}/{repository}:{tag} --read",
	UnlockManifestForReading:   "acrkit manifest unlock {host}/{repository}@{digest} --read",
	UnlockRepositoryForReading: "acrkit repo unlock {host}/{repository} --read",

	ViewManifest: "acrkit manifest view {host}/{repository}:{tag}",
	RunWithCredential: "acrkit run --registry {host} -- TOOL    # gives the credential in a form that all " +
		"clients read",
	CheckMachine:         "df -h . && id    # room on the disk, and who this user is",
	WriteWithoutLineFeed: `printf %s "$PASSWORD" > password.txt    # without a line feed`,
	RenewPassword:        "az acr token credential generate --registry {name} --name {token} --password1",
	EnableToken:          "az acr token update --registry {name} --name {token} --status enabled",
	ListTokens:           "az acr token list --registry {name} --query '[].name'",
	RenewSecret:          "az ad app credential reset --id {client}",
	ExposeToken: "az acr login --name {name} --expose-token --output tsv --query accessToken    # goes " +
		"with the user 00000000-0000-0000-0000-000000000000",
	LoginByAzureCLI: "az acr login --name {name}",
	SetClock:        "sudo timedatectl set-ntp true",
	LogOutOfDocker:  "docker logout {host}",
	RunForChallenge: "acrkit run --registry {host} -- TOOL    # or a tool that follows the Bearer challenge",
	LoginByToken: "acrkit login {host} --token-name {token}    # a token of its own, in place of the " +
		"admin user",
	RunUpdated:              "acrkit run --registry {host} -- TOOL    # and update the tool",
	ShowTenantOfApplication: "az ad sp show --id {client} --query appOwnerOrganizationId",
	AllowARMTokens: "az acr config authentication-as-arm update --registry {name} --status enabled    # " +
		"and ask for the audience of Azure Resource Manager",
	GetTokenForRegistries: "az account get-access-token --resource https://containerregistry.azure.net",
	CompareTenants: "az acr show --name {name} --query identity.tenantId    # compare with az account show " +
		"--query tenantId",
	ListTenants:              "az account list --query '[].tenantId'",
	ListFederatedCredentials: "az ad app federated-credential list --id {client}",
	SignInForRegistries:      "az login --scope https://containerregistry.azure.net/.default",
	ReachEntra: "curl -sS -o /dev/null -w '%{{http_code}}\\n' " +
		"https://login.microsoftonline.com/common/discovery/instance",
	AssignRole:           assignRole + "    # in ABAC mode {repository_role}",
	AssignARMRole:        `az role assignment create --assignee-object-id {object} --role "{role}" --scope {scope}`,
	AssignRepositoryRole: assignRepositoryRole + "    # or widen the condition of the assignment that it has",
	ShowLoginServer:      "az acr show --name {name} --query loginServer --output tsv",
	LookUpName:           "getent hosts {host}",
	LookUpPrivateName: "nslookup {host}    # from inside the network it must give a private address; link the " +
		"private DNS zone privatelink.azurecr.io",
	TrustIssuer:   "export SSL_CERT_FILE=company-ca.pem    # the certificate of ISSUER, if you trust it",
	CompareClocks: "date -u    # compare with another clock",
	ReachPlain:    "curl -sS -o /dev/null -w '%{{http_code}}\\n' http://{host}/v2/",
	PassProxyBy:   "export NO_PROXY={host}    # if it can be reached directly",
	AllowAddress:  "az acr network-rule add --name {name} --ip-address {address}",
	ShowEndpoints: "az acr show-endpoints --name {name}    # let the data endpoint or *.blob.core.windows.net " +
		"through the firewall",
	RunProxy: "acrkit proxy --registry {host}",
	ShowARMForms: "az acr scope-map create --help    # or of the command that was refused; the message names the " +
		"value",
	ListRegistries:    "az resource list --resource-type Microsoft.ContainerRegistry/registries --output table",
	CheckRegistryName: "az acr check-name --name {name}    # of a role: az role assignment list --all",
	GenerateAgain: "az acr token credential generate --registry {name} --name {token}    # again, when " +
		"the token's provisioningState is Succeeded",
	ShowUsage: "az acr show-usage --name {name}    # then delete images, or az acr update --name {name} --sku " +
		"Premium",
	CopyToken:       `ACR_REFRESH_TOKEN="$(az acr login --name {name} --expose-token --output tsv --query accessToken)"    # whole, without a terminal's line breaks`,
	AddMetadataRead: addRight + "metadata/read",
	AddContentRead:  addRight + "content/read",
}
