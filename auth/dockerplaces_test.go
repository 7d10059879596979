package auth_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

// Every place before the next one: the first that has a login decides, and the list of
// places says what each has.
func TestDockerConfigFromEnvironment(t *testing.T) {
	home := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{home}, parts...)...) }
	base := map[string]string{"HOME": at("home"), "DOCKER_CONFIG": at("docker"), "XDG_RUNTIME_DIR": at("run"),
		"XDG_CONFIG_HOME": at("config")}
	with := func(pairs ...string) map[string]string {
		env := map[string]string{}
		for name, value := range base {
			env[name] = value
		}
		for i := 0; i < len(pairs); i += 2 {
			env[pairs[i]] = pairs[i+1]
		}
		return env
	}
	files := map[string]string{
		at("docker", "config.json"):                      "docker",
		at("home", ".docker", "config.json"):             "dockerhome",
		at("run", "containers", "auth.json"):             "runtime",
		at("config", "containers", "auth.json"):          "config",
		at("home", ".config", "containers", "auth.json"): "confighome",
		at("named.json"):                                 "named",
	}
	login := func(user string) string { return auths(testHost, basic(user+":pw-"+user)) }
	text := login("text")
	for _, tt := range []struct {
		name    string
		env     map[string]string
		without []string // files that are not there
		want    string
		places  int
	}{
		{"the variable is first", with("DOCKER_AUTH_CONFIG", text), nil, "text", 4},
		{"the variable has another registry",
			with("DOCKER_AUTH_CONFIG", auths("other.azurecr.io", basic("x:y"))), nil, "docker", 4},
		{"DOCKER_CONFIG", base, nil, "docker", 4},
		{"Docker's folder in the home", with("DOCKER_CONFIG", ""), nil, "dockerhome", 4},
		{"runtime folder", base, []string{"docker"}, "runtime", 4},
		{"XDG_CONFIG_HOME", base, []string{"docker", "runtime"}, "config", 4},
		{"podman's folder in the home", with("XDG_CONFIG_HOME", ""), []string{"docker", "runtime"}, "confighome", 4},
		{"REGISTRY_AUTH_FILE replaces podman's other files", with("REGISTRY_AUTH_FILE", at("named.json")),
			[]string{"docker"}, "named", 3},
		{"REGISTRY_AUTH_FILE that is not there", with("REGISTRY_AUTH_FILE", at("none.json")),
			[]string{"docker"}, "", 3},
		{"Docker before REGISTRY_AUTH_FILE", with("REGISTRY_AUTH_FILE", at("named.json")), nil, "docker", 3},
		{"nothing", base, []string{"docker", "runtime", "config"}, "", 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for file, user := range files {
				_ = os.Remove(file)
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				write(t, file, login(user))
				for _, w := range tt.without {
					if w == user {
						if err := os.Remove(file); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			cred := auth.DockerConfigFromEnvironment(func(name string) (string, bool) {
				v, ok := tt.env[name]
				return v, ok
			})
			f, rt, _ := setup(t, cred)
			everyone(f, "text", "docker", "dockerhome", "runtime", "config", "confighome", "named")
			var u users
			u.watch(f)
			_, err := rt.Token(t.Context(), mustScope("repository:team:pull"))
			if tt.want == "" {
				if !errors.Is(err, acrkit.CodeCredentialMissing) {
					t.Errorf("error %v", err)
				}
			} else if diff := difftest.Diff([]string{tt.want + " repository:team:pull"}, u.took()); err != nil ||
				diff != "" {
				t.Error(err, diff)
			}
			lookups := rt.Status(mustScope("repository:team:pull")).Lookups
			used := 0
			for _, l := range lookups {
				if strings.Contains(l.Source, "pw-") {
					t.Errorf("a secret is shown: %s", l.Source)
				}
				if l.Outcome == auth.OutcomeUsed {
					used++
				}
			}
			if len(lookups) != tt.places || used > 1 || (used == 1) != (tt.want != "") {
				t.Errorf("%d places, want %d: %+v", len(lookups), tt.places, lookups)
			}
			if _, set := tt.env["DOCKER_AUTH_CONFIG"]; len(lookups) > 0 &&
				(!strings.HasPrefix(lookups[0].Source, "DOCKER_AUTH_CONFIG") ||
					set == (lookups[0].Outcome == auth.OutcomeNotSet)) {
				t.Errorf("the first place is %+v", lookups[0])
			}
		})
	}
}

// A place that cannot be read, or holds something else, is an error with its name and
// without a word of what it holds.
func TestDockerConfigFromEnvironment_broken(t *testing.T) {
	dir := t.TempDir()
	broken := `{"auths":{"` + testHost + `":{"auth":correct-horse`
	file := filepath.Join(dir, "containers", "auth.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, file, broken)
	folder := filepath.Join(dir, "folder.json")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, variable, value, want string }{
		{"the variable", "DOCKER_AUTH_CONFIG", broken,
			"cannot read the logins in DOCKER_AUTH_CONFIG: it is not JSON, at byte"},
		{"half an entry", "DOCKER_AUTH_CONFIG", auths(testHost, basic("ci:")), "a user name and no password"},
		{"a helper in the variable", "DOCKER_AUTH_CONFIG", `{"credsStore":"../x"}`, "DOCKER_AUTH_CONFIG"},
		{"too large", "DOCKER_AUTH_CONFIG", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, "DOCKER_AUTH_CONFIG"},
		{"podman's file", "XDG_CONFIG_HOME", dir, fmt.Sprintf("%q: it is not JSON", file)},
		{"a folder", "REGISTRY_AUTH_FILE", folder, fmt.Sprintf("%q", folder)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{"XDG_RUNTIME_DIR": filepath.Join(dir, "none"), tt.variable: tt.value}
			cred := auth.DockerConfigFromEnvironment(func(name string) (string, bool) {
				v, ok := env[name]
				return v, ok
			})
			_, rt, d := setup(t, auth.Chain(cred, auth.Anonymous()))
			_, err := rt.Token(t.Context(), acrkit.CatalogScope())
			if err == nil || errors.Is(err, acrkit.CodeCredentialMissing) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if shown := dump(err) + dump(rt); strings.Contains(shown, "-horse") {
				t.Errorf("a secret is shown: %.600s", shown)
			}
			if got := d.sentTo(testHost); len(got) != 0 {
				t.Errorf("%d requests: a client is anonymous by accident", len(got))
			}
		})
	}
}

