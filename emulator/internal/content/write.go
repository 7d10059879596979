package content

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"io"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/internal/exactjson"
)

func newHash(digest string) hash.Hash {
	if strings.HasPrefix(digest, "sha512:") {
		return sha512.New()
	}
	return sha256.New()
}

func sumMatches(h hash.Hash, digest string) bool {
	_, want, _ := strings.Cut(digest, ":")
	return hex.EncodeToString(h.Sum(nil)) == want
}

func bodyMatches(digest string, body []byte) bool {
	h := newHash(digest)
	h.Write(body)
	return sumMatches(h, digest)
}

// ensureRepository finds or makes a repository; visible says that a manifest
// comes with it. It fails where the repository is locked against writing.
func ensureRepository(tx *db.Tx, registry int64, name string, visible bool) (id int64, err error) {
	var locks Locks
	now := tx.Now.UnixNano()
	err = tx.QueryRow("SELECT id,locks FROM repositories WHERE registry=? AND name=?",
		[]any{registry, name}, &id, &locks)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		r, err := tx.Exec("INSERT INTO repositories (registry,name,visible,created_at,updated_at) VALUES (?,?,?,?,?)",
			registry, name, visible, now, now)
		if err != nil {
			return 0, err
		}
		return r.LastInsertId()
	case err != nil:
		return 0, err
	}
	if err := locked(ARepository, name, locks, NoWrite); err != nil {
		return 0, err
	}
	if visible {
		_, err = tx.Exec("UPDATE repositories SET visible=1, updated_at=? WHERE id=?", now, id)
	}
	return id, err
}

// PutManifest stores a manifest under a tag, or under its digest alone. All that
// it names must be in the repository, and what [Store.Blob] calls damaged is not.
// Putting the same bytes again changes nothing but the tag, and heals what is
// stored of the manifest where that was damaged.
//
// The check and the insertion are one transaction: no blob or child that it
// names can be deleted in between.
func (s *Store) PutManifest(ctx context.Context, registry int64, repo, reference, contentType string,
	body []byte) (digest, subject string, err error) {
	p, err := parseManifest(contentType, body)
	if err != nil {
		return "", "", err
	}
	tagName := reference
	sum := sha256.Sum256(body)
	digest = "sha256:" + hex.EncodeToString(sum[:])
	if strings.Contains(reference, ":") {
		tagName = ""
		if !bodyMatches(reference, body) {
			return "", "", &Error{Kind: DigestMismatch, Name: reference}
		}
		digest = reference
	}
	if p.stored, err = s.storedSizes(ctx, p.blobs); err != nil {
		return "", "", err
	}
	s.readConfig(ctx, p)
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		id, err := ensureRepository(tx, registry, repo, true)
		if err != nil {
			return err
		}
		var m int64
		err = tx.QueryRow("SELECT id FROM manifests WHERE repository=? AND digest=?", []any{id, digest}, &m)
		if errors.Is(err, sql.ErrNoRows) {
			m, err = insertManifest(tx, id, digest, p, body)
		} else if err == nil {
			err = healManifest(tx, id, m, p, body)
		}
		if err != nil || tagName == "" {
			return err
		}
		return putTag(tx, id, tagName, m)
	})
	return digest, p.subject, err
}

