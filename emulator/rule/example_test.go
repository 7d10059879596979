package rule_test

import (
	"context"
	"fmt"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/emulator/rule"
)

// A test asserts the rule of a refusal, not a sentence: here that a disabled token is the
// reason, which no answer of the registry says.
func ExampleID() {
	reg, stop := acrtest.Start(nil)
	defer stop()
	reg.Push("samples/app", "v1")
	token := reg.Token("ci-pull", "repositories/samples/app/metadata/read")
	reg.DisableToken("ci-pull")

	_, err := reg.Client(token.Credential()).Tag(context.Background(), "samples/app", "v1")
	fmt.Println("refused:", err != nil)
	for _, id := range reg.DeniedRules() {
		fmt.Println(id == rule.ScopedTokenDisabled, id.Text())
	}
	// Output:
	// refused: true
	// true the token is disabled
}

// All rules by which the host of blobs refuses.
func ExampleAll() {
	for _, r := range rule.All() {
		if r.By == rule.Storage {
			fmt.Println(r.ID, "-", r.Text)
		}
	}
	// Output:
	// storage-authorization - the request carries Authorization beside the signed link
	// storage-link-expired - the signed link has expired
	// storage-link-malformed - the link is not signed by this emulator
}
