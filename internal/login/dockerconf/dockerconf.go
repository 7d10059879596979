// Package dockerconf changes the credHelpers and the logins of Docker's config.json, and
// leaves the rest of the file unchanged, byte for byte: other keys, their order, the
// indentation.
package dockerconf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/private"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
)

// key is the object that names a helper for each host. Source: Docker, "docker
// login", "Credential helpers".
const key = "credHelpers"

// The modes of new files and folders: Docker keeps logins there.
const (
	newFile   fs.FileMode = 0o600
	newFolder fs.FileMode = 0o700
)

// Change is a change of one file that is not written yet.
type Change struct {
	Path string // as it was named
	Host string
	Old  string // the helper of the host as it is; "" if there is none
	New  string // as it will be; "" if it is removed
	// Plain says that the file holds a login for the host in plain text, which Docker does
	// not use if there is a helper.
	Plain bool

	Modified time.Time // of the file that is written; zero = the time of writing

	target       string // Path with symbolic links resolved
	mode         fs.FileMode
	existed      bool
	before, then []byte
}

// Set returns the change that sets the helper of a host. ok is false if it is set
// already.
//
// A missing file is created. A file that cannot be read as Docker's is an error with
// [acrkit.CodeUsage], and is not changed.
func Set(path, host, helper string) (c Change, ok bool, err error) {
	return open(path, host, setter(host, "", helper))
}

// Remove returns the change that removes the helper of a host. ok is false if the host
// has none, or another one.
func Remove(path, host, helper string) (c Change, ok bool, err error) {
	return open(path, host, setter(host, helper, ""))
}

// setter returns the change of [edit].
func setter(host, from, to string) func(*Change) error {
	return func(c *Change) (err error) {
		c.New = to
		c.then, c.Old, err = edit(c.before, host, from, to)
		return err
	}
}

// open reads a file and determines its new text.
func open(path, host string, change func(*Change) error) (Change, bool, error) {
	c := Change{Path: path, Host: host, target: path, mode: newFile}
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if c.target, err = filepath.EvalSymlinks(path); err != nil {
			return c, false, c.failed("is a symbolic link that leads nowhere", err)
		}
		info, err = os.Stat(c.target)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return c, false, c.failed("cannot be read", err)
	case !info.Mode().IsRegular():
		return c, false, c.failed("is no regular file", nil)
	default:
		c.mode, c.existed = info.Mode().Perm(), true
		if c.before, _, err = private.ReadFile(c.target); err != nil {
			return c, false, c.failed("cannot be read", err)
		}
	}
	if err := change(&c); err != nil {
		return c, false, c.failed(err.Error(), nil)
	}
	c.Plain = HoldsLogin(c.before, host)
	return c, !bytes.Equal(c.before, c.then), nil
}

// HoldsLogin reports whether the text of a config.json has a login for a host, under the
// host or the URL that old versions of Docker wrote. It is false for other text.
func HoldsLogin(text []byte, host string) bool {
	var doc struct {
		Auths map[string]struct{ Auth, Password, IdentityToken string }
	}
	if json.Unmarshal(text, &doc) != nil {
		return false
	}
	for key, a := range doc.Auths {
		name, _, _ := strings.Cut(strings.TrimPrefix(key, "https://"), "/")
		if strings.EqualFold(name, host) && a.Auth+a.Password+a.IdentityToken != "" {
			return true
		}
	}
	return false
}

func (c Change) failed(why string, cause error) error {
	e := &acrkit.Error{Code: acrkit.CodeUsage, Op: "change Docker's configuration", Reason: c.Path + " " + why,
		Hint: sentence.Fix(sentence.ListFile, map[string]string{"file": shell.Quote(c.Path)})}
	if cause != nil {
		e.Errs = []error{cause}
		e.Reason += ": " + cause.Error() // of a path
	}
	return e
}

// Diff shows the change as diff does. It shows no other text of the file, which may have
// secrets on the same line.
func (c Change) Diff() string {
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n   %q: {\n", c.Path, c.Path, key)
	if c.Old != "" {
		fmt.Fprintf(&b, "-    %q: %q\n", c.Host, c.Old)
	}
	if c.New != "" {
		fmt.Fprintf(&b, "+    %q: %q\n", c.Host, c.New)
	}
	b.WriteString("   }\n")
	return b.String()
}

// CheckPrivate refuses a file that others can read or write, because the change writes a
// secret: see [private.OpenSecret].
func (c Change) CheckPrivate() error { return private.CheckSecret(c.target) }

// Apply makes the change: it replaces the whole file and keeps its mode. If another
// program has changed the file since, that is an error, and the file is not changed.
func (c Change) Apply() error {
	now, exists, err := private.ReadFile(c.target)
	if err != nil {
		return c.failed("cannot be read", err)
	}
	if exists != c.existed || !bytes.Equal(now, c.before) {
		e, _ := errors.AsType[*acrkit.Error](c.failed(
			"was changed by another program meanwhile; nothing was written", nil))
		e.Hint = sentence.Fix(sentence.TryAgain, nil)
		return e
	}
	if !exists {
		if err := os.MkdirAll(filepath.Dir(c.target), newFolder); err != nil {
			return c.failed("cannot be made", err)
		}
	}
	disk := private.RealDisk()
	disk.Modified = c.Modified
	if err := disk.WriteFile(c.target, c.then, c.mode); err != nil {
		return c.failed("cannot be written; it is as it was", err)
	}
	return nil
}

// member is one key of an object with its position in the text.
type member struct {
	key                      string
	start, value, end, after int // of the key, of the value, its end, and the end of the one before
	raw                      json.RawMessage
}

// object returns the members of the object that begins at text[at], and where its
// closing brace is.
func object(text []byte, at int) (members []member, closing int, err error) {
	dec := json.NewDecoder(bytes.NewReader(text[at:]))
	offset := func() int { return at + int(dec.InputOffset()) }
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, 0, errors.New("is not a JSON object")
	}
	last := offset()
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, 0, broken(text, err, offset())
		}
		m := member{after: last, start: last + bytes.IndexByte(text[last:], '"')}
		m.key, _ = t.(string) // More has it that a key comes, and the decoder that it is a string
		if err := dec.Decode(&m.raw); err != nil {
			return nil, 0, broken(text, err, offset())
		}
		m.end = offset()
		m.value = m.end - len(m.raw)
		members, last = append(members, m), m.end
	}
	if _, err := dec.Token(); err != nil {
		return nil, 0, broken(text, err, offset())
	}
	return members, offset() - 1, nil
}

