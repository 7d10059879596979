package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/acrkit/acrkit/tools/replay/recording"
)

// Options say what is played against what.
type Options struct {
	// Registry is the address of a running emulator with an empty registry, which
	// is emptied after each recording; "" = a new one in memory, whose clock can
	// be set, so that orders by time are recreated too.
	Registry string
	Owner    Owner // of Registry; not needed without
	// DirectBlobs says that the emulator answers GET of a blob with the blob, not
	// with a redirect to storage. It is an option of a new one; redirects are then
	// left out.
	DirectBlobs bool
}

// Run plays all recordings of a folder. An error says that they could not be
// read or played; answers that differ are in the report.
func Run(ctx context.Context, dir string, opts *Options) (_ *Report, err error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	folder, err := recording.Load(dir)
	if err != nil {
		return nil, err
	}
	recordings := folder.Recordings
	report := &Report{Recordings: len(recordings), Unread: folder.Unread}
	for _, name := range sortedKeys(folder.Others) {
		report.NotRecordings = append(report.NotRecordings, Exclusion{File: name + "/", Reason: "holds no exchanges",
			Count: folder.Others[name]})
	}
	// Exchanges that are not the registry's own go first; what is left of a
	// recording is played.
	known := collectContents(recordings) // storage accounts answer with blobs too
	states := make([]*state, len(recordings))
	for i := range recordings {
		states[i] = infer(&recordings[i], known)
		if control := report.control(&recordings[i]); o.Registry == "" {
			if err := report.playControl(ctx, &recordings[i], control); err != nil {
				return nil, fmt.Errorf("%s: %w", recordings[i].File, err)
			}
		} else {
			for range control {
				report.exclude(recordings[i].File, excludedControl+"a running emulator's own is not written to", true)
			}
		}
		recordings[i].Exchanges = report.own(&recordings[i])
	}
	if o.Registry == "" { // a running emulator is not written to
		if err := report.playExamples(ctx, dir); err != nil {
			return nil, err
		}
	}
	if len(recordings) == 0 && o.Registry == "" {
		return report, nil // an emulator needs a registry
	}
	var t *target
	if o.Registry != "" {
		t, err = openRegistry(ctx, o.Registry, o.Owner)
	} else {
		t, err = openEmulator(ctx, states, o.DirectBlobs)
	}
	if err != nil {
		return nil, err
	}
	t.directBlobs = o.DirectBlobs
	defer func() { err = errors.Join(err, t.close()) }()
	for i, r := range recordings {
		if len(r.Exchanges) == 0 {
			continue
		}
		if err := report.play(ctx, t, i, r, states[i], known); err != nil {
			return nil, fmt.Errorf("%s: %w", r.File, err)
		}
	}
	report.sort()
	return report, nil
}

var registryHost = regexp.MustCompile(`(?i)[a-z0-9_-]+(?:\.[a-z0-9-]+)*\.azurecr\.(?:io|cn|us)\b`)

// own returns the exchanges of a recording that are the registry's own, and
// counts the others.
func (rep *Report) own(r *recording.Recording) (out []recording.Exchange) {
	redirected := map[string]bool{} // by digest
	for _, x := range r.Exchanges {
		if x.Status == http.StatusTemporaryRedirect {
			redirected[storedDigest(&x)] = true
		}
		if isControl(&x) {
			continue // Report.control
		}
		reason := ""
		switch host := strings.ToLower(x.URL.Hostname()); {
		case isStored(&x) && (registryHost.MatchString(host) || redirected[storedDigest(&x)]):
		case isStored(&x):
			reason = "a storage account's answer, without the redirect to it"
		case x.Status >= http.StatusInternalServerError:
			reason = "an answer of a service that failed"
		case registryHost.MatchString(host):
		case strings.HasPrefix(host, "login."):
			reason = "Entra's own host"
		default:
			reason = "another service's host"
		}
		if reason != "" {
			rep.exclude(r.File, reason, true)
			continue
		}
		out = append(out, x)
	}
	return out
}

// session plays one recording.
type session struct {
	t        *target
	r        recording.Recording
	host     string
	digests  map[string]string // recorded digest -> ours
	contents contents
	replaced map[string][]byte // recorded digest -> the content that replaces a blob
	uploads  map[string]string // recorded upload address -> ours
	finals   map[string]string // id of a recorded upload -> the digest that it ended with
	sent     map[string]string // id of a recorded upload -> what was sent in its place
	links    map[string]string // recorded digest -> our link to the blob in storage
	times    map[string]string // the name of a field and its recorded time -> ours

	entra, refresh string
	access         string // the last access token
	unused         bool   // no request was sent with it yet
	challenged     string // the scope of a challenge that came after the last token
}

