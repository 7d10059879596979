package cli_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"acrkit": func() { os.Exit(cli.Main(os.Args[1:])) },
		"az":     func() { os.Exit(az(os.Args[1:])) },
	})
}

// testSeed is what the registry of the scripts holds. It extends the example by
// tokens whose rights are odd.
const testSeed = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - clientId: 22222222-2222-2222-2222-222222222222
        displayName: build-agent
        secrets: [{value: app-secret}]
      - clientId: 22222222-2222-2222-2222-222222222223
        displayName: stranger
        secrets: [{value: stranger-secret}]
      - clientId: 22222222-2222-2222-2222-222222222224
        displayName: of the other mode
        secrets: [{value: other-mode-secret}]
registries:
  - name: myregistry
    roleAssignments:
      - {clientId: 22222222-2222-2222-2222-222222222224, role: Container Registry Repository Reader}
      - {clientId: 22222222-2222-2222-2222-222222222222, role: AcrPush}
      - {clientId: 22222222-2222-2222-2222-222222222222, role: Reader}
    repositories:
      - name: samples/app
        images: [{tags: [v1, latest], platforms: [linux/amd64, linux/arm64]}, {tags: [v2]}]
      - name: samples/other
        images: [{tags: [v1]}]
      - name: secret
        images: [{tags: [v1]}]
    scopeMaps:
      - name: reader
        actions: [repositories/samples/app/content/read, repositories/samples/app/metadata/read]
      - name: puller
        actions: [repositories/samples/app/content/read]
      - name: wildcard
        actions: [repositories/samples/*/metadata/read, repositories/samples/app/metadata/read]
    tokens:
      - {name: reader, scopeMap: reader, passwords: [{name: password1, value: reader-password-0001}]}
      - {name: puller, scopeMap: puller, passwords: [{name: password1, value: puller-password-0001}]}
      - {name: wildcard, scopeMap: wildcard, passwords: [{name: password1, value: wild-password-000001}]}
      - {name: lister, scopeMap: _repositories_pull_metadata_read, passwords: [{name: password1, value: all-password-0000001}]}
      - {name: disabled, scopeMap: reader, status: disabled, passwords: [{name: password1, value: off-password-0000001}]}
`

// abacSeed is a registry in ABAC mode, for the scripts in testdata/abac.
const abacSeed = `
tenants:
  - id: 11111111-1111-1111-1111-111111111111
    applications:
      - {clientId: 22222222-2222-2222-2222-222222222222, displayName: auditor, secrets: [{value: auditor-secret}]}
      - {clientId: 22222222-2222-2222-2222-222222222223, displayName: puller, secrets: [{value: puller-secret}]}
      - {clientId: 22222222-2222-2222-2222-222222222224, displayName: narrow, secrets: [{value: narrow-secret}]}
      - {clientId: 22222222-2222-2222-2222-222222222225, displayName: roleless, secrets: [{value: roleless-secret}]}
registries:
  - name: myregistry
    roleAssignmentMode: AbacRepositoryPermissions
    roleAssignments:
      - {clientId: 22222222-2222-2222-2222-222222222222, role: Reader}
      - {clientId: 22222222-2222-2222-2222-222222222223, role: AcrPull}
      - clientId: 22222222-2222-2222-2222-222222222224
        role: Container Registry Repository Reader
        condition: "@Request[Microsoft.ContainerRegistry/registries/repositories:name] StringEquals 'samples/app'"
    repositories:
      - {name: samples/app, images: [{tags: [v1]}]}
      - {name: secret, images: [{tags: [v1]}]}
`

// server is an emulator that the commands of a script talk to.
type server struct {
	host, caFile string
}

func startServer(t *testing.T) server {
	t.Helper()
	return startSeed(t, testSeed, nil)
}

// startSeed starts an emulator of a seed; observe, if not nil, sees each request.
func startSeed(t *testing.T, text string, observe func(*http.Request, int)) server {
	t.Helper()
	s, err := seed.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.Open(t.Context(), &emulator.Options{Seed: s, Observe: observe})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, e.Close()); err != nil {
			t.Error(err)
		}
	})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, e.CACertificate(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return server{host: "localhost:" + port, caFile: ca}
}

// environment is what a command gets: nothing of the machine's own.
func (s server) environment(home string) []string {
	_, port, _ := strings.Cut(s.host, ":")
	return []string{
		"HOME=" + home, "XDG_RUNTIME_DIR=" + filepath.Join(home, "run"), "ACR=" + s.host, "PORT=" + port,
		"CA=" + s.caFile, "SSL_CERT_FILE=" + s.caFile,
		"NO_COLOR=", "TENANT=11111111-1111-1111-1111-111111111111", "CLIENT=22222222-2222-2222-2222-222222222222",
		"STRANGER=22222222-2222-2222-2222-222222222223",
	}
}

func TestScripts(t *testing.T) { runScripts(t, startServer(t), "testdata") }

func TestABACScripts(t *testing.T) {
	runScripts(t, startSeed(t, abacSeed, nil), filepath.Join("testdata", "abac"))
}

func runScripts(t *testing.T, s server, dir string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			for _, v := range s.environment(env.WorkDir) {
				name, value, _ := strings.Cut(v, "=")
				env.Setenv(name, value)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":     exits,
			"completes": completes,
			"waitfor":   waitFor,
			"as":        as,
			"docker":    docker,
			"logins":    logins,
		},
	})
}

// exits CODE COMMAND… runs a command and compares its exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code command [args...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		code, ok := errors.AsType[interface {
			error
			ExitCode() int
		}](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = code.ExitCode()
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}

// completes REGEXP WORD… completes a command line until what is offered matches. What the
// registry is asked for has a second, which is too short on a busy machine.
func completes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: completes regexp word...")
	}
	want := regexp.MustCompile("(?m)" + args[0])
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		ts.Check(ts.Exec("acrkit", append([]string{"__complete"}, args[1:]...)...))
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("nothing that is offered matches %s", args[0])
}

// az is the Azure CLI of the scripts: "az account get-access-token" for the client
// AZ_CLIENT with the secret AZ_SECRET; without them no user is signed in. Of the
// emulator it gives only tokens of the emulator's own audience, as Entra would give none.
func az(args []string) int {
	if os.Getenv("AZ_CLIENT") == "" {
		fmt.Fprintln(os.Stderr, "ERROR: Please run 'az login' to setup account.")
		return 1
	}
	i := slices.Index(args, "--resource")
	if i < 0 || i+1 == len(args) || strings.Join(args[:2], " ") != "account get-access-token" {
		fmt.Fprintln(os.Stderr, "ERROR: unrecognized arguments:", args)
		return 2
	}
	if args[i+1] != "https://"+os.Getenv("ACR") {
		fmt.Fprintln(os.Stderr, "ERROR: a token for", args[i+1], "has no business here")
		return 1
	}
	resp, err := http.PostForm("https://"+os.Getenv("ACR")+"/"+os.Getenv("TENANT")+"/oauth2/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {os.Getenv("AZ_CLIENT")},
		"client_secret": {os.Getenv("AZ_SECRET")}, "resource": {args[i+1]},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "ERROR:", err)
		return 1
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer["access_token"] == nil {
		fmt.Fprintln(os.Stderr, "ERROR:", resp.Status, answer["error_description"], err)
		return 1
	}
	fmt.Printf(`{"accessToken":%q,"expires_on":%d}`, answer["access_token"], time.Now().Add(time.Hour).Unix())
	return 0
}

// as TOKEN PASSWORD, as sp CLIENT SECRET, or as anonymous sets the credential.
func as(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range []string{"ACR_NAME", "ACR_TOKEN_NAME", "ACR_TOKEN_PASSWORD", "AZURE_TENANT_ID",
		"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"} {
		ts.Setenv(name, "")
	}
	ts.Setenv("ACR_NAME", ts.Getenv("ACR"))
	switch {
	case len(args) == 3 && args[0] == "sp":
		ts.Setenv("AZURE_AUTHORITY_HOST", "https://"+ts.Getenv("ACR")+"/")
		ts.Setenv("AZURE_TENANT_ID", ts.Getenv("TENANT"))
		ts.Setenv("AZURE_CLIENT_ID", args[1])
		ts.Setenv("AZURE_CLIENT_SECRET", args[2])
	case len(args) == 2:
		ts.Setenv("ACR_TOKEN_NAME", args[0])
		ts.Setenv("ACR_TOKEN_PASSWORD", args[1])
	case len(args) == 1 && args[0] == "anonymous":
	default:
		ts.Fatalf("usage: as token password | as sp client secret | as anonymous")
	}
}

// docker HOME USER PASSWORD writes what "docker login" leaves for the registry.
func docker(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: docker home user password")
	}
	logins(ts, false, []string{filepath.Join(args[0], ".docker", "config.json"), args[1], args[2]})
}

// logins PLACE USER PASSWORD writes a login for the registry, as Docker and podman have
// it, into a file or into the variable DOCKER_AUTH_CONFIG.
func logins(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: logins place user password")
	}
	pair := base64.StdEncoding.EncodeToString([]byte(args[1] + ":" + args[2]))
	text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, ts.Getenv("ACR"), pair)
	if args[0] == "DOCKER_AUTH_CONFIG" {
		ts.Setenv(args[0], text)
		return
	}
	ts.Check(os.MkdirAll(filepath.Dir(ts.MkAbs(args[0])), 0o700))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// waitFor FILE TEXT waits until a file holds a text.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor file text")
	}
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		if data, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && bytes.Contains(data, []byte(args[1])) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("%s does not hold %q", args[0], args[1])
}

// startInBackground starts "emulator start" on a data folder, and ends it with
// the test.
func startInBackground(t *testing.T, s server, dir string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "acrkit", "emulator", "start", "--addr", "127.0.0.1:0", "--data", dir)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, s.environment(t.TempDir())...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // the scripts interrupt
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%v\n%s", err, &out)
		}
	})
	deadline := time.Now().Add(30 * time.Second)
	for {
		if _, err := os.Stat(filepath.Join(dir, "connection.json")); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the emulator does not start")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
