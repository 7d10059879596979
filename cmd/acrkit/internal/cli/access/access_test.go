package access_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/root"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/seed"
)

// The applications of the seeds, by their object ids.
const (
	reader   = "aaaaaaaa-0000-0000-0000-000000000001" // Reader on the subscription: the one that asks
	builder  = "aaaaaaaa-0000-0000-0000-000000000002"
	owner    = "aaaaaaaa-0000-0000-0000-000000000003" // of the resource group
	stranger = "aaaaaaaa-0000-0000-0000-000000000004"
)

const seedText = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - {clientId: bbbbbbbb-0000-0000-0000-000000000001, objectId: READER, secrets: [{value: reader-secret}]}
      - {clientId: bbbbbbbb-0000-0000-0000-000000000002, objectId: BUILDER, secrets: [{value: builder-secret}]}
      - {clientId: bbbbbbbb-0000-0000-0000-000000000003, objectId: OWNER, secrets: [{value: owner-secret}]}
      - {clientId: bbbbbbbb-0000-0000-0000-000000000004, objectId: STRANGER, secrets: [{value: stranger-secret}]}
subscriptions:
  - id: 33333333-3333-3333-3333-333333333333
    resourceGroups: [{name: rg, roleAssignments: [{clientId: bbbbbbbb-0000-0000-0000-000000000003, role: Owner}]}]
    roleAssignments: [{clientId: bbbbbbbb-0000-0000-0000-000000000001, role: Reader}]
registries:
  - name: myregistry
    adminUserEnabled: true
    anonymousPullEnabled: true
    roleAssignments: [{clientId: bbbbbbbb-0000-0000-0000-000000000002, role: AcrPush}]
    scopeMaps:
      - name: push-app
        actions: [repositories/samples/app/content/read, repositories/samples/app/content/write]
      - name: team-all
        actions: [repositories/team/*/content/read, repositories/samples/*/content/write]
    tokens:
      - {name: ci-push, scopeMap: push-app, passwords: [{name: password1, value: correct-horse-0001}]}
      - {name: ci-none, scopeMap: push-app}
      - {name: ci-off, scopeMap: team-all, status: disabled, passwords: [{name: password2, value: correct-horse-0002}]}
      - name: ci-old
        scopeMap: _repositories_push
        passwords: [{name: password1, value: correct-horse-0003, expires: 2020-01-01T00:00:00Z}]
`

const abacText = `
registries:
  - name: myregistry
    roleAssignmentMode: AbacRepositoryPermissions
    roleAssignments:
      - {clientId: bbbbbbbb-0000-0000-0000-000000000002, role: AcrPush}
      - clientId: bbbbbbbb-0000-0000-0000-000000000002
        role: Container Registry Repository Writer
        condition: >-
          @Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWithIgnoreCase 'samples/'
      - {clientId: bbbbbbbb-0000-0000-0000-000000000004, role: Container Registry Repository Catalog Lister}
