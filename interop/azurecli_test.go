package interop

import (
	"net"
	"regexp"
	"strings"
	"testing"
)

// TestAzureCLI runs Microsoft's own command line with a token's name and password,
// without az login: it takes the registry's name and the cloud's suffix for the
// login server then.
func TestAzureCLI(t *testing.T) {
	version := need(t, "az", "apt-get install azure-cli", []string{"az", "version", "--output", "tsv"})
	host, port, err := net.SplitHostPort(shared.host)
	if err != nil {
		t.Fatal(err)
	}
	s := newSession(t, shared)
	s.env = append(s.env, "AZURE_CONFIG_DIR="+s.home, "REQUESTS_CA_BUNDLE="+shared.caFile,
		"AZURE_CORE_COLLECT_TELEMETRY=no", "AZURE_CORE_NO_COLOR=yes",
		"AZURE_CORE_ONLY_SHOW_ERRORS=yes")
	az := func(args ...string) (string, error) { return s.run("", append([]string{"az"}, args...)...) }
	root := "https://" + shared.host + "/"
	for _, args := range [][]string{
		{"cloud", "register", "-n", "Rehearsal", "--endpoint-resource-manager", root, "--endpoint-management", root,
			"--endpoint-active-directory", root + "adfs",
			"--endpoint-active-directory-resource-id", root, "--endpoint-active-directory-graph-resource-id", root,
			"--suffix-acr-login-server-endpoint", ":" + port},
		{"cloud", "set", "-n", "Rehearsal"},
	} {
		if out, err := az(args...); err != nil {
			t.Fatalf("az %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	as := func(who token, args ...string) []string {
		return append(args, "-n", host, "-u", who.name, "-p", who.password, "--output", "tsv")
	}
	refused := regexp.MustCompile(`(?i)authentication required|unauthorized|was denied. Response code: 401`)
	for _, tc := range []struct {
		name string
		args []string
		want string // "" means refused
		raw  *refusal
	}{
		{"repository list, root map", as(lister, "acr", "repository", "list"), "samples/app", nil},
		{"repository show-tags", as(puller, "acr", "repository", "show-tags", "--repository", "samples/app"),
			"latest", nil},
		{"repository show", as(puller, "acr", "repository", "show", "--repository", "samples/app"), "samples/app", nil},
		{"repository show-manifests", as(puller, "acr", "repository", "show-manifests", "--repository", "samples/app"),
			"sha256:", nil},
		{"repository list", as(puller, "acr", "repository", "list"), "", &catalogRefused},
		{"show-tags without metadata/read", as(bare, "acr", "repository", "show-tags", "--repository", "samples/app"),
			"", &tagsRefused},
		{"password", as(unknown, "acr", "repository", "show-tags", "--repository", "samples/app"), "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, err := az(tc.args...)
			if tc.want != "" {
				if err != nil || !strings.Contains(out, tc.want) {
					t.Fatalf("%v, want %q in: %s", err, tc.want, out)
				}
				results.add(result{"az", version, tc.name, "ok", ""})
				return
			}
			if err == nil || !refused.MatchString(out) {
				t.Fatalf("%v, want a refusal: %s", err, out)
			}
			outcome := "not accepted"
			if tc.raw != nil {
				tc.raw.check(t, shared)
				outcome = "401 insufficient_scope"
			}
			results.add(result{"az", version, "refused: " + tc.name, outcome + ", exit " + exitCode(err),
				s.neutral(lastLine(out))})
		})
	}
}

// principalSeed has a service principal, which az signs in as.
const principalSeed = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - clientId: 22222222-2222-2222-2222-222222222222
        secrets: [{value: interop-principal-secret-000001, expires: 2040-01-01T00:00:00Z}]
subscriptions:
  - id: 33333333-3333-3333-3333-333333333333
    resourceGroups: [{name: rg, location: westeurope}]
registries:
  - name: interop
    roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: AcrPull},
      {clientId: 22222222-2222-2222-2222-222222222222, role: Reader}]
    repositories:
      - name: samples/app
        images: [{tags: [v1]}]
    scopeMaps: [{name: reads-one, actions: [repositories/samples/app/content/read]}]
    tokens: [{name: interop-off, scopeMap: reads-one, status: disabled, passwords: [{name: password1, value: interop-off-password-0000000001}]}]
`

// TestAzureCLI_login signs in with "az login" and lets acrkit ask az for the Entra
// token (--auth azure-cli), and for one to Azure Resource Manager (--arm): before,
// after, and when the sign-in is gone.
func TestAzureCLI_login(t *testing.T) {
	version := need(t, "az", "apt-get install azure-cli", []string{"az", "version", "--output", "tsv"})
	e, err := startEmulator(t.TempDir(), principalSeed, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.stop() })
	s := newSession(t, e)
	s.env = append(s.env, "AZURE_CONFIG_DIR="+s.home, "REQUESTS_CA_BUNDLE="+e.caFile, "AZURE_CORE_COLLECT_TELEMETRY=no",
		"AZURE_CORE_NO_COLOR=yes",
		"AZURE_CORE_ONLY_SHOW_ERRORS=yes", "ACRKIT_KEYRING=off", "ACRKIT_CONFIG_DIR="+s.home)
	root := "https://" + e.host + "/"
	_, port, err := net.SplitHostPort(e.host)
	if err != nil {
		t.Fatal(err)
	}
	acrkit := []string{acrkitBinary, "tag", "list", "--auth", "azure-cli", e.host + "/samples/app"}
	s.env = append(s.env, "ACR_NAME="+e.host, "ACR_TOKEN_NAME=interop-off",
		"ACR_TOKEN_PASSWORD=interop-off-password-0000000001")
	explain := []string{acrkitBinary, "explain", "--arm", e.host + "/samples/app:v1"}
	for _, tc := range []struct {
		command []string
		want    string // "" is no matter
		fails   bool
	}{
		{command: []string{"az", "cloud", "register", "-n", "Rehearsal", "--endpoint-resource-manager", root,
			"--endpoint-management", root,
			"--endpoint-active-directory", root + "adfs", "--endpoint-active-directory-resource-id", root,
			"--endpoint-active-directory-graph-resource-id", root, "--suffix-acr-login-server-endpoint", ":" + port}},
		{command: []string{"az", "cloud", "set", "-n", "Rehearsal"}},
		{command: acrkit, want: "no account is signed in", fails: true},
		{command: []string{"az", "login", "--service-principal", "--tenant", "11111111-1111-1111-1111-111111111111",
			"-u", "22222222-2222-2222-2222-222222222222", "-p", "interop-principal-secret-000001"},
			want: "33333333-3333-3333-3333-333333333333"},
		{command: acrkit, want: "v1"},
		{command: explain, want: "ACRK034"},
		{command: []string{"az", "logout"}},
		{command: acrkit, want: "no account is signed in", fails: true},
		{command: explain, want: "no account is signed in", fails: true},
	} {
		out, err := s.run("", tc.command...)
		if (err != nil) != tc.fails || !strings.Contains(out, tc.want) {
			t.Fatalf("%s: %v, want %q in: %s", strings.Join(tc.command[:2], " "), err, tc.want, out)
		}
	}
	results.add(result{"az", version, "acrkit --auth azure-cli after az login", "ok", ""})
}
