package interop

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var unreachable = regexp.MustCompile(`Microsoft Entra cannot be reached|Connection refused`)

// TestAnswer runs the programs that list repositories and say what is wrong where
// they cannot: as a service principal, refused in each way there is, and unchanged
// with a managed identity that the proxy is.
func TestAnswer(t *testing.T) {
	server := sdkEmulator(t)
	const (
		wrongSecret = "not-the-secret-of-this-application"
		unknownID   = "99999999-9999-9999-9999-999999999999"
	)
	closed, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	closed = strings.Replace(closed, "127.0.0.1", "localhost", 1)
	noRole := "the identity may not list the repositories of " + server.host + ": it needs the role AcrPull there"
	notNamed := func(name string) string {
		return `ACR_NAME is "` + name + `", which names no registry: myregistry or myregistry.azurecr.io`
	}
	cases := []struct {
		name string
		set  []string // instead of what is right; NAME= takes it away
		says string   // how its last line begins
	}{
		{"no tenant", []string{"AZURE_TENANT_ID="}, "AZURE_TENANT_ID must be set, too"},
		{"no client", []string{"AZURE_CLIENT_ID="}, "AZURE_CLIENT_ID must be set, too"},
		{"no secret", []string{"AZURE_CLIENT_SECRET="}, "AZURE_CLIENT_SECRET must be set, too"},
		{"client alone", []string{"AZURE_TENANT_ID=", "AZURE_CLIENT_SECRET="},
			"AZURE_TENANT_ID and AZURE_CLIENT_SECRET must be set, too"},
		{"no registry", []string{"ACR_NAME="}, notNamed("")},
		{"wrong secret", []string{"AZURE_CLIENT_SECRET=" + wrongSecret},
			"AZURE_CLIENT_SECRET is wrong: it takes the secret's value, not its id"},
		{"expired secret", []string{"AZURE_CLIENT_ID=" + oldClient, "AZURE_CLIENT_SECRET=" + oldSecret},
			"the secret in AZURE_CLIENT_SECRET has expired"},
		{"unknown application", []string{"AZURE_CLIENT_ID=" + unknownID},
			"the tenant has no application with the id in AZURE_CLIENT_ID"},
		{"unknown tenant", []string{"AZURE_TENANT_ID=" + unknownID},
			"there is no tenant with the id in AZURE_TENANT_ID"},
		{"no role", []string{"AZURE_CLIENT_ID=" + noClient, "AZURE_CLIENT_SECRET=" + noSecret}, noRole},
		{"look-alike", []string{"ACR_NAME=myregistry.azurecr.io.evil.example"},
			notNamed("myregistry.azurecr.io.evil.example")},
		{"look-alike on loopback", []string{"ACR_NAME=" + server.host + ".evil.example"},
			notNamed(server.host + ".evil.example")},
		{"a URL", []string{"ACR_NAME=" + server.url}, notNamed(server.url)},
		{"a user before the host", []string{"ACR_NAME=myregistry.azurecr.io@evil.example"},
			notNamed("myregistry.azurecr.io@evil.example")},
		{"mistyped", []string{"ACR_NAME=myregistry.azurcr.io"}, notNamed("myregistry.azurcr.io")},
		{"unreachable", []string{"ACR_NAME=" + closed}, closed + " cannot be reached; is ACR_NAME right? "},
	}
	for _, s := range sdks {
		if s.folder == "go" {
			continue // it has no such program
		}
		t.Run(s.title, func(t *testing.T) {
			t.Parallel()
			p := s.ready(t)
			command := p.javaTrust(t, server, p.command(p.dir, p.installed, "answer"))
			env := func(t *testing.T, set ...string) []string {
				env := append(server.principal(t, sdkClient, sdkSecret), "ACR_NAME="+server.host, noRetry)
				for _, v := range set {
					name, value, _ := strings.Cut(v, "=")
					env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
					if value != "" {
						env = append(env, v)
					}
				}
				return env
			}
			listed := func(t *testing.T, out output) {
				t.Helper()
				lines := strings.Fields(strings.ReplaceAll(out.stdout, "repository: ", ""))
				want := []string{"apps/go", "apps/java", "apps/python", "apps/typescript", "private/app"}
				if out.code != 0 || !slices.Equal(lines, want) {
					t.Errorf("ended with %d:\n%s", out.code, out)
				}
			}
			t.Run("service principal", func(t *testing.T) { listed(t, execute(t, env(t), command...)) })
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					out := execute(t, env(t, c.set...), command...)
					// The libraries may warn before it.
					lines := strings.Split(strings.TrimSuffix(out.stderr, "\n"), "\n")
					if last := lines[len(lines)-1]; out.code != 1 || out.stdout != "" ||
						!strings.HasPrefix(last, c.says) {
						t.Errorf("ended with %d:\n%s\nwant\n%s", out.code, out, c.says)
					}
					for _, secret := range []string{sdkSecret, noSecret, oldSecret, wrongSecret} {
						if strings.Contains(out.String(), secret) {
							t.Errorf("a secret is in the output:\n%s", out)
						}
					}
				})
			}
			t.Run("Entra unreachable", func(t *testing.T) { // which is not ACR_NAME's fault
				out := execute(t, env(t, "AZURE_AUTHORITY_HOST=https://"+closed+"/"), command...)
				if out.code != 1 || strings.Contains(out.stderr, "ACR_NAME") || !unreachable.MatchString(out.stderr) {
					t.Errorf("ended with %d:\n%s", out.code, out)
				}
			})
			t.Run("managed identity", func(t *testing.T) {
				out := p.identified(t, server, env(t), nil, "answer")
				listed(t, out)
				if got := identityAnswers(out); !slices.Equal(got, []string{"200"}) {
					t.Errorf("it asked for a token with answers %v, want one:\n%s", got, out)
				}
			})
			t.Run("managed identity/denied", func(t *testing.T) {
				out := p.identified(t, server, server.as(reader), nil, "answer")
				if out.code != 1 || !strings.Contains(out.stderr, ": it needs the role AcrPull there") {
					t.Errorf("ended with %d:\n%s", out.code, out)
				}
			})
		})
	}
}
