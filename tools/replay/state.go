package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit/tools/replay/recording"
)

// state is what a registry must have held when a recording began, as far as its
// answers show.
type state struct {
	repositories map[string]*repository
	anonymous    bool // a client read without a credential
	// moreRepositories are names after which the catalog had more.
	moreRepositories []string

	now int // the number of the exchange that is read
}

type repository struct {
	manifests     map[string]*manifest
	tags          map[string]*tag
	blobs         map[string][]byte // nil = the content is not known
	locks         *locks
	manifestCount int // 0 = not recorded
	tagCount      int

	first int // the number of the first exchange that shows it
	since int // the number of the last exchange that it was not there for

	moreTags, moreManifests []follower // that a Link proves, and of which nothing else is known
}

// follower is an item that a list had after another one.
type follower struct {
	after   string    // the name or digest of the other
	updated time.Time // where the list is by time; else the zero time
}

type manifest struct {
	digest, mediaType, configMediaType, architecture, os string

	children []reference
	updated  time.Time
	locks    *locks
	text     string // its JSON; "" = not known
}

type reference struct{ Digest, Architecture, OS string }

type tag struct {
	digest  string
	updated time.Time
	locks   *locks
}

// locks are the four switches in their JSON form.
type locks struct {
	DeleteEnabled *bool `json:"deleteEnabled,omitempty"`
	WriteEnabled  *bool `json:"writeEnabled,omitempty"`
	ReadEnabled   *bool `json:"readEnabled,omitempty"`
	ListEnabled   *bool `json:"listEnabled,omitempty"`
}

// any reports whether something is locked.
func (l *locks) any() bool {
	if l == nil {
		return false
	}
	return slices.ContainsFunc([]*bool{l.DeleteEnabled, l.WriteEnabled, l.ReadEnabled, l.ListEnabled},
		func(b *bool) bool { return b != nil && !*b })
}

// before returns what l was before a change that set those in changed: they are
// taken for open, which is how items begin.
func (l *locks) before(changed *locks) *locks {
	if l == nil || changed == nil {
		return l
	}
	out := *l
	open := true
	for _, p := range []struct{ now, set **bool }{
		{&out.DeleteEnabled, &changed.DeleteEnabled}, {&out.WriteEnabled, &changed.WriteEnabled},
		{&out.ReadEnabled, &changed.ReadEnabled}, {&out.ListEnabled, &changed.ListEnabled},
	} {
		if *p.set != nil {
			*p.now = &open
		}
	}
	return &out
}

// The bodies that are read.
type manifestBody struct {
	Digest, MediaType, ConfigMediaType, Architecture, OS string

	LastUpdateTime       time.Time
	Tags                 []string
	References           []reference
	ChangeableAttributes *locks
}

type tagBody struct {
	Name, Digest         string
	LastUpdateTime       time.Time
	ChangeableAttributes *locks
}

type answerBody struct {
	ImageName                     string
	ManifestCount, TagCount       int
	ChangeableAttributes          *locks
	Tag                           *tagBody
	Tags                          []tagBody
	Manifest                      *manifestBody
	Manifests                     []manifestBody
	ManifestsDeleted, TagsDeleted []string
	Repositories                  []string
}

// locks returns the switches of the one thing that an answer is about.
func (b *answerBody) locks() *locks {
	switch {
	case b.Tag != nil:
		return b.Tag.ChangeableAttributes
	case b.Manifest != nil:
		return b.Manifest.ChangeableAttributes
	}
	return b.ChangeableAttributes
}

