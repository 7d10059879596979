package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/acrkit/acrkit/internal/wording"
	"github.com/acrkit/acrkit/tools/replay/recording"
)

// comparison compares one exchange.
type comparison struct {
	s           *session
	want        recording.Exchange
	got         *response
	differences []string
	excluded    map[string]bool
}

func (c *comparison) differ(format string, args ...any) {
	c.differences = append(c.differences, fmt.Sprintf(format, args...))
}

func (c *comparison) exclude(reason string) { c.excluded[reason] = true }

func (c *comparison) compare() {
	if c.want.Status != c.got.status {
		c.differ("status %d, recorded is %d", c.got.status, c.want.Status)
		return // the rest follows from it
	}
	c.headers()
	c.framing()
	c.body()
}

// Headers that are compared value by value, as a list, after the translation of
// names and digests.
var exact = []string{"Content-Type", "Docker-Distribution-Api-Version", "Docker-Content-Digest",
	"Strict-Transport-Security",
	"X-Content-Type-Options", "Access-Control-Expose-Headers", "Range", "Content-Range", "Accept-Ranges",
	"X-Ms-Int-Docker-Content-Digest", "Oci-Subject", "Link"}

// Headers that must be there where they were recorded, with a value of the same
// form, and not where they were not.
var present = map[string]*regexp.Regexp{
	"Docker-Upload-Uuid": guid, "X-Ms-Request-Id": guid, "X-Ms-Client-Request-Id": nil, "Etag": nil,
}

var guid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (c *comparison) headers() {
	for _, name := range exact {
		want, got := c.want.Answer[name], c.got.header[name]
		if c.s.r.LastValueOnly && len(want) == 1 && len(got) > 1 {
			c.exclude("headers: all values but the last of " + name + " (the recorder kept one)")
			got = got[len(got)-1:]
		}
		translated := make([]string, 0, len(want))
		for _, v := range want {
			translated = append(translated, c.s.translate(v))
		}
		if !slices.Equal(translated, got) {
			c.differ("%s: %q, recorded is %q", name, got, want)
		}
	}
	for name, form := range present {
		want, wanted := c.want.Answer[name]
		got, ok := c.got.header[name]
		switch {
		case ok && !wanted && (name == "X-Ms-Client-Request-Id" || name == "X-Ms-Request-Id"):
			if c.s.r.KeepsCredentials {
				c.differ("%s: there, and not recorded", name)
			} else {
				c.exclude("headers: " + name + " (cassettes are scrubbed of ids)")
			}
		case wanted != ok:
			c.differ("%s: %q, recorded is %q", name, got, want)
		case ok && form != nil && !form.MatchString(got[0]):
			c.differ("%s: %q has another form", name, got)
		case ok && name == "X-Ms-Client-Request-Id" && c.want.Header.Get(name) == want[0] && got[0] != want[0]:
			c.differ("%s: %q, recorded is %q, as the client sent it", name, got, want)
		}
	}
	if !guid.MatchString(c.got.header.Get("X-Ms-Correlation-Request-Id")) {
		c.differ("X-Ms-Correlation-Request-Id: %q", c.got.header.Get("X-Ms-Correlation-Request-Id"))
	}
	if c.want.Answer.Get("X-Ms-Ratelimit-Remaining-Calls-Per-Second") != "" {
		c.exclude("headers: x-ms-ratelimit-remaining-calls-per-second (comes and goes with the years)")
	}
	c.location()
	c.challenge()
}

