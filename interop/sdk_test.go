package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	sdkTenant = "11111111-1111-1111-1111-111111111111"
	sdkClient = "22222222-2222-2222-2222-222222222222"
	sdkSecret = "interop-application-secret-000001"
	noClient  = "44444444-4444-4444-4444-444444444444" // has no role
	noSecret  = "interop-application-secret-000002"
	oldClient = "66666666-6666-6666-6666-666666666666" // its secret has expired
	oldSecret = "interop-application-secret-000003"
)

// The tokens of the SDKs' emulator, by what their scope maps lack.
var (
	approver = token{"approver", "interop-approver-password-0000001"}  // reads, writes and locks apps/*
	blind    = token{"blind", "interop-blind-password-0000000002"}     // no metadata/read
	reader   = token{"reader", "interop-reader-password-0000000003"}   // no content/write, no metadata/write
	unlocked = token{"unlocked", "interop-unlocked-password-00000004"} // no metadata/write
)

// sdkSeed has a repository for each SDK, so that what one locks another may write.
func sdkSeed() string {
	var b strings.Builder
	fmt.Fprintf(&b, `
tenants:
  - id: %s
    applications:
      - {clientId: %s, displayName: build-agent, secrets: [{value: %s, expires: 2036-01-01T00:00:00Z}]}
      - {clientId: %s, displayName: no-role, secrets: [{value: %s, expires: 2036-01-01T00:00:00Z}]}
      - {clientId: %s, displayName: old, secrets: [{value: %s, expires: 2020-01-01T00:00:00Z}]}
registries:
  - name: interop
    roleAssignments: [{clientId: %s, role: AcrPush}]
    scopeMaps:
      - name: approves
        actions: ["repositories/apps/*/content/read", "repositories/apps/*/content/write", "repositories/apps/*/metadata/read", "repositories/apps/*/metadata/write"]
      - name: no-metadata
        actions: ["repositories/apps/*/content/read", "repositories/apps/*/content/write"]
      - name: reads
        actions: ["repositories/apps/*/content/read", "repositories/apps/*/metadata/read"]
      - name: no-lock
        actions: ["repositories/apps/*/content/read", "repositories/apps/*/content/write", "repositories/apps/*/metadata/read"]
    tokens:
`, sdkTenant, sdkClient, sdkSecret, noClient, noSecret, oldClient, oldSecret, sdkClient)
	for who, scopeMap := range map[token]string{approver: "approves", blind: "no-metadata", reader: "reads",
		unlocked: "no-lock"} {
		fmt.Fprintf(&b, "      - {name: %s, scopeMap: %s, passwords: [{name: password1, value: %s}]}\n", who.name,
			scopeMap, who.password)
	}
	b.WriteString("    repositories:\n")
	for _, s := range sdks {
		fmt.Fprintf(&b, "      - {name: apps/%s, images: [{tags: [v1, v2, locked]}]}\n", s.folder)
	}
	b.WriteString("      - {name: private/app, images: [{tags: [v1]}]}\n")
	return b.String()
}

// sdkEmulator starts an emulator for the SDKs, and makes a Java trust store with
// its CA.
func sdkEmulator(t *testing.T) *sdkServer {
	t.Helper()
	return sdkEmulatorWith(t, "")
}

// sdkEmulatorWith has more repositories, as a seed has them.
func sdkEmulatorWith(t *testing.T, repositories string) *sdkServer {
	t.Helper()
	dir := t.TempDir()
	e, err := startEmulator(filepath.Join(dir, "data"), sdkSeed()+repositories, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	return &sdkServer{emulatorProcess: e, data: filepath.Join(dir, "data"), url: "https://" + e.host,
		ca: e.caFile, work: dir}
}

// sdkServer is where an SDK's programs are sent.
type sdkServer struct {
	*emulatorProcess
	data string // the emulator's
	url  string // registry and Entra authority; the recorder's, if one is in front of the emulator
	ca   string // file of the CA of url
	work string
}

// trustStore returns a Java trust store that holds the CA.
func (s *sdkServer) trustStore(t *testing.T) string {
	t.Helper()
	store := filepath.Join(s.work, "trust-"+filepath.Base(filepath.Dir(s.ca))+".p12")
	if !isExist(store) {
		mustRun(t, s.work, "keytool", "-importcert", "-noprompt", "-storetype", "PKCS12", "-keystore", store,
			"-storepass", "changeit", "-alias", "acrkit", "-file", s.ca)
	}
	return store
}

// environment is all that a program sees, so that no credential and no setting of
// the user's is seen.
func (s *sdkServer) environment(t *testing.T, extra ...string) []string {
	t.Helper()
	home := t.TempDir()
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home,
		"DOCKER_CONFIG=" + home, "TMPDIR=" + home,
		"LANG=C.UTF-8", "NO_COLOR=1", "ACRKIT_KEYRING=off", "ACRKIT_CONFIG_DIR=" + filepath.Join(home, "acrkit"),
		"SSL_CERT_FILE=" + s.ca, "REQUESTS_CA_BUNDLE=" + s.ca, "NODE_EXTRA_CA_CERTS=" + s.ca,
	}
	for _, name := range []string{"JAVA_HOME", "PYENV_ROOT", "PYENV_VERSION"} { // how some machines find their programs
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return append(env, extra...)
}

// principal is the environment of a service principal.
func (s *sdkServer) principal(t *testing.T, client, secret string) []string {
	t.Helper()
	return s.environment(t, "AZURE_AUTHORITY_HOST="+s.url+"/", "AZURE_TENANT_ID="+sdkTenant, "AZURE_CLIENT_ID="+client,
		"AZURE_CLIENT_SECRET="+secret)
}

// output is what a program wrote to either stream, and how it ended.
type output struct {
	stdout, stderr string
	code           int
}

func (o output) String() string { return o.stdout + o.stderr }

// execute runs a program in a folder of its own.
func execute(t *testing.T, env []string, command ...string) output {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Dir = env, t.TempDir()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command, " "), err, stdout.String(), stderr.String())
	}
	return output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// repositories runs the program of that name as a service principal, straight
