package cmdutil

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/redact"
)

func TestFactory_Identity(t *testing.T) {
	reg, other := mustRegistry(t, "myregistry"), mustRegistry(t, "other")
	token := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "pw"}
	both := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "pw",
		"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"}
	noName := map[string]string{"ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "pw"}
	job := map[string]string{"ACR_NAME": "myregistry", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c",
		"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x.example/", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "rt"}
	with := func(env map[string]string, more ...string) map[string]string {
		all := map[string]string{}
		for k, v := range env {
			all[k] = v
		}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	for _, tc := range []struct {
		name string
		env  map[string]string
		auth string
		reg  acrkit.Registry
		want auth.Kind
		code acrkit.Code
		note string
		hint string
	}{
		{"nothing", nil, "", reg, auth.KindChain, "", "", ""},
		{"token", token, "", reg, auth.KindScopedToken, "", "", ""},
		{"token_before_service_principal", both, "", reg, auth.KindScopedToken, "", "", ""},
		{"forced_service_principal", both, "service-principal", reg, auth.KindServicePrincipal, "", "", ""},
		{"forced_anonymous", both, "anonymous", reg, auth.KindAnonymous, "", "", ""},
		{"forced_kind_that_is_not_there", token, "refresh-token", reg, "", acrkit.CodeCredentialMissing, "",
			"export ACR_NAME=myregistry.azurecr.io ACR_REFRESH_TOKEN=…"},
		{"forced_store_without_a_login", token, "store", reg, "", acrkit.CodeCredentialMissing, "",
			"acrkit login myregistry.azurecr.io"},
		{"forced_docker", with(token, "HOME", "/does/not/exist"), "docker-config", reg,
			auth.KindDockerConfig, "", "", ""},
		{"forced_azure_cli", token, "azure-cli", reg, auth.KindAzureCLI, "", "", ""},
		{"forced_managed_identity", token, "managed-identity", reg, auth.KindManagedIdentity, "", "", ""},
		{"forced_certificate_that_is_not_there", both, "certificate", reg, "", acrkit.CodeUsage, "",
			"export ACR_NAME=myregistry.azurecr.io AZURE_TENANT_ID=… AZURE_CLIENT_ID=… AZURE_CLIENT_SECRET=…"},
		{"for_another_registry", token, "", other, auth.KindChain, "", "myregistry.azurecr.io", ""},
		{"half_for_another_registry", map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci"}, "", other,
			auth.KindChain, "", "myregistry.azurecr.io", ""},
		{"forced_for_another_registry", token, "scoped-token", other, "", acrkit.CodeCredentialMissing, "",
			"export ACR_NAME=other.azurecr.io"},
		{"without_ACR_NAME", noName, "", reg, "", acrkit.CodeUsage, "", "export ACR_NAME=myregistry.azurecr.io"},
		{"half", map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci"}, "", reg, "", acrkit.CodeUsage, "",
			"export ACR_NAME=myregistry.azurecr.io ACR_TOKEN_NAME=… ACR_TOKEN_PASSWORD_FILE=…"},
		{"two_passwords", map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "x",
			"ACR_TOKEN_PASSWORD_FILE": "x"}, "", reg, "", acrkit.CodeUsage, "",
			"unset ACR_TOKEN_PASSWORD    # or ACR_TOKEN_PASSWORD_FILE"},
		{"half_and_forced_anonymous", map[string]string{"ACR_TOKEN_NAME": "ci"}, "anonymous", reg,
			auth.KindAnonymous, "", "", ""},
		{"half_of_AZURE", map[string]string{"ACR_NAME": "myregistry", "AZURE_CLIENT_ID": "c"}, "", reg, "",
			acrkit.CodeUsage, "",
			"export ACR_NAME=myregistry.azurecr.io AZURE_TENANT_ID=… AZURE_CLIENT_ID=… AZURE_CLIENT_SECRET=…"},
		{"half_of_AZURE_that_is_for_other_programs", map[string]string{"AZURE_CLIENT_ID": "c"}, "", reg, auth.KindChain,
			"", "ACR_NAME is not set", ""},
		{"github", job, "", reg, auth.KindServicePrincipal, "", "", ""},
		{"github_forced", job, "github-oidc", reg, auth.KindServicePrincipal, "", "", ""},
		{"github_behind_a_token", with(job, "ACR_TOKEN_NAME", "ci", "ACR_TOKEN_PASSWORD", "pw"), "", reg,
			auth.KindScopedToken, "", "", ""},
		{"github_behind_half_a_token", with(job, "ACR_TOKEN_NAME", "ci"), "", reg, "", acrkit.CodeUsage, "",
			"export ACR_NAME=myregistry.azurecr.io ACR_TOKEN_NAME=… ACR_TOKEN_PASSWORD_FILE=…"},
		{"github_behind_a_secret", with(job, "AZURE_CLIENT_SECRET", "s"), "", reg,
			auth.KindServicePrincipal, "", "", ""},
		{"github_for_another_registry", job, "", other, auth.KindChain, "", "myregistry.azurecr.io", ""},
		{"github_without_ACR_NAME", with(job, "ACR_NAME", ""), "", reg, auth.KindChain, "", "ACR_NAME", ""},
		{"github_forced_outside_a_job", both, "github-oidc", reg, "", acrkit.CodeCredentialMissing, "",
			"export ACR_NAME=myregistry.azurecr.io AZURE_TENANT_ID=… AZURE_CLIENT_ID=…"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := factory(tc.env)
			f.Global.Auth = tc.auth
			id, err := f.Identity(t.Context(), tc.reg)
			if acrkit.CodeOf(err) != tc.code {
				t.Fatalf("%v, want code %q", err, tc.code)
			}
			if err != nil {
				if e, _ := errors.AsType[*acrkit.Error](err); !strings.HasPrefix(e.Hint, tc.hint) || tc.hint == "" {
					t.Errorf("%v\nhint %q, want %q", err, e.Hint, tc.hint)
				}
				return
			}
			if id.Credential.Kind() != tc.want || !strings.Contains(id.Note, tc.note) ||
				(tc.note == "") != (id.Note == "") {
				t.Errorf("%s, note %q", id.Credential.Kind(), id.Note)
			}
		})
	}
}

