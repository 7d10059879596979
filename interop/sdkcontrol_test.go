package interop

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// controlLife is what the programs "control" of sdk/ print when all went well.
const controlLife = `scope map Succeeded repositories/samples/app/content/read
scope map with 2 actions, by the SDK
token enabled 0 passwords
passwords of sdk-token
  password1 true
  password2 true
token disabled 1 password left
tokens listed 4
deleted 404 ResourceNotFound
role 2.0
role of the principal true
roles left 0
`

// operationStyles are how an emulator reports long operations: as recorded of each, and
// each style for all of them. With a style, an operation takes a moment.
var operationStyles = []struct {
	name  string
	flags []string
}{
	{"as recorded", nil},
	{"synchronous", []string{"--operation-style", "synchronous"}},
	{"async operation", []string{"--operation-style", "azure-async-operation", "--operation-time", "1s"}},
	{"location", []string{"--operation-style", "location", "--operation-time", "1s"}},
	{"body", []string{"--operation-style", "provisioning-state", "--operation-time", "1s"}},
}

// controlPackages are what the programs "control" of a language use, and the file that has
// their versions.
var controlPackages = map[string]struct {
	client, file string
	packages     *regexp.Regexp
}{
	"go": {"azure-sdk-go (ARM)", "sdk/go/go.mod",
		regexp.MustCompile(`(armauthorization|armcontainerregistry)(?:/v2)? (v\S+)`)},
	"python": {"azure-sdk-python (ARM)", "sdk/python/requirements.in",
		regexp.MustCompile(`(azure-mgmt-\w+)==(\S+)`)},
}

// controlVersions returns the packages with their versions, for the table.
func controlVersions(t *testing.T, folder string) string {
	t.Helper()
	text, err := os.ReadFile(controlPackages[folder].file)
	if err != nil {
		t.Fatal(err)
	}
	var versions []string
	for _, m := range controlPackages[folder].packages.FindAllSubmatch(text, -1) {
		versions = append(versions, string(m[1])+" "+string(m[2]))
	}
	if len(versions) != 2 {
		t.Fatalf("%s has %q", controlPackages[folder].file, versions)
	}
	return strings.Join(versions, ", ")
}

// TestSDKControl runs the programs "control": Microsoft's packages for Azure Resource
// Manager live the life of a token and a role, in each style of polling. An application
// with the role Reader is refused.
func TestSDKControl(t *testing.T) {
	for _, s := range sdks {
		used, ok := controlPackages[s.folder]
		if !ok {
			continue
		}
		t.Run(s.title, func(t *testing.T) {
			t.Parallel()
			p, versions := s.ready(t), controlVersions(t, s.folder)
			for _, style := range operationStyles {
				t.Run(style.name, func(t *testing.T) {
					data := t.TempDir()
					e, err := startEmulator(data, controlSeed, nil, style.flags...)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(e.stop)
					worker := objectID(t, data, "66666666-6666-6666-6666-666666666666")
					out := p.control(t, e, data, controlOwner, worker)
					if out.code != 0 || out.stdout != controlLife {
						t.Fatalf("exit %d, want 0 and\n%s\nof\n%s", out.code, controlLife, out)
					}
					out = p.control(t, e, data, controlReader, worker)
					if out.code != 1 || !strings.Contains(out.stdout, "refused 403 AuthorizationFailed") {
						t.Fatalf("refused: exit %d\n%s", out.code, out)
					}
					if style.flags != nil {
						return
					}
					results.add(result{used.client, versions, "refused: scope map as Reader",
						"403 AuthorizationFailed, exit 1", neutral(strings.TrimSpace(out.stdout), e.host)})
				})
			}
			if !t.Failed() {
				results.add(result{used.client, versions,
					"scope maps, tokens, passwords, roles, each style of operation", "ok", ""})
			}
		})
	}
}

// control runs the program of that name as an application, with what "acrkit emulator env
// --for armsdk" prints.
func (p programs) control(t *testing.T, e *emulatorProcess, data string, who token, principal string) output {
	t.Helper()
	s := &sdkServer{emulatorProcess: e, data: data, url: "https://" + e.host, ca: e.caFile, work: t.TempDir()}
	printed := execute(t, s.environment(t), acrkitBinary, "emulator", "env", "--for", "armsdk", "--data", data,
		"--client-id", who.name)
	env := slices.DeleteFunc(s.environment(t, "AZURE_CLIENT_SECRET="+who.password), func(v string) bool {
		return strings.HasPrefix(v, "AZURE_") && !strings.HasPrefix(v, "AZURE_CLIENT_SECRET=")
	})
	for _, m := range regexp.MustCompile(`(?m)^export (AZURE_\w+=\S+)$`).FindAllStringSubmatch(printed.stdout, -1) {
		env = append(env, m[1])
	}
	command := append(p.command(p.dir, p.installed, "control"), "rg", "interop", principal)
	return execute(t, env, command...)
}
