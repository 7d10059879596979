// Package errtext reads what a client of a registry printed when it failed: of docker,
// podman, buildah, skopeo, containerd, a kubelet's events, App Service, az, helm, oras,
// crane, regctl, and programs in Go, Python, Node, Java and .NET. A text becomes a list
// of events, in order, each with its place: the phase, the host and its class, the
// status and what the service said. Package diagnose finds the cause of an event.
package errtext

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/operation"
	"github.com/acrkit/acrkit/internal/redact"
)

// Reading is what a text says. Any field may be zero.
type Reading struct {
	Events []Event // in the order of the text
	// Ended is the index of the event that ended it, -1 if there is none.
	Ended  int
	Client Client // where the text comes from

	// What the failed request was about.
	Registry   acrkit.Registry
	Repository string
	Target     string       // tag or digest
	Required   acrkit.Scope // what it needed
	Named      bool         // the registry itself named Required in its answer

	User       string        // the user name that a command line gives; "" = none
	RetryAfter time.Duration // how long the service asks to wait; 0 = it does not say

	Text string // the text as one line, without colours and secrets
}

// Client is a kind of program, where the fix depends on it.
type Client string

// The clients.
const (
	UnknownClient Client = ""
	Kubelet       Client = "kubelet"
	AppService    Client = "App Service"
	ContainerApps Client = "Container Apps"
	DockerDaemon  Client = "docker daemon"
	AzureCLI      Client = "az"
)

var clients = []struct {
	client Client
	words  pattern
}{
	{Kubelet, words(`(?i)\bkubelet\b|\bFailed to pull image "|\bErrImagePull\b|\bImagePullBackOff\b`)},
	{ContainerApps, words(`(?i)\bcontainer\s?apps?\b|Microsoft\.App/`)},
	{AppService, words(`\bDockerApiException\b|\bSite: \S+ - |(?i)\bapp\s?service\b|\.azurewebsites\.net`)},
	{DockerDaemon, words(`(?i)\bError response from daemon\b|\bThe push refers to repository\b`)},
	{AzureCLI, words(`\bCONNECTIVITY_[A-Z_]+_ERROR\b|\baz acr\b|\bUnable to get AAD authorization tokens\b`)},
}

var (
	userFlag   = words(`\b(?:login|push|pull|copy)\b[^\n]* (?:-u|--username)[ =]["']?([\w.@-]{1,64})`)
	retryAfter = words(`(?i)\bretry[- ]after["']?\s*[:=]?\s*["'\[]{0,2}(\d{1,4})\b`)
)

// Read reads a text. Of one longer than [MaxText] the end is read.
func Read(text string) Reading {
	text = clean(text)
	r := newReader(text)
	out := Reading{Events: r.events(), Text: redact.Text(text)}
	out.Ended = ended(out.Events)
	for _, c := range clients {
		if c.words.re().MatchString(text) {
			out.Client = c.client
			break
		}
	}
	if m := userFlag.re().FindStringSubmatch(text); m != nil {
		out.User = m[1]
	}
	if all := retryAfter.re().FindAllStringSubmatch(text, -1); len(all) > 0 {
		seconds, _ := strconv.Atoi(all[len(all)-1][1])
		out.RetryAfter = time.Duration(seconds) * time.Second
	}
	p := place{}
	upTo := text
	window := text
	if out.Ended >= 0 {
		e := out.Events[out.Ended]
		from, to := 0, len(text)
		if out.Ended > 0 {
			from = min(out.Events[out.Ended-1].end, r.lines[r.lineOf(e.start)])
		}
		if out.Ended+1 < len(out.Events) {
			to = max(e.end, out.Events[out.Ended+1].start)
		}
		p.only = e.Registry
		upTo, window = text[:to], text[from:to]
	}
	p.read(upTo, window)
	if p.registry.IsZero() && out.Ended >= 0 {
		p = place{}
		p.read(text, window)
	}
	p.infer(r.without(upTo))
	out.Registry, out.Repository, out.Target = p.registry, p.repository, p.target
	out.Required, out.Named = p.required, p.named
	return out
}

// without returns a part of the text without the lines that name another registry:
// requests there say nothing about the rights that were needed here.
func (r *reader) without(text string) string {
	var b strings.Builder
	from := 0
	for _, m := range r.mentions {
		if m.class != OtherRegistry || m.start < from || m.start >= len(text) {
			continue
		}
		n := r.lineOf(m.start)
		b.WriteString(text[from:max(from, r.lines[n])])
		if from = len(text); n+1 < len(r.lines) {
			from = min(from, r.lines[n+1])
		}
	}
	b.WriteString(text[from:])
	return b.String()
}

