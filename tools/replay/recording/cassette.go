package recording

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readCassette reads a cassette of vcrpy, or of go-vcr, whose names differ a
// little. Its YAML may carry tags of Python's, which mean nothing here.
func readCassette(data []byte) (*Recording, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, &formatError{formatYAML, "is not YAML"}
	}
	if len(doc.Content) != 1 {
		return nil, errNoRecording
	}
	root, ok := plain(doc.Content[0]).(map[string]any)
	if !ok {
		return nil, errNoRecording
	}
	interactions, ok := root["interactions"].([]any)
	if !ok || len(interactions) == 0 {
		return nil, errNoRecording
	}
	r := &Recording{Format: formatCassette, LastValueOnly: true, KeepsHeaders: true, KeepsBodies: true}
	for i, item := range interactions {
		bad := func(what string) error { return unreadable(formatCassette, i+1, what) }
		request, response := child(item, "request"), child(item, "response")
		u, ok := address(firstText(child(request, "uri"), child(request, "url")))
		if !ok {
			return nil, bad("the address")
		}
		x := Exchange{Number: i + 1, URL: u, Method: firstText(child(request, "method"))}
		code := child(child(response, "status"), "code")
		if code == nil {
			code = child(response, "code")
		}
		if _, err := fmt.Sscan(fmt.Sprint(code), &x.Status); err != nil {
			return nil, bad("the status")
		}
		from, _ := child(request, "headers").(map[string]any)
		x.Header, _ = headers(from)
		from, _ = child(response, "headers").(map[string]any)
		var single bool
		x.Answer, single = headers(from)
		r.LastValueOnly = r.LastValueOnly && single
		r.KeepsCredentials = r.KeepsCredentials || x.Header.Get("Authorization") != ""
		isForm := false
		if x.Body, isForm, ok = cassetteBody(child(request, "body")); !ok {
			return nil, bad("the request's body")
		}
		if isForm {
			x.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if x.Content, _, ok = cassetteBody(child(response, "body")); !ok {
			return nil, bad("the answer's body")
		}
		r.Exchanges = append(r.Exchanges, x)
	}
	return r, nil
}

// cassetteBody returns a body: a text, an object with the text or its base64, or
// a form that the client's library had not encoded yet.
func cassetteBody(v any) (text string, isForm, ok bool) {
	v = only(v)
	switch body := v.(type) {
	case nil:
		return "", false, true
	case string:
		return body, false, true
	case map[string]any:
		if s, ok := only(body["string"]).(string); ok {
			return s, false, true
		}
		if s, ok := only(body["base64_string"]).(string); ok {
			b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
			return string(b), false, err == nil
		}
		if _, ok := body["string"]; ok && len(body) == 1 {
			return "", false, body["string"] == nil
		}
		form := url.Values{}
		for k, v := range body {
			form.Set(k, fmt.Sprint(only(v)))
		}
		return form.Encode(), true, true
	}
	return "", false, false
}

// only returns the element of a list of one, which is how Python's YAML writes a
// member of an enumeration, and anything else as it is.
func only(v any) any {
	if l, ok := v.([]any); ok && len(l) == 1 {
		return l[0]
	}
	return v
}

func firstText(values ...any) string {
	for _, v := range values {
		if s, ok := only(v).(string); ok {
			return s
		}
	}
	return ""
}

func child(v any, key string) any {
	m, _ := v.(map[string]any)
	return m[key]
}

// plain turns YAML into maps, lists and texts, and ignores its tags.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.AliasNode:
		return nil // cassettes have none, and an alias could make much of little
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			list = append(list, plain(c))
		}
		return list
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!binary":
		if b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Value), "")); err == nil {
			return string(b)
		}
	}
	return n.Value
}
