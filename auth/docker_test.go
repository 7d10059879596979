package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

// This test binary is its own credential helper, under the names that helpers
// links to it.
func TestMain(m *testing.M) {
	if mode, ok := strings.CutPrefix(filepath.Base(os.Args[0]), "docker-credential-"); ok {
		os.Exit(beHelper(mode))
	}
	os.Exit(m.Run())
}

func beHelper(mode string) int {
	host, _ := io.ReadAll(os.Stdin)
	if log := os.Getenv("ACRKIT_TEST_HELPER_LOG"); log != "" {
		f, err := os.OpenFile(log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 2
		}
		_, _ = fmt.Fprintf(f, "%s %s %s\n", mode, strings.Join(os.Args[1:], " "), host)
		_ = f.Close()
	}
	say := func(s string) { _, _ = io.WriteString(os.Stdout, s) }
	switch mode {
	case "good":
		say(`{"ServerURL":"` + string(host) + `","Username":"ci","Secret":"correct-horse"}` + "\n")
	case "wrong":
		say(`{"Username":"ci","Secret":"wrong-horse"}`)
	case "token":
		say(`{"Username":"<token>","Secret":"opaque-refresh"}`)
	case "notfound":
		say("credentials not found in native keychain\n")
		return 1
	case "fails":
		say("error: Cannot autolaunch D-Bus without X11\n")
		return 1
	case "leaks":
		say(`{"Username":"ci","Secret":"correct-horse"}`)
		_, _ = io.WriteString(os.Stderr, "correct-horse")
		return 3
	case "garbage":
		say("correct-horse")
	case "halfuser":
		say(`{"Username":"ci"}`)
	case "halfsecret":
		say(`{"Secret":"correct-horse"}`)
	case "empty":
		say(`{}`)
	case "huge":
		for { // until the reader has gone
			if _, err := os.Stdout.WriteString(strings.Repeat("correct-horse", 1000)); err != nil {
				return 0
			}
		}
	case "leaves": // a child that holds the output
		self, err := os.Executable()
		if err != nil {
			return 2
		}
		child := exec.Cmd{Path: self, Args: []string{"docker-credential-linger"}, Stdout: os.Stdout,
			Env: append(os.Environ(), "ACRKIT_TEST_HELPER_LOG=")}
		if child.Start() != nil {
			return 2
		}
		say(`{"Username":"ci","Secret":"correct-horse"}`)
	case "linger": // until the reader has gone
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if _, err := os.Stdout.WriteString("\n"); err != nil {
				return 0
			}
		}
	case "hang":
		time.Sleep(20 * time.Second) // it is killed long before
	}
	return 0
}

// helpers puts the helpers into a PATH of their own and returns the log of calls.
func helpers(t *testing.T) func() string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Fatal("the helpers are links, which this test does not make on Windows")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"good", "wrong", "token", "notfound", "fails", "leaks", "garbage", "halfuser",
		"halfsecret", "empty", "huge", "leaves", "hang"} {
		if err := os.Symlink(self, filepath.Join(dir, "docker-credential-"+name)); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(dir, "log")
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else each helper of a race test lives a second longer
	t.Setenv("PATH", dir)
	t.Setenv("ACRKIT_TEST_HELPER_LOG", log)
	return func() string {
		data, _ := os.ReadFile(log)
		_ = os.Remove(log)
		return string(data)
	}
}

func basic(pair string) string {
	return fmt.Sprintf(`{"auth":%q}`, base64.StdEncoding.EncodeToString([]byte(pair)))
}

func auths(entries ...string) string {
	var b strings.Builder
	for i := 0; i < len(entries); i += 2 {
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, "%q:%s", entries[i], entries[i+1])
	}
	return `{"auths":{` + b.String() + `}}`
}

