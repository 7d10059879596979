package interop

import (
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

// TestSDKControl runs the programs "control": Microsoft's packages for Azure Resource
// Manager live the life of a token and a role, in each style of polling. An application
// with the role Reader is refused.
func TestSDKControl(t *testing.T) {
	for _, s := range sdks {
		if s.folder != "go" && s.folder != "python" {
			continue
		}
		t.Run(s.title, func(t *testing.T) {
			t.Parallel()
			p := s.ready(t)
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
						t.Errorf("exit %d, want 0 and\n%s\nof\n%s", out.code, controlLife, out)
					}
					out = p.control(t, e, data, controlReader, worker)
					if out.code != 1 || !strings.Contains(out.stdout, "refused 403 AuthorizationFailed") {
						t.Errorf("refused: exit %d\n%s", out.code, out)
					}
				})
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
