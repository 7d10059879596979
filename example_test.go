package acrkit_test

import (
	"errors"
	"fmt"

	"github.com/acrkit/acrkit"
)

// A program decides on the code of an error, not on its text, and shows the hint.
func ExampleError() {
	err := error(&acrkit.Error{
		Code:   acrkit.CodeInsufficientScope,
		Op:     `list tags of "samples/app"`,
		Reason: `the token "ci-pull" has content/read but not metadata/read`,
		Hint: "az acr scope-map update --registry myregistry --name ci-pull --add-repository samples/app " +
			"metadata/read",
	})
	if errors.Is(err, acrkit.CodeInsufficientScope) {
		fmt.Println("a right is missing")
	}
	fmt.Println(err)
	if hint := acrkit.HintOf(err); hint != "" {
		fmt.Println("try:", hint)
	}
	// Output:
	// a right is missing
	// cannot list tags of "samples/app": the token "ci-pull" has content/read but not metadata/read
	// try: az acr scope-map update --registry myregistry --name ci-pull --add-repository samples/app metadata/read
}

// A registry by its bare name, its login server, or the login server's URL.
func ExampleParseRegistry() {
	for _, s := range []string{"myregistry", "MyRegistry.azurecr.io", "https://myregistry.azurecr.io",
		"localhost:5443"} {
		reg, err := acrkit.ParseRegistry(s)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(reg.Host(), reg.IsACR())
	}
	// Output:
	// myregistry.azurecr.io true
	// myregistry.azurecr.io true
	// myregistry.azurecr.io true
	// localhost:5443 false
}

// An image reference as Docker writes it. The registry may be left out where another
// names it.
func ExampleParseReference() {
	fallback, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range []string{"other.azurecr.io/samples/app:v1", "samples/app"} {
		ref, err := acrkit.ParseReference(s, fallback)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(ref.Registry, ref.Name, ref.Tag)
	}
	// Output:
	// other.azurecr.io samples/app v1
	// myregistry.azurecr.io samples/app
}

// Scopes are sets of rights: what a push needs, and what of it was not granted.
func ExampleScope() {
	needed := acrkit.RepositoryScope("samples/app", acrkit.ContentRead, acrkit.ContentWrite)
	granted, err := acrkit.ParseScope("repository:samples/app:metadata_read,pull")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(granted.Contains(needed))
	fmt.Println(needed.Minus(granted))
	// Output:
	// false
	// repository:samples/app:push
}