func TestDockerConfig(t *testing.T) {
	called := helpers(t)
	dir := t.TempDir()
	good := basic("ci:correct-horse")
	refresh := jwt(map[string]any{"iss": "Azure Container Registry", "grant_type": "refresh_token", "aud": testHost})
	const missing, usage = acrkit.CodeCredentialMissing, acrkit.CodeUsage
	for _, tt := range []struct {
		name, config string
		code         acrkit.Code
		text         string
		calls        string
	}{
		{"auth", auths(testHost, good), "", "", ""},
		{"URL", auths("https://"+testHost, good), "", "", ""},
		{"old URL", auths("https://"+testHost+"/v2/", good), "", "", ""},
		{"slash", auths(testHost+"/", good), "", "", ""},
		{"upper case", auths("MyRegistry.azurecr.io", good), "", "", ""},
		{"host before URL", auths("https://"+testHost, basic("ci:wrong-horse"), testHost, good), "", "", ""},
		{"user and password", auths(testHost, `{"username":"ci","password":"correct-horse"}`), "", "", ""},
		{"padded", auths(testHost, basic("ci:correct-horse\x00\x00")), "", "", ""},
		{"identity token",
			auths(testHost, `{"auth":"`+
				base64.StdEncoding.EncodeToString([]byte("00000000-0000-0000-0000-000000000000:"))+
				`","identitytoken":"opaque-refresh"}`), "", "", ""},
		{"zero user", auths(testHost, basic("00000000-0000-0000-0000-000000000000:opaque-refresh")), "", "", ""},
		{"token of az acr login", auths(testHost, basic("00000000-0000-0000-0000-000000000000:"+refresh)), "", "", ""},
		{"others are malformed", auths("other.example", `7`, "other.azurecr.io", `{"auth":"%"}`, testHost, good),
			"", "", ""},
		{"helper", `{"credHelpers":{"` + testHost + `":"good"}}`, "", "", "good get " + testHost + "\n"},
		{"store", `{"auths":{"` + testHost + `":{}},"credsStore":"good"}`, "", "", "good get " + testHost + "\n"},
		{"helper before store", `{"credHelpers":{"` + testHost + `":"good"},"credsStore":"fails"}`, "", "",
			"good get " + testHost + "\n"},
		{"identity token of a helper", `{"credsStore":"token"}`, "", "", "token get " + testHost + "\n"},
		{"helper has none, auths has", `{"credsStore":"notfound","auths":{"` + testHost + `":` + good + `}}`, "", "",
			"notfound get " + testHost + "\n"},

		{"no file", "", missing, "none for this registry", ""},
		{"empty file", " ", missing, "none for this registry", ""},
		{"nothing", `{}`, missing, "", ""},
		{"null", `null`, missing, "", ""},
		{"another host", auths("other.azurecr.io", good), missing, "", ""},
		{"look-alikes", auths(testHost+".evil.example", good, "x"+testHost, good, testHost+":8443", good, "https://"+
			testHost+"@evil.example", good, "myregistry", good, "*.azurecr.io", good), missing, "", ""},
		{"another port", auths(testHost+":5000", good), missing, "", ""},
		{"empty entry", auths(testHost, `{}`), missing, "", ""},
		{"null entry", auths(testHost, `null`), missing, "", ""},
		{"helper for another host", `{"credHelpers":{"other.azurecr.io":"good"}}`, missing, "", ""},
		{"helper has none", `{"credsStore":"notfound"}`, missing, "", "notfound get " + testHost + "\n"},
		{"helper gives nothing", `{"credsStore":"empty"}`, missing, "", "empty get " + testHost + "\n"},

		{"no JSON", `{"auths":{"` + testHost + `":{"auth":correct-horse`, usage, "it is not JSON, at byte", ""},
		{"a list", `["correct-horse"]`, usage, "not JSON as Docker", ""},
		{"auths is a text", `{"auths":"correct-horse"}`, usage, "not JSON as Docker", ""},
		{"entry is a text", auths(testHost, `"correct-horse"`), usage, "is not an object", ""},
		{"no base64", auths(testHost, `{"auth":"correct-horse!"}`), usage, "not base64", ""},
		{"no colon", auths(testHost, basic("correct-horse")), usage, "without a colon", ""},
		{"no password", auths(testHost, basic("ci:")), usage, "a user name and no password", ""},
		{"no user", auths(testHost, basic(":correct-horse")), usage, "a password and no user name", ""},
		{"registry token", auths(testHost, `{"registrytoken":"correct-horse"}`), usage, "registrytoken", ""},
		{"line feed", auths(testHost, basic("ci:correct-horse\n")), usage, "white space", ""},
		{"another registry's token",
			auths(testHost, basic("x:"+
				jwt(map[string]any{"iss": "Azure Container Registry", "aud": "other.azurecr.io"}))),
			acrkit.CodeHostRefused, "other.azurecr.io", ""},
		{"too large", `{"a":"` + strings.Repeat("correct-horse", 100_000) + `"}`, acrkit.CodeTooLarge,
			"larger than the limit", ""},
		{"wrong", auths(testHost, basic("ci:wrong-horse")), acrkit.CodeCredentialRejected, "it is from ", ""},
		{"helper is wrong", `{"credsStore":"wrong"}`, acrkit.CodeCredentialRejected, "docker-credential-wrong",
			"wrong get " + testHost + "\nwrong get " + testHost + "\n"},
		{"helper fails", `{"credsStore":"fails"}`, usage,
			`docker-credential-fails: it failed with exit status 1 and says "error: Cannot autolaunch D-Bus`,
			"fails get " + testHost + "\n"},
		{"helper fails, auths has", `{"credsStore":"fails","auths":{"` + testHost + `":` + good + `}}`, usage,
			"docker-credential-fails", "fails get " + testHost + "\n"},
		{"helper leaks", `{"credsStore":"leaks"}`, usage, "docker-credential-leaks: it failed with exit status 3",
			"leaks get " + testHost + "\n"},
		{"helper gives garbage", `{"credsStore":"garbage"}`, acrkit.CodeProtocol, "docker-credential-garbage",
			"garbage get " + testHost + "\n"},
		{"helper gives half", `{"credsStore":"halfuser"}`, acrkit.CodeProtocol, "no secret", "halfuser get " +
			testHost + "\n"},
		{"helper gives the other half", `{"credsStore":"halfsecret"}`, acrkit.CodeProtocol, "no user name",
			"halfsecret get " + testHost + "\n"},
		{"helper never stops", `{"credsStore":"huge"}`, acrkit.CodeTooLarge, "docker-credential-huge", "huge get " +
			testHost + "\n"},
		{"no such helper", `{"credsStore":"desktop"}`, usage, "docker-credential-desktop: there is no such program",
			""},
		{"helper with a path", `{"credsStore":"../good"}`, usage, "paths are not accepted", ""},
		{"helper with an option", `{"credsStore":"-good"}`, usage, "paths are not accepted", ""},
		{"helper is a number", `{"credHelpers":{"` + testHost + `":7}}`, usage, "is not a text", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(dir, strings.ReplaceAll(tt.name, " ", "-"))
			if tt.config != "" {
				write(t, file, tt.config)
			}
			f, rt, _ := setup(t, auth.DockerConfig(file))
			f.issued["opaque-refresh"], f.issued[refresh] = issued{}, issued{}
			_, err := rt.Token(t.Context(), acrkit.CatalogScope())
			if !(tt.code == "" && err == nil || errors.Is(err, tt.code)) || err != nil &&
				!strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %s %q", err, tt.code, tt.text)
			}
			if diff := difftest.Diff(tt.calls, called()); diff != "" {
				t.Error(diff)
			}
			if shown := dump(err) + dump(rt) + dump(rt.Credential()); strings.Contains(shown, "-horse") ||
				strings.Contains(shown, "opaque-refresh") || strings.Contains(shown, "eyJ") {
				t.Errorf("a secret is shown: %.600s", shown)
			}
			if sent := f.took(); tt.code != "" && tt.code != acrkit.CodeCredentialRejected && len(sent) > 0 {
				t.Errorf("sent %q", sent)
			}
		})
	}
}

