package interop

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// acrCLIVariable names the file of Microsoft's acr-cli (github.com/Azure/acr-cli),
// which no package registry that the tests use has. With it, TestACRCLI runs the
// program; with -update too, it writes the fixture. Without it, the fixture is read.
const acrCLIVariable = "ACRKIT_INTEROP_ACR"

// acrCLIFixture is what acr-cli sent and printed, at its commit cfbb8358 of March 2026.
const acrCLIFixture = "testdata/acr-cli/runs.json"

// acrCLISeed has a registry in each mode, for one service principal.
const acrCLISeed = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - clientId: 22222222-2222-2222-2222-222222222222
        secrets: [{value: interop-principal-secret-000008, expires: 2040-01-01T00:00:00Z}]
registries:
  - name: interop
    roleAssignments: [{clientId: 22222222-2222-2222-2222-222222222222, role: Owner}]
    repositories:
      - name: samples/app
        images: [{tags: [v1, latest], platforms: [linux/amd64, linux/arm64]}]
      - name: samples/old
        images: [{tags: [v1]}]
      - name: samples/older
        images: [{tags: [v1]}]
      - name: samples/other
        images: [{tags: [v1]}]
    scopeMaps:
      - name: all-of-samples
        actions: ["repositories/samples/*/content/read", "repositories/samples/*/metadata/read"]
    tokens:
      - {name: interop-acr, scopeMap: all-of-samples, passwords: [{name: password1, value: interop-acr-cli-password-0000007}]}
`

var (
	acrCLIPrincipal = token{"22222222-2222-2222-2222-222222222222", "interop-principal-secret-000008"}
	acrCLIScoped    = token{"interop-acr", "interop-acr-cli-password-0000007"}
)

// acrCLIRun is one command of acr-cli. Of secrets it has the place alone.
type acrCLIRun struct {
	Name     string          `json:"name"`
	ABAC     bool            `json:"abac,omitempty"` // on a registry in ABAC mode
	As       string          `json:"as"`             // principal, refresh token or scoped token
	Args     []string        `json:"args"`
	Exit     int             `json:"exit"`
	Output   []string        `json:"output"` // both streams, line by line
	Requests []acrCLIRequest `json:"requests"`
}

// acrCLIRequest is one request of a command, and the status of its answer.
type acrCLIRequest struct {
	Method      string `json:"method"`
	Target      string `json:"target"` // of an upload: what its Location gave, with a digest
	Auth        string `json:"auth"`   // Basic, or Bearer and what the access token grants; "-" is none
	Accept      string `json:"accept,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	Body        string `json:"body,omitempty"`
	Status      int    `json:"status"`
}

const (
	byPrincipal = "principal"
	byRefresh   = "refresh token"
	byScoped    = "scoped token"
)

// acrCLIRuns are the commands, in their order: what one deletes, the next does not find.
func acrCLIRuns() []acrCLIRun {
	on := func(command ...string) []string {
		return append(command, "-r", serverPlace, "-u", userPlace, "-p", passwordPlace)
	}
	login := []string{"login", "-u", userPlace, "-p", passwordPlace, serverPlace}
	tags, manifests := on("tag", "list", "--repository", "samples/app"),
		on("manifest", "list", "--repository", "samples/app")
	purge := func(repository string) []string {
		return on("purge", "--filter", repository+":^v1$", "--ago", "0d", "--untagged", "--concurrency", "1")
	}
	var runs []acrCLIRun
	for _, x := range []struct{ as, purged, annotated, tag string }{{byPrincipal, "samples/old", "samples/app",
		"latest"}, {byRefresh, "samples/older", "samples/other", "v1"}} {
		runs = append(runs,
			acrCLIRun{Name: "log in", As: x.as, Args: login},
			acrCLIRun{Name: "list tags", As: x.as, Args: tags},
			acrCLIRun{Name: "list manifests", As: x.as, Args: manifests},
			acrCLIRun{Name: "purge", As: x.as, Args: purge(x.purged)},
			acrCLIRun{Name: "annotate", As: x.as, Args: on("annotate", "--filter", x.annotated+":^v1$", "--concurrency",
				"1", "--artifact-type",
				"application/vnd.microsoft.artifact.lifecycle", "--annotations",
				"vnd.microsoft.artifact.lifecycle.end-of-life.date=2026-01-01")},
			acrCLIRun{Name: "delete a tag", As: x.as, Args: on("tag", "delete", "--repository", "samples/app", x.tag)},
		)
	}
	return append(runs,
		acrCLIRun{Name: "log in", As: byScoped, Args: login},
		acrCLIRun{Name: "list tags", As: byScoped, Args: tags, Exit: 1},
		acrCLIRun{Name: "list tags", ABAC: true, As: byRefresh, Args: tags},
		acrCLIRun{Name: "list manifests", ABAC: true, As: byRefresh, Args: manifests},
		acrCLIRun{Name: "purge", ABAC: true, As: byRefresh, Args: purge("samples/old")},
	)
}

