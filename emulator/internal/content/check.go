package content

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

// Bounds of one part of a check.
const (
	checkManifests = 64  // manifests looked up in one transaction
	checkBlobs     = 256 // blobs of repositories likewise
	checkFindings  = 100 // findings after which a part ends
)

// Problem is what a check found wrong.
type Problem struct {
	Registry, Repository string // "" where it is about no repository
	Digest               string // of the manifest or blob; "" = the database
	Manifest             bool   // it is about a manifest
	Text                 string // what is wrong with it
}

// Progress is what a part of a check has looked at.
type Progress struct {
	Manifests, Contents int
	Bytes               int64 // of contents
	Unused              int   // contents that nothing refers to; they are collected later
	UnusedBytes         int64
}

// Checker looks at all that is stored, part by part. It changes nothing.
type Checker struct {
	DB    *db.DB
	Blobs blob.Store
	// See [Options].
	Held    func(tx *db.Tx, digest string) (bool, error)
	AllHeld func(tx *db.Tx, after string, n int) ([]string, error)

	store *Store // gets what is found; nil = the emulator does not run
}

// Checker returns a checker of the store's content. What it finds damaged is known
// to the store at once.
func (s *Store) Checker() *Checker {
	return &Checker{DB: s.db, Blobs: s.blobs, Held: s.heldElsewhere, AllHeld: s.allHeld, store: s}
}

// Size returns how many bytes of content repositories hold, roughly what a check
// has to read.
func (c *Checker) Size(ctx context.Context) (bytes int64, err error) {
	err = c.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow("SELECT COALESCE(SUM(size),0) FROM (SELECT DISTINCT digest,size FROM repository_blobs)", nil,
			&bytes)
	})
	return bytes, err
}

// The stages of a check, in their order; a place is a stage and where it goes on.
const (
	stageManifests = "manifests"
	stageBlobs     = "blobs"
	stageHeld      = "held"
	stageContents  = "contents"
)

// part is a part of a check under way.
type part struct {
	*Checker
	until    time.Time
	report   func(Problem)
	reported int
	Progress
}

func (p *part) problem(x Problem) {
	p.reported++
	p.report(x)
}

// over reports whether the part should end here.
//
//rule:rot-over
func (p *part) over() bool { return p.reported >= checkFindings || !time.Now().Before(p.until) }

// Part checks from a place on ("" = the beginning) until a time has come, but at
// least one step, and returns where to go on, "" at the end. A step is a batch of
// rows, or one content.
//
// It reads the database's structure, each manifest's body against its digest, what
// it names against what its repository has, the file of each blob that a
// repository has, and each content against its digest.
func (c *Checker) Part(ctx context.Context, from string, until time.Time, report func(Problem)) (
	next string, _ Progress, err error,
) {
	p := &part{Checker: c, until: until, report: report}
	if from == "" {
		sound, err := p.database(ctx)
		if err != nil || !sound {
			return "", p.Progress, err // the rest of the database is not reliable either
		}
		from = stageManifests + "/0"
	}
	for from != "" {
		stage, place, _ := strings.Cut(from, "/")
		switch stage {
		case stageManifests:
			from, err = p.manifests(ctx, place)
		case stageBlobs:
			from, err = p.blobs(ctx, place)
		case stageHeld:
			from, err = p.held(ctx, place)
		case stageContents:
			from, err = p.contents(ctx, place)
		default:
			err = fmt.Errorf("%w: %q", ErrPlace, from)
		}
		if errors.Is(err, db.ErrDamaged) {
			p.problem(Problem{Text: err.Error()})
			return "", p.Progress, nil
		}
		if err != nil || p.over() {
			return from, p.Progress, err
		}
	}
	return "", p.Progress, nil
}

// ErrPlace says that a check cannot go on from where it was asked to.
var ErrPlace = errors.New("a check has no such place")

// database reports whether the database is sound.
func (p *part) database(ctx context.Context) (bool, error) {
	problems, err := p.DB.Check(ctx)
	for _, text := range problems {
		p.problem(Problem{Text: text})
	}
	return len(problems) == 0, err
}

// row is a manifest's row.
type row struct {
	id, repo, size     int64
	digest, mediaType  string
	registry, repoName string
}

