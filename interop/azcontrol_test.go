package interop

import (
	"flag"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// controlSeed has an application that owns the subscription, one without a role, and one
// that gets roles.
const controlSeed = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - clientId: 22222222-2222-2222-2222-222222222222
        displayName: owner
        secrets: [{value: interop-principal-secret-000011, expires: 2040-01-01T00:00:00Z}]
      - clientId: 44444444-4444-4444-4444-444444444444
        displayName: reader
        secrets: [{value: interop-principal-secret-000012, expires: 2040-01-01T00:00:00Z}]
      - clientId: 66666666-6666-6666-6666-666666666666
        displayName: worker
        secrets: [{value: interop-principal-secret-000013, expires: 2040-01-01T00:00:00Z}]
subscriptions:
  - id: 33333333-3333-3333-3333-333333333333
    resourceGroups: [{name: rg, location: westeurope}]
    roleAssignments:
      - {clientId: 22222222-2222-2222-2222-222222222222, role: Owner}
      - {clientId: 44444444-4444-4444-4444-444444444444, role: Reader}
registries:
  - name: interop
    adminUserEnabled: true
    roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: AcrDelete}]
    repositories:
      - name: samples/app
        images: [{tags: [v1, latest]}, {tags: [v2]}]
      - name: samples/old
        images: [{tags: [v1]}]
    scopeMaps:
      - name: reads-one
        actions: [repositories/samples/app/content/read, repositories/samples/app/metadata/read]
      - name: reads-names
        actions: ["repositories/*/metadata/read"]
      - name: works
        actions: [repositories/samples/app/content/read, repositories/samples/app/content/delete, repositories/samples/app/metadata/read, repositories/samples/app/metadata/write]
    tokens:
      - {name: interop-pull, scopeMap: reads-one, passwords: [{name: password1, value: interop-pull-password-0000000011}]}
      - {name: interop-list, scopeMap: reads-names, passwords: [{name: password1, value: interop-list-password-0000000012}]}
      - {name: interop-work, scopeMap: works, passwords: [{name: password1, value: interop-work-password-0000000013}]}
`

// The identities of controlSeed.
var (
	controlOwner  = token{"22222222-2222-2222-2222-222222222222", "interop-principal-secret-000011"}
	controlReader = token{"44444444-4444-4444-4444-444444444444", "interop-principal-secret-000012"}
	controlPull   = token{"interop-pull", "interop-pull-password-0000000011"}
	controlList   = token{"interop-list", "interop-list-password-0000000012"}
	controlWork   = token{"interop-work", "interop-work-password-0000000013"}
)

// controlGroup and controlRegistry are the ids of what the seed has.
const (
	controlSubscription = "33333333-3333-3333-3333-333333333333"
	controlGroup        = "/subscriptions/" + controlSubscription + "/resourceGroups/rg"
	controlRegistry     = controlGroup + "/providers/Microsoft.ContainerRegistry/registries/interop"
)

// controlCondition limits the Repository roles to one repository, as the portal writes it.
const controlCondition = `((!(ActionMatches{'Microsoft.ContainerRegistry/registries/repositories/content/read'})) OR ` +
	`(@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEqualsIgnoreCase 'samples/app'))`

// azProgram is the az of TestAzureCLI_control.
var azProgram = flag.String("az", "az", "the program of the Azure CLI for TestAzureCLI_control")

// azStep is a command of az, without the word az, and what it prints.
type azStep struct {
	args string   // split at spaces; after "! " it must fail
	more []string // arguments with spaces
	want string   // a regular expression
}

// azDenied is what az prints of ARM's refusal.
func azDenied(action string) string {
	return `\b(AuthorizationFailed\)|AuthorizationFailed","message":") ?The client '.*' with object id '.*' does not have authorization to perform action '` +
		regexp.QuoteMeta(action) + `' over scope '/subscriptions/` + controlSubscription + `[^']*'`
}