// location compares a Location: as it is, but for an upload's, whose id and state
// are new each time.
func (c *comparison) location() {
	want, got := c.want.Answer.Get("Location"), c.got.header.Get("Location")
	if c.want.Status == http.StatusTemporaryRedirect {
		if w, g := c.storageLink(c.s.translate(want)), c.storageLink(got); w != g {
			c.differ("Location: %q, recorded is %q", g, w)
		}
		return
	}
	if !strings.Contains(want, "/blobs/uploads/") {
		if t := c.s.translate(want); t != got {
			c.differ("Location: %q, recorded is %q", got, want)
		}
		return
	}
	shape := func(text string) string {
		u, err := url.Parse(text)
		if err != nil {
			return text
		}
		i := strings.LastIndexByte(u.Path, '/')
		names := u.Path[:i+1]
		if !guid.MatchString(u.Path[i+1:]) {
			names += u.Path[i+1:]
		}
		for k, v := range u.Query() {
			if k != "_state" {
				k += "=" + v[0]
			}
			names += " " + k
		}
		fields := strings.Fields(names)
		slices.Sort(fields)
		return u.Host + strings.Join(fields, " ")
	}
	if shape(want) != shape(got) {
		c.differ("Location: %q, recorded is %q", shape(got), shape(want))
	}
}

var container = regexp.MustCompile(`^/[0-9a-f]{32}-[0-9a-z]{10}/`)

// storageLink returns what is the same in all links to a blob in storage: its path
// below the container, and the query with its parameters in their order and the
// values that do not change.
func (c *comparison) storageLink(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return text
	}
	var query []string
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(part, "=")
		if name == "se" || name == "sig" || name == "regid" {
			value = "…"
		}
		query = append(query, name+"="+value)
	}
	return container.ReplaceAllLiteralString(u.Path, "/CONTAINER/") + "?" + strings.Join(query, "&")
}

// challenge is a WWW-Authenticate header.
type challenge struct {
	scheme     string
	names      []string // of the parameters, in their order
	parameters map[string]string
}

var parameter = regexp.MustCompile(`([a-z]+)="([^"]*)"`)

func parseChallenge(text string) *challenge {
	scheme, rest, ok := strings.Cut(text, " ")
	if !ok {
		return nil
	}
	c := &challenge{scheme: scheme, parameters: map[string]string{}}
	for _, m := range parameter.FindAllStringSubmatch(rest, -1) {
		c.names = append(c.names, m[1])
		c.parameters[m[1]] = m[2]
	}
	return c
}

// rewritten reports whether a recorder put words of its own in a challenge.
func (c *challenge) rewritten() bool { return c.parameters["scope"] == "fake_scope" }

// resources splits a scope at its spaces and sorts the actions of each part: the
// service varies their order.
func resources(scope string) []string {
	parts := strings.Fields(scope)
	for i, p := range parts {
		at := strings.LastIndexByte(p, ':')
		actions := strings.Split(p[at+1:], ",")
		slices.Sort(actions)
		parts[i] = p[:at+1] + strings.Join(actions, ",")
	}
	return parts
}

func (c *comparison) challenge() {
	want, got := parseChallenge(c.want.Answer.Get("WWW-Authenticate")),
		parseChallenge(c.got.header.Get("WWW-Authenticate"))
	if want == nil || got == nil {
		if (want == nil) != (got == nil) {
			c.differ("WWW-Authenticate: %q, recorded is %q", c.got.header.Get("WWW-Authenticate"),
				c.want.Answer.Get("WWW-Authenticate"))
		}
		return
	}
	names := want.names
	if want.rewritten() {
		c.exclude(
			"challenges: scope and error of WWW-Authenticate (rewritten by the recorder; the scope is taken from " +
				"the body)")
		want.parameters["scope"] = scopeOfBody(c.want.Content)
		want.parameters["error"] = got.parameters["error"]
		names = []string{"realm", "service", "scope"}
		if got.parameters["error"] != "" {
			names = append(names, "error")
		}
	}
	if want.scheme != got.scheme || !slices.Equal(names, got.names) {
		c.differ("WWW-Authenticate: %s with %q, recorded is %s with %q", got.scheme, got.names, want.scheme, names)
		return
	}
	for _, name := range names {
		w, g := c.s.translate(want.parameters[name]), got.parameters[name]
		if name == "scope" && slices.Equal(resources(w), resources(g)) || w == g {
			continue
		}
		c.differ("WWW-Authenticate: %s=%q, recorded is %q", name, g, want.parameters[name])
	}
}