// podman's keys with repositories: the longest prefix, across both files.
func TestDockerConfig_repositories(t *testing.T) {
	dir := t.TempDir()
	docker, podman := filepath.Join(dir, "config.json"), filepath.Join(dir, "auth.json")
	write(t, docker, auths(testHost, basic("rest:pw-rest")))
	write(t, podman, auths(testHost+"/team", basic("team:pw-team"), testHost+"/team/app", basic("app:pw-app"),
		testHost, basic("shadowed:pw-shadowed"), "other.azurecr.io/other", basic("other:pw-other"), "https://"+testHost+
			"/other", basic("other:pw-other")))
	f, rt, _ := setup(t, auth.DockerConfig(docker, podman))
	everyone(f, "app", "team", "rest")
	var u users
	u.watch(f)
	for path, want := range map[string]string{"team/app": "app", "team/app/deep": "app", "team/base": "team",
		"teamwork": "rest", "other": "rest"} {
		wantStatus(t, do(t, rt, "GET", "/v2/"+path+"/manifests/v1", ""), 200)
		if diff := difftest.Diff([]string{want + " repository:" + path + ":pull"}, u.took()); diff != "" {
			t.Error(diff)
		}
	}
}

// A new login reaches a running client when the old one is refused.
func TestDockerConfig_newLogin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	write(t, file, auths(testHost, basic("ci:correct-horse")))
	f, rt, _ := setup(t, auth.DockerConfig(file))
	if _, err := rt.Token(t.Context(), mustScope("repository:team:pull")); err != nil {
		t.Fatal(err)
	}
	f.setPasswords("new-horse")
	rename(t, file, auths(testHost, basic("ci:new-horse")))
	if _, err := rt.Token(t.Context(), mustScope("repository:team/app:pull")); err != nil {
		t.Fatal(err)
	}
	// Where the file has nothing newer, the refused password is sent once.
	f.setPasswords("newer-horse")
	f.took()
	if _, err := rt.Token(t.Context(), mustScope("repository:other:pull")); !errors.Is(err,
		acrkit.CodeCredentialRejected) {
		t.Errorf("error %v", err)
	}
	if got := f.took(); len(got) != 1 {
		t.Errorf("sent %q", got)
	}
}

