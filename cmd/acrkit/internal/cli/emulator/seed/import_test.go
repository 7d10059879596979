package seed_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/root"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/scopemap"
)

const (
	tenant = "11111111-1111-1111-1111-111111111111"
	asks   = "aaaaaaaa-0000-0000-0000-000000000001" // the object id of the one that asks
)

const original = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - clientId: bbbbbbbb-0000-0000-0000-000000000001
        objectId: aaaaaaaa-0000-0000-0000-000000000001
        secrets: [{value: reader-secret}]
      - {clientId: bbbbbbbb-0000-0000-0000-000000000002, objectId: aaaaaaaa-0000-0000-0000-000000000002}
      - {clientId: bbbbbbbb-0000-0000-0000-000000000003, objectId: aaaaaaaa-0000-0000-0000-000000000003}
subscriptions:
  - id: 99999999-3333-3333-3333-333333333333
    resourceGroups:
      - name: platform
        location: northeurope
        roleAssignments: [{clientId: bbbbbbbb-0000-0000-0000-000000000003, role: Contributor}]
    roleAssignments: [{clientId: bbbbbbbb-0000-0000-0000-000000000001, role: Reader}]
registries:
  - name: teamregistry
    sku: Standard
    adminUserEnabled: true
    anonymousPullEnabled: true
    azureADAuthenticationAsArmPolicy: disabled
    roleAssignmentMode: MODE
    roleAssignments:
      - {clientId: bbbbbbbb-0000-0000-0000-000000000002, role: AcrPush}
      - clientId: bbbbbbbb-0000-0000-0000-000000000002
        role: Container Registry Repository Writer
        condition: |
          (
           @Request[Microsoft.ContainerRegistry/registries/repositories:name] StringStartsWithIgnoreCase 'samples/'
          )
    repositories:
      - {name: samples/app, images: [{tags: [v1]}]}
      - {name: unmapped, images: [{tags: [v1]}]}
    scopeMaps:
      - {name: push-app, description: "pushes: one", actions: [repositories/samples/app/content/read]}
    tokens:
      - {name: ci-push, scopeMap: push-app, passwords: [{name: password1, value: correct-horse-0001}]}
      - {name: ci-off, scopeMap: _repositories_push, status: disabled}
