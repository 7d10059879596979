package proxy_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/proxy"
)

// stub carries the client key as an Entra token would come.
type stub struct{ key string }

func (s stub) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: s.key, ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func (f *fixture) azure() azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport: f.srv.Client(),
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Cloud: cloud.Configuration{Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			azcontainerregistry.ServiceName: {Audience: "https://containerregistry.azure.net"},
		}},
	}
}

func (f *fixture) azureClients() (*azcontainerregistry.Client, *azcontainerregistry.BlobClient) {
	f.t.Helper()
	c, err := azcontainerregistry.NewClient(f.srv.URL, stub{key},
		&azcontainerregistry.ClientOptions{ClientOptions: f.azure()})
	if err != nil {
		f.t.Fatal(err)
	}
	b, err := azcontainerregistry.NewBlobClient(f.srv.URL, stub{key},
		&azcontainerregistry.BlobClientOptions{ClientOptions: f.azure()})
	if err != nil {
		f.t.Fatal(err)
	}
	return c, b
}

// TestAzureSDK drives Microsoft's own client as it is: it sends every request
// without a body first, and its body after the challenge. The registry is behind a
// scope-mapped token, which that client cannot hold.
func TestAzureSDK(t *testing.T) {
	reg := acrtest.NewRegistry(t, nil)
	image := reg.Push("samples/app", "v1", "v2")
	reg.Push("samples/other", "v1")
	token := reg.Token("ci-token", "repositories/samples/app/content/read", "repositories/samples/app/content/write",
		"repositories/samples/app/metadata/read", "repositories/samples/app/metadata/write")
	f := start(t, reg, token.Credential(), proxy.Options{})
	client, blobs := f.azureClients()
	ctx := t.Context()

	var tags []string
	for pager := client.NewListTagsPager("samples/app",
		&azcontainerregistry.ClientListTagsOptions{MaxNum: to.Ptr[int32](1)}); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range page.Tags {
			tags = append(tags, *tag.Name)
		}
	}
	if diff := cmp.Diff([]string{"v1", "v2"}, tags); diff != "" {
		t.Errorf("tags, in pages of one (-want +got):\n%s", diff)
	}

	accept := accepts // the client's own is JSON alone
	manifest, err := client.GetManifest(ctx, "samples/app", "v1",
		&azcontainerregistry.ClientGetManifestOptions{Accept: &accept})
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(manifest.ManifestData)
	if err != nil || !bytes.Equal(data, image.Manifest) {
		t.Errorf("manifest: %d bytes, %v", len(data), err)
	}

	locked, err := client.UpdateTagProperties(ctx, "samples/app", "v1",
		&azcontainerregistry.ClientUpdateTagPropertiesOptions{
			Value: &azcontainerregistry.TagWriteableProperties{CanDelete: to.Ptr(false)}})
	if err != nil || locked.Tag.ChangeableAttributes == nil || *locked.Tag.ChangeableAttributes.CanDelete {
		t.Errorf("lock: %+v, %v", locked.Tag, err)
	}

	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	sum := sha256.Sum256(content)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	begun, err := blobs.StartUpload(ctx, "samples/app", nil)
	if err != nil {
		t.Fatal(err)
	}
	calculator := azcontainerregistry.NewBlobDigestCalculator()
	location := *begun.Location
	for _, chunk := range [][]byte{content[:1<<19], content[1<<19:]} {
		sent, err := blobs.UploadChunk(ctx, location, bytes.NewReader(chunk), calculator, nil)
		if err != nil {
			t.Fatal(err)
		}
		location = *sent.Location
	}
	done, err := blobs.CompleteUpload(ctx, location, calculator, nil)
	if err != nil || *done.DockerContentDigest != digest {
		t.Fatalf("complete: %v", err)
	}
	got, err := blobs.GetBlob(ctx, "samples/app", digest, nil)
	if err != nil {
		t.Fatal(err)
	}
	back, err := io.ReadAll(got.BlobData)
	if err != nil || !bytes.Equal(back, content) {
		t.Errorf("blob: %d bytes, %v", len(back), err)
	}
	put, err := client.UploadManifest(ctx, "samples/app", "v3", azcontainerregistry.ContentType(image.MediaType),
		streaming.NopCloser(bytes.NewReader(data)), nil)
	if err != nil || *put.DockerContentDigest != image.Digest {
		t.Errorf("put manifest: %v", err)
	}

	_, err = client.GetRepositoryProperties(ctx, "samples/other", nil)
	if refused, ok := errors.AsType[*azcore.ResponseError](err); !ok || refused.StatusCode != http.StatusUnauthorized {
		t.Errorf("a repository without a right: %v", err)
	}
	for _, d := range reg.Denied() {
		if d.Kind == "anonymous" {
			t.Errorf("a request went to the registry without a credential: %+v", d)
		}
	}
}
