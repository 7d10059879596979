package dataplane

import (
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/content"
	"github.com/acrkit/acrkit/emulator/internal/db"
	"github.com/acrkit/acrkit/internal/exactjson"
)

// maxAttributes is the largest body of a PATCH, in bytes: four switches.
//
//rule:emulator-limits-max-attributes
const maxAttributes = 64 << 10

// timestamp is written with up to seven fractional digits, zeros at the end cut
// (recorded).
type timestamp time.Time

func (t timestamp) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(`"2006-01-02T15:04:05.9999999Z"`)), nil
}

type attributes struct {
	DeleteEnabled bool `json:"deleteEnabled"`
	WriteEnabled  bool `json:"writeEnabled"`
	ReadEnabled   bool `json:"readEnabled"`
	ListEnabled   bool `json:"listEnabled"`
}

func attributesOf(l content.Locks) attributes {
	return attributes{l&content.NoDelete == 0, l&content.NoWrite == 0, l&content.NoRead == 0, l&content.NoList == 0}
}

type repositoryBody struct {
	Registry             string     `json:"registry"`
	ImageName            string     `json:"imageName"`
	CreatedTime          timestamp  `json:"createdTime"`
	LastUpdateTime       timestamp  `json:"lastUpdateTime"`
	ManifestCount        int64      `json:"manifestCount"`
	TagCount             int64      `json:"tagCount"`
	ChangeableAttributes attributes `json:"changeableAttributes"`
}

type tagBody struct {
	Name                 string     `json:"name"`
	Digest               string     `json:"digest"`
	CreatedTime          timestamp  `json:"createdTime"`
	LastUpdateTime       timestamp  `json:"lastUpdateTime"`
	Signed               bool       `json:"signed"` // always false in recordings
	ChangeableAttributes attributes `json:"changeableAttributes"`
}

type manifestBody struct {
	Digest               string          `json:"digest"`
	ImageSize            int64           `json:"imageSize"`
	CreatedTime          timestamp       `json:"createdTime"`
	LastUpdateTime       timestamp       `json:"lastUpdateTime"`
	Architecture         string          `json:"architecture,omitempty"`
	OS                   string          `json:"os,omitempty"`
	MediaType            string          `json:"mediaType"`
	ConfigMediaType      string          `json:"configMediaType,omitempty"`
	Tags                 []string        `json:"tags,omitempty"`
	ChangeableAttributes attributes      `json:"changeableAttributes"`
	References           []referenceBody `json:"references,omitempty"`
}

type referenceBody struct {
	Digest       string `json:"digest"`
	Architecture string `json:"architecture,omitempty"`
	OS           string `json:"os,omitempty"`
}

func repositoryOf(reg Endpoint, r content.Repository) repositoryBody {
	return repositoryBody{reg.LoginServer, r.Name, timestamp(r.Created), timestamp(r.Updated), r.Manifests,
		r.Tags, attributesOf(r.Locks)}
}

func tagOf(t content.Tag) tagBody {
	return tagBody{t.Name, t.Digest, timestamp(t.Created), timestamp(t.Updated), false, attributesOf(t.Locks)}
}

func manifestOf(m content.Manifest) manifestBody {
	b := manifestBody{m.Digest, m.ImageSize, timestamp(m.Created), timestamp(m.Updated), m.Architecture, m.OS,
		m.MediaType, m.ConfigMediaType, m.Tags, attributesOf(m.Locks), nil}
	for _, r := range m.References {
		b.References = append(b.References, referenceBody(r))
	}
	return b
}

// acrPage is [Handler.page] with an order. A word that is no order is taken as
// none, as the service takes "0" (recorded). No size, or 0, is the default. In an
// order by time the last item's place is read from last.
func (h *Handler) acrPage(q *request) (content.Page, bool) {
	p, ok := h.page(q)
	if p.N == 0 {
		p.N = defaultPage
	}
	switch o := content.Order(q.URL.Query().Get("orderby")); o {
	case content.TimeAscending, content.TimeDescending:
		p.Order = o
	}
	if !ok || p.Order == "" || p.Last == "" {
		return p, ok
	}
	if p.Updated, p.Last, ok = parsePlace(p.Last); !ok {
		// Better than a list that begins again or ends (ours: what the service
		// does is not known).
		h.fail(q.w, http.StatusBadRequest, "UNSUPPORTED",
			"last is not the place of an item in the order of time, as a Link has it", nil)
	}
	return p, ok
}

