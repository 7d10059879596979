package interop

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// azSeed is what the captures of az need: a token that may delete, so that a lock is
// what forbids it, and principals with a role, without one and with an old secret.
const azSeed = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - clientId: 22222222-2222-2222-2222-222222222222
        secrets: [{value: interop-principal-secret-000003, expires: 2040-01-01T00:00:00Z}]
      - clientId: 44444444-4444-4444-4444-444444444444
        secrets: [{value: interop-principal-secret-000004, expires: 2040-01-01T00:00:00Z}, {value: interop-principal-secret-000005, expires: 2024-01-01T00:00:00Z}]
subscriptions:
  - id: 33333333-3333-3333-3333-333333333333
    resourceGroups:
      - {name: rg, location: westeurope}
      # A subscription without any role is not listed, and az signs in to none.
      - name: other
        location: westeurope
        roleAssignments: [{clientId: 44444444-4444-4444-4444-444444444444, role: AcrPull}]
registries:
  - name: interop
    roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: AcrPull}]
    repositories:
      - name: samples/app
        images: [{tags: [v1]}]
      - name: private/app
        images: [{tags: [v1]}]
    scopeMaps:
      - name: reads-one
        actions: [repositories/samples/app/content/read, repositories/samples/app/metadata/read]
      - name: reads-content
        actions: [repositories/samples/app/content/read]
      - name: may-all
        actions: ["repositories/samples/*/content/read", "repositories/samples/*/content/delete", "repositories/samples/*/metadata/read", "repositories/samples/*/metadata/write"]
    tokens:
      - {name: interop-pull, scopeMap: reads-one, passwords: [{name: password1, value: interop-pull-password-0000000001}]}
      - {name: interop-bare, scopeMap: reads-content, passwords: [{name: password1, value: interop-bare-password-0000000002}]}
      - {name: interop-work, scopeMap: may-all, passwords: [{name: password1, value: interop-work-password-0000000006}]}
