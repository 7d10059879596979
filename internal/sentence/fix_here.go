//nolint:gosec // commands, no secrets
package sentence

// The fixes of what is wrong on this machine, and in how acrkit was called.
const (
	AnnotateServiceAccount FixKey = "annotate_service_account"
	NameTenant             FixKey = "name_tenant"
	NameInCredHelpers      FixKey = "name_in_cred_helpers"
	ShowWhichOne           FixKey = "show_which_one"
	TryAgain               FixKey = "try_again"
	LoginWithPasswordFile  FixKey = "login_with_password_file"
	ShowRefreshToken       FixKey = "show_refresh_token"
	ListSecretsOf          FixKey = "list_secrets_of"
	ShowRoomOf             FixKey = "show_room_of"
	WithoutConfiguration   FixKey = "without_configuration"
	RemoveFolder           FixKey = "remove_folder"
	SetTemporaryFolder     FixKey = "set_temporary_folder"
	ShowHelp               FixKey = "show_help"
	ListFile               FixKey = "list_file"
	FindProgram            FixKey = "find_program"
	RunWithoutOutput       FixKey = "run_without_output"
	ExplainCode            FixKey = "explain_code"
	ShowHelpOf             FixKey = "show_help_of"
	SaveScopeMap           FixKey = "save_scope_map"
	SaveUses               FixKey = "save_uses"
	SaveAsUTF8             FixKey = "save_as_utf8"
	ReviewUse              FixKey = "review_use"
	ShowSources            FixKey = "show_sources"
	ChooseIdentity         FixKey = "choose_identity"
	ChooseRegistry         FixKey = "choose_registry"
	ListJobs               FixKey = "list_jobs"
	ShowPlan               FixKey = "show_plan"
	BuildTemplate          FixKey = "build_template"
	ShowVersion            FixKey = "show_version"
	ShowSource             FixKey = "show_source"
	LogOut                 FixKey = "log_out"
	LogOutOfPart           FixKey = "log_out_of_part"
	ShowRoom               FixKey = "show_room"
	ListFolder             FixKey = "list_folder"
	SetOwnFolder           FixKey = "set_own_folder"
	SetWritableFolder      FixKey = "set_writable_folder"
	ProxyBeyond            FixKey = "proxy_beyond"
	ProxyOnFreePort        FixKey = "proxy_on_free_port"
	MakeClientKey          FixKey = "make_client_key"
	RunForRepository       FixKey = "run_for_repository"
	ListByScopeMap         FixKey = "list_by_scope_map"
	ListByName             FixKey = "list_by_name"
	LogOutOfAllAgain       FixKey = "log_out_of_all_again"
	LogOutOfAll            FixKey = "log_out_of_all"
	LoginWith              FixKey = "login_with"
	SetFolder              FixKey = "set_folder"
	GetNewer               FixKey = "get_newer"
	MoveAside              FixKey = "move_aside"
	FindProcess            FixKey = "find_process"
	LoginWithFile          FixKey = "login_with_file"
	TurnKeychainOff        FixKey = "turn_keychain_off"
	ClearCache             FixKey = "clear_cache"
	RemoveAuthority        FixKey = "remove_authority"
	WithYes                FixKey = "with_yes"
	ListAccess             FixKey = "list_access"
	ShowObjectID           FixKey = "show_object_id"
	DeleteWithIndex        FixKey = "delete_with_index"
	DeleteWithForce        FixKey = "delete_with_force"
)

