package auth

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/loginfile"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/wire"
	"github.com/acrkit/acrkit/internal/wording"
)

// dockerFile bounds a configuration file of Docker or podman. Logins to hundreds
// of registries fit.
var dockerFile = limit.Limit{Name: "a configuration file of Docker", Bytes: 1 << 20}

// dockerDoc is what a file has for one registry.
type dockerDoc struct {
	source loginSource
	absent bool   // there is no such file, or the variable is not set
	helper string // of credHelpers or, failing that, credsStore; "" if there is none
	// auths holds the entries by repository prefix; "" is the host's. Entries
	// without anything in them, which Docker leaves beside a store, are not here.
	auths map[string]dockerEntry
}

// dockerEntry is one entry that is not empty. A malformed entry is an error only when it
// is used, so why keeps the fault.
type dockerEntry struct {
	key  string // as it is written in the file
	pair userSecret
	why  string // what is wrong with it, without any of its text; "" if nothing is
}

// userSecret is a pair as a file or a helper gives it.
type userSecret struct {
	user   string
	secret Secret
}

func (p userSecret) equal(other userSecret) bool {
	return p.user == other.user && p.secret.Equal(other.secret)
}

// loginSource is where logins are: a file, or a variable with the text of one.
type loginSource struct {
	file     string
	variable string
	text     func() string // of the variable; "" = it is not set
}

// String names the place in messages.
func (s loginSource) String() string {
	if s.variable != "" {
		return s.variable
	}
	return fmt.Sprintf("%q", s.file)
}

func (s loginSource) place() Place {
	if s.variable != "" {
		return Place{Kind: PlaceEnvironment}
	}
	return Place{Kind: PlaceFile, File: s.file}
}

func (s loginSource) variables() []string {
	if s.variable != "" {
		return []string{s.variable}
	}
	return nil
}

// failure returns an error that names the place and shows none of its content.
func (s loginSource) failure(code acrkit.Code, reason, hint string) error {
	return wire.Final(&acrkit.Error{Code: code, Cause: cause.DockerConfigBroken,
		Op: "read the logins in " + s.String(), Reason: reason, Hint: hint})
}

// read returns what the place has for a registry; a missing file has nothing.
func (s loginSource) read(reg acrkit.Registry) (dockerDoc, error) {
	data, err := s.data()
	switch {
	//rule:login-places-read
	case errors.Is(err, fs.ErrNotExist):
		return dockerDoc{source: s, absent: true}, nil
	case errors.Is(err, fs.ErrPermission):
		return dockerDoc{}, s.failure(acrkit.CodeUsage, "this user may not read it", "")
	case err != nil:
		return dockerDoc{}, s.failure(cmp.Or(acrkit.CodeOf(err), acrkit.CodeUsage), wording.Reason(err), "")
	}
	doc, why := parseDockerFile(data, reg)
	if why != "" {
		//rule:login-places-read-2
		return dockerDoc{}, s.failure(acrkit.CodeUsage, why, "")
	}
	doc.source = s
	return doc, nil
}

// data returns the text; that a variable is not set is [fs.ErrNotExist] too.
func (s loginSource) data() ([]byte, error) {
	if s.variable == "" {
		f, err := os.Open(s.file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }()
		return dockerFile.ReadAll(f)
	}
	text := s.text()
	if text == "" {
		return nil, fs.ErrNotExist
	}
	//rule:login-places-data
	return []byte(text), dockerFile.Check(int64(len(text)))
}

// parseDockerFile reads what a file has for a registry. why says what is wrong with the
// file, without any of its text. Source: docker/cli, "docker login",
// "Credential stores"; containers-auth.json(5).
func parseDockerFile(data []byte, reg acrkit.Registry) (doc dockerDoc, why string) {
	doc.auths = map[string]dockerEntry{}
	if len(bytes.TrimSpace(data)) == 0 {
		return doc, ""
	}
	var raw struct {
		Auths       map[string]json.RawMessage `json:"auths"`
		CredsStore  any                        `json:"credsStore"`
		CredHelpers map[string]any             `json:"credHelpers"`
	}
	if why := loginfile.LeadingMark(string(data)); why != "" {
		return doc, "it " + why + ", and JSON has none"
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		// The error's own text may quote the file.
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return doc, fmt.Sprintf("it is not JSON, at byte %d", syntax.Offset)
		}
		return doc, "it is not JSON as Docker writes it"
	}
	if why := doc.readHelper(raw.CredsStore, raw.CredHelpers, reg); why != "" {
		return doc, why
	}
	for _, host := range hostsOf(reg) {
		// Sorted, so that of two keys for the same repository the same one always counts.
		for _, key := range slices.SortedFunc(maps.Keys(raw.Auths), compareKeys) {
			prefix, ours := repositoryOfKey(key, host)
			if _, twice := doc.auths[prefix]; !ours || twice {
				continue
			}
			if e, ok := readEntry(raw.Auths[key]); ok {
				e.key = key
				doc.auths[prefix] = e
			}
		}
	}
	return doc, ""
}