// place is one place of a credential. The order of the table is the order in which they
// are used.
type place struct {
	name string
	who  string // the credential that it gives
	from string // part of its source
	fill func(t *testing.T, dir string, env map[string]string)
}

func allPlaces() []place {
	set := func(pairs ...string) func(*testing.T, string, map[string]string) {
		return func(_ *testing.T, _ string, env map[string]string) {
			for i := 0; i < len(pairs); i += 2 {
				env[pairs[i]] = pairs[i+1]
			}
		}
	}
	file := func(variable, name, content string) func(*testing.T, string, map[string]string) {
		return func(t *testing.T, dir string, env map[string]string) {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if variable == "DOCKER_CONFIG" {
				path = filepath.Dir(path)
			}
			env[variable] = path
		}
	}
	entry := func(user string) string {
		return fmt.Sprintf(`{"auths":{"myregistry.azurecr.io":{"auth":%q}}}`,
			base64.StdEncoding.EncodeToString([]byte(user+":pw")))
	}
	return []place{
		{"token variables", `token "env"`, "ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD",
			set("ACR_TOKEN_NAME", "env", "ACR_TOKEN_PASSWORD", "pw")},
		{"refresh token variable", "ACR refresh token", "ACR_REFRESH_TOKEN", set("ACR_REFRESH_TOKEN", "opaque")},
		{"AZURE variables", "service principal c", "AZURE_CLIENT_SECRET",
			set("AZURE_TENANT_ID", "t", "AZURE_CLIENT_ID", "c", "AZURE_CLIENT_SECRET", "s", "AZURE_AUTHORITY_HOST",
				"https://login.example/")},
		{"store", `token "stored"`, "acrkit's store", func(t *testing.T, dir string, env map[string]string) {
			env[store.EnvDir], env[store.EnvKeyring] = filepath.Join(dir, "store"), "off"
			s, err := factory(env).Store()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Put(t.Context(), store.Login{Registry: "myregistry.azurecr.io", Kind: "scoped-token",
				User: "stored", Secret: redact.NewSecret("pw")}); err != nil {
				t.Fatal(err)
			}
		}},
		{"Docker's text", `user "text"`, "DOCKER_AUTH_CONFIG", set("DOCKER_AUTH_CONFIG", entry("text"))},
		{"Docker", `user "docker"`, "config.json", file("DOCKER_CONFIG", "docker/config.json", entry("docker"))},
		{"podman", `user "podman"`, "auth.json", file("REGISTRY_AUTH_FILE", "podman/auth.json", entry("podman"))},
	}
}

