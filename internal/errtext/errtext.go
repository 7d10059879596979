// Package errtext reads what a client of a registry printed when it was refused:
// of docker, podman, buildah, skopeo, containerd, a kubelet's events, az, helm, oras,
// crane, regctl, and the Azure SDKs of Go, Python, JavaScript and Java. It finds
// where the client was, and what it needed; why it was refused is said by package
// diagnose.
package errtext

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/redact"
)

// MaxText is the longest text that is read: a build's log has megabytes, and its
// end says what failed.
const MaxText = 1 << 20

// Refusal is what a text says. Any field may be zero.
type Refusal struct {
	Registry   acrkit.Registry
	Repository string
	Target     string       // tag or digest
	Required   acrkit.Scope // what the failed request needed
	Named      bool         // the registry itself named Required in its answer
	Text       string       // the text, without colours, prefixes and secrets
}

// Read reads a text. Where several requests failed, the last one counts: clients
// try one way after the other, and say what ended them last. Of a text longer than
// [MaxText] the end is read.
func Read(text string) Refusal {
	if len(text) > MaxText {
		text = text[len(text)-MaxText:]
	}
	text = clean(text)
	r := Refusal{Text: redact.Text(text)}
	r.readURLs(text)
	r.readReferences(text)
	r.readManifests(text)
	r.readScopes(text)
	r.infer(text)
	return r
}

var (
	pushing = regexp.MustCompile(`(?i)\b(?:push(?:ing|ed)?|writing (?:blob|manifest)|uploading|blob post|copying layer)\b`)
	catalog = regexp.MustCompile(`(?i)\blist(?:ing)? repositories\b`)
	tagging = regexp.MustCompile(`(?i)\b(?:list(?:ing)?[ -](?:repository )?tags|repository tags|tags list)\b`)
)

// infer says what was needed where the text names a repository alone, by what the
// client says that it did. Most read.
func (r *Refusal) infer(text string) {
	switch {
	case !r.Required.IsEmpty():
	case r.Repository == "":
		if catalog.MatchString(text) {
			r.Required = acrkit.CatalogScope()
		}
	case tagging.MatchString(text):
		r.Required = acrkit.RepositoryScope(r.Repository, acrkit.MetadataRead)
	case pushing.MatchString(text):
		r.Required = acrkit.RepositoryScope(r.Repository, acrkit.ContentRead, acrkit.ContentWrite)
	default:
		r.Required = acrkit.RepositoryScope(r.Repository, acrkit.ContentRead)
	}
}

var (
	colours = regexp.MustCompile("\x1b\\[[0-9;?]*[A-Za-z]")
	// header marks lines that tell how the text was got, and are not of it.
	header = regexp.MustCompile(`(?m)^#: .*\n?`)
	// Some clients print errors quoted, in quotes again.
	escapes = strings.NewReplacer(`\\n`, "\n", `\n`, "\n", `\\"`, `"`, `\"`, `"`, "\r", "")
)

// clean undoes what log formats add.
func clean(text string) string {
	text = colours.ReplaceAllString(text, "")
	text = header.ReplaceAllString(text, "")
	return escapes.Replace(strings.ToValidUTF8(text, "\uFFFD"))
}

// A URL with the method that stands before it, in any of the ways of clients:
// Get "https://…", GET https://…, GET "https://…", Head https://….
var urlForm = regexp.MustCompile(`(?i)(?:\b(get|head|put|post|patch|delete)\s+"?)?(https?://[^\s"'<>\\)\]]+)`)

func (r *Refusal) readURLs(text string) {
	for _, m := range urlForm.FindAllStringSubmatch(text, -1) {
		u, err := url.Parse(strings.TrimRight(m[2], ".,:;"))
		if err != nil {
			continue
		}
		reg, ok := registryOf(u.Host)
		if !ok {
			continue
		}
		r.Registry = reg
		method := strings.ToUpper(m[1])
		if method == "" {
			method = http.MethodGet
		}
		need := operation.RequiredFor(method, u)
		if need.Op == operation.Unknown || need.Op == operation.Ping {
			r.readQuery(u)
			continue
		}
		r.Required, r.Repository, r.Target = need.Scope, need.Repository, targetOf(u.Path)
	}
}

// readQuery reads the scope that a token was asked for.
func (r *Refusal) readQuery(u *url.URL) {
	if !strings.HasSuffix(u.Path, "/oauth2/token") {
		return
	}
	if s, err := acrkit.ParseScope(strings.Join(u.Query()["scope"], " ")); err == nil && !s.IsEmpty() {
		r.require(s)
	}
}

// require notes a scope and the repository in it.
func (r *Refusal) require(s acrkit.Scope) {
	r.Required = s
	for a := range s.All() {
		if a.Type != "repository" || acrkit.CheckRepositoryName(a.Name) != nil {
			continue
		}
		if r.Repository != a.Name {
			r.Repository, r.Target = a.Name, ""
		}
	}
}

// targetOf returns the tag or digest in a path of the API.
func targetOf(path string) string {
	for _, mark := range []string{"/manifests/", "/_tags/", "/_manifests/", "/blobs/"} {
		if i := strings.LastIndex(path, mark); i >= 0 {
			if t := path[i+len(mark):]; acrkit.IsTag(t) || acrkit.IsDigest(t) {
				return t
			}
		}
	}
	return ""
}

