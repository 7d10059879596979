package proxy_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"

	"oras.land/oras-go/v2/registry/remote"
	orasauth "oras.land/oras-go/v2/registry/remote/auth"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/proxy"
	"github.com/acrkit/acrkit/scopemap"
)

// A proxy in this process, for a client that knows only a user name and a password. The
// credential for the registry stays here; the client gets a key that is good for this
// proxy alone.
func ExampleNew() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")
	upstream := reg.Transport(token.Credential()) // yours: auth.NewTransport("myregistry", cred, nil)

	server := httptest.NewUnstartedServer(nil) // any http.Server on loopback
	address := server.Listener.Addr().String()
	key := rand.Text()
	handler, err := proxy.New(upstream, &proxy.Options{
		Hosts:     []string{address},
		Scheme:    "http",
		ClientKey: auth.NewSecret(key),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer handler.Close()
	server.Config.Handler = handler
	server.Start()
	defer server.Close()

	repo, err := remote.NewRepository(address + "/samples/app")
	if err != nil {
		fmt.Println(err)
		return
	}
	repo.PlainHTTP = true
	repo.Client = &orasauth.Client{Credential: orasauth.StaticCredential(address,
		orasauth.Credential{Username: "any", Password: key})}
	err = repo.Tags(context.Background(), "", func(tags []string) error {
		fmt.Println(tags)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: [v1]
}

// A proxy that allows less than its credential: clients may read one repository, and need
// no key.
func ExampleOptions_scopeMap() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	reg.Push("samples/web", "v1")
	token := reg.Token("ci-all", "repositories/*/metadata/read")

	allowed, err := scopemap.Parse([]string{"repositories/samples/app/metadata/read"})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewUnstartedServer(nil)
	handler, err := proxy.New(reg.Transport(token.Credential()), &proxy.Options{
		Hosts:    []string{server.Listener.Addr().String()},
		Scheme:   "http",
		Open:     true,
		ScopeMap: &allowed,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer handler.Close()
	server.Config.Handler = handler
	server.Start()
	defer server.Close()

	// This client follows the proxy's challenges, as docker and oras do.
	client, err := auth.NewTransport(server.Listener.Addr().String(), nil, &auth.Options{PlainHTTP: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	for _, name := range []string{"samples/app", "samples/web"} {
		resp, err := (&http.Client{Transport: client}).Get(server.URL + "/v2/" + name + "/tags/list")
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		fmt.Println(name, resp.Status)
	}
	// Output:
	// samples/app 200 OK
	// samples/web 401 Unauthorized
}
