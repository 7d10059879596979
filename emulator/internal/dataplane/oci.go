package dataplane

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/rule"
)

// defaultPage is the page of a list whose request names no size; reported by
// users (Azure/azure-powershell#16032).
const defaultPage = 100

// page reads n and last. A larger n is cut to the service's limit without an error
// (reported by users: Azure/acr#749). ok is false where an answer was written.
func (h *Handler) page(q *request) (p content.Page, ok bool) {
	query := q.URL.Query()
	p = content.Page{N: defaultPage, Last: query.Get("last")}
	text := query.Get("n")
	if text == "" {
		return p, true
	}
	n, err := strconv.Atoi(text)
	if errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(text, "-") {
		n, err = content.MaxPage, nil
	}
	if err != nil || n < 0 { // the reference implementation's code
		h.fail(q.w, http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "invalid number of results requested",
			map[string]string{"n": text})
		return p, false
	}
	p.N = min(n, content.MaxPage)
	return p, true
}

// next writes the Link to the page after last: relative, the path as the client
// wrote it, n kept, and an orderby that is usually empty (recorded).
func (q *request) next(p content.Page, last string) {
	v := url.Values{"last": {last}, "n": {strconv.Itoa(p.N)}, "orderby": {string(p.Order)}}
	q.w.Header().Set("Link", "<"+q.URL.EscapedPath()+"?"+v.Encode()+`>; rel="next"`)
}

func (h *Handler) listRepositories(q *request) {
	p, ok := h.page(q)
	if !ok {
		return
	}
	var names []string // none are null (recorded)
	if p.N > 0 {
		var more bool
		var err error
		if names, more, err = h.store.Repositories(q.Context(), q.reg.ID, p); err != nil {
			h.contentError(q.w, q.Request, err)
			return
		}
		if more {
			q.next(p, names[len(names)-1])
		}
	}
	h.json(q.w, http.StatusOK, map[string][]string{"repositories": names})
}

func (h *Handler) listTagNames(q *request) {
	p, ok := h.page(q)
	if !ok {
		return
	}
	n := p.N
	p.N = max(p.N, 1) // for n=0 the repository must still exist
	names, more, err := h.store.TagNames(q.Context(), q.reg.ID, q.Repo, p)
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	if n == 0 {
		names, more = nil, false
	}
	if more {
		q.next(p, names[len(names)-1])
	}
	h.json(q.w, http.StatusOK, struct {
		Name string   `json:"name"`
		Tags []string `json:"tags"`
	}{q.Repo, append([]string{}, names...)}) // [] as OCI distribution says; the service's own is not known
}

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// listReferrers answers as OCI distribution 1.1 says; the service's own answer
// is not recorded. An unknown subject has no referrers.
func (h *Handler) listReferrers(q *request) {
	if !h.knownDigest(q) {
		return
	}
	artifactType := q.URL.Query().Get("artifactType")
	p := content.Page{N: content.MaxPage, Last: q.URL.Query().Get("last")}
	found, more, err := h.store.Referrers(q.Context(), q.reg.ID, q.Repo, q.Ref, artifactType, p)
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	header := q.w.Header()
	if artifactType != "" {
		header.Set("OCI-Filters-Applied", "artifactType")
	}
	if more {
		v := url.Values{"last": {found[len(found)-1].Digest}}
		if artifactType != "" {
			v.Set("artifactType", artifactType)
		}
		header.Set("Link", "<"+q.URL.EscapedPath()+"?"+v.Encode()+`>; rel="next"`)
	}
	all := []descriptor{}
	for _, r := range found {
		all = append(all, descriptor{r.MediaType, r.Digest, r.Size, r.ArtifactType, r.Annotations})
	}
	const index = "application/vnd.oci.image.index.v1+json"
	header.Set("Content-Type", index)
	h.json(q.w, http.StatusOK, struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}{2, index, all})
}

// knownDigest refuses a digest of an algorithm that is not supported, or with
// the wrong length; the router has taken it.
func (h *Handler) knownDigest(q *request) bool {
	if acrkit.IsDigest(q.Ref) {
		return true
	}
	h.digestInvalid(q)
	return false
}

func (h *Handler) digestInvalid(q *request) {
	h.fail(q.w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content",
		"digest parsing failed")
}

