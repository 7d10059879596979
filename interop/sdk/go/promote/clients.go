package main

import (
	"context"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"

	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
)

// proxyCredential shows the proxy the key that it made for this run.
type proxyCredential struct{}

func (proxyCredential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: os.Getenv("ACRKIT_PROXY_KEY"), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// newClients returns Microsoft's two clients, of the proxy if the program runs
// under one, else of the registry in ACR_NAME: a Go program needs no proxy.
func newClients() (*azcontainerregistry.Client, *azcontainerregistry.BlobClient, error) {
	if endpoint, ok := os.LookupEnv("ACRKIT_PROXY_URL"); ok {
		client, err := azcontainerregistry.NewClient(endpoint, proxyCredential{}, nil)
		if err != nil {
			return nil, nil, err
		}
		blobs, err := azcontainerregistry.NewBlobClient(endpoint, proxyCredential{}, nil)
		return client, blobs, err
	}
	registry := os.Getenv("ACR_NAME")
	cred := auth.ScopedToken(os.Getenv("ACR_TOKEN_NAME"), os.Getenv("ACR_TOKEN_PASSWORD"))
	client, err := azureauth.NewContainerRegistryClient(registry, cred, nil)
	if err != nil {
		return nil, nil, err
	}
	blobs, err := azureauth.NewContainerRegistryBlobClient(registry, cred, nil)
	return client, blobs, err
}