// scopeOfBody builds a scope from the detail of a refusal.
func scopeOfBody(body string) string {
	var b struct {
		Errors []struct {
			Detail []struct{ Type, Name, Action string }
		}
	}
	if json.Unmarshal([]byte(body), &b) != nil || len(b.Errors) == 0 {
		return ""
	}
	var names []string
	actions := map[string][]string{}
	for _, d := range b.Errors[0].Detail {
		name := d.Type + ":" + d.Name
		if actions[name] == nil {
			names = append(names, name)
		}
		actions[name] = append(actions[name], d.Action)
	}
	for i, n := range names {
		names[i] = n + ":" + strings.Join(actions[n], ",")
	}
	return strings.Join(names, " ")
}

// framing compares how the end of a body is marked: by a length or by chunks.
func (c *comparison) framing() {
	if c.want.Method == http.MethodHead {
		return
	}
	chunked := strings.EqualFold(c.want.Answer.Get("Transfer-Encoding"), "chunked")
	length := c.want.Answer.Get("Content-Length")
	switch {
	case chunked && !c.got.chunked:
		c.differ("Content-Length: %d, recorded is Transfer-Encoding: chunked", c.got.length)
	case !chunked && length != "" && c.got.length < 0:
		c.differ("Transfer-Encoding: chunked, recorded is Content-Length: %s", length)
	case !chunked && length != "" && (c.want.Status >= 400 || length == "0") &&
		length != strconv.FormatInt(c.got.length, 10) && c.s.translate(c.want.Content) == c.want.Content:
		// A refusal holds nothing that differs between registries.
		c.differ("Content-Length: %d, recorded is %s", c.got.length, length)
	}
}

// Fields that the service gave for some years. They are taken out of what was
// recorded.
var retired = map[string]string{
	"quarantineState":   "gone from recordings since 2023",
	"quarantineDetails": "gone from recordings since 2023",
	"teleportEnabled":   "of a preview that ended",
}

func (c *comparison) body() {
	wantText, gotText := c.want.Content, c.got.body
	if c.want.Status == http.StatusTemporaryRedirect {
		if link := `<a href="` + html.EscapeString(c.got.header.Get("Location")) +
			"\">Temporary Redirect</a>.\n\n"; gotText != link {
			c.differ("body: %q, recorded is a link to the Location", wording.Clip(gotText, 200))
		}
		return
	}
	var n int
	if _, err := fmt.Sscanf(wantText, "<%d bytes>", &n); err == nil {
		if len(gotText) != n {
			c.differ("body: %d bytes, recorded are %d", len(gotText), n)
		}
		return
	}
	isContent := c.want.ContentDigest() != "" && c.want.Method == http.MethodGet
	if isContent && !c.got.lost {
		if gotText != wantText {
			c.differ("body: other bytes")
		}
		return
	}
	want, ok := decode(wantText)
	if !ok && isContent {
		return // it was replaced by other content
	}
	if !ok {
		if t := c.s.translate(wantText); t != gotText && strings.TrimSpace(t) != strings.TrimSpace(gotText) {
			c.differ("body: %q, recorded is %q", wording.Clip(gotText, 200), wording.Clip(wantText, 200))
		}
		return
	}
	got, ok := decode(gotText)
	if !ok {
		c.differ("body: %q is not JSON", wording.Clip(gotText, 200))
		return
	}
	if !isContent && strings.HasSuffix(wantText, "}\n") && !strings.HasSuffix(gotText, "}\n") {
		c.differ("body: no newline at its end")
	}
	c.value("", "", want, got)
}

func decode(text string) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	return v, strings.HasPrefix(strings.TrimSpace(text), "{") && d.Decode(&v) == nil
}

var (
	timestamp = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z$`)
	token     = regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]+$`)
)

