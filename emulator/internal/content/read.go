package content

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// Repository is a repository's attributes.
type Repository struct {
	Name             string
	Created, Updated time.Time
	Manifests, Tags  int64 // how many
	Locks            Locks

	id int64
}

// Tag is a tag's attributes.
type Tag struct {
	Name, Digest     string
	Created, Updated time.Time
	Locks            Locks
}

// Manifest is a manifest's attributes. Fields that do not apply are empty.
type Manifest struct {
	Digest, MediaType string
	Size              int64 // of the manifest itself
	ImageSize         int64 // the sum of the layers, or over an index's children; see parsed.imageSize
	ConfigMediaType   string
	Architecture, OS  string
	Created, Updated  time.Time
	Locks             Locks
	Tags              []string
	References        []Reference // an index's children; set for a single manifest only

	id int64
}

// Reference is a child of an index.
type Reference struct{ Digest, Architecture, OS string }

// Content is a manifest with its bytes.
type Content struct {
	Digest, MediaType string
	Body              []byte
}

// Referrer is a manifest that has another as its subject.
type Referrer struct {
	Digest, MediaType, ArtifactType string
	Size                            int64
	Annotations                     map[string]string
}

// Order is the order of a list. The zero value is by name, or digest.
type Order string

// The orders besides the default.
const (
	TimeAscending  Order = "timeasc"
	TimeDescending Order = "timedesc"
)

// Page is a part of a list: at most N items, 1 to [MaxPage], after the one
// called Last ("" = from the beginning), which need not exist. In an order by
// time, Updated is the time at which that one was last updated.
type Page struct {
	N       int
	Last    string
	Updated time.Time
	Order   Order
}

func at(ns int64) time.Time { return time.Unix(0, ns).UTC() }

func repository(tx *db.Tx, registry int64, name string) (Repository, error) {
	r := Repository{Name: name}
	var created, updated int64
	err := tx.QueryRow(`SELECT id,created_at,updated_at,manifest_count,tag_count,locks
		FROM repositories WHERE registry=? AND name=? AND visible=1`, []any{registry, name},
		&r.id, &created, &updated, &r.Manifests, &r.Tags, &r.Locks)
	if errors.Is(err, sql.ErrNoRows) {
		return r, &Error{Kind: RepositoryUnknown, Name: name}
	}
	r.Created, r.Updated = at(created), at(updated)
	return r, err
}

func tag(tx *db.Tx, registry int64, repo, name string) (repoID int64, t Tag, err error) {
	t.Name = name
	var created, updated int64
	err = tx.QueryRow(`SELECT t.repository,m.digest,t.created_at,t.updated_at,t.locks
		FROM repositories r JOIN tags t ON t.repository=r.id JOIN manifests m ON m.id=t.manifest
		WHERE r.registry=? AND r.name=? AND t.name=?`, []any{registry, repo, name},
		&repoID, &t.Digest, &created, &updated, &t.Locks)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, t, &Error{Kind: TagUnknown, Name: name}
	}
	t.Created, t.Updated = at(created), at(updated)
	return repoID, t, err
}

const manifestColumns = `m.id,m.digest,m.media_type,m.size,m.image_size,m.config_media_type,
	m.architecture,m.os,m.created_at,m.updated_at,m.locks,
	(SELECT group_concat(name,'/') FROM (SELECT name FROM tags WHERE manifest=m.id ORDER BY name))`

func (m *Manifest) scan(scan func(...any) error) error {
	var created, updated int64
	var tags sql.NullString
	err := scan(&m.id, &m.Digest, &m.MediaType, &m.Size, &m.ImageSize, &m.ConfigMediaType,
		&m.Architecture, &m.OS, &created, &updated, &m.Locks, &tags)
	m.Created, m.Updated = at(created), at(updated)
	if tags.String != "" {
		m.Tags = strings.Split(tags.String, "/") // no tag holds a slash
	}
	return err
}

func manifest(tx *db.Tx, registry int64, repo, digest string) (m Manifest, err error) {
	err = tx.Query(`SELECT `+manifestColumns+` FROM repositories r JOIN manifests m ON m.repository=r.id
		WHERE r.registry=? AND r.name=? AND m.digest=?`, []any{registry, repo, digest}, m.scan)
	if err == nil && m.id == 0 {
		err = &Error{Kind: ManifestUnknown, Name: digest}
	}
	if err != nil {
		return m, err
	}
	err = tx.Query(`SELECT digest,architecture,os FROM manifest_references
		WHERE manifest=? AND is_manifest=1 ORDER BY position`, []any{m.id}, func(scan func(...any) error) error {
		var r Reference
		err := scan(&r.Digest, &r.Architecture, &r.OS)
		m.References = append(m.References, r)
		return err
	})
	return m, err
}

