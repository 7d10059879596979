package errtext_test

import (
	"testing"

	"github.com/acrkit/acrkit/internal/errtext"
)

// TestReadARMRefusal reads the sentence of Azure Resource Manager as az, Terraform and the
// SDKs print it. Of several the last counts.
func TestReadARMRefusal(t *testing.T) {
	const id = "11111111-2222-3333-4444-555555555555"
	const scope = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/r"
	const says = "The client '" + id + "' with object id '" + id + "' does not have authorization to perform action " +
		"'Microsoft.ContainerRegistry/registries/read' over scope '" + scope + "' or the scope is invalid."
	want := errtext.ARMRefusal{ObjectID: id, Action: "Microsoft.ContainerRegistry/registries/read", Scope: scope}
	for text, ok := range map[string]bool{
		"(AuthorizationFailed) " + says:                                                                true,
		`{"error":{"code":"AuthorizationFailed","message":"` + says + `"}}`:                            true,
		"The client does not have authorization to perform action 'a/b/read' over scope '/x'\n" + says: true,
		"You do not have authorization to perform this":                                                false,
		"does not have authorization to perform action 'a b' over scope '/x'":                          false,
	} {
		got, found := errtext.ReadARMRefusal(text)
		if found != ok || ok && got != want {
			t.Errorf("%q: %+v, %v", text, got, found)
		}
	}
}
