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
	s.env = append(s.env, "AZURE_CONFIG_DIR="+s.home, "REQUESTS_CA_BUNDLE="+shared.caFile, "AZURE_CORE_COLLECT_TELEMETRY=no", "AZURE_CORE_NO_COLOR=yes",
		"AZURE_CORE_ONLY_SHOW_ERRORS=yes")
	az := func(args ...string) (string, error) { return s.run("", append([]string{"az"}, args...)...) }
	root := "https://" + shared.host + "/"
	for _, args := range [][]string{
		{"cloud", "register", "-n", "Rehearsal", "--endpoint-resource-manager", root, "--endpoint-management", root, "--endpoint-active-directory", root + "adfs",
			"--endpoint-active-directory-resource-id", root, "--endpoint-active-directory-graph-resource-id", root, "--suffix-acr-login-server-endpoint", ":" + port},
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
		{"repository show-tags", as(puller, "acr", "repository", "show-tags", "--repository", "samples/app"), "latest", nil},
		{"repository show", as(puller, "acr", "repository", "show", "--repository", "samples/app"), "samples/app", nil},
		{"repository show-manifests", as(puller, "acr", "repository", "show-manifests", "--repository", "samples/app"), "sha256:", nil},
		{"repository list", as(puller, "acr", "repository", "list"), "", &catalogRefused},
		{"show-tags without metadata/read", as(bare, "acr", "repository", "show-tags", "--repository", "samples/app"), "", &tagsRefused},
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
			results.add(result{"az", version, "refused: " + tc.name, outcome, lastLine(out)})
		})
	}
}
