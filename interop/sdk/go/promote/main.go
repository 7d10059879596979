// Command promote attaches a report to an image, tags the image as approved, and
// locks that tag.
//
//	acrkit proxy myregistry.azurecr.io -- go run ./promote samples/app v1
//
// or, since a Go program can hold a scope-mapped token itself:
//
//	ACR_NAME=myregistry.azurecr.io ACR_TOKEN_NAME=... ACR_TOKEN_PASSWORD=... go run ./promote samples/app v1
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
)

const mediaType = azcontainerregistry.ContentTypeApplicationVndOciImageManifestV1JSON

func main() {
	client, blobs, err := newClients()
	switch {
	case err != nil:
	case len(os.Args) == 1: // what is there?
		err = list(context.Background(), client)
	default:
		err = promote(context.Background(), client, blobs, os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func list(ctx context.Context, client *azcontainerregistry.Client) error {
	for pager := client.NewListRepositoriesPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, name := range page.Repositories.Names {
			fmt.Println(*name)
		}
	}
	return nil
}

func promote(ctx context.Context, client *azcontainerregistry.Client, blobs *azcontainerregistry.BlobClient, repository,
	tag string) error {
	var tags []string
	for pager := client.NewListTagsPager(repository, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, t := range page.Tags {
			tags = append(tags, *t.Name)
		}
	}
	fmt.Println("tags:", strings.Join(tags, " "))

	image, err := client.GetManifest(ctx, repository, tag,
		&azcontainerregistry.ClientGetManifestOptions{Accept: to.Ptr(string(mediaType))})
	if err != nil {
		return err
	}
	manifest, err := io.ReadAll(image.ManifestData)
	if err != nil {
		return err
	}
	fmt.Println("manifest:", *image.DockerContentDigest)

	report := append([]byte("report on "+*image.DockerContentDigest+"\n"), make([]byte, 5<<20)...)
	digest, err := upload(ctx, blobs, repository, report)
	if err != nil {
		return err
	}
	blob, err := blobs.GetBlob(ctx, repository, digest, nil)
	if err != nil {
		return err
	}
	if back, err := io.ReadAll(blob.BlobData); err != nil || !bytes.Equal(back, report) {
		return errors.Join(errors.New("the blob came back changed"), err)
	}
	fmt.Println("blob:", digest, len(report))

	approved := tag + "-approved"
	if _, err := client.UploadManifest(ctx, repository, approved, mediaType,
		streaming.NopCloser(bytes.NewReader(manifest)), nil); err != nil {
		return err
	}
	if _, err := client.UpdateTagProperties(ctx, repository, approved,
		&azcontainerregistry.ClientUpdateTagPropertiesOptions{
			Value: &azcontainerregistry.TagWriteableProperties{CanWrite: to.Ptr(false),
				CanDelete: to.Ptr(false)}}); err != nil {
		return err
	}
	locked, err := client.GetTagProperties(ctx, repository, approved, nil)
	if err != nil {
		return err
	}
	fmt.Println("approved:", approved, "writable:", *locked.Tag.ChangeableAttributes.CanWrite)
	return nil
}

// upload sends a blob in one chunk; larger ones are sent in several.
func upload(ctx context.Context, blobs *azcontainerregistry.BlobClient, repository string,
	content []byte) (string, error) {
	start, err := blobs.StartUpload(ctx, repository, nil)
	if err != nil {
		return "", err
	}
	digest := azcontainerregistry.NewBlobDigestCalculator()
	chunk, err := blobs.UploadChunk(ctx, *start.Location, bytes.NewReader(content), digest, nil)
	if err != nil {
		return "", err
	}
	done, err := blobs.CompleteUpload(ctx, *chunk.Location, digest, nil)
	if err != nil {
		return "", err
	}
	return *done.DockerContentDigest, nil
}
