package azureauth_test

import (
	"net/url"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth/azureauth"
)

// Microsoft's client lists the tags at a regional endpoint of the registry.
func TestRegionalEndpoint(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("team/app", "v1")
	token := reg.Token("ci-list", "repositories/team/app/metadata/read")
	u, err := url.Parse(reg.URL())
	if err != nil {
		t.Fatal(err)
	}
	client, err := azureauth.NewContainerRegistryClient("myregistry.westeurope.geo.azurecr.localhost:"+u.Port(),
		token.Credential(),
		&azcontainerregistry.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: reg.HTTPClient()}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := client.NewListTagsPager("team/app", nil).NextPage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Tags) != 1 || *page.Tags[0].Name != "v1" {
		t.Errorf("%d tags", len(page.Tags))
	}
	if _, err := client.NewListTagsPager("team/other", nil).NextPage(t.Context()); err == nil {
		t.Error("another repository is listed")
	}
}
