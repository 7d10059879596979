package clients

import (
	"context"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/acrkit/acrkit/auth"
)

// Image gets an image, from the transport's registry with the transport's
// credential and from any other as before.
func Image(ctx context.Context, rt *auth.Transport, reference string) (v1.Image, error) {
	// instead of a keychain
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, err
	}
	signIn := remote.WithAuthFromKeychain(authn.DefaultKeychain) // other registries
	if ref.Context().RegistryStr() == rt.Registry().Host() {
		signIn = remote.WithTransport(rt)
	}
	image, err := remote.Image(ref, signIn, remote.WithContext(ctx))
	// end
	return image, err
}
