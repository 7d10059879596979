package find

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWithoutSecrets(t *testing.T) {
	for _, tt := range []struct{ env, want []string }{
		{nil, nil},
		{[]string{"A=1", "ACR_NAME=myregistry", "ACR_TOKEN_NAME=ci", "ACR_TOKEN_PASSWORD=x"}, []string{"A=1",
			"ACR_NAME=myregistry"}},
		{[]string{"ACR_TOKEN_PASSWORD2=x", "ACR_TOKEN_PASSWORDS=y"}, []string{"ACR_TOKEN_PASSWORDS=y"}},
		{[]string{"ACR_TOKEN_NAME=ci", "ACR_TOKEN_PASSWORD_FILE=/x", "ACR_REFRESH_TOKEN=x"}, nil},
		{[]string{"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_CLIENT_SECRET=x"}, nil},
		{[]string{"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_CLIENT_CERTIFICATE_PATH=/x",
			"AZURE_CLIENT_CERTIFICATE_PASSWORD=x"}, nil},
		{[]string{"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_FEDERATED_TOKEN_FILE=/x", "AZURE_AUTHORITY_HOST=h"},
			[]string{"AZURE_AUTHORITY_HOST=h"}},
		{[]string{"AZURE_CLIENT_ID=c", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=x", "ACTIONS_ID_TOKEN_REQUEST_URL=u"}, nil},
		// Without a secret these are other programs': the client of a managed identity,
		// the address that az asks in the Cloud Shell.
		{[]string{"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "MSI_ENDPOINT=u"}, []string{"AZURE_TENANT_ID=t",
			"AZURE_CLIENT_ID=c", "MSI_ENDPOINT=u"}},
		{[]string{"IDENTITY_ENDPOINT=u", "IDENTITY_HEADER=x"}, nil},
	} {
		before := slices.Clone(tt.env)
		if diff := cmp.Diff(tt.want, WithoutSecrets(tt.env), cmp.Transformer("",
			func(s []string) []string { return append([]string{}, s...) })); diff != "" {
			t.Errorf("%v: %s", tt.env, diff)
		}
		if !slices.Equal(before, tt.env) {
			t.Errorf("%v was changed", before)
		}
	}
}

// TestWithAppService: one identity is left, and each of its variables is there
// once.
func TestWithAppService(t *testing.T) {
	before := []string{"A=1", "IDENTITY_ENDPOINT=old", "IDENTITY_HEADER=old", "AZURE_TOKEN_CREDENTIALS=dev",
		"AZURE_FEDERATED_TOKEN_FILE=/x", "IDENTITY_SERVER_THUMBPRINT=x", "IMDS_ENDPOINT=u", "MSI_ENDPOINT=u",
		"MSI_SECRET=x",
		"AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_FEDERATED_TOKEN_FILES=y"}
	env := slices.Clone(before)
	got := WithAppService(env, "https://localhost:1/x", "header")
	want := []string{"A=1", "AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c", "AZURE_FEDERATED_TOKEN_FILES=y",
		"IDENTITY_ENDPOINT=https://localhost:1/x", "IDENTITY_HEADER=header",
		"AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(before, env) {
		t.Errorf("the list was changed: %q", env)
	}
}

// harmless are names in the source that look like variables and hold no secret: other
// variables, and codes of a registry.
var harmless = []string{
	"ACRKIT_ACCESS_LOG", "ACRKIT_ADDR", "ACRKIT_AUTH", "ACRKIT_CONFIG_DIR", "ACRKIT_HELPER_ANSWER",
	"ACRKIT_HOSTNAMES", "ACRKIT_KEYRING", "ACRKIT_KUBELET_TENANTS",
	"ACRKIT_NO_CACHE", "ACRKIT_REGISTRIES", "ACR_NAME",
	"ACRKIT_PROXY_CA", "ACRKIT_PROXY_HOST", "ACRKIT_PROXY_URL",
	"ACRKIT_PROXY_KEY", // which the proxy's command is given, and nothing is read from
	"AZURE_AUTHORITY_HOST", "AZURE_SUBSCRIPTION_ID", "CLICOLOR_FORCE", "CURL_CA_BUNDLE", "DBUS_SESSION_BUS_ADDRESS",
	"HELM_CONFIG_HOME", "JAVA_TOOL_OPTIONS",
	"NODE_EXTRA_CA_CERTS", "NO_COLOR", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "XDG_CONFIG_HOME",
	"XDG_DATA_HOME", "XDG_RUNTIME_DIR",
	// Package child replaces these, and copies what is not the registry's.
	"DOCKER_AUTH_CONFIG", "DOCKER_CONFIG", "HELM_REGISTRY_CONFIG", "REGISTRY_AUTH_FILE",
	"TOKEN_NAME", "OBJECT_ID", // in a text for people
	// "emulator env --for" prints these.
	"ARM_ACTIVE_DIRECTORY_AUTHORITY_HOST", "ARM_RESOURCE_MANAGER_AUDIENCE", "ARM_RESOURCE_MANAGER_ENDPOINT",
	"ARM_CLIENT_ID", "ARM_METADATA_HOSTNAME", "ARM_RESOURCE_PROVIDER_REGISTRATIONS", "ARM_SUBSCRIPTION_ID",
	"ARM_TENANT_ID", "AZURE_CONFIG_DIR", "AZURE_CORE_COLLECT_TELEMETRY", "AZURE_CORE_INSTANCE_DISCOVERY",
	"AZURE_OBJECT_ID", "AZURE_RESOURCE_MANAGER_ENDPOINT", "GO_AZURE_SDK_SKIP_POLLING_DELAY",
	// Microsoft's library.
	"AZURE_ADDITIONALLY_ALLOWED_TENANTS", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "AZURE_REGIONAL_AUTHORITY_NAME",
	"AZURE_TOKEN_CREDENTIALS", "DEFAULT_IDENTITY_CLIENT_ID", "IMDS_ENDPOINT",
	"SYSTEM_OIDCREQUESTURI", // of a credential that is given its secret by its caller
}

// upperCase is what names of variables look like.
var upperCase = regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$`)

// TestVariables_all: a new variable must be listed with whether it holds a secret. It is
// in variableSets then, or among the harmless ones above.
func TestVariables_all(t *testing.T) {
	found := map[string]string{} // where
	parse := func(file string) {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if name, err := strconv.Unquote(lit.Value); err == nil && upperCase.MatchString(name) {
				found[name] = file
			}
			return true
		})
	}
	isSource := func(name string) bool { return strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") }
	root := filepath.Join("..", "..", "..")
	for _, dir := range []string{"auth", "cmd", "credhelper", "cmd/acrkit/internal/cli", "internal/login/find",
		"internal/loginfile",
		"internal/login/store", "internal/login/tokencache"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && isSource(path) &&
				path != filepath.Join(root, "internal/login/find/variables.go") {
				parse(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}",
		"github.com/Azure/azure-sdk-for-go/sdk/azidentity",
		"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity").
		Output()
	if err != nil {
		t.Fatal(err)
	}
	for dir := range strings.FieldsSeq(string(out)) {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, file := range files {
			if isSource(file) {
				parse(file)
			}
		}
	}
	if len(found) == 0 {
		t.Fatal("nothing was found")
	}
	known := map[string]bool{}
	for _, set := range variableSets {
		for _, name := range append(slices.Clone(set.secrets), set.rest...) {
			known[name] = true
		}
	}
	for _, name := range harmless {
		if known[name] {
			t.Errorf("%s is both", name)
		}
		known[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !known[name] {
			t.Errorf("%s (%s): does it hold a secret? Then it belongs into variableSets, else into harmless", name,
				found[name])
		}
		delete(known, name)
	}
	for name := range known {
		t.Errorf("nothing reads %s any more", name)
	}
}
