package registry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/registry"
)

// answers is what the registry of an example answers, by method and path: a body, or a
// status and a body, or a challenge. The examples have it in place of the
// *auth.Transport of a program.
type answers map[string]string

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	text, ok := a[r.Method+" "+r.URL.Path]
	resp := &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}}
	switch {
	case !ok:
		resp.StatusCode, text = http.StatusNotFound, `{"errors":[{"code":"NAME_UNKNOWN","message":"not found"}]}`
	case strings.HasPrefix(text, "Bearer "):
		resp.StatusCode = http.StatusUnauthorized
		resp.Header.Set("WWW-Authenticate", text)
		text = `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`
	case text == locked:
		resp.StatusCode = http.StatusMethodNotAllowed
	case r.Method == http.MethodDelete:
		resp.StatusCode = http.StatusAccepted
	}
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	return resp, nil
}

const locked = `{"errors":[{"code":"REGISTRY_DISALLOWED_OPERATION","message":"The operation is disallowed"}]}`

const open = `{"deleteEnabled":true,"writeEnabled":true,"listEnabled":true,"readEnabled":true}`

const someDigest = "sha256:d0f1b3f5a6e1a2c94b7f6d3b3bb6e5c7e5b2e1c4d8a90f3e2c1b0a9f8e7d6c5b"

const otherDigest = "sha256:a1f1b3f5a6e1a2c94b7f6d3b3bb6e5c7e5b2e1c4d8a90f3e2c1b0a9f8e7d6c5b"

// A client of a registry, and the names of the registry's repositories. To list them, a
// scope-mapped token needs metadata/read on "*".
func ExampleNew() {
	// rt, err := auth.NewTransport("myregistry.azurecr.io", auth.ScopedToken(name, password), nil)
	rt := answers{"GET /acr/v1/_catalog": `{"repositories":["samples/app","samples/web"]}`}
	client, err := registry.New("myregistry.azurecr.io", rt, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	for name, err := range client.Repositories(context.Background(), nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(name)
	}
	// Output:
	// samples/app
	// samples/web
}

// All tags of a repository. The list fetches its pages itself, and ends with an error if
// it could not be completed.
func ExampleClient_Tags() {
	rt := answers{"GET /acr/v1/samples/app/_tags": `{"imageName":"samples/app","tags":[
		{"name":"latest","digest":"` + someDigest + `","changeableAttributes":` + open + `},
		{"name":"v1","digest":"` + someDigest + `","changeableAttributes":` + open + `}]}`}
	client, err := registry.New("myregistry.azurecr.io", rt, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	for tag, err := range client.Tags(context.Background(), "samples/app", nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tag.Name, tag.Attributes.Delete)
	}
	// Output:
	// latest true
	// v1 true
}

// The newest tag. Stopping a list early is no error.
func ExampleListOptions() {
	rt := answers{"GET /acr/v1/samples/app/_tags": `{"imageName":"samples/app","tags":[
		{"name":"v3","digest":"` + someDigest + `","changeableAttributes":` + open + `},
		{"name":"v2","digest":"` + someDigest + `","changeableAttributes":` + open + `}]}`}
	client, err := registry.New("myregistry.azurecr.io", rt, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	newest := &registry.ListOptions{Order: registry.OrderNewestFirst, Limit: 1}
	for tag, err := range client.Tags(context.Background(), "samples/app", newest) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tag.Name)
	}
	// Output: v3
}

// The manifests that no tag names.
func ExampleClient_Manifests() {
	rt := answers{"GET /acr/v1/samples/app/_manifests": `{"imageName":"samples/app","manifests":[
		{"digest":"` + someDigest + `","tags":["v1"],"changeableAttributes":` + open + `},
		{"digest":"` + otherDigest + `","changeableAttributes":` + open + `}]}`}
	client, err := registry.New("myregistry.azurecr.io", rt, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	untagged := 0
	for manifest, err := range client.Manifests(context.Background(), "samples/app", nil) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if len(manifest.Tags) == 0 {
			untagged++
		}
	}
	fmt.Println(untagged, "without a tag")
	// Output: 1 without a tag
}

// Lock a tag, so that it can be neither overwritten nor deleted.
func ExampleClient_UpdateTag() {
	rt := answers{"PATCH /acr/v1/samples/app/_tags/v1": `{"tag":{"name":"v1","digest":"` + someDigest + `",
		"changeableAttributes":{"deleteEnabled":true,"writeEnabled":false,"listEnabled":true,"readEnabled":true}}}`,
		"DELETE /acr/v1/samples/app/_tags/v1": locked}
	client, err := registry.New("myregistry.azurecr.io", rt, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()

	tag, err := client.UpdateTag(ctx, "samples/app", "v1", registry.AttributeChange{Write: new(false)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("can be written:", tag.Attributes.Write)
	err = client.DeleteTag(ctx, "samples/app", "v1")
	fmt.Println("locked:", errors.Is(err, acrkit.CodeLocked))
	// Output:
	// can be written: false
	// locked: true
}

// Delete an image, whose digest a tag names.
func ExampleClient_DeleteManifest() {
	rt := answers{"GET /acr/v1/samples/app/_tags/v1": `{"tag":{"name":"v1","digest":"` + someDigest + `",
		"changeableAttributes":` + open + `}}`,
		"DELETE /v2/samples/app/manifests/" + someDigest: ""}
	client, err := registry.New("myregistry.azurecr.io", rt, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()

	tag, err := client.Tag(ctx, "samples/app", "v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	err = client.DeleteManifest(ctx, "samples/app", tag.Digest)
	fmt.Println("deleted:", err == nil)
	// Output: deleted: true
}

// A refusal says which right was required.
func ExampleClient_DeleteTag() {
	rt := answers{"DELETE /acr/v1/samples/app/_tags/v1": `Bearer realm="https://myregistry.azurecr.io/oauth2/token",` +
		`service="myregistry.azurecr.io",scope="repository:samples/app:delete",error="insufficient_scope"`}
	client, err := registry.New("myregistry.azurecr.io", rt, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	err = client.DeleteTag(context.Background(), "samples/app", "v1")
	var e *acrkit.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, e.Required)
	}
	// Output: insufficient_scope repository:samples/app:delete
}
