// Package testcontainers shows the emulator's container in a Go test. Where the program
// under test is Go, package acrtest does it without a container.
package testcontainers

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

const image = "ghcr.io/acrkit/emulator:0.1.0"

// seed is what the registry holds. The password is in a variable of the container.
const seed = `
registries:
  - name: myregistry
    repositories:
      - {name: samples/app, images: [{tags: [v1, latest]}]}
    tokens:
      - name: ci-test
        scopeMap: _repositories_pull_metadata_read
        passwords: [{name: password1, valueFrom: {env: CI_PASSWORD}}]
`

// startEmulator starts a container that ends with the test. It returns the registry's
// address, and a client that trusts its certificate.
func startEmulator(t *testing.T, password string) (string, *http.Client) {
	t.Helper()
	acr, err := testcontainers.Run(t.Context(), image,
		testcontainers.WithEnv(map[string]string{"ACRKIT_SEED": seed, "CI_PASSWORD": password}),
		testcontainers.WithExposedPorts("5443/tcp"),
		testcontainers.WithWaitStrategy(wait.ForHTTP("/readyz").WithPort("5443/tcp")))
	testcontainers.CleanupContainer(t, acr)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := acr.PortEndpoint(t.Context(), "5443/tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get("http://" + addr + "/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	certificate, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certificate) {
		t.Fatalf("no certificate: %s", certificate)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	return addr, &http.Client{Transport: transport}
}

func TestTags(t *testing.T) {
	testcontainers.SkipIfProviderIsNotHealthy(t)
	password := rand.Text()
	addr, httpClient := startEmulator(t, password)

	client, err := azureauth.NewContainerRegistryClient(addr, auth.ScopedToken("ci-test", password),
		&azcontainerregistry.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: httpClient}})
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	for pager := client.NewListTagsPager("samples/app", nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range page.Tags {
			tags = append(tags, *tag.Name)
		}
	}
	if !slices.Equal(tags, []string{"latest", "v1"}) {
		t.Errorf("%q", tags)
	}
}