`

// start starts an emulator of a seed.
func start(t *testing.T, text string) *acrtest.Registry {
	t.Helper()
	text = strings.NewReplacer("READER", reader, "BUILDER", builder, "OWNER", owner, "STRANGER", stranger).Replace(text)
	s, err := seed.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return acrtest.NewRegistry(t, &acrtest.Options{Seed: s})
}

func abac() string { return strings.Split(seedText, "registries:")[0] + abacText }

// run runs a command as one of the applications, and returns what it printed.
func run(t *testing.T, reg *acrtest.Registry, as int, line string) (code int, stdout, stderr string) {
	t.Helper()
	names := map[int]string{1: "reader", 2: "builder", 3: "owner", 4: "stranger"}
	env := map[string]string{"ACR_NAME": reg.Host(), "SSL_CERT_FILE": reg.CAFile(),
		"AZURE_AUTHORITY_HOST": reg.AuthorityHost(), "AZURE_TENANT_ID": "11111111-1111-1111-1111-111111111111",
		"AZURE_CLIENT_ID":     fmt.Sprintf("bbbbbbbb-0000-0000-0000-00000000000%d", as),
		"AZURE_CLIENT_SECRET": names[as] + "-secret"}
	return clitest.Run(t, root.NewCmdRoot, env, line)
}

func compare(t *testing.T, what, got, want string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestList lists who may push in legacy mode, and everything.
func TestList(t *testing.T) {
	t.Parallel()
	reg := start(t, seedText)
	const group = "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/rg"
	registry := group + "/providers/Microsoft.ContainerRegistry/registries/myregistry"
	code, out, stderr := run(t, reg, 1, "access list --repository samples/app --action content/write")
	if code != 0 || stderr != "" {
		t.Errorf("exit %d: %s", code, stderr)
	}
	compare(t, "push", out, strings.Join([]string{
		"admin-user\tmyregistry\t*\tcontent/write\tadminUserEnabled\tok",
		"principal\tServicePrincipal " + builder + "\t*\tcontent/write\trole AcrPush on " + registry + "\tok",
		"principal\tServicePrincipal " + owner + "\t*\tcontent/write\trole Owner on " + group + "\tok",
		"token\tci-none\tsamples/app\tcontent/write\tscope map push-app: repositories/samples/app/content/write\t" +
			"no password",
		"token\tci-off\tsamples/*\tcontent/write\tscope map team-all: repositories/samples/*/content/write\tdisabled",
		"token\tci-old\t*\tcontent/write\tscope map _repositories_push: repositories/*/content/write\t" +
			"passwords expired",
		"token\tci-push\tsamples/app\tcontent/write\tscope map push-app: repositories/samples/app/content/write\tok",
	}, "\n")+"\n")

	code, out, stderr = run(t, reg, 1, "access list --json kind,name,repository,action,by,password")
	if code != 0 || stderr != "" {
		t.Errorf("exit %d: %s", code, stderr)
	}
	// Two find the registry; then settings, tokens, scope maps, role definitions and
	// assignments. docs/access.md has the number.
	reg.ResetRequests()
	run(t, reg, 1, "access list --json kind,name,repository,action,by,password")
	if n := reg.Requests().Count("GET", "/subscriptions"); n != 7 {
		t.Errorf("%d requests, want 7: %q", n, reg.Requests().Lines())
	}
	for _, want := range []string{
		`{"action":"catalog","by":"anonymousPullEnabled","kind":"anonymous","name":"","password":"","repository":""}`,
		`{"action":"control","by":"Owner","kind":"principal","name":"` + owner + `","password":"","repository":""}`,
		`{"action":"content/read","by":"Reader","kind":"principal","name":"` + reader +
			`","password":"","repository":"*"}`,
		`{"action":"content/read","by":"team-all","kind":"token","name":"ci-off","password":"live",` +
			`"repository":"team/*"}`,
	} {
		if !slices.Contains(strings.Split(strings.ReplaceAll(out, "},", "}"), "\n"), want) {
			t.Errorf("not listed: %s\n%s", want, out)
		}
	}
	if _, again, _ := run(t, reg, 1, "access list --json kind,name,repository,action,by,password"); again != out {
		t.Error("two lists of the same state differ")
	}
	_, out, _ = run(t, reg, 1, "access list --repository other --action metadata/write --json name -q length")
	if out != "3\n" { // admin user, builder, owner
		t.Errorf("--jq got %s", out)
	}
}

// TestList_abac: the classic roles give nothing, and conditions are evaluated.
func TestList_abac(t *testing.T) {
	t.Parallel()
	reg := start(t, abac())
	for line, want := range map[string]string{
		"--repository samples/app --action content/write":  builder,
		"--repository other --action content/write":        "",
		"--action content/write":                           builder,
		"--action catalog":                                 stranger,
		"--action control":                                 owner,
		"--repository samples/app --action content/delete": "",
	} {
		code, out, stderr := run(t, reg, 1, "access list --json name "+line+" -q .[].name")
		if code != 0 || strings.TrimSpace(out) != want {
			t.Errorf("%s: exit %d, %q, want %q; %s", line, code, out, want, stderr)
		}
	}
}