// value compares a part of a body. What differs with each registry and day has
// only to have the same form.
func (c *comparison) value(path, key string, want, got any) {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			c.differ("body: %s is %T, recorded is an object", path, got)
			return
		}
		c.object(path, want, g)
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			c.differ("body: %s is a list of %d, recorded are %d", path, len(g), len(want))
			return
		}
		for i := range want {
			c.value(path+"["+strconv.Itoa(i)+"]", key, want[i], g[i])
		}
	case string:
		g, ok := got.(string)
		switch {
		case !ok:
			c.differ("body: %s is %v, recorded is a text", path, got)
		case key == "access_token" || key == "refresh_token":
			if !token.MatchString(g) {
				c.differ("body: %s is no token", path)
			}
			c.claims(path, claimsOf(want), claimsOf(g))
		case timestamp.MatchString(want):
			// The time differs, but fields that had the same time still have the same
			// one: a change of attributes does not change it.
			if first := c.s.times[key+want]; !timestamp.MatchString(g) {
				c.differ("body: %s is %q, recorded is a time such as %q", path, g, want)
			} else if first != "" && first != g {
				c.differ("body: %s is %q, and was %q; recorded is %q both times", path, g, first, want)
			}
			c.s.times[key+want] = g
		case c.s.translate(want) != g:
			c.differ("body: %s is %q, recorded is %q", path, g, want)
		}
	case json.Number:
		g, ok := got.(json.Number)
		if !ok {
			c.differ("body: %s is %v, recorded is a number", path, got)
		} else if key == "imageSize" || key == "size" {
			c.exclude("bodies: the value of " + key + " (of content that is not known)")
		} else if want != g {
			c.differ("body: %s is %s, recorded is %s", path, g, want)
		}
	default:
		if want != got {
			c.differ("body: %s is %v, recorded is %v", path, got, want)
		}
	}
}

// claimsOf returns the claims of a token, nil where it holds none.
func claimsOf(token string) map[string]any {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] == "" {
		return nil
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	v, _ := decode(string(b))
	m, _ := v.(map[string]any)
	return m
}

// anonymousSubject is the subject of the tokens of anonymous clients, which are
// alike in all registries.
const anonymousSubject = "acr_anon_pull"

// claims compares those of an anonymous client's token, where its recorder kept
// them: their names, the subject, the rights, and the lifetime.
func (c *comparison) claims(path string, want, got map[string]any) {
	if want["sub"] != anonymousSubject {
		return
	}
	if w, g := sortedKeys(want), sortedKeys(got); !slices.Equal(w, g) {
		c.differ("claims: %s has %q, recorded are %q", path, g, w)
		return
	}
	lifetime := func(claims map[string]any) string {
		issued, _ := claims["iat"].(json.Number)
		expires, _ := claims["exp"].(json.Number)
		from, errFrom := issued.Int64()
		to, errTo := expires.Int64()
		if errFrom != nil || errTo != nil {
			return "none"
		}
		return strconv.FormatInt(to-from, 10)
	}
	for name, pair := range map[string][2]any{
		"sub": {want["sub"], got["sub"]}, "access": {want["access"], got["access"]},
		"exp": {lifetime(want), lifetime(got)},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			c.differ("claims: %s: %s is %v, recorded is %v", path, name, pair[1], pair[0])
		}
	}
}

func (c *comparison) object(path string, want, got map[string]any) {
	for key := range want {
		if why, ok := retired[key]; ok {
			c.exclude("bodies: " + key + " (" + why + ")")
			delete(want, key)
		}
	}
	// What was imported as a part of an index has no configMediaType in the
	// recordings; what was pushed has. The emulator has no import.
	if _, has := want["configMediaType"]; !has && want["architecture"] != nil && want["mediaType"] != nil &&
		want["tags"] == nil {
		if _, ok := got["configMediaType"]; ok {
			c.exclude("bodies: configMediaType of untagged images (those came by import, which the emulator lacks)")
			delete(got, "configMediaType")
		}
	}
	for _, key := range sortedKeys(want) {
		if g, ok := got[key]; !ok {
			c.differ("body: %s.%s is missing", path, key)
		} else {
			c.value(path+"."+key, key, want[key], g)
		}
	}
	for _, key := range sortedKeys(got) {
		if _, ok := want[key]; !ok {
			c.differ("body: %s.%s is there, and not recorded", path, key)
		}
	}
}

// field returns a text of a JSON object.
func field(body, name string) string {
	v, _ := decode(body)
	m, _ := v.(map[string]any)
	s, _ := m[name].(string)
	return s
}
