// Package recording reads recorded HTTP traffic: JSON of the Azure SDK test proxy,
// and YAML of vcrpy.
package recording

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is the largest recording, in bytes; real ones have a few hundred
// kilobytes.
const maxFile = 64 << 20

// Recording is one file with exchanges.
type Recording struct {
	File      string // below the folder, with slashes
	Exchanges []Exchange
	// KeepsCredentials says that requests stand with their Authorization header;
	// vcr cassettes are scrubbed of it.
	KeepsCredentials bool
	// LastValueOnly says that the recorder kept one value of each header, the
	// last, as vcr does with aiohttp's.
	LastValueOnly bool
}

// Exchange is a recorded request and its answer.
type Exchange struct {
	Number int // its place in the file, from 1
	Method string
	URL    *url.URL
	Header http.Header
	Body   string // of the request; "<417 bytes>" where the recorder left it out

	Status  int
	Answer  http.Header
	Content string // of the answer
}

// Load reads all recordings under a folder, in the order of their names, and
// counts the files that are none, by folder. A recording that cannot be read is
// an error, as is one of more than 64 MiB.
func Load(dir string) (all []Recording, others map[string]int, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	others = map[string]int{}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		var read func([]byte) (*Recording, error)
		switch strings.ToLower(path.Ext(name)) {
		case ".json":
			read = readProxy
		case ".yaml", ".yml":
			read = readCassette
		default:
			others[path.Dir(name)]++
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Size() > maxFile {
			return fmt.Errorf("%s: larger than %d bytes", name, maxFile)
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		r, err := read(data)
		switch {
		case errors.Is(err, errNoRecording):
			others[path.Dir(name)]++
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
		r.File = name
		all = append(all, *r)
		return nil
	})
	return all, others, err
}

// errNoRecording says that a file holds something else.
var errNoRecording = errors.New("not a recording")

// readProxy reads a recording of the Azure SDK test proxy.
func readProxy(data []byte) (*Recording, error) {
	var f struct {
		Entries []struct {
			RequestMethod, RequestURI string
			RequestHeaders            map[string]any
			RequestBody               json.RawMessage
			StatusCode                int
			ResponseHeaders           map[string]any
			ResponseBody              json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &f); err != nil || len(f.Entries) == 0 {
		return nil, errNoRecording // descriptions of APIs have other shapes
	}
	r := &Recording{KeepsCredentials: true}
	for i, e := range f.Entries {
		u, err := url.Parse(e.RequestURI)
		if err != nil {
			return nil, fmt.Errorf("entry %d: the address cannot be read", i+1)
		}
		x := Exchange{Number: i + 1, Method: e.RequestMethod, URL: u, Status: e.StatusCode, Body: jsonText(e.RequestBody), Content: jsonText(e.ResponseBody)}
		x.Header, _ = headers(e.RequestHeaders)
		x.Answer, _ = headers(e.ResponseHeaders)
		r.Exchanges = append(r.Exchanges, x)
	}
	return r, nil
}

// jsonText returns a body: a text as it is, anything else as JSON.
func jsonText(raw json.RawMessage) string {
	var s *string
	if json.Unmarshal(raw, &s) == nil {
		if s == nil {
			return ""
		}
		return *s
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
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

// readCassette reads a cassette of vcrpy. Its YAML may carry tags of Python's,
// which mean nothing here.
func readCassette(data []byte) (*Recording, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil || len(doc.Content) != 1 {
		return nil, errNoRecording
	}
	root, ok := plain(doc.Content[0]).(map[string]any)
	if !ok {
		return nil, errNoRecording
	}
	list, ok := root["interactions"].([]any)
	if !ok {
		return nil, errNoRecording
	}
	r := &Recording{LastValueOnly: true}
	for i, item := range list {
		bad := func(what string) error { return fmt.Errorf("interaction %d: %s cannot be read", i+1, what) }
		request, response := child(item, "request"), child(item, "response")
		uri, _ := child(request, "uri").(string)
		u, err := url.Parse(uri)
		if err != nil || uri == "" {
			return nil, bad("the address")
		}
		x := Exchange{Number: i + 1, URL: u}
		x.Method, _ = child(request, "method").(string)
		if _, err := fmt.Sscan(fmt.Sprint(child(child(response, "status"), "code")), &x.Status); err != nil {
			return nil, bad("the status")
		}
		from, _ := child(request, "headers").(map[string]any)
		x.Header, _ = headers(from)
		from, _ = child(response, "headers").(map[string]any)
		var single bool
		x.Answer, single = headers(from)
		r.LastValueOnly = r.LastValueOnly && single
		r.KeepsCredentials = r.KeepsCredentials || x.Header.Get("Authorization") != ""
		switch body := child(request, "body").(type) {
		case nil:
		case string:
			x.Body = body
		case map[string]any: // a form that the client's library had not encoded yet
			form := url.Values{}
			for k, v := range body {
				form.Set(k, fmt.Sprint(v))
			}
			x.Body = form.Encode()
			x.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		default:
			return nil, bad("the request's body")
		}
		x.Content, _ = child(child(response, "body"), "string").(string)
		r.Exchanges = append(r.Exchanges, x)
	}
	if len(r.Exchanges) == 0 {
		return nil, errNoRecording
	}
	return r, nil
}

func child(v any, key string) any {
	m, _ := v.(map[string]any)
	return m[key]
}

// plain turns YAML into maps, lists and texts, whatever its tags.
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
