package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/internal/snapshot"
	"github.com/acrkit/acrkit/internal/imagegen"
	"github.com/acrkit/acrkit/internal/wording"
)

// blobsDir holds the blobs, beside the database.
const blobsDir = "blobs"

// memoryPages is the most pages of 4 KiB of a database in memory, 256 MiB: some
// hundred thousand manifests. It keeps an emulator without a data folder from
// taking all of the machine.
const memoryPages = 64 << 10

// maxPages bounds the database: in memory by memoryPages, on disk by the disk.
func maxPages(dir string) int {
	if dir == "" {
		return memoryPages
	}
	return 0
}

// openContent opens the content over the database: with blobs in a folder of
// dir, or all in memory. The age of what is to be removed is counted by the
// machine's clock, not by the emulator's.
func openContent(ctx context.Context, d *db.DB, dir string, keep bool, o *Options) (*content.Store, error) {
	var blobs blob.Store
	if dir == "" {
		blobs = blob.NewMemory(&blob.MemoryOptions{Limit: o.MemoryLimit})
	} else {
		path := filepath.Join(dir, blobsDir)
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		disk, err := blob.OpenDisk(path, nil)
		if err != nil {
			return nil, err
		}
		blobs = disk
	}
	return content.Open(ctx, d, blobs, &content.Options{BlobGrace: o.CollectAfter, Keep: keep,
		Held: snapshot.Holds, AllHeld: snapshot.Blobs})
}

// pushGenerated stores a generated image: blobs, children, and then the image
// under its tags. Tags that are there already stay if keepTags is set.
func (e *Emulator) pushGenerated(ctx context.Context, registry int64, repository string, m imagegen.Manifest, tags []string, keepTags bool) error {
	digest := m.Descriptor.Digest.String()
	err := m.Walk(func(x imagegen.Manifest) error {
		for _, b := range x.Blobs {
			if err := e.content.PutBlob(ctx, registry, repository, b.Descriptor.Digest.String(), bytes.NewReader(b.Data)); err != nil {
				return err
			}
		}
		references := []string{x.Descriptor.Digest.String()}
		if references[0] == digest && len(tags) > 0 {
			references = tags
		}
		for _, ref := range references {
			if keepTags && ref != x.Descriptor.Digest.String() {
				_, err := e.content.Tag(ctx, registry, repository, ref)
				if err == nil {
					continue
				}
				if !unknown(err) {
					return err
				}
			}
			if _, _, err := e.content.PutManifest(ctx, registry, repository, ref, x.Descriptor.MediaType, x.Data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store an image in the repository %s: %w", wording.Quote(repository), err)
	}
	return nil
}

func unknown(err error) bool {
	switch content.KindOf(err) {
	case content.RepositoryUnknown, content.TagUnknown, content.ManifestUnknown:
		return true
	}
	return false
}

// missingImage says which of an image's tags are not there, or that an untagged
// image is not; "" if nothing is missing. What a tag points at may have been
// pushed since, and is not compared.
func (e *Emulator) missingImage(ctx context.Context, registry int64, repository, digest string, tags []string) (string, error) {
	if len(tags) == 0 {
		_, err := e.content.Manifest(ctx, registry, repository, digest)
		if unknown(err) {
			return "manifest " + digest, nil
		}
		return "", err
	}
	for _, tag := range tags {
		_, err := e.content.Tag(ctx, registry, repository, tag)
		if unknown(err) {
			return "tag " + wording.Quote(tag), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}