var fixesHere = map[FixKey]string{
	ListAccess: "acrkit access list {host}",
	ShowObjectID: "az ad sp show --id {client} --query id --output tsv" +
		"    # its object id, if this is an application's client id",
	AnnotateServiceAccount: "kubectl annotate serviceaccount NAME {client_annotation}=CLIENT_ID " +
		"{tenant_annotation}=TENANT_ID",
	NameTenant: "name it in the provider's env: ACRKIT_KUBELET_TENANTS=TENANT_ID",
	NameInCredHelpers: "name this helper in credHelpers, for its registries only, and not in credsStore; export " +
		"ACRKIT_REGISTRIES=HOST if the host is a registry of yours under another name",
	ShowWhichOne:          "acrkit whoami    # shows which one",
	TryAgain:              "try again",
	LoginWithPasswordFile: "acrkit login {args} --password-file FILE",
	ShowRefreshToken:      "az acr login --name {name} --expose-token",
	ListSecretsOf:         "az ad app credential list --id {client}",
	ShowRoomOf:            "df -h {dir}",
	WithoutConfiguration:  "{variable}=/does/not/exist …    # the same command without your own configuration",
	RemoveFolder:          "rm -r {dir}",
	SetTemporaryFolder:    "export TMPDIR=…    # a folder in which this user may write",
	ShowHelp:              "acrkit --help",
	ListFile:              "ls -l {file}",
	FindProgram:           "command -v {program}",
	RunWithoutOutput:      "{command} > /dev/null",
	ExplainCode:           "acrkit explain {code}",
	ShowHelpOf:            "{command} --help",
	SaveScopeMap:          "az acr scope-map show --registry {name} --name NAME > scope-map.json",
	SaveUses:              "az monitor log-analytics query --workspace WORKSPACE --analytics-query QUERY > log.json",
	SaveAsUTF8:            "Get-Content FILE | Set-Content -Encoding utf8 NEW    # in PowerShell",
	ShowSources:           "acrkit scope-map suggest --help    # which lines are read",
	ReviewUse:             "acrkit scope-map suggest SOURCE --wildcards",
	ChooseIdentity:        "acrkit scope-map suggest SOURCE --identity {identity}",
	ChooseRegistry:        "acrkit scope-map suggest SOURCE --registry {registry}",
	ListJobs:              "acrkit scope-map generate --list",
	ShowPlan:              "terraform show -json PLAN > plan.json",
	BuildTemplate:         "az bicep build --file FILE --outfile template.json",
	ShowVersion:           "acrkit version    # it may be of a newer one",
	ShowSource:            "acrkit whoami {host}    # what is used there, and where it comes from",
	LogOut:                "acrkit logout {args}",
	LogOutOfPart:          "acrkit logout {host} --repository {repository}",
	ShowRoom:              "df -h .",
	ListFolder:            "ls -ld {dir}",
	SetOwnFolder:          "export {variable}=…    # a folder of your own",
	SetWritableFolder:     "export {variable}=…    # a folder in which this user may write",
	ProxyBeyond:           "acrkit proxy {host} --addr {addr} --listen-beyond-loopback    # if that is what you want",
	ProxyOnFreePort:       "acrkit proxy {host} --addr {addr}    # takes a free port",
	RunForRepository:      "acrkit run --repository NAME -- COMMAND",
	MakeClientKey:         "openssl rand -hex 32 > client-key    # in a file that you alone can read",
	ListByScopeMap: "acrkit repo list {host} --scope-map FILE    # the token's scope map; or --repository " +
		"NAME for names you know",
	ListByName:       "acrkit repo list {host} --repository NAME    # for each name you know",
	LogOutOfAllAgain: "acrkit logout --all    # tries again, once the keychain is unlocked",
	LogOutOfAll:      "acrkit logout --all",
	LoginWith:        "acrkit login {args}",
	SetFolder:        "export {variable}=DIR",
	GetNewer:         "acrkit version    # and get a newer one, or another folder with {variable}",
	MoveAside:        "mv {file} {aside}    # it is kept, and you log in again",
	FindProcess:      "ps -ef | grep acrkit    # it may be waiting for the keychain",
	LoginWithFile:    "{variable}=off acrkit login {args}    # to keep it in a file instead",
	TurnKeychainOff:  "export {variable}=off",
	ClearCache:       "acrkit cache clear",
	WithYes:          "{command} --yes",
	DeleteWithForce:  "acrkit manifest delete --force REFERENCE    # does not look for indexes that refer to it",
	DeleteWithIndex: "acrkit manifest delete {host}/{repository}@{index} {host}/{repository}@{digest}    # the " +
		"index with it; or --force, which breaks the index",
	RemoveAuthority: "remove {certificate} and {key} to have a new certificate authority; clients must then trust " +
		"the new one",
}
