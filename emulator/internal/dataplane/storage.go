package dataplane

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/blob"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/guid"
)

// linkLifetime is how long a link to storage is good; recorded: 20 minutes.
//
//rule:emulator-limits-link-lifetime
const linkLifetime = 20 * time.Minute

// storagePath returns the path of a blob in the storage account, with the double
// slash that the service has (recorded). The ten characters after the registry's
// id are constant here.
func (h *Handler) storagePath(reg Endpoint, digest string) string {
	algorithm, sum, _ := strings.Cut(digest, ":")
	account := hex.EncodeToString(h.sign("account", reg.Name))[:10]
	return "/" + reg.RID + "-" + account + "//docker/registry/v2/blobs/" + algorithm + "/" + sum[:2] +
		"/" + sum + "/data"
}

func (h *Handler) sign(parts ...string) []byte {
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte("storage\n" + strings.Join(parts, "\n")))
	return mac.Sum(nil)
}

// storageURL returns a signed link to a blob, in the recorded form. Every client
// that has the link can read the blob until it expires: the right was checked before.
func (h *Handler) storageURL(reg Endpoint, host, digest string) string {
	path := h.storagePath(reg, digest)
	expires := h.now().Add(linkLifetime).UTC().Format(time.RFC3339)
	protocols := "https"
	if reg.Scheme == "http" {
		protocols = "https,http"
	}
	var b strings.Builder
	for i, kv := range [][2]string{ // in the recorded order
		{"se", expires}, {"sig", base64.StdEncoding.EncodeToString(h.sign(path, expires, reg.RID))},
		{"sp", "r"}, {"spr", protocols}, {"sr", "b"}, {"sv", "2016-05-31"}, {"regid", reg.RID},
	} {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(kv[0] + "=" + url.QueryEscape(kv[1]))
	}
	return reg.Scheme + "://" + host + path + "?" + b.String()
}

// redirectBlob answers GET of a blob with a link to storage. Unlike other answers
// under /v2 this one has no ids of the request (recorded).
func (h *Handler) redirectBlob(q *request, host string) {
	if _, err := h.store.Blob(q.Context(), q.reg.ID, q.Repo, q.Ref); err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	link := h.storageURL(q.reg, host, q.Ref)
	header := q.w.Header()
	header.Del("X-Ms-Request-Id")
	header.Del("X-Ms-Client-Request-Id")
	header.Set("Docker-Content-Digest", q.Ref)
	header.Set("Location", link)
	header.Set("Content-Type", "text/html; charset=utf-8")
	q.w.WriteHeader(http.StatusTemporaryRedirect)
	_, _ = fmt.Fprintf(q.w, "<a href=%q>Temporary Redirect</a>.\n\n", strings.ReplaceAll(link, "&", "&amp;"))
}

// storageError is an error of Azure storage.
type storageError struct {
	XMLName xml.Name `xml:"Error"`
	Code    string   `xml:"Code"`
	Message string   `xml:"Message"`
}

