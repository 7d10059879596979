package emulator_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/registry"
	"github.com/acrkit/acrkit/scopemap"
)

const exampleSeed = `
registries:
  - name: myregistry
    repositories:
      - name: samples/app
        images: [{tags: [v1, latest]}]
    scopeMaps:
      - name: ci-pull
        actions: [repositories/samples/app/content/read, repositories/samples/app/metadata/read]
    tokens:
      - name: ci-pull
        scopeMap: ci-pull
        passwords: [{name: password1, value: correct-horse-battery-staple}]
`

// An emulator in this process, with a seed, behind a server of package httptest. In a Go
// test, package acrtest does all of this in one line.
func ExampleOpen() {
	s, err := seed.Read(strings.NewReader(exampleSeed))
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := emulator.Open(context.Background(), &emulator.Options{Seed: s})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	server := httptest.NewTLSServer(e)
	defer server.Close()

	host := server.Listener.Addr().String()
	cred := auth.ScopedToken("ci-pull", "correct-horse-battery-staple")
	rt, err := auth.NewTransport(host, cred, &auth.Options{Base: server.Client().Transport})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	client, err := registry.New(host, rt, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for tag, err := range client.Tags(context.Background(), "samples/app", nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tag.Name)
	}
	// Output:
	// latest
	// v1
}

// HTTP and TLS on a free port of loopback, until the context ends. Clients trust the
// emulator's own certificate authority, for localhost and *.azurecr.localhost.
func ExampleEmulator_Serve() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	e, err := emulator.Open(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	served := make(chan error, 1)
	go func() { served <- e.Serve(ctx, listener) }()

	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: e.CAPool(), MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	resp, err := client.Get("https://" + listener.Addr().String() + "/v2/")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	fmt.Println(resp.Status) // it is ready: a registry asks for a credential

	cancel()
	fmt.Println(<-served)
	// Output:
	// 401 Unauthorized
	// <nil>
}

// What is pushed to an emulator with a data folder is there after a restart.
func ExampleOptions_dataDir() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	e, err := emulator.Open(ctx, &emulator.Options{DataDir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	reg, err := e.Registry("") // the first one
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := reg.PutToken(ctx, emulator.TokenSpec{Name: "ci-pull", ScopeMap: "_repositories_pull"}); err != nil {
		fmt.Println(err)
		return
	}
	if err := e.Close(); err != nil {
		fmt.Println(err)
		return
	}

	e, err = emulator.Open(ctx, &emulator.Options{DataDir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	if reg, err = e.Registry(""); err != nil {
		fmt.Println(err)
		return
	}
	for _, token := range reg.Tokens() {
		fmt.Println(token.Name, token.ScopeMap)
	}
	// Output: ci-pull _repositories_pull
}

// The emulator is an http.Handler: it needs no listener where a request is enough.
func ExampleEmulator_ServeHTTP() {
	e, err := emulator.Open(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()

	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "https://localhost/v2/", nil))
	fmt.Println(answer.Code)
	fmt.Println(answer.Header().Get("WWW-Authenticate"))
	// Output:
	// 401
	// Bearer realm="https://localhost/oauth2/token",service="localhost"
}

// A scope map, a token and its passwords, as Azure Resource Manager would make them.
func ExampleRegistry() {
	ctx := context.Background()
	e, err := emulator.Open(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	reg, err := e.Registry("myregistry")
	if err != nil {
		fmt.Println(err)
		return
	}

	m, err := scopemap.Parse([]string{"repositories/samples/*/content/read"})
	if err != nil {
		fmt.Println(err)
		return
	}
	m.Name = "samples-pull"
	if err := reg.PutScopeMap(ctx, m); err != nil {
		fmt.Println(err)
		return
	}
	if err := reg.PutToken(ctx, emulator.TokenSpec{Name: "ci-pull", ScopeMap: m.Name}); err != nil {
		fmt.Println(err)
		return
	}
	passwords, err := reg.GeneratePasswords(ctx, "ci-pull", time.Time{}) // they never expire
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range passwords {
		fmt.Println(p.Name, len(string(p.Value)) > 20)
	}
	// Output:
	// password1 true
	// password2 true
}

// A failure of the service: every request to the token service is answered with 503.
func ExampleEmulator_AddFault() {
	e, err := emulator.Open(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	added, err := e.AddFault(fault.Fault{
		Kind:   fault.Status,
		Status: http.StatusServiceUnavailable,
		Routes: []fault.Route{fault.RouteToken},
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	get := func() int {
		answer := httptest.NewRecorder()
		e.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "https://localhost/oauth2/token?service=localhost",
			nil))
		return answer.Code
	}
	fmt.Println(get())
	if err := e.RemoveFault(added.ID); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(get())
	// Output:
	// 503
	// 401
}

// Who was refused what, and by which rule.
func ExampleEmulator_Decisions() {
	ctx := context.Background()
	e, err := emulator.Open(ctx, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	request := httptest.NewRequest(http.MethodGet, "https://localhost/oauth2/token?service=localhost", nil)
	request.SetBasicAuth("ci-pull", "wrong-password")
	e.ServeHTTP(httptest.NewRecorder(), request)

	for d, err := range e.Decisions(ctx, emulator.DecisionFilter{Outcome: emulator.OutcomeDenied}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(d.Method, d.Path, d.RuleID)
	}
	// Output:
	// GET /oauth2/token user-unknown
}
