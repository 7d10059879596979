package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/cause"
	"github.com/acrkit/acrkit/internal/limit"
	"github.com/acrkit/acrkit/internal/redact"
	"github.com/acrkit/acrkit/internal/sentence"
	"github.com/acrkit/acrkit/internal/wire"
)

// dockerConfigCredential is what the files of Docker and podman have for the
// registry it is bound to.
type dockerConfigCredential struct {
	description
	files []string
}

// DockerConfig is the credential that `docker login`, `podman login` or
// `az acr login` left for the registry: in the given files, or, if none is given,
// in the first of these that has one:
//
//  1. $DOCKER_CONFIG/config.json, else ~/.docker/config.json;
//  2. $REGISTRY_AUTH_FILE, else $XDG_RUNTIME_DIR/containers/auth.json.
//
// In a file, what is found first counts: under credHelpers for the registry's
// host, from the credsStore, under auths (auth; username and password;
// identitytoken). At a regional endpoint, what is there for the login server counts
// after what is there for the host itself. A helper is the program docker-credential-NAME in PATH; it gets
// the host on its standard input and ten seconds. Keys of auths may be the host,
// its URL as Docker wrote it once, or, as podman has them, host and repository
// prefix ("myregistry.azurecr.io/team"): the longest prefix that holds a
// repository wins, as in [ByRepository], before helpers and across files.
//
// [NewTransport] reads which prefixes there are. The credential itself is read
// when a token is needed for the first time, kept, and read again when it is
// refused, so that a new login reaches a running client.
//
// Where there is none, the error has [acrkit.CodeCredentialMissing], and a
// [Chain] goes on. A file that cannot be read, half an entry, or a helper that
// fails, hangs or is not installed is an error that names it: nobody becomes
// anonymous by accident.
func DockerConfig(files ...string) Credential {
	return &dockerConfigCredential{description{KindDockerConfig, "Docker configuration"}, slices.Clone(files)}
}

// locations returns the files to look at.
func (c *dockerConfigCredential) locations() []string {
	if len(c.files) > 0 {
		return c.files
	}
	return DockerConfigFiles(nil)
}

// DockerConfigFiles returns the files that [DockerConfig] looks at where none is
// given, by these environment variables; a nil lookup is [os.LookupEnv]. Nothing
// says that they exist.
func DockerConfigFiles(lookup func(string) (string, bool)) []string {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	get := func(name string) string { v, _ := lookup(name); return v }
	home := "HOME"
	if runtime.GOOS == "windows" {
		home = "USERPROFILE"
	}
	var files []string
	if dir := get("DOCKER_CONFIG"); dir != "" {
		files = append(files, filepath.Join(dir, "config.json"))
	} else if dir := get(home); dir != "" {
		files = append(files, filepath.Join(dir, ".docker", "config.json"))
	}
	if file := get("REGISTRY_AUTH_FILE"); file != "" {
		files = append(files, file)
	} else if dir := get("XDG_RUNTIME_DIR"); dir != "" && runtime.GOOS == "linux" {
		files = append(files, filepath.Join(dir, "containers", "auth.json"))
	}
	return files
}

//nolint:unparam // the interface has an error
func (c *dockerConfigCredential) parts(t *Transport) (map[string]Credential, error) {
	parts := map[string]Credential{"": &dockerPart{c.description, c, ""}}
	for _, file := range c.locations() {
		doc, err := readDockerFile(file, t.registry)
		if err != nil {
			continue // told when the file is needed; in a chain it may never be
		}
		for prefix := range doc.auths {
			parts[prefix] = &dockerPart{c.description, c, prefix}
		}
	}
	return parts, nil
}

func (c *dockerConfigCredential) bind(t *Transport) (grant, error) { return nil, errDivided(t) }

// dockerPart is what the files have for one repository prefix.
type dockerPart struct {
	description
	config *dockerConfigCredential
	prefix string
}

// dockerFile bounds a configuration file of Docker or podman. Logins to hundreds
// of registries fit.
var dockerFile = limit.Limit{Name: "a configuration file of Docker", Bytes: 1 << 20}