// ended finds the event that ended a text: the last one about a registry of ACR, or
// about a step on the way to it; else the last one that names no host; else the last one
// about another registry.
func ended(all []Event) int {
	last := func(of func(Event) bool) int {
		for i, e := range slices.Backward(all) {
			if of(e) {
				return i
			}
		}
		return -1
	}
	// If a login server was taken for an image of Docker Hub, a registry of ACR was intended.
	//rule:strangers-words-ended
	i := last(func(e Event) bool { return e.onTheWay() || e.TookHostForImage() })
	if i < 0 {
		i = last(func(e Event) bool { return e.Class == Unnamed })
	}
	if i < 0 {
		return last(func(Event) bool { return true })
	}
	// Every client without a credential gets this refusal. Another event may say more: why
	// there is no credential, or, of several tries on one line, how the one with a
	// credential ended.
	if !all[i].vague() || all[i].TookHostForImage() {
		return i
	}
	for j, e := range slices.Backward(all[:i]) {
		switch {
		case !e.onTheWay() && e.Class != all[i].Class:
		case e.Phase == Local && (e.Kind == ConfigBroken || e.Kind == NoCredential), e.Phase == Helper,
			e.Phase == Entra:
			return j
		case e.Phase == Answer && e.lineNo == all[i].lineNo && (!e.vague() || e.Sent && !all[i].Sent):
			return j
		}
	}
	return i
}

// onTheWay reports whether an event is of a registry of ACR, or of a step towards one.
func (e Event) onTheWay() bool {
	switch e.Class {
	case OfRegistry, OfData, OfEntra, OfARM:
		return true
	case Unnamed:
		return e.OfMachine()
	}
	return false
}

// OfMachine reports whether an event is of this machine or of Entra, and so does not
// depend on the registry.
func (e Event) OfMachine() bool {
	switch e.Phase {
	case Helper, Entra:
		return true
	case Local:
		return e.Kind != PlatformMissing && e.Kind != NoCredential
	}
	return e.Kind == ProxyMalformed
}

// vague reports whether an event is a 401 without a reason.
func (e Event) vague() bool {
	says := slices.ContainsFunc(e.Says, func(s Says) bool { return s != SaysAuthRequired })
	coded := slices.ContainsFunc(e.Codes, func(c string) bool { return c != "UNAUTHORIZED" })
	return e.Phase == Answer && e.Kind == Answered && !says && !coded && !e.NoBody &&
		(e.Status == http.StatusUnauthorized || e.Status == 0)
}

// place is what a text says of the request.
type place struct {
	only       acrkit.Registry // other registries are ignored; zero = none is
	registry   acrkit.Registry
	repository string
	target     string
	required   acrkit.Scope
	named      bool
}

// read reads places from text, and scopes from the window of the failure.
func (r *place) read(text, window string) {
	r.readURLs(text)
	r.readReferences(text)
	r.readManifests(text)
	r.readScopes(window)
	r.readOwn(window)
}

var (
	pushing = regexp.MustCompile(
		`(?i)\b(?:push(?:ing|ed)?|writing (?:blob|manifest)|uploading|blob post|copying layer)\b`)
	catalog = regexp.MustCompile(`(?i)\blist(?:ing)? repositories\b`)
	tagging = regexp.MustCompile(`(?i)\b(?:list(?:ing)?[ -](?:repository )?tags|repository tags|tags list)\b`)
)

// infer sets the required scope if the text names only a repository: from what the client
// says that it did, else reading.
func (r *place) infer(text string) {
	switch {
	case !r.required.IsEmpty():
	case r.repository == "":
		if catalog.MatchString(text) {
			r.required = acrkit.CatalogScope()
		}
	case tagging.MatchString(text):
		r.required = acrkit.RepositoryScope(r.repository, acrkit.MetadataRead)
	case pushing.MatchString(text):
		r.required = acrkit.RepositoryScope(r.repository, acrkit.ContentRead, acrkit.ContentWrite)
	default:
		r.required = acrkit.RepositoryScope(r.repository, acrkit.ContentRead)
	}
}

// A URL with the method before it, in the forms that clients print:
// Get "https://…", GET https://…, GET "https://…", Head https://….
var urlForm = regexp.MustCompile(`(?i)(?:\b(get|head|put|post|patch|delete)\s+"?)?(https?://[^\s"'<>\\)\]]+)`)

func (r *place) readURLs(text string) {
	for _, m := range urlForm.FindAllStringSubmatch(text, -1) {
		u, err := url.Parse(strings.TrimRight(m[2], ".,:;"))
		if err != nil {
			continue
		}
		reg, ok := registryOf(u.Host)
		if !ok || !r.only.IsZero() && reg != r.only {
			continue
		}
		r.registry = reg
		method := strings.ToUpper(m[1])
		if method == "" {
			method = http.MethodGet
		}
		need := operation.RequiredFor(method, u)
		if need.Op == operation.Unknown || need.Op == operation.Ping {
			r.readQuery(u)
			continue
		}
		r.required, r.repository, r.target = need.Scope, need.Repository, targetOf(u.Path)
	}
}