// against the server.
func (p programs) repositories(t *testing.T, s *sdkServer, client, secret string) output {
	t.Helper()
	command := p.javaTrust(t, s, p.command(p.dir, p.installed, "repositories"))
	env := s.principal(t, client, secret)
	if client != sdkClient || secret != sdkSecret {
		env = append(env, noRetry)
	}
	return execute(t, env, append(command, s.url)...)
}

// javaTrust makes Java trust the server, the one language whose CA no variable
// names.
func (p programs) javaTrust(t *testing.T, s *sdkServer, command []string) []string {
	t.Helper()
	if command[0] != "java" {
		return command
	}
	return slices.Insert(command, 1, "-Djavax.net.ssl.trustStore="+s.trustStore(t),
		"-Djavax.net.ssl.trustStorePassword=changeit")
}

// proxied runs a program under "acrkit proxy", which holds the token.
func (p programs) proxied(t *testing.T, s *sdkServer, who token, flags []string, program string,
	args ...string) output {
	t.Helper()
	env := s.environment(t, "ACR_NAME="+s.host, "ACR_TOKEN_NAME="+who.name, "ACR_TOKEN_PASSWORD="+who.password)
	command := append([]string{acrkitBinary, "proxy", s.host}, flags...)
	command = append(append(command, "--"), p.command(p.dir, p.installed, program)...)
	return execute(t, env, append(command, args...)...)
}

func (p programs) repository() string { return "apps/" + p.folder }

var promoted = regexp.MustCompile(
	`(?i)^tags: (.*)\nmanifest: (sha256:[0-9a-f]{64})\nblob: (sha256:[0-9a-f]{64}) (\d+)\napproved: (\S+) writable: false\n$`)

// checkPromoted holds what promote says against what the registry holds.
func (p programs) checkPromoted(t *testing.T, s *sdkServer, out output, tag string) {
	t.Helper()
	m := promoted.FindStringSubmatch(out.stdout)
	if m == nil || out.code != 0 {
		t.Fatalf("promote ended with %d:\n%s", out.code, out)
	}
	if !strings.Contains(" "+m[1]+" ", " "+tag+" ") || m[5] != tag+"-approved" {
		t.Errorf("tags %q, approved %q", m[1], m[5])
	}
	repository := p.repository()
	auth := bearer(s.accessToken(t, approver, "repository:"+repository+":pull,metadata_read"))
	report := append([]byte("report on "+m[2]+"\n"), make([]byte, 5<<20)...)
	blob := s.mustSend(t, http.MethodGet, "/v2/"+repository+"/blobs/"+m[3], auth, nil)
	if blob.status != http.StatusOK || !bytes.Equal(blob.body, report) || m[4] != fmt.Sprint(len(report)) {
		t.Errorf("the registry's blob: %d, %d bytes, the same %t; the program says %s", blob.status, len(blob.body),
			bytes.Equal(blob.body, report), m[4])
	}
	image := s.mustSend(t, http.MethodGet, "/v2/"+repository+"/manifests/"+tag, accept(auth.Clone()), nil)
	if digestOf(image.body) != m[2] {
		t.Errorf("the registry's manifest is %s, the program says %s", digestOf(image.body), m[2])
	}
	approved := s.mustSend(t, http.MethodGet, "/v2/"+repository+"/manifests/"+tag+"-approved",
		accept(auth.Clone()), nil)
	if !sameJSON(approved.body, image.body) { // Python's client rewrites it
		t.Errorf("the approved manifest is %s, want %s", approved.body, image.body)
	}
	attributes := s.mustSend(t, http.MethodGet, "/acr/v1/"+repository+"/_tags/"+tag+"-approved", auth, nil)
	var got struct {
		Tag struct {
			ChangeableAttributes struct{ WriteEnabled, DeleteEnabled, ReadEnabled *bool }
		}
	}
	if err := json.Unmarshal(attributes.body, &got); err != nil {
		t.Fatalf("%v: %d %s", err, attributes.status, attributes.body)
	}
	if a := got.Tag.ChangeableAttributes; a.WriteEnabled == nil || *a.WriteEnabled || a.DeleteEnabled == nil ||
		*a.DeleteEnabled || a.ReadEnabled == nil || !*a.ReadEnabled {
		t.Errorf("the tag's attributes: %s", attributes.body)
	}
}

