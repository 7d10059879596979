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

	"oras.land/oras-go/v2/registry/remote"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/registry"
)

// printTags lists the tags of a repository through a transport.
func printTags(rt *auth.Transport, repository string) {
	client, err := registry.New(rt.Registry().Host(), rt, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for tag, err := range client.Tags(context.Background(), repository, nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(repository, tag.Name)
	}
}

// The name and password of a scope-mapped token, with net/http or any other client that
// takes an http.RoundTripper.
//
// The examples of this package run against an emulated registry of package acrtest. For a
// real one, pass its name instead of reg.Host(), and nil options.
func ExampleNewTransport() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1", "v2")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")

	cred := auth.ScopedToken(token.Name, token.Password1)
	rt, err := auth.NewTransport(reg.Host(), cred, &auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	client := &http.Client{Transport: rt}
	resp, err := client.Get("https://" + reg.Host() + "/v2/samples/app/tags/list")
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

// The same transport in oras-go, which then needs no other authentication.
func ExampleNewTransport_orasGo() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1", "v2")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")

	rt, err := auth.NewTransport(reg.Host(), auth.ScopedToken(token.Name, token.Password1),
		&auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	repo, err := remote.NewRepository(reg.Host() + "/samples/app")
	if err != nil {
		fmt.Println(err)
		return
	}
	repo.Client = &http.Client{Transport: rt}
	err = repo.Tags(context.Background(), "", func(tags []string) error {
		fmt.Println(tags)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: [v1 v2]
}

// A token's two passwords: while one of them is regenerated, the other is used.
func ExampleScopedTokenPair() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")
	reg.RegeneratePassword("ci-pull", "password1") // the one that the program knows is refused now

	cred := auth.ScopedTokenPair(token.Name, token.Password1, token.Password2)
	rt, err := auth.NewTransport(reg.Host(), cred, &auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "samples/app")
	// Output: samples/app v1
}

// A password in a file, such as a mounted Kubernetes secret. The file is read again when
// the registry refuses the password, so a running program outlives its rotation.
func ExampleScopedTokenSource() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	reg.Push("samples/web", "v2")
	token := reg.Token("ci-pull", "repositories/samples/*/metadata/read")
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "acr-password")
	write := func(password string) error { return os.WriteFile(file, []byte(password), 0o600) }
	if err := write(token.Password1); err != nil {
		fmt.Println(err)
		return
	}

	cred := auth.ScopedTokenSource("ci-pull", auth.SecretFile(file))
	rt, err := auth.NewTransport(reg.Host(), cred, &auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	printTags(rt, "samples/app")

	if err := write(reg.RegeneratePassword("ci-pull", "password1")); err != nil {
		fmt.Println(err)
		return
	}
	printTags(rt, "samples/web") // needs another access token
	// Output:
	// samples/app v1
	// samples/web v2
}

// A name and password from a vault, which may change to another token at any time. The
// function is called when a password is needed, and again when the registry refuses it.
func ExampleScopedTokenFunc() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")
	vault := func(context.Context, string) (map[string]string, error) { // yours
		return map[string]string{"name": token.Name, "password": token.Password1}, nil
	}

	cred := auth.ScopedTokenFunc(func(ctx context.Context) (name, password string, err error) {
		secret, err := vault(ctx, "registry/myregistry")
		return secret["name"], secret["password"], err
	})
	rt, err := auth.NewTransport(reg.Host(), cred, &auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "samples/app")
	fmt.Println(rt.Describe())
	// Output:
	// samples/app v1
	// token "ci-pull"
}

// A service principal with a client secret, without any SDK. AuthorityHost is needed for
// a registry on loopback only: the authority of a real one follows from its cloud.
func ExampleServicePrincipal() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	app := reg.ServicePrincipal("AcrPull")

	cred := auth.ServicePrincipal(app.TenantID, app.ClientID, app.ClientSecret,
		&auth.EntraOptions{AuthorityHost: reg.AuthorityHost()})
	rt, err := auth.NewTransport(reg.Host(), cred, &auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "samples/app")
	// Output: samples/app v1
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
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "config.json")
	login := base64.StdEncoding.EncodeToString([]byte(token.Name + ":" + token.Password1))
	config := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, reg.Host(), login)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	rt, err := auth.NewTransport(reg.Host(), auth.DockerConfig(file), &auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "samples/app")
	fmt.Println(rt.Describe())
	// Output:
	// samples/app v1
	// user "ci-pull"
}

// Two scope-mapped tokens for one registry: the longest prefix that holds the repository
// decides.
func ExampleByRepository() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("team/app", "v1")
	reg.Push("base/go", "1.26")
	team := reg.Token("ci-team", "repositories/team/*/metadata/read")
	base := reg.Token("ci-base", "repositories/base/*/metadata/read")

	cred := auth.ByRepository(map[string]auth.Credential{
		"team": auth.ScopedToken(team.Name, team.Password1),
		"":     auth.ScopedToken(base.Name, base.Password1), // all other repositories
	})
	rt, err := auth.NewTransport(reg.Host(), cred, &auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	printTags(rt, "team/app")
	printTags(rt, "base/go")
	// Output:
	// team/app v1
	// base/go 1.26
}

// The first credential that there is: here a file that does not exist is skipped. A
// credential that is refused ends the chain.
func ExampleChain() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")

	cred := auth.Chain(
		auth.ScopedTokenSource("ci-deploy", auth.SecretFile("/nonexistent/acr-password")),
		auth.ScopedToken(token.Name, token.Password1),
	)
	rt, err := auth.NewTransport(reg.Host(), cred, &auth.Options{Base: reg.RoundTripper()})
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
	// samples/app v1
	// not available
	// used
}

// An access token for a program that sends requests itself. That it was requested does
// not mean that it was granted.
func ExampleTransport_Token() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	token := reg.Token("ci-pull", "repositories/samples/app/content/read")

	rt, err := auth.NewTransport(reg.Host(), auth.ScopedToken(token.Name, token.Password1),
		&auth.Options{Base: reg.RoundTripper()})
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
	reg, stop := acrtest.Start(nil)
	defer stop()
	app := reg.ServicePrincipal("AcrPull")

	rt, err := auth.NewTransport(reg.Host(), app.Credential(), &auth.Options{Base: reg.RoundTripper()})
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
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-list", "repositories/samples/app/metadata/read")

	rt, err := auth.NewTransport(reg.Host(), auth.ScopedToken(token.Name, token.Password1),
		&auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	resp, err := (&http.Client{Transport: rt}).Get(reg.URL() + "/v2/samples/app/manifests/v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	err = rt.ResponseError(resp, `read "samples/app:v1"`)
	fmt.Println(errors.Is(err, acrkit.CodeInsufficientScope))
	var e *acrkit.Error
	if errors.As(err, &e) {
		fmt.Println("required:", e.Required)
	}
	// Output:
	// true
	// required: repository:samples/app:pull
}
