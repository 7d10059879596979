package content_test

import (
	"strings"
	"testing"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/content/contenttest"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// TestOlderFolder opens a folder of the first schema: its blobs are there, and
// count as idle from now on, not from when they were pushed. Tags and manifests
// are counted on when they go.
func TestOlderFolder(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	digest := digestOf([]byte("x"))
	d, err := db.Open(ctx, dir, &db.Options{Migrations: content.Migrations()[:1]})
	must(t, err)
	must(t, d.Write(ctx, func(tx *db.Tx) error {
		for _, q := range []string{
			"INSERT INTO registries (id,name,created_at) VALUES (1,'myregistry',1)",
			"INSERT INTO repositories (id,registry,name,visible,created_at,updated_at) VALUES (1,1,'r',1,1,1)",
			"INSERT INTO repository_blobs (repository,digest,size,created_at) VALUES (1,'" + digest + "',1,1)",
			`INSERT INTO manifests (id,repository,digest,media_type,size,image_size,config_media_type,architecture,os,
				artifact_type,annotations,created_at,updated_at) VALUES (1,1,'sha256:1','',0,0,'','','','','',1,1)`,
			"INSERT INTO tags (repository,name,manifest,created_at,updated_at) VALUES " +
				"(1,'a',1,1,1),(1,'b',1,1,1),(1,'c',1,1,1)",
			"DELETE FROM tags WHERE name='c'",
		} {
			if _, err := tx.Exec(q); err != nil {
				return err
			}
		}
		return nil
	}))
	must(t, d.Close())
	blobs, err := blob.OpenDisk(dir, nil)
	must(t, err)
	must(t, blobs.Create(ctx, "00"))
	must(t, first(blobs.Append(ctx, "00", 0, strings.NewReader("x"))))
	must(t, blobs.Commit(ctx, "00", digest))
	s := contenttest.Open(t, contenttest.Setup{Dir: dir}).Store
	if size := get(s.Blob(ctx, 1, "r", digest)); size != 1 {
		t.Errorf("size %d", size)
	}
	if c := get(s.Collect(ctx)); c != (content.Collected{}) {
		t.Errorf("collected %+v right after the migration", c)
	}
	must(t, first(s.DeleteTag(ctx, 1, "r", "a")))
	if r := get(s.Repository(ctx, 1, "r")); r.Tags != 1 || r.Manifests != 1 {
		t.Errorf("%d tags, %d manifests", r.Tags, r.Manifests)
	}
	must(t, s.DeleteManifest(ctx, 1, "r", "sha256:1"))
	if r := get(s.Repository(ctx, 1, "r")); r.Tags != 0 || r.Manifests != 0 {
		t.Errorf("%d tags, %d manifests", r.Tags, r.Manifests)
	}
}
