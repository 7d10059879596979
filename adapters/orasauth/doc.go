// Package orasauth provides any credential of acrkit to oras-go.
//
// A program for many registries uses oras-go's own client, with a function or a store:
//
//	source := orasauth.FromEnvironment(os.LookupEnv)
//	repo.Client = &auth.Client{Credential: orasauth.CredentialFunc(source, nil)}
//
// A program for Azure's registries only uses acrkit's transport, which asks for exactly the
// rights that a request needs:
//
//	rt, err := auth.NewTransport("myregistry", cred, nil)
//	…
//	repo.Client = &http.Client{Transport: rt}
//
// A [Source] says which credential a registry gets: [FromEnvironment], [Always], or a
// function of yours. Only Azure's hosts, loopback, and the custom ones that the options
// allow get one.
// A [Store] is for programs that take a credentials.Store; it is read-only.
package orasauth
