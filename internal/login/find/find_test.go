package find

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/login/store"
	"github.com/acrkit/acrkit/internal/redact"
)

func TestCredentialOf(t *testing.T) {
	for kind, want := range map[auth.Kind]string{
		auth.KindScopedToken: `token "u"`, auth.KindAdminUser: `admin user "u"`, auth.KindUserPassword: `user "u"`,
		auth.KindRefreshToken: "ACR refresh token",
		auth.KindEntraToken:   "Entra access token", auth.KindServicePrincipal: "service principal u",
	} {
		c, err := CredentialOf(store.Login{Kind: string(kind), User: "u", Tenant: "t", Secret: redact.NewSecret("s")})
		if err != nil || c.Kind() != kind || c.String() != want {
			t.Errorf("%s: %v, %v", kind, c, err)
		}
	}
	if _, err := CredentialOf(store.Login{Kind: "hologram"}); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Errorf("%v", err)
	}
}

func finder(env map[string]string) *Finder {
	return &Finder{LookupEnv: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}, AskedBy: "ACRKIT_AUTH="}
}

func mustRegistry(t *testing.T, name string) acrkit.Registry {
	t.Helper()
	reg, err := acrkit.ParseRegistry(name)
	if err != nil {
		t.Fatal(err)
	}
	return reg
}

// Docker's configuration is used only if Finder.Docker is set.
func TestFinder_without_Docker(t *testing.T) {
	reg := mustRegistry(t, "myregistry")
	env := map[string]string{"DOCKER_CONFIG": t.TempDir(), store.EnvDir: filepath.Join(t.TempDir(), "acrkit"),
		store.EnvKeyring: "off", "HOME": "/does/not/exist"}
	id, err := finder(env).Find(t.Context(), reg)
	if err != nil || id.Credential.Kind() != auth.KindAnonymous || id.Later {
		t.Errorf("%+v, %v", id, err)
	}
	f := finder(env)
	f.Kind = string(auth.KindDockerConfig)
	if id, err = f.Find(t.Context(), reg); acrkit.CodeOf(err) != acrkit.CodeCredentialMissing ||
		id.Credential.Kind() == auth.KindDockerConfig {
		t.Errorf("asked for: %v, %v", id.Credential, err)
	}
	f.Docker = func() auth.Credential { return auth.DockerConfig("/does/not/exist") }
	if id, err = f.Find(t.Context(), reg); err != nil || id.Credential.Kind() != auth.KindDockerConfig || !id.Later {
		t.Errorf("given: %v, %v", id.Credential, err)
	}
}

func TestFinder_InEnvironment(t *testing.T) {
	reg := mustRegistry(t, "myregistry")
	for _, tt := range []struct {
		env  map[string]string
		kind auth.Kind
		by   bool
		code acrkit.Code
	}{
		{nil, auth.KindAnonymous, false, ""},
		{map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "pw"},
			auth.KindScopedToken, true, ""},
		{map[string]string{"ACR_NAME": "other", "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "pw"},
			auth.KindAnonymous, false, ""},
		{map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci"}, auth.KindAnonymous,
			true, acrkit.CodeUsage},
	} {
		id, err := finder(tt.env).InEnvironment(reg)
		if acrkit.CodeOf(err) != tt.code || id.Credential.Kind() != tt.kind || id.ByEnvironment != tt.by {
			t.Errorf("%v: %v, %v, %v", tt.env, id.Credential, id.ByEnvironment, err)
		}
	}
}

// ACR_NAME and a regional endpoint of that registry mean the same.
func TestFinder_regional_endpoint(t *testing.T) {
	const regional = "myregistry.westeurope.geo.azurecr.io"
	for _, tt := range []struct {
		named, asked string
		by           bool
	}{
		{"myregistry", regional, true}, {regional, "myregistry", true},
		{regional, "myregistry.northeurope.geo.azurecr.io", true},
		{"myregistry", "other.westeurope.geo.azurecr.io", false}, {"myregistry", "myregistry.westeurope.geo.azurecr.cn",
			false}, {"other", regional, false},
	} {
		for _, half := range []bool{false, true} {
			env := map[string]string{"ACR_NAME": tt.named, "ACR_TOKEN_NAME": "ci", "ACR_TOKEN_PASSWORD": "pw"}
			if half {
				delete(env, "ACR_TOKEN_PASSWORD")
			}
			id, err := finder(env).InEnvironment(mustRegistry(t, tt.asked))
			if id.ByEnvironment != tt.by || (err != nil) != (half && tt.by) {
				t.Errorf("ACR_NAME=%s decides for %s: %v, %v", tt.named, tt.asked, id.ByEnvironment, err)
			}
		}
	}
}

func TestFinder_CustomLoginServers(t *testing.T) {
	f := finder(map[string]string{
		"ACRKIT_REGISTRIES": "registry.contoso.com, localhost:5443,,http://x.example,bad host"})
	var got []string
	for _, reg := range f.CustomLoginServers() {
		got = append(got, reg.Host())
	}
	if diff := cmp.Diff([]string{"registry.contoso.com", "localhost:5443"}, got); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]bool{"registry.contoso.com": true, "localhost:5443": true,
		"localhost:5444": false, "contoso.com": false} {
		if f.CustomLoginServer(mustRegistry(t, name)) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if finder(nil).CustomLoginServers() != nil {
		t.Error("without the variable there is one")
	}
}
