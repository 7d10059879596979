package interop

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// misleading are variables that lead one of Microsoft's libraries to another identity
// than App Service's, or to none. --keep-env hands all that it may to the program.
var misleading = []string{
	"AZURE_TENANT_ID=" + sdkTenant, "AZURE_CLIENT_ID=" + sdkClient, "AZURE_FEDERATED_TOKEN_FILE=/nowhere",
	"AZURE_TOKEN_CREDENTIALS=AzureCliCredential", "IDENTITY_SERVER_THUMBPRINT=0123456789012345678901234567890123456789",
	"IMDS_ENDPOINT=http://127.0.0.1:1", "MSI_ENDPOINT=http://127.0.0.1:1", "MSI_SECRET=x",
}

// identified runs a program under "acrkit proxy --managed-identity", whose credential
// is in the environment. The proxy logs each request.
func (p programs) identified(t *testing.T, s *sdkServer, env, flags []string, program string, args ...string) output {
	t.Helper()
	command := append([]string{acrkitBinary, "proxy", s.host, "--managed-identity", "--debug"}, flags...)
	command = append(append(command, "--"), p.command(p.dir, p.installed, program)...)
	return execute(t, s.environment(t, env...), append(command, args...)...)
}

func (s *sdkServer) as(who token) []string {
	return []string{"ACR_NAME=" + s.host, "ACR_TOKEN_NAME=" + who.name, "ACR_TOKEN_PASSWORD=" + who.password}
}

// identityRequest is a line of the proxy's log.
var identityRequest = regexp.MustCompile(`(?m)^time=.* msg="answered here" method=GET url="?\S*/msi/token\?.* ` +
	`status=(\d+)$`)

// identityAnswers returns the status of each request for a managed identity's token.
func identityAnswers(o output) (all []string) {
	for _, m := range identityRequest.FindAllStringSubmatch(o.stderr, -1) {
		all = append(all, m[1])
	}
	return all
}

// someKey looks like a client key, and like the value of IDENTITY_HEADER.
var someKey = regexp.MustCompile(`\b[0-9a-f]{64}\b`)

const otherClients = "the program's other Azure clients cannot sign in under --managed-identity"

// TestManagedIdentity: a program with nothing but DefaultAzureCredential works
// unchanged under the proxy, even if the environment names other credentials; and
// it signs in to nothing but the registry.
func TestManagedIdentity(t *testing.T) {
	server := sdkEmulator(t)
	for _, s := range sdks {
		t.Run(s.title, func(t *testing.T) {
			t.Parallel() // most of the time Java starts
			p := s.ready(t)
			env := append(server.as(reader), misleading...)
			for name, flags := range map[string][]string{"plain": nil, "keep-env": {"--keep-env"}} {
				t.Run(name, func(t *testing.T) {
					out := p.identified(t, server, env, flags, "tags", p.repository(), "v1")
					tags := strings.Fields(out.stdout)
					slices.Sort(tags)
					if out.code != 0 || strings.Join(tags, " ") != "locked v1 v2" {
						t.Fatalf("ended with %d:\n%s", out.code, out)
					}
					if got := identityAnswers(out); !slices.Equal(got, []string{"200"}) {
						t.Errorf("it asked for a token with answers %v, want one:\n%s", got, out)
					}
					if key := someKey.FindString(strings.ReplaceAll(out.String(), "sha256:", "sha256_")); key != "" {
						t.Errorf("a key is in the output:\n%s", out)
					}
				})
			}
			results.add(result{s.name, s.packages, "by proxy --managed-identity: tags", "ok", ""})
			t.Run("denied", func(t *testing.T) {
				out := p.identified(t, server, server.as(blind), nil, "tags", p.repository(), "v1")
				if out.code == 0 ||
					!regexp.MustCompile(`(?i)authentication required|unauthorized`).MatchString(out.String()) {
					t.Fatalf("ended with %d:\n%s", out.code, out)
				}
			})
			t.Run("Key Vault", func(t *testing.T) {
				out := p.identified(t, server, append(server.as(reader), noRetry), nil, "vault")
				if out.code == 0 || !strings.Contains(out.String(), otherClients) || someKey.MatchString(out.String()) {
					t.Fatalf("ended with %d:\n%s", out.code, out)
				}
				if got := identityAnswers(out); !slices.Equal(got, []string{"400"}) {
					t.Errorf("it asked for a token with answers %v, want one:\n%s", got, out)
				}
			})
		})
	}
}

// TestManagedIdentity_lines: the programs that show it have eight lines at most:
// imports, blank lines, comments, lone brackets and what opens a function aside.
func TestManagedIdentity_lines(t *testing.T) {
	outside := regexp.MustCompile(
		`^\s*([})\]]*|import .*|from .* import .*|package .*|//.*|"[^" ]+"|(func|public) .*\{)$`)
	files, err := filepath.Glob("sdk/*/[tT]ags*")
	if err != nil || len(files) != len(sdks) {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			file = filepath.Join(file, "main.go")
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSuffix(line, "\n"); !outside.MatchString(line) && line != "import (" {
				lines++
			}
		}
		if lines == 0 || lines > 8 || !strings.Contains(string(text), "DefaultAzureCredential") {
			t.Errorf("%s has %d lines", file, lines)
		}
	}
}
