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
func (h *Handler) startUpload(q *request) {
	query, from := q.URL.Query(), q.MountFrom
	if mount := query.Get("mount"); acrkit.IsDigest(mount) &&
		(from != "" || h.mountFromAnywhere && !query.Has("from")) {
		mounted, err := h.store.Mount(q.Context(), q.reg.ID, from, q.Repo, mount)
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
		if err := h.store.PutBlob(q.Context(), q.reg.ID, q.Repo, digest, q.Body); err != nil {
			h.contentError(q.w, q.Request, err)
			return
		}
		h.created(q, digest)
		return
	}
	id, err := h.store.StartUpload(q.Context(), q.reg.ID, q.Repo)
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	h.progress(q, http.StatusAccepted, uploadState{Name: q.Repo, UUID: id, StartedAt: h.now().UTC()})
}

// created answers that a blob is there.
func (h *Handler) created(q *request, digest string) {
	q.w.Header().Set("Location", "/v2/"+q.Repo+"/blobs/"+digest)
	q.w.Header().Set("Docker-Content-Digest", digest)
	q.w.WriteHeader(http.StatusCreated)
}

// progress answers how far an upload is, with its next address. An empty upload
// is "0-0" too (recorded).
func (h *Handler) progress(q *request, status int, s uploadState) {
	header := q.w.Header()
	header.Set("Location", h.location(q.reg, s))
	header.Set("Range", fmt.Sprintf("0-%d", max(0, s.Offset-1)))
	header.Set("Docker-Upload-Uuid", s.UUID)
	q.w.WriteHeader(status)
}

// upload serves an upload's address. An address is good until something more is
// stored: then it is 404 for every method, as users report of a chunk that is sent
// again (Azure/azure-sdk-for-python#29738), and the reference implementation checks.
// An upload whose chunk broke off therefore has no good address left.
func (h *Handler) upload(q *request) {
	query := q.URL.Query()
	s, ok := h.readState(q.reg, q.Repo, q.Ref, query.Get("_state"))
	if !ok {
		h.uploadInvalid(q)
		return
	}
	s.StartedAt = s.StartedAt.Truncate(time.Second)
	size, err := h.store.UploadSize(q.Context(), s.UUID)
	switch {
	case err != nil:
		h.contentError(q.w, q.Request, err)
		return
	//rule:upload-addresses-upload
	case size != s.Offset:
		h.uploadInvalid(q)
		return
	}
	switch q.Method {
	case http.MethodGet, http.MethodHead:
		h.progress(q, http.StatusNoContent, s)
	case http.MethodDelete:
		if err := h.store.CancelUpload(q.Context(), s.UUID); err != nil {
			h.contentError(q.w, q.Request, err)
			return
		}
		q.w.Header().Set("Docker-Upload-Uuid", s.UUID)
		q.w.WriteHeader(http.StatusNoContent)
	case http.MethodPatch:
		body, ok := h.chunk(q, s.Offset)
		if !ok {
			return
		}
		if s.Offset, err = h.store.AppendUpload(q.Context(), s.UUID, s.Offset, body); err != nil {
			h.contentError(q.w, q.Request, err)
			return
		}
		h.progress(q, http.StatusAccepted, s)
	case http.MethodPut:
		digest := query.Get("digest")
		if !acrkit.IsDigest(digest) {
			h.digestInvalid(q)
			return
		}
		body, ok := h.chunk(q, s.Offset)
		if !ok {
			return
		}
		if q.ContentLength == 0 {
			body = nil
		}
		if err := h.store.FinishUpload(q.Context(), q.reg.ID, q.Repo, s.UUID, digest, s.Offset, body); err != nil {
			h.contentError(q.w, q.Request, err)
			return
		}
		h.created(q, digest)
	}
}

// uploadInvalid answers for an address that is not valid, or not any more (recorded).
func (h *Handler) uploadInvalid(q *request) {
	h.fail(q.w, http.StatusNotFound, "BLOB_UPLOAD_INVALID", "blob upload invalid", nil)
}

// chunk returns a request's body, which must begin at offset if its Content-Range
// says where. ok is false where an answer was written.
func (h *Handler) chunk(q *request, offset int64) (body io.Reader, ok bool) {
	header := q.Header.Get("Content-Range")
	if header == "" {
		return q.Body, true
	}
	r, ok := parseContentRange(header)
	switch {
	case !ok:
		h.rangeInvalid(q, header, "the Content-Range header format is invalid")
	//rule:upload-addresses-chunk
	case r.start != offset:
		h.rangeInvalid(q, header, fmt.Sprintf("the upload goes on at %d", offset))
	//rule:upload-addresses-chunk-2
	case q.ContentLength >= 0 && q.ContentLength != r.length:
		h.rangeInvalid(q, header, fmt.Sprintf("the body has %d bytes", q.ContentLength))
	default:
		return &atMost{q.Body, r.length}, true
	}
	return nil, false
}

// rangeInvalid refuses a chunk for its Content-Range. Recorded for one that cannot be
// read, without Location and Range, and the upload goes on.
func (h *Handler) rangeInvalid(q *request, header, reason string) {
	h.fail(q.w, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_RANGE_INVALID", "blob upload range invalid",
		struct{ Range, Reason string }{header, reason})
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
