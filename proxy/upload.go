package proxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/acrkit/acrkit/internal/operation"
)

// The address of an upload under way carries a state that only the registry reads. A
// client gets it wrapped: signed together with the repository and the upload's id, so that
// the state of one repository is not accepted for another, and no text that a client puts
// there is sent to the registry. The form is that of ACR's own state: base64url of a
// signature and of what is signed.

// wrapUpload returns the address of an upload at the proxy for its address at the
// registry; ok is false if that is no upload's, or another repository's.
func (h *Handler) wrapUpload(at *url.URL, repository string) (location string, ok bool) {
	query := at.RawQuery
	values, err := url.ParseQuery(query)
	if err != nil || len(query) > maxUploadQuery || values.Has("digest") {
		return "", false
	}
	op, ok := operation.Parse(http.MethodPatch, &url.URL{Path: at.Path})
	if !ok || !op.IsUpload() || op.Repository != repository {
		return "", false
	}
	state := append(h.signUpload(op, query), query...)
	return op.Path() + "?" + operation.StateParameter + "=" + base64.RawURLEncoding.EncodeToString(state), true
}

// unwrapUpload returns the query of an upload's address at the registry.
func (h *Handler) unwrapUpload(op operation.Request) (query string, ok bool) {
	state, err := base64.RawURLEncoding.DecodeString(op.Query.Get(operation.StateParameter))
	if err != nil || len(state) < sha256.Size {
		return "", false
	}
	mac, query := state[:sha256.Size], string(state[sha256.Size:])
	//rule:proxy-known-unwrap-upload
	if !hmac.Equal(mac, h.signUpload(op, query)) {
		return "", false
	}
	if digest := op.Query.Get("digest"); digest != "" {
		if query != "" {
			query += "&"
		}
		query += url.Values{"digest": {digest}}.Encode()
	}
	return query, true
}

func (h *Handler) signUpload(op operation.Request, query string) []byte {
	mac := hmac.New(sha256.New, h.seal)
	//rule:proxy-known-sign-upload
	mac.Write([]byte(op.Path() + "\n" + query)) // a path holds no line feed
	return mac.Sum(nil)
}
