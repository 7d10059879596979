// Package acrtest gives a Go test an Azure Container Registry of its own, which grants and
// refuses as the service does: package emulator in memory, on a free loopback port, with
// clients that trust its certificate.
//
//	func TestPull(t *testing.T) {
//		reg := acrtest.NewRegistry(t, nil) // ends with the test
//		reg.Push("samples/app", "v1")
//		token := reg.Token("ci-pull", "repositories/samples/app/content/read")
//
//		client := reg.AzureClient(token.Credential()) // the code under test gets this
//		…
//		if denied := reg.Denied(); len(denied) > 0 { … } // who lacked which right
//	}
//
// [NewRegistry] is for one test, [Start] for TestMain and examples. The methods of
// [Registry] are in groups:
//
//   - what the registry holds: Push, PushIndex, PushArtifact, or [Options.Seed];
//   - who may do what: [Registry.Token], [Registry.ServicePrincipal], ScopeMap;
//   - clients: Client (package registry), AzureClient and AzureOptions (Microsoft's),
//     OrasRepository, Transport, RoundTripper, and CAFile for other programs;
//   - failures: [Registry.Fault], Advance, ExpirePassword, DisableToken, DenyNetwork;
//   - what happened: [Registry.Requests], [Registry.Denied], DeniedRules.
//
// Methods that cannot do their work end the test with Fatalf, so call them from the
// goroutine of the test. Clients may be used from any goroutine. Many registries can run
// side by side.
//
// The clock that [Registry.Advance] moves is the registry's; a client learns of it by the
// Date header only. What else the emulator can do is behind [Registry.Manage] and
// [Registry.Emulator].
package acrtest