// Repository returns a repository's attributes.
func (s *Store) Repository(ctx context.Context, registry int64, name string) (r Repository, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		r, err = repository(tx, registry, name)
		return err
	})
	return r, err
}

// Tag returns a tag's attributes. A missing repository is [TagUnknown] too.
func (s *Store) Tag(ctx context.Context, registry int64, repo, name string) (t Tag, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		_, t, err = tag(tx, registry, repo, name)
		return err
	})
	return t, err
}

// Manifest returns a manifest's attributes. A missing repository is
// [ManifestUnknown] too.
func (s *Store) Manifest(ctx context.Context, registry int64, repo, digest string) (m Manifest, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		m, err = manifest(tx, registry, repo, digest)
		return err
	})
	return m, err
}

// Repositories returns the names of a page of repositories, and whether more
// follow. Repositories that are locked against listing are left out.
func (s *Store) Repositories(ctx context.Context, registry int64, p Page) (names []string, more bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		names, more, err = texts(tx, p.N, `SELECT name FROM repositories
			WHERE registry=? AND name>? AND visible=1 AND locks&8=0 ORDER BY name LIMIT ?`, registry, p.Last, p.N+1)
		return err
	})
	return names, more, err
}

// TagNames returns the names of a page of tags in the order of names, and
// whether more follow. Tags that are locked against listing are left out.
func (s *Store) TagNames(ctx context.Context, registry int64, repo string,
	p Page) (names []string, more bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		r, err := repository(tx, registry, repo)
		if err != nil {
			return err
		}
		names, more, err = texts(tx, p.N, `SELECT name FROM tags
			WHERE repository=? AND name>? AND locks&8=0 ORDER BY name LIMIT ?`, r.id, p.Last, p.N+1)
		return err
	})
	return names, more, err
}

func texts(tx *db.Tx, n int, query string, args ...any) (all []string, more bool, err error) {
	err = tx.Query(query, args, func(scan func(...any) error) error {
		var s string
		err := scan(&s)
		all = append(all, s)
		return err
	})
	if len(all) > n {
		return all[:n], true, err
	}
	return all, false, err
}

// window returns the SQL of a page: the condition, the order, and its arguments.
// table is the list's alias, key the column that names an item. Items of the same
// time are in the order of their names.
func (p Page) window(table, key string) (where string, args []any) {
	if p.Order == "" {
		where = fmt.Sprintf(" AND %[1]s.%[2]s>? AND %[1]s.locks&8=0 ORDER BY %[1]s.%[2]s LIMIT ?", table, key)
		return where, []any{p.Last, p.N + 1}
	}
	op, dir := ">", "ASC"
	if p.Order == TimeDescending {
		op, dir = "<", "DESC"
	}
	if p.Last != "" {
		where = fmt.Sprintf(" AND (%[1]s.updated_at,%[1]s.%[2]s)%[3]s(?,?)", table, key, op)
		args = []any{p.Updated.UnixNano(), p.Last}
	}
	where += fmt.Sprintf(" AND %[1]s.locks&8=0 ORDER BY %[1]s.updated_at %[3]s, %[1]s.%[2]s %[3]s LIMIT ?", table, key,
		dir)
	return where, append(args, p.N+1)
}

// Tags returns a page of tags, and whether more follow; with a digest, only
// those of that manifest.
func (s *Store) Tags(ctx context.Context, registry int64, repo, digest string,
	p Page) (tags []Tag, more bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		r, err := repository(tx, registry, repo)
		if err != nil {
			return err
		}
		window, tail := p.window("t", "name")
		query,
			args := "SELECT t.name,m.digest,t.created_at,t.updated_at,t.locks FROM tags t JOIN manifests m ON "+
			"m.id=t.manifest WHERE t.repository=?", []any{r.id}
		if digest != "" {
			query += " AND t.manifest=(SELECT id FROM manifests WHERE repository=? AND digest=?)"
			args = append(args, r.id, digest)
		}
		return tx.Query(query+window, append(args, tail...), func(scan func(...any) error) error {
			var t Tag
			var created, updated int64
			err := scan(&t.Name, &t.Digest, &created, &updated, &t.Locks)
			t.Created, t.Updated = at(created), at(updated)
			tags = append(tags, t)
			return err
		})
	})
	if len(tags) > p.N {
		return tags[:p.N], true, err
	}
	return tags, false, err
}

