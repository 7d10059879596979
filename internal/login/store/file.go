package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/shell"
	"github.com/acrkit/acrkit/internal/wording"
)

// The names in the folder.
const (
	fileName = "logins.json"
	newName  = "logins.json.new" // what is renamed to fileName; a crash may leave it
	lockName = "logins.lock"
)

// The limits. Passing one is an error.
const (
	// MaxSecret is the longest secret, in bytes: as long as the longest token that
	// is sent anywhere.
	MaxSecret = 64 << 10
	// MaxLogins is the most logins, of all registries together. One registry's can
	// then be used together: auth.ByRepository takes as many.
	MaxLogins = 256
	// maxDiscards is how many unused secrets the keychain may have before it gets no
	// more. Each is left from a process that was stopped, or a keychain that did not
	// answer. Those of all logins can be added to them.
	maxDiscards = 256
	// maxField is the longest of a login's other fields, in bytes. Names of
	// repositories end at 256, those of hosts at 259; authorities are URLs.
	maxField = 2048
	// maxFile is the largest file, in bytes: room for every login with a password
	// and for some dozens of tokens of the largest kind.
	maxFile = 4 << 20
)

// version is the format of the file that this package writes and reads.
const version = 1

// file is what fileName holds.
type file struct {
	Version int      `json:"version"`
	Logins  []record `json:"logins"` // sorted, one for each registry and repository
	// Discard are names of unused secrets that the keychain may have: those that are
	// about to be stored, and those that are about to be removed.
	Discard []string `json:"discard,omitempty"`
}

// record is one login. It has either a secret or the name of one in the keychain.
type record struct {
	Registry   string    `json:"registry"`
	Repository string    `json:"repository,omitempty"`
	Kind       string    `json:"kind"`
	User       string    `json:"user,omitempty"`
	Tenant     string    `json:"tenant,omitempty"`
	Authority  string    `json:"authority,omitempty"`
	Via        string    `json:"via,omitempty"`
	Saved      time.Time `json:"saved"`
	Secret     string    `json:"secret,omitempty"`
	Why        string    `json:"why,omitempty"`
	Keychain   string    `json:"keychain,omitempty"`
}

// Format prints no secret, for any verb.
func (r record) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "login"+r.forWhat()) }

// forWhat names the login in a message, after "the login".
func (r record) forWhat() string {
	if r.Repository == "" {
		return " for " + r.Registry
	}
	return fmt.Sprintf(" for %q on %s", r.Repository, r.Registry)
}

// arguments are those of acrkit login and logout that name the login.
func (r record) arguments() string {
	if r.Repository == "" {
		return r.Registry
	}
	return r.Registry + " --repository " + shell.Quote(r.Repository)
}

func (r record) prefix() string { return strings.TrimSuffix(r.Repository, "/*") }

func (r record) sameAs(other record) bool {
	return r.Registry == other.Registry && r.Repository == other.Repository
}

func (f file) has(r record) bool { return slices.ContainsFunc(f.Logins, r.sameAs) }

// overlapping returns the login for "team" if r is for "team/*", or the other way round:
// both are for the same repositories.
func (f file) overlapping(r record) (record, bool) {
	i := slices.IndexFunc(f.Logins, func(o record) bool {
		return o.Registry == r.Registry && o.Repository != r.Repository && o.prefix() == r.prefix() && r.prefix() != ""
	})
	if i < 0 {
		return record{}, false
	}
	return f.Logins[i], true
}

// check says what is wrong with a login, without its secret.
func (r record) check() error {
	if reg, err := acrkit.ParseRegistry(r.Registry); err != nil || reg.Host() != r.Registry {
		return fmt.Errorf("%q is not a login server", wording.Clip(r.Registry, maxQuoted))
	}
	if r.Repository != "" && acrkit.CheckRepositoryName(r.prefix()) != nil {
		return fmt.Errorf(`%q is neither a repository ("team/app") nor what is below one ("team/*")`,
			wording.Clip(r.Repository, maxQuoted))
	}
	if r.Kind == "" || strings.Trim(r.Kind, "abcdefghijklmnopqrstuvwxyz-") != "" {
		return errors.New("its kind is not a word")
	}
	for what, value := range map[string]string{"kind": r.Kind, "user": r.User, "tenant": r.Tenant,
		"authority": r.Authority, "via": r.Via, "keychain's name": r.Keychain} {
		if len(value) > maxField || !utf8.ValidString(value) || strings.ContainsFunc(value, isControl) {
			return fmt.Errorf("its %s is longer than %d bytes or holds control characters", what, maxField)
		}
	}
	switch {
	case r.Secret == "" && r.Keychain == "":
		return errors.New("its secret is empty")
	case r.Secret != "" && r.Keychain != "":
		return errors.New("its secret is in two places")
	case !utf8.ValidString(r.Secret) || strings.ContainsFunc(r.Secret, isControl):
		return errors.New("its secret holds control characters")
	}
	return nil
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// maxQuoted is the longest part of a file, in bytes, that a message quotes.
const maxQuoted = 120

// errNewer is the error for a file that a later acrkit wrote.
var errNewer = errors.New("a newer acrkit wrote it")

// parse reads the file. Its errors quote none of it, because it holds secrets.
func parse(data []byte) (file, error) {
	if len(data) > maxFile {
		return file{}, fmt.Errorf("it is larger than %d bytes", maxFile)
	}
	// The version first: the rest of a newer format is not known.
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return file{}, where(data, err)
	}
	switch {
	case head.Version == nil || *head.Version < 1:
		return file{}, errors.New("it has no version")
	case *head.Version > version:
		return file{}, errNewer
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var f file
	if err := dec.Decode(&f); err != nil {
		return file{}, where(data, err)
	}
	if len(f.Logins) > MaxLogins || len(f.Discard) > maxDiscards+MaxLogins {
		return file{}, fmt.Errorf("it holds more than %d logins", MaxLogins)
	}
	for i, r := range f.Logins {
		if err := r.check(); err != nil {
			return file{}, fmt.Errorf("login %d: %w", i+1, err)
		}
		if len(r.Secret) > MaxSecret {
			return file{}, fmt.Errorf("login %d: its secret is longer than %d bytes", i+1, MaxSecret)
		}
		if i > 0 && byPlace(f.Logins[i-1], r) >= 0 {
			return file{}, fmt.Errorf("login %d is out of order", i+1)
		}
	}
	return f, nil
}

// where turns an error of encoding/json, which may quote what it read, into the
// line that it is about.
func where(data []byte, err error) error {
	offset := int64(-1)
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = e.Offset
	} else if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = e.Offset
	}
	if offset < 0 || offset > int64(len(data)) {
		return errors.New("it is not what acrkit wrote")
	}
	return fmt.Errorf("line %d is not what acrkit wrote", 1+bytes.Count(data[:offset], []byte("\n")))
}

// encode is the reverse of parse.
func (f file) encode() ([]byte, error) {
	f.Version = version
	slices.SortFunc(f.Logins, byPlace)
	if f.Logins == nil {
		f.Logins = []record{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(f); err != nil {
		return nil, err
	}
	if b.Len() > maxFile {
		return nil, &acrkit.Error{Code: acrkit.CodeTooLarge, Op: "store a login",
			Reason: fmt.Sprintf("the file of logins would be larger than %d bytes", maxFile),
			Hint:   sentence.Fix(sentence.LogOutOfAll, nil)}
	}
	return b.Bytes(), nil
}