// Without files, the process's own environment says where they are.
func TestDockerConfig_places(t *testing.T) {
	home := t.TempDir()
	write(t, filepath.Join(home, "config.json"), auths(testHost, basic("ci:correct-horse")))
	for _, name := range []string{"DOCKER_AUTH_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
		"HOME", "DOCKER_CONFIG"} {
		t.Setenv(name, filepath.Join(home, "none"))
	}
	t.Setenv("DOCKER_AUTH_CONFIG", "")
	t.Setenv("DOCKER_CONFIG", home)
	_, rt, _ := setup(t, auth.DockerConfig())
	if _, err := rt.Token(t.Context(), mustScope("repository:team:pull")); err != nil {
		t.Error(err)
	}
}

// A helper that hangs ends with its last caller, and leaves a chain no choice.
func TestDockerConfig_helperHangs(t *testing.T) {
	helpers(t)
	file := filepath.Join(t.TempDir(), "config.json")
	write(t, file, `{"credsStore":"hang"}`)
	_, rt, d := setup(t, auth.Chain(auth.DockerConfig(file), ci()))
	ctx, cancel := context.WithCancel(t.Context())
	out := make(chan error, 1)
	go func() {
		_, err := rt.Token(ctx, acrkit.CatalogScope())
		out <- err
	}()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if data, _ := os.ReadFile(os.Getenv("ACRKIT_TEST_HELPER_LOG")); len(data) > 0 {
			break
		}
		runtime.Gosched()
	}
	cancel()
	if err := <-out; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	start := time.Now()
	_ = rt.Close() // waits for the helper's end
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("the helper ended after %s", took)
	}
	if got := d.sentTo(testHost); len(got) != 0 {
		t.Errorf("another credential was sent: %d requests", len(got))
	}
}

// A helper that hangs is ended when its time is over.
func TestHelperTime(t *testing.T) {
	helpers(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := auth.AskHelper(ctx, "hang", testHost); !errors.Is(err, acrkit.CodeUnavailable) ||
		!strings.Contains(err.Error(), "docker-credential-hang: it did not answer within 10s") {
		t.Errorf("error %v", err)
	}
	if err := auth.AskHelper(t.Context(), "../../bin/sh", testHost); !errors.Is(err, acrkit.CodeUsage) {
		t.Errorf("a path: %v", err)
	}
	// Nothing is run from the current directory.
	t.Chdir(os.Getenv("PATH"))
	t.Setenv("PATH", ".")
	if err := auth.AskHelper(t.Context(), "good", testHost); !errors.Is(err, acrkit.CodeUsage) ||
		!strings.Contains(err.Error(), "current directory") {
		t.Errorf("in the current directory: %v", err)
	}
}

// A helper may leave a child, such as an agent, that holds its output: that is read
// for a second more, and the answer counts.
func TestHelperGrace(t *testing.T) {
	helpers(t)
	start := time.Now()
	err := auth.AskHelper(t.Context(), "leaves", testHost)
	if took := time.Since(start); err != nil || took < time.Second || took > 8*time.Second {
		t.Errorf("after %s: %v", took, err)
	}
}

// In a chain, a broken file does not matter while an earlier credential is there;
// where its turn comes, it ends the chain.
func TestDockerConfig_inAChain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	write(t, file, `{`)
	_, rt, _ := setup(t, auth.Chain(ci(), auth.DockerConfig(file)))
	wantStatus(t, do(t, rt, http.MethodGet, "/v2/team/app/manifests/v1", ""), 200)
	_, rt, d := setup(t, auth.Chain(auth.DockerConfig(file), ci()))
	if _, err := rt.Token(t.Context(), acrkit.CatalogScope()); !errors.Is(err, acrkit.CodeUsage) {
		t.Errorf("error %v", err)
	}
	if got := d.sentTo(testHost); len(got) != 0 {
		t.Errorf("%d requests", len(got))
	}
}