// ticksOf1970 is 1970 in the ticks of .NET, which count 100 ns from the year 1.
const ticksOf1970 = 621_355_968_000_000_000

// place is what a Link says of the last item of a page in an order by time: the
// ticks of its last update, and its name (recorded).
func place(updated time.Time, name string) string {
	return strconv.FormatInt(ticksOf1970+updated.UnixNano()/int64(db.Tick), 10) + "&" + name
}

// parsePlace reads a place. It takes the years from 1678 to 2262, as the database
// does.
func parsePlace(s string) (updated time.Time, name string, ok bool) {
	digits, name, ok := strings.Cut(s, "&")
	ticks, err := strconv.ParseUint(digits, 10, 63)
	since := int64(ticks) - ticksOf1970
	if !ok || name == "" || err != nil || since < math.MinInt64/int64(db.Tick) || since > math.MaxInt64/int64(db.Tick) {
		return time.Time{}, "", false
	}
	return time.Unix(0, since*int64(db.Tick)), name, true
}

// nextByTime is next where the list may be in an order by time. It leaves out the digest by
// which a list of tags is filtered (recorded).
func (q *request) nextByTime(p content.Page, updated time.Time, name string) {
	if p.Order != "" {
		name = place(updated, name)
	}
	q.next(p, name)
}

// change reads the body of a PATCH: any of the four switches, other fields
// ignored. ok is false where an answer was written. An empty body is refused
// (believed): a client that lost its body must not get a success.
func (h *Handler) change(q *request) (c content.LockChange, ok bool) {
	b, err := io.ReadAll(io.LimitReader(q.Body, maxAttributes+1))
	if err == nil && len(b) > maxAttributes {
		h.fail(q.w, http.StatusRequestEntityTooLarge, "UNSUPPORTED", "the attributes are too large", nil)
		return c, false
	}
	var body *struct {
		DeleteEnabled *bool `json:"deleteEnabled"`
		WriteEnabled  *bool `json:"writeEnabled"`
		ReadEnabled   *bool `json:"readEnabled"`
		ListEnabled   *bool `json:"listEnabled"`
	}
	if err == nil {
		err = exactjson.Unmarshal(b, &body) // a lock must not depend on how a reader takes a key
	}
	if err != nil || body == nil {
		h.fail(q.w, http.StatusBadRequest, "UNSUPPORTED", "the attributes cannot be read", nil)
		return c, false
	}
	for _, s := range []struct {
		enabled *bool
		lock    content.Locks
	}{
		{body.DeleteEnabled, content.NoDelete}, {body.WriteEnabled, content.NoWrite},
		{body.ReadEnabled, content.NoRead}, {body.ListEnabled, content.NoList},
	} {
		if s.enabled == nil {
			continue
		}
		c.Mask |= s.lock
		if !*s.enabled {
			c.Set |= s.lock
		}
	}
	return c, true
}

func (h *Handler) acrRepository(q *request) {
	var r content.Repository
	var err error
	switch q.Method {
	case http.MethodPatch:
		c, ok := h.change(q)
		if !ok {
			return
		}
		r, err = h.store.UpdateRepository(q.Context(), q.reg.ID, q.Repo, c)
	case http.MethodDelete:
		h.deleteRepository(q)
		return
	default:
		r, err = h.store.Repository(q.Context(), q.reg.ID, q.Repo)
	}
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	h.json(q.w, http.StatusOK, repositoryOf(q.reg, r))
}

