package dataplane

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/content"
)

// startUpload begins an upload, mounts a blob from another repository, or takes
// a whole blob in one request (?digest=).
func (h *Handler) startUpload(q *request, from string) {
	query := q.URL.Query()
	if mount := query.Get("mount"); acrkit.IsDigest(mount) && (from != "" || h.mountFromAnywhere && !query.Has("from")) {
		mounted, err := h.store.Mount(q.Context(), q.reg.ID, from, q.repo, mount)
		if content.KindOf(err) == content.Damaged {
			h.logDamage(q.Request, err) // an upload heals it
		} else if err != nil {
			h.contentError(q.w, q.Request, err)
			return
		}
		if mounted {
			h.created(q, mount)
			return
		}
		// Not there: an upload, 202 (recorded).
	}
	if query.Has("digest") {
		digest := query.Get("digest")
		if !acrkit.IsDigest(digest) {
			h.digestInvalid(q)
			return
		}
		if err := h.store.PutBlob(q.Context(), q.reg.ID, q.repo, digest, q.Body); err != nil {
			h.contentError(q.w, q.Request, err)
			return
		}
		h.created(q, digest)
		return
	}
	id, err := h.store.StartUpload(q.Context(), q.reg.ID, q.repo)
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	h.progress(q, http.StatusAccepted, uploadState{Name: q.repo, UUID: id, StartedAt: h.now().UTC()})
}

// created answers that a blob is there.
func (h *Handler) created(q *request, digest string) {
	q.w.Header().Set("Location", "/v2/"+q.repo+"/blobs/"+digest)
	q.w.Header().Set("Docker-Content-Digest", digest)
	q.w.WriteHeader(http.StatusCreated)
}

// progress answers how far an upload is, with its next address. An empty upload
// is "0-0" too (recorded).
func (h *Handler) progress(q *request, status int, s uploadState) {
	h.progressHeaders(q, s)
	q.w.WriteHeader(status)
}

func (h *Handler) progressHeaders(q *request, s uploadState) {
	header := q.w.Header()
	header.Set("Location", h.location(q.reg, s))
	header.Set("Range", fmt.Sprintf("0-%d", max(0, s.Offset-1)))
	header.Set("Docker-Upload-Uuid", s.UUID)
}

// upload serves an upload's address. What is stored decides how far it is, not
// the offset in the address: a client whose chunk broke off has an old one.
func (h *Handler) upload(q *request) {
	query := q.URL.Query()
	s, ok := h.readState(q.reg, q.repo, q.ref, query.Get("_state"))
	if !ok {
		h.fail(q.w, http.StatusNotFound, "BLOB_UPLOAD_INVALID", "blob upload invalid", nil)
		return
	}
	s.StartedAt = s.StartedAt.Truncate(time.Second)
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		size, err := h.store.UploadSize(q.Context(), s.UUID)
		if err != nil {
			h.contentError(q.w, q.Request, err)
			return
		}
		s.Offset = size
		h.progress(q, http.StatusNoContent, s)
	case http.MethodDelete:
		if err := h.store.CancelUpload(q.Context(), s.UUID); err != nil {
			h.contentError(q.w, q.Request, err)
			return
		}
		q.w.Header().Set("Docker-Upload-Uuid", s.UUID)
		q.w.WriteHeader(http.StatusNoContent)
	case http.MethodPatch:
		start, body, ok := chunk(q)
		if !ok {
			h.outOfOrder(q, s)
			return
		}
		size, err := h.store.AppendUpload(q.Context(), s.UUID, start, body)
		if err != nil {
			h.chunkError(q, s, err)
			return
		}
		s.Offset = size
		h.progress(q, http.StatusAccepted, s)
	case http.MethodPut:
		digest := query.Get("digest")
		if !acrkit.IsDigest(digest) {
			h.digestInvalid(q)
			return
		}
		start, body, ok := chunk(q)
		if !ok {
			h.outOfOrder(q, s)
			return
		}
		if q.ContentLength == 0 && start < 0 {
			body = nil
		}
		if err := h.store.FinishUpload(q.Context(), q.reg.ID, q.repo, s.UUID, digest, start, body); err != nil {
			h.chunkError(q, s, err)
			return
		}
		h.created(q, digest)
	}
}

// chunk returns a request's body and where it begins, -1 if it does not say. ok
// is false where its Content-Range cannot be read or is not as long as the body.
func chunk(q *request) (start int64, body io.Reader, ok bool) {
	header := q.Header.Get("Content-Range")
	if header == "" {
		return -1, q.Body, true
	}
	r, ok := parseContentRange(header)
	if !ok || q.ContentLength >= 0 && q.ContentLength != r.length {
		return 0, nil, false
	}
	return r.start, &atMost{q.Body, r.length}, true
}

// atMost fails when a body is longer than its Content-Range said.
type atMost struct {
	r    io.Reader
	left int64
}

var errLongChunk = errors.New("the chunk is longer than its Content-Range")

func (a *atMost) Read(b []byte) (int, error) {
	if int64(len(b)) > a.left {
		b = b[:a.left]
	}
	if len(b) == 0 {
		var one [1]byte
		if n, err := a.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, errLongChunk
	}
	n, err := a.r.Read(b)
	a.left -= int64(n)
	return n, err
}

func (h *Handler) chunkError(q *request, s uploadState, err error) {
	if content.KindOf(err) == content.UploadOffset {
		h.outOfOrder(q, s)
		return
	}
	h.contentError(q.w, q.Request, err)
}

// outOfOrder answers a chunk that does not continue the upload, with where to go
// on: OCI distribution specification, 416.
func (h *Handler) outOfOrder(q *request, s uploadState) {
	size, err := h.store.UploadSize(q.Context(), s.UUID)
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	s.Offset = size
	h.progressHeaders(q, s)
	h.fail(q.w, http.StatusRequestedRangeNotSatisfiable, "RANGE_INVALID", "invalid content range", nil)
}
