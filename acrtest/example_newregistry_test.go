package acrtest_test

import (
	"context"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit/acrtest"
)

// tagNames is the code under test. It uses Microsoft's client.
func tagNames(ctx context.Context, client *azcontainerregistry.Client, repository string) ([]string, error) {
	var names []string
	for pager := client.NewListTagsPager(repository, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, tag := range page.Tags {
			names = append(names, *tag.Name)
		}
	}
	return names, nil
}

// testTagNames is func TestTagNames(t *testing.T) in a test file of yours.
func testTagNames(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	reg.Push("samples/app", "v1", "latest")
	reg.Push("samples/web", "v1")
	token := reg.Token("ci-app", "repositories/samples/app/metadata/read")
	client := reg.AzureClient(token.Credential())

	names, err := tagNames(t.Context(), client, "samples/app")
	if err != nil || len(names) != 2 {
		t.Errorf("the tags are %q, %v; want 2", names, err)
	}
	if n := reg.Requests().Count("POST", "/oauth2/token"); n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
	for _, d := range reg.Denied() {
		t.Errorf("%s lacked %s", d.Principal, d.Missing)
	}

	// What the token does not grant is refused.
	if names, err := tagNames(t.Context(), client, "samples/web"); err == nil {
		t.Errorf("the tags of another repository are %q, want an error", names)
	}
	if denied := reg.Denied(); len(denied) != 1 || denied[0].Missing != "repository:samples/web:metadata_read" {
		t.Errorf("denied: %+v, want metadata_read on samples/web", denied)
	}
}

// A test of code that uses a registry: what it returns, how many requests it makes, and
// what happens where it has no right.
func ExampleNewRegistry() {
	_ = testTagNames // go test calls it, under the name TestTagNames
}