// dockerDoc is what a file has for one registry.
type dockerDoc struct {
	file   string
	absent bool   // there is no such file
	helper string // of credHelpers or, failing that, credsStore; "" if there is none
	// auths holds the entries by repository prefix; "" is the host's. Entries
	// without anything in them, which Docker leaves beside a store, are not here.
	auths map[string]dockerEntry
}

// dockerEntry is one entry that has something in it; only one that is looked at
// must be right, hence why.
type dockerEntry struct {
	key  string // as it stands in the file
	pair userSecret
	why  string // what is wrong with it, without a word of it; "" if nothing is
}

// userSecret is a pair as a file or a helper gives it.
type userSecret struct {
	user   string
	secret Secret
}

func (p userSecret) equal(other userSecret) bool {
	return p.user == other.user && p.secret.Reveal() == other.secret.Reveal()
}

// fileError is an error that names a file and shows nothing of it.
func fileError(code acrkit.Code, file, reason, hint string) error {
	return wire.Final(&acrkit.Error{Code: code, Cause: cause.DockerConfigBroken, Op: fmt.Sprintf("read the logins in %q", file), Reason: reason, Hint: hint})
}

// readDockerFile reads what a file has for a registry; a missing file has nothing.
func readDockerFile(name string, reg acrkit.Registry) (dockerDoc, error) {
	f, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return dockerDoc{file: name, absent: true}, nil
	case errors.Is(err, fs.ErrPermission):
		return dockerDoc{}, fileError(acrkit.CodeUsage, name, "this user may not read it", "")
	case err != nil:
		return dockerDoc{}, fileError(acrkit.CodeUsage, name, reasonOf(err), "")
	}
	defer func() { _ = f.Close() }()
	data, err := dockerFile.ReadAll(f)
	if err != nil {
		code := acrkit.CodeOf(err)
		return dockerDoc{}, fileError(cmp.Or(code, acrkit.CodeUsage), name, reasonOf(err), "")
	}
	doc, why := parseDockerFile(data, reg)
	if why != "" {
		return dockerDoc{}, fileError(acrkit.CodeUsage, name, why, "")
	}
	doc.file = name
	return doc, nil
}

// parseDockerFile reads what a file has for a registry. why says what is wrong
// with the whole, without a word of it. Source: docker/cli, "docker login",
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
		// In order, so that of two keys for one thing the same one always counts.
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
		return from + " names a helper that is no name of a program; paths are not taken"
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

// repositoryOfKey returns the repository prefix that a key stands for, and
// whether it is of the registry at all: the host must be the same, to the port.
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
		decoded, err := base64.StdEncoding.DecodeString(raw.Auth)
		if err != nil {
			e.why = "has an auth that is not base64"
			return e, true
		}
		u, p, found := strings.Cut(string(decoded), ":")
		if !found {
			e.why = "has an auth without a colon between user and password"
			return e, true
		}
		// Docker pads short ones.
		user, password = u, strings.Trim(p, "\x00")
	}
	switch {
	case raw.IdentityToken != "":
		user, password = identityUser, raw.IdentityToken
	case user == "" && password == "" && raw.RegistryToken != "":
		e.why = "has a registrytoken only, which is an access token for one scope"
	case user == "" && password == "":
		return e, false
	case user == "":
		e.why = "has a password and no user name"
	case password == "":
		e.why = "has a user name and no password"
	}
	e.pair = userSecret{user, redact.NewSecret(password)}
	return e, true
}

func (p *dockerPart) bind(t *Transport) (grant, error) {
	g := &dockerGrant{t: t, part: p}
	g.reads.init()
	return g, nil
}

// dockerGrant is the grant of whatever the files have.
type dockerGrant struct {
	t    *Transport
	part *dockerPart

	reads   flights[*dockerFound]
	current *dockerFound   // guarded by the lock of reads
	last    *dockerFound   // likewise: current before it was refused
	old     []*dockerFound // likewise: with background work to be ended
}

// dockerFound is a credential that was found, bound.
type dockerFound struct {
	grant
	cred    Credential
	pair    userSecret
	place   Place
	from    string   // the place, in words
	lookups []Lookup // the places, this one included
}

