// Package ggcr provides any credential of acrkit to go-containerregistry.
//
// A program for many registries uses a [Keychain] with others, as ko and cosign do:
//
//	acr := ggcr.Keychain(ggcr.FromEnvironment(os.LookupEnv), nil)
//	keychain := authn.NewMultiKeychain(acr, authn.DefaultKeychain)
//	image, err := remote.Image(ref, remote.WithAuthFromKeychain(keychain))
//
// The first keychain that has a login wins. acrkit's is first, so that an old Docker login
// does not hide the credential that the program was given.
//
// A program for Azure's registries only uses acrkit's transport, which asks for exactly
// the rights that a request needs:
//
//	rt, err := auth.NewTransport("myregistry", cred, nil)
//	…
//	image, err := remote.Image(ref, remote.WithTransport(rt))
//
// A [Source] says which credential a registry gets: [FromEnvironment], [Always], or a
// function of yours. Only Azure's hosts, loopback, and the custom ones that the options
// allow get one.
package ggcr
