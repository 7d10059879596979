package interop

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// answer is what came back, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// largestBody bounds what a test reads of one answer.
const largestBody = 64 << 20

func (e *emulatorProcess) send(method, path string, header http.Header, body io.Reader) (answer, error) {
	target := path
	if !strings.HasPrefix(path, "https://") {
		target = "https://" + e.host + path
	}
	req, err := http.NewRequestWithContext(context.Background(), method, target, body)
	if err != nil {
		return answer{}, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := e.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, largestBody))
	return answer{resp.StatusCode, resp.Header, b}, err
}

func (e *emulatorProcess) mustSend(t *testing.T, method, path string, header http.Header, body io.Reader) answer {
	t.Helper()
	a, err := e.send(method, path, header, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// accessToken asks the token service the way docker, skopeo and crane do: GET with
// the token's name and password as Basic.
func (e *emulatorProcess) accessToken(t *testing.T, who token, scope string) string {
	t.Helper()
	q := url.Values{"service": {e.host}}
	if scope != "" {
		q["scope"] = strings.Split(scope, " ")
	}
	basic := base64.StdEncoding.EncodeToString([]byte(who.name + ":" + who.password))
	a := e.mustSend(t, http.MethodGet, "/oauth2/token?"+q.Encode(),
		http.Header{"Authorization": {"Basic " + basic}}, nil)
	if a.status != http.StatusOK {
		t.Fatalf("token for %s, scope %q: %d %s", who.name, scope, a.status, a.body)
	}
	// ACR sends this field and no other.
	var fields map[string]string
	if err := json.Unmarshal(a.body, &fields); err != nil || len(fields) != 1 || fields["access_token"] == "" {
		t.Fatalf("the token service's answer is %s (%v), want access_token alone", clip(string(a.body), 40), err)
	}
	return fields["access_token"]
}

func bearer(accessToken string) http.Header {
	return http.Header{"Authorization": {"Bearer " + accessToken}}
}

var (
	challengeRE = regexp.MustCompile(
		`^Bearer realm="([^"]*)",service="([^"]*)"(?:,scope="([^"]*)")?(?:,error="([^"]*)")?$`)
	guidRE = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// refusal is a request whose right the scope map does not grant.
type refusal struct {
	who    token
	method string
	path   string
	scope  string // what ACR asks for, actions in any order
	detail string // the same as ACR's error detail
}

var (
	pushRefused = refusal{puller, http.MethodPost, "/v2/samples/app/blobs/uploads/", "repository:samples/app:pull,push",
		`[{"Type":"repository","Name":"samples/app","Action":"pull"},{"Type":"repository","Name":"samples/app","Action":"push"}]`}
	pullRefused = refusal{puller, http.MethodGet, "/v2/private/app/manifests/v1", "repository:private/app:pull",
		`[{"Type":"repository","Name":"private/app","Action":"pull"}]`}
	tagsRefused = refusal{bare, http.MethodGet, "/v2/samples/app/tags/list", "repository:samples/app:metadata_read",
		`[{"Type":"repository","Name":"samples/app","Action":"metadata_read"}]`}
	catalogRefused = refusal{puller, http.MethodGet, "/v2/_catalog", "registry:catalog:*",
		`[{"Type":"registry","Name":"catalog","Action":"*"}]`}
)

// TestRefusals holds the raw answer against ACR's: over-asking is no error, the
// access token holds what was granted and no more, and the resource answers 401
// with insufficient_scope, never 403.
func TestRefusals(t *testing.T) {
	for name, r := range map[string]refusal{"push": pushRefused, "pull": pullRefused,
		"tags without metadata read": tagsRefused, "catalog without the root": catalogRefused} {
		t.Run(name, func(t *testing.T) {
			r.check(t, shared)
			results.add(result{"(raw HTTP)", "", "refused: " + name, "401 insufficient_scope",
				fmt.Sprintf("%s %s wants %s", r.method, r.path, r.scope)})
		})
	}
	t.Run("no credential", func(t *testing.T) {
		a := shared.mustSend(t, pullRefused.method, pullRefused.path, nil, nil)
		pullRefused.checkAnswer(t, shared, a, "")
	})
	t.Run("not a registry's token", func(t *testing.T) {
		a := shared.mustSend(t, pullRefused.method, pullRefused.path, bearer("eyJhbGciOiJub25lIn0.e30."), nil)
		pullRefused.checkAnswer(t, shared, a, "invalid_token")
	})
	t.Run("a password that is not accepted", func(t *testing.T) {
		form := url.Values{"grant_type": {"password"}, "service": {shared.host}, "username": {unknown.name},
			"password": {unknown.password}, "scope": {pullRefused.scope}}
		a := shared.mustSend(t, http.MethodPost, "/oauth2/token",
			http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, strings.NewReader(form.Encode()))
		if a.status != http.StatusUnauthorized || !json.Valid(a.body) ||
			strings.Contains(string(a.body), "access_token") {
			t.Errorf("answer %d %s, want 401 with a JSON error", a.status, a.body)
		}
	})
}

func (r refusal) check(t *testing.T, e *emulatorProcess) {
	t.Helper()
	accessToken := e.accessToken(t, r.who, r.scope)
	a := e.mustSend(t, r.method, r.path, bearer(accessToken), nil)
	r.checkAnswer(t, e, a, "insufficient_scope")
	if r.method != http.MethodGet {
		return
	}
	if head := e.mustSend(t, http.MethodHead, r.path, bearer(accessToken),
		nil); head.status != http.StatusUnauthorized || len(head.body) != 0 {
		t.Errorf("HEAD %s: %d with %d bytes, want 401 without a body", r.path, head.status, len(head.body))
	}
}

func (r refusal) checkAnswer(t *testing.T, e *emulatorProcess, a answer, wantError string) {
	t.Helper()
	if a.status != http.StatusUnauthorized {
		t.Fatalf("%s %s: %d %s, want 401", r.method, r.path, a.status, clip(string(a.body), 200))
	}
	values := a.header.Values("Www-Authenticate")
	if len(values) != 1 {
		t.Fatalf("challenges %q, want one", values)
	}
	m := challengeRE.FindStringSubmatch(values[0])
	if m == nil {
		t.Fatalf("challenge %q has not ACR's form", values[0])
	}
	if m[1] != "https://"+e.host+"/oauth2/token" || m[2] != e.host || m[4] != wantError || !sameScope(m[3], r.scope) {
		t.Errorf("challenge %q, want host %s, scope %q, error %q", values[0], e.host, r.scope, wantError)
	}
	for key, want := range map[string]string{"Docker-Distribution-Api-Version": "registry/2.0",
		"X-Content-Type-Options": "nosniff"} {
		if got := a.header.Get(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if ct := a.header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		t.Errorf("Content-Type %q", ct)
	}
	if id := a.header.Get("X-Ms-Correlation-Request-Id"); !guidRE.MatchString(id) {
		t.Errorf("X-Ms-Correlation-Request-Id %q is no GUID", id)
	}
	if n := len(a.header.Values("Strict-Transport-Security")); n != 2 {
		t.Errorf("%d Strict-Transport-Security headers; ACR sends two", n)
	}
	want := `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required, visit https://aka.ms/acr/authorization for more information.","detail":` + r.detail + `}]}` + "\n"
	if got := string(a.body); sortedBody(got) != sortedBody(want) {
		t.Errorf("body %s, want %s", got, want)
	}
}

// sameScope compares two scopes as sets: ACR's order of actions varies.
func sameScope(a, b string) bool {
	norm := func(s string) string {
		var items []string
		for item := range strings.FieldsSeq(s) {
			i := strings.LastIndexByte(item, ':') + 1
			actions := strings.Split(item[i:], ",")
			slices.Sort(actions)
			items = append(items, item[:i]+strings.Join(actions, ","))
		}
		slices.Sort(items)
		return strings.Join(items, " ")
	}
	return norm(a) == norm(b)
}

// sortedBody makes bodies equal that differ only in the order of their details.
func sortedBody(s string) string {
	parts := strings.Split(strings.NewReplacer("},{", "}\n{", "[{", "[\n{", "}]", "}\n]").Replace(s), "\n")
	slices.Sort(parts)
	return strings.Join(parts, "\n")
}

// refusedError is an answer that was not a success.
type refusedError struct {
	what   string
	status int
	body   []byte
}

func (r *refusedError) Error() string { return fmt.Sprintf("%s: %d %s", r.what, r.status, r.body) }

// pushImage pushes an image with a token of its own.
func (e *emulatorProcess) pushImage(t *testing.T, repository, tag string, img image) error {
	t.Helper()
	return e.pushImageAs(bearer(e.accessToken(t, pusher, "repository:"+repository+":pull,push")),
		repository, tag, img, nil)
}

// checkImage reads an image back, whole.
func (e *emulatorProcess) checkImage(t *testing.T, repository, tag string, img image) {
	t.Helper()
	auth := bearer(e.accessToken(t, pusher, "repository:"+repository+":pull"))
	a := e.mustSend(t, http.MethodGet, "/v2/"+repository+"/manifests/"+tag, accept(auth.Clone()), nil)
	if a.status != http.StatusOK || digestOf(a.body) != img.digest {
		t.Errorf("%s:%s: %d, %s, want %s", repository, tag, a.status, digestOf(a.body), img.digest)
	}
	for digest := range img.blobs {
		if b := e.mustSend(t, http.MethodGet, "/v2/"+repository+"/blobs/"+digest, auth,
			nil); b.status != http.StatusOK || digestOf(b.body) != digest {
			t.Errorf("blob %s of %s:%s: %d with digest %s", digest, repository, tag, b.status, digestOf(b.body))
		}
	}
}
