package cmdutil

import (
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/login/find"
)

// TestAzureExplain: each identity that gets no token, or is not accepted, has a command of its
// own, and a registry of Azure is not taken for one of the emulator.
func TestAzureExplain(t *testing.T) {
	azure, err := acrkit.ParseRegistry("myregistry")
	if err != nil {
		t.Fatal(err)
	}
	local, err := acrkit.ParseRegistry("localhost:5443")
	if err != nil {
		t.Fatal(err)
	}
	cli, principal := find.AzureIdentity{Kind: auth.KindAzureCLI, Source: "s"},
		find.AzureIdentity{Kind: auth.KindServicePrincipal, Source: "s"}
	refused := &acrkit.Error{Code: acrkit.CodeCredentialRejected, Reason: "r",
		Errs: []error{auth.EntraRefusal{Number: 7000215}}}
	byARM := &acrkit.Error{Code: acrkit.CodeCredentialRejected, Reason: "r", Registry: azure}
	unreachable := func(reg acrkit.Registry, c acrkit.Cause) error {
		return &acrkit.Error{Code: acrkit.CodeUnavailable, Reason: "r", Registry: reg, Cause: c, Hint: "curl"}
	}
	const here = "https://localhost:5443"
	for _, tt := range []struct {
		what      string
		a         Azure
		err       error
		why, hint string
	}{
		{"az's token", Azure{identity: cli}, byARM, "r; it is from s", "az login"},
		{"secret", Azure{identity: principal}, refused, "r; it is from s", "az ad app credential list"},
		{"token of a principal", Azure{identity: principal}, byARM, "r; it is from s", ""},
		{"variable", Azure{endpoint: here}, unreachable(azure, cause.NameUnknown),
			"r; AZURE_RESOURCE_MANAGER_ENDPOINT is not used for it",
			"name the registry as the emulator serves it: localhost:5443"},
		{"variable, token", Azure{identity: principal, endpoint: here}, byARM,
			"r; it is from s; AZURE_RESOURCE_MANAGER_ENDPOINT is not used for it", "name the registry"},
		{"Entra", Azure{endpoint: here}, unreachable(azure, cause.EntraUnreachable), "r", "curl"},
		{"the emulator", Azure{endpoint: here}, unreachable(local, cause.NameUnknown), "r", "curl"},
		{"Azure", Azure{endpoint: "https://management.azure.com"}, unreachable(azure, cause.NameUnknown), "r", "curl"},
		{"no variable", Azure{}, unreachable(azure, cause.NameUnknown), "r", "curl"},
	} {
		err := tt.a.Explain(t.Context(), tt.err)
		e, ok := err.(*acrkit.Error)
		if !ok || e.Reason != tt.why || !strings.HasPrefix(e.Hint, tt.hint) || tt.hint == "" && e.Hint != "" {
			t.Errorf("%s: %v, hint %q", tt.what, err, acrkit.HintOf(err))
		}
	}
}