// kept reports whether Docker or podman keep the login: which place it is in is known
// when it is needed.
func kept(p place) bool { return p.from == "DOCKER_AUTH_CONFIG" || strings.HasSuffix(p.from, ".json") }

// Every place against every other: the one that counts more is used, and the other
// is seen and shadowed.
func TestFactory_Identity_precedence(t *testing.T) {
	places := allPlaces()
	reg := mustRegistry(t, "myregistry")
	scope := acrkit.RepositoryScope("team/app", acrkit.ContentRead)
	for i, first := range places {
		for _, second := range places[i:] {
			t.Run(first.name+"_and_"+second.name, func(t *testing.T) {
				dir, env := t.TempDir(), map[string]string{"ACR_NAME": "myregistry", "HOME": "/does/not/exist"}
				second.fill(t, dir, env)
				first.fill(t, dir, env)
				c, err := factory(env).Connect(t.Context(), reg)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if kept(first) {
					// The login decides who it is; the registry is not needed.
					if _, err := c.Transport.Login(t.Context(), scope); err != nil {
						t.Fatal(err)
					}
				}
				who := c.Effective(scope)
				if who.Credential.String() != first.who || !strings.Contains(who.Source, first.from) {
					t.Errorf("%s from %s, want %s from %s", who.Credential, who.Source, first.who, first.from)
				}
				outcomes := map[string]auth.Outcome{}
				for _, l := range c.Places(t.Context(), scope, nil) {
					for _, p := range places {
						if strings.Contains(l.Source, p.from) && l.Outcome != auth.OutcomeNotSet &&
							l.Outcome != auth.OutcomeNotAvailable {
							outcomes[p.name] = l.Outcome
						}
					}
				}
				want := map[string]auth.Outcome{second.name: auth.OutcomeShadowed}
				if kept(first) {
					want[second.name] = auth.OutcomeNotTried // it was the next to be asked
				}
				want[first.name] = auth.OutcomeUsed
				if diff := cmp.Diff(want, outcomes); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// Logins for some repositories: each has its own, all others go on to Docker's
// configuration.
func TestFactory_Identity_logins_for_repositories(t *testing.T) {
	places := allPlaces()
	dir, env := t.TempDir(), map[string]string{}
	places[5].fill(t, dir, env)
	env[store.EnvDir], env[store.EnvKeyring] = filepath.Join(dir, "store"), "off"
	f := factory(env)
	s, err := f.Store()
	if err != nil {
		t.Fatal(err)
	}
	for repo, user := range map[string]string{"team/*": "team", "team/app": "app"} {
		if _, err := s.Put(t.Context(), store.Login{Registry: "myregistry.azurecr.io", Repository: repo,
			Kind: "scoped-token", User: user, Secret: redact.NewSecret("pw")}); err != nil {
			t.Fatal(err)
		}
	}
	c, err := f.Connect(t.Context(), mustRegistry(t, "myregistry"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for repo, want := range map[string]string{"team/app": `token "app"`, "team/other": `token "team"`,
		"else": `user "docker"`} {
		scope := acrkit.RepositoryScope(repo, acrkit.ContentRead)
		if _, err := c.Transport.Login(t.Context(), scope); err != nil {
			t.Fatal(err)
		}
		if got := c.Effective(scope).Credential.String(); got != want {
			t.Errorf("%s: %s, want %s", repo, got, want)
		}
	}
	outcomes := map[string]auth.Outcome{}
	for _, l := range c.Places(t.Context(), acrkit.RepositoryScope("team/app", acrkit.ContentRead), nil) {
		if strings.Contains(l.Source, "login for") || strings.Contains(l.Source, "config.json") {
			_, name, _ := strings.Cut(l.Source, "login for ")
			outcomes[strings.Split(name, " ")[0]] = l.Outcome
		}
	}
	if diff := cmp.Diff(map[string]auth.Outcome{`"team/app"`: auth.OutcomeUsed, `"team/*"`: auth.OutcomeNotTried,
		"": auth.OutcomeShadowed}, outcomes); diff != "" {
		t.Error(diff)
	}
	if !c.OnlyParts() {
		t.Error("there is a login for the whole registry")
	}
	var names []string
	for _, e := range c.Effectives() {
		names = append(names, c.Repositories(e))
	}
	if diff := cmp.Diff([]string{"team/app", "team/*", ""}, names); diff != "" {
		t.Error(diff)
	}
	f.Global.Auth = "store"
	if c, err = f.Connect(t.Context(), mustRegistry(t, "myregistry")); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Transport.Login(t.Context(), acrkit.RepositoryScope("else", acrkit.ContentRead)); !errors.Is(err,
		acrkit.CodeCredentialMissing) {
		t.Errorf("--auth store falls through: %v", err)
	}
}

// A place that cannot be read ends the search, unless an earlier place decided it.
func TestFactory_Identity_broken_places(t *testing.T) {
	reg := mustRegistry(t, "myregistry")
	write := func(path, content string) string {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return filepath.Dir(path)
	}
	dir := t.TempDir()
	brokenStore := write(filepath.Join(dir, "store", "logins.json"), "{")
	brokenDocker := write(filepath.Join(dir, "docker", "config.json"), "{")
	env := map[string]string{store.EnvDir: brokenStore, store.EnvKeyring: "off", "DOCKER_CONFIG": brokenDocker}

	id, err := factory(env).Identity(t.Context(), reg)
	if err == nil || len(id.Lookups) == 0 || id.Lookups[len(id.Lookups)-1].Outcome != auth.OutcomeFailed {
		t.Errorf("a broken store: %v, %+v", err, id.Lookups)
	}
	delete(env, store.EnvDir)
	c, err := factory(env).Connect(t.Context(), reg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	scope := acrkit.CatalogScope()
	_, err = c.Transport.Login(t.Context(), scope)
	e, ok := errors.AsType[*acrkit.Error](Explain(t.Context(), c, err))
	if !ok || e.Code != acrkit.CodeUsage || !strings.Contains(e.Error(), brokenDocker) ||
		!strings.HasPrefix(e.Hint, "acrkit login myregistry.azurecr.io") {
		t.Errorf("a broken config.json: %v\nhint %q", err, e.Hint)
	}
	places := c.Places(t.Context(), scope, err)
	if last := places[len(places)-1]; last.Outcome != auth.OutcomeFailed ||
		!strings.Contains(last.Source, brokenDocker) {
		t.Errorf("%+v", places)
	}
	env[store.EnvDir] = brokenStore
	env["ACR_NAME"], env["ACR_TOKEN_NAME"], env["ACR_TOKEN_PASSWORD"] = "myregistry", "ci", "pw"
	c, err = factory(env).Connect(t.Context(), reg)
	if err != nil {
		t.Fatalf("a broken place behind the one that is used: %v", err)
	}
	defer c.Close()
	broken := 0
	for _, l := range c.Places(t.Context(), scope, nil) {
		if l.Outcome == auth.OutcomeShadowed && strings.HasPrefix(l.Detail, "cannot be read: ") {
			broken++
		}
	}
	if broken != 2 {
		t.Errorf("%d broken places are shown, want 2", broken)
	}
}
