//nolint:gosec // commands, no secrets
package sentence

// The fixes of a credential or its variables that cannot be used as they are.
const (
	DecryptKey             FixKey = "decrypt_key"
	ConvertPFX             FixKey = "convert_pfx"
	SetCertificatePassword FixKey = "set_certificate_password"
	GiveRest               FixKey = "give_rest"
	AskForRegistriesNotARM FixKey = "ask_for_registries_not_arm"
	AskForRegistries       FixKey = "ask_for_registries"
	// The audience is the same in all clouds.
	AskForRegistriesInAllClouds FixKey = "ask_for_registries_in_all_clouds"
	CheckTenant                 FixKey = "check_tenant"
	CheckAuthority              FixKey = "check_authority"
	SetVariables                FixKey = "set_variables"
	SetOrUnset                  FixKey = "set_or_unset"
	SetWithoutSpace             FixKey = "set_without_space"
	UnsetOne                    FixKey = "unset_one"
	UseAzureAuth                FixKey = "use_azure_auth"
	GetNewToken                 FixKey = "get_new_token"
	PrintRefreshToken           FixKey = "print_refresh_token"
	SeeFirewall                 FixKey = "see_firewall"
	NameByLoginServer           FixKey = "name_by_login_server"
	SayItIsYours                FixKey = "say_it_is_yours"
	SetAuthority                FixKey = "set_authority"
)

var fixesOfCredentials = map[FixKey]string{
	DecryptKey: "openssl pkey -in FILE.pem -out KEY.pem    # asks for the password; put the " +
		"certificate behind the key",
	ConvertPFX:             "openssl pkcs12 -in FILE.pfx -nodes -out FILE.pem",
	SetCertificatePassword: "set AZURE_CLIENT_CERTIFICATE_PASSWORD",
	GiveRest:               `give a credential for the rest, under the prefix ""`,
	AskForRegistriesNotARM: "the registry takes no tokens for Azure Resource Manager; ask for the audience " +
		"https://containerregistry.azure.net",
	AskForRegistriesInAllClouds: "ask for a token for the audience https://containerregistry.azure.net, which is the " +
		"same in all clouds",
	AskForRegistries: "ask for a token for the audience https://containerregistry.azure.net",
	CheckTenant:      "check that the identity belongs to the registry's tenant",
	CheckAuthority:   "check AZURE_AUTHORITY_HOST",
	SetVariables:     "set {variables}",
	SetOrUnset:       "set {wanted}, or unset {set}",
	SetWithoutSpace: "set {variable} without it; for a file with a line feed at its end there is " +
		"ACR_TOKEN_PASSWORD_FILE",
	UnsetOne:          "unset one of them",
	UseAzureAuth:      "use azureauth.FromEnvironment, or set {variable} instead",
	GetNewToken:       "an ACR refresh token lives three hours; get a new one",
	PrintRefreshToken: "az acr login --name {name} --expose-token    # prints an ACR refresh token",
	SeeFirewall:       "the registry's network rules do not allow this address; see https://aka.ms/acr/firewall",
	NameByLoginServer: "name the registry by its login server",
	SayItIsYours: "a login server is NAME.azurecr.io (or .us, .cn); if this one is a registry of yours under " +
		"another name, set Options.CustomLoginServer (for the command: ACRKIT_REGISTRIES)",
	SetAuthority: "set AZURE_AUTHORITY_HOST (in code: {option})",
}
