package errtext

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit"
)

// Place is what a request was to.
type Place string

// The places.
const (
	Elsewhere  Place = ""         // another host, or not known
	AtBase     Place = "base"     // /v2/ itself
	AtToken    Place = "token"    // /oauth2/token
	AtExchange Place = "exchange" // /oauth2/exchange
	AtUpload   Place = "upload"   // /v2/…/blobs/uploads/
	AtTags     Place = "tags"     // the list of tags of a repository
	AtItem     Place = "item"     // the rest of /v2/ and /acr/v1/
)

// Event is one failure and its place.
type Event struct {
	Phase    Phase
	Kind     Kind
	Class    Class
	Host     string          // as the text writes it; "" = none is named
	Registry acrkit.Registry // of OfRegistry, where it can be one
	Meant    string          // the login server that the host resembles; "" = none
	Bare     bool            // the reference names no host, so Docker Hub was asked
	Image    string          // what follows the host of a reference or URL

	Place     Place
	Method    string
	Status    int // HTTP status; 0 = the text has none
	Codes     []string
	Says      []Says
	Anonymous bool // the request carried no credential
	Sent      bool // it carried one
	Held      bool // it carried an access token
	Login     bool // it was a login's, with the credential that was given
	Blob      bool // of content
	NoBody    bool
	Import    bool // Azure Resource Manager or a task did it, not this client
	Pull      bool // the client says that it is of a pull

	Line string // what the text says, in one line, without secrets

	start, end int
	lineNo     int
	place      *mention
}

// Said reports whether the event has a sentence.
func (e *Event) Said(s Says) bool { return slices.Contains(e.Says, s) }

// Coded reports whether the answer has one of the codes.
func (e *Event) Coded(codes ...string) bool {
	return slices.ContainsFunc(codes, func(c string) bool { return slices.Contains(e.Codes, c) })
}

// TookHostForImage reports whether another registry was asked for a repository that is
// the name of a login server: the client did not take it for a host.
func (e *Event) TookHostForImage() bool {
	image := strings.TrimPrefix(strings.TrimPrefix(e.Image, "/v2/"), "library/")
	first, _, _ := strings.Cut(image, "/")
	first, _, _ = strings.Cut(first, ":")
	return e.Class == OtherRegistry && acrHost.MatchString(first)
}

// token is a place in a text that words of a grammar match.
type token struct {
	start, end int
	phase      Phase
	kind       Kind
	reach      reach
	host       string
	status     int
	code       string
	says       Says
	noBody     bool
	own        bool // it is a sentence of acrkit's
	pull       bool // it is printed only for pulls
}

// ranks orders kinds that describe one failure, the most specific last: a look-up that
// ends in a time-out is a look-up.
var ranks = []Kind{Closed, Handshake, Deadline, NoAnswer, Refused, Untrusted, PlainHTTP, CertName, CertExpired,
	LookupFailed, NameUnknown, ProxyFailed, ProxyMalformed,
	ReferenceWrong, NoCredential, DaemonMissing, HelperFailed, HelperMissing, SecretTooLong, ConfigBroken}

func rank(k Kind) int { return slices.Index(ranks, k) }

func tokens(text string) []token {
	var all []token
	lower := strings.ToLower(text)
	for _, g := range grammars {
		if !g.words.in(lower) {
			continue
		}
		for _, m := range g.words.re().FindAllStringSubmatchIndex(text, -1) {
			t := token{start: m[0], end: m[1], phase: g.phase, kind: g.kind, reach: g.reach}
			for i, name := range g.words.re().SubexpNames() {
				if name == "" || m[2*i] < 0 {
					continue
				}
				value := text[m[2*i]:m[2*i+1]]
				switch name {
				case "host":
					t.host = value
				case "status":
					t.status, _ = strconv.Atoi(value)
				case "phrase":
					t.status = statusOf(value)
				case "step":
					t.code = "CONNECTIVITY_" + value
				case "code":
					t.code = strings.ToUpper(strings.Join(strings.Fields(value), "_"))
				}
			}
			all = append(all, t)
		}
	}
	for _, s := range sentences {
		if !s.words.in(lower) {
			continue
		}
		for _, m := range s.words.re().FindAllStringIndex(text, -1) {
			all = append(all, token{start: m[0], end: m[1], phase: Answer, kind: Answered,
				reach: s.reach, says: s.says})
		}
	}
	all = append(all, ownTokens(text, lower)...)
	// docker, of the code DENIED alone (its package distribution, errors.go).
	for _, m := range pullDenied.re().FindAllStringIndex(text, -1) {
		all = append(all, token{start: m[0], end: m[1], phase: Answer, kind: Answered, reach: line,
			code: "DENIED", pull: true})
	}
	for _, m := range noBody.re().FindAllStringIndex(text, -1) {
		all = append(all, token{start: m[0], end: m[1], phase: Answer, kind: Answered, reach: far, noBody: true})
	}
	slices.SortStableFunc(all, func(a, b token) int { return cmp.Or(a.start-b.start, b.end-a.end) })
	return all
}

