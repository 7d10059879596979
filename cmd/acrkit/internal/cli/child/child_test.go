package child

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/redact"
)

func mustRegistry(t *testing.T, name string) acrkit.Registry {
	t.Helper()
	reg, err := acrkit.ParseRegistry(name)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

// What of the user's own configuration the command gets, and what it does not.
func TestUserConfig(t *testing.T) {
	const ours = `"auths":{"myregistry.azurecr.io":{"auth":"Y2k6cHc="}`
	for _, tc := range []struct {
		name, docker, podman, helm, literal string
		wantDocker, wantPodman              string // without white space
		wantHelm                            string // "" is as podman's, or where that has its own, as Docker's
	}{
		{name: "nothing", wantDocker: `{` + ours + `}}`, wantPodman: `{` + ours + `}}`},
		{name: "empty file", docker: " ", wantDocker: `{` + ours + `}}`, wantPodman: `{` + ours + `}}`},
		{
			name:   "what is no credential stays",
			docker: `{"proxies":{"default":{"httpProxy":"http://p"}},"HttpHeaders":{"X":"y"},"currentContext":"c"}`,
			wantDocker: `{"HttpHeaders":{"X":"y"},` + ours +
				`},"currentContext":"c","proxies":{"default":{"httpProxy":"http://p"}}}`, wantPodman: `{` + ours + `}}`,
		},
		{
			name: "ours is replaced, in all spellings",
			docker: `{"auths":{"MyRegistry.azurecr.io":{"auth":"b2xk"},"https://myregistry.azurecr.io":{"auth":"b2xk"},"https://myregistry.azurecr.io/v2/":{"auth":"b2xk"},` +
				`"myregistry.azurecr.io/team":{"auth":"b2xk"},"myregistry.azurecr.io":{"auth":"b2xk"}},"credHelpers":{"myregistry.azurecr.io":"old"}}`,
			podman:     `{"auths":{"myregistry.azurecr.io/team/app":{"auth":"b2xk"}}}`,
			wantDocker: `{` + ours + `}}`, wantPodman: `{` + ours + `}}`,
		},
		{
			name:   "other hosts stay, look-alikes and ports too",
			docker: `{"auths":{"myregistry.azurecr.io.example":{"auth":"eA=="},"myregistry.azurecr.io:8443":{"auth":"eQ=="}},"credHelpers":{"gcr.io":"gcloud"}}`,
			wantDocker: `{` + ours +
				`,"myregistry.azurecr.io.example":{"auth":"eA=="},"myregistry.azurecr.io:8443":{"auth":"eQ=="}},"credHelpers":{"gcr.io":"gcloud"}}`,
			wantPodman: `{` + ours +
				`,"myregistry.azurecr.io.example":{"auth":"eA=="},"myregistry.azurecr.io:8443":{"auth":"eQ=="}},"credHelpers":{"gcr.io":"gcloud"}}`,
		},
		{
			name:       "the helper for all is one for each other host",
			docker:     `{"credsStore":"desktop","auths":{"myregistry.azurecr.io":{},"ghcr.io":{},"gcr.io":{}},"credHelpers":{"gcr.io":"gcloud"}}`,
			wantDocker: `{"auths":{"gcr.io":{},"ghcr.io":{},"myregistry.azurecr.io":{"auth":"Y2k6cHc="}},"credHelpers":{"gcr.io":"gcloud","ghcr.io":"desktop"}}`,
			wantPodman: `{"auths":{"gcr.io":{},"ghcr.io":{},"myregistry.azurecr.io":{"auth":"Y2k6cHc="}},"credHelpers":{"gcr.io":"gcloud","ghcr.io":"desktop"}}`,
		},
		{
			name:       "podman's own goes first for podman",
			docker:     `{"auths":{"ghcr.io":{"auth":"ZG9ja2Vy"},"quay.io":{"auth":"cQ=="}}}`,
			podman:     `{"auths":{"ghcr.io":{"auth":"cG9kbWFu"}}}`,
			wantDocker: `{"auths":{"ghcr.io":{"auth":"ZG9ja2Vy"},"myregistry.azurecr.io":{"auth":"Y2k6cHc="},"quay.io":{"auth":"cQ=="}}}`,
			wantPodman: `{"auths":{"ghcr.io":{"auth":"cG9kbWFu"},"myregistry.azurecr.io":{"auth":"Y2k6cHc="},"quay.io":{"auth":"cQ=="}}}`,
		},
		{
			name:       "helm's own goes first for helm",
			docker:     `{"auths":{"ghcr.io":{"auth":"ZG9ja2Vy"}}}`,
			helm:       `{"auths":{"ghcr.io":{"auth":"aGVsbQ=="},"myregistry.azurecr.io":{"auth":"b2xk"}},"credHelpers":{"myregistry.azurecr.io":"old"}}`,
			wantDocker: `{"auths":{"ghcr.io":{"auth":"ZG9ja2Vy"},"myregistry.azurecr.io":{"auth":"Y2k6cHc="}}}`,
			wantPodman: `{"auths":{"ghcr.io":{"auth":"ZG9ja2Vy"},"myregistry.azurecr.io":{"auth":"Y2k6cHc="}}}`,
			wantHelm:   `{"auths":{"ghcr.io":{"auth":"aGVsbQ=="},"myregistry.azurecr.io":{"auth":"Y2k6cHc="}}}`,
		},
		{
			name:       "a text of logins goes first",
			literal:    `{"auths":{"ghcr.io":{"auth":"dGV4dA=="},"myregistry.azurecr.io":{"auth":"b2xk"}}}`,
			docker:     `{"auths":{"ghcr.io":{"auth":"ZmlsZQ=="}}}`,
			wantDocker: `{"auths":{"ghcr.io":{"auth":"dGV4dA=="},"myregistry.azurecr.io":{"auth":"Y2k6cHc="}}}`,
			wantPodman: `{"auths":{"ghcr.io":{"auth":"dGV4dA=="},"myregistry.azurecr.io":{"auth":"Y2k6cHc="}}}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.docker != "" {
				write(t, filepath.Join(dir, "config.json"), tc.docker)
			}
			podman := filepath.Join(dir, "podman.json")
			if tc.podman != "" {
				write(t, podman, tc.podman)
			}
			helm := filepath.Join(dir, "helm.json")
			if tc.helm != "" {
				write(t, helm, tc.helm)
			}
			wantHelm := tc.wantHelm
			switch {
			case wantHelm != "":
			case tc.podman != "":
				wantHelm = tc.wantDocker // podman's file is nothing to helm
			default:
				wantHelm = tc.wantPodman
			}
			reg := mustRegistry(t, "myregistry")
			c, err := ReadUserConfig(env(envDocker, dir, envPodman, podman, envHelm, helm, envLiteral, tc.literal), reg)
			if err != nil {
				t.Fatal(err)
			}
			docker, auths, charts, err := c.documents(reg, auth.Login{User: "ci", Password: redact.NewSecret("pw")})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tc.wantDocker, tc.wantPodman, wantHelm},
				[]string{compact(t, docker), compact(t, auths), compact(t, charts)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func compact(t *testing.T, data []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestUserConfig_broken(t *testing.T) {
	for name, content := range map[string]string{
		"no JSON": `{"auths":{"x":{"auth":"hunter2`, "list": `["hunter2"]`, "auths": `{"auths":"hunter2"}`,
		"helpers":   `{"credHelpers":{"x":7}}`,
		"too large": `{"x":"` + strings.Repeat("hunter2", 200_000) + `"}`,
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "config.json"), content)
		_, err := ReadUserConfig(env(envDocker, dir), mustRegistry(t, "myregistry"))
		if acrkit.CodeOf(err) != acrkit.CodeUsage && !errors.Is(err, acrkit.CodeTooLarge) ||
			!strings.Contains(err.Error(), "config.json") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadUserConfig(env(), mustRegistry(t, "myregistry")); err != nil {
		t.Errorf("no home: %v", err)
	}
}

func TestFolder(t *testing.T) {
	parent, own := t.TempDir(), t.TempDir()
	write(t, filepath.Join(own, "config.json"), `{}`)
	write(t, filepath.Join(own, "contexts", "meta", "x.json"), `{}`)
	write(t, filepath.Join(own, "key.pem"), `secret`)
	d, err := makeFolder(parent)
	if err != nil {
		t.Fatal(err)
	}
	reg := mustRegistry(t, "myregistry")
	c, err := ReadUserConfig(env(envDocker, own), reg)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Write(c, reg, auth.Login{User: "ci", Password: redact.NewSecret("pw")}),
		d.Link(c)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(d.Path, "contexts", "meta", "x.json")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(d.Path, "key.pem")); err == nil {
		t.Error("a file that is not ours is carried over")
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "config.json": 0o600, "auth.json": 0o600} {
		if info, err := os.Stat(filepath.Join(d.Path, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v, want %v", name, info, err, want)
		}
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(d.Path, past, past); err != nil {
		t.Fatal(err)
	}
	removeLeftovers(parent)
	if _, err := os.Stat(d.Path); err != nil {
		t.Errorf("a folder in use was removed: %v", err)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(parent); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := os.Stat(filepath.Join(own, "contexts", "meta", "x.json")); err != nil {
		t.Errorf("what a link led to was removed: %v", err)
	}
}

// What a killed run left goes; what is being made, is another's, or only looks
// like it stays.
func TestRemoveLeftovers(t *testing.T) {
	parent := t.TempDir()
	past := time.Now().Add(-time.Hour)
	for _, f := range []struct {
		name       string
		lock, aged bool
		stays      bool
	}{
		{"acrkit-run-1", true, true, false},
		{"acrkit-run-2", false, true, false},
		{"acrkit-run-3", true, false, true}, // a moment old
		{"acrkit-run-4", false, false, true},
		{"acrkit-run-5x", true, true, true},
		{"acrkit-runner", true, true, true},
		{"other", true, true, true},
	} {
		dir := filepath.Join(parent, f.name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if f.lock {
			write(t, filepath.Join(dir, lockName), "")
		}
		if f.aged {
			if err := os.Chtimes(dir, past, past); err != nil {
				t.Fatal(err)
			}
		}
		defer func() {
			if _, err := os.Stat(dir); (err == nil) != f.stays {
				t.Errorf("%s: there is %t, want %t", f.name, err == nil, f.stays)
			}
		}()
	}
	target := t.TempDir()
	write(t, filepath.Join(target, "kept"), "")
	if err := os.Symlink(target, filepath.Join(parent, "acrkit-run-9")); err != nil {
		t.Fatal(err)
	}
	removeLeftovers(parent)
	if _, err := os.Stat(filepath.Join(target, "kept")); err != nil {
		t.Error(err)
	}
	removeLeftovers(filepath.Join(parent, "gone"))
}

func TestRemoveLeftovers_bound(t *testing.T) {
	parent, past := t.TempDir(), time.Now().Add(-time.Hour)
	for i := range maxLeftovers + 10 {
		dir := filepath.Join(parent, fmt.Sprintf("acrkit-run-%d", i))
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chtimes(dir, past, past)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{10, 0} {
		removeLeftovers(parent)
		if left, _ := os.ReadDir(parent); len(left) != want {
			t.Errorf("%d left, want %d", len(left), want)
		}
	}
}

func TestRuntimeDir(t *testing.T) {
	dir := t.TempDir()
	for value, want := range map[string]string{dir: dir, "": os.TempDir(), "relative": os.TempDir(),
		"/does/not/exist": os.TempDir()} {
		if got := runtimeDir(env("XDG_RUNTIME_DIR", value)); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

func TestEnvironment(t *testing.T) {
	env := []string{"A=1", "DOCKER_CONFIG=/old", "REGISTRY_AUTH_FILE=/old", "ACR_TOKEN_NAME=ci", "ACR_TOKEN_PASSWORD=x",
		"HELM_REGISTRY_CONFIG=/old",
		`DOCKER_AUTH_CONFIG={"auths":{}}`, "DOCKER_CONFIG_X=2"}
	own := []string{"DOCKER_CONFIG_X=2", "DOCKER_CONFIG=/run/x", "REGISTRY_AUTH_FILE=" +
		filepath.Join("/run/x", "auth.json"),
		"HELM_REGISTRY_CONFIG=" + filepath.Join("/run/x", "helm.json")}
	for keep, before := range map[bool][]string{false: {"A=1"}, true: {"A=1", "ACR_TOKEN_NAME=ci",
		"ACR_TOKEN_PASSWORD=x"}} {
		if diff := cmp.Diff(append(before, own...), (&Folder{Path: "/run/x"}).Environment(env, keep)); diff != "" {
			t.Errorf("secrets kept: %t: %s", keep, diff)
		}
	}
}

func FuzzUserConfig(f *testing.F) {
	for _, s := range []string{`{}`,
		`{"auths":{"myregistry.azurecr.io":{"auth":"eA=="},"ghcr.io":{}},"credsStore":"x"}`,
		`{"credHelpers":{"a":"b"}}`, `null`, `[]`, ``} {
		f.Add([]byte(s))
	}
	reg, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, why := parseConfig(data)
		if why != "" {
			return
		}
		l := newLogins()
		l.add(doc, reg)
		c := &UserConfig{logins: l, podman: newLogins(), helm: l}
		c.podman.merge(l)
		docker, podman, helm, err := c.documents(reg, auth.Login{User: "ci", Password: redact.NewSecret("pw")})
		if err != nil {
			t.Fatal(err)
		}
		for _, out := range [][]byte{docker, podman, helm} {
			var got struct {
				Auths       map[string]json.RawMessage
				CredHelpers map[string]string
			}
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			// Exactly one way in for the registry, which is ours.
			for key, entry := range got.Auths {
				if isOf(key, reg) && (key != reg.Host() || compact(t, entry) != `{"auth":"Y2k6cHc="}`) {
					t.Errorf("%q: %s", key, entry)
				}
			}
			for key := range got.CredHelpers {
				if isOf(key, reg) {
					t.Errorf("a helper for %q", key)
				}
			}
		}
	})
}
