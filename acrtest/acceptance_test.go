package acrtest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"github.com/google/go-cmp/cmp"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/auth/azureauth"
	"github.com/acrkit/acrkit/internal/imagegen"
)

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// azure is Microsoft's client in both its parts.
type azure struct {
	*azcontainerregistry.Client
	blobs *azcontainerregistry.BlobClient
}

// call is one call of the official client, for tables over its methods.
type call struct {
	name  string
	needs acrkit.Scope
	do    func(context.Context, azure) error
}

func value[T any](_ T, err error) error { return err }

// calls returns a call of every method that makes a request, in an order in which
// all succeed on a repository samples/app with the pushed image.
func calls(t *testing.T, img acrtest.Image) []call {
	const repo = "samples/app"
	pull := acrkit.RepositoryScope(repo, acrkit.ContentRead)
	push := acrkit.RepositoryScope(repo, acrkit.ContentRead, acrkit.ContentWrite)
	del := acrkit.RepositoryScope(repo, acrkit.ContentDelete)
	read := acrkit.RepositoryScope(repo, acrkit.MetadataRead)
	write := acrkit.RepositoryScope(repo, acrkit.MetadataWrite)
	yes := true

	m := imagegen.Image("uploaded", ocispec.Platform{OS: "linux", Architecture: "amd64"}, nil)
	var location string
	sum := azcontainerregistry.NewBlobDigestCalculator()
	upload := func(ctx context.Context, c azure, data []byte) error {
		start, err := c.blobs.StartUpload(ctx, repo, nil)
		if err != nil {
			return err
		}
		sum := azcontainerregistry.NewBlobDigestCalculator()
		chunk, err := c.blobs.UploadChunk(ctx, *start.Location, bytes.NewReader(data), sum, nil)
		if err != nil {
			return err
		}
		_, err = c.blobs.CompleteUpload(ctx, *chunk.Location, sum, nil)
		return err
	}
	readAll := func(want []byte, r io.ReadCloser, err error) error {
		if err != nil {
			return err
		}
		defer r.Close()
		got, err := io.ReadAll(r)
		if err == nil && want != nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("got %d bytes, want the %d that were pushed", len(got), len(want))
		}
		return err
	}
	return []call{
		{"ListRepositories", acrkit.CatalogScope(), func(ctx context.Context, c azure) error {
			page, err := c.NewListRepositoriesPager(nil).NextPage(ctx)
			if err == nil && len(page.Names) != 1 {
				err = fmt.Errorf("%d repositories", len(page.Names))
			}
			return err
		}},
		{"GetRepositoryProperties", read, func(ctx context.Context, c azure) error {
			return value(c.GetRepositoryProperties(ctx, repo, nil))
		}},
		{"ListTags", read, func(ctx context.Context, c azure) error {
			page, err := c.NewListTagsPager(repo, nil).NextPage(ctx)
			if err == nil && (len(page.Tags) != 1 || *page.Tags[0].Name != "v1" || *page.Tags[0].Digest != img.Digest) {
				err = fmt.Errorf("tags: %+v", page.Tags)
			}
			return err
		}},
		{"GetTagProperties", read, func(ctx context.Context, c azure) error {
			return value(c.GetTagProperties(ctx, repo, "v1", nil))
		}},
		{"ListManifests", read, func(ctx context.Context, c azure) error {
			return value(c.NewListManifestsPager(repo, nil).NextPage(ctx))
		}},
		{"GetManifestProperties", read, func(ctx context.Context, c azure) error {
			return value(c.GetManifestProperties(ctx, repo, img.Digest, nil))
		}},
		{"UpdateRepositoryProperties", write, func(ctx context.Context, c azure) error {
			got, err := c.UpdateRepositoryProperties(ctx, repo,
				&azcontainerregistry.ClientUpdateRepositoryPropertiesOptions{
					Value: &azcontainerregistry.RepositoryWriteableProperties{CanList: &yes}})
			if err == nil && !*got.ChangeableAttributes.CanList {
				err = errors.New("not changed")
			}
			return err
		}},
		{"UpdateTagProperties", write, func(ctx context.Context, c azure) error {
			return value(c.UpdateTagProperties(ctx, repo, "v1", &azcontainerregistry.ClientUpdateTagPropertiesOptions{
				Value: &azcontainerregistry.TagWriteableProperties{CanDelete: &yes}}))
		}},
		{"UpdateManifestProperties", write, func(ctx context.Context, c azure) error {
			return value(c.UpdateManifestProperties(ctx, repo, img.Digest,
				&azcontainerregistry.ClientUpdateManifestPropertiesOptions{
					Value: &azcontainerregistry.ManifestWriteableProperties{CanDelete: &yes}}))
		}},
		{"GetManifest", pull, func(ctx context.Context, c azure) error {
			accept := img.MediaType
			got, err := c.GetManifest(ctx, repo, "v1", &azcontainerregistry.ClientGetManifestOptions{Accept: &accept})
			return readAll(img.Manifest, got.ManifestData, err)
		}},
		{"CheckBlobExists", pull, func(ctx context.Context, c azure) error {
			return value(c.blobs.CheckBlobExists(ctx, repo, img.Blobs[0], nil))
		}},
		{"GetBlob", pull, func(ctx context.Context, c azure) error {
			got, err := c.blobs.GetBlob(ctx, repo, img.Blobs[0], nil)
			return readAll(nil, got.BlobData, err)
		}},
		{"CheckChunkExists", pull, func(ctx context.Context, c azure) error {
			return value(c.blobs.CheckChunkExists(ctx, repo, img.Blobs[0], "bytes=0-9", nil))
		}},
		{"GetChunk", pull, func(ctx context.Context, c azure) error {
			got, err := c.blobs.GetChunk(ctx, repo, img.Blobs[0], "bytes=0-9", nil)
			return readAll(nil, got.ChunkData, err)
		}},
		{"StartUpload", push, func(ctx context.Context, c azure) error {
			got, err := c.blobs.StartUpload(ctx, repo, nil)
			if err == nil {
				location = *got.Location
			}
			return err
		}},
		{"UploadChunk", push, func(ctx context.Context, c azure) error {
			got, err := c.blobs.UploadChunk(ctx, location, bytes.NewReader(m.Blobs[0].Data), sum, nil)
			if err == nil {
				location = *got.Location
			}
			return err
		}},
		{"GetUploadStatus", push, func(ctx context.Context, c azure) error {
			return value(c.blobs.GetUploadStatus(ctx, location, nil))
		}},
		{"CompleteUpload", push, func(ctx context.Context, c azure) error {
			return value(c.blobs.CompleteUpload(ctx, location, sum, nil))
		}},
		{"upload of a layer", push, func(ctx context.Context, c azure) error {
			return upload(ctx, c, m.Blobs[1].Data)
		}},
		{"UploadManifest", push, func(ctx context.Context, c azure) error {
			got, err := c.UploadManifest(ctx, repo, "v2",
				azcontainerregistry.ContentTypeApplicationVndOciImageManifestV1JSON, nopCloser{bytes.NewReader(m.Data)},
				nil)
			if err == nil && *got.DockerContentDigest != m.Descriptor.Digest.String() {
				err = fmt.Errorf("stored as %s: not what was sent", *got.DockerContentDigest)
			}
			return err
		}},
		{"MountBlob", push, func(ctx context.Context, c azure) error {
			return value(c.blobs.MountBlob(ctx, repo, repo, m.Blobs[0].Descriptor.Digest.String(), nil))
		}},
		{"StartUpload to cancel", push, func(ctx context.Context, c azure) error {
			got, err := c.blobs.StartUpload(ctx, repo, nil)
			if err == nil {
				location = *got.Location
			}
			return err
		}},
		{"CancelUpload", del, func(ctx context.Context, c azure) error {
			return value(c.blobs.CancelUpload(ctx, location, nil))
		}},
		{"DeleteTag", del, func(ctx context.Context, c azure) error {
			return value(c.DeleteTag(ctx, repo, "v2", nil))
		}},
		{"DeleteManifest", del, func(ctx context.Context, c azure) error {
			return value(c.DeleteManifest(ctx, repo, m.Descriptor.Digest.String(), nil))
		}},
		{"DeleteBlob", del, func(ctx context.Context, c azure) error {
			return value(c.blobs.DeleteBlob(ctx, repo, m.Blobs[0].Descriptor.Digest.String(), nil))
		}},
		{"DeleteRepository", del, func(ctx context.Context, c azure) error {
			return value(c.DeleteRepository(ctx, repo, nil))
		}},
	}
}

