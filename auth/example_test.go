package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// startRegistry makes a registry in this process that the examples use instead of
// myregistry.azurecr.io. It has two repositories, and the token "ci-pull" with the
// password "correct-horse", which may read all of samples/app and list the tags of
// base/go. A program of yours gives nil options, or none with a Base.
func startRegistry() (*fake, *auth.Options) {
	reg := newFake()
	reg.password = map[string]string{"ci-pull": "correct-horse"}
	reg.allowed = mustScope("repository:samples/app:metadata_read,pull repository:base/go:metadata_read")
	reg.tags = map[string][]string{"samples/app": {"v1", "v2"}, "base/go": {"1.26"}}
	return reg, &auth.Options{Base: &direct{hosts: map[string]http.Handler{
		"https://myregistry.azurecr.io": reg, "https://login.microsoftonline.com": reg}}}
}

// printTags gets the tags of a repository of myregistry.azurecr.io.
func printTags(rt http.RoundTripper, repository string) {
	client := &http.Client{Transport: rt}
	resp, err := client.Get("https://myregistry.azurecr.io/v2/" + repository + "/tags/list")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, string(body))
}

// The name and password of a scope-mapped token, with net/http or any other client that
// takes an http.RoundTripper.
//
// The examples of this package run against a registry in this process. Package acrtest
// has one for your tests. For a real one, pass nil options.
func ExampleNewTransport() {
	_, opts := startRegistry()

	cred := auth.ScopedToken("ci-pull", "correct-horse")
	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	client := &http.Client{Transport: rt}
	resp, err := client.Get("https://myregistry.azurecr.io/v2/samples/app/tags/list")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(resp.StatusCode, string(body))
	// Output: 200 {"name":"samples/app","tags":["v1","v2"]}
}

// A token's two passwords: while one of them is regenerated, the other is used.
func ExampleScopedTokenPair() {
	reg, opts := startRegistry()
	reg.password["ci-pull"] = "battery-staple" // password1 was regenerated since

	cred := auth.ScopedTokenPair("ci-pull", "correct-horse", "battery-staple")
	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "samples/app")
	// Output: 200 {"name":"samples/app","tags":["v1","v2"]}
}

// A password in a file, such as a mounted Kubernetes secret. The file is read again when
// the registry refuses the password, so a running program outlives its rotation.
func ExampleScopedTokenSource() {
	reg, opts := startRegistry()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "acr-password")
	write := func(password string) error { return os.WriteFile(file, []byte(password), 0o600) }
	if err := write("correct-horse"); err != nil {
		fmt.Println(err)
		return
	}

	cred := auth.ScopedTokenSource("ci-pull", auth.SecretFile(file))
	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	printTags(rt, "samples/app")

	reg.password["ci-pull"] = "battery-staple" // a rotation, in the registry and in the file
	if err := write("battery-staple"); err != nil {
		fmt.Println(err)
		return
	}
	printTags(rt, "base/go") // needs another access token
	// Output:
	// 200 {"name":"samples/app","tags":["v1","v2"]}
	// 200 {"name":"base/go","tags":["1.26"]}
}

// A name and password from a vault, which may change to another token at any time. The
// function is called when a password is needed, and again when the registry refuses it.
func ExampleScopedTokenFunc() {
	_, opts := startRegistry()
	vault := func(context.Context, string) (map[string]string, error) { // yours
		return map[string]string{"name": "ci-pull", "password": "correct-horse"}, nil
	}

	cred := auth.ScopedTokenFunc(func(ctx context.Context) (name, password string, err error) {
		secret, err := vault(ctx, "registry/myregistry")
		return secret["name"], secret["password"], err
	})
	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "samples/app")
	fmt.Println(rt.Describe())
	// Output:
	// 200 {"name":"samples/app","tags":["v1","v2"]}
	// token "ci-pull"
}

// A service principal with a client secret, without any SDK. Its authority follows from
// the registry's cloud.
func ExampleServicePrincipal() {
	const tenantID, clientID = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
	reg, opts := startRegistry()
	reg.secret = "its-secret"

	cred := auth.ServicePrincipal(tenantID, clientID, "its-secret", nil)
	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "samples/app")
	// Output: 200 {"name":"samples/app","tags":["v1","v2"]}
}

