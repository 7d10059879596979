package emulator_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"github.com/opencontainers/go-digest"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
)

// TestMicrosoftClients: azidentity and azcontainerregistry, unmodified, log in
// as a service principal, list, read, push and delete, and are refused.
func TestMicrosoftClients(t *testing.T) {
	s := parse(t, seed.Example())
	s.Registries[0].RoleAssignments = append(s.Registries[0].RoleAssignments,
		seed.RoleAssignment{ClientID: clientID, Role: "AcrDelete"})
	f := start(t, &emulator.Options{Seed: s, Now: time.Now}) // the clients look at tokens' times
	at := "https://" + f.host
	options := azcore.ClientOptions{Transport: f.client, Retry: policy.RetryOptions{MaxRetries: -1},
		Cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: at + "/",
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				cloud.ResourceManager:           {Endpoint: at, Audience: at},
				azcontainerregistry.ServiceName: {Audience: "https://containerregistry.azure.net"},
			},
		}}
	cred, err := azidentity.NewClientSecretCredential(tenantID, clientID, secret,
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	must(t, err)
	client, err := azcontainerregistry.NewClient(at, cred, &azcontainerregistry.ClientOptions{ClientOptions: options})
	must(t, err)
	var names []string
	for pager := client.NewListRepositoriesPager(nil); pager.More(); {
		page, err := pager.NextPage(t.Context())
		must(t, err)
		for _, n := range page.Names {
			names = append(names, *n)
		}
	}
	if !slices.Equal(names, []string{"samples/app", "samples/other"}) {
		t.Errorf("repositories %v", names)
	}
	tag, err := client.GetTagProperties(t.Context(), "samples/app", "v1", nil)
	must(t, err)
	m, err := client.GetManifest(t.Context(), "samples/app", "v1",
		&azcontainerregistry.ClientGetManifestOptions{Accept: new("application/vnd.oci.image.index.v1+json")})
	must(t, err)
	must(t, m.ManifestData.Close())
	if *m.DockerContentDigest != *tag.Tag.Digest {
		t.Errorf("digest %s of the manifest, %s of the tag", *m.DockerContentDigest, *tag.Tag.Digest)
	}

	blobs, err := azcontainerregistry.NewBlobClient(at, cred,
		&azcontainerregistry.BlobClientOptions{ClientOptions: options})
	must(t, err)
	push := func(data string) string {
		up, err := blobs.StartUpload(t.Context(), "new/app", nil)
		must(t, err)
		sum := azcontainerregistry.NewBlobDigestCalculator()
		chunk, err := blobs.UploadChunk(t.Context(), *up.Location, bytes.NewReader([]byte(data)), sum, nil)
		must(t, err)
		done, err := blobs.CompleteUpload(t.Context(), *chunk.Location, sum, nil)
		must(t, err)
		return *done.DockerContentDigest
	}
	config := push("{}")
	if config != digest.FromString("{}").String() {
		t.Errorf("blob %s", config)
	}
	manifest := fmt.Sprintf(
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[]}`, config)
	put, err := client.UploadManifest(t.Context(), "new/app", "v1", "application/vnd.oci.image.manifest.v1+json",
		streaming(manifest), nil)
	must(t, err)
	if *put.DockerContentDigest != digest.FromString(manifest).String() {
		t.Errorf("manifest %s", *put.DockerContentDigest)
	}
	_, err = client.DeleteManifest(t.Context(), "new/app", *put.DockerContentDigest, nil)
	must(t, err)

	// Without its roles it is refused.
	must(t, f.registry().RemoveRoles(t.Context(), clientID))
	_, err = client.GetTagProperties(t.Context(), "samples/app", "v1", nil)
	if e, ok := errors.AsType[*azcore.ResponseError](err); !ok || e.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a role: %v", err)
	}
	wrong, err := azidentity.NewClientSecretCredential(tenantID, clientID, "typed-wrong",
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	must(t, err)
	client, err = azcontainerregistry.NewClient(at, wrong, &azcontainerregistry.ClientOptions{ClientOptions: options})
	must(t, err)
	_, err = client.NewListRepositoriesPager(nil).NextPage(t.Context())
	if _, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); !ok {
		t.Errorf("wrong secret: %v", err)
	}
}

// closer gives a reader the Close that the client wants.
type closer struct{ *bytes.Reader }

func (closer) Close() error { return nil }

func streaming(s string) closer { return closer{bytes.NewReader([]byte(s))} }
