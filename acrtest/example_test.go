package acrtest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/acrkit/acrkit/acrtest"
)

// The registry is what the code under test is pointed at.
func ExampleNewRegistry() {
	// In a test file: func TestTags(t *testing.T) {
	_ = func(t *testing.T) {
		reg := acrtest.NewRegistry(t, nil)
		reg.Push("samples/app", "v1", "latest")
		token := reg.Token("ci-app", "repositories/samples/app/content/read", "repositories/samples/app/metadata/read")

		client := reg.AzureClient(token.Credential())
		pager := client.NewListTagsPager("samples/app", nil)
		for pager.More() {
			page, err := pager.NextPage(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			for _, tag := range page.Tags {
				fmt.Println(*tag.Name)
			}
		}
		if n := reg.Requests().Count("POST", "/oauth2/token"); n != 1 {
			t.Errorf("%d token requests, want 1", n)
		}
		for _, d := range reg.Denied() {
			t.Errorf("%s lacked %s", d.Principal, d.Missing)
		}
	}
}
