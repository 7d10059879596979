package replay

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/acrkit/acrkit/internal/replay/recording"
)

// state is what a registry must have held when a recording began, as far as its
// answers tell.
type state struct {
	repositories map[string]*repository
	anonymous    bool // somebody read without a credential
}

type repository struct {
	manifests     map[string]*manifest
	tags          map[string]*tag
	blobs         map[string]bool
	locks         *locks
	manifestCount int // 0 = not told
	tagCount      int
}

type manifest struct {
	digest, mediaType, configMediaType, architecture, os string

	children []reference
	updated  time.Time
	locks    *locks
}

type reference struct{ Digest, Architecture, OS string }

type tag struct {
	digest  string
	updated time.Time
	locks   *locks
}

// locks are the four switches, as they stand in JSON.
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
	return slices.ContainsFunc([]*bool{l.DeleteEnabled, l.WriteEnabled, l.ReadEnabled, l.ListEnabled}, func(b *bool) bool { return b != nil && !*b })
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

// The bodies that tell something.
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

// infer reads what the answers tell. What is told first counts: a recording
// changes the registry as it goes. Items that a request of the recording itself
// made are not part of the beginning.
func infer(exchanges []recording.Exchange) *state {
	s := &state{repositories: map[string]*repository{}}
	made := map[string]bool{}
	for _, x := range exchanges {
		if strings.HasPrefix(x.URL.Path, "/oauth2/") {
			form, err := url.ParseQuery(x.Body)
			anonymous := err == nil && form.Get("grant_type") == "password" && form.Get("username") == ""
			s.anonymous = s.anonymous || anonymous && x.Status == 200
			continue
		}
		if x.Status/100 != 2 {
			continue
		}
		if rest, ok := strings.CutPrefix(x.URL.Path, "/v2/"); ok {
			s.inferContent(x, rest, made)
			continue
		}
		rest, ok := strings.CutPrefix(x.URL.Path, "/acr/v1/")
		if !ok {
			continue
		}
		var body answerBody
		_ = json.Unmarshal([]byte(x.Content), &body) // what cannot be read tells nothing
		var changed *locks
		if x.Method == "PATCH" {
			changed = new(locks)
			_ = json.Unmarshal([]byte(x.Body), changed)
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
	return s
}

var contentPath = regexp.MustCompile(`^(.+)/(manifests|blobs)/([^/]+)$`)

// inferContent reads what an answer of the distribution API tells.
func (s *state) inferContent(x recording.Exchange, rest string, made map[string]bool) {
	if from := x.URL.Query().Get("from"); from != "" && x.Status == 201 {
		s.repository(from).blobs[x.URL.Query().Get("mount")] = true
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
	switch {
	case kind == "blobs" && x.Method != "PUT":
		if !made[ref] {
			s.repository(name).blobs[ref] = true
		}
	case kind == "manifests" && x.Method == "PUT":
		made[name+":"+ref], made[name+"@"+digest] = true, true
	case kind == "manifests" && strings.Contains(ref, ":"):
		if !made[name+"@"+ref] {
			s.repository(name).addManifest(manifestBody{Digest: ref, MediaType: x.Answer.Get("Content-Type")}, nil)
		}
	case kind == "manifests" && digest != "" && !made[name+":"+ref]:
		r := s.repository(name)
		r.addManifest(manifestBody{Digest: digest, MediaType: x.Answer.Get("Content-Type")}, nil)
		r.addTag(tagBody{Name: ref, Digest: digest}, nil)
	}
}

func (s *state) repository(name string) *repository {
	r := s.repositories[name]
	if r == nil {
		r = &repository{manifests: map[string]*manifest{}, tags: map[string]*tag{}, blobs: map[string]bool{}}
		s.repositories[name] = r
	}
	return r
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
