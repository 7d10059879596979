package acrtest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/emulator/fault"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/emulator/seed"
)

// TestExample runs the test that ExampleNewRegistry shows.
func TestExample(t *testing.T) {
	t.Parallel()
	testTagNames(t)
}

// A registry outside of a test, as a TestMain or an example needs it.
func ExampleStart() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")

	tag, err := reg.Client(token.Credential()).Tag(context.Background(), "samples/app", "v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tag.Name)
	// Output: v1
}

// Which right was missing. The decision log of the registry has what no answer says.
func ExampleRegistry_Denied() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/content/read")

	_, err := reg.Client(token.Credential()).Tag(context.Background(), "samples/app", "v1")
	fmt.Println("refused:", errors.Is(err, acrkit.CodeInsufficientScope))
	for _, d := range reg.Denied() {
		fmt.Printf("%s %q lacked %s\n", d.Kind, d.Principal, d.Missing)
	}
	// Output:
	// refused: true
	// scoped-token "ci-pull" lacked repository:samples/app:metadata_read
}

// Requests fail: here the first list of tags is throttled.
func ExampleRegistry_Fault() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")
	client := &http.Client{Transport: reg.Transport(token.Credential())}

	remove := reg.Fault(fault.Fault{
		Kind:       fault.Throttle,
		Routes:     []fault.Route{fault.RouteTags},
		RetryAfter: 7 * time.Second,
		Count:      1,
	})
	defer remove()
	for range 2 {
		resp, err := client.Get(reg.URL() + "/v2/samples/app/tags/list")
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = resp.Body.Close()
		fmt.Println(resp.Status, resp.Header.Get("Retry-After"))
	}
	// Output:
	// 429 Too Many Requests 7
	// 200 OK
}

// A password expires. The answer does not say that it expired; the decision log does.
func ExampleRegistry_ExpirePassword() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")
	reg.ExpirePassword("ci-pull", "password1")

	_, err := reg.Client(token.Credential()).Tag(context.Background(), "samples/app", "v1")
	fmt.Println(errors.Is(err, acrkit.CodeCredentialRejected))
	fmt.Println(reg.DeniedRules()[0] == rule.PasswordExpired)
	// Output:
	// true
	// true
}

// Time passes for the registry: tokens and passwords expire, and clients renew them.
func ExampleRegistry_Advance() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")
	client := reg.Client(token.Credential())

	for range 2 {
		if _, err := client.Tag(context.Background(), "samples/app", "v1"); err != nil {
			fmt.Println(err)
			return
		}
		reg.Advance(2 * time.Hour) // an access token lives for one
	}
	fmt.Println("token requests:", reg.Requests().Count("POST", "/oauth2/token"))
	// Output: token requests: 2
}

// A registry that holds something from the start, written in Go. Read of package seed reads
// the same from a file.
func ExampleOptions() {
	reg, stop := acrtest.Start(&acrtest.Options{Seed: &seed.Seed{
		Registries: []seed.Registry{{
			Name:                 "publicregistry",
			AnonymousPullEnabled: true,
			Repositories: []seed.Repository{{
				Name:   "samples/app",
				Images: []seed.Image{{Tags: []string{"v1"}}},
			}},
		}},
	}})
	defer stop()

	content, err := reg.Client(nil).ManifestContent(context.Background(), "samples/app", "v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(reg.Name(), content.MediaType)
	// Output: publicregistry application/vnd.oci.image.manifest.v1+json
}