// registryOf reads a host that can be a registry: one of ACR's or on loopback. Other
// hosts in a text are a proxy's, Entra's, or a page of documentation.
func registryOf(host string) (acrkit.Registry, bool) {
	reg, err := acrkit.ParseRegistry(host)
	if err != nil || !strings.ContainsAny(host, ".:") || !reg.IsACR() && !reg.IsLoopback() {
		return acrkit.Registry{}, false
	}
	return reg, true
}

// A reference: a host of ACR's, or a loopback one with its port, then the
// repository, and perhaps a tag or a digest. A host may stand alone.
var referenceForm = regexp.MustCompile(`(?i)\b((?:[a-z0-9-]+\.)+azurecr\.(?:io|us|cn)(?::\d+)?|(?:[a-z0-9-]+\.)*localhost:\d+|127\.0\.0\.1:\d+)((?:/[a-z0-9._-]+)+)?(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?`)

func (r *Refusal) readReferences(text string) {
	for _, m := range referenceForm.FindAllStringSubmatchIndex(text, -1) {
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		reg, ok := registryOf(part(1))
		if !ok || goesOn(text[m[3]:]) {
			continue
		}
		if r.Registry.IsZero() {
			r.Registry = reg
		}
		name := strings.Trim(part(2), "/")
		if name == "" || strings.HasPrefix(name, "v2") || strings.HasPrefix(name, "acr/v1") || strings.HasPrefix(name, "oauth2") || acrkit.CheckRepositoryName(name) != nil {
			continue
		}
		target := strings.TrimPrefix(part(3), ":")
		if digest := strings.TrimPrefix(part(4), "@"); digest != "" {
			target = digest
		}
		if r.Repository == "" {
			r.Repository = name
		}
		if r.Repository == name && r.Target == "" && acrkit.IsTag(target) || acrkit.IsDigest(target) && r.Repository == name {
			r.Target = target
		}
	}
}

// manifestForm is a tag that stands apart from its repository, as the programs of
// github.com/containers/image write it.
var manifestForm = regexp.MustCompile(`\b(?:reading|uploading) manifest (\S+) (?:in|to) \S+/\S`)

func (r *Refusal) readManifests(text string) {
	for _, m := range manifestForm.FindAllStringSubmatch(text, -1) {
		if r.Repository != "" && r.Target == "" && (acrkit.IsTag(m[1]) || acrkit.IsDigest(m[1])) {
			r.Target = m[1]
		}
	}
}

// goesOn reports whether a host is only the beginning of a longer one.
func goesOn(rest string) bool {
	rest = strings.TrimPrefix(rest, ".")
	return rest != "" && (rest[0] == '-' || rest[0] >= '0' && rest[0] <= '9' || rest[0]|0x20 >= 'a' && rest[0]|0x20 <= 'z')
}

var (
	// scope="repository:a/b:pull", as challenges have it
	scopeForm = regexp.MustCompile(`scope=\\*"((?:repository|registry):[^"\\]+)`)
	// {"Type":"repository","Name":"a/b","Action":"pull"}, of an answer's body, in
	// whatever notation of a language.
	detailForm = regexp.MustCompile(`['"]?Type['"]?\s*:\s*['"](\w+)['"],\s*['"]?Name['"]?\s*:\s*['"]([^'"]+)['"],\s*['"]?Action['"]?\s*:\s*['"]([^'"]+)['"]`)
	// map[Action:pull Class: Name:a/b Type:repository], of programs in Go.
	mapForm = regexp.MustCompile(`map\[Action:(\S+) (?:Class:\S* )?Name:(\S+) Type:(\w+)\]`)
)

// readScopes reads what the registry itself said that it wants. It outweighs what
// follows from a URL: ACR's words are about the request that failed.
func (r *Refusal) readScopes(text string) {
	last := -1
	for _, m := range scopeForm.FindAllStringSubmatchIndex(text, -1) {
		if s, err := acrkit.ParseScope(text[m[2]:m[3]]); err == nil && !s.IsEmpty() {
			r.require(s)
			r.Named, last = true, m[0]
		}
	}
	var s acrkit.Scope
	end := 0
	add := func(typ, name, action string, from, to int) {
		one, err := acrkit.ParseScope(typ + ":" + name + ":" + action)
		if err != nil {
			return
		}
		// The elements of one list stand close together; another list is another answer.
		if from-end > 120 {
			s = acrkit.Scope{}
		}
		s, end = s.Union(one), to
	}
	for _, m := range detailForm.FindAllStringSubmatchIndex(text, -1) {
		add(text[m[2]:m[3]], text[m[4]:m[5]], text[m[6]:m[7]], m[0], m[1])
	}
	for _, m := range mapForm.FindAllStringSubmatchIndex(text, -1) {
		add(text[m[6]:m[7]], text[m[4]:m[5]], text[m[2]:m[3]], m[0], m[1])
	}
	if !s.IsEmpty() && end > last {
		r.require(s)
		r.Named = true
	}
}