// Workload identity in Kubernetes: the assertion is a file that the cluster renews, and
// there is no client secret. In GitHub Actions, the assertion is GitHubOIDC.
func ExampleFederatedServicePrincipal() {
	const tenantID, clientID = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
	assertion := auth.SecretFile("/var/run/secrets/azure/tokens/azure-identity-token") // AZURE_FEDERATED_TOKEN_FILE
	cred := auth.FederatedServicePrincipal(tenantID, clientID, assertion, nil)

	rt, err := auth.NewTransport("myregistry", cred, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	fmt.Println(rt.Registry(), rt.Describe()) // nothing is read or sent yet
	// Output: myregistry.azurecr.io service principal 22222222-2222-2222-2222-222222222222
}

// The registry and the credential from ACR_NAME, ACR_TOKEN_NAME and ACR_TOKEN_PASSWORD.
// Half a credential is an error that names the other half.
func ExampleFromEnvironment() {
	variables := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci-pull"}
	lookup := func(name string) (string, bool) { // with nil it is os.LookupEnv
		value, ok := variables[name]
		return value, ok
	}
	_, err := auth.FromEnvironment(lookup)
	fmt.Println(err)

	variables["ACR_TOKEN_PASSWORD"] = "correct-horse-battery-staple"
	env, err := auth.FromEnvironment(lookup)
	if err != nil {
		fmt.Println(err)
		return
	}
	rt, err := auth.NewTransport(env.Registry.Host(), env.Credential, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	fmt.Println(rt.Registry(), rt.Describe())
	// Output:
	// cannot read a credential from the environment: ACR_TOKEN_NAME is set, but ACR_TOKEN_PASSWORD is missing
	// myregistry.azurecr.io token "ci-pull"
}

// The login that docker login left. Without a file name, DockerConfig looks where Docker
// and podman keep theirs.
func ExampleDockerConfig() {
	_, opts := startRegistry()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "config.json")
	login := base64.StdEncoding.EncodeToString([]byte("ci-pull:correct-horse"))
	config := fmt.Sprintf(`{"auths": {"myregistry.azurecr.io": {"auth": %q}}}`, login)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	rt, err := auth.NewTransport("myregistry.azurecr.io", auth.DockerConfig(file), opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "samples/app")
	fmt.Println(rt.Describe())
	// Output:
	// 200 {"name":"samples/app","tags":["v1","v2"]}
	// user "ci-pull"
}

// Two scope-mapped tokens for one registry: the longest prefix that holds the repository
// decides.
func ExampleByRepository() {
	reg, opts := startRegistry()
	reg.password["ci-base"] = "battery-staple"

	cred := auth.ByRepository(map[string]auth.Credential{
		"samples": auth.ScopedToken("ci-pull", "correct-horse"),
		"":        auth.ScopedToken("ci-base", "battery-staple"), // all other repositories
	})
	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "samples/app")
	printTags(rt, "base/go")
	// Output:
	// 200 {"name":"samples/app","tags":["v1","v2"]}
	// 200 {"name":"base/go","tags":["1.26"]}
}

// The first credential that there is: here a file that does not exist is skipped. A
// credential that is refused ends the chain.
func ExampleChain() {
	_, opts := startRegistry()

	cred := auth.Chain(
		auth.ScopedTokenSource("ci-deploy", auth.SecretFile("/nonexistent/acr-password")),
		auth.ScopedToken("ci-pull", "correct-horse"),
	)
	rt, err := auth.NewTransport("myregistry.azurecr.io", cred, opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "samples/app")
	for _, lookup := range rt.Status(acrkit.Scope{}).Lookups {
		fmt.Println(lookup.Outcome)
	}
	// Output:
	// 200 {"name":"samples/app","tags":["v1","v2"]}
	// not available
	// used
}

// An access token for a program that sends requests itself. That it was requested does
// not mean that it was granted.
func ExampleTransport_Token() {
	_, opts := startRegistry()

	rt, err := auth.NewTransport("myregistry.azurecr.io", auth.ScopedToken("ci-pull", "correct-horse"),
		opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	scope := acrkit.RepositoryScope("samples/app", acrkit.ContentRead, acrkit.ContentWrite)
	access, err := rt.Token(context.Background(), scope)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(access.Value) // Reveal returns the token itself
	fmt.Println("requested:", access.Requested)
	fmt.Println("granted:", access.Granted)
	// Output:
	// [redacted]
	// requested: repository:samples/app:pull,push
	// granted: repository:samples/app:pull
}

// The name and password of a credential of any kind, for a client that knows only those:
// an Entra identity becomes an ACR refresh token.
func ExampleTransport_Login() {
	const tenantID, clientID = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
	reg, opts := startRegistry()
	reg.secret = "its-secret"

	rt, err := auth.NewTransport("myregistry.azurecr.io",
		auth.ServicePrincipal(tenantID, clientID, "its-secret", nil), opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	login, err := rt.Login(context.Background(), acrkit.Scope{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(login.User, login.Password) // Reveal returns the password itself
	// Output: 00000000-0000-0000-0000-000000000000 [redacted]
}

// A refusal, and the right that was missing. The transport returns answers as they are;
// ResponseError reads them.
func ExampleTransport_ResponseError() {
	_, opts := startRegistry()

	rt, err := auth.NewTransport("myregistry.azurecr.io", auth.ScopedToken("ci-pull", "correct-horse"),
		opts)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	resp, err := (&http.Client{Transport: rt}).Get("https://myregistry.azurecr.io/v2/base/go/manifests/1.26")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	err = rt.ResponseError(resp, `read "base/go:1.26"`)
	fmt.Println(errors.Is(err, acrkit.CodeInsufficientScope))
	var e *acrkit.Error
	if errors.As(err, &e) {
		fmt.Println("required:", e.Required)
	}
	// Output:
	// true
	// required: repository:base/go:pull
}