// TestMicrosoft_unmodified: azidentity and azcontainerregistry work unmodified
// against the emulator.
func TestMicrosoft_unmodified(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	img := r.Push("samples/app", "v1")
	// Owner has every right, metadata_write and delete included.
	cred := r.ServicePrincipal("Owner").AzureCredential()
	client, err := azcontainerregistry.NewClient(r.URL(), cred,
		&azcontainerregistry.ClientOptions{ClientOptions: r.AzureOptions()})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := azcontainerregistry.NewBlobClient(r.URL(), cred,
		&azcontainerregistry.BlobClientOptions{ClientOptions: r.AzureOptions()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range calls(t, img) {
		if err := c.do(t.Context(), azure{client, blobs}); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	if n := r.Requests().Count("POST", "/oauth2/exchange"); n != 2 {
		t.Errorf("%d exchanges, want one for each client", n)
	}
}

func TestMicrosoft_unmodified_denied(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1")
	client, err := azcontainerregistry.NewClient(r.URL(), r.ServicePrincipal("AcrPull").AzureCredential(),
		&azcontainerregistry.ClientOptions{ClientOptions: r.AzureOptions()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.DeleteTag(t.Context(), "samples/app", "v1", nil)
	e, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok || e.StatusCode != http.StatusUnauthorized ||
		!strings.Contains(e.RawResponse.Header.Get("WWW-Authenticate"), `error="insufficient_scope"`) {
		t.Errorf("got %v", err)
	}
}

// TestMicrosoft_scoped_token makes every call of the official client with a
// scope-mapped token's name and password and counts what goes over the wire: two
// requests where no token is there yet, one where it is.
func TestMicrosoft_scoped_token(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	img := r.Push("samples/app", "v1")
	// One transport for both clients, so that they share their tokens.
	token := r.TokenOf("ci-app", "_repositories_admin")
	rt := r.Transport(token.Credential())
	c := sharedClients(t, r, rt)
	seen := map[string]bool{}
	for _, call := range calls(t, img) {
		want := 1
		switch call.name {
		case "upload of a layer":
			want = 3
		}
		if !seen[call.needs.String()] && !contained(seen, call.needs) {
			want++
		}
		seen[call.needs.String()] = true
		r.ResetRequests()
		if err := call.do(t.Context(), c); err != nil {
			t.Fatalf("%s: %v", call.name, err)
		}
		if got := r.Requests(); len(got) != want {
			t.Errorf("%s: %d requests, want %d:\n%s", call.name, len(got), want, strings.Join(got.Lines(), "\n"))
		}
	}
	if denied := r.Denied(); len(denied) > 0 {
		t.Errorf("denied: %+v", denied)
	}
}

func contained(seen map[string]bool, need acrkit.Scope) bool {
	for text := range seen {
		if s, err := acrkit.ParseScope(text); err == nil && s.Contains(need) {
			return true
		}
	}
	return false
}

func sharedClients(t *testing.T, r *acrtest.Registry, rt *auth.Transport) azure {
	t.Helper()
	client, err := azcontainerregistry.NewClient(r.URL(), nil,
		&azcontainerregistry.ClientOptions{ClientOptions: azureauth.ClientOptions(rt, nil)})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := azcontainerregistry.NewBlobClient(r.URL(), nil,
		&azcontainerregistry.BlobClientOptions{ClientOptions: azureauth.ClientOptions(rt, nil)})
	if err != nil {
		t.Fatal(err)
	}
	return azure{client, blobs}
}

// TestMicrosoft_scoped_token_counts is the same with the constructors that people
// use.
func TestMicrosoft_scoped_token_counts(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1")
	token := r.Token("ci-app", "repositories/samples/app/content/read", "repositories/samples/app/metadata/read")
	client := r.AzureClient(token.Credential())
	for _, step := range []struct {
		name string
		want []string
	}{
		{"cold", []string{"POST /oauth2/token 200", "GET /acr/v1/samples%2Fapp 200"}},
		{"warm", []string{"GET /acr/v1/samples%2Fapp 200"}},
	} {
		r.ResetRequests()
		if _, err := client.GetRepositoryProperties(t.Context(), "samples/app", nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, r.Requests().Lines()); diff != "" {
			t.Errorf("%s: requests (-want +got):\n%s", step.name, diff)
		}
	}
}

// TestMicrosoft_scoped_token_denied takes one right after the other away and sees
// exactly the calls that need it refused, with the status, header and body of ACR.
func TestMicrosoft_scoped_token_denied(t *testing.T) {
	t.Parallel()
	for _, without := range acrkit.Actions() {
		t.Run(strings.ReplaceAll(without.String(), "/", "_"), func(t *testing.T) {
			t.Parallel()
			r := acrtest.NewRegistry(t, nil)
			img := r.Push("samples/app", "v1")
			var lines []string
			for _, a := range acrkit.Actions() {
				if a != without {
					lines = append(lines, "repositories/samples/app/"+a.String())
				}
			}
			rt := r.Transport(r.Token("ci-app", lines...).Credential())
			c := sharedClients(t, r, rt)
			refused := 0
			for _, call := range calls(t, img) {
				needs := slices.Collect(call.needs.All())[0]
				denied := needs.Type == "registry" || slices.Contains(needs.Actions, without.Wire())
				if !denied && (without == acrkit.ContentRead || without == acrkit.ContentWrite) {
					continue // what it works on was not uploaded
				}
				err := call.do(t.Context(), c)
				if !denied {
					if err != nil {
						t.Errorf("%s: %v", call.name, err)
					}
					continue
				}
				refused++
				e, ok := errors.AsType[*azcore.ResponseError](err)
				if !ok {
					if strings.HasPrefix(call.name, "UploadChunk") || strings.HasPrefix(call.name, "CompleteUpload") ||
						strings.HasSuffix(call.name, "UploadStatus") || call.name == "CancelUpload" {
						continue // there is no upload to work on
					}
					t.Errorf("%s: got %v, want a refusal", call.name, err)
					continue
				}
				if e.StatusCode != http.StatusForbidden {
					if location := e.RawResponse.Request.URL.Path; location == "/" {
						continue // there is no upload to work on
					}
					t.Errorf("%s: got %d, want 403", call.name, e.StatusCode)
					continue
				}
				challenge := e.RawResponse.Header.Get("WWW-Authenticate")
				if !strings.Contains(challenge, `realm="`+r.URL()+`/oauth2/token",service="`+r.Host()+`",scope="`) ||
					!strings.HasSuffix(challenge, `,error="insufficient_scope"`) {
					t.Errorf("%s: WWW-Authenticate: %s", call.name, challenge)
				}
				refused, ok := errors.AsType[*acrkit.Error](azureauth.AsError(call.name, err))
				if !ok || refused.Code != acrkit.CodeInsufficientScope || refused.Granted == nil ||
					refused.Required.Minus(*refused.Granted).IsEmpty() {
					t.Errorf("%s: AsError = %v", call.name, refused)
				}
				body, err := io.ReadAll(e.RawResponse.Body)
				if err != nil || len(body) > 0 &&
					!bytes.HasPrefix(body,
						[]byte(
							`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":[{"Type":"`)) {
					t.Errorf("%s: body %q, %v", call.name, body, err)
				}
			}
			if refused < 2 {
				t.Errorf("only %d calls were refused", refused)
			}
		})
	}
}

// TestHerd: twenty goroutines on one repository, cold, are one token request.
func TestHerd(t *testing.T) {
	t.Parallel()
	r := acrtest.NewRegistry(t, nil)
	r.Push("samples/app", "v1")
	token := r.Token("ci-app", "repositories/samples/app/metadata/read")
	sp := r.ServicePrincipal("AcrPull")
	for name, c := range map[string]struct {
		cred   auth.Credential
		tokens int
	}{
		"scoped token":      {token.Credential(), 1},
		"service principal": {sp.Credential(), 2}, // exchange and token, one of each
		"azidentity":        {azureauth.Credential(sp.AzureCredential(), nil), 2},
	} {
		client := r.AzureClient(c.cred)
		r.ResetRequests()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := client.GetRepositoryProperties(t.Context(), "samples/app", nil); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wg.Wait()
		log := r.Requests()
		if got := log.Count("POST", "/oauth2/"); got != c.tokens {
			t.Errorf("%s: %d requests to the token service, want %d", name, got, c.tokens)
		}
		if got := log.Count("GET", "/acr/v1/"); got != 20 {
			t.Errorf("%s: %d calls, want 20", name, got)
		}
	}
}