func (d *dockerDoc) readHelper(store any, helpers map[string]any, reg acrkit.Registry) (why string) {
	name, from := store, "credsStore"
	for _, host := range hostsOf(reg) {
		for _, key := range slices.SortedFunc(maps.Keys(helpers), compareKeys) {
			if prefix, ours := repositoryOfKey(key, host); ours && prefix == "" && from == "credsStore" {
				name, from = helpers[key], "credHelpers"
			}
		}
	}
	if name == nil {
		return ""
	}
	text, ok := name.(string)
	switch {
	case !ok:
		return from + " names no helper: it is not a text"
	case text != "" && !helperName.MatchString(text):
		return from + " names a helper that is not a program name; paths are not accepted"
	}
	d.helper = text
	return ""
}

// hostsOf returns the hosts whose logins are for a registry, in order: its own and, of
// a regional endpoint, the login server.
func hostsOf(reg acrkit.Registry) []acrkit.Registry {
	return slices.Compact([]acrkit.Registry{reg, reg.LoginServer()})
}

// compareKeys puts a bare host before its URL.
func compareKeys(a, b string) int {
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// repositoryOfKey returns the repository prefix of a key, and whether the key is for the
// registry: host and port must be the same.
func repositoryOfKey(key string, reg acrkit.Registry) (prefix string, ours bool) {
	rest, isURL := key, false
	for _, scheme := range []string{"https://", "http://"} {
		if len(key) >= len(scheme) && strings.EqualFold(key[:len(scheme)], scheme) {
			rest, isURL = key[len(scheme):], true
		}
	}
	host, path, _ := strings.Cut(rest, "/")
	// A bare word would be read as the short name of a registry.
	if !strings.ContainsAny(host, ".:") && !strings.EqualFold(host, "localhost") {
		return "", false
	}
	of, err := acrkit.ParseRegistry(host)
	if err != nil || of.Host() != reg.Host() {
		return "", false
	}
	switch path {
	case "", "v1/", "v2/":
		return "", true
	case "v1", "v2":
		if isURL {
			return "", true
		}
	}
	if isURL || acrkit.CheckRepositoryName(path) != nil {
		return "", false
	}
	return path, true
}

// readEntry reads one entry of auths; ok is false if it has nothing in it.
func readEntry(data json.RawMessage) (e dockerEntry, ok bool) {
	var raw struct {
		Auth          string `json:"auth"`
		Username      string `json:"username"`
		Password      string `json:"password"`
		IdentityToken string `json:"identitytoken"`
		RegistryToken string `json:"registrytoken"`
	}
	if json.Unmarshal(data, &raw) != nil {
		e.why = "is not an object of texts"
		return e, true
	}
	user, password := raw.Username, raw.Password
	if raw.Auth != "" {
		// It replaces username and password, as in Docker.
		//rule:login-entries-read-entry-2
		if user, password, e.why = decodeAuth(raw.Auth); e.why != "" {
			return e, true
		}
	}
	switch {
	case raw.IdentityToken != "":
		user, password = identityUser, raw.IdentityToken
	case user == "" && password == "" && raw.RegistryToken != "":
		e.why = "has a registrytoken only, which is an access token for one scope"
	case user == "" && password == "":
		return e, false
	//rule:login-entries-read-entry
	case user == "" && isToken(password):
		user = identityUser // the kind of token is read from the token itself
	case user == "":
		e.why = "has a password and no user name"
	case password == "":
		e.why = "has a user name and no password"
	}
	e.pair = userSecret{user, redact.NewSecret(password)}
	return e, true
}

// decodeAuth reads an auth, base64 of user name and password with a colon between
// them. Padding may be missing, as the kubelet and go-containerregistry have it, and
// lines may be broken, as every client in Go has it. why says what is wrong, without any
// of the value.
func decodeAuth(auth string) (user, password, why string) {
	decoded, err := base64.StdEncoding.DecodeString(auth)
	if err != nil && !strings.Contains(auth, "=") {
		//rule:login-entries-decode-auth
		decoded, err = base64.RawStdEncoding.DecodeString(auth)
	}
	switch {
	case err != nil && strings.ContainsAny(auth, "-_"):
		return "", "", "has an auth that is not base64: it has the letters of base64url, which other clients refuse too"
	case err != nil && strings.ContainsAny(auth, " \t\x00"):
		return "", "", "has an auth that is not base64: it has a blank or NUL"
	case err != nil:
		return "", "", "has an auth that is not base64"
	}
	user, password, found := strings.Cut(string(decoded), ":")
	if !found {
		return "", "", "has an auth without a colon between user and password"
	}
	// Docker pads short ones.
	return user, strings.Trim(password, "\x00"), ""
}
