package credhelper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/credhelper"
)

// connect returns a transport with the program's one scope-mapped token, or with the
// credential that the request itself carries.
func connect(_ context.Context, reg acrkit.Registry, cred auth.Credential) (*auth.Transport, error) {
	if cred == nil {
		cred = auth.ScopedToken("ci-pull", "the-password") // yours: from a file, a vault …
	}
	return auth.NewTransport(reg.Host(), cred, nil)
}

// A helper of your own for docker, podman, crane and other clients. Its program is named
// docker-credential-NAME, and its main function ends with
//
//	os.Exit(helper.Docker(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
//
// It answers for Azure's registries, and says of others that it has no credential.
func ExampleHelper_Docker() {
	helper := credhelper.New(credhelper.Options{Name: "docker-credential-example", Connect: connect})

	for _, host := range []string{"myregistry.azurecr.io", "docker.io"} {
		code := helper.Docker(context.Background(), []string{"get"}, strings.NewReader(host), os.Stdout, os.Stderr)
		fmt.Println("exit", code)
	}
	// Output:
	// {"ServerURL":"myregistry.azurecr.io","Username":"ci-pull","Secret":"the-password"}
	// exit 0
	// credentials not found in native keychain
	// exit 1
}

// An image credential provider of your own for the kubelet, which writes a request to the
// standard input of the program and reads the answer from its standard output.
func ExampleHelper_Kubelet() {
	helper := credhelper.New(credhelper.Options{Name: "acr-provider-example", Connect: connect})

	request := `{"kind": "CredentialProviderRequest", "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
		"image": "myregistry.azurecr.io/samples/app:v1"}`
	var out bytes.Buffer // a program passes os.Stdin, os.Stdout and os.Stderr
	code := helper.Kubelet(context.Background(), strings.NewReader(request), &out, os.Stderr)
	var answer struct {
		Kind          string
		CacheDuration string
		Auth          map[string]struct{ Username, Password string }
	}
	if err := json.Unmarshal(out.Bytes(), &answer); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(code, answer.Kind, answer.CacheDuration, answer.Auth["myregistry.azurecr.io"].Username)
	// Output: 0 CredentialProviderResponse 10m0s ci-pull
}

// A registry with a custom login server. Other hosts that are not Azure's are refused.
func ExampleOptions() {
	custom, err := acrkit.ParseRegistry("registry.example.com")
	if err != nil {
		fmt.Println(err)
		return
	}
	helper := credhelper.New(credhelper.Options{
		Registries: []acrkit.Registry{custom},
		Connect: func(_ context.Context, reg acrkit.Registry, _ auth.Credential) (*auth.Transport, error) {
			return auth.NewTransport(reg.Host(), auth.ScopedToken("ci-pull", "the-password"),
				&auth.Options{CustomLoginServer: true})
		},
	})
	request := strings.NewReader("registry.example.com")
	helper.Docker(context.Background(), []string{"get"}, request, os.Stdout, os.Stderr)
	// Output: {"ServerURL":"registry.example.com","Username":"ci-pull","Secret":"the-password"}
}