// azOwner is what the owner does, in order. With -o tsv or json, the words are az's own.
var azOwner = []azStep{
	{"group create --name made --location westeurope --query properties.provisioningState", nil, `^Succeeded$`},
	{"group show --name made --query location", nil, `^westeurope$`},
	{"group list --query [].name", nil, `(?m)^made$`},
	{"acr check-name --name interop --query nameAvailable", nil, `(?i)^false$`},
	{"acr check-name --name madehere --query nameAvailable", nil, `(?i)^true$`},
	{"acr create --name madehere --resource-group made --sku Basic --admin-enabled false --query loginServer", nil,
		`^madehere\.azurecr\.localhost:\d+$`},
	{"acr show --name madehere --query sku.name", nil, `^Basic$`},
	{"acr list --query [].name", nil, `(?ms)interop.*^madehere$`},
	{"acr list --resource-group made --query [].name", nil, `^madehere$`},
	{"acr update --name madehere --sku Premium --admin-enabled true --query [sku.name,adminUserEnabled]", nil,
		`(?s)Premium.*[Tt]rue`},
	{"acr credential show --name madehere --query username", nil, `^madehere$`},
	{"acr credential renew --name madehere --password-name password2 --query passwords[1].name", nil, `^password2$`},
	{"acr login --name interop --expose-token --query accessToken", nil, `(?m)^eyJ`},

	{"acr scope-map create --registry interop --name ci-map --repository samples/app content/read metadata/read " +
		"--query actions", nil, `(?s)samples/app/content/read.*samples/app/metadata/read`},
	{"acr scope-map update --registry interop --name ci-map --add-repository samples/old content/read " +
		"--remove-repository samples/app metadata/read --query sort(actions)", nil,
		`^repositories/samples/app/content/read\s+repositories/samples/old/content/read$`},
	{"acr scope-map show --registry interop --name ci-map --query name", nil, `^ci-map$`},
	{"acr scope-map list --registry interop --query [].name", nil, `(?s)_repositories_pull.*ci-map`},

	{"acr token create --registry interop --name ci-token --scope-map ci-map --query credentials.passwords[].name", nil,
		`(?m)^password1\s+password2$`},
	{"acr token credential generate --registry interop --name ci-token --password1 --expiration-in-days 30 " +
		"--query passwords[0].name", nil, `^password1$`},
	{"acr token credential delete --registry interop --name ci-token --password2 " +
		"--query credentials.passwords[].name", nil, `^password1$`},
	{"acr token update --registry interop --name ci-token --status disabled --query status", nil, `^disabled$`},
	{"acr token list --registry interop --query [].name", nil, `(?s)ci-token.*interop-pull`},
	{"acr token delete --registry interop --name ci-token --yes", nil, `^$`},
	{"acr scope-map delete --registry interop --name ci-map --yes", nil, `^$`},

	{"acr repository list --name interop", nil, `^samples/app\s+samples/old$`},
	{"acr repository show --name interop --repository samples/app --query imageName", nil, `^samples/app$`},
	{"acr repository show-tags --name interop --repository samples/app", nil, `^latest\s+v1\s+v2$`},
	{"acr repository show-manifests --name interop --repository samples/app --query [0].digest", nil, `^sha256:`},
	{"acr manifest list-metadata --registry interop --name samples/app --query [0].digest", nil, `^sha256:`},
	{"acr repository update --name interop --image samples/app:v2 --delete-enabled false " +
		"--query changeableAttributes.deleteEnabled", nil, `(?i)^false$`},
	{"acr repository update --name interop --image samples/app:v2 --delete-enabled true " +
		"--query changeableAttributes.deleteEnabled", nil, `(?i)^true$`},
	{"acr repository untag --name interop --image samples/app:latest", nil, `^$`},
	{"acr repository delete --name interop --repository samples/old --yes", nil, ``},

	{"acr delete --name madehere --yes", nil, `^$`},
	{"group delete --name made --yes", nil, `^$`},
	{"! group show --name made", nil, `\(ResourceGroupNotFound\) Resource group 'made' could not be found`},
}