// storedSizes returns the sizes of the files of blobs, by digest. Files that are
// known to be damaged are left out.
func (s *Store) storedSizes(ctx context.Context, blobs []descriptor) (map[string]int64, error) {
	sizes := make(map[string]int64, len(blobs))
	for _, d := range blobs {
		info, err := s.blobs.Stat(ctx, d.Digest)
		if errors.Is(err, blob.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if good, known := s.conditions.get(d.Digest, info); good || !known {
			sizes[d.Digest] = info.Size
		}
	}
	return sizes, nil
}

// checkReferences fails where the repository lacks what a manifest names, or has
// it no more as it was pushed. It adds up an index's size.
func checkReferences(tx *db.Tx, repo int64, p *parsed) error {
	for _, d := range p.blobs {
		var size int64
		err := tx.QueryRow("SELECT size FROM repository_blobs WHERE repository=? AND digest=?",
			[]any{repo, d.Digest}, &size)
		if errors.Is(err, sql.ErrNoRows) {
			return &Error{Kind: ManifestBlobUnknown, Name: d.Digest}
		}
		if err != nil {
			return err
		}
		//rule:rot-check-references
		if stored, ok := p.stored[d.Digest]; !ok || stored != size {
			return &Error{Kind: ManifestBlobUnknown, Name: d.Digest, Reason: "its content is damaged"}
		}
	}
	var sum int64
	for _, d := range p.children {
		var size int64
		err := tx.QueryRow("SELECT image_size FROM manifests WHERE repository=? AND digest=?",
			[]any{repo, d.Digest}, &size)
		if errors.Is(err, sql.ErrNoRows) {
			return &Error{Kind: ManifestBlobUnknown, Name: d.Digest}
		}
		if err != nil {
			return err
		}
		if sum+size >= sum {
			sum += size
		}
	}
	if p.children != nil {
		p.imageSize = sum
	}
	return nil
}

func insertManifest(tx *db.Tx, repo int64, digest string, p *parsed, body []byte) (int64, error) {
	if err := checkReferences(tx, repo, p); err != nil {
		return 0, err
	}
	now := tx.Now.UnixNano()
	r, err := tx.Exec(`INSERT INTO manifests (repository,digest,media_type,size,image_size,config_media_type,
		architecture,os,artifact_type,subject,annotations,created_at,updated_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		append([]any{repo, digest}, append(p.columns(body), now, now)...)...)
	if err != nil {
		return 0, err
	}
	id, err := r.LastInsertId()
	if err != nil {
		return 0, err
	}
	return id, insertBody(tx, id, p, body)
}

// columns are what a manifest's row says of its body, from media_type on.
func (p *parsed) columns(body []byte) []any {
	return []any{p.mediaType, len(body), p.imageSize, p.configType, p.architecture, p.os, p.artifactType,
		sql.NullString{String: p.subject, Valid: p.subject != ""}, p.annotations}
}

func insertBody(tx *db.Tx, id int64, p *parsed, body []byte) error {
	if _, err := tx.Exec("INSERT INTO manifest_bodies (manifest,body) VALUES (?,?)", id, body); err != nil {
		return err
	}
	const insert = "INSERT INTO manifest_references (manifest,position,is_manifest,digest,architecture,os) VALUES " +
		"(?,?,?,?,?,?)"
	for i, d := range p.blobs {
		if _, err := tx.Exec(insert, id, i, 0, d.Digest, "", ""); err != nil {
			return err
		}
	}
	for i, d := range p.children {
		if _, err := tx.Exec(insert, id, i, 1, d.Digest, d.Platform.Architecture, d.Platform.OS); err != nil {
			return err
		}
	}
	return nil
}

// healManifest checks a manifest that is there already, and replaces what is stored
// of it if that differs from its body.
func healManifest(tx *db.Tx, repo, id int64, p *parsed, body []byte) error {
	if err := checkReferences(tx, repo, p); err != nil {
		return err
	}
	var stored []byte
	err := tx.QueryRow("SELECT body FROM manifest_bodies WHERE manifest=?", []any{id}, &stored)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	same, err2 := sameReferences(tx, id, p)
	//rule:rot-heal-manifest
	if err2 != nil || err == nil && same && bytes.Equal(stored, body) {
		return err2
	}
	for _, table := range []string{"manifest_bodies", "manifest_references"} {
		if _, err := tx.Exec("DELETE FROM "+table+" WHERE manifest=?", id); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(`UPDATE manifests SET media_type=?,size=?,image_size=?,config_media_type=?,
		architecture=?,os=?,artifact_type=?,subject=?,annotations=? WHERE id=?`,
		append(p.columns(body), id)...); err != nil {
		return err
	}
	return insertBody(tx, id, p, body)
}

// sameReferences reports whether the table of references says of a manifest what
// its body does.
func sameReferences(tx *db.Tx, id int64, p *parsed) (bool, error) {
	same, n := true, 0
	const query = "SELECT position,is_manifest,digest FROM manifest_references WHERE manifest=? ORDER BY position"
	err := tx.Query(query, []any{id}, func(scan func(...any) error) error {
		var position int
		var isManifest bool
		var digest string
		err := scan(&position, &isManifest, &digest)
		want, all := "", p.blobs
		if isManifest {
			all = p.children
		}
		if n < len(all) {
			want = all[n].Digest
		}
		same = same && position == n && digest == want
		n++
		return err
	})
	return same && n == len(p.blobs)+len(p.children), err // a manifest has blobs or children
}

// putTag points a tag at a manifest. A tag keeps the time it was made at.
func putTag(tx *db.Tx, repo int64, name string, manifest int64) error {
	var locks Locks
	err := tx.QueryRow("SELECT locks FROM tags WHERE repository=? AND name=?", []any{repo, name}, &locks)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err := locked(ATag, name, locks, NoWrite); err != nil {
		return err
	}
	now := tx.Now.UnixNano()
	_, err = tx.Exec(`INSERT INTO tags (repository,name,manifest,created_at,updated_at) VALUES (?,?,?,?,?)
		ON CONFLICT (repository,name) DO UPDATE SET manifest=excluded.manifest, updated_at=excluded.updated_at`,
		repo, name, manifest, now, now)
	return err
}

// readConfig reads from an image's config what the list of manifests says of it.
// Where that is no JSON object, or there is none, it says neither the config's
// type nor the image's size: so for an image whose config is not JSON, and for an
// artifact's manifest, which has none (recorded). A config that is not there, or
// larger than [MaxManifest], is not read. An index's size is summed up later.
func (s *Store) readConfig(ctx context.Context, p *parsed) {
	b, err := s.config(ctx, p)
	var object map[string]json.RawMessage
	if err != nil || json.Unmarshal(b, &object) != nil || object == nil {
		p.imageSize = 0
		return
	}
	p.configType = p.config.MediaType
	switch p.configType {
	case "application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json":
		var config struct {
			Architecture string `json:"architecture"`
			OS           string `json:"os"`
		}
		if exactjson.Unmarshal(b, &config) == nil {
			p.architecture, p.os = config.Architecture, config.OS
		}
	}
}

var errNoConfig = errors.New("no config that can be read")

// config returns the content of a manifest's config. Whether this repository
// holds it is asked in the transaction; the content of a digest is the same
// everywhere.
func (s *Store) config(ctx context.Context, p *parsed) ([]byte, error) {
	if p.config == nil {
		return nil, errNoConfig
	}
	r, err := s.OpenContent(ctx, p.config.Digest)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	//rule:emulator-limits-config
	if r.Size > MaxManifest {
		return nil, errNoConfig
	}
	return io.ReadAll(r.Reader())
}

// DeleteManifest removes a manifest with its tags, and with its referrers and
// theirs: the service removes the graph with its root (documented, "Manage OCI
// artifacts"). A lock on any of them, or on the repository, forbids it.
func (s *Store) DeleteManifest(ctx context.Context, registry int64, repo, digest string) error {
	return s.db.Write(ctx, func(tx *db.Tx) error {
		r, err := repository(tx, registry, repo)
		if KindOf(err) == RepositoryUnknown {
			return &Error{Kind: ManifestUnknown, Name: digest}
		}
		if err != nil {
			return err
		}
		m, err := manifest(tx, registry, repo, digest)
		if err != nil {
			return err
		}
		if err := locked(ARepository, repo, r.Locks, noRemove); err != nil {
			return err
		}
		// UNION, not UNION ALL: a cycle of subjects cannot be built, and if it
		// could, it would end.
		const graph = `WITH RECURSIVE graph(id,digest) AS (
			SELECT id,digest FROM manifests WHERE id=?
			UNION SELECT m.id,m.digest FROM graph g JOIN manifests m ON m.repository=? AND m.subject=g.digest)`
		lock := &Error{Kind: Locked}
		err = tx.QueryRow(graph+
			`SELECT 'manifest',m.digest FROM graph g JOIN manifests m ON m.id=g.id WHERE m.locks&?<>0
			UNION ALL SELECT 'tag',t.name FROM graph g JOIN tags t ON t.manifest=g.id WHERE t.locks&?<>0 LIMIT 1`,
			[]any{m.id, r.id, noRemove, noRemove}, &lock.Item, &lock.Name)
		if err == nil {
			return lock
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec(graph+`UPDATE repository_blobs SET idle_since=? WHERE repository=? AND digest IN
			(SELECT f.digest FROM graph g JOIN manifest_references f ON f.manifest=g.id AND f.is_manifest=0)`,
			m.id, r.id, s.now().UnixNano(), r.id); err != nil {
			return err
		}
		if _, err := tx.Exec(graph+"DELETE FROM manifests WHERE id IN (SELECT id FROM graph)", m.id, r.id); err != nil {
			return err
		}
		return touch(tx, r.id)
	})
}

// touch notes that a repository changed.
func touch(tx *db.Tx, repo int64) error {
	_, err := tx.Exec("UPDATE repositories SET updated_at=? WHERE id=?", tx.Now.UnixNano(), repo)
	return err
}

// DeleteTag removes a tag alone and returns the digest it pointed at. A missing
// repository is [TagUnknown] too.
func (s *Store) DeleteTag(ctx context.Context, registry int64, repo, name string) (digest string, err error) {
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		id, t, err := tag(tx, registry, repo, name)
		if err != nil {
			return err
		}
		r, err := repository(tx, registry, repo)
		if err != nil {
			return err
		}
		if err := (lockChain{tag: t.Locks, repository: r.Locks}).locked(name, noRemove); err != nil {
			return err
		}
		digest = t.Digest
		if _, err := tx.Exec("DELETE FROM tags WHERE repository=? AND name=?", id, name); err != nil {
			return err
		}
		return touch(tx, id)
	})
	return digest, err
}

// DeleteRepository removes a repository with all it holds, and returns the
// digests and tags that went with it, sorted. A lock on anything in it forbids
// it.
func (s *Store) DeleteRepository(ctx context.Context, registry int64,
	name string) (manifests, tags []string, err error) {
	defer s.orphans.Store(true)
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		r, err := repository(tx, registry, name)
		if err != nil {
			return err
		}
		if err := locked(ARepository, name, r.Locks, noRemove); err != nil {
			return err
		}
		lock := &Error{Kind: Locked}
		err = tx.QueryRow(`SELECT 'manifest',digest FROM manifests WHERE repository=? AND locks&?<>0
			UNION ALL SELECT 'tag',name FROM tags WHERE repository=? AND locks&?<>0 LIMIT 1`,
			[]any{r.id, noRemove, r.id, noRemove}, &lock.Item, &lock.Name)
		if err == nil {
			return lock
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		list := func(query string, into *[]string) error {
			return tx.Query(query, []any{r.id}, func(scan func(...any) error) error {
				var s string
				err := scan(&s)
				*into = append(*into, s)
				return err
			})
		}
		if err := list("SELECT digest FROM manifests WHERE repository=? ORDER BY digest", &manifests); err != nil {
			return err
		}
		if err := list("SELECT name FROM tags WHERE repository=? ORDER BY name", &tags); err != nil {
			return err
		}
		_, err = tx.Exec("DELETE FROM repositories WHERE id=?", r.id)
		return err
	})
	return manifests, tags, err
}

// DeleteBlob takes a blob from a repository, though a manifest may name it: so
// does the reference implementation that the service descends from (believed).
// Other repositories keep theirs.
func (s *Store) DeleteBlob(ctx context.Context, registry int64, repo, digest string) error {
	defer s.orphans.Store(true)
	return s.db.Write(ctx, func(tx *db.Tx) error {
		var id int64
		var locks Locks
		err := tx.QueryRow(`SELECT r.id,r.locks FROM repositories r JOIN repository_blobs b ON b.repository=r.id
			WHERE r.registry=? AND r.name=? AND b.digest=?`, []any{registry, repo, digest}, &id, &locks)
		if errors.Is(err, sql.ErrNoRows) {
			return &Error{Kind: BlobUnknown, Name: digest}
		}
		if err != nil {
			return err
		}
		if err := locked(ARepository, repo, locks, noRemove); err != nil {
			return err
		}
		_, err = tx.Exec("DELETE FROM repository_blobs WHERE repository=? AND digest=?", id, digest)
		return err
	})
}

// Mount gives a repository a blob that another one of the registry holds, and
// reports whether that one did. With from "" it may be any one. The content is
// read whole unless this process has done so before: what is not good is
// [Damaged], and nothing is mounted.
func (s *Store) Mount(ctx context.Context, registry int64, from, to, digest string) (mounted bool, err error) {
	source := func(tx *db.Tx) (size int64, ok bool, err error) {
		var locks Locks
		query := `SELECT b.size,r.locks FROM repositories r JOIN repository_blobs b ON b.repository=r.id
			WHERE r.registry=? AND r.name=? AND b.digest=?`
		args := []any{registry, from, digest}
		if from == "" {
			query = `SELECT b.size,r.locks FROM repository_blobs b JOIN repositories r ON r.id=b.repository
				WHERE b.digest=? AND r.registry=? AND r.locks&?=0 LIMIT 1`
			args = []any{digest, registry, NoRead}
		}
		err = tx.QueryRow(query, args, &size, &locks)
		if errors.Is(err, sql.ErrNoRows) || err == nil && locks&NoRead != 0 {
			return 0, false, nil
		}
		return size, err == nil, err
	}
	var size int64
	err = s.db.Read(ctx, func(tx *db.Tx) (err error) {
		size, mounted, err = source(tx)
		return err
	})
	if err != nil || !mounted {
		return false, err
	}
	//rule:rot-mount
	if err := s.verify(ctx, digest, size); err != nil {
		return false, err
	}
	err = s.db.Write(ctx, func(tx *db.Tx) error {
		size, mounted, err = source(tx)
		if err != nil || !mounted {
			return err
		}
		return s.linkBlob(tx, registry, to, digest, size)
	})
	return mounted && err == nil, err
}

// verify reads content that a repository holds with a size.
func (s *Store) verify(ctx context.Context, digest string, size int64) error {
	b, err := s.OpenContent(ctx, digest)
	if errors.Is(err, blob.ErrNotExist) {
		return damaged(digest, "its file is missing in the data folder")
	}
	if err != nil {
		return err
	}
	defer b.Close()
	if b.Size != size {
		return damaged(digest, "its file in the data folder has %d bytes, not %d", b.Size, size)
	}
	return b.Verify(ctx)
}

// linkBlob gives a repository a blob, which is idle until a manifest names it.
func (s *Store) linkBlob(tx *db.Tx, registry int64, repo, digest string, size int64) error {
	id, err := ensureRepository(tx, registry, repo, false)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO repository_blobs (repository,digest,size,created_at,idle_since) VALUES (?,?,?,?,?)
		ON CONFLICT DO UPDATE SET size=excluded.size, idle_since=excluded.idle_since`,
		id, digest, size, tx.Now.UnixNano(), s.now().UnixNano())
	return err
}

// PutBlob stores what r yields as a repository's blob; it is what digest says,
// or nothing is kept.
func (s *Store) PutBlob(ctx context.Context, registry int64, repo, digest string, r io.Reader) error {
	if !acrkit.IsDigest(digest) {
		return &Error{Kind: DigestMismatch, Name: digest}
	}
	id, err := s.StartUpload(ctx, registry, repo)
	if err != nil {
		return err
	}
	err = s.FinishUpload(ctx, registry, repo, id, digest, 0, r)
	if err != nil {
		// No client knows the upload's ID, so none could go on with it.
		if aborted := s.CancelUpload(context.WithoutCancel(ctx), id); aborted != nil &&
			KindOf(aborted) != UploadUnknown && !errors.Is(aborted, blob.ErrNotExist) {
			err = errors.Join(err, aborted)
		}
	}
	return err
}
