package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"oras.land/oras-go/v2/registry/remote"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
)

// registryForExamples is a registry on loopback with two tags; the examples use its host
// as myregistry.azurecr.io. It refuses pulls.
func registryForExamples() (host string, base http.RoundTripper, stop func()) {
	f := newFake()
	f.allowed = mustScope("repository:team/app:metadata_read")
	mux := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/tags/list") && strings.HasPrefix(r.Header.Get("Authorization"), "Bearer eyJ") {
			_, _ = io.WriteString(w, `{"name":"team/app","tags":["v1","v2"]}`)
			return
		}
		f.ServeHTTP(w, r)
	})
	srv := httptest.NewTLSServer(mux)
	f.host = srv.Listener.Addr().String()
	return f.host, srv.Client().Transport, srv.Close
}

// A scope-mapped token's name and password, with plain net/http.
func ExampleNewTransport() {
	host, base, stop := registryForExamples() // yours: "myregistry.azurecr.io", nil
	defer stop()

	cred := auth.ScopedToken("ci", "correct-horse")
	rt, err := auth.NewTransport(host, cred, &auth.Options{Base: base})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	client := &http.Client{Transport: rt}

	resp, err := client.Get("https://" + host + "/v2/team/app/tags/list")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body))
	// Output: 200 {"name":"team/app","tags":["v1","v2"]}
}

// The same transport under oras-go: no other authentication is needed there.
func ExampleNewTransport_orasGo() {
	host, base, stop := registryForExamples()
	defer stop()
	rt, err := auth.NewTransport(host, auth.ScopedToken("ci", "correct-horse"), &auth.Options{Base: base})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	repo, err := remote.NewRepository(host + "/team/app")
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

// A refusal says which right was missing.
func ExampleTransport_ResponseError() {
	host, base, stop := registryForExamples()
	defer stop()
	rt, err := auth.NewTransport(host, auth.ScopedToken("ci", "correct-horse"), &auth.Options{Base: base})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	resp, err := (&http.Client{Transport: rt}).Get("https://" + host + "/v2/team/app/manifests/v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	err = rt.ResponseError(resp, `read "team/app:v1"`)
	var e *acrkit.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, "required:", e.Required, "granted:", e.Granted)
	}
	// Output: insufficient_scope required: repository:team/app:pull granted:
}

// Name and password come from a vault, which may change to another token at any time.
// It is asked at first, and again when the registry refuses what it gave.
func ExampleScopedTokenFunc() {
	host, base, stop := registryForExamples()
	defer stop()
	vault := func(_ context.Context, _ string) (map[string]string, error) { // yours
		return map[string]string{"name": "ci", "password": "correct-horse"}, nil
	}

	cred := auth.ScopedTokenFunc(func(ctx context.Context) (name, password string, err error) {
		secret, err := vault(ctx, "registry/myregistry")
		return secret["name"], secret["password"], err
	})
	rt, err := auth.NewTransport(host, cred, &auth.Options{Base: base})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()

	resp, err := (&http.Client{Transport: rt}).Get("https://" + host + "/v2/team/app/tags/list")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode, "as", rt.Describe())
	// Output: 200 as token "ci"
}

// A registry and a credential from ACR_NAME, ACR_TOKEN_NAME and
// ACR_TOKEN_PASSWORD; half a credential is an error that names the other half.
func ExampleFromEnvironment() {
	vars := map[string]string{"ACR_NAME": "myregistry", "ACR_TOKEN_NAME": "ci-pull"}
	_, err := auth.FromEnvironment(func(name string) (string, bool) { v, ok := vars[name]; return v, ok })
	fmt.Println(err)
	vars["ACR_TOKEN_PASSWORD"] = "secret"
	env, err := auth.FromEnvironment(func(name string) (string, bool) { v, ok := vars[name]; return v, ok })
	fmt.Println(env.Registry, env.Credential, err)
	// Output:
	// cannot read a credential from the environment: ACR_TOKEN_NAME is set, but ACR_TOKEN_PASSWORD is missing
	// myregistry.azurecr.io token "ci-pull" <nil>
}
