package auth_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/difftest"
)

func TestFromEnvironment(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, crlf, two, empty := file("good", "s3cret\n"), file("crlf", "s3cret\r\n"), file("two", "s3cret\n\n"),
		file("empty", "\n")
	big := file("big", strings.Repeat("x", 65<<10))
	tests := []struct {
		name string
		env  string // NAME=value, separated by |
		want string // credential, or ""
		src  string
		code acrkit.Code
		text string
		outs string // outcomes
	}{
		{"token", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD=s3cret", `token "ci"`,
			"ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD", "", "", "used,not set,not set"},
		{"two passwords", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD=s3cret|ACR_TOKEN_PASSWORD2=s3cret2",
			`token "ci"`, "ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD and ACR_TOKEN_PASSWORD2", "", "", "used,not set,not set"},
		{"token wins",
			"ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD=s3cret|ACR_REFRESH_TOKEN=r3fresh|AZURE_CLIENT_ID=x", `token "ci"`, "ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD", "", "", "used,shadowed,shadowed"},
		{"file", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD_FILE=" + good, `token "ci"`,
			"ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD_FILE", "", "", "used,not set,not set"},
		{"file with CRLF", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD_FILE=" + crlf, `token "ci"`,
			"ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD_FILE", "", "", "used,not set,not set"},
		{"refresh token", "ACR_NAME=myregistry|ACR_REFRESH_TOKEN=r3fresh", "ACR refresh token", "ACR_REFRESH_TOKEN", "",
			"", "not set,used,not set"},
		{"service principal", "ACR_NAME=myregistry|AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c|AZURE_CLIENT_SECRET=s3cret",
			"service principal c", "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET", "", "",
			"not set,not set,used"},
		{"federated", "ACR_NAME=myregistry|AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c|AZURE_FEDERATED_TOKEN_FILE=" + good,
			"service principal c", "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE", "", "",
			"not set,not set,used"},
		{"secret goes before file",
			"ACR_NAME=myregistry|AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c|AZURE_CLIENT_SECRET=s3cret|" +
				"AZURE_FEDERATED_TOKEN_FILE=" + dir + "/none",
			"service principal c", "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET", "", "",
			"not set,not set,used"},
		{"file and second password",
			"ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD2=s3cret2|ACR_TOKEN_PASSWORD_FILE=" + good,
			`token "ci"`, "ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD_FILE and ACR_TOKEN_PASSWORD2", "", "",
			"used,not set,not set"},
		{"empty is not set", "ACR_NAME=myregistry|ACR_TOKEN_NAME=|ACR_TOKEN_PASSWORD=|ACR_REFRESH_TOKEN=r3fresh",
			"ACR refresh token", "ACR_REFRESH_TOKEN", "", "", "not set,used,not set"},

		{"certificate",
			"ACR_NAME=myregistry|AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c|AZURE_CLIENT_CERTIFICATE_PATH=/x.pem|" +
				"AZURE_FEDERATED_TOKEN_FILE=" + good, "", "", acrkit.CodeUsage,
			"AZURE_CLIENT_CERTIFICATE_PATH is a certificate, which needs package azureauth",
			"not set,not set,not supported"},
		{"secret goes before certificate",
			"ACR_NAME=myregistry|AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c|AZURE_CLIENT_SECRET=s3cret|" +
				"AZURE_CLIENT_CERTIFICATE_PATH=/x.pem",
			"service principal c", "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET", "", "",
			"not set,not set,used"},
		{"certificate after a token",
			"ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD=s3cret|AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c|AZURE_CLIENT_CERTIFICATE_PATH=/x.pem", `token "ci"`, "ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD", "", "", "used,not set,shadowed"},
		{"certificate without its client", "ACR_NAME=myregistry|AZURE_TENANT_ID=t|AZURE_CLIENT_CERTIFICATE_PATH=/x.pem",
			"", "", acrkit.CodeUsage,
			"AZURE_TENANT_ID and AZURE_CLIENT_CERTIFICATE_PATH are set, but AZURE_CLIENT_ID is missing",
			"not set,not set,incomplete"},
		{"a certificate's password alone",
			"ACR_NAME=myregistry|AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c|AZURE_CLIENT_CERTIFICATE_PASSWORD=s3cret", "", "",
			acrkit.CodeUsage,
			"AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_CERTIFICATE_PASSWORD are set, but " +
				"AZURE_CLIENT_CERTIFICATE_PATH is missing", "not set,not set,incomplete"},
		{"admin user", "ACR_NAME=myregistry|ACR_TOKEN_NAME=MyRegistry|ACR_TOKEN_PASSWORD=s3cret",
			`admin user "MyRegistry"`, "ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD", "", "", "used,not set,not set"},
		{"admin user with both passwords",
			"ACR_NAME=myregistry|ACR_TOKEN_NAME=myregistry|ACR_TOKEN_PASSWORD=s3cret|ACR_TOKEN_PASSWORD2=s3cret2",
			`admin user "myregistry"`, "ACR_TOKEN_NAME, ACR_TOKEN_PASSWORD and ACR_TOKEN_PASSWORD2", "", "",
			"used,not set,not set"},

		{"nothing", "", "", "", acrkit.CodeCredentialMissing, "none is set", "not set,not set,not set"},
		{"registry alone", "ACR_NAME=myregistry", "", "", acrkit.CodeCredentialMissing, "myregistry.azurecr.io",
			"not set,not set,not set"},
		{"no password", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_REFRESH_TOKEN=r3fresh", "", "", acrkit.CodeUsage,
			"ACR_TOKEN_NAME is set, but ACR_TOKEN_PASSWORD is missing", "incomplete,shadowed,not set"},
		{"no name", "ACR_NAME=myregistry|ACR_TOKEN_PASSWORD=s3cret", "", "", acrkit.CodeUsage,
			"ACR_TOKEN_PASSWORD is set, but ACR_TOKEN_NAME is missing", "incomplete,not set,not set"},
		{"second password alone", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD2=s3cret", "", "",
			acrkit.CodeUsage, "ACR_TOKEN_PASSWORD is missing", "incomplete,not set,not set"},
		{"no secret", "ACR_NAME=myregistry|AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c", "", "", acrkit.CodeUsage,
			"AZURE_TENANT_ID and AZURE_CLIENT_ID are set, but AZURE_CLIENT_SECRET is missing",
			"not set,not set,incomplete"},
		{"client alone", "ACR_NAME=myregistry|AZURE_CLIENT_ID=c", "", "", acrkit.CodeUsage,
			"AZURE_CLIENT_ID is set, but AZURE_TENANT_ID and AZURE_CLIENT_SECRET are missing",
			"not set,not set,incomplete"},
		{"federated file alone", "ACR_NAME=myregistry|AZURE_FEDERATED_TOKEN_FILE=" + good, "", "", acrkit.CodeUsage,
			"AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_TENANT_ID and AZURE_CLIENT_ID are missing",
			"not set,not set,incomplete"},
		{"no federated file", "ACR_NAME=myregistry|AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c|AZURE_FEDERATED_TOKEN_FILE=" +
			dir + "/none", "", "", acrkit.CodeUsage,
			"the file in AZURE_FEDERATED_TOKEN_FILE cannot be read: there is no such file",
			"not set,not set,incomplete"},
		{"both password and file",
			"ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD=s3cret|ACR_TOKEN_PASSWORD_FILE=" + good, "", "",
			acrkit.CodeUsage, "both set", "incomplete,not set,not set"},
		{"no such file", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD_FILE=" + dir + "/none", "", "",
			acrkit.CodeUsage, "cannot be read", "incomplete,not set,not set"},
		{"two line feeds", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD_FILE=" + two, "", "",
			acrkit.CodeUsage, "white space", "incomplete,not set,not set"},
		{"empty file", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD_FILE=" + empty, "", "",
			acrkit.CodeUsage, "is empty", "incomplete,not set,not set"},
		{"huge file", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD_FILE=" + big, "", "", acrkit.CodeUsage,
			"larger than the limit", "incomplete,not set,not set"},
		{"line feed", "ACR_NAME=myregistry|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD=s3cret\n", "", "", acrkit.CodeUsage,
			"ACR_TOKEN_PASSWORD begins or ends with white space", "incomplete,not set,not set"},
		{"space in the secret", "ACR_NAME=myregistry|AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c|AZURE_CLIENT_SECRET= s3cret",
			"", "", acrkit.CodeUsage, "AZURE_CLIENT_SECRET begins or ends", "not set,not set,incomplete"},
		{"no registry", "ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD=s3cret", "", "", acrkit.CodeUsage, "but not ACR_NAME",
			"incomplete,not set,not set"},
		{"service principal of another program", "AZURE_TENANT_ID=t|AZURE_CLIENT_ID=c|AZURE_CLIENT_SECRET=s3cret", "",
			"", acrkit.CodeCredentialMissing, "but not ACR_NAME", "not set,not set,incomplete"},
		{"bad registry", "ACR_NAME=http://x|ACR_TOKEN_NAME=ci|ACR_TOKEN_PASSWORD=s3cret", "", "", acrkit.CodeUsage,
			"ACR_NAME is not a registry", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vars := map[string]string{}
			for pair := range strings.SplitSeq(tt.env, "|") {
				name, value, _ := strings.Cut(pair, "=")
				vars[name] = value
			}
			env, err := auth.FromEnvironment(func(name string) (string, bool) { v, ok := vars[name]; return v, ok })
			if !(tt.code == "" && err == nil || errors.Is(err, tt.code)) || tt.text != "" &&
				!strings.Contains(err.Error(), tt.text) {
				t.Fatalf("error %v, want %s %q", err, tt.code, tt.text)
			}
			got := ""
			if env.Credential != nil {
				got = env.Credential.String()
			}
			if got != tt.want || env.Source != tt.src {
				t.Errorf("got %q from %q", got, env.Source)
			}
			if vars["ACR_NAME"] == "myregistry" && env.Registry.Host() != testHost {
				t.Errorf("registry %v", env.Registry)
			}
			var outs []string
			for _, l := range env.Lookups {
				outs = append(outs, string(l.Outcome))
			}
			if diff := difftest.Diff(tt.outs, strings.Join(outs, ",")); diff != "" {
				t.Error(diff)
			}
			if shown := dump(env) + dump(err); strings.Contains(shown, "s3cret") || strings.Contains(shown, "r3fresh") {
				t.Errorf("a secret is shown: %.500s", shown)
			}
			if err == nil {
				rt, err := auth.NewTransport(env.Registry.Host(), env.Credential, nil)
				if err != nil {
					t.Fatal(err)
				}
				_ = rt.Close()
			}
		})
	}
}

