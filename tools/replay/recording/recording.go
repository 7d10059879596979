// Package recording reads recorded HTTP traffic, in the formats that the clients
// of the service write:
//
//   - JSON of the Azure SDK test proxy and of .NET's recorder before it (proxy.go)
//   - cassettes of vcrpy (cassette.go)
//   - session records of the Azure SDK for Java before 2023 (session.go)
//   - nock scripts of the Azure SDK for JavaScript in 2021 (nock.go)
//   - JSON of its recorder in browsers, of the same year (browser.go)
package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
)

// maxFile is the largest recording, in bytes; real ones have a few hundred
// kilobytes, those of large uploads some megabytes.
//
//rule:replay-limits-max-file
const maxFile = 64 << 20

// Recording is one file with exchanges.
type Recording struct {
	File      string // below the folder, with slashes
	Format    string // such as "vcr cassette"
	Exchanges []Exchange
	// KeepsCredentials says that requests have their Authorization header.
	KeepsCredentials bool
	// KeepsHeaders says that requests have their headers, Accept among them.
	KeepsHeaders bool
	// KeepsBodies says that requests have their bodies.
	KeepsBodies bool
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
	// BodyLost says that Body is not what was sent: its digest is another than the
	// one that the exchange names.
	BodyLost bool

	Status      int
	Answer      http.Header
	Content     string // of the answer
	ContentLost bool   // as BodyLost, of Content
}

// Unread is a file that looks like a recording and cannot be read.
type Unread struct {
	File   string // below the folder, with slashes
	Format string
	Reason string
}

// Folder is what a folder holds.
type Folder struct {
	Recordings []Recording // in the order of their names
	Unread     []Unread
	Others     map[string]int // files that are no recordings, by their folder
}

// The formats.
const (
	formatProxy    = "test proxy"
	formatCassette = "vcr cassette"
	formatSession  = "session record"
	formatNock     = "nock script"
	formatBrowser  = "browser recording"
	formatJSON     = "JSON"
	formatYAML     = "YAML"
)

// Load reads all files under a folder. An error says that the folder itself
// cannot be read.
func Load(dir string) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f := &Folder{Others: map[string]int{}}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		read, format := readerFor(name)
		if read == nil {
			f.Others[path.Dir(name)]++
			return nil
		}
		data, err := readFile(root, name, d)
		var r *Recording
		if err == nil {
			r, err = read(data)
		}
		var bad *formatError
		switch {
		case errors.Is(err, errNoRecording):
			f.Others[path.Dir(name)]++
		case errors.As(err, &bad):
			f.Unread = append(f.Unread, Unread{name, bad.format, bad.reason})
		case err != nil:
			f.Unread = append(f.Unread, Unread{name, format, err.Error()})
		default:
			r.File = name
			recoverBytes(r)
			f.Recordings = append(f.Recordings, *r)
		}
		return nil
	})
	return f, err
}

// readerFor returns what reads a file of that name, nil = nothing does.
func readerFor(name string) (read func([]byte) (*Recording, error), format string) {
	switch strings.ToLower(path.Ext(name)) {
	case ".json":
		return readJSON, formatJSON
	case ".yaml", ".yml":
		return readCassette, formatYAML
	case ".js":
		return readNock, formatNock
	}
	return nil, ""
}

func readFile(root *os.Root, name string, d fs.DirEntry) ([]byte, error) {
	info, err := d.Info()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("is no regular file")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	return root.ReadFile(name)
}

// errNoRecording says that a file holds something else.
var errNoRecording = errors.New("not a recording")

// formatError says that a file of a known format cannot be read.
type formatError struct{ format, reason string }

func (e *formatError) Error() string { return e.format + ": " + e.reason }

// unreadable returns an error about an exchange, counted from 1.
func unreadable(format string, number int, what string) error {
	return &formatError{format, fmt.Sprintf("exchange %d: %s cannot be read", number, what)}
}

// readJSON reads a recording of any of the formats that are JSON.
func readJSON(data []byte) (*Recording, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !json.Valid(data) {
		return nil, &formatError{formatJSON, "is not JSON"}
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil {
		return nil, errNoRecording // descriptions of APIs have other shapes
	}
	for _, f := range []struct {
		key  string
		read func(json.RawMessage) (*Recording, error)
	}{
		{"Entries", readProxy},
		{"networkCallRecords", readSession},
		{"recordings", readBrowser},
		{"interactions", func(json.RawMessage) (*Recording, error) { return readCassette(data) }}, // JSON is YAML
	} {
		if raw, ok := keys[f.key]; ok {
			return f.read(raw)
		}
	}
	return nil, errNoRecording
}

// list decodes the exchanges of a format that is JSON.
func list[T any](format string, raw json.RawMessage) ([]T, error) {
	var items []T
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, &formatError{format, "its exchanges cannot be read"}
	}
	if len(items) == 0 {
		return nil, errNoRecording
	}
	return items, nil
}

// address reads an exchange's address, which must be whole.
func address(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	return u, err == nil && text != ""
}

// repeated are the headers that the service sends more than once.
var repeated = map[string]bool{"Strict-Transport-Security": true, "Access-Control-Expose-Headers": true}

// joined reads headers whose values were joined with commas.
func joined(from map[string]any) http.Header {
	h, _ := headers(from)
	for name := range repeated {
		var values []string
		for _, v := range h[name] {
			for part := range strings.SplitSeq(v, ",") {
				values = append(values, strings.TrimSpace(part))
			}
		}
		if values != nil {
			h[name] = values
		}
	}
	return h
}