// TestCheck: yes is 0, no is 4, and who is not there is 5.
func TestCheck(t *testing.T) {
	t.Parallel()
	legacy, narrow := start(t, seedText), start(t, abac())
	closed := start(t, strings.ReplaceAll(seedText, "anonymousPullEnabled: true", "anonymousPullEnabled: false"))
	swapped := start(t, strings.ReplaceAll(strings.ReplaceAll(seedText, "anonymousPullEnabled: true", ""), "AcrPush",
		"Container Registry Repository Writer"))
	for _, x := range []struct {
		reg  *acrtest.Registry
		line string
		code int
		want string
	}{
		{legacy, "--who ci-push -r samples/app --action content/write", 0, "by\tscope map push-app: repositories/"},
		{legacy, "--who ci-push -r samples/other --action content/write", 4, "answer\tno\n"},
		{legacy, "--who CI-PUSH -r samples/other --action content/read", 0, "by\tanonymousPullEnabled\n"},
		{closed, "--who ci-push -r samples/other --action content/read", 4, "reason\tnothing gives it\n"},
		{closed, "--who ci-none -r samples/app --action content/read", 4, "cannot log in: no password\n"},
		{closed, "--who ci-off -r samples/app --action content/write", 4, "cannot log in: disabled\n"},
		{closed, "--who ci-old -r samples/app --action content/write", 4, "cannot log in: passwords expired\n"},
		{closed, "--who myregistry -r samples/app --action content/delete", 0, "by\tadminUserEnabled\n"},
		{narrow, "--who myregistry -r samples/app --action content/delete", 4, "answer\tno\n"},
		{closed, "--who " + builder + " -r samples/app --action content/write", 0, "by\trole AcrPush on /sub"},
		{closed, "--who " + builder + " -r samples/app --action content/delete", 4, "no role that is assigned"},
		{closed, "--who " + owner + " --action control", 0, "by\trole Owner on /subscriptions/"},
		{closed, "--who " + stranger + " --action catalog", 4, "answer\tno\n"},
		{narrow, "--who " + stranger + " --action catalog", 0, "answer\tyes\n"},
		{narrow, "--who " + builder + " -r samples/app --action content/write", 0, " if @Request["},
		{narrow, "--who " + builder + " -r other --action content/write", 4,
			"reason\tthe condition of the role Container Registry Repository Writer on /sub"},
		{narrow, "--who " + builder + " -r other --action content/write", 4,
			"excludes it; the role AcrPush on /sub"},
		{narrow, "--who " + builder + " -r other --action content/delete", 4, "gives it\n"},
		{narrow, "--who " + builder + " --action catalog", 4, "has no effect in ABAC mode\n"},
		{swapped, "--who " + builder + " -r other --action content/write", 4,
			"has no effect in a registry that is not in ABAC mode\n"},
		{closed, "--who bbbbbbbb-0000-0000-0000-000000000002 -r samples/app --action content/read", 4,
			"a client id is no object id\nfix\taz ad sp show --id bbbbbbbb-0000-0000-0000-000000000002 "},
		{closed, "--who " + stranger + " -r samples/app --action content/read", 4,
			"no role is assigned to this object id"},
		{closed, "--who unknown -r samples/app --action content/read", 5, ""},
	} {
		code, out, stderr := run(t, x.reg, 1, "access check "+x.line)
		if code != x.code || !strings.Contains(out, x.want) {
			t.Errorf("%s: exit %d, want %d with %q\n%s%s", x.line, code, x.code, x.want, out, stderr)
		}
	}
	code, out, _ := run(t, closed, 1, "access check --who ci-push -r samples/app --action content/write --json "+
		"answer,grants,who -q '[.answer,.who,.grants[0].line]|join(\" \")'")
	if code != 0 || out != "yes ci-push repositories/samples/app/content/write\n" {
		t.Errorf("--json: exit %d, %s", code, out)
	}
}

// TestNotFound: without a role that shows the registry, Azure shows none.
func TestNotFound(t *testing.T) {
	t.Parallel()
	reg := start(t, seedText)
	const noRegistry = "no subscription that this identity sees has a registry"
	for as, want := range map[int]string{2: noRegistry, 4: "no subscription"} {
		code, out, stderr := run(t, reg, as, "access list")
		if code != 5 || out != "" || !strings.Contains(stderr, want) {
			t.Errorf("exit %d: %s%s", code, out, stderr)
		}
	}
}

// TestFaults: a list that is cut off is no list.
func TestFaults(t *testing.T) {
	t.Parallel()
	var tokens strings.Builder
	for i := range 60 {
		fmt.Fprintf(&tokens, "      - {name: many-%03d, scopeMap: push-app}\n", i)
	}
	reg := start(t, seedText+tokens.String())
	for name, x := range map[string]struct {
		fault fault.Fault
		code  int
	}{
		"throttled": {fault.Fault{Kind: fault.Throttle, RetryAfter: 600e9}, 6},
		"cut off":   {fault.Fault{Kind: fault.Drop, AfterBytes: 4000}, 6}, // in the list of tokens
	} {
		x.fault.Routes = []fault.Route{fault.RouteARM}
		remove := reg.Fault(x.fault)
		code, out, stderr := run(t, reg, 1, "access list")
		if code != x.code || out != "" {
			t.Errorf("%s: exit %d\n%s%s", name, code, out, stderr)
		}
		remove()
	}
}