// Manifests returns a page of manifests, and whether more follow.
func (s *Store) Manifests(ctx context.Context, registry int64, repo string,
	p Page) (all []Manifest, more bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		r, err := repository(tx, registry, repo)
		if err != nil {
			return err
		}
		window, tail := p.window("m", "digest")
		return tx.Query("SELECT "+manifestColumns+" FROM manifests m WHERE m.repository=?"+window,
			append([]any{r.id}, tail...), func(scan func(...any) error) error {
				var m Manifest
				err := m.scan(scan)
				all = append(all, m)
				return err
			})
	})
	if len(all) > p.N {
		return all[:p.N], true, err
	}
	return all, false, err
}

// ManifestContent returns a manifest's bytes by tag or digest; they must not be
// changed. A manifest whose bytes have another digest is [Damaged]. Where a tag or
// the manifest is not there, the error's Name says which was asked for.
func (s *Store) ManifestContent(ctx context.Context, registry int64, repo, reference string) (Content, error) {
	n := name{registry, repo, reference}
	version, settled := s.db.Version() // before the database is asked
	if settled {
		if f, ok := s.manifests.Get(version, n); ok {
			return f.content, f.locks.locked(reference, NoRead)
		}
	}
	f, err := s.findManifest(ctx, n, version, settled)
	if err != nil {
		return Content{}, err
	}
	return f.content, f.locks.locked(reference, NoRead)
}

// findManifest asks the database, and remembers the answer if it may.
func (s *Store) findManifest(ctx context.Context, n name, version uint64, remember bool) (f foundManifest, err error) {
	query := `SELECT m.digest,m.media_type,b.body,r.locks,m.locks,0 FROM repositories r
		JOIN manifests m ON m.repository=r.id JOIN manifest_bodies b ON b.manifest=m.id
		WHERE r.registry=? AND r.name=? AND m.digest=?`
	unknown := ManifestUnknown
	if !strings.Contains(n.ref, ":") {
		query = `SELECT m.digest,m.media_type,b.body,r.locks,m.locks,t.locks FROM repositories r
		JOIN tags t ON t.repository=r.id JOIN manifests m ON m.id=t.manifest JOIN manifest_bodies b ON b.manifest=m.id
		WHERE r.registry=? AND r.name=? AND t.name=?`
		unknown = TagUnknown
	}
	var repoLocks, manifestLocks, tagLocks int64
	err = s.db.Row(ctx, query, []any{n.registry, n.repo, n.ref}, &f.content.Digest, &f.content.MediaType,
		&f.content.Body, &repoLocks, &manifestLocks, &tagLocks)
	if errors.Is(err, sql.ErrNoRows) {
		err = &Error{Kind: unknown, Name: n.ref}
	}
	f.locks = lockChain{manifest: Locks(manifestLocks), repository: Locks(repoLocks)}
	//rule:rot-find-manifest
	if err == nil && (unknown == ManifestUnknown && f.content.Digest != n.ref ||
		!bodyMatches(f.content.Digest, f.content.Body)) {
		return f, damaged(f.content.Digest, "its body in the database has another digest")
	}
	if err != nil || !remember || len(f.content.Body) > maxRememberedBody {
		f.locks.tag = Locks(tagLocks)
		return f, err
	}
	// One body for a manifest and all its tags.
	byDigest := name{n.registry, n.repo, f.content.Digest}
	if known, ok := s.manifests.Get(version, byDigest); ok {
		f = known
	} else {
		s.manifests.Put(version, byDigest.own(), f, byDigest.size()+len(f.content.Body))
	}
	f.locks.tag = Locks(tagLocks)
	if n != byDigest {
		s.manifests.Put(version, n.own(), f, n.size())
	}
	return f, nil
}

// Blob returns the size of a repository's blob. A blob whose file is missing, has
// another size, or is known to hold something else, is [Damaged].
func (s *Store) Blob(ctx context.Context, registry int64, repo, digest string) (size int64, err error) {
	n := name{registry, repo, digest}
	f, err := s.knownBlob(ctx, n)
	if err != nil {
		return 0, err
	}
	info, err := s.blobs.Stat(ctx, digest)
	if err := s.checkStored(ctx, n, f, info, err); err != nil {
		return 0, err
	}
	return f.size, nil
}

