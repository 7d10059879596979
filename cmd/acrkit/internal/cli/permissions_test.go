package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/acrtest"
)

// The actions of Azure Resource Manager.
const (
	provider      = "Microsoft.ContainerRegistry/registries/"
	readRegistry  = provider + "read"
	readMap       = provider + "scopeMaps/read"
	writeMap      = provider + "scopeMaps/write"
	deleteMap     = provider + "scopeMaps/delete"
	readToken     = provider + "tokens/read"
	writeToken    = provider + "tokens/write"
	deleteToken   = provider + "tokens/delete"
	awaitMap      = provider + "scopeMaps/operationStatuses/read"
	awaitToken    = provider + "tokens/operationStatuses/read"
	makePassword  = provider + "generateCredentials/action"
	readRoles     = "Microsoft.Authorization/roleDefinitions/read"
	readAssigned  = "Microsoft.Authorization/roleAssignments/read"
	permissionsMD = "permissions.md"
)

// permissions are the commands with the actions that each needs. {token} is a token with a
// scope map of its own, both made for the run, {map} another scope map, {new} no name yet.
var permissions = []struct {
	line    string
	actions []string
	setup   []string // commands of an administrator before it
	partly  bool     // without one action or the other it answers in part: exit code 7
	alone   bool     // it reads the whole registry, which the others change
}{
	{line: "token list", actions: []string{readToken}},
	{line: "token view {token}", actions: []string{readToken, readMap}},
	{line: "token create {new} --allow samples/app:content/read --never-expires --to -",
		actions: []string{readToken, readMap, writeMap, writeToken, awaitToken,
			makePassword}},
	{line: "token create {new} --scope-map {map} --never-expires --to -",
		actions: []string{readToken, readMap, writeToken, awaitToken,
			makePassword}},
	{line: "token edit {token} --scope-map {map} --yes", actions: []string{readToken, readMap, writeToken, awaitToken}},
	{line: "token disable {token}", actions: []string{readToken, readMap, writeToken, awaitToken}},
	{line: "token enable {token} --yes", actions: []string{readToken, readMap, writeToken, awaitToken},
		setup: []string{"token disable {token}"}},
	{line: "token revoke {token} --yes", actions: []string{readToken, readMap, writeToken, awaitToken}},
	{line: "token rotate {token} --slot password1 --grace 24h --to file:{file}",
		actions: []string{readToken, makePassword}},
	{line: "token delete {token} --yes", actions: []string{readToken, readMap, deleteToken}},
	{line: "token delete {token} --with-scope-map --yes",
		actions: []string{readToken, readMap, deleteToken, deleteMap}},
	{line: "scope-map list", actions: []string{readMap}},
	{line: "scope-map view {map}", actions: []string{readMap, readToken}},
	{line: "scope-map create {new} --allow samples/app:content/read", actions: []string{readMap, writeMap}},
	{line: "scope-map edit {map} --add samples/app:content/write --yes",
		actions: []string{readMap, readToken, writeMap, awaitMap}},
	{line: "scope-map delete {map} --yes", actions: []string{readMap, readToken, deleteMap}},
	{line: "scope-map lint {map}", actions: []string{readMap}},
	{line: "scope-map diff {map} {map}", actions: []string{readMap}},
	{line: "access list", actions: []string{readMap, readToken, readAssigned, readRoles}, partly: true},
	{line: "access check --who {token} --repository samples/app --action content/read",
		actions: []string{readToken, readMap}, partly: true},
	{line: "token status {token} --ignore no-expiry", actions: []string{readToken, readMap}, partly: true},
	{line: "emulator seed import --output {file}", actions: []string{readMap, readToken, readAssigned, readRoles},
		alone: true},
}

