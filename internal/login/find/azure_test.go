package find

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// unresolved is a network without any name.
var unresolved = roundTrip(func(req *http.Request) (*http.Response, error) {
	return nil, final{&net.OpError{Op: "dial", Err: &net.DNSError{Name: req.URL.Hostname(), IsNotFound: true}}}
})

// final is an error that the SDK does not try again.
type final struct{ error }

func (final) NonRetriable()   {}
func (f final) Unwrap() error { return f.error }

// TestAzure: half a service principal is an error before the Azure CLI is asked, and a tenant
// alone is none.
func TestAzure(t *testing.T) {
	az := t.TempDir()
	for _, name := range []string{"az", "az.exe"} {
		if err := os.WriteFile(filepath.Join(az, name), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", az)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("assertion"), 0o600); err != nil {
		t.Fatal(err)
	}
	const tenant, client, secret = "AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_CLIENT_SECRET=s"
	const url, token = "ACTIONS_ID_TOKEN_REQUEST_URL=https://u.example", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t"
	for _, tt := range []struct {
		kind auth.Kind
		env  []string
		want auth.Kind
		why  string // "" = no error
	}{
		{"", nil, auth.KindAzureCLI, ""},
		{"", []string{tenant}, auth.KindAzureCLI, ""},
		{"", []string{tenant, client, secret}, auth.KindServicePrincipal, ""},
		{"", []string{tenant, client, "AZURE_FEDERATED_TOKEN_FILE=" + file}, auth.KindServicePrincipal, ""},
		{"", []string{tenant, client, url, token}, auth.KindAzureCLI, ""}, // az is signed in by the job
		{"", []string{"ACR_TOKEN_NAME=half"}, auth.KindAzureCLI, ""},
		{auth.KindAzureCLI, []string{tenant, client}, auth.KindAzureCLI, ""},
		{auth.KindManagedIdentity, []string{client}, auth.KindManagedIdentity, ""},

		{"", []string{tenant, client}, "",
			"AZURE_TENANT_ID and AZURE_CLIENT_ID are set, but AZURE_CLIENT_SECRET is missing"},
		{"", []string{tenant, client, url}, "", "but AZURE_CLIENT_SECRET is missing"},
		{"", []string{client}, "", "AZURE_TENANT_ID and AZURE_CLIENT_SECRET are missing"},
		{"", []string{secret}, "", "AZURE_TENANT_ID and AZURE_CLIENT_ID are missing"},
		{"", []string{client, secret}, "", "AZURE_TENANT_ID is missing"},
		{"", []string{tenant, secret}, "", "AZURE_CLIENT_ID is missing"},
		{"", []string{tenant, client, "AZURE_CLIENT_CERTIFICATE_PASSWORD=x"}, "",
			"AZURE_CLIENT_CERTIFICATE_PATH is missing"},
		{"", []string{tenant, client, "AZURE_FEDERATED_TOKEN_FILE=" + file + "-gone"}, "",
			"the file in AZURE_FEDERATED_TOKEN_FILE cannot be read"},
		{auth.KindServicePrincipal, []string{tenant, client}, "", "none is set"},
		{auth.KindScopedToken, nil, "", "takes Entra identities only"},
	} {
		env := map[string]string{}
		for _, v := range tt.env {
			name, value, _ := strings.Cut(v, "=")
			env[name] = value
		}
		f := finder(env)
		f.Kind = string(tt.kind)
		id, err := f.Azure(mustRegistry(t, "myregistry"), unresolved)
		switch {
		case tt.why == "" && (err != nil || id.Kind != tt.want || id.Credential == nil):
			t.Errorf("%s %q: %s, %v", tt.kind, tt.env, id.Kind, err)
		case tt.why != "" && (acrkit.CodeOf(err) != acrkit.CodeUsage || !strings.Contains(err.Error(), tt.why) ||
			acrkit.HintOf(err) == "" && !strings.Contains(tt.why, "the file")):
			t.Errorf("%s %q: %v, hint %q", tt.kind, tt.env, err, acrkit.HintOf(err))
		case strings.HasSuffix(tt.why, "missing") && acrkit.CauseOf(err) != "ACRK048":
			t.Errorf("%s %q: %s", tt.kind, tt.env, acrkit.CauseOf(err))
		}
	}
}

// TestAzure_failure: what keeps an identity from a token says what to do, and which host was
// asked.
func TestAzure_failure(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	principal := map[string]string{"AZURE_TENANT_ID": "11111111-1111-1111-1111-111111111111", "AZURE_CLIENT_ID": "c",
		"AZURE_CLIENT_SECRET": "s", "AZURE_AUTHORITY_HOST": "https://entra.example/"}
	for _, tt := range []struct {
		kind      auth.Kind
		env       map[string]string
		code      acrkit.Code
		cause     acrkit.Cause
		why, hint string
	}{
		{"", nil, acrkit.CodeCredentialMissing, acrkit.CodeCredentialMissing.Cause(),
			"the environment has no service principal, and there is no program az in PATH", "export AZURE_TENANT_ID="},
		{auth.KindAzureCLI, nil, acrkit.CodeCredentialMissing, acrkit.CodeCredentialMissing.Cause(),
			"there is no program az in PATH", "https://aka.ms/azure-cli"},
		{"", principal, acrkit.CodeUnavailable, "ACRK064", "no host has the name entra.example",
			"check AZURE_AUTHORITY_HOST"},
	} {
		f := finder(tt.env)
		f.Kind = string(tt.kind)
		id, err := f.Azure(mustRegistry(t, "myregistry"), unresolved)
		if err == nil {
			_, err = id.Credential.GetToken(t.Context(),
				policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
		}
		if acrkit.CodeOf(err) != tt.code || acrkit.CauseOf(err) != tt.cause || !strings.Contains(err.Error(), tt.why) ||
			!strings.Contains(acrkit.HintOf(err), tt.hint) {
			t.Errorf("%s: %v, cause %s, hint %q", id.Kind, err, acrkit.CauseOf(err), acrkit.HintOf(err))
		}
	}
}