// readQuery reads the scope that a token was asked for.
func (r *place) readQuery(u *url.URL) {
	if !strings.HasSuffix(u.Path, "/oauth2/token") {
		return
	}
	if s, err := acrkit.ParseScope(strings.Join(u.Query()["scope"], " ")); err == nil && !s.IsEmpty() {
		r.require(s)
	}
}

// require notes a scope and the repository in it.
func (r *place) require(s acrkit.Scope) {
	r.required = s
	for a := range s.All() {
		if a.Type != "repository" || acrkit.CheckRepositoryName(a.Name) != nil {
			continue
		}
		if r.repository != a.Name {
			r.repository, r.target = a.Name, ""
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
// repository, and perhaps a tag or a digest. A host may be alone.
var referenceForm = regexp.MustCompile(
	`(?i)\b((?:[a-z0-9-]+\.)+azurecr\.(?:io|us|cn)(?::\d+)?|(?:[a-z0-9-]+\.)*localhost:\d+|127\.0\.0\.1:\d+)((?:/[a-z0-9._-]+)+)?(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?`)

func (r *place) readReferences(text string) {
	for _, m := range referenceForm.FindAllStringSubmatchIndex(text, -1) {
		part := func(i int) string {
			if m[2*i] < 0 {
				return ""
			}
			return text[m[2*i]:m[2*i+1]]
		}
		reg, ok := registryOf(part(1))
		if !ok || goesOn(text[m[3]:]) || !r.only.IsZero() && reg != r.only || within(text[:m[0]]) {
			continue
		}
		if r.registry.IsZero() {
			r.registry = reg
		}
		name := strings.Trim(part(2), "/")
		if name == "" || strings.HasPrefix(name, "v2") || strings.HasPrefix(name, "acr/v1") ||
			strings.HasPrefix(name, "oauth2") || acrkit.CheckRepositoryName(name) != nil {
			continue
		}
		target := strings.TrimPrefix(part(3), ":")
		if digest := strings.TrimPrefix(part(4), "@"); digest != "" {
			target = digest
		}
		if r.repository == "" {
			r.repository = name
		}
		if r.repository == name && r.target == "" && acrkit.IsTag(target) || acrkit.IsDigest(target) &&
			r.repository == name {
			r.target = target
		}
	}
}

// manifestForm is a tag apart from its repository, as programs with
// github.com/containers/image print it.
var manifestForm = regexp.MustCompile(`\b(?:reading|uploading) manifest (\S+) (?:in|to) \S+/\S`)

func (r *place) readManifests(text string) {
	for _, m := range manifestForm.FindAllStringSubmatch(text, -1) {
		if r.repository != "" && r.target == "" && (acrkit.IsTag(m[1]) || acrkit.IsDigest(m[1])) {
			r.target = m[1]
		}
	}
}

// within reports whether the text after before is in the middle of a longer name.
func within(before string) bool {
	return strings.HasSuffix(before, ":") || strings.HasSuffix(before, "/") && !strings.HasSuffix(before, "://")
}

// goesOn reports whether a host is only the beginning of a longer one.
func goesOn(rest string) bool {
	rest = strings.TrimPrefix(rest, ".")
	return rest != "" && (rest[0] == '-' || rest[0] >= '0' && rest[0] <= '9' ||
		rest[0]|0x20 >= 'a' && rest[0]|0x20 <= 'z')
}

var (
	// scope="repository:a/b:pull", as challenges have it
	scopeForm = regexp.MustCompile(`scope=\\*"((?:repository|registry):[^"\\]+)`)
	// {"Type":"repository","Name":"a/b","Action":"pull"}, of an answer's body, as JSON or
	// as a language prints it.
	detailForm = regexp.MustCompile(
		`['"]?Type['"]?\s*:\s*['"](\w+)['"],\s*['"]?Name['"]?\s*:\s*['"]([^'"]+)['"],\s*['"]?Action['"]?\s*:\s*['"]([^'"]+)['"]`)
	// map[Action:pull Class: Name:a/b Type:repository], of programs in Go.
	mapForm = regexp.MustCompile(`map\[Action:(\S+) (?:Class:\S* )?Name:(\S+) Type:(\w+)\]`)
)

// readScopes reads the scope that the registry itself asked for. It has priority over a
// scope from a URL, because ACR's message is about the request that failed.
func (r *place) readScopes(text string) {
	last := -1
	for _, m := range scopeForm.FindAllStringSubmatchIndex(text, -1) {
		if s, err := acrkit.ParseScope(text[m[2]:m[3]]); err == nil && !s.IsEmpty() {
			r.require(s)
			r.named, last = true, m[0]
		}
	}
	var s acrkit.Scope
	end := 0
	add := func(typ, name, action string, from, to int) {
		one, err := acrkit.ParseScope(typ + ":" + name + ":" + action)
		if err != nil {
			return
		}
		// The elements of one list are close together; another list is another answer.
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
		r.named = true
	}
}
