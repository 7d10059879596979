package auth_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

const regionalHost = "myregistry.westeurope.geo.azurecr.io"

// A regional endpoint is asked for tokens at its own address, for the login server of
// its registry; nothing is sent to another host.
func TestRegionalEndpoint(t *testing.T) {
	refreshToken := jwt(map[string]any{"iss": "Azure Container Registry",
		"grant_type": "refresh_token", "aud": testHost})
	for name, cred := range map[string]auth.Credential{
		"password":      ci(),
		"refresh token": auth.RefreshToken(refreshToken),
		"Entra token":   auth.EntraToken("entra-secret-value"),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			var services []string
			d := &direct{hosts: map[string]http.Handler{"https://" +
				regionalHost: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					if err := r.ParseForm(); err != nil {
						t.Error(err)
					}
					services = append(services, r.PostForm.Get("service"))
					answer(w, 200, map[string]string{"refresh_token": refreshToken,
						"access_token": f.token("access_token", acrkit.Scope{}, f.life)})
					return
				}
				if r.Header.Get("Authorization") == "" {
					t.Errorf("%s without a token", r.URL)
				}
			})}}
			rt, err := auth.NewTransport(regionalHost, cred, &auth.Options{Base: d})
			if err != nil {
				t.Fatal(err)
			}
			defer rt.Close()
			resp, err := rt.RoundTrip(request(t, "https://"+regionalHost+"/v2/team/app/manifests/v1"))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if len(services) == 0 {
				t.Error("no token was asked for")
			}
			for _, s := range services {
				if s != testHost {
					t.Errorf("a token was asked for the service %q", s)
				}
			}
			for _, to := range []string{"https://" + testHost + "/v2/",
				"https://myregistry.northeurope.geo.azurecr.io/v2/",
				"https://myregistry.westeurope.data.azurecr.io/v2/", "https://" + regionalHost + ".evil.example/v2/"} {
				sendsNothing(t, rt, d, to)
			}
		})
	}
}

// A refresh token goes to the hosts of its own registry alone.
func TestRegionalEndpoint_refresh_token(t *testing.T) {
	for _, tt := range []struct {
		host, audience string
		ok             bool
	}{
		{regionalHost, testHost, true}, {regionalHost, regionalHost, true}, {testHost, regionalHost, true},
		{regionalHost, "myregistry.northeurope.geo.azurecr.io", true},
		{regionalHost, "other.azurecr.io", false}, {regionalHost, "other.westeurope.geo.azurecr.io", false},
		{regionalHost, "myregistry.azurecr.cn", false}, {testHost, "myregistry.azurecr.us", false},
	} {
		token := jwt(map[string]any{"iss": "Azure Container Registry",
			"grant_type": "refresh_token", "aud": tt.audience})
		rt, err := auth.NewTransport(tt.host, auth.RefreshToken(token), &auth.Options{Base: &direct{}})
		if err == nil {
			_ = rt.Close()
		}
		if (err == nil) != tt.ok || !tt.ok && acrkit.CodeOf(err) != acrkit.CodeHostRefused {
			t.Errorf("a token for %s at %s: %v", tt.audience, tt.host, err)
		}
	}
}

// The realm at a regional endpoint is its own or its login server's.
func TestRegionalEndpoint_realm(t *testing.T) {
	for _, tt := range []struct {
		host, realm string
		ok          bool
	}{
		{regionalHost, "https://" + regionalHost, true}, {regionalHost, "https://" + testHost, true},
		{regionalHost, "https://" + testHost + ":443", true}, {testHost, "https://" + testHost, true},
		{regionalHost, "https://myregistry.northeurope.geo.azurecr.io", false},
		{regionalHost, "https://other.azurecr.io", false},
		{regionalHost, "https://other.westeurope.geo.azurecr.io", false},
		{regionalHost, "https://myregistry.azurecr.cn", false}, {regionalHost, "http://" + testHost, false},
		{regionalHost, "https://" + testHost + ":8443", false},
		{regionalHost, "https://myregistry.westeurope.data.azurecr.io", false},
		{regionalHost, "https://" + testHost + ".evil.example", false},
		{testHost, "https://" + regionalHost, false},
	} {
		rt, err := auth.NewTransport(tt.host, ci(), &auth.Options{Base: &direct{}})
		if err != nil {
			t.Fatal(err)
		}
		if err := auth.CheckRealm(rt, tt.realm+"/oauth2/token"); (err == nil) != tt.ok {
			t.Errorf("%s names %s: %v", tt.host, tt.realm, err)
		}
		_ = rt.Close()
	}
}

// In Docker's configuration, the entry of the host itself counts, then its login
// server's; a store that is asked by host is asked for both.
func TestRegionalEndpoint_docker(t *testing.T) {
	asked := helpers(t)
	entry := func(user string) string {
		return `{"auth":"` + base64.StdEncoding.EncodeToString([]byte(user+":correct-horse")) + `"}`
	}
	for _, tt := range []struct {
		name, file, host, user, asked string
	}{
		{"login_server", `{"auths":{"` + testHost + `":` + entry("home") + `}}`, regionalHost, "home", ""},
		{"own", `{"auths":{"` + testHost + `":` + entry("home") + `,"` + regionalHost + `":` + entry("own") + `}}`,
			regionalHost, "own", ""},
		{"not_back", `{"auths":{"` + regionalHost + `":` + entry("own") + `}}`, testHost, "", ""},
		{"another_registry", `{"auths":{"other.azurecr.io":` + entry("other") + `}}`, regionalHost, "", ""},
		{"another_cloud", `{"auths":{"myregistry.azurecr.cn":` + entry("other") + `}}`, regionalHost, "", ""},
		{"another_region", `{"auths":{"myregistry.northeurope.geo.azurecr.io":` + entry("other") + `}}`,
			regionalHost, "", ""},
		{"helper", `{"credHelpers":{"` + testHost + `":"good"},"credsStore":"wrong"}`, regionalHost, "ci", "good get " +
			regionalHost + "\n"},
		{"own_helper", `{"credHelpers":{"` + testHost + `":"wrong","` + regionalHost + `":"good"}}`, regionalHost, "ci",
			"good get " + regionalHost + "\n"},
		{"store", `{"credsStore":"notfound"}`, regionalHost, "", "notfound get " + regionalHost + "\nnotfound get " +
			testHost + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "config.json")
			if err := os.WriteFile(file, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			asked()
			rt, err := auth.NewTransport(tt.host, auth.DockerConfig(file), &auth.Options{Base: &direct{}})
			if err != nil {
				t.Fatal(err)
			}
			defer rt.Close()
			login, err := rt.Login(t.Context(), acrkit.CatalogScope())
			if login.User != tt.user || (err == nil) != (tt.user != "") {
				t.Errorf("%q, %v", login.User, err)
			}
			if got := asked(); got != tt.asked {
				t.Errorf("asked %q, want %q", got, tt.asked)
			}
		})
	}
}