func newSession(t *target, r recording.Recording, host string, known contents) *session {
	s := &session{t: t, r: r, host: host, contents: known, uploads: map[string]string{}, finals: map[string]string{},
		sent: map[string]string{}, links: map[string]string{}, times: map[string]string{}}
	for _, x := range r.Exchanges {
		if m := uploadPath.FindStringSubmatch(x.URL.Path); m != nil && x.Method == http.MethodPut && x.Status/100 == 2 {
			s.finals[m[1]] = x.URL.Query().Get("digest")
		}
	}
	return s
}

func (rep *Report) play(ctx context.Context, t *target, i int, r recording.Recording, st *state,
	known contents) (err error) {
	host, done, err := t.fresh(ctx, i, st)
	if errors.Is(err, errAnonymous) {
		for range r.Exchanges {
			rep.exclude(r.File, err.Error(), true)
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done(context.WithoutCancel(ctx))) }()
	s := newSession(t, r, host, known)
	stage, err := st.set(ctx, t, host, known)
	if err != nil {
		return rep.noState(ctx, &r, 0, err)
	}
	s.digests, s.replaced = stage.digests, stage.blobs
	source := sourceOf(&r)
	for i := range r.Exchanges {
		x := r.Exchanges[i]
		if t.directBlobs && (x.Status == http.StatusTemporaryRedirect || isStored(&x)) {
			rep.exclude(r.File, "a redirect to storage, which the registry does not do", true)
			continue
		}
		if err := stage.arrive(ctx, st, x.Number); err != nil {
			return rep.noState(ctx, &r, i, err)
		}
		got, err := s.send(ctx, i)
		switch {
		case errors.Is(err, errNothing):
			rep.count(source, &x, lost)
			rep.exclude(r.File, "bytes lost: a manifest that the recorder left out", false)
			continue
		case err != nil && ctx.Err() != nil:
			return fmt.Errorf("exchange %d: %w", x.Number, err)
		case err != nil:
			rep.exclude(r.File, "requests that cannot be sent", true)
			continue
		}
		c := &comparison{s: s, want: x, got: got, excluded: map[string]bool{}}
		if isStored(&x) && got.status != http.StatusTemporaryRedirect {
			c.compareStored()
		} else {
			c.compare()
		}
		if got.lost {
			c.exclude("bytes lost: of what was pushed or pulled " +
				"(the recorder left it out or rewrote it, or has not what it names)")
		}
		for reason := range c.excluded {
			rep.exclude(r.File, reason, false)
		}
		switch {
		case len(c.differences) > 0:
			rep.count(source, &x, different)
			rep.Differences = append(rep.Differences, Difference{File: r.File, Exchange: x.Number, Request: x.Method +
				" " + x.URL.RequestURI(), What: c.differences})
		case got.lost:
			rep.count(source, &x, lost)
		default:
			rep.count(source, &x, alike)
		}
	}
	return nil
}

// noState excludes the exchanges from the i-th on, because the registry cannot be
// set up in the state before them. It returns an error if the caller gave up.
func (rep *Report) noState(ctx context.Context, r *recording.Recording, i int, err error) error {
	if ctx.Err() != nil {
		return err
	}
	for range r.Exchanges[i:] {
		rep.exclude(r.File, "the registry cannot be set up in the state that the recording shows: "+err.Error(), true)
	}
	return nil
}

// response is an answer of the emulator.
type response struct {
	status  int
	header  http.Header
	chunked bool
	length  int64
	body    string
	lost    bool // the bytes that were pushed or pulled are others than the recorded ones
}

// errNothing says that a recording lacks what a request pushed.
var errNothing = errors.New("the recording lacks what was pushed")

// body returns what to send in place of a recorded body.
func (s *session) body(ctx context.Context, i int) (text string, lost bool, err error) {
	x := &s.r.Exchanges[i]
	path := x.URL.Path
	text = x.Body
	if x.Header.Get("Content-Length") == "0" {
		text = "" // a client that asks for a challenge sends no body, and its recorder writes one
	}
	isUpload := strings.Contains(path, "/blobs/uploads/")
	switch {
	case strings.HasPrefix(path, "/oauth2/"):
		text, err = s.tokenForm(ctx, i)
		return text, false, err
	case x.Status/100 == 2 && isUpload && (x.Method == http.MethodPatch || x.Method != http.MethodGet &&
		x.URL.Query().Get("digest") != ""):
		text, lost = s.uploaded(x, text)
		return text, lost, nil
	case x.Status/100 == 2 && x.Method == http.MethodPut && strings.Contains(path, "/manifests/"):
		text, lost, ok := s.pushed(x, text)
		if !ok {
			return "", true, errNothing
		}
		return text, lost, nil
	}
	if x.Method == http.MethodPatch && !s.r.KeepsBodies && x.Status == http.StatusOK {
		var answer answerBody
		_ = json.Unmarshal([]byte(x.Content), &answer) // a body that cannot be read is skipped
		b, err := json.Marshal(answer.locks())
		return string(b), false, err
	}
	var n int
	if _, err := fmt.Sscanf(text, "<%d bytes>", &n); err == nil && n > 0 && n < maxAnswer {
		return strings.Repeat("x", n), false, nil
	}
	if isUpload || strings.Contains(path, "/manifests/") {
		return text, false, nil // the request is refused for any body
	}
	return s.translate(text), false, nil
}