func (g *dockerGrant) proof(ctx context.Context) (proof, error) {
	var refused *dockerFound
	var refusal error
	for {
		f, err := g.reads.get(ctx, "", func() (*dockerFound, bool) { return g.current, g.current != nil }, g.find, func(f *dockerFound) {
			if f != g.last {
				g.old = keepOld(g.old, f)
			}
			g.current, g.last = f, f
		})
		if err != nil {
			return proof{}, err
		}
		if f == refused {
			return proof{}, refusal // there was no new login
		}
		p, err := f.grant.proof(ctx)
		if err == nil {
			p.by = f
			return p, nil
		}
		err = cameFrom(err, f.from)
		if refused != nil || !errors.Is(err, acrkit.CodeCredentialRejected) {
			return proof{}, err
		}
		// An Entra token is refused where it is exchanged.
		refused, refusal = f, err
		g.leave(f)
	}
}

// leave gives up what was refused, so that the files are read again.
func (g *dockerGrant) leave(f *dockerFound) {
	g.reads.Lock()
	defer g.reads.Unlock()
	if g.current == f {
		g.current = nil
	}
}

// dockerPlace is one place of the files, to be looked at in its turn.
type dockerPlace struct {
	lookup Lookup
	doc    dockerDoc
	entry  *dockerEntry // nil for a helper, and where there is nothing
	helper bool
}

func lookupsOf(places []dockerPlace) []Lookup {
	lookups := make([]Lookup, 0, len(places))
	for _, p := range places {
		lookups = append(lookups, p.lookup)
	}
	return lookups
}

// places lists what the files have for the prefix, in the order in which it
// counts: the entry of the longest prefix in any file, then host by host, a helper
// before an entry. With an error, the last place is the file that it is about.
func (g *dockerGrant) places() ([]dockerPlace, error) {
	var docs []dockerDoc
	var places []dockerPlace
	add := func(p dockerPlace, place Place, source string, outcome Outcome, detail string) {
		p.lookup = Lookup{Source: source, Kind: KindDockerConfig, Outcome: outcome, Detail: detail, Place: place}
		places = append(places, p)
	}
	for _, file := range g.part.config.locations() {
		doc, err := readDockerFile(file, g.t.registry)
		if err != nil {
			add(dockerPlace{}, Place{Kind: PlaceFile, File: file}, fmt.Sprintf("%q", file), OutcomeFailed, reasonOf(err))
			return places, err
		}
		docs = append(docs, doc)
	}
	has := make([]bool, len(docs))
	entry := func(i int, prefix string) {
		if e, ok := docs[i].auths[prefix]; ok {
			has[i] = true
			add(dockerPlace{doc: docs[i], entry: &e}, Place{Kind: PlaceFile, File: docs[i].file, Entry: e.key}, docs[i].entryName(e), OutcomeNotTried, "")
		}
	}
	for prefix := g.part.prefix; prefix != ""; prefix = parent(prefix) {
		for i := range docs {
			entry(i, prefix)
		}
	}
	for i, doc := range docs {
		if doc.helper != "" {
			has[i] = true
			add(dockerPlace{doc: doc, helper: true}, Place{Kind: PlaceHelper, File: doc.file, Helper: doc.helper}, doc.helperName(), OutcomeNotTried, "")
		}
		entry(i, "")
		switch {
		case has[i]:
		case doc.absent:
			add(dockerPlace{doc: doc}, Place{Kind: PlaceFile, File: doc.file}, fmt.Sprintf("%q", doc.file), OutcomeNotAvailable, "there is no such file")
		default:
			add(dockerPlace{doc: doc}, Place{Kind: PlaceFile, File: doc.file}, fmt.Sprintf("%q", doc.file), OutcomeNotAvailable, "it has none for this registry")
		}
	}
	return places, nil
}

func (d dockerDoc) helperName() string {
	return fmt.Sprintf("docker-credential-%s, named in %q", d.helper, d.file)
}

func (d dockerDoc) entryName(e dockerEntry) string {
	return fmt.Sprintf("%q, entry %s", d.file, clipQuote(e.key))
}