// A password that is a token takes its own way, as it does in UserPassword.
func TestFromEnvironment_tokenAsPassword(t *testing.T) {
	acr := jwt(map[string]any{"iss": "Azure Container Registry", "aud": testHost, "grant_type": "refresh_token"})
	entra := jwt(map[string]any{"iss": "https://sts.windows.net/t/", "aud": "https://containerregistry.azure.net"})
	foreign := jwt(map[string]any{"iss": "somebody", "aud": "something"})
	for _, tt := range []struct {
		name, password string
		want           auth.Kind
	}{
		{"ci", "correct-horse", auth.KindScopedToken},
		{"ci", foreign, auth.KindScopedToken},
		{"ci", acr, auth.KindRefreshToken},
		{"ci", entra, auth.KindEntraToken},
		{"00000000-0000-0000-0000-000000000000", "opaque", auth.KindRefreshToken},
		{"00000000-0000-0000-0000-000000000000", entra, auth.KindEntraToken},
		{"<token>", "opaque", auth.KindRefreshToken},
	} {
		path := filepath.Join(t.TempDir(), "password")
		write(t, path, tt.password+"\n")
		for variable, value := range map[string]string{"ACR_TOKEN_PASSWORD": tt.password,
			"ACR_TOKEN_PASSWORD_FILE": path} {
			vars := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": tt.name, variable: value}
			env, err := auth.FromEnvironment(func(name string) (string, bool) { v, ok := vars[name]; return v, ok })
			if err != nil {
				t.Fatal(err)
			}
			used := env.Lookups[0]
			if env.Credential.Kind() != tt.want || used.Kind != tt.want || used.Outcome != auth.OutcomeUsed ||
				env.Source != "ACR_TOKEN_NAME and "+variable {
				t.Errorf("%s with %.20s… in %s: %s, looked up %+v", tt.name, tt.password, variable,
					env.Credential.Kind(), used)
			}
			rt, err := auth.NewTransport("myregistry", env.Credential, nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = rt.Close()
		}
	}
}

// The hash of a login server is no part of the registry's name, and the first
// label of a host of one's own need not be it.
func TestFromEnvironment_adminUser(t *testing.T) {
	for registry, want := range map[string]auth.Kind{
		"myreg-abc123.azurecr.io":          auth.KindAdminUser,
		"myreg.azurecr.us":                 auth.KindAdminUser,
		"myreg.azurecr.localhost:5443":     auth.KindAdminUser,
		"myreg.contoso.example":            auth.KindScopedToken,
		"myreg.azurecr.io.evil.example":    auth.KindScopedToken,
		"other.azurecr.io":                 auth.KindScopedToken,
		"myreg-abc123.weu.geo.azurecr.io":  auth.KindAdminUser,
		"myreg-abc123.azurecr.cn.evil.com": auth.KindScopedToken,
	} {
		vars := map[string]string{"ACR_NAME": registry, "ACR_TOKEN_NAME": "myreg", "ACR_TOKEN_PASSWORD": "s3cret"}
		env, err := auth.FromEnvironment(func(name string) (string, bool) { v, ok := vars[name]; return v, ok })
		if err != nil {
			t.Fatal(err)
		}
		if env.Credential.Kind() != want || env.Lookups[0].Kind != want {
			t.Errorf("%s: %s, want %s", registry, env.Credential.Kind(), want)
		}
	}
}