// azRoles is what the owner does with roles. Debian's az cannot: it says that
// "RoleDefinitionsOperations" has no attribute "config", because it comes with a newer
// package for roles than it was written for. There, azRest does the same.
var azRoles = []azStep{
	{"role assignment create --assignee 66666666-6666-6666-6666-666666666666 --role AcrPull --scope " +
		controlRegistry + " --query principalType", nil, `^ServicePrincipal$`},
	{"role assignment create --assignee 66666666-6666-6666-6666-666666666666 --scope " + controlRegistry +
		" --query conditionVersion", []string{"--role", "Container Registry Repository Reader", "--condition",
		controlCondition, "--condition-version", "2.0"}, `^2\.0$`},
	{"role assignment list --assignee 66666666-6666-6666-6666-666666666666 --scope " + controlRegistry +
		" --query sort([].roleDefinitionName)", nil, `(?s)^AcrPull\s+Container Registry Repository Reader$`},
	{"role assignment delete --assignee 66666666-6666-6666-6666-666666666666 --role AcrPull --scope " + controlRegistry,
		nil, `^$`},
	{"role assignment list --assignee 66666666-6666-6666-6666-666666666666 --scope " + controlRegistry +
		" --query [].[roleDefinitionName,conditionVersion]", nil, `^Container Registry Repository Reader\s+2\.0$`},
	{"role assignment delete --assignee 66666666-6666-6666-6666-666666666666 --scope " + controlRegistry,
		[]string{"--role", "Container Registry Repository Reader"}, `^$`},
	{"role assignment list --assignee 66666666-6666-6666-6666-666666666666 --scope " + controlRegistry, nil, `^$`},
	{"role assignment list --all --query sort([].roleDefinitionName)", nil, `(?s)Owner.*Reader`},

	{"role definition create --query roleName --role-definition", []string{"%role"}, "^" + tokenRole + "$"},
	{"! role definition create --role-definition", []string{`{"Name": "Typo", "Actions": ` +
		`["Microsoft.ContainerRegistry/registries/scopeMap/read"], "AssignableScopes": ["/subscriptions/` +
		controlSubscription + `"]}`}, `InvalidActionOrNotAction.*registries/scopeMap/read`},
	{"role definition list --custom-role-only true --query [].roleName", nil, "^" + tokenRole + "$"},
	{"role assignment create --assignee 66666666-6666-6666-6666-666666666666 --scope " + controlRegistry +
		" --query principalType --role", []string{tokenRole}, `^ServicePrincipal$`},
	{"! role definition delete --name", []string{tokenRole}, `RoleDefinitionHasAssignments`},
	{"role definition update --query description --role-definition", []string{"%changed"}, `^changed$`},
	{"role assignment delete --assignee 66666666-6666-6666-6666-666666666666 --scope " + controlRegistry + " --role",
		[]string{tokenRole}, `^$`},
	{"role definition delete --name", []string{tokenRole}, `^$`},
	{"role definition list --custom-role-only true --query [].roleName", nil, `^$`},
}

// tokenRole is the name of the role of docs/permissions.md.
const tokenRole = "acrkit token administrator"

// customRole is the role of docs/permissions.md.
func customRole(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```json\n")
	text, _, ok := strings.Cut(text, "```")
	if !ok || !strings.Contains(text, tokenRole) {
		t.Fatal("docs/permissions.md has no role")
	}
	return strings.ReplaceAll(text, "SUBSCRIPTION", controlSubscription)
}

// azRest does what azRoles does, request by request. %s is the principal's object id.
var azRest = []azStep{
	{"rest --method get --query value[0].name --url", []string{controlRegistry +
		"/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01&$filter=roleName eq 'AcrPull'"},
		"^" + acrPull + "$"},
	{"rest --method put --query properties.principalType --url " + controlAssignment, []string{"--body",
		`{"properties": {"principalId": "%s", "principalType": "ServicePrincipal", "roleDefinitionId": "/subscriptions/` +
			controlSubscription + `/providers/Microsoft.Authorization/roleDefinitions/` + acrPull + `"}}`},
		"^ServicePrincipal$"},
	{"rest --method get --query properties.scope --url " + controlAssignment, nil, "^" + controlRegistry + "$"},
	{"rest --method delete --query name --url " + controlAssignment, nil, `^77777777-7777-7777-7777-777777777777$`},
	{"rest --method put --query properties.conditionVersion --url " + controlAssignment, []string{"--body",
		`{"properties": {"principalId": "%s", "principalType": "ServicePrincipal", "roleDefinitionId": "/subscriptions/` +
			controlSubscription + `/providers/Microsoft.Authorization/roleDefinitions/` + repositoryReader +
			`", "conditionVersion": "2.0", "condition": "` + controlCondition + `"}}`}, `^2\.0$`},
	{"! rest --method put --url " + controlAssignment, []string{"--body",
		`{"properties": {"principalId": "88888888-8888-8888-8888-888888888888", "roleDefinitionId": "/subscriptions/` +
			controlSubscription + `/providers/Microsoft.Authorization/roleDefinitions/` + acrPull + `"}}`},
		`PrincipalNotFound`},
	{"rest --method put --query properties.type --url " + controlDefinition, []string{"--body",
		`{"properties": {"roleName": "From a request", "type": "CustomRole", "permissions": [{"actions": ["*/read"]}], ` +
			`"assignableScopes": ["/subscriptions/` + controlSubscription + `"]}}`}, "^CustomRole$"},
	{"rest --method delete --query name --url " + controlDefinition, nil, `^88888888-8888-8888-8888-888888888888$`},
}