func (p *part) manifests(ctx context.Context, place string) (next string, err error) {
	after, err := strconv.ParseInt(place, 10, 64)
	if err != nil {
		return "", fmt.Errorf("%w: %q", ErrPlace, place)
	}
	var rows []row
	err = p.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.Query(`SELECT m.id,m.repository,m.size,m.digest,m.media_type,g.name,r.name FROM manifests m
			JOIN repositories r ON r.id=m.repository JOIN registries g ON g.id=r.registry
			WHERE m.id>? ORDER BY m.id LIMIT ?`, []any{after, checkManifests}, func(scan func(...any) error) error {
			var r row
			err := scan(&r.id, &r.repo, &r.size, &r.digest, &r.mediaType, &r.registry, &r.repoName)
			rows = append(rows, r)
			return err
		})
	})
	for i, r := range rows {
		if err != nil {
			break
		}
		// One at a time: a body has up to 4 MiB.
		var texts []string
		if texts, err = p.manifest(ctx, r); err != nil {
			break
		}
		for _, text := range texts {
			p.problem(Problem{r.registry, r.repoName, r.digest, true, text})
		}
		p.Manifests++
		if after = r.id; p.over() && i < len(rows)-1 {
			return stageManifests + "/" + strconv.FormatInt(after, 10), nil
		}
	}
	if err != nil || len(rows) == checkManifests {
		return stageManifests + "/" + strconv.FormatInt(after, 10), err
	}
	return stageBlobs + "/", nil
}

// manifest returns what is wrong with one.
func (p *part) manifest(ctx context.Context, r row) (texts []string, err error) {
	err = p.DB.Read(ctx, func(tx *db.Tx) error {
		texts = nil
		var body []byte
		err := tx.QueryRow(`SELECT b.body FROM manifests m LEFT JOIN manifest_bodies b ON b.manifest=m.id
			WHERE m.id=?`, []any{r.id}, &body)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return nil // deleted meanwhile
		case err != nil:
			return err
		case body == nil:
			texts = append(texts, "its body is missing")
			return nil
		//rule:rot-manifest
		case !bodyMatches(r.digest, body):
			texts = append(texts, "its body has another digest")
			return nil
		case int64(len(body)) != r.size:
			texts = append(texts, fmt.Sprintf("its size is stored as %d bytes, its body has %d", r.size, len(body)))
		}
		m, err := parseManifest(r.mediaType, body)
		if err != nil {
			texts = append(texts, fmt.Sprintf("it would be refused today: %v", err))
			return nil
		}
		same, err := sameReferences(tx, r.id, m)
		if err != nil {
			return err
		}
		if !same {
			texts = append(texts, "the table of what it names is not as its body says")
		}
		missing := func(kind, query string, all []descriptor) error {
			seen := map[string]bool{}
			for _, d := range all {
				var one int
				err := tx.QueryRow(query, []any{r.repo, d.Digest}, &one)
				if errors.Is(err, sql.ErrNoRows) && !seen[d.Digest] && len(texts) < checkFindings {
					seen[d.Digest] = true
					texts = append(texts, "it names the "+kind+" "+d.Digest+", which the repository does not have")
				} else if err != nil && !errors.Is(err, sql.ErrNoRows) {
					return err
				}
			}
			return nil
		}
		err = missing("blob", "SELECT 1 FROM repository_blobs WHERE repository=? AND digest=?", m.blobs)
		if err != nil {
			return err
		}
		return missing("manifest", "SELECT 1 FROM manifests WHERE repository=? AND digest=?", m.children)
	})
	return texts, err
}

// holder is a repository's blob.
type holder struct {
	repo               int64
	registry, repoName string
	digest             string
	size               int64
}

func (p *part) holders(ctx context.Context, query string, args ...any) (all []holder, err error) {
	err = p.DB.Read(ctx, func(tx *db.Tx) error {
		const from = `SELECT b.repository,g.name,r.name,b.digest,b.size FROM repository_blobs b
			JOIN repositories r ON r.id=b.repository JOIN registries g ON g.id=r.registry `
		return tx.Query(from+query, args, func(scan func(...any) error) error {
			var h holder
			err := scan(&h.repo, &h.registry, &h.repoName, &h.digest, &h.size)
			all = append(all, h)
			return err
		})
	})
	return all, err
}