// broken says where a file is not JSON, without any of its text.
func broken(text []byte, err error, offset int) error {
	if e, ok := errors.AsType[*json.SyntaxError](err); ok && e.Offset > int64(offset) {
		offset = int(e.Offset)
	}
	return fmt.Errorf("is not JSON, on line %d; it stays as it is",
		1+bytes.Count(text[:min(offset, len(text))], []byte("\n")))
}

// only returns the member of a name; with fold the case is ignored, as Docker does.
func only(members []member, name string, fold bool) (m member, found bool, err error) {
	for _, o := range members {
		if o.key != name && !(fold && strings.EqualFold(o.key, name)) {
			continue
		}
		if found {
			return m, false, fmt.Errorf("holds %q twice; it stays as it is", name)
		}
		m, found = o, true
	}
	return m, found, nil
}

// edit returns the text with the helper of a host changed to "to"; "" removes it. If from
// is not "", only that helper is changed.
func edit(text []byte, host, from, to string) (out []byte, old string, err error) {
	if len(bytes.TrimSpace(text)) == 0 {
		if to == "" {
			return text, "", nil
		}
		out, err = put(text, key, host, fmt.Sprintf("%q", to))
		return out, "", err
	}
	top, closing, err := document(text)
	if err != nil {
		return nil, "", err
	}
	helpers, found, err := only(top, key, true)
	switch {
	case err != nil:
		return nil, "", err
	case (!found || string(helpers.raw) == "null") && to == "":
		return text, "", nil
	case !found || string(helpers.raw) == "null":
		out, err = put(text, key, host, fmt.Sprintf("%q", to))
		return out, "", err
	}
	inner, innerClosing, err := object(text, helpers.value)
	if err != nil {
		return nil, "", errNoObject(key)
	}
	entry, found, err := only(inner, host, false)
	if err != nil {
		return nil, "", err
	}
	if found && json.Unmarshal(entry.raw, &old) != nil {
		return nil, "", fmt.Errorf("has something else than a helper's name for %q; it stays as it is", host)
	}
	switch {
	case old == to || from != "" && old != from:
		return text, old, nil
	case to != "":
		out, err = put(text, key, host, fmt.Sprintf("%q", to))
		return out, old, err
	case found && len(inner) == 1:
		return cut(text, top, closing, helpers), old, nil
	case found:
		return cut(text, inner, innerClosing, entry), old, nil
	}
	return text, old, nil
}

// document returns the members of the object that a text is.
func document(text []byte) (members []member, closing int, err error) {
	if why := loginfile.LeadingMark(string(text)); why != "" {
		return nil, 0, errors.New(why + ", which Docker does not read; it stays as it is")
	}
	begin := len(text) - len(bytes.TrimLeft(text, " \t\r\n"))
	if !json.Valid(text) {
		var doc json.RawMessage
		return nil, 0, broken(text, json.Unmarshal(text, &doc), 0)
	}
	return object(text, begin)
}

func errNoObject(name string) error {
	return fmt.Errorf("has something else than an object as %q; it stays as it is", name)
}

// indentation returns the white space before the first member, if that is on a line of
// its own.
func indentation(text []byte, members []member) (string, bool) {
	if len(members) == 0 {
		return "", false
	}
	before := text[members[0].after:members[0].start]
	i := bytes.LastIndexByte(before, '\n')
	return string(before[i+1:]), i >= 0
}

// insert adds a member at the end of an object.
func insert(text []byte, members []member, closing int, name, value string) []byte {
	entry := fmt.Sprintf("%q: %s", name, value)
	if len(members) == 0 {
		return splice(text, closing, closing, entry)
	}
	last := members[len(members)-1]
	if indent, ok := indentation(text, members); ok {
		return splice(text, last.end, last.end, ",\n"+indent+entry)
	}
	return splice(text, last.end, last.end, ", "+entry)
}

// cut removes a member, with its comma and white space.
func cut(text []byte, members []member, closing int, m member) []byte {
	switch {
	case len(members) == 1:
		return splice(text, m.after, closing, "")
	case m.start == members[0].start:
		return splice(text, m.start, members[1].start, "")
	}
	return splice(text, m.after, m.end, "")
}

func splice(text []byte, from, to int, with string) []byte {
	out := make([]byte, 0, len(text)+len(with))
	out = append(out, text[:from]...)
	out = append(out, with...)
	return append(out, text[to:]...)
}
