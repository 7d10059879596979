package credhelper_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/credhelper"
)

// A helper that answers with one scope-mapped token for every registry of Azure that is
// asked for, and for nothing else.
func ExampleHelper_Docker() {
	helper := credhelper.New(credhelper.Options{
		Connect: func(_ context.Context, reg acrkit.Registry, cred auth.Credential) (*auth.Transport, error) {
			if cred == nil {
				cred = auth.ScopedToken("ci-pull", "the-password")
			}
			return auth.NewTransport(reg.Host(), cred, nil)
		},
	})
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