// TestPermissions: each command works with a custom role of the actions that docs/permissions.md
// lists, and is refused without any of them, by name.
func TestPermissions(t *testing.T) {
	t.Parallel()
	reg := acrtest.NewRegistry(t, nil)
	admin := newOperator(t, reg, reg.ServicePrincipal("Contributor"))
	for n, p := range permissions {
		t.Run(p.line, func(t *testing.T) {
			t.Parallel()
			run := func(i int, actions []string) ran {
				reg := reg
				if p.alone {
					reg = acrtest.NewRegistry(t, nil)
				}
				id := fmt.Sprintf("%d-%d", n, i)
				reg.Token("token-"+id, pullApp)
				reg.ScopeMap("other-"+id, pullApp, listApp)
				words := strings.NewReplacer("{token}", "token-"+id, "{map}", "other-"+id, "{new}", "new-"+id, "{file}",
					filepath.Join(t.TempDir(), "password"))
				for _, line := range p.setup {
					admin.must(t, strings.Fields(words.Replace(line))...)
				}
				return newOperator(t, reg, reg.CustomRole(actions...)).run(t, strings.Fields(words.Replace(p.line))...)
			}
			all := append([]string{readRegistry}, p.actions...)
			if r := run(0, all); r.code != 0 {
				t.Errorf("with %q: exit code %d\n%s", all, r.code, r.err)
			}
			for i, removed := range all {
				r := run(i+1, slices.Delete(slices.Clone(all), i, i+1))
				switch {
				case removed == readRegistry: // Azure does not show what may not be read
					if r.code != 5 || !strings.Contains(r.err, "no subscription that this identity sees") {
						t.Errorf("without %s: exit code %d\n%s", removed, r.code, r.err)
					}
				case p.partly:
					if r.code != 7 && r.code != 4 || !strings.Contains(r.out+r.err, removed) {
						t.Errorf("without %s: exit code %d\n%s%s", removed, r.code, r.out, r.err)
					}
				case r.code != 4 || !strings.Contains(r.err, "lacks the action "+removed) ||
					!strings.Contains(r.err, `; the role "Container Registry Con`) &&
						!strings.Contains(r.err, `; the role "Reader" has it`):
					t.Errorf("without %s: exit code %d\n%s", removed, r.code, r.err)
				}
			}
		})
	}
}

// TestPermissionsPage holds docs/permissions.md to the table that TestPermissions tries.
func TestPermissionsPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Rights of the control plane\n\n" +
		"<!-- written by go test ./cmd/acrkit/internal/cli -run TestPermissions -update -->\n" +
		"Each command that asks Azure Resource Manager needs\n`" +
		readRegistry + "`, to find the registry, and the actions of its row\n(below `" + provider +
		"`). A test runs each with a custom role of exactly these, and without\neach of them.\n\n" +
		"| command | actions |\n|---|---|\n")
	var every []string
	for _, p := range permissions {
		line := strings.NewReplacer("{token}", "TOKEN", "{map}", "MAP", "{new}", "NAME", " --yes", "", " --to -", "",
			" --never-expires", "", " --slot password1", "", " --to file:{file}", "", " --output {file}", "",
			" --ignore no-expiry", "", " --repository samples/app --action content/read", "",
			"samples/app:content/read",
			"RIGHT", "samples/app:content/write",
			"RIGHT").Replace(p.line)
		var short []string
		for _, a := range p.actions {
			short = append(short, "`"+strings.TrimPrefix(a, provider)+"`")
			if !slices.Contains(every, a) {
				every = append(every, a)
			}
		}
		fmt.Fprintf(&b, "| `acrkit %s` | %s |\n", line, strings.Join(short, ", "))
	}
	slices.Sort(every)
	role, err := json.MarshalIndent(map[string]any{"Name": "acrkit token administrator",
		"Description":      "Makes, changes and removes tokens and scope maps of container registries.",
		"Actions":          append([]string{readRegistry}, every...),
		"AssignableScopes": []string{"/subscriptions/SUBSCRIPTION"}}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b,
		"\nAll of them as a custom role, for `az role definition create --role-definition @role.json`. Assign it "+
			"on the registry.\n\n```json\n%s\n```\n\n`acrkit token revoke` with the old value, and deliveries, log in "+
			"to the "+
			"registry itself, with that value.\n<!-- end -->\n", role)
	path := filepath.Join("..", "..", "..", "..", "docs", permissionsMD)
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), b.String()); diff != "" {
		t.Errorf("docs/%s is stale; run with -update: %s", permissionsMD, diff)
	}
}
