package content

import "github.com/acrkit/acrkit/emulator/internal/db"

// Migrations returns the steps of the schema. They come before those of other
// packages that refer to registries(id).
//
// Times are nanoseconds since 1970, locks a bit set of [Locks]. A repository
// that holds blobs and never had a manifest is not visible: the service lists a
// repository from its first manifest on, and keeps it when it is empty again
// (reported by users: Azure/acr#631).
func Migrations() []db.Migration {
	return []db.Migration{{Name: "content-0001", SQL: `
CREATE TABLE content_settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;

CREATE TABLE registries (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE COLLATE NOCASE,
	created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE repositories (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	registry INTEGER NOT NULL REFERENCES registries(id) ON DELETE CASCADE,
	name TEXT NOT NULL,
	visible INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	locks INTEGER NOT NULL DEFAULT 0,
	manifest_count INTEGER NOT NULL DEFAULT 0,
	tag_count INTEGER NOT NULL DEFAULT 0,
	UNIQUE (registry, name)
) STRICT;

CREATE TABLE manifests (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	repository INTEGER NOT NULL REFERENCES repositories(id) ON DELETE CASCADE,
	digest TEXT NOT NULL,
	media_type TEXT NOT NULL,
	size INTEGER NOT NULL,
	image_size INTEGER NOT NULL,
	config_media_type TEXT NOT NULL,
	architecture TEXT NOT NULL,
	os TEXT NOT NULL,
	artifact_type TEXT NOT NULL,
	subject TEXT,
	annotations TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	locks INTEGER NOT NULL DEFAULT 0,
	UNIQUE (repository, digest)
) STRICT;
CREATE INDEX manifests_by_time ON manifests (repository, updated_at, digest);
CREATE INDEX manifests_by_subject ON manifests (repository, subject, digest) WHERE subject IS NOT NULL;

CREATE TABLE manifest_bodies (
	manifest INTEGER PRIMARY KEY REFERENCES manifests(id) ON DELETE CASCADE,
	body BLOB NOT NULL
) STRICT;

CREATE TABLE manifest_references (
	manifest INTEGER NOT NULL REFERENCES manifests(id) ON DELETE CASCADE,
	position INTEGER NOT NULL,
	is_manifest INTEGER NOT NULL,
	digest TEXT NOT NULL,
	architecture TEXT NOT NULL,
	os TEXT NOT NULL,
	PRIMARY KEY (manifest, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX manifest_references_by_digest ON manifest_references (digest);

CREATE TABLE tags (
	repository INTEGER NOT NULL REFERENCES repositories(id) ON DELETE CASCADE,
	name TEXT NOT NULL,
	manifest INTEGER NOT NULL REFERENCES manifests(id) ON DELETE CASCADE,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	locks INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (repository, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_manifest ON tags (manifest, name);
CREATE INDEX tags_by_time ON tags (repository, updated_at, name);

CREATE TABLE repository_blobs (
	repository INTEGER NOT NULL REFERENCES repositories(id) ON DELETE CASCADE,
	digest TEXT NOT NULL,
	size INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX repository_blobs_by_digest ON repository_blobs (digest);

CREATE TABLE departed (
	repository INTEGER NOT NULL,
	name TEXT NOT NULL,
	updated_at INTEGER NOT NULL,
	gone_at INTEGER NOT NULL,
	PRIMARY KEY (repository, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX departed_by_time ON departed (gone_at);

CREATE TRIGGER tag_added AFTER INSERT ON tags BEGIN
	UPDATE repositories SET tag_count = tag_count + 1 WHERE id = new.repository;
END;
CREATE TRIGGER tag_removed AFTER DELETE ON tags BEGIN
	UPDATE repositories SET tag_count = tag_count - 1 WHERE id = old.repository;
	INSERT OR REPLACE INTO departed (repository, name, updated_at, gone_at)
		VALUES (old.repository, old.name, old.updated_at, unixepoch());
END;
CREATE TRIGGER manifest_added AFTER INSERT ON manifests BEGIN
	UPDATE repositories SET manifest_count = manifest_count + 1 WHERE id = new.repository;
END;
CREATE TRIGGER manifest_removed AFTER DELETE ON manifests BEGIN
	UPDATE repositories SET manifest_count = manifest_count - 1 WHERE id = old.repository;
	INSERT OR REPLACE INTO departed (repository, name, updated_at, gone_at)
		VALUES (old.repository, old.digest, old.updated_at, unixepoch());
END;
`}, {Name: "content-0002", SQL: `
-- Since when no manifest is known to name the blob; NULL = one does. What was
-- stored before counts from now on. By the machine's clock, as all idle times.
ALTER TABLE repository_blobs ADD COLUMN idle_since INTEGER;
UPDATE repository_blobs SET idle_since = unixepoch() * 1000000000;
CREATE INDEX repository_blobs_idle ON repository_blobs (idle_since) WHERE idle_since IS NOT NULL;
`}, {Name: "content-0003", SQL: `
-- The catalog in its order, so that a page of it reads no repository's row. The
-- conditions are those of Store.Repositories, word for word.
CREATE INDEX repositories_listed ON repositories (registry, name) WHERE visible=1 AND locks&8=0;
`}, {Name: "content-0004", SQL: `
-- A page in the order of time begins after a time and a name, which the request
-- has both: the places of what was deleted need not be kept.
DROP TRIGGER tag_removed;
DROP TRIGGER manifest_removed;
DROP TABLE departed;
CREATE TRIGGER tag_removed AFTER DELETE ON tags BEGIN
	UPDATE repositories SET tag_count = tag_count - 1 WHERE id = old.repository;
END;
CREATE TRIGGER manifest_removed AFTER DELETE ON manifests BEGIN
	UPDATE repositories SET manifest_count = manifest_count - 1 WHERE id = old.repository;
END;
`}}
}