`

func start(t *testing.T, s *seed.Seed) *acrtest.Registry {
	t.Helper()
	return acrtest.NewRegistry(t, &acrtest.Options{Seed: s})
}

func read(t *testing.T, text string) *seed.Seed {
	t.Helper()
	s, err := seed.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a command as a client, or without any credential.
func run(t *testing.T, reg *acrtest.Registry, client, line string) (code int, stdout, stderr string) {
	t.Helper()
	env := map[string]string{"ACR_NAME": reg.Host(), "SSL_CERT_FILE": reg.CAFile(), "HOME": t.TempDir(),
		"AZURE_AUTHORITY_HOST": reg.AuthorityHost(), "AZURE_TENANT_ID": tenant, "AZURE_CLIENT_ID": client,
		"AZURE_CLIENT_SECRET": "reader-secret"}
	return clitest.Run(t, root.NewCmdRoot, env, line)
}

// TestImport_round: what was changed at a registry is at the emulator that starts with the
// imported seed: the same list of rights.
func TestImport_round(t *testing.T) {
	t.Parallel()
	const fields = "kind,name,principalType,repository,action,by,line,scope,condition,enabled,unknown" // no password
	for _, mode := range []string{"LegacyRegistryPermissions", "AbacRepositoryPermissions"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			a := start(t, read(t, strings.Replace(original, "MODE", mode, 1)))
			ctx := context.Background()
			change := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			put := func(name string, lines ...string) {
				t.Helper()
				m, err := scopemap.Parse(lines)
				change(err)
				m.Name = name
				change(a.Manage().PutScopeMap(ctx, m))
			}
			put("push-app", "repositories/samples/app/content/read", "repositories/samples/app/content/write")
			put("team-all", "repositories/team/*/metadata/read", "gateway/edge1/config/read")
			a.TokenOf("ci-team", "team-all")

			file := filepath.Join(t.TempDir(), "seed.yaml")
			client := "bbbbbbbb-0000-0000-0000-000000000001"
			code, out, stderr := run(t, a, client, "emulator seed import --output "+shell.Quote(file))
			if code != 0 || out != "" {
				t.Fatalf("exit %d: %s%s", code, out, stderr)
			}
			info, err := os.Stat(file)
			if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			if code, out, stderr := run(t, a, client, "emulator seed check "+shell.Quote(file)); code != 0 {
				t.Errorf("exit %d: %s%s", code, out, stderr)
			}
			text, err := os.ReadFile(file)
			if err != nil || strings.Contains(string(text), "correct-horse") ||
				strings.Contains(string(text), "-secret") {
				t.Errorf("%v\n%s", err, text)
			}
			s := read(t, string(text))
			for i, app := range s.Tenants[0].Applications {
				if app.ObjectID == asks {
					s.Tenants[0].Applications[i].Secrets = []seed.ClientSecret{{Value: "reader-secret"}}
				}
			}
			b := start(t, s)
			list := "access list --json " + fields
			codeA, listA, _ := run(t, a, client, list)
			codeB, listB, stderr := run(t, b, asks, list)
			if diff := cmp.Diff(listA, listB); diff != "" || codeA != codeB || strings.Count(listA, "\n") < 15 {
				t.Errorf("exit %d and %d; (-A +B):\n%s%s", codeA, codeB, diff, stderr)
			}
			var names []string
			for _, r := range s.Registries[0].Repositories {
				names = append(names, r.Name)
			}
			// In ABAC mode Reader does not list the catalog: the scope maps name one repository.
			want := map[bool]string{true: "samples/app unmapped", false: "samples/app"}[mode[0] == 'L']
			if strings.Join(names, " ") != want {
				t.Errorf("repositories %q, want %q", names, want)
			}
			if s.Registries[0].SKU != "Standard" || s.Registries[0].ArmTokenPolicy != "disabled" ||
				s.Subscriptions[0].ResourceGroups[0].Location != "northeurope" {
				t.Errorf("%+v", s.Registries[0])
			}
		})
	}
}

// TestImport_refused: nothing is written for lack of a right, and while Azure is throttled or
// cut off.
func TestImport_refused(t *testing.T) {
	t.Parallel()
	text := strings.Replace(original, "MODE", "LegacyRegistryPermissions", 1)
	var tokens strings.Builder
	for i := range 60 {
		fmt.Fprintf(&tokens, "      - {name: many-%03d, scopeMap: push-app}\n", i)
	}
	reg := start(t, read(t, text+tokens.String()))
	const client = "bbbbbbbb-0000-0000-0000-000000000001"
	file := filepath.Join(t.TempDir(), "seed.yaml")
	line := "emulator seed import --output " + shell.Quote(file)
	for _, x := range []fault.Fault{{Kind: fault.Throttle, RetryAfter: 600 * time.Second},
		{Kind: fault.Drop, AfterBytes: 4000}} {
		x.Routes = []fault.Route{fault.RouteARM}
		remove := reg.Fault(x)
		code, out, stderr := run(t, reg, client, line)
		if _, err := os.Stat(file); code != 6 || out != "" || err == nil {
			t.Errorf("%s: exit %d\n%s%s", x.Kind, code, out, stderr)
		}
		remove()
	}
	stranger := reg.ServicePrincipal("AcrPull")
	if err := reg.Emulator().PutApplication(context.Background(), tenant, seed.Application{ClientID: stranger.ClientID,
		Secrets: []seed.ClientSecret{{Value: "reader-secret"}}}); err != nil {
		t.Fatal(err)
	}
	if code, out, stderr := run(t, reg, stranger.ClientID, line); code != 5 || out != "" {
		t.Errorf("exit %d\n%s%s", code, out, stderr)
	}
	if code, _, stderr := run(t, reg, client, "emulator seed import --force"); code != 2 {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