// manifestError answers with the texts of manifest content, which differ from
// those of manifest attributes (recorded).
func (h *Handler) manifestError(q *request, err error) {
	switch e, _ := errors.AsType[*content.Error](err); content.KindOf(err) {
	case content.TagUnknown:
		h.fail(q.w, http.StatusNotFound, "MANIFEST_UNKNOWN", fmt.Sprintf("manifest tagged by %q is not found", e.Name),
			map[string]string{"Tag": e.Name})
	case content.ManifestUnknown:
		h.fail(q.w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest "+e.Name+" is not found", nil)
	default:
		h.contentError(q.w, q.Request, err)
	}
}

// notModified answers a conditional request for content that never changes.
func notModified(q *request, etag string) bool {
	for part := range strings.SplitSeq(q.Header.Get("If-None-Match"), ",") {
		if t := strings.TrimPrefix(strings.TrimSpace(part), "W/"); t == etag || t == "*" {
			q.w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

func (h *Handler) getManifest(q *request) {
	if strings.Contains(q.Ref, ":") && !h.knownDigest(q) {
		return
	}
	m, err := h.store.ManifestContent(q.Context(), q.reg.ID, q.Repo, q.Ref)
	if err != nil {
		h.manifestError(q, h.absent(q, content.ManifestUnknown, err))
		return
	}
	header := q.w.Header()
	etag := `"` + m.Digest + `"`
	header["Docker-Content-Digest"] = []string{m.Digest}
	header["Etag"] = []string{etag}
	if notModified(q, etag) {
		return
	}
	//rule:accept-get-manifest
	if sentence := unaccepted(q.Header, m.MediaType); sentence != "" {
		delete(header, "Docker-Content-Digest")
		delete(header, "Etag")
		h.refused(q.Request, rule.AcceptLacksType, "the Accept header does not name "+m.MediaType)
		h.fail(q.w, http.StatusNotFound, "MANIFEST_UNKNOWN", sentence, nil)
		return
	}
	header["Content-Type"] = []string{m.MediaType}
	header["Content-Length"] = []string{strconv.Itoa(len(m.Body))}
	q.w.WriteHeader(http.StatusOK)
	_, _ = q.w.Write(m.Body)
}

func (h *Handler) putManifest(q *request) {
	if strings.Contains(q.Ref, ":") && !h.knownDigest(q) {
		return
	}
	body, err := io.ReadAll(io.LimitReader(q.Body, content.MaxManifest+1)) // one more: the store refuses it
	if err != nil {
		h.contentError(q.w, q.Request,
			&content.Error{Kind: content.ManifestInvalid, Reason: "the body broke off", Err: err})
		return
	}
	digest, subject, err := h.store.PutManifest(q.Context(), q.reg.ID, q.Repo, q.Ref,
		q.Header.Get("Content-Type"), body)
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	header := q.w.Header()
	if subject != "" {
		header.Set("OCI-Subject", subject)
	}
	header.Set("Location", "/v2/"+q.Repo+"/manifests/"+digest)
	header.Set("Docker-Content-Digest", digest)
	q.w.WriteHeader(http.StatusCreated)
}

func (h *Handler) deleteManifest(q *request) {
	if !strings.Contains(q.Ref, ":") && h.deleteByTag {
		if _, err := h.store.DeleteTag(q.Context(), q.reg.ID, q.Repo, q.Ref); err != nil {
			h.manifestError(q, err)
			return
		}
		q.w.WriteHeader(http.StatusAccepted)
		return
	}
	if !strings.Contains(q.Ref, ":") {
		h.fail(q.w, http.StatusMethodNotAllowed, "UNSUPPORTED", "A manifest can only be deleted by digest.", nil)
		return
	}
	if !h.knownDigest(q) {
		return
	}
	if err := h.store.DeleteManifest(q.Context(), q.reg.ID, q.Repo, q.Ref); err != nil {
		h.manifestError(q, err)
		return
	}
	q.w.WriteHeader(http.StatusAccepted)
}

// getBlob sends a blob itself, or with [Config.BlobHost] redirects to a second host
// as the service does: some clients refuse a redirect to another loopback address.
func (h *Handler) getBlob(q *request) {
	if !h.knownDigest(q) {
		return
	}
	header := q.w.Header()
	etag := `"` + q.Ref + `"`
	if q.Method == http.MethodHead {
		size, err := h.store.Blob(q.Context(), q.reg.ID, q.Repo, q.Ref)
		if err != nil {
			h.contentError(q.w, q.Request, h.absent(q, content.BlobUnknown, err))
			return
		}
		blobHeaders(header, q.Ref)
		header.Set("Content-Length", strconv.FormatInt(size, 10))
		q.w.WriteHeader(http.StatusOK)
		return
	}
	if h.blobHost != nil {
		if host := h.blobHost(q.reg); host != "" {
			h.redirectBlob(q, host)
			return
		}
	}
	blob, err := h.store.OpenBlob(q.Context(), q.reg.ID, q.Repo, q.Ref)
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	defer blob.Close()
	size := blob.Size
	if notModified(q, etag) {
		return
	}
	part, verdict := byteRange{0, size}, rangeIgnored
	if asked := q.Header.Get("Range"); asked != "" {
		if cond := q.Header.Get("If-Range"); cond == "" || cond == etag {
			if r, v := parseRange(asked, size); v != rangeIgnored {
				part, verdict = r, v
			}
		}
	}
	status := http.StatusOK
	switch verdict {
	case rangeUnsatisfiable:
		header.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		h.fail(q.w, http.StatusRequestedRangeNotSatisfiable, "RANGE_INVALID", "invalid range", nil)
		return
	case rangeServed:
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", part.start, part.start+part.length-1, size))
		status = http.StatusPartialContent
	}
	// The digest is that of the whole. Where it is checked while it is sent, the
	// last bytes are held back until it is known.
	//rule:rot-get-blob
	if part.length < size || size <= wholeBody {
		if err := blob.Verify(q.Context()); err != nil {
			header.Del("Content-Range")
			h.contentError(q.w, q.Request, err)
			return
		}
	}
	source := blob.Reader()
	if part.start > 0 {
		if _, err := source.Seek(part.start, io.SeekStart); err != nil {
			header.Del("Content-Range")
			h.internal(q.w, q.Request, err)
			return
		}
	}
	blobHeaders(header, q.Ref)
	header.Set("Content-Length", strconv.FormatInt(part.length, 10))
	q.w.WriteHeader(status)
	n, err := send(q.w, source, part.length)
	if content.KindOf(err) == content.Damaged {
		h.logDamage(q.Request, err)
		panic(http.ErrAbortHandler) // the client must not take what it has for the whole
	}
	if err != nil && q.Context().Err() == nil {
		// The length is promised, so the server cuts the connection: the client
		// sees a broken body, never a short one that looks whole.
		h.log.WarnContext(q.Context(), "blob not sent whole", "path", q.URL.Path, "sent", n, "of",
			part.length, "error", err)
	}
}

// wholeBody is the most content, in bytes, that is read before it is sent: it
// then leaves with its headers, in one piece and one system call. What is larger
// goes from the file to the connection, where the system can, with none of it in
// our memory, once it was found to be what its digest says.
const wholeBody = 32 << 10

var wholeBodies = sync.Pool{New: func() any { return new([wholeBody]byte) }}

// send writes n bytes of r.
func send(w io.Writer, r io.Reader, n int64) (int64, error) {
	if n > wholeBody {
		return io.CopyN(w, r, n)
	}
	buf := wholeBodies.Get().(*[wholeBody]byte)
	defer wholeBodies.Put(buf)
	if k, err := io.ReadFull(r, buf[:n]); err != nil {
		return int64(k), err
	}
	k, err := w.Write(buf[:n])
	return int64(k), err
}

func blobHeaders(header http.Header, digest string) {
	header["Content-Type"] = octetStreamHeader
	header["Accept-Ranges"] = bytesHeader
	header["Docker-Content-Digest"] = []string{digest}
	header["Etag"] = []string{`"` + digest + `"`}
}

var (
	octetStreamHeader = []string{"application/octet-stream"}
	bytesHeader       = []string{"bytes"}
)

func (h *Handler) deleteBlob(q *request) {
	if !h.knownDigest(q) {
		return
	}
	if err := h.store.DeleteBlob(q.Context(), q.reg.ID, q.Repo, q.Ref); err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	q.w.WriteHeader(http.StatusAccepted)
}