`

// The principals of azSeed: one with a role, one without.
var (
	azPrincipal = token{"22222222-2222-2222-2222-222222222222", "interop-principal-secret-000003"}
	azRoleless  = token{"44444444-4444-4444-4444-444444444444", "interop-principal-secret-000004"}
	azOldSecret = token{"44444444-4444-4444-4444-444444444444", "interop-principal-secret-000005"}
	azUnknown   = token{"55555555-5555-5555-5555-555555555555", "interop-principal-secret-000006"}
	azMistaken  = token{azPrincipal.name, "interop-principal-secret-000007"}
)

// azName is the registry's name for az, which is the host without the cloud's suffix.
const azName = "localhost"

// azAs is a command of "az acr" with a name and password. The password comes by
// standard input, and the shell passes it on.
func azAs(who token, args ...string) func(capturing) []string {
	return func(capturing) []string {
		return append([]string{"env", "sh", "-c", `"$@" -p "$(cat)"`, "sh", "az", "acr"},
			append(slices.Clone(args), "-n", azName, "-u", who.name)...)
	}
}

// azLogin signs in.
func azLogin(who token) []string {
	return []string{"env", "sh", "-c", `"$@" -p "$(cat)"`, "sh", "az", "login", "--service-principal", "--tenant",
		"11111111-1111-1111-1111-111111111111", "-u", who.name}
}

// signedIn makes a principal's sign-in, then what else is to happen.
func signedIn(who token, then func(c capturing) func()) func(c capturing) func() {
	return func(c capturing) func() {
		if out, err := c.run(who.password, azLogin(who)...); err != nil {
			c.t.Fatalf("az login: %v\n%s", err, out)
		}
		if then == nil {
			return nil
		}
		return then(c)
	}
}

func azTags(repository string) []string {
	return []string{"repository", "show-tags", "--repository", repository}
}

// azTo looks a registry up in a cloud whose login servers have another suffix.
func azTo(suffix, host string) func(c capturing) []string {
	return func(c capturing) []string {
		azCloud(c.t, c.session, "Other", c.e.host, suffix)
		c.host = host
		name := strings.TrimSuffix(host, suffix)
		return []string{"env", "sh", "-c", `"$@" -p "$(cat)"`, "sh", "az", "acr", "repository", "list", "-n", name,
			"-u", puller.name}
	}
}

var azCaptures = []capture{
	{cause: "credential-rejected", stdin: unknown.password, do: azAs(unknown, azTags("samples/app")...)},
	{cause: "no-credential", do: func(capturing) []string {
		return []string{"az", "acr", "repository", "list", "-n", azName}
	}},
	{cause: "catalog-scoped", stdin: puller.password, do: azAs(puller, "repository", "list")},
	{cause: "metadata-read-missing", stdin: bare.password, do: azAs(bare, azTags("samples/app")...)},
	{cause: "no-right-here", stdin: puller.password, do: azAs(puller, azTags("private/app")...)},
	{cause: "missing-right", stdin: puller.password, do: azAs(puller, "repository", "delete", "--image",
		"samples/app:v1", "--yes")},
	{cause: "tag-unknown", stdin: worker.password,
		do: azAs(worker, "repository", "show", "--image", "samples/app:9.9.9")},
	{cause: "repository-unknown", stdin: worker.password, do: azAs(worker, azTags("samples/ap")...)},
	{cause: "tag-locked", stdin: worker.password, do: azAs(worker, "repository", "untag", "--image", "samples/app:v1"),
		before: func(c capturing) func() {
			lock := func(enabled string) {
				if out, err := c.run(worker.password, azAs(worker, "repository", "update", "--image", "samples/app:v1",
					"--delete-enabled", enabled, "--write-enabled", enabled)(c)...); err != nil {
					c.t.Fatalf("the lock: %v\n%s", err, out)
				}
			}
			lock("false")
			return func() { lock("true") }
		}},
	{cause: "network-rule", stdin: puller.password, do: azAs(puller, azTags("samples/app")...),
		before: func(c capturing) func() {
			c.emulator("network", "deny")
			return func() { c.emulator("network", "allow") }
		}},
	{cause: "throttled", stdin: puller.password, do: azAs(puller, azTags("samples/app")...),
		before: fault("throttle", "--retry-after", "1s", "--route", "token")},
	{cause: "unavailable", stdin: puller.password, do: azAs(puller, azTags("samples/app")...),
		before: fault("status", "--status", "503", "--route", "acr,tags")},
	{cause: "certificate-untrusted", stdin: puller.password, do: azAs(puller, azTags("samples/app")...),
		before: func(c capturing) func() {
			for i, v := range c.env {
				if strings.HasPrefix(v, "REQUESTS_CA_BUNDLE=") {
					c.env[i] = "REQUESTS_CA_BUNDLE=" + shared.caFile // another emulator's
				}
			}
			return nil
		}},
	{cause: "connection-refused", stdin: puller.password, do: func(c capturing) []string {
		addr, err := freeAddr()
		if err != nil {
			c.t.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(addr)
		return azTo(":"+port, "localhost:"+port)(c)
	}},
	// RFC 6761: no such name ever
	{cause: "name-unknown", stdin: puller.password, do: azTo(".azurecr.invalid", "myregistry.azurecr.invalid")},

	{cause: "entra-secret-wrong", stdin: azMistaken.password, do: func(capturing) []string {
		return azLogin(azMistaken)
	}},
	{cause: "entra-secret-expired", stdin: azOldSecret.password, do: func(capturing) []string {
		return azLogin(azOldSecret)
	}},
	{cause: "entra-application-unknown", stdin: azUnknown.password, do: func(capturing) []string {
		return azLogin(azUnknown)
	}},
	{cause: "no-role", before: signedIn(azRoleless, nil), do: azExpose},
	{cause: "arm-audience-disabled", do: azExpose, before: signedIn(azPrincipal, func(c capturing) func() {
		c.emulator("settings", "--arm-tokens", "off")
		return func() { c.emulator("settings", "--arm-tokens", "on") }
	})},
}

func azExpose(capturing) []string {
	return []string{"az", "acr", "login", "-n", azName, "--expose-token"}
}

// azCloud makes the emulator a cloud of az, where login servers have a suffix.
func azCloud(t *testing.T, s *session, name, host, suffix string) {
	t.Helper()
	root := "https://" + host + "/"
	for _, args := range [][]string{
		{"cloud", "register", "-n", name, "--endpoint-resource-manager", root, "--endpoint-management", root,
			"--endpoint-active-directory", root + "adfs",
			"--endpoint-active-directory-resource-id", root, "--endpoint-active-directory-graph-resource-id", root,
			"--suffix-acr-login-server-endpoint", suffix},
		{"cloud", "set", "-n", name},
	} {
		if out, err := s.run("", append([]string{"az"}, args...)...); err != nil {
			t.Fatalf("az %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// TestCaptures_az has az refused, and compares what it prints with captures/az.
func TestCaptures_az(t *testing.T) {
	version := need(t, "az", "apt-get install azure-cli", []string{"az", "version", "--output", "tsv"})
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	e, err := startEmulator(data, azSeed, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	_, port, err := net.SplitHostPort(e.host)
	if err != nil {
		t.Fatal(err)
	}
	az := func(t *testing.T) *session {
		s := newSession(t, e)
		s.env = append(s.env, "AZURE_CONFIG_DIR="+filepath.Join(s.home, "azure"), "REQUESTS_CA_BUNDLE="+e.caFile,
			"AZURE_CORE_COLLECT_TELEMETRY=no", "AZURE_CORE_NO_COLOR=yes")
		return s
	}
	first := az(t)
	azCloud(t, first, "Rehearsal", e.host, ":"+port)
	// Of the cloud's own names nothing is left but the public one's.
	c := client{name: "az", tidy: strings.NewReplacer("':"+port+"'", "'.azurecr.io'", azName, "myregistry",
		"directory 'adfs'", "directory 'Contoso'")}
	for _, k := range azCaptures {
		t.Run(k.cause, func(t *testing.T) {
			s := az(t)
			if err := os.CopyFS(filepath.Join(s.home, "azure"),
				os.DirFS(filepath.Join(first.home, "azure"))); err != nil {
				t.Fatal(err)
			}
			k.compare(capturing{c, s, t, e, data, filepath.Join(s.home, "layout")}, version)
		})
	}
}
