package clients

import (
	"context"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/regclient/regclient"
	"github.com/regclient/regclient/config"
	"github.com/regclient/regclient/scheme/reg"
	"github.com/regclient/regclient/types/ref"

	"github.com/acrkit/acrkit/auth"
)

// TagsWithGGCR lists the tags of a repository with go-containerregistry.
//
// The Puller pings the registry once for all its work; the plain functions of
// package remote do so each time.
func TagsWithGGCR(ctx context.Context, rt *auth.Transport, repository string) ([]string, error) {
	repo, err := name.NewRepository(rt.Registry().Host() + "/" + repository)
	if err != nil {
		return nil, err
	}
	puller, err := remote.NewPuller(remote.WithTransport(rt)) // and no WithAuth: the transport signs in
	if err != nil {
		return nil, err
	}
	lister, err := puller.Lister(ctx, repo)
	if err != nil {
		return nil, err
	}
	var tags []string
	for lister.HasNext() {
		page, err := lister.Next(ctx)
		if err != nil {
			return nil, err
		}
		tags = append(tags, page.Tags...)
	}
	return tags, nil
}

// RegClient returns a regclient that signs in with the transport.
func RegClient(rt *auth.Transport) *regclient.RegClient {
	return regclient.New(
		regclient.WithConfigHost(config.Host{Name: rt.Registry().Host(), TLS: config.TLSEnabled}),
		regclient.WithRegOpts(reg.WithHTTPClient(&http.Client{Transport: rt})),
	)
}

// TagsWithRegClient lists the tags of a repository with regclient.
func TagsWithRegClient(ctx context.Context, rt *auth.Transport, repository string) ([]string, error) {
	r, err := ref.New(rt.Registry().Host() + "/" + repository)
	if err != nil {
		return nil, err
	}
	list, err := RegClient(rt).TagList(ctx, r)
	if err != nil {
		return nil, err
	}
	return list.GetTags()
}