func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	ja, _ := json.Marshal(x)
	jb, _ := json.Marshal(y)
	return bytes.Equal(ja, jb)
}

// lastWords finds the line in which an SDK says what went wrong, for the table.
func lastWords(o output, pattern *regexp.Regexp) string {
	for line := range strings.SplitSeq(o.String(), "\n") {
		if pattern.MatchString(line) {
			return strings.TrimSpace(steady(line))
		}
	}
	return ""
}

// TestSDK runs repositories and promote of each language: as a service principal straight
// against the registry, and with a scope-mapped token through the proxy. Each is
// refused once, too, and says so in the SDK's own words.
func TestSDK(t *testing.T) {
	server := sdkEmulator(t)
	for _, s := range sdks {
		t.Run(s.title, func(t *testing.T) {
			p := s.ready(t)
			note := func(what, outcome, words string) {
				results.add(result{s.name, s.packages, what, outcome, words})
			}
			t.Run("service principal", func(t *testing.T) {
				out := p.repositories(t, server, sdkClient, sdkSecret)
				var want strings.Builder
				names := make([]string, 0, len(sdks))
				names = append(names, "repository: private/app\n")
				for _, other := range sdks {
					names = append(names, "repository: apps/"+other.folder+"\n")
				}
				slices.Sort(names)
				for _, name := range names {
					want.WriteString(name)
				}
				if out.code != 0 || out.stdout != want.String() {
					t.Fatalf("ended with %d:\n%s\nwant\n%s", out.code, out, want.String())
				}
				note("service principal: list repositories", "ok", "")
			})
			t.Run("service principal/not_accepted", func(t *testing.T) {
				const wrong = "not-the-secret-of-this-application"
				out := p.repositories(t, server, sdkClient, wrong)
				words := lastWords(out, regexp.MustCompile(`AADSTS7000215`))
				if out.code == 0 || words == "" || strings.Contains(out.String(), wrong) {
					t.Fatalf("ended with %d:\n%s", out.code, out)
				}
				note("refused: service principal: secret", "not accepted", words)
			})
			t.Run("proxy", func(t *testing.T) {
				p.checkPromoted(t, server, p.proxied(t, server, approver, nil, "promote", p.repository(), "v1"), "v1")
				note("by proxy: tags, manifest, blob up and down, lock", "ok", "")
			})
			t.Run("proxy/denied_by_scope_map", func(t *testing.T) {
				out := p.proxied(t, server, reader, nil, "promote", p.repository(), "v1")
				words := lastWords(out, regexp.MustCompile(`(?i)authentication required|unauthorized`))
				if out.code == 0 || words == "" || !strings.Contains(out.stdout, "manifest: ") ||
					strings.Contains(out.stdout, "blob: ") {
					t.Fatalf("ended with %d:\n%s", out.code, out)
				}
				if strings.Contains(out.String(), reader.password) {
					t.Errorf("the password is in the output: %s", out)
				}
				note("refused: by proxy: blob without content/write", "401 insufficient_scope", words)
			})
			if s.folder != "go" {
				return
			}
			t.Run("azureauth", func(t *testing.T) {
				direct := func(who token, tag string) output {
					env := server.environment(t, "ACR_NAME="+server.host, "ACR_TOKEN_NAME="+who.name,
						"ACR_TOKEN_PASSWORD="+who.password)
					return execute(t, env, append(p.command(p.dir, "", "promote"), p.repository(), tag)...)
				}
				p.checkPromoted(t, server, direct(approver, "v2"), "v2")
				note("azureauth: tags, manifest, blob up and down, lock", "ok", "")
				out := direct(reader, "v2")
				words := lastWords(out, regexp.MustCompile(`has content/read but not content/write on "`))
				if out.code == 0 || words == "" {
					t.Fatalf("ended with %d:\n%s", out.code, out)
				}
				note("refused: azureauth: blob without content/write", "401 insufficient_scope", words)
			})
		})
	}
}