func (h *Handler) storageFail(w http.ResponseWriter, status int, code, message string) {
	id := w.Header().Get("X-Ms-Request-Id")
	b, err := xml.Marshal(storageError{Code: code, Message: fmt.Sprintf("%s\nRequestId:%s\nTime:%s", message, id,
		h.now().UTC().Format("2006-01-02T15:04:05.0000000Z"))})
	if err != nil {
		b = nil // our own type; cannot be
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Ms-Error-Code", code)
	w.WriteHeader(status)
	_, _ = w.Write(append([]byte(xml.Header[:len(xml.Header)-1]), b...))
}

func storageHeaders(w http.ResponseWriter) {
	header := w.Header()
	header["Server"] = []string{"Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0"}
	header["X-Ms-Request-Id"] = []string{guid.New()}
	header["X-Ms-Version"] = []string{"2018-03-28"}
}

// RefuseStorage answers a client at the second host name whose address the
// network rules do not allow, as Azure storage does (documented).
func (h *Handler) RefuseStorage(w http.ResponseWriter) {
	storageHeaders(w)
	h.storageFail(w, http.StatusForbidden, "AuthorizationFailure",
		"This request is not authorized to perform this operation.")
}

// FailStorage answers at the second host name with a failure of 403 or 5xx, by the
// error codes that Azure storage documents: its throttling is 503.
func (h *Handler) FailStorage(w http.ResponseWriter, status int) {
	storageHeaders(w)
	switch status {
	case http.StatusForbidden:
		h.storageFail(w, status, "AuthenticationFailed", notAuthenticated)
	case http.StatusServiceUnavailable:
		h.storageFail(w, status, "ServerBusy", "The server is busy.")
	default:
		h.storageFail(w, status, "InternalError", internalError)
	}
}

const (
	notAuthenticated = "Server failed to authenticate the request. Make sure the value of Authorization header is " +
		"formed correctly including the signature."
	internalError = "Server encountered an internal error. Please try again after some time."
)

// ServeStorage answers a request to the second host name, to which GET of a blob
// was redirected. As Azure storage it refuses a request that carries
// Authorization beside the signed link: clients must leave it out (reported by
// users, documented).
func (h *Handler) ServeStorage(w http.ResponseWriter, r *http.Request) {
	storageHeaders(w)
	header := w.Header()
	query := r.URL.Query()
	digest, ok := digestOfPath(r.URL.Path)
	expires, err := time.Parse(time.RFC3339, query.Get("se"))
	sig, sigErr := base64.StdEncoding.DecodeString(query.Get("sig"))
	switch {
	case r.Header.Values("Authorization") != nil:
		h.refused(r, rule.StorageAuthorization, rule.StorageAuthorization.Text())
		h.storageFail(w, http.StatusBadRequest, "InvalidAuthenticationInfo",
			"Authentication information is not given in the correct format. Check the value of Authorization header.")
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		h.storageFail(w, http.StatusMethodNotAllowed, "UnsupportedHttpVerb",
			"The resource doesn't support specified Http Verb.")
		return
	case !ok || err != nil || sigErr != nil ||
		!hmac.Equal(sig, h.sign(r.URL.Path, query.Get("se"), query.Get("regid"))):
		h.refused(r, rule.StorageLinkMalformed, rule.StorageLinkMalformed.Text())
		h.storageFail(w, http.StatusForbidden, "AuthenticationFailed", notAuthenticated)
		return
	case !h.now().Before(expires):
		h.refused(r, rule.StorageLinkExpired, rule.StorageLinkExpired.Text())
		h.storageFail(w, http.StatusForbidden, "AuthenticationFailed", notAuthenticated)
		return
	}
	content, err := h.store.OpenContent(r.Context(), digest)
	if errors.Is(err, blob.ErrNotExist) {
		h.storageFail(w, http.StatusNotFound, "BlobNotFound", "The specified blob does not exist.")
		return
	}
	if err != nil {
		h.log.ErrorContext(r.Context(), "request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		h.storageFail(w, http.StatusInternalServerError, "InternalError", internalError)
		return
	}
	defer content.Close()
	// What is sent whole is checked meanwhile; see getBlob.
	//rule:rot-serve-storage
	if r.Method == http.MethodHead || r.Header.Get("Range") != "" || content.Size <= wholeBody {
		if err := content.Verify(r.Context()); err != nil {
			h.logDamage(r, err)
			h.storageFail(w, http.StatusInternalServerError, "InternalError", internalError)
			return
		}
	}
	_, sum, _ := strings.Cut(digest, ":")
	etag := `"0x` + strings.ToUpper(sum[:15]) + `"`
	header.Set("Content-Type", "application/octet-stream")
	header.Set("Accept-Ranges", "bytes")
	header.Set("ETag", etag)
	header.Set("X-Ms-Blob-Type", "AppendBlob")
	// The library answers a range that cannot be had as plain text.
	http.ServeContent(w, r, "", time.Time{}, content.Reader())
	if err := content.Err(); err != nil {
		h.logDamage(r, err)
		panic(http.ErrAbortHandler)
	}
}

// digestOfPath reads the digest out of a storage path.
func digestOfPath(path string) (string, bool) {
	_, rest, ok := strings.Cut(path, "//docker/registry/v2/blobs/")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 4 || parts[3] != "data" {
		return "", false
	}
	digest := parts[0] + ":" + parts[2]
	return digest, acrkit.IsDigest(digest) && parts[1] == parts[2][:2]
}