// The roles' ids are Azure's own.
const (
	acrPull           = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
	repositoryReader  = "b93aa761-3e63-49ed-ac28-beffa264f7ac"
	controlAssignment = controlRegistry + "/providers/Microsoft.Authorization/roleAssignments/" +
		"77777777-7777-7777-7777-777777777777?api-version=2022-04-01"
	controlDefinition = "/subscriptions/" + controlSubscription +
		"/providers/Microsoft.Authorization/roleDefinitions/" +
		"88888888-8888-8888-8888-888888888888?api-version=2022-04-01"
)

// azReader is what an application with the role Reader tries. It may read; what it may not
// is named with its action.
var azReader = []azStep{
	{"! group create --name other --location westeurope", nil,
		azDenied("Microsoft.Resources/subscriptions/resourceGroups/write")},
	{"! group delete --name rg --yes", nil, azDenied("Microsoft.Resources/subscriptions/resourceGroups/delete")},
	{"! acr create --name refused --resource-group rg --sku Basic", nil,
		azDenied("Microsoft.ContainerRegistry/registries/write")},
	{"! acr update --name interop --admin-enabled true", nil, azDenied("Microsoft.ContainerRegistry/registries/write")},
	{"! acr delete --name interop --yes", nil, azDenied("Microsoft.ContainerRegistry/registries/delete")},
	{"! acr credential show --name interop", nil,
		azDenied("Microsoft.ContainerRegistry/registries/listCredentials/action")},
	{"! acr credential renew --name interop --password-name password", nil,
		azDenied("Microsoft.ContainerRegistry/registries/regenerateCredential/action")},
	{"! acr scope-map create --registry interop --name refused --repository samples/app content/read", nil,
		azDenied("Microsoft.ContainerRegistry/registries/scopeMaps/write")},
	{"! acr scope-map delete --registry interop --name reads-one --yes", nil,
		azDenied("Microsoft.ContainerRegistry/registries/scopeMaps/delete")},
	{"! acr token create --registry interop --name refused --scope-map reads-one", nil,
		azDenied("Microsoft.ContainerRegistry/registries/tokens/write")},
	{"! acr token credential generate --registry interop --name interop-pull --password2", nil,
		azDenied("Microsoft.ContainerRegistry/registries/generateCredentials/action")},
	{"! acr token delete --registry interop --name interop-pull --yes", nil,
		azDenied("Microsoft.ContainerRegistry/registries/tokens/delete")},
	{"acr show --name interop --query name", nil, `^interop$`},
}

// azTokens is what is done with a token's name and password, beside a sign-in.
var azTokens = []struct {
	who token
	azStep
}{
	{controlList, azStep{"acr repository list --name interop", nil, `samples/app`}},
	{controlPull, azStep{"! acr repository list --name interop", nil, `(?i)authentication required|unauthorized`}},
	{controlPull, azStep{"acr repository show --name interop --repository samples/app --query imageName", nil,
		`^samples/app$`}},
	{controlPull, azStep{"acr repository show-tags --name interop --repository samples/app", nil, `v1`}},
	{controlPull, azStep{"acr manifest list-metadata --registry interop --name samples/app --query [0].digest", nil,
		`^sha256:`}},
	{controlPull, azStep{"! acr repository untag --name interop --image samples/app:v1", nil,
		`(?i)authentication required|unauthorized`}},
	{controlWork, azStep{"acr repository update --name interop --image samples/app:v1 --write-enabled false " +
		"--query changeableAttributes.writeEnabled", nil, `(?i)^false$`}},
	{controlPull, azStep{"! acr repository update --name interop --image samples/app:v1 --write-enabled true", nil,
		`(?i)authentication required|unauthorized`}},
}

