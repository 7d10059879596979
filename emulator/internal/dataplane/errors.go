package dataplane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/emulator/rule"
)

// apiError is one element of the registry's error list. Detail is what the
// service puts there: an array, an object, a string, null, or nothing (absent).
type apiError struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Detail  json.RawMessage `json:"detail,omitempty"`
}

func (h *Handler) fail(w http.ResponseWriter, status int, code, message string, detail any) {
	e := apiError{Code: code, Message: message}
	if raw, ok := detail.(json.RawMessage); ok {
		e.Detail = raw
	} else if detail != nil {
		e.Detail = marshal(detail)
	}
	h.json(w, status, map[string][]apiError{"errors": {e}})
}

// marshal encodes as the service does: characters of HTML stay as they are.
func marshal(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte("null\n") // our own types; cannot be
	}
	return b.Bytes()
}

// maxCounted is the largest JSON body, in bytes, sent with its length; a larger
// one is chunked. Recorded are lengths up to 1904, and chunks from 4325 on: the
// service writes without saying how much, and its HTTP server counts what fits
// in its buffer.
const maxCounted = 2048

// json writes a body with its length, the newline at its end included
// (recorded), or in chunks if it is long. The answer to a HEAD request has the
// same headers and no body.
func (h *Handler) json(w http.ResponseWriter, status int, v any) {
	b := marshal(v)
	header := w.Header()
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json; charset=utf-8")
	}
	if len(b) <= maxCounted {
		header.Set("Content-Length", strconv.Itoa(len(b)))
	}
	w.WriteHeader(status)
	_, _ = w.Write(b) // the server drops it for HEAD; a client that is gone needs no error
}

const codeUnknown = "UNKNOWN"

// Disallowed is the message of 405 REGISTRY_DISALLOWED_OPERATION (recorded).
const Disallowed = "The operation is disallowed on this registry, repository or image. View troubleshooting steps at " +
	"https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation"

// contentError answers a failure of the store. The texts are recorded, except
// where another source is named.
func (h *Handler) contentError(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*content.Error](err)
	if !ok {
		h.internal(w, r, err)
		return
	}
	switch e.Kind {
	case content.RepositoryUnknown:
		h.fail(w, http.StatusNotFound, "NAME_UNKNOWN", "repository "+strconv.Quote(e.Name)+" is not found", nil)
	case content.TagUnknown:
		h.fail(w, http.StatusNotFound, "TAG_UNKNOWN", "the specified tag does not exist", nil)
	case content.ManifestUnknown:
		h.fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown", nil)
	case content.BlobUnknown:
		h.fail(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry", nil)
	case content.UploadUnknown: // OCI distribution specification
		h.fail(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", nil)
	case content.UploadOffset: // another request was faster with the same address
		h.fail(w, http.StatusNotFound, "BLOB_UPLOAD_INVALID", "blob upload invalid", nil)
	case content.UploadBroken: // believed; the client is usually gone
		h.fail(w, http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "blob upload invalid", nil)
	case content.DigestMismatch: // text recorded, detail believed
		h.fail(w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content",
			"the content does not match "+e.Name)
	case content.ManifestInvalid: // the empty Reason is recorded; ours goes to the log
		h.log.InfoContext(r.Context(), "manifest refused", "path", r.URL.Path, "reason", e.Reason)
		h.fail(w, http.StatusBadRequest, "MANIFEST_INVALID", "manifest invalid", json.RawMessage(`{"Reason":{}}`))
	case content.ManifestTooLarge: // OCI distribution specification: 413
		h.fail(w, http.StatusRequestEntityTooLarge, "MANIFEST_INVALID", "manifest invalid", e.Reason)
	case content.ManifestBlobUnknown: // the reference implementation
		h.fail(w, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry", e.Name)
	case content.Damaged: // ours: the service is not known to lose anything
		h.logDamage(r, e)
		h.fail(w, http.StatusInternalServerError, codeUnknown, damagedText, map[string]string{"Name": e.Name})
	case content.Locked:
		id := map[content.Item]rule.ID{content.ATag: rule.TagLocked, content.AManifest: rule.ManifestLocked,
			content.ARepository: rule.RepositoryLocked}[e.Item]
		h.refused(r, id, fmt.Sprintf("a lock on the %s %q forbids it", e.Item, e.Name))
		h.fail(w, http.StatusMethodNotAllowed, "REGISTRY_DISALLOWED_OPERATION", Disallowed, json.RawMessage("{}"))
	default:
		h.internal(w, r, err)
	}
}

// damagedText answers a request for what was damaged in the data folder.
const damagedText = "the content is damaged in the emulator's data folder; push it again; " +
	"acrkit emulator check says what else is damaged"

// logDamage logs damage that a request has found. Another push heals it.
func (h *Handler) logDamage(r *http.Request, err error) {
	h.log.ErrorContext(r.Context(), "damaged content is not served",
		"method", r.Method, "path", r.URL.Path, "error", err, "hint",
		"push it again; what else is damaged: acrkit emulator check")
}

// absent answers HEAD for damaged content: it is not there, so that a client that
// pushes does not leave it out. GET says that it is damaged.
func (h *Handler) absent(q *request, unknown content.Kind, err error) error {
	//rule:rot-absent
	if q.Method != http.MethodHead || content.KindOf(err) != content.Damaged {
		return err
	}
	h.logDamage(q.Request, err)
	return &content.Error{Kind: unknown, Name: q.Ref}
}

// internal answers a failure of the emulator itself. The cause goes to the log;
// a full disk is reported to the client, because the user can fix it.
func (h *Handler) internal(w http.ResponseWriter, r *http.Request, err error) {
	level, message := slog.LevelError, "the emulator failed; its log says why"
	switch {
	case errors.Is(err, blob.ErrMemory):
		message = blob.ErrMemory.Error()
	case content.IsFull(err):
		message = "the emulator's data folder has no space left"
	case errors.Is(err, db.ErrDamaged):
		message = "the emulator's database is damaged; see: acrkit emulator check"
	case r.Context().Err() != nil && errors.Is(err, context.Cause(r.Context())) || errors.Is(err, context.Canceled):
		level = slog.LevelDebug // the client went away
	}
	h.log.Log(r.Context(), level, "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	h.fail(w, http.StatusInternalServerError, codeUnknown, message, nil)
}