// infer derives the state before a recording from its answers. The first answer
// about a thing counts: a recording changes the registry as it goes. Items that a
// request of the recording itself made are not part of that state.
func infer(r *recording.Recording, known contents) *state {
	s := &state{repositories: map[string]*repository{}}
	made := map[string]bool{}
	for i, x := range r.Exchanges {
		s.now = x.Number
		if strings.HasPrefix(x.URL.Path, "/oauth2/") {
			s.anonymous = s.anonymous || x.Status == http.StatusOK && isAnonymous(r, i)
			continue
		}
		if x.Status/100 != 2 && x.Status != http.StatusTemporaryRedirect {
			continue
		}
		if rest, ok := strings.CutPrefix(x.URL.Path, "/v2/"); ok {
			s.inferContent(x, rest, made, known)
			continue
		}
		rest, ok := strings.CutPrefix(x.URL.Path, "/acr/v1/")
		if !ok {
			continue
		}
		var body answerBody
		_ = json.Unmarshal([]byte(x.Content), &body) // a body that cannot be read is skipped
		var changed *locks
		if x.Method == "PATCH" {
			changed = new(locks)
			_ = json.Unmarshal([]byte(x.Body), changed)
			if x.Body == "" {
				changed = body.locks() // the recorder left it out; all may have been set
			}
		}
		for _, name := range body.Repositories {
			s.repository(name)
		}
		name, tagName, isTag := strings.Cut(rest, "/_tags/")
		if x.Method == "DELETE" {
			r := s.repository(name)
			digest := x.Answer.Get("X-Ms-Int-Docker-Content-Digest")
			if isTag && digest != "" {
				r.addTag(tagBody{Name: tagName, Digest: digest}, nil)
			}
			for _, d := range body.ManifestsDeleted {
				r.addManifest(manifestBody{Digest: d}, nil)
			}
			for _, t := range body.TagsDeleted {
				if len(body.ManifestsDeleted) > 0 && r.tags[t] == nil {
					r.addTag(tagBody{Name: t, Digest: body.ManifestsDeleted[0]}, nil)
				}
			}
			continue
		}
		if body.ImageName == "" {
			continue
		}
		r := s.repository(body.ImageName)
		if body.Tag == nil && body.Tags == nil && body.Manifest == nil && body.Manifests == nil {
			if r.locks == nil {
				r.locks = body.ChangeableAttributes.before(changed)
			}
			if r.manifestCount == 0 {
				r.manifestCount, r.tagCount = body.ManifestCount, body.TagCount
			}
		}
		if body.Tag != nil {
			body.Tags = append(body.Tags, *body.Tag)
		}
		for _, t := range body.Tags {
			if !made[body.ImageName+":"+t.Name] {
				r.addTag(t, changed)
			}
		}
		if body.Manifest != nil {
			body.Manifests = append(body.Manifests, *body.Manifest)
		}
		for _, m := range body.Manifests {
			if !made[body.ImageName+"@"+m.Digest] {
				r.addManifest(m, changed)
			}
		}
	}
	s.inferLinks(r.Exchanges)
	s.inferArrivals(r.Exchanges)
	return s
}

// inferArrivals finds the repositories that came while a recording was made, by
// import for instance: a whole catalog lacks them, and later answers have them.
func (s *state) inferArrivals(exchanges []recording.Exchange) {
	for _, x := range exchanges {
		if x.Method != http.MethodGet || x.Status != http.StatusOK || x.URL.Path != "/acr/v1/_catalog" ||
			x.URL.Query().Get("last") != "" || x.Answer.Get("Link") != "" {
			continue
		}
		var body answerBody
		if json.Unmarshal([]byte(x.Content), &body) != nil {
			continue
		}
		for name, r := range s.repositories {
			if r.first > x.Number && !slices.Contains(body.Repositories, name) {
				r.since = x.Number
			}
		}
	}
}

// isAnonymous reports whether a token request was made without a credential.
func isAnonymous(r *recording.Recording, i int) bool {
	x := &r.Exchanges[i]
	if !r.KeepsBodies {
		return x.URL.Path == "/oauth2/token" && !exchanged(r.Exchanges[:i])
	}
	form, err := url.ParseQuery(x.Body)
	return err == nil && form.Get("grant_type") == "password" && form.Get("username") == ""
}

var contentPath = regexp.MustCompile(`^(.+)/(manifests|blobs)/([^/]+)$`)

// inferContent reads what an answer of the distribution API shows.
func (s *state) inferContent(x recording.Exchange, rest string, made map[string]bool, known contents) {
	if from := x.URL.Query().Get("from"); from != "" && x.Status == 201 {
		s.repository(from).addBlob(x.URL.Query().Get("mount"), nil)
		return
	}
	if digest := x.URL.Query().Get("digest"); digest != "" && x.Status == 201 {
		made[digest] = true
		return
	}
	m := contentPath.FindStringSubmatch(rest)
	if m == nil || x.Method == "DELETE" && m[2] == "manifests" && !strings.Contains(m[3], ":") {
		return
	}
	name, kind, ref := m[1], m[2], m[3]
	digest := x.Answer.Get("Docker-Content-Digest")
	if kind == "manifests" && x.Method == "PUT" {
		text := x.Body
		if exact, ok := known[x.ContentDigest()]; ok {
			text = exact
		}
		if text != "" { // it is sent
			made[name+":"+ref], made[name+"@"+digest] = true, true
			s.inferParts(name, text, made)
			return
		}
	}
	var about manifestBody
	if kind == "manifests" && x.Method != "DELETE" && !isSchema1(x.Answer.Get("Content-Type")) {
		about.MediaType = x.Answer.Get("Content-Type")
	}
	if x.Method == "PUT" {
		about.MediaType = x.Header.Get("Content-Type")
	}
	switch {
	case kind == "blobs":
		if x.Method != "PUT" && !made[ref] {
			s.repository(name).addBlob(ref, &x)
		}
		return
	case strings.Contains(ref, ":"):
		digest = ref
	case digest == "" || made[name+":"+ref]:
		return
	}
	if made[name+"@"+digest] {
		return
	}
	about.Digest = digest
	if x.Method == "GET" {
		about.References = manifestParts(x.Content).children()
	}
	r := s.repository(name)
	r.addManifest(about, nil)
	if x.Method == "GET" && strings.HasPrefix(strings.TrimSpace(x.Content), "{") &&
		!isSchema1(x.Answer.Get("Content-Type")) {
		r.manifests[digest].text = x.Content
	}
	if !strings.Contains(ref, ":") {
		r.addTag(tagBody{Name: ref, Digest: digest}, nil)
	}
}