// TestAzureCLI_control lives the life of a registry, its scope maps, tokens and roles with
// az, signed in as a service principal, and sees one without the roles refused.
func TestAzureCLI_control(t *testing.T) {
	version := need(t, *azProgram, "apt-get install azure-cli", []string{*azProgram, "version", "--output", "tsv"})
	t.Parallel()
	e, data := startControl(t)
	owner, reader := signInAz(t, e, data, controlOwner), signInAz(t, e, data, controlReader)
	worker := objectID(t, data, "66666666-6666-6666-6666-666666666666")
	for _, x := range []struct {
		name    string
		s       *session
		refused bool
		steps   []azStep
	}{{"owner", owner, false, azOwner}, {"reader", reader, true, azReader}} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			s := x.s
			var words string
			for _, step := range x.steps {
				if out := s.az(t, step); strings.Contains(step.args, "token create") {
					words = s.neutral(lastLine(out))
				}
			}
			client, roles, what := "az", azRest, "roles by az rest"
			if *azProgram != "az" {
				client, roles, what = "az of PyPI", azRoles, "roles"
			}
			if x.refused {
				refused := roles[1] // puts an assignment
				refused.args = "! " + refused.args
				refused.want = azDenied("Microsoft.Authorization/roleAssignments/write")
				roles = []azStep{refused}
			}
			role := customRole(t)
			values := strings.NewReplacer("%s", worker, "%role", role, "%changed", strings.Replace(role,
				`"Description": "`, `"Description": "changed", "was": "`, 1))
			for _, step := range roles {
				step.more = slices.Clone(step.more)
				for i := range step.more {
					step.more[i] = values.Replace(step.more[i])
				}
				s.az(t, step)
			}
			if x.refused {
				results.add(result{client, version, "refused: groups, registries, scope maps, tokens, roles, as Reader",
					"403 AuthorizationFailed, exit 1", words})
				return
			}
			for _, step := range azTokens {
				step.more = append(slices.Clone(step.more), "-u", step.who.name, "-p", step.who.password)
				s.az(t, step.azStep)
			}
			results.add(result{client, version, "groups, registries, scope maps, tokens, repositories", "ok", ""})
			results.add(result{client, version, what, "ok", ""})
		})
	}
}

// startControl starts an emulator with controlSeed, and returns its data folder.
func startControl(t *testing.T) (*emulatorProcess, string) {
	t.Helper()
	data := t.TempDir()
	e, err := startEmulator(data, controlSeed, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	return e, data
}

// signInAz makes the emulator az's cloud, as "acrkit emulator env --for az" says, and signs
// in. The folder of az is the session's, since several sessions share the emulator.
func signInAz(t *testing.T, e *emulatorProcess, data string, who token) *session {
	t.Helper()
	s := newSession(t, e)
	s.env = append(s.env, "ACRKIT="+acrkitBinary, "AZURE_CLIENT_SECRET="+who.password, "AZURE_CORE_NO_COLOR=yes",
		"AZURE_CORE_ONLY_SHOW_ERRORS=yes", "AZURE_CORE_OUTPUT=tsv")
	out, err := s.run("", "bash", "-c", `set -eu
		PATH="$(dirname "$(command -v "$3")"):$PATH"
		eval "$("$ACRKIT" emulator env --for az --data "$1" --client-id "$2")" >/dev/null
		az login --service-principal -u "$AZURE_CLIENT_ID" -p "$AZURE_CLIENT_SECRET" --tenant "$AZURE_TENANT_ID" -o none
		cp -r "$AZURE_CONFIG_DIR" "$HOME/az"
		env | grep -E '^(AZURE_|REQUESTS_)' | grep -v CONFIG_DIR`, "bash", data, who.name, *azProgram)
	if err != nil {
		t.Fatalf("sign in: %v\n%s", err, out)
	}
	s.env = append(s.env, strings.Split(strings.TrimSpace(out), "\n")...)
	s.env = append(s.env, "AZURE_CONFIG_DIR="+s.home+"/az")
	return s
}

// objectID returns the object id of an application's service principal.
func objectID(t *testing.T, data, clientID string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), acrkitBinary, "emulator", "env", "--for", "terraform", "--data", data,
		"--client-id", clientID)
	out, err := cmd.Output()
	m := regexp.MustCompile(`TF_VAR_object_id=(\S+)`).FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("acrkit emulator env: %v\n%s", err, out)
	}
	return string(m[1])
}

// az runs a step. A step that fails ends the test: those after it need it.
func (s *session) az(t *testing.T, step azStep) string {
	t.Helper()
	args, fails := strings.CutPrefix(step.args, "! ")
	out, err := s.run("", append(append([]string{*azProgram}, strings.Fields(args)...), step.more...)...)
	out = strings.TrimSpace(out)
	if (err != nil) != fails || !regexp.MustCompile(step.want).MatchString(out) {
		t.Fatalf("az %s: %v, want %q in:\n%s", step.args, err, step.want, out)
	}
	return out
}