// statusOf returns the status of a reason phrase, 0 if it has none.
func statusOf(phrase string) int {
	for code := 400; code < 600; code++ {
		if strings.EqualFold(http.StatusText(code), strings.TrimSpace(phrase)) {
			return code
		}
	}
	return 0
}

// reader holds a text with what was found in it.
type reader struct {
	text     string
	lines    []int // where each begins
	mentions []mention
	others   map[string]bool // names of other registries
	bare     map[string]bool // images of references that name no host
	// For a place between mentions, by the index of the next one: the last mention of ACR
	// before it, whether one of another registry is nearer, and the next mention of ACR
	// with none of another registry before it; -1 = there is none.
	before  []int
	between []bool
	behind  []int
	visits  int  // how many places were looked at; tests check that it grows with the text
	signed  bool // the client, or a page it refers to, is only for ACR
}

// signs are words of clients of ACR, and of no other registry.
var signs = words(
	`(?i)\baka\.ms/acr\b|\baz acr\b|\bacr (?:build|login|import|purge|task)|\bCONNECTIVITY_[A-Z_]+_ERROR|`,
	`azure[._/\\-]?container[._-]?registry|containers[./\\]containerregistry|`,
	`Microsoft\.ContainerRegistry|\bAcrErrors|\bacr\.BaseClient|@azure/container-registry|`,
	`\bmetadata_(?:read|write)\b|Unable to get AAD authorization tokens|`,
	`Error: [^\n]*Correlation ID: [0-9a-f-]{36}`)

func (r *reader) lineOf(at int) int {
	i, found := slices.BinarySearch(r.lines, at)
	if !found {
		i--
	}
	return i
}