// knownBlob returns a repository's blob that may be read, by what the database
// says. Its idle time restarts if half of it is over.
func (s *Store) knownBlob(ctx context.Context, n name) (f foundBlob, err error) {
	version, settled := s.db.Version() // before the database is asked
	ok := false
	if settled {
		f, ok = s.known.Get(version, n)
	}
	if !ok {
		if f, err = s.findBlob(ctx, n); err != nil {
			return f, err
		}
		if settled {
			s.known.Put(version, n.own(), f, n.size())
		}
	}
	if err := locked(ARepository, n.repo, f.locks, NoRead); err != nil {
		return f, err
	}
	if f.idleSince != 0 && s.now().UnixNano()-f.idleSince > int64(s.blobGrace/2) {
		err = s.renew(ctx, n.registry, n.repo, n.ref) // the client may push a manifest without the blob now
	}
	return f, err
}

func (s *Store) findBlob(ctx context.Context, n name) (f foundBlob, err error) {
	var locks int64
	err = s.db.Row(ctx,
		`SELECT b.size,r.locks,COALESCE(b.idle_since,0) FROM repositories r JOIN repository_blobs b ON b.repository=r.id
		WHERE r.registry=? AND r.name=? AND b.digest=?`, []any{n.registry, n.repo, n.ref}, &f.size, &locks, &f.idleSince)
	if errors.Is(err, sql.ErrNoRows) {
		err = &Error{Kind: BlobUnknown, Name: n.ref}
	}
	f.locks = Locks(locks)
	return f, err
}

// OpenBlob opens a repository's blob. One that [Store.Blob] calls damaged is not
// opened; other damage is found when it is read.
func (s *Store) OpenBlob(ctx context.Context, registry int64, repo, digest string) (*Blob, error) {
	n := name{registry, repo, digest}
	f, err := s.knownBlob(ctx, n)
	if err != nil {
		return nil, err
	}
	file, info, err := s.blobs.Open(ctx, digest)
	if err := s.checkStored(ctx, n, f, info, err); err != nil {
		if file != nil {
			file.Close()
		}
		return nil, err
	}
	return s.open(digest, file, info), nil
}

func (s *Store) open(digest string, file io.ReadSeekCloser, info blob.Info) *Blob {
	good, _ := s.conditions.get(digest, info)
	return &Blob{Size: info.Size, s: s, digest: digest, info: info, file: file, good: good}
}

// OpenContent opens content by its digest alone: the caller has checked that the
// client may read it. Where there is none, the error is [blob.ErrNotExist].
func (s *Store) OpenContent(ctx context.Context, digest string) (*Blob, error) {
	file, info, err := s.blobs.Open(ctx, digest)
	if err != nil {
		return nil, err
	}
	b := s.open(digest, file, info)
	if good, known := s.conditions.get(digest, info); known && !good {
		return nil, errors.Join(wrongDigest(digest), b.Close())
	}
	return b, nil
}

// Referrers returns a page of the manifests whose subject is digest, and whether
// more follow; with an artifact type, only those of that type. There are none,
// without an error, where the repository or the subject does not exist.
func (s *Store) Referrers(ctx context.Context, registry int64, repo, digest, artifactType string,
	p Page) (all []Referrer, more bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		var locks Locks
		err := tx.QueryRow("SELECT locks FROM repositories WHERE registry=? AND name=?", []any{registry, repo}, &locks)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = locked(ARepository, repo, locks, NoRead)
		}
		if err != nil {
			return err
		}
		return tx.Query(`SELECT m.digest,m.media_type,m.artifact_type,m.size,m.annotations
			FROM repositories r JOIN manifests m ON m.repository=r.id
			WHERE r.registry=? AND r.name=? AND m.subject=? AND m.digest>? AND (?='' OR m.artifact_type=?)
			AND m.locks&8=0 ORDER BY m.digest LIMIT ?`,
			[]any{registry, repo, digest, p.Last, artifactType, artifactType, p.N + 1},
			func(scan func(...any) error) error {
				var r Referrer
				var annotations string
				if err := scan(&r.Digest, &r.MediaType, &r.ArtifactType, &r.Size, &annotations); err != nil {
					return err
				}
				all = append(all, r)
				if annotations == "" {
					return nil
				}
				return json.Unmarshal([]byte(annotations), &all[len(all)-1].Annotations)
			})
	})
	if len(all) > p.N {
		return all[:p.N], true, err
	}
	return all, false, err
}