// Entries as other programs write them: what is read, and the reason of what is not.
func TestDockerConfig_entries(t *testing.T) {
	refresh := jwt(map[string]any{"iss": "Azure Container Registry", "grant_type": "refresh_token", "aud": testHost})
	raw := func(enc *base64.Encoding, pair string) string {
		return fmt.Sprintf(`{"auth":%q}`, enc.EncodeToString([]byte(pair)))
	}
	const pair = "ci:correct-horse!" // neither with a length that needs no padding
	url := strings.Repeat("?>", 9)   // with the letters that differ
	for _, tt := range []struct {
		name, entry string
		why         string // "" = it is used
	}{
		{"unpadded", raw(base64.RawStdEncoding, pair), ""},
		{"padded", raw(base64.StdEncoding, pair), ""},
		{"a line feed at the end", `{"auth":"` + base64.StdEncoding.EncodeToString([]byte(pair)) + `\n"}`, ""},
		{"broken lines, unpadded", `{"auth":"Y2k6\r\n` +
			base64.RawStdEncoding.EncodeToString([]byte("correct-horse!")) + `\n"}`, ""},
		{"NUL at the end of the password", raw(base64.StdEncoding, pair+"\x00"), ""},
		{"base64url", raw(base64.URLEncoding, "ci:"+url), "letters of base64url"},
		{"a blank", `{"auth":"Y2k6 cHc="}`, "a blank or NUL"},
		{"too much padding", `{"auth":"Y2k6cHc=="}`, "not base64"},
		{"a line feed at the end of the password", raw(base64.StdEncoding, pair+"\n"), "white space"},
		{"a byte order mark", raw(base64.StdEncoding, "ci:\ufeffcorrect-horse!"), "byte order mark"},
		{"UTF-16", raw(base64.StdEncoding, "ci:\xff\xfec\x00o\x00"), "UTF-16"},
		{"auth beside another pair", fmt.Sprintf(`{"auth":%q,"username":"other","password":"wrong-horse"}`,
			base64.StdEncoding.EncodeToString([]byte(pair))), ""},
		{"broken auth beside a pair", `{"auth":"%","username":"ci","password":"correct-horse!"}`, "not base64"},
		{"no user and a refresh token", raw(base64.StdEncoding, ":"+refresh), ""},
		{"no user and a refresh token, in two fields", fmt.Sprintf(`{"username":"","password":%q}`, refresh), ""},
		{"no user and a password", raw(base64.StdEncoding, ":correct-horse!"), "a password and no user name"},
		{"identitytoken alone", `{"identitytoken":"opaque-refresh"}`, ""},
		{"identitytoken and an empty pair", `{"auth":"Og==","identitytoken":"opaque-refresh"}`, ""},
		{"identitytoken before a pair", fmt.Sprintf(`{"auth":%q,"identitytoken":"opaque-refresh"}`,
			base64.StdEncoding.EncodeToString([]byte("ci:wrong-horse"))), ""},
		{"registrytoken beside a pair",
			fmt.Sprintf(`{"auth":%q,"registrytoken":"x"}`, base64.StdEncoding.EncodeToString([]byte(pair))), ""},
		{"registrytoken alone", `{"registrytoken":"x"}`, "registrytoken only"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config.json")
			write(t, file, auths(testHost, tt.entry))
			f, rt, _ := setup(t, auth.DockerConfig(file))
			f.setPasswords("correct-horse!")
			f.issued["opaque-refresh"], f.issued[refresh] = issued{}, issued{}
			_, err := rt.Token(t.Context(), acrkit.CatalogScope())
			if (tt.why == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.why) {
				t.Errorf("error %v, want %q", err, tt.why)
			}
			if shown := dump(err) + dump(rt.Credential()); strings.Contains(shown, "-horse") ||
				strings.Contains(shown, "eyJ") {
				t.Errorf("a secret is shown: %.600s", shown)
			}
			if sent := f.took(); tt.why != "" && len(sent) > 0 {
				t.Errorf("sent %q", sent)
			}
		})
	}
	// Other programs do not read a file with a byte order mark as JSON either.
	for text, want := range map[string]string{"\ufeff{}": "begins with a byte order mark",
		"\xff\xfe{\x00}\x00": "UTF-16"} {
		file := filepath.Join(t.TempDir(), "config.json")
		write(t, file, text)
		_, rt, _ := setup(t, auth.DockerConfig(file))
		if _, err := rt.Token(t.Context(), acrkit.CatalogScope()); !errors.Is(err, acrkit.CodeUsage) ||
			!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "config.json") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