// TestACRCLI has Microsoft's acr-cli list, purge and annotate: as a service principal,
// whose Basic it sends straight to the API, with an ACR refresh token, for which it asks
// for all repositories at once, and on a registry in ABAC mode, where it asks for each.
// With a scope-mapped token it is refused, as at the service.
func TestACRCLI(t *testing.T) {
	program := os.Getenv(acrCLIVariable)
	if *update && program == "" {
		t.Logf("%s is not set: the fixture stays as it is", acrCLIVariable)
	}
	var fixture []acrCLIRun
	data, err := os.ReadFile(acrCLIFixture)
	if err == nil {
		err = json.Unmarshal(data, &fixture)
	}
	if err != nil && (program == "" || !*update) {
		t.Fatal(err)
	}
	abac := strings.Replace(acrCLISeed, "role: Owner}]", "role: Container Registry Repository Contributor}, "+
		"{clientId: 22222222-2222-2222-2222-222222222222, role: Container Registry Repository Catalog Lister}]\n    "+
		"roleAssignmentMode: AbacRepositoryPermissions", 1)
	servers := map[bool]*emulatorProcess{}
	for inABAC, seed := range map[bool]string{false: acrCLISeed, true: abac} {
		e, err := startEmulator(filepath.Join(t.TempDir(), "data"), seed, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.stop)
		servers[inABAC] = e
	}
	if program != "" {
		var seen []acrCLIRun
		for _, r := range acrCLIRuns() {
			ran := r.run(t, program, servers[r.ABAC])
			if ran.Exit != r.Exit {
				t.Errorf("%s as %s: exit %d, want %d\n%s", r.Name, r.As, ran.Exit, r.Exit,
					strings.Join(ran.Output, "\n"))
			}
			seen = append(seen, ran)
		}
		if *update {
			writeACRCLI(t, seen)
			return
		}
		for i, r := range seen {
			// What it annotates with has the time in it, so that digests differ.
			got, want := digestRE.ReplaceAllString(strings.Join(r.Output, "\n"), "D"), ""
			if i < len(fixture) {
				want = digestRE.ReplaceAllString(strings.Join(fixture[i].Output, "\n"), "D")
			}
			if got != want {
				t.Errorf("%s as %s printed\n%s\nand the fixture has\n%s", r.Name, r.As, got, want)
			}
		}
		return
	}
	want := acrCLIRuns()
	if len(fixture) != len(want) {
		t.Fatalf("%s has %d runs, want %d: write it with -update", acrCLIFixture, len(fixture), len(want))
	}
	for i, r := range fixture {
		t.Run(fmt.Sprintf("%s as %s, ABAC mode %v", r.Name, r.As, r.ABAC), func(t *testing.T) {
			if r.Name != want[i].Name || r.As != want[i].As || r.ABAC != want[i].ABAC ||
				!slices.Equal(r.Args, want[i].Args) {
				t.Fatalf("run %d is of other arguments: write the fixture with -update", i)
			}
			if r.Exit != want[i].Exit {
				t.Errorf("it ended with %d:\n%s", r.Exit, strings.Join(r.Output, "\n"))
			}
			r.replay(t, servers[r.ABAC])
		})
	}
}