// blobs looks at the files of repositories' blobs.
func (p *part) blobs(ctx context.Context, place string) (next string, err error) {
	text, digest, _ := strings.Cut(place, "/")
	repo := int64(0)
	if text != "" {
		if repo, err = strconv.ParseInt(text, 10, 64); err != nil {
			return "", fmt.Errorf("%w: %q", ErrPlace, place)
		}
	}
	all, err := p.holders(ctx, "WHERE (b.repository,b.digest)>(?,?) ORDER BY b.repository,b.digest LIMIT ?",
		repo, digest, checkBlobs)
	if err != nil {
		return "", err
	}
	for i, h := range all {
		info, err := p.Blobs.Stat(ctx, h.digest)
		text := ""
		switch {
		case errors.Is(err, blob.ErrNotExist):
			text = "its file is missing"
		case err != nil:
			return "", err
		case info.Size != h.size:
			text = fmt.Sprintf("its file has %d bytes, not %d", info.Size, h.size)
		}
		if text != "" && p.still(ctx, h) {
			p.problem(Problem{h.registry, h.repoName, h.digest, false, text})
		}
		if p.over() && i < len(all)-1 {
			return fmt.Sprintf("%s/%d/%s", stageBlobs, h.repo, h.digest), nil
		}
	}
	if len(all) == checkBlobs {
		last := all[len(all)-1]
		return fmt.Sprintf("%s/%d/%s", stageBlobs, last.repo, last.digest), nil
	}
	return stageHeld + "/", nil
}

// held looks at the files of what is held besides repositories' blobs. What a
// repository has too was looked at.
func (p *part) held(ctx context.Context, after string) (next string, err error) {
	if p.AllHeld == nil {
		return stageContents + "/", nil
	}
	var digests []string
	err = p.DB.Read(ctx, func(tx *db.Tx) error {
		digests, err = p.AllHeld(tx, after, checkBlobs)
		return err
	})
	for i, digest := range digests {
		if err != nil {
			break
		}
		_, err = p.Blobs.Stat(ctx, digest)
		if errors.Is(err, blob.ErrNotExist) {
			var all []holder
			if all, err = p.holders(ctx, "WHERE b.digest=?", digest); err == nil && len(all) == 0 {
				p.problem(Problem{Digest: digest, Text: "a snapshot refers to it, and its file is missing"})
			}
		}
		if after = digest; err == nil && p.over() && i < len(digests)-1 {
			return stageHeld + "/" + after, nil
		}
	}
	if err != nil || len(digests) == checkBlobs {
		return stageHeld + "/" + after, err
	}
	return stageContents + "/", nil
}

// still reports whether a repository has a blob; it may have been deleted since.
func (p *part) still(ctx context.Context, h holder) bool {
	all, err := p.holders(ctx, "WHERE b.repository=? AND b.digest=?", h.repo, h.digest)
	return err != nil || len(all) > 0
}

// contents reads contents.
func (p *part) contents(ctx context.Context, after string) (next string, err error) {
	for x, err := range p.Blobs.Contents(ctx, after) {
		if err != nil {
			return "", err
		}
		if err := p.content(ctx, x.Digest); err != nil {
			return "", err
		}
		if p.over() {
			return stageContents + "/" + x.Digest, nil
		}
	}
	return "", nil
}

func (p *part) content(ctx context.Context, digest string) error {
	r, info, err := p.Blobs.Open(ctx, digest)
	if errors.Is(err, blob.ErrNotExist) {
		return nil // removed meanwhile
	}
	if err != nil {
		return err
	}
	n, err := hashWhole(ctx, r, digest, info.Size)
	p.Contents++
	p.Bytes += n
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	wrong := KindOf(err) == Damaged
	if err != nil && !wrong {
		return err
	}
	if p.store != nil {
		p.store.conditions.put(digest, info, !wrong)
	}
	all, err := p.holders(ctx, "WHERE b.digest=?", digest)
	if err != nil {
		return err
	}
	held := len(all) > 0
	if !held && p.Held != nil {
		if err := p.DB.Read(ctx, func(tx *db.Tx) error { held, err = p.Held(tx, digest); return err }); err != nil {
			return err
		}
		if held && wrong {
			p.problem(Problem{Digest: digest, Text: "a snapshot refers to it, and its file has other bytes"})
		}
	}
	if !held {
		p.Unused++
		p.UnusedBytes += info.Size
	}
	for _, h := range all {
		//rule:rot-content
		if wrong && h.size == info.Size { // another size was reported already
			p.problem(Problem{h.registry, h.repoName, digest, false, "its file has other bytes: another digest"})
		}
	}
	return nil
}
