package recording

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// proxyEntry is an exchange as the test proxy writes it. A body is an object
// where it was JSON, which is then indented again; a text, or a list of its lines,
// where its type is one of text; else base64.
type proxyEntry struct {
	RequestMethod, RequestURI string
	RequestHeaders            map[string]any
	RequestBody               json.RawMessage
	StatusCode                int
	ResponseHeaders           map[string]any
	ResponseBody              json.RawMessage
}

func readProxy(raw json.RawMessage) (*Recording, error) {
	entries, err := list[proxyEntry](formatProxy, raw)
	if err != nil {
		return nil, err
	}
	r := &Recording{Format: formatProxy, KeepsCredentials: true, KeepsHeaders: true, KeepsBodies: true}
	for i, e := range entries {
		u, ok := address(e.RequestURI)
		if !ok {
			return nil, unreadable(formatProxy, i+1, "the address")
		}
		if e.StatusCode == 0 {
			return nil, unreadable(formatProxy, i+1, "the status")
		}
		x := Exchange{Number: i + 1, Method: e.RequestMethod, URL: u, Status: e.StatusCode}
		x.Header, _ = headers(e.RequestHeaders)
		x.Answer, _ = headers(e.ResponseHeaders)
		x.Body = proxyBody(e.RequestBody, x.Header.Get("Content-Type"))
		x.Content = proxyBody(e.ResponseBody, x.Answer.Get("Content-Type"))
		r.Exchanges = append(r.Exchanges, x)
	}
	return r, nil
}

// proxyBody returns a body. An object is returned as compact JSON.
func proxyBody(raw json.RawMessage, contentType string) string {
	var text *string
	var lines []string
	switch {
	case json.Unmarshal(raw, &text) == nil:
		if text == nil {
			return ""
		}
		return textOrBase64(*text, contentType)
	case json.Unmarshal(raw, &lines) == nil:
		return strings.Join(lines, "")
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// textOrBase64 returns a body that was recorded as text: unchanged if its type is
// one of text, except for manifests, which newer recorders keep as base64; else
// decoded, if it is base64.
func textOrBase64(text, contentType string) string {
	isManifest := strings.Contains(contentType, ".manifest.") || strings.Contains(contentType, ".image.index.")
	if isText(contentType) && (!isManifest || strings.HasPrefix(strings.TrimSpace(text), "{")) {
		return text
	}
	if b, err := base64.StdEncoding.DecodeString(text); err == nil {
		return string(b)
	}
	return text
}

func isText(contentType string) bool {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	kind = strings.TrimSpace(kind)
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "jws") ||
		strings.HasSuffix(kind, "xml") || strings.HasSuffix(kind, "-urlencoded")
}

// headers reads headers whose values are a text or a list of texts; single says
// that none is a list.
func headers(from map[string]any) (h http.Header, single bool) {
	h, single = http.Header{}, true
	for name, v := range from {
		name = http.CanonicalHeaderKey(name)
		if list, ok := v.([]any); ok {
			single = false
			for _, v := range list {
				h[name] = append(h[name], fmt.Sprint(v))
			}
			continue
		}
		h[name] = append(h[name], fmt.Sprint(v))
	}
	return h, single
}