// isSchema1 reports whether a manifest is of Docker's first schema, which the
// service makes out of others for clients that take nothing else.
func isSchema1(mediaType string) bool {
	return strings.HasPrefix(mediaType, "application/vnd.docker.distribution.manifest.v1+")
}

// parts are what a manifest names.
type parts struct {
	MediaType string
	Config    *descriptor
	Layers    []descriptor
	Manifests []descriptor
}

type descriptor struct {
	MediaType, Digest string
	Size              int
	Platform          struct{ Architecture, OS string }
}

func manifestParts(text string) *parts {
	p := new(parts)
	_ = json.Unmarshal([]byte(text), p) // what cannot be read names nothing
	return p
}

// children returns the manifests that an index names.
func (p *parts) children() []reference {
	var all []reference
	for _, d := range p.Manifests {
		all = append(all, reference{d.Digest, d.Platform.Architecture, d.Platform.OS})
	}
	return all
}

// blobs returns the blobs that must be there.
func (p *parts) blobs() []descriptor {
	if p.Config == nil {
		return p.Layers
	}
	return append([]descriptor{*p.Config}, p.Layers...)
}

// inferParts reads what must have been there when a manifest was pushed.
func (s *state) inferParts(name, text string, made map[string]bool) {
	p, r := manifestParts(text), s.repository(name)
	for _, d := range p.blobs() {
		if !made[d.Digest] {
			r.addBlob(d.Digest, nil)
		}
	}
	for _, d := range p.Manifests {
		if !made[name+"@"+d.Digest] {
			r.addManifest(manifestBody{Digest: d.Digest, MediaType: d.MediaType, Architecture: d.Platform.Architecture,
				OS: d.Platform.OS}, nil)
		}
	}
}

func (s *state) repository(name string) *repository {
	r := s.repositories[name]
	if r == nil {
		r = newRepository()
		r.first = s.now
		s.repositories[name] = r
	}
	return r
}

func newRepository() *repository {
	return &repository{manifests: map[string]*manifest{}, tags: map[string]*tag{}, blobs: map[string][]byte{}}
}

// addBlob adds a blob, whose content or size an answer may have.
func (r *repository) addBlob(digest string, x *recording.Exchange) {
	content := r.blobs[digest]
	if x != nil && content == nil && isStored(x) {
		size := 0
		if _, total, ok := strings.Cut(x.Answer.Get("Content-Range"), "/"); ok {
			size, _ = strconv.Atoi(total) // 0 = not recorded
		}
		if content = []byte(x.Content); size > 0 && size != len(content) {
			content = blobFor(digest, size)
		}
	}
	r.blobs[digest] = content
}

func (r *repository) addTag(b tagBody, changed *locks) {
	r.addManifest(manifestBody{Digest: b.Digest}, nil)
	t := r.tags[b.Name]
	if t == nil {
		t = &tag{digest: b.Digest}
		r.tags[b.Name] = t
	}
	if t.updated.IsZero() {
		t.updated = b.LastUpdateTime
	}
	if t.locks == nil {
		t.locks = b.ChangeableAttributes.before(changed)
	}
}

func (r *repository) addManifest(b manifestBody, changed *locks) {
	m := r.manifests[b.Digest]
	if m == nil {
		m = &manifest{digest: b.Digest}
		r.manifests[b.Digest] = m
	}
	if m.mediaType == "" {
		m.mediaType = b.MediaType
	}
	if m.updated.IsZero() {
		m.configMediaType, m.architecture, m.os, m.updated = b.ConfigMediaType, b.Architecture, b.OS, b.LastUpdateTime
	}
	if m.children == nil {
		m.children = b.References
		for _, c := range b.References {
			r.addManifest(manifestBody{Digest: c.Digest, Architecture: c.Architecture, OS: c.OS}, nil)
			if k := r.manifests[c.Digest]; k.architecture == "" {
				k.architecture, k.os = c.Architecture, c.OS
			}
		}
	}
	if m.locks == nil {
		m.locks = b.ChangeableAttributes.before(changed)
	}
	for _, t := range b.Tags {
		if r.tags[t] == nil {
			r.tags[t] = &tag{digest: b.Digest}
		}
	}
}