func (h *Handler) deleteRepository(q *request) {
	manifests, tags, err := h.store.DeleteRepository(q.Context(), q.reg.ID, q.Repo)
	if content.KindOf(err) == content.RepositoryUnknown { // another text than that of GET (recorded)
		h.fail(q.w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry",
			map[string]string{"name": q.Repo})
		return
	}
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	h.json(q.w, http.StatusAccepted, struct {
		Manifests []string `json:"manifestsDeleted"`
		Tags      []string `json:"tagsDeleted"`
	}{manifests, tags}) // no tags are null (recorded)
}

func (h *Handler) acrTags(q *request) {
	p, ok := h.acrPage(q)
	if !ok {
		return
	}
	found, more, err := h.store.Tags(q.Context(), q.reg.ID, q.Repo, q.URL.Query().Get("digest"), p)
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	if more {
		last := found[len(found)-1]
		q.nextByTime(p, last.Updated, last.Name)
	}
	body := struct {
		Registry  string    `json:"registry"`
		ImageName string    `json:"imageName"`
		Tags      []tagBody `json:"tags"`
	}{q.reg.LoginServer, q.Repo, nil} // nothing is null (recorded)
	for _, t := range found {
		body.Tags = append(body.Tags, tagOf(t))
	}
	h.json(q.w, http.StatusOK, body)
}

func (h *Handler) acrTag(q *request) {
	var t content.Tag
	var err error
	switch q.Method {
	case http.MethodPatch:
		c, ok := h.change(q)
		if !ok {
			return
		}
		t, err = h.store.UpdateTag(q.Context(), q.reg.ID, q.Repo, q.Ref, c)
	case http.MethodDelete:
		digest, err := h.store.DeleteTag(q.Context(), q.reg.ID, q.Repo, q.Ref)
		if err != nil {
			h.contentError(q.w, q.Request, err)
			return
		}
		q.w.Header().Set("X-Ms-Int-Docker-Content-Digest", digest)
		q.w.WriteHeader(http.StatusAccepted)
		return
	default:
		t, err = h.store.Tag(q.Context(), q.reg.ID, q.Repo, q.Ref)
	}
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	h.json(q.w, http.StatusOK, struct {
		Registry  string  `json:"registry"`
		ImageName string  `json:"imageName"`
		Tag       tagBody `json:"tag"`
	}{q.reg.LoginServer, q.Repo, tagOf(t)})
}

func (h *Handler) acrManifests(q *request) {
	p, ok := h.acrPage(q)
	if !ok {
		return
	}
	found, more, err := h.store.Manifests(q.Context(), q.reg.ID, q.Repo, p)
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	if more {
		last := found[len(found)-1]
		q.nextByTime(p, last.Updated, last.Digest)
	}
	body := struct {
		Registry  string         `json:"registry"`
		ImageName string         `json:"imageName"`
		Manifests []manifestBody `json:"manifests"`
	}{q.reg.LoginServer, q.Repo, nil} // nothing is null; see acrTags
	for _, m := range found {
		body.Manifests = append(body.Manifests, manifestOf(m))
	}
	h.json(q.w, http.StatusOK, body)
}

func (h *Handler) acrManifest(q *request) {
	if !acrkit.IsDigest(q.Ref) { // no manifest can have it
		h.contentError(q.w, q.Request, &content.Error{Kind: content.ManifestUnknown, Name: q.Ref})
		return
	}
	var m content.Manifest
	var err error
	if q.Method == http.MethodPatch {
		c, ok := h.change(q)
		if !ok {
			return
		}
		m, err = h.store.UpdateManifest(q.Context(), q.reg.ID, q.Repo, q.Ref, c)
	} else {
		m, err = h.store.Manifest(q.Context(), q.reg.ID, q.Repo, q.Ref)
	}
	if err != nil {
		h.contentError(q.w, q.Request, err)
		return
	}
	h.json(q.w, http.StatusOK, struct {
		Registry  string       `json:"registry"`
		ImageName string       `json:"imageName"`
		Manifest  manifestBody `json:"manifest"`
	}{q.reg.LoginServer, q.Repo, manifestOf(m)})
}