func newReader(text string) *reader {
	r := &reader{text: text, lines: []int{0}, mentions: mentions(text), others: map[string]bool{},
		bare:   map[string]bool{},
		signed: signs.re().MatchString(text)}
	n := len(r.mentions)
	r.before, r.between, r.behind = make([]int, n+1), make([]bool, n+1), make([]int, n+1)
	r.before[0], r.behind[n] = -1, -1
	for i, m := range r.mentions {
		r.before[i+1], r.between[i+1] = r.before[i], r.between[i]
		switch {
		case ours(m.class):
			r.before[i+1], r.between[i+1] = i, false
		case m.class == OtherRegistry:
			r.between[i+1], r.others[m.name] = true, true
		}
		if m.bare {
			r.bare[m.image] = true
		}
	}
	for i := n - 1; i >= 0; i-- {
		switch m := r.mentions[i]; {
		case ours(m.class):
			r.behind[i] = i
		case m.class == OtherRegistry:
			r.behind[i] = -1
		default:
			r.behind[i] = r.behind[i+1]
		}
	}
	for i := range len(text) {
		if text[i] == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	return r
}

func ours(c Class) bool { return c == OfRegistry || c == OfData }

// bind finds the host that a token is about.
func (r *reader) bind(t token) (Class, *mention) {
	first := r.lines[r.lineOf(t.start)]
	last := len(r.text)
	if n := r.lineOf(t.start); n+1 < len(r.lines) {
		last = r.lines[n+1]
	}
	// The mentions before and after.
	at, _ := slices.BinarySearchFunc(r.mentions, t.start, func(m mention, start int) int { return m.start - start })
	if at < len(r.mentions) && r.mentions[at].start < t.end {
		at++ // the words hold the host itself
	}
	if t.phase == Helper {
		// A helper of another registry's, or one that was asked for another registry.
		for i := at; i <= at+1; i++ {
			if i > 0 && i <= len(r.mentions) && r.mentions[i-1].start >= first && r.mentions[i-1].start < last &&
				r.mentions[i-1].class == OtherRegistry {
				return OtherRegistry, &r.mentions[i-1]
			}
		}
		if m := otherHelpers.FindString(r.text[max(first, t.start-longest):min(last, t.end+longest)]); m != "" {
			return OtherRegistry, &mention{start: t.start, end: t.end, host: host{name: m, class: OtherRegistry}}
		}
	}
	if t.reach == none {
		return Unnamed, nil
	}
	if t.host != "" {
		h := classify(t.host, r.others[strings.ToLower(t.host)])
		if at > 0 && r.mentions[at-1].name == h.name {
			return h.class, &r.mentions[at-1]
		}
		return h.class, &mention{start: t.start, end: t.end, host: h}
	}
	if t.phase == ARM {
		return OfARM, nil
	}
	if at > 0 && r.mentions[at-1].start >= first {
		return r.mentions[at-1].class, &r.mentions[at-1]
	}
	if (t.phase == Answer || t.kind == NoCredential) && at < len(r.mentions) && r.mentions[at].start < last {
		return r.mentions[at].class, &r.mentions[at]
	}
	if t.reach == line {
		return Unrelated, nil
	}
	if t.phase == Connect {
		from, to := max(first, t.start-longest), min(last, t.end+longest)
		r.visits++
		for _, m := range port.FindAllStringSubmatch(r.text[from:to], -1) {
			//rule:strangers-words-bind
			if m[1] != "443" && m[1] != "80" {
				return Unrelated, nil // a database's, say
			}
		}
	}
	return r.bindAcross(t, at)
}

// otherHelpers are helpers only for other registries.
var otherHelpers = regexp.MustCompile(`docker-credential-(?:ecr-login|gcloud|gcr|ghcr-login)`)

// port is the port of an address that a connection was tried to.
var port = regexp.MustCompile(`(?:\bdial tcp|->|\bECONNREFUSED|\bETIMEDOUT|\bconnect(?:ing)? to)\s*\S*:(\d{2,5})\b`)

// bindAcross finds the host on another line: the last one before, if it is of ACR and no
// other registry is named in between; or, if only other registries were named before, the
// next one. Lines about other hosts before a text do not change its event.
func (r *reader) bindAcross(t token, at int) (Class, *mention) {
	within := func(m *mention) bool {
		apart := r.lineOf(t.start) - r.lineOf(m.start)
		return t.reach == far || max(apart, -apart) <= nearLines
	}
	if at > 0 && t.phase == Answer && r.mentions[at-1].class == OtherRegistry &&
		(r.mentions[at-1].bare || r.mentions[at-1].target) {
		return OtherRegistry, &r.mentions[at-1] // what a person typed, or the client said, a line or more before
	}
	switch i := r.before[at]; {
	//rule:strangers-words-bind-across
	case i >= 0 && r.between[at]:
		return Unnamed, nil
	case i >= 0 && within(&r.mentions[i]):
		return r.mentions[i].class, &r.mentions[i]
	case i < 0 && r.behind[at] >= 0 && within(&r.mentions[r.behind[at]]):
		return r.mentions[r.behind[at]].class, &r.mentions[r.behind[at]]
	}
	if r.signed {
		return OfRegistry, nil
	}
	return Unnamed, nil
}

// events reads a text.
func (r *reader) events() []Event {
	var all []Event
	for _, t := range tokens(r.text) {
		r.visits++
		class, place := r.bind(t)
		if t.own || t.says != "" && class == Unnamed && t.reach == far && !shared(t.says) {
			class = OfRegistry // only ACR says so
		}
		if len(all) > 0 && r.join(&all[len(all)-1], t, class, place) {
			continue
		}
		all = append(all, r.event(t, class, place))
	}
	// Drop events about something else, and answers of which the text says only that they
	// have no body.
	all = slices.DeleteFunc(all, func(e Event) bool {
		return e.Class == Unrelated || e.NoBody && e.Status == 0 && len(e.Codes) == 0 && len(e.Says) == 0
	})
	r.mark(all)
	for i := range all {
		all[i].Line, all[i].lineNo = r.excerpt(all[i]), r.lineOf(all[i].start)
	}
	return all
}

// shared reports whether other registries send the same message.
func shared(s Says) bool {
	switch s {
	case SaysAuthRequired, SaysRightMissing, SaysNoPath, SaysThrottled, SaysHeaderTooLarge, SaysNoRepository,
		SaysStorageRefuses, SaysNoManifest:
		return true
	}
	return false
}

func (r *reader) event(t token, class Class, place *mention) Event {
	e := Event{Phase: t.phase, Kind: t.kind, Class: class, start: t.start, end: t.end, place: place}
	if place != nil {
		e.Host, e.Registry, e.Meant, e.Bare = place.name, place.registry, place.meant, place.bare
		e.Method = strings.ToUpper(place.method)
		e.Image = cmp.Or(place.image, strings.TrimPrefix(place.path, "/v2/"))
		if ours(class) {
			e.Place = placeOf(place.path)
		}
		// containerd writes docker.io before a reference that names no host.
		e.Bare = e.Bare || class == OtherRegistry && r.bare[strings.TrimPrefix(e.Image, "library/")]
	}
	e.add(t)
	return e
}

func placeOf(path string) Place {
	switch {
	case path == "/v2" || path == "/v2/":
		return AtBase
	case strings.HasPrefix(path, "/oauth2/token"):
		return AtToken
	case strings.HasPrefix(path, "/oauth2/exchange"):
		return AtExchange
	case strings.Contains(path, "/blobs/uploads"):
		return AtUpload
	case strings.HasSuffix(path, "/tags/list"), strings.HasSuffix(path, "/_tags"):
		return AtTags
	case isAPI(path):
		return AtItem
	}
	return Elsewhere
}

func (e *Event) add(t token) {
	if t.status != 0 {
		e.Status = t.status
	}
	if t.code != "" && !slices.Contains(e.Codes, t.code) {
		e.Codes = append(e.Codes, t.code)
	}
	if t.says != "" && !slices.Contains(e.Says, t.says) {
		e.Says = append(e.Says, t.says)
	}
	if t.kind != Answered && e.Kind == Answered {
		e.Kind = t.kind
	}
	e.NoBody, e.Pull = e.NoBody || t.noBody, e.Pull || t.pull || t.kind == PullDenied
	e.end = max(e.end, t.end)
}

// statuses are what a code comes with.
var statuses = map[string][]int{
	"UNAUTHORIZED": {401, 403}, "DENIED": {403, 401}, "TOOMANYREQUESTS": {429},
	"REGISTRY_DISALLOWED_OPERATION": {405}, "UNSUPPORTED": {405, 415}, "NAME_UNKNOWN": {404},
	"MANIFEST_UNKNOWN": {404}, "TAG_UNKNOWN": {404}, "BLOB_UNKNOWN": {404}, "MANIFEST_BLOB_UNKNOWN": {404, 400},
	"BLOB_UPLOAD_UNKNOWN": {404}, "BLOB_UPLOAD_INVALID": {404, 400}, "BLOB_UPLOAD_RANGE_INVALID": {416},
}

// answerLines is how many lines an SDK has between a status and the body.
const answerLines = 12

// join adds a token to the event before it, where both are one failure.
func (r *reader) join(e *Event, t token, class Class, place *mention) bool {
	apart := r.lineOf(t.start) - r.lineOf(max(e.start, e.end-1))
	if t.start < e.end && (t.phase != Answer || e.Phase != Answer) {
		if rank(t.kind) > rank(e.Kind) && t.phase != Answer && e.Phase != Answer {
			e.Phase, e.Kind = t.phase, t.kind
			if t.reach == none {
				e.Class = class
			}
		}
		return true // within the words of the other: "lookup x on y: read udp: connection refused"
	}
	switch {
	//rule:strangers-words-join
	case apart > 0 && (e.Class == OtherRegistry || e.Class == Unrelated):
		return false // what follows names its own host, or none
	case t.phase == Answer && e.Phase == Answer:
		aside := class == Unrelated && place == nil && apart > 0
		if aside || apart > answerLines || r.requestBetween(e.end, t.start) {
			return false
		}
		if place != nil && e.place != nil && place.name != e.place.name {
			return false
		}
		if t.status != 0 && e.Status != 0 && t.status != e.Status {
			return false
		}
		for _, c := range e.Codes {
			if s, known := statuses[c]; known && t.status != 0 && !slices.Contains(s, t.status) {
				return false
			}
			if t.code != "" && t.code != c && !pair(t.code, c) {
				return false
			}
		}
		if s, known := statuses[t.code]; known && e.Status != 0 && !slices.Contains(s, e.Status) {
			return false
		}
		if e.Kind != Answered && t.kind != Answered && e.Kind != t.kind {
			return false
		}
		if (e.Class == Unnamed || e.Class == Unrelated && e.place == nil) && class != Unrelated {
			e.Class = class
		}
		e.add(t)
		return true
	case t.phase == Answer || e.Phase == Answer, apart > 0, rank(t.kind) < 0, rank(e.Kind) < 0,
		r.requestBetween(e.end, t.start):
		return false
	}
	if rank(t.kind) > rank(e.Kind) {
		e.Phase, e.Kind = t.phase, t.kind
	}
	if (e.Class == Unnamed || e.Class == Unrelated) && class != Unrelated {
		e.Class, e.place = class, place
	}
	e.end = max(e.end, t.end)
	return true
}

// pair reports whether two codes come in one answer.
func pair(a, b string) bool {
	return (a == "DENIED" || a == "UNAUTHORIZED") && (b == "DENIED" || b == "UNAUTHORIZED")
}

// requestBetween reports whether there is a request or a reference between two places:
// the text after it is of another failure.
func (r *reader) requestBetween(from, to int) bool {
	at, _ := slices.BinarySearchFunc(r.mentions, from, func(m mention, start int) int { return m.start - start })
	for ; at < len(r.mentions) && r.mentions[at].start < to; at++ {
		r.visits++
		m := r.mentions[at]
		if m.class != Unrelated && (m.path != "" || m.image != "" || m.method != "" || m.class != OfRegistry) {
			return true
		}
	}
	return false
}

// mark tells events what the clients say of the step.
func (r *reader) mark(all []Event) {
	lower := strings.ToLower(r.text)
	for _, m := range marks {
		if !m.words.in(lower) {
			continue
		}
		for _, found := range m.words.re().FindAllStringIndex(r.text, -1) {
			r.visits++
			at := r.lineOf(found[0])
			i, _ := slices.BinarySearchFunc(all, found[0], func(e Event, start int) int { return e.start - start })
			switch {
			case i < len(all) && r.lineOf(all[i].start) == at: // the next one on the line
			case i > 0 && r.lineOf(all[i-1].end) >= at: // or the one before
				i--
			case i == len(all) || r.lineOf(all[i].start)-at > m.lines:
				continue
			}
			m.set(&all[i])
		}
	}
	r.markHub(all)
	for i := range all {
		e := &all[i]
		// net/http names the URL with "Get". In libraries that answer a challenge within a
		// transport, an error after it is the token service's.
		byTransport := e.place != nil && len(e.Method) > 1 && e.place.method != e.Method
		if byTransport && e.Coded("UNAUTHORIZED") && e.Status == 0 && e.Place != AtExchange {
			e.Login = e.Login || e.Place == AtBase
			e.Place = AtToken
		}
		// A login asks for a token without a scope.
		if e.place != nil && e.place.query != "" && strings.HasPrefix(e.place.path, "/oauth2/token") {
			e.Login = e.Login || !strings.Contains(e.place.query, "scope=")
			e.Sent = e.Sent || strings.Contains(e.place.query, "account=")
		}
	}
}

// hubImage is a login server as the name of an image of Docker Hub. Only there is a name
// without a user one of "library".
var hubImage = words(`(?i)\blibrary/[a-z0-9<>*_{}$.-]*\.azurecr\.(?:io|us|cn)\b`)

// markHub marks the answers whose line has a login server as an image's name: another
// registry gave them.
func (r *reader) markHub(all []Event) {
	for _, found := range hubImage.re().FindAllStringIndex(r.text, -1) {
		r.visits++
		n := r.lineOf(found[0])
		i, _ := slices.BinarySearchFunc(all, r.lines[n], func(e Event, start int) int { return e.start - start })
		for ; i < len(all) && r.lineOf(all[i].start) == n; i++ {
			r.visits++
			if e := &all[i]; e.Phase == Answer && e.Class == OfRegistry {
				e.Class, e.Host, e.Registry, e.Place = OtherRegistry, "docker.io", acrkit.Registry{}, Elsewhere
				e.Image = r.text[found[0]:found[1]]
			}
		}
	}
}

// longest is how much of a text an event shows, in bytes.
const longest = 240

// excerpt is the line of an event, or the lines if it goes on, around it where they are long.
func (r *reader) excerpt(e Event) string {
	from, to := r.lines[r.lineOf(e.start)], len(r.text)
	if last := r.lineOf(max(e.start, min(e.end, e.start+longest)-1)); last+1 < len(r.lines) {
		to = r.lines[last+1]
	}
	if to-from > longest {
		from = max(from, min(e.start-longest/2, to-longest))
		to = min(to, from+longest)
	}
	text := strings.ToValidUTF8(r.text[from:to], "")
	// Half a word may be half a secret, which redaction does not recognize.
	if from > 0 && r.text[from-1] != '\n' {
		_, text, _ = strings.Cut(text, " ")
	}
	if to < len(r.text) && r.text[to-1] != '\n' {
		text = text[:max(0, strings.LastIndexByte(text, ' '))]
	}
	return strings.Join(strings.Fields(show(text)), " ")
}
