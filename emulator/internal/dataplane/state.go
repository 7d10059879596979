package dataplane

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"time"
)

// uploadState is what an upload's address carries, in the recorded form: 32
// bytes of HMAC, then this as JSON. It ties the upload to its repository, so that
// a right on one repository opens no upload to another.
type uploadState struct {
	Name      string
	UUID      string
	Offset    int64
	StartedAt time.Time // whole seconds, except in the first address (recorded)
}

func (h *Handler) seal(registry int64, body []byte) []byte {
	mac := hmac.New(sha256.New, h.key)
	mac.Write(binary.BigEndian.AppendUint64([]byte("upload"), uint64(registry)))
	mac.Write(body)
	return mac.Sum(nil)
}

// location returns the address of an upload.
func (h *Handler) location(reg Endpoint, s uploadState) string {
	body, err := json.Marshal(s)
	if err != nil {
		body = nil // a year beyond 9999; the address will not be accepted
	}
	state := base64.URLEncoding.EncodeToString(append(h.seal(reg.ID, body), body...))
	return "/v2/" + s.Name + "/blobs/uploads/" + s.UUID + "?_nouploadcache=false&_state=" + url.QueryEscape(state)
}

// readState checks the _state of an address and returns what it says.
func (h *Handler) readState(reg Endpoint, repo, id, state string) (s uploadState, ok bool) {
	b, err := base64.URLEncoding.DecodeString(state)
	if err != nil || len(b) < sha256.Size {
		return s, false
	}
	body := b[sha256.Size:]
	if !hmac.Equal(b[:sha256.Size], h.seal(reg.ID, body)) || json.Unmarshal(body, &s) != nil {
		return s, false
	}
	return s, s.Name == repo && s.UUID == id
}