// send sends the i-th request, with our names, digests and credentials in the
// places of the recorded ones.
func (s *session) send(ctx context.Context, i int) (*response, error) {
	x := s.r.Exchanges[i]
	isToken := strings.HasPrefix(x.URL.Path, "/oauth2/")
	text, lost, err := s.body(ctx, i)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, x.Method, s.t.scheme+"://"+s.host+s.path(x.URL),
		strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	if text == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for _, name := range []string{"Accept", "Content-Type", "Content-Range", "Range", "If-None-Match", "If-Range",
		"X-Ms-Client-Request-Id"} {
		if v, ok := x.Header[name]; ok {
			req.Header[name] = v
		}
	}
	if !s.r.KeepsHeaders {
		likelyHeaders(&x, req.Header)
	}
	if !isToken {
		credential, err := s.credential(ctx, x)
		if err != nil {
			return nil, err
		}
		if credential != "" {
			req.Header.Set("Authorization", credential)
		}
	}
	resp, err := s.do(&x, req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if d := x.ContentDigest(); d != "" && (x.ContentLost || s.digests[d] != "") {
		lost = true // what was pulled was replaced by other content
	}
	got := &response{lost: lost, status: resp.StatusCode, header: resp.Header, length: resp.ContentLength,
		body:    string(b),
		chunked: len(resp.TransferEncoding) > 0 && resp.TransferEncoding[0] == "chunked"}
	s.learn(x, got, isToken)
	return got, nil
}

// likelyHeaders adds what a request must have had, where the recorder kept no
// headers: the answer shows them.
func likelyHeaders(x *recording.Exchange, h http.Header) {
	isContent := strings.Contains(x.URL.Path, "/manifests/") && strings.HasPrefix(x.URL.Path, "/v2/")
	if isContent && x.Method != http.MethodPut && x.Status == http.StatusOK {
		h.Set("Accept", x.Answer.Get("Content-Type"))
	}
	if id := x.Answer.Get("X-Ms-Client-Request-Id"); id != "" && h.Get("X-Ms-Client-Request-Id") == "" {
		h.Set("X-Ms-Client-Request-Id", id)
	}
	if strings.HasPrefix(x.URL.Path, "/oauth2/") && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if x.Method == http.MethodPatch && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
}

// learn keeps what later requests need.
func (s *session) learn(x recording.Exchange, got *response, isToken bool) {
	switch {
	case isToken && got.status == http.StatusOK:
		if token := field(got.body, "refresh_token"); token != "" {
			s.refresh = token
		}
		if token := field(got.body, "access_token"); token != "" {
			s.access, s.unused, s.challenged = token, true, ""
		}
	case got.status == http.StatusUnauthorized:
		if c := parseChallenge(got.header.Get("WWW-Authenticate")); c != nil {
			s.challenged = c.parameters["scope"]
		}
	}
	if got.status == http.StatusTemporaryRedirect {
		s.links[storedDigest(&x)] = got.header.Get("Location")
	}
	if from, to := x.Answer.Get("Location"), got.header.Get("Location"); strings.Contains(from, "/blobs/uploads/") &&
		to != "" {
		s.uploads[from] = to
	}
}

// path returns our path and query for recorded ones.
func (s *session) path(u *url.URL) string {
	p := u.RequestURI()
	best := ""
	for from := range s.uploads {
		if strings.HasPrefix(p, from) && len(from) > len(best) {
			best = from
		}
	}
	if best != "" {
		return s.uploads[best] + s.translate(p[len(best):])
	}
	return s.translate(p)
}

var anyDigest = regexp.MustCompile(`(sha256)(:|%3A|%3a)([0-9a-f]+)\b`)

// translate replaces the recorded names and digests by ours.
func (s *session) translate(text string) string {
	text = registryHost.ReplaceAllLiteralString(text, s.host)
	return anyDigest.ReplaceAllStringFunc(text, func(d string) string {
		m := anyDigest.FindStringSubmatch(d)
		ours, ok := s.digests["sha256:"+m[3]]
		if !ok {
			return d
		}
		return strings.Replace(ours, ":", m[2], 1)
	})
}