func writeACRCLI(t *testing.T, runs []acrCLIRun) {
	t.Helper()
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(runs)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(acrCLIFixture), 0o755)
	}
	if err == nil {
		err = os.WriteFile(acrCLIFixture, data.Bytes(), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// placeholders in the fixture for what differs from run to run.
const (
	serverPlace  = "myregistry.azurecr.io"
	refreshPlace = "REFRESH_TOKEN"

	// In arguments.
	userPlace     = "USER"
	passwordPlace = "PASSWORD"
)

// run runs the program against the emulator, and notes what it sends.
func (r acrCLIRun) run(t *testing.T, program string, e *emulatorProcess) acrCLIRun {
	t.Helper()
	var mu sync.Mutex
	secrets := map[string]string{}
	host := ""
	server := relay(t, &sdkServer{emulatorProcess: e, url: "https://" + e.host, ca: e.caFile},
		func(req *http.Request, body []byte, w *statusWriter) {
			mu.Lock()
			defer mu.Unlock()
			text := strings.ReplaceAll(string(body), url.QueryEscape(host), serverPlace)
			for secret, place := range secrets {
				text = strings.ReplaceAll(text, url.QueryEscape(secret), place)
			}
			target := strings.ReplaceAll(uploadTarget(req.URL), url.QueryEscape(host), serverPlace)
			r.Requests = append(r.Requests,
				acrCLIRequest{req.Method, target, describeAuth(req.Header.Get("Authorization")),
					strings.Join(req.Header.Values("Accept"), ", "),
					req.Header.Get("Content-Type"), text, w.status})
		})
	host = strings.TrimPrefix(server.url, "https://")
	who := r.credential(t, e)
	if r.As == byRefresh {
		secrets[who.password] = refreshPlace
	}
	args := slices.Clone(r.Args)
	for i, arg := range args {
		switch arg {
		case serverPlace:
			args[i] = host
		case userPlace:
			args[i] = who.name
		case passwordPlace:
			args[i] = who.password
		}
	}
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = []string{"HOME=" + home, "DOCKER_CONFIG=" + home, "TMPDIR=" + home, "SSL_CERT_FILE=" + server.ca,
		"ACR_EXPERIMENTAL_ANNOTATE=true"}
	out, err := cmd.CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	r.Exit = cmd.ProcessState.ExitCode()
	for line := range strings.Lines(strings.NewReplacer(host, serverPlace, home, "HOME").Replace(string(out))) {
		r.Output = append(r.Output, strings.TrimRight(line, "\n"))
	}
	mu.Lock()
	defer mu.Unlock()
	return r
}

// credential returns the name and password that acr-cli is given.
func (r acrCLIRun) credential(t *testing.T, e *emulatorProcess) token {
	t.Helper()
	switch r.As {
	case byRefresh:
		return token{"00000000-0000-0000-0000-000000000000", e.refreshToken(t, acrCLIPrincipal)}
	case byScoped:
		return acrCLIScoped
	}
	return acrCLIPrincipal
}

// uploadTarget leaves out of the address of an upload what its server gave.
func uploadTarget(u *url.URL) string {
	if !u.Query().Has("_state") {
		return u.RequestURI()
	}
	return "UPLOAD?digest=" + u.Query().Get("digest")
}

// refreshToken exchanges an Entra token of a principal.
func (e *emulatorProcess) refreshToken(t *testing.T, who token) string {
	t.Helper()
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	entra := e.mustSend(t, http.MethodPost, "/"+sdkTenant+"/oauth2/v2.0/token", form,
		strings.NewReader(url.Values{"grant_type": {"client_credentials"},
			"client_id": {who.name}, "client_secret": {who.password},
			"scope": {"https://containerregistry.azure.net/.default"}}.Encode()))
	a := e.mustSend(t, http.MethodPost, "/oauth2/exchange", form,
		strings.NewReader(url.Values{"grant_type": {"access_token"}, "service": {e.host},
			"access_token": {field(t, entra, "access_token")}}.Encode()))
	return field(t, a, "refresh_token")
}

func field(t *testing.T, a answer, name string) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(a.body, &fields); err != nil {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	value, _ := fields[name].(string)
	if value == "" {
		t.Fatalf("%d %s: no %s", a.status, a.body, name)
	}
	return value
}

var digestRE = regexp.MustCompile(`sha256:[0-9a-f]{64}`)

// printedRE finds what acr-cli says that it listed, deleted or annotated.
var printedRE = regexp.MustCompile(regexp.QuoteMeta(serverPlace) + `/([a-z/]+)(?::([\w.-]+)|@(sha256:[0-9a-f]{64}))`)

// replay sends what acr-cli sent, and compares what it acts on: the status of each
// answer, that the tags and digests it printed are in them, and that a list with
// nothing in it is no empty list, on which it panics.
func (r acrCLIRun) replay(t *testing.T, e *emulatorProcess) {
	t.Helper()
	who, location := r.credential(t, e), ""
	access := map[string]string{} // by what it grants
	var said strings.Builder
	for _, q := range r.Requests {
		header := http.Header{}
		for name, value := range map[string]string{"Accept": q.Accept, "Content-Type": q.ContentType} {
			if value != "" {
				header.Set(name, value)
			}
		}
		switch q.Auth {
		case "-":
		case "Basic":
			header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(who.name+":"+who.password)))
		default:
			if access[q.Auth] == "" {
				t.Fatalf("%s %s: no token is %s; there are %q", q.Method, q.Target, q.Auth,
					slices.Sorted(maps.Keys(access)))
			}
			header.Set("Authorization", "Bearer "+access[q.Auth])
		}
		target := q.Target
		if digest, ok := strings.CutPrefix(target, "UPLOAD?digest="); ok {
			target = location + "&digest=" + digest
		}
		here := strings.NewReplacer(serverPlace, url.QueryEscape(e.host), refreshPlace, who.password)
		a := e.mustSend(t, q.Method, here.Replace(target), header, strings.NewReader(here.Replace(q.Body)))
		if a.status != q.Status {
			t.Fatalf("%s %s: %d %s, and acr-cli got %d", q.Method, q.Target, a.status, a.body, q.Status)
		}
		if strings.HasPrefix(q.Target, "/oauth2/token") {
			value := field(t, a, "access_token")
			access[describeAuth("Bearer "+value)] = value
			continue
		}
		if l := a.header.Get("Location"); l != "" {
			location = l
		}
		checkNoEmptyList(t, q.Target, a.body)
		said.WriteString(q.Target)
		said.Write(a.body)
	}
	printed := printedRE.FindAllStringSubmatch(strings.Join(r.Output, "\n"), -1)
	if len(printed) == 0 && r.Exit == 0 && !slices.Contains(r.Output, "Login Succeeded") {
		t.Errorf("it printed nothing of the registry's:\n%s", strings.Join(r.Output, "\n"))
	}
	for _, m := range printed {
		if name := m[2] + m[3]; !strings.Contains(said.String(), name) {
			t.Errorf("no answer holds %s, which it printed", m[0])
		}
	}
}

// checkNoEmptyList: acr-cli takes the last of a list that is there.
func checkNoEmptyList(t *testing.T, target string, body []byte) {
	t.Helper()
	if !strings.HasPrefix(target, "/acr/v1/") {
		return
	}
	var page map[string]any
	if json.Unmarshal(body, &page) != nil {
		return
	}
	for _, name := range []string{"tags", "manifests", "repositories"} {
		if list, ok := page[name].([]any); ok && len(list) == 0 {
			t.Errorf("%s: %q is an empty list: %s", target, name, body)
		}
	}
}
