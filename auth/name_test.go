package auth_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

func TestCredential_Name(t *testing.T) {
	for _, tc := range []struct {
		cred auth.Credential
		name string
	}{
		{auth.ScopedToken("ci-pull", "p"), "ci-pull"},
		{auth.ScopedToken(`odd "name"`, "p"), `odd "name"`},
		{auth.AdminUser("myregistry", "p"), "myregistry"},
		{auth.UserPassword("somebody", "p"), "somebody"},
		{auth.ServicePrincipal("tenant", "client", "s", nil), "client"},
		{auth.UserPassword("00000000-0000-0000-0000-000000000000", "x"), ""},
		{auth.RefreshToken("x"), ""},
		{auth.Anonymous(), ""},
		{auth.Chain(auth.ScopedToken("ci-pull", "p"), auth.Anonymous()), ""},
	} {
		if got := tc.cred.Name(); got != tc.name {
			t.Errorf("%s: %q, want %q", tc.cred, got, tc.name)
		}
		tr, err := auth.NewTransport("myregistry", tc.cred, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := tr.Anonymous(), tc.cred.Kind() == auth.KindAnonymous; got != want {
			t.Errorf("%s: anonymous %t", tc.cred, got)
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestLookup_fields: a Lookup has fields for its place and for what is missing there.
func TestLookup_fields(t *testing.T) {
	env := map[string]string{"ACR_TOKEN_NAME": "ci-pull", "AZURE_CLIENT_ID": "x"}
	found, err := auth.FromEnvironment(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Fatal(err)
	}
	l := found.Lookups[0]
	if diff := difftest.Diff([]string{"ACR_TOKEN_NAME", "ACR_TOKEN_PASSWORD"}, l.Variables); diff != "" {
		t.Error(diff)
	}
	if diff := difftest.Diff([]string{"ACR_TOKEN_PASSWORD"}, l.Missing); diff != "" {
		t.Error(diff)
	}
	if l.Place != (auth.Place{Kind: auth.PlaceEnvironment}) || l.Source != "ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD" {
		t.Errorf("%+v", l)
	}
	if l.Name != "ci-pull" || found.Lookups[2].Name != "x" {
		t.Errorf("whose credential it is: %q, %q", l.Name, found.Lookups[2].Name)
	}
	if last := found.Lookups[2]; last.Outcome != auth.OutcomeShadowed || last.Missing != nil {
		t.Errorf("what decides nothing lacks nothing: %+v", last)
	}

	dir := t.TempDir()
	docker, podman := filepath.Join(dir, "config.json"), filepath.Join(dir, "auth.json")
	for file, text := range map[string]string{
		docker: `{"credHelpers":{"myregistry.azurecr.io":"vault"}}`,
		podman: `{"auths":{"myregistry.azurecr.io/team":{"username":"u","password":"p"}}}`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tr, err := auth.NewTransport("myregistry", auth.DockerConfig(docker, podman), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.Close()
	var places []auth.Place
	var names []string
	for _, l := range tr.Status(acrkit.RepositoryScope("team/app", acrkit.ContentRead)).Lookups {
		places, names = append(places, l.Place), append(names, l.Name)
	}
	if diff := difftest.Diff([]string{"u", ""}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	want := []auth.Place{{Kind: auth.PlaceFile, File: podman, Entry: "myregistry.azurecr.io/team"},
		{Kind: auth.PlaceHelper, File: docker, Helper: "vault"}}
	if diff := difftest.Diff(want, places); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
	if !want[0].IsPodman() || want[1].IsPodman() {
		t.Error("podman's file is not distinguished from Docker's")
	}
}