// find looks at one place after the other.
func (g *dockerGrant) find(ctx context.Context) (*dockerFound, error) {
	places, err := g.places()
	if err != nil {
		return nil, withPlaces(err, places)
	}
	for i, p := range places {
		if p.entry == nil && !p.helper {
			continue
		}
		l := &places[i].lookup
		pair, err := g.read(ctx, p)
		if errors.Is(err, errNotInHelper) {
			l.Outcome, l.Detail = OutcomeNotAvailable, "it has none for this registry"
			continue
		}
		var f *dockerFound
		if err == nil {
			l.Outcome = OutcomeUsed
			f, err = g.found(pair, l, lookupsOf(places))
		}
		if err != nil {
			if ctx.Err() == nil {
				l.Outcome, l.Detail = OutcomeFailed, reasonOf(err)
			}
			return nil, withPlaces(err, places)
		}
		return f, nil
	}
	return nil, withPlaces(&acrkit.Error{Code: acrkit.CodeCredentialMissing, Op: "find a credential in the Docker configuration", Registry: g.t.registry,
		Reason: "there is none for this registry", Hint: sentence.Fix(sentence.LoginForDocker, map[string]string{"host": g.t.registry.Host()})}, places)
}

// withPlaces puts the report of the places beneath an error of ours, and says which
// place failed: a client that had the error words anew what it was about.
func withPlaces(err error, places []dockerPlace) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	with := *e
	with.Reason = reasonOf(err)
	for _, p := range places {
		// The error of a file names the file; a helper's not who named the helper.
		if p.lookup.Outcome == OutcomeFailed && (e.Cause == cause.HelperMissing || e.Cause == cause.HelperFailed) {
			with.Reason += "; see " + p.lookup.Source
		}
	}
	with.Causes = append([]error{&ChainError{lookupsOf(places)}}, e.Causes...)
	return wire.Final(&with)
}

func parent(prefix string) string {
	if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
		return prefix[:i]
	}
	return ""
}

// read returns what a place holds.
func (g *dockerGrant) read(ctx context.Context, p dockerPlace) (userSecret, error) {
	if p.helper {
		var pair userSecret
		var err error
		for _, host := range hostsOf(g.t.registry) {
			pair, err = askHelper(ctx, p.doc.helper, host.Host(), runHelper)
			if !errors.Is(err, errNotInHelper) {
				break
			}
		}
		return pair, err
	}
	if p.entry.why != "" {
		return userSecret{}, fileError(acrkit.CodeUsage, p.doc.file, fmt.Sprintf("the entry %s %s", clipQuote(p.entry.key), p.entry.why), sentence.Fix(sentence.LogInAgain, nil))
	}
	return p.entry.pair, nil
}

// found binds a pair, or returns what it was bound to before.
func (g *dockerGrant) found(pair userSecret, l *Lookup, lookups []Lookup) (*dockerFound, error) {
	g.reads.Lock()
	last := g.last
	g.reads.Unlock()
	if last != nil && last.place == l.Place && last.pair.equal(pair) {
		return last, nil
	}
	cred := UserPassword(pair.user, pair.secret.Reveal())
	inner, err := cred.bind(g.t)
	if err != nil {
		return nil, cameFrom(err, l.Source)
	}
	return &dockerFound{inner, cred, pair, l.Place, l.Source, lookups}, nil
}

// cameFrom says in an error where the credential came from.
func cameFrom(err error, from string) error {
	e, ok := errors.AsType[*acrkit.Error](err)
	if !ok {
		return err
	}
	with := *e
	with.Reason = reasonOf(err) + "; it is from " + from
	return wire.Final(&with)
}

func (g *dockerGrant) refused(p proof) bool {
	f, ok := p.by.(*dockerFound)
	if !ok {
		return false
	}
	if f.refused(p) {
		return true
	}
	g.leave(f)
	return true
}

func (g *dockerGrant) renew(root *refreshToken) {
	g.reads.Lock()
	f := g.current
	g.reads.Unlock()
	if f != nil {
		f.renew(root)
	}
}

func (g *dockerGrant) rejected(p proof, e *acrkit.Error, said string) {
	if f, ok := p.by.(*dockerFound); ok {
		f.rejected(p, e, said)
		e.Reason += "; it is from " + f.from
		report := &ChainError{slices.Clone(f.lookups)}
		for i := range report.Lookups {
			if l := &report.Lookups[i]; l.Outcome == OutcomeUsed {
				l.Outcome = OutcomeRefused
			}
		}
		e.Causes = append([]error{report}, e.Causes...)
	}
}

func (g *dockerGrant) close() {
	g.reads.close()
	for _, f := range g.old {
		f.close()
	}
}
