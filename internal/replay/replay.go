// Package replay plays recorded traffic of the service against the emulator and
// compares the answers: status, the headers that matter, and the body's shape.
//
// A folder of recordings (JSON of the Azure SDK test proxy, YAML of vcrpy) is
// read; for each recording a registry is brought to the state that the recorded
// answers tell of; each request is sent, with the kind of credential that it was
// recorded with; and the answers are compared. What cannot be compared is named,
// with its file and the reason.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/acrkit/acrkit/internal/replay/recording"
)

// Options say what is played against what.
type Options struct {
	// Registry is the address of a running emulator with an empty registry, which
	// is emptied after each recording; "" = a new one in memory, whose clock can
	// be set, so that orders by time are recreated too.
	Registry string
	Owner    Owner // of Registry; not needed without
}

// Run plays all recordings of a folder. An error says that they could not be
// read or played; answers that differ are in the report.
func Run(ctx context.Context, dir string, opts *Options) (_ *Report, err error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	recordings, others, err := recording.Load(dir)
	if err != nil {
		return nil, err
	}
	report := &Report{Recordings: len(recordings)}
	for _, folder := range sortedKeys(others) {
		report.NotRecordings = append(report.NotRecordings, Exclusion{File: folder + "/", Reason: "holds no exchanges", Count: others[folder]})
	}
	// Exchanges that are not the registry's own go first; what is left of a
	// recording is played.
	states := make([]*state, len(recordings))
	for i := range recordings {
		states[i] = infer(recordings[i].Exchanges) // a storage account tells of a blob too
		recordings[i].Exchanges = report.own(&recordings[i])
	}
	var t *target
	if o.Registry != "" {
		t, err = openRegistry(ctx, o.Registry, o.Owner)
	} else {
		t, err = openEmulator(ctx, states)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	for i, r := range recordings {
		if len(r.Exchanges) == 0 {
			continue
		}
		if err := report.play(ctx, t, i, r, states[i]); err != nil {
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
	for _, x := range r.Exchanges {
		reason := ""
		switch host := strings.ToLower(x.URL.Hostname()); {
		case x.Answer.Get("X-Ms-Blob-Type") != "" || strings.HasSuffix(host, ".blob.core.windows.net"):
			reason = "a storage account's answer: the redirect to it was followed by the recorder"
		case registryHost.MatchString(host):
		case strings.HasPrefix(host, "management."):
			reason = "Azure Resource Manager: the control plane, of which the emulator reads a part and writes nothing"
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
	t       *target
	r       recording.Recording
	host    string
	digests map[string]string
	uploads map[string]string // recorded upload address -> ours
	times   map[string]string // the name of a field and its recorded time -> ours

	entra, refresh string
	access         string // the last access token
	unused         bool   // no request was sent with it yet
	challenged     string // the scope of a challenge that came after the last token; "-" = without scope
}

func (rep *Report) play(ctx context.Context, t *target, i int, r recording.Recording, st *state) (err error) {
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
	digests, err := st.set(ctx, t, host)
	if err != nil {
		return err
	}
	s := &session{t: t, r: r, host: host, digests: digests, uploads: map[string]string{}, times: map[string]string{}}
	for _, x := range r.Exchanges {
		got, err := s.send(ctx, x)
		if err != nil {
			return fmt.Errorf("exchange %d: %w", x.Number, err)
		}
		c := &comparison{s: s, want: x, got: got, excluded: map[string]bool{}}
		c.compare()
		rep.count(operation(x.Method, x.URL.Path), len(c.differences) == 0)
		for reason := range c.excluded {
			rep.exclude(r.File, reason, false)
		}
		if len(c.differences) == 0 {
			continue
		}
		rep.Differences = append(rep.Differences, Difference{File: r.File, Exchange: x.Number, Request: x.Method + " " + x.URL.RequestURI(), What: c.differences})
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
}

// send sends a recorded request, with our names, digests and credentials in the
// places of the recorded ones.
func (s *session) send(ctx context.Context, x recording.Exchange) (*response, error) {
	isToken := strings.HasPrefix(x.URL.Path, "/oauth2/")
	text := x.Body
	if isToken {
		form, err := s.tokenForm(ctx, x)
		if err != nil {
			return nil, err
		}
		text = form
	} else {
		text = s.translate(text)
		var n int
		if _, err := fmt.Sscanf(text, "<%d bytes>", &n); err == nil && n > 0 && n < maxAnswer {
			text = strings.Repeat("x", n)
		}
	}
	if x.Header.Get("Content-Length") == "0" {
		text = ""
	}
	req, err := http.NewRequestWithContext(ctx, x.Method, s.t.scheme+"://"+s.host+s.path(x.URL), strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	if text == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for _, name := range []string{"Accept", "Content-Type", "Content-Range", "Range", "If-None-Match", "If-Range", "X-Ms-Client-Request-Id"} {
		if v, ok := x.Header[name]; ok {
			req.Header[name] = v
		}
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
	resp, err := s.t.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	got := &response{status: resp.StatusCode, header: resp.Header, length: resp.ContentLength, body: string(b),
		chunked: len(resp.TransferEncoding) > 0 && resp.TransferEncoding[0] == "chunked"}
	s.learn(x, got, isToken)
	return got, nil
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
	if from, to := x.Answer.Get("Location"), got.header.Get("Location"); strings.Contains(from, "/blobs/uploads/") && to != "" {
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

// translate puts our names and digests in the places of the recorded ones.
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

// tokenForm returns the form of a token request with good credentials in the
// places of those that were recorded as good. The parameters keep their order.
func (s *session) tokenForm(ctx context.Context, x recording.Exchange) (string, error) {
	parts := strings.Split(x.Body, "&")
	for i, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(value)
		if err != nil {
			plain = value
		}
		plain = registryHost.ReplaceAllLiteralString(plain, s.host)
		good := x.Status/100 == 2
		switch {
		case good && name == "access_token":
			if plain, err = s.entraToken(ctx); err != nil {
				return "", err
			}
		case good && name == "refresh_token" && plain != "":
			if plain, err = s.refreshToken(ctx); err != nil {
				return "", err
			}
		case good && name == "tenant":
			plain = s.t.owner.TenantID
		}
		parts[i] = name + "=" + url.QueryEscape(plain)
	}
	return strings.Join(parts, "&"), nil
}

func (s *session) entraToken(ctx context.Context) (_ string, err error) {
	if s.entra == "" {
		s.entra, err = s.t.entraToken(ctx)
	}
	return s.entra, err
}

func (s *session) refreshToken(ctx context.Context) (string, error) {
	if s.refresh == "" {
		entra, err := s.entraToken(ctx)
		if err != nil {
			return "", err
		}
		if s.refresh, err = s.t.refreshToken(ctx, s.host, entra); err != nil {
			return "", err
		}
	}
	return s.refresh, nil
}

// credential returns the Authorization header for a request to the registry.
//
// Where the recorder kept that header, it says whether there was a credential,
// and the answer says which kind. Where it was scrubbed off, the order of the
// exchanges says it: a token that was just issued goes with the next request,
// and a challenge with error="invalid_token" was given to an Entra token.
func (s *session) credential(ctx context.Context, x recording.Exchange) (string, error) {
	var recorded string
	if c := parseChallenge(x.Answer.Get("WWW-Authenticate")); c != nil && !c.rewritten() {
		recorded = c.parameters["error"]
	}
	refused := x.Status == http.StatusUnauthorized
	if recorded == "invalid_token" {
		token, err := s.entraToken(ctx)
		return "Bearer " + token, err
	}
	has := x.Header.Get("Authorization") != ""
	if !s.r.KeepsCredentials {
		has = s.unused || !refused && x.Status != http.StatusNotFound || recorded == "insufficient_scope" || !refused && isError(x.Content)
	}
	switch {
	case !has:
		return "", nil
	case refused && s.access == "", !refused && (s.access == "" || s.challenged != "") && !s.unused:
		// The recording leaves out how the client got this token.
		if err := s.ownToken(ctx, x, refused); err != nil {
			return "", err
		}
	}
	s.unused = false
	return "Bearer " + s.access, nil
}

// isError reports whether a body is the registry's own list of errors.
func isError(body string) bool { return strings.HasPrefix(strings.TrimSpace(body), `{"errors"`) }

// ownToken gets a token with what the last challenge asked for, or, where a
// request was refused for want of a right, one without rights.
func (s *session) ownToken(ctx context.Context, x recording.Exchange, refused bool) error {
	scope := s.challenged
	if refused {
		scope = ""
	} else if scope == "" {
		req, err := http.NewRequestWithContext(ctx, x.Method, s.t.scheme+"://"+s.host+s.path(x.URL), http.NoBody)
		if err != nil {
			return err
		}
		resp, err := s.t.client.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if c := parseChallenge(resp.Header.Get("WWW-Authenticate")); c != nil {
			scope = c.parameters["scope"]
		}
	}
	refresh, err := s.refreshToken(ctx)
	if err != nil {
		return err
	}
	s.access, err = s.t.accessToken(ctx, s.host, scope, refresh)
	s.challenged = ""
	return err
}
