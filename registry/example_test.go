package registry_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/registry"
)

// A client of a registry, and the names of the registry's repositories. To list them, a
// scope-mapped token needs metadata/read on "*".
//
// The examples of this package run against an emulated registry of package acrtest. For a
// real one, pass its name instead of reg.Host(), and nil options.
func ExampleNew() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	reg.Push("samples/web", "v1")
	token := reg.Token("ci-list", "repositories/*/metadata/read")

	rt, err := auth.NewTransport(reg.Host(), auth.ScopedToken(token.Name, token.Password1),
		&auth.Options{Base: reg.RoundTripper()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer rt.Close()
	client, err := registry.New(reg.Host(), rt, nil)
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
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1", "v2", "latest")
	token := reg.Token("ci-list", "repositories/samples/app/metadata/read")
	client := reg.Client(token.Credential()) // yours: see New

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
	// v2 true
}

// The two newest tags. Stopping a list early is no error.
func ExampleListOptions() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	for _, tag := range []string{"v1", "v2", "v3"} {
		reg.Push("samples/app", tag)
	}
	token := reg.Token("ci-list", "repositories/samples/app/metadata/read")
	client := reg.Client(token.Credential())

	newest := &registry.ListOptions{Order: registry.OrderNewestFirst, Limit: 2}
	for tag, err := range client.Tags(context.Background(), "samples/app", newest) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(tag.Name)
	}
	// Output:
	// v3
	// v2
}

// The manifests that no tag names.
func ExampleClient_Manifests() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	reg.Push("samples/app") // without a tag
	token := reg.Token("ci-list", "repositories/samples/app/metadata/read")
	client := reg.Client(token.Credential())

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
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-lock", "repositories/samples/app/metadata/write",
		"repositories/samples/app/content/delete")
	client := reg.Client(token.Credential())
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
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1", "latest")
	token := reg.Token("ci-delete", "repositories/samples/app/metadata/read",
		"repositories/samples/app/content/delete")
	client := reg.Client(token.Credential())
	ctx := context.Background()

	tag, err := client.Tag(ctx, "samples/app", "v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := client.DeleteManifest(ctx, "samples/app", tag.Digest); err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Tag(ctx, "samples/app", "latest") // the same image
	fmt.Println("gone:", errors.Is(err, acrkit.CodeNotFound))
	// Output: gone: true
}

// A refusal says which right was required.
func ExampleClient_DeleteTag() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/content/read")
	client := reg.Client(token.Credential())

	err := client.DeleteTag(context.Background(), "samples/app", "v1")
	var e *acrkit.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, e.Required)
	}
	// Output: insufficient_scope repository:samples/app:delete
}
