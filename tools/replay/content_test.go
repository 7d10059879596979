package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/tools/replay/recording"
)

// A made-up push and pull of an image. Its manifest was indented by three spaces.
const (
	blobText   = "the bytes \x00 of a layer"
	configText = `{"architecture":"arm64","os":"linux"}`
	manifest2  = "application/vnd.docker.distribution.manifest.v2+json"
	octets     = `"Content-Type":"application/octet-stream"`
)

func manifestText() string {
	return fmt.Sprintf(
		"{\n   \"schemaVersion\": 2,\n   \"mediaType\": %q,\n   \"config\": {\n      \"mediaType\": %q,\n      "+
			"\"size\": %d,\n      \"digest\": %q\n   },\n"+
			"   \"layers\": [\n      {\n         \"mediaType\": %q,\n         \"size\": %d,\n         \"digest\": "+
			"%q\n      }\n   ]\n}",
		manifest2, configType, len(configText), recording.Digest(configText), layerType, len(blobText),
		recording.Digest(blobText))
}

// asJSON returns a text as the test proxy keeps JSON.
func asJSON(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	_ = e.Encode(json.RawMessage(text))
	return strings.TrimSpace(b.String())
}

func inBase64(text string) string { return `"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"` }

// uploadEntries upload a blob in one chunk.
func uploadEntries(id, text, body string) []string {
	at := "/v2/demo/app/blobs/uploads/" + id + "?_nouploadcache=false&_state=Zmlyc3Q"
	next := strings.Replace(at, "Zmlyc3Q", "c2Vjb25k", 1)
	done := common + `,` + ids + `,"Content-Length":"0"`
	digest := recording.Digest(text)
	return []string{
		entry("POST", "/v2/demo/app/blobs/uploads/", authorized, "", 202, done+`,"Location":"`+at+
			`","Range":"0-0","Docker-Upload-Uuid":"<guid>"`, ""),
		entry("PATCH", at, authorized+","+octets, body, 202, done+`,"Location":"`+next+`","Range":"`+
			fmt.Sprintf("0-%d", len(text)-1)+`","Docker-Upload-Uuid":"<guid>"`, ""),
		entry("PUT", next+"&digest="+url.QueryEscape(digest), authorized, "", 201,
			done+`,"Docker-Content-Digest":"`+digest+`","Location":"/v2/demo/app/blobs/`+digest+`"`, ""),
	}
}

func manifestEntries(text, body string) []string {
	digest := recording.Digest(text)
	head := common + `,` + ids + `,"Docker-Content-Digest":"` + digest + `"`
	path := "/v2/demo/app/manifests/"
	return []string{
		entry("PUT", path+url.QueryEscape(digest), authorized+`,"Content-Type":"`+manifest2+`"`, body, 201, head+
			`,"Content-Length":"0","Location":"`+path+digest+`"`, ""),
		entry("GET", path+digest, authorized+`,"Accept":"`+manifest2+`"`, "", 200, head+`,"Content-Type":"`+manifest2+
			`","Etag":"x"`, body),
	}
}

const uploadID = "11111111-2222-3333-4444-55555555555"

func pushEntries(manifest, body string) []string {
	return slices.Concat(uploadEntries(uploadID+"1", blobText, inBase64(blobText)),
		uploadEntries(uploadID+"2", configText, inBase64(configText)), manifestEntries(manifest, body))
}

func inProxy(entries []string) string {
	return `{"Entries":[` + strings.Join(entries, ",\n") + `]}`
}

// outcomes plays one recording and returns how many exchanges were alike, lost
// and different.
func outcomes(t *testing.T, file, content string) [3]int {
	t.Helper()
	report := play(t, map[string]string{file: content}, nil)
	for _, d := range report.Differences {
		t.Logf("%s %d %s: %q", d.File, d.Exchange, d.Request, d.What)
	}
	for _, u := range report.Unread {
		t.Logf("%+v", u)
	}
	return [3]int{report.Matched, report.Lost, len(report.Differences)}
}

// Uploads and manifests are played with the bytes that were recorded, or that
// were found for their digest.
func TestPushAndPull(t *testing.T) {
	text := manifestText()
	if got := outcomes(t, "a.json", inProxy(pushEntries(text, asJSON(text)))); got != [3]int{8, 0, 0} {
		t.Errorf("alike, lost, different: %v", got)
	}
	if got := outcomes(t, "a.json", inProxy(pushEntries(text, inBase64(text)))); got != [3]int{8, 0, 0} {
		t.Errorf("a manifest in base64: alike, lost, different: %v", got)
	}
	// What names the digest is not compared: the layer's bytes differ.
	wrong := uploadEntries(uploadID+"1", blobText, inBase64(strings.Repeat("y", len(blobText))))
	if got := outcomes(t, "a.json", inProxy(wrong)); got != [3]int{2, 1, 0} {
		t.Errorf("a blob of other bytes: alike, lost, different: %v", got)
	}
	// A difference is one, though the bytes are lost.
	bad := strings.Replace(inProxy(wrong), `"StatusCode":201`, `"StatusCode":200`, 1)
	if got := outcomes(t, "a.json", bad); got != [3]int{2, 0, 1} {
		t.Errorf("another status: alike, lost, different: %v", got)
	}
}

// Bytes that no recording holds are lost, not different.
func TestLostManifest(t *testing.T) {
	text := manifestText()
	odd := strings.ReplaceAll(text, "   ", "       ") // no client indents so
	if got := outcomes(t, "a.json", inProxy(pushEntries(odd, asJSON(text)))); got != [3]int{6, 2, 0} {
		t.Errorf("alike, lost, different: %v", got)
	}
	// The manifest is known, and what it names is not.
	if got := outcomes(t, "a.json", inProxy(manifestEntries(text, asJSON(text)))); got != [3]int{0, 2, 0} {
		t.Errorf("unknown parts: alike, lost, different: %v", got)
	}
	// A pull alone: its values are compared all the same.
	pull := manifestEntries(text, asJSON(text))[1:]
	if got := outcomes(t, "a.json", inProxy(pull)); got != [3]int{0, 1, 0} {
		t.Errorf("a pull: alike, lost, different: %v", got)
	}
	if got := outcomes(t, "a.json", strings.Replace(inProxy(pull), `"StatusCode":200`, `"StatusCode":203`,
		1)); got != [3]int{0, 0, 1} {
		t.Errorf("a pull with another status: alike, lost, different: %v", got)
	}
	report := play(t, map[string]string{"a.json": inProxy(pull)}, nil)
	if report.Good() {
		t.Error("nothing was compared, and all is good")
	}
}

// The claims of an anonymous client's token are compared, where they were kept.
func TestClaims(t *testing.T) {
	token := func(claims string) string { return "h." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".s" }
	const good = `{"sub":"acr_anon_pull","iat":100,"exp":1300,"access":[{"Type":"registry","Name":"catalog","Actions":["*"]}]}`
	for got, want := range map[string]string{
		strings.NewReplacer("100", "200", "1300", "1400").Replace(good): "",
		strings.Replace(good, "1300", "1301", 1):                        "claims: .t: exp is 1201, recorded is 1200",
		strings.Replace(good, "_pull", "",
			1): "claims: .t: sub is acr_anon, recorded is acr_anon_pull",
		strings.Replace(good, "catalog", "all", 1): "claims: .t: access is ",
		strings.Replace(good, "iat", "nbf", 1):     "claims: .t has ",
		"{}":                                       "claims: .t has ",
	} {
		c := &comparison{s: &session{}}
		c.value(".t", "access_token", token(good), token(got))
		if all := strings.Join(c.differences, "\n"); (all == "") != (want == "") || !strings.HasPrefix(all, want) {
			t.Errorf("%s: %q, want %q", got, all, want)
		}
	}
	for _, other := range []string{"Sanitized", "sanitized." +
		base64.RawURLEncoding.EncodeToString([]byte(`{"exp":1}`)) + ".s", "." + strings.TrimPrefix(token(good), "h."),
		token(`{"sub":"x"}`)} {
		c := &comparison{s: &session{}}
		if c.value(".t", "access_token", other, token("{}")); c.differences != nil {
			t.Errorf("%s: %q", other, c.differences)
		}
	}
}

// A token request goes with the kind of token that it was recorded with.
func TestTokenForm(t *testing.T) {
	em, err := openEmulator(t.Context(), []*state{{}}, true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := em.close(); err != nil {
			t.Error(err)
		}
	}()
	form := func(path, body string, status int, content string) url.Values {
		r := recording.Recording{KeepsBodies: true,
			Exchanges: []recording.Exchange{{Method: "POST", URL: &url.URL{Path: path}, Body: body,
				Status: status, Content: content}}}
		text, err := newSession(em, r, registryName(0)+localSuffix, nil).tokenForm(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	const exchange = "grant_type=access_token&access_token=Sanitized"
	for content, want := range map[string]any{
		`{"errors":[{"code":"UNAUTHORIZED","message":"retrieving permissions failed"}]}`: "https://management.usgovcloudapi.net",
		"": nil, // what else was refused is sent as it is
	} {
		if got := claimsOf(form("/oauth2/exchange", exchange, 401, content).Get("access_token"))["aud"]; got != want {
			t.Errorf("%s: a token for %v, want %v", content, got, want)
		}
	}
	if got := claimsOf(form("/oauth2/exchange", exchange, 200,
		"").Get("access_token"))["aud"]; got != "https://containerregistry.azure.net" {
		t.Errorf("a token for %v", got)
	}
	if got := form("/oauth2/token", "grant_type=password&refresh_token=Sanitized", 200,
		""); got.Get("refresh_token") != "" || !got.Has("refresh_token") {
		t.Errorf("an anonymous form: %v", got)
	}
}

// Bytes that are not compared would hide a fault.
func TestOtherBytes(t *testing.T) {
	text := manifestText()
	c := &comparison{s: &session{}, want: recording.Exchange{Method: "GET", Status: 200,
		URL: &url.URL{Path: "/v2/a/manifests/" + recording.Digest(text)}, Content: text},
		got: &response{body: text + "\n"}, excluded: map[string]bool{}}
	if c.body(); !slices.Equal(c.differences, []string{"body: other bytes"}) {
		t.Errorf("%q", c.differences)
	}
	c.differences, c.got.body = nil, text
	if c.body(); c.differences != nil {
		t.Errorf("%q", c.differences)
	}
}

// asSession rewrites entries of the test proxy as records of a session: without
// bodies and credentials of requests.
func asSession(t *testing.T, entries []string) string {
	t.Helper()
	var records []any
	for _, e := range entries {
		var x struct {
			RequestMethod, RequestURI string
			RequestHeaders            map[string]string
			StatusCode                int
			ResponseHeaders           map[string]any
			ResponseBody              json.RawMessage
		}
		if err := json.Unmarshal([]byte(e), &x); err != nil {
			t.Fatal(err)
		}
		answer := map[string]string{"StatusCode": fmt.Sprint(x.StatusCode), "retry-after": "0"}
		for name, v := range x.ResponseHeaders {
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			var values []string
			for _, v := range list {
				values = append(values, fmt.Sprint(v))
			}
			answer[name] = strings.Join(values, ",")
		}
		if body := string(x.ResponseBody); body != "null" {
			answer["Body"] = body
		}
		headers := map[string]string{}
		for name, v := range x.RequestHeaders {
			if name == "Content-Type" {
				headers[name] = v
			}
		}
		records = append(records, map[string]any{"Method": x.RequestMethod, "Uri": x.RequestURI, "Headers": headers,
			"Response": answer, "Exception": nil})
	}
	b, err := json.Marshal(map[string]any{"networkCallRecords": records, "variables": []any{}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A session record has no bodies of requests: uploads are played in their size,
// with their bytes where another exchange has them.
func TestSession(t *testing.T) {
	text := manifestText()
	entries := []string{
		entry("POST", "/oauth2/exchange", isForm, "", 200, tokenHead, `{"refresh_token":"<jwt>"}`),
		entry("POST", "/oauth2/token", isForm, "", 200, tokenHead, `{"access_token":"<jwt>"}`),
	}
	entries = append(entries, pushEntries(text, asJSON(text))...)
	// Both blobs are lost, so the manifest is too.
	if got := outcomes(t, "a.json", asSession(t, entries)); got != [3]int{6, 4, 0} {
		t.Errorf("alike, lost, different: %v", got)
	}
	// A storage account has the bytes of one, and the other's push has its own.
	hex := strings.TrimPrefix(recording.Digest(blobText), "sha256:")
	stored := strings.Replace(entry("GET", "/x//docker/registry/v2/blobs/sha256/"+hex[:2]+"/"+hex+"/data?se=1", "", "",
		200, `"X-Ms-Blob-Type":"AppendBlob"`, inBase64(blobText)),
		host, "store.blob.core.windows.net", 1)
	files := map[string]string{"a.json": asSession(t, entries), "b.json": inProxy([]string{stored}),
		"c.json": inProxy(uploadEntries(uploadID+"3", configText, inBase64(configText)))}
	report := play(t, files, nil)
	if report.Matched != 13 || report.Lost != 0 || len(report.Differences) != 0 {
		t.Errorf("%d alike, %d lost, %+v", report.Matched, report.Lost, report.Differences)
	}
	// A change of attributes is what its answer says; a token is anonymous if no
	// exchange came before it.
	lock := strings.Replace(open, `"writeEnabled":true`, `"writeEnabled":false`, 1)
	ok := common + "," + isJSON
	locked := `{"registry":"` + host +
		`","imageName":"demo/app","createdTime":"2021-01-01T00:00:00Z","lastUpdateTime":"2021-01-01T00:00:00Z","manifestCount":1,"tagCount":0,`
	read := entry("GET", "/acr/v1/demo%2Fapp", "", "", 200, ok, locked+lock+"}")
	entries = []string{entries[0], entries[1], entry("PATCH", "/acr/v1/demo%2Fapp", "", "", 200, ok, locked+lock+"}"),
		entries[1], read}
	if got := outcomes(t, "a.json", asSession(t, entries)); got != [3]int{5, 0, 0} {
		t.Errorf("attributes: alike, lost, different: %v", got)
	}
	if got := outcomes(t, "a.json", asSession(t, []string{entries[1], read})); got != [3]int{2, 0, 0} {
		t.Errorf("anonymous: alike, lost, different: %v", got)
	}
}

// A change of attributes whose body was not recorded may have set them all.
func TestInferUnrecordedChange(t *testing.T) {
	x := recording.Exchange{Method: "PATCH", Status: 200, URL: &url.URL{Path: "/acr/v1/a/_tags/v1"},
		Content: `{"imageName":"a","tag":{"name":"v1","digest":"` + leaf +
			`","changeableAttributes":{"deleteEnabled":false,"writeEnabled":true}}}`}
	if s := infer(&recording.Recording{Exchanges: []recording.Exchange{x}},
		nil); s.repositories["a"].tags["v1"].locks.any() {
		t.Error("the tag is locked from the beginning")
	}
	x.Method = "GET"
	if s := infer(&recording.Recording{Exchanges: []recording.Exchange{x}},
		nil); !s.repositories["a"].tags["v1"].locks.any() {
		t.Error("the tag is not locked")
	}
}

// Content counts under its own digest alone.
func TestCollectContents(t *testing.T) {
	get := func(ref, content string) recording.Exchange {
		return recording.Exchange{Method: "GET", Status: 200,
			URL: &url.URL{Path: "/v2/a/blobs/" + ref}, Content: content}
	}
	one, two := recording.Digest("one"), recording.Digest("two")
	got := collectContents([]recording.Recording{{Exchanges: []recording.Exchange{get(one, "one"), get(two, "other")}}})
	want := contents{one: "one", recording.Digest("{}"): "{}", recording.Digest(""): ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Headers that a recorder left out are those that the answer shows.
func TestLikelyHeaders(t *testing.T) {
	answer := map[string][]string{"Content-Type": {"application/x"}, "X-Ms-Client-Request-Id": {"id"}}
	for request, want := range map[string]http.Header{
		"GET /v2/a/manifests/v1":   {"Accept": {"application/x"}, "X-Ms-Client-Request-Id": {"id"}},
		"PUT /v2/a/manifests/v1":   {"X-Ms-Client-Request-Id": {"id"}},
		"GET /acr/v1/a":            {"X-Ms-Client-Request-Id": {"id"}},
		"PATCH /acr/v1/a/_tags/v1": {"Content-Type": {"application/json"}, "X-Ms-Client-Request-Id": {"id"}},
		"POST /oauth2/token": {"Content-Type": {"application/x-www-form-urlencoded"},
			"X-Ms-Client-Request-Id": {"id"}},
		"GET /acr/v1/manifests/x/a": {"X-Ms-Client-Request-Id": {"id"}},
	} {
		method, path, _ := strings.Cut(request, " ")
		got := http.Header{}
		likelyHeaders(&recording.Exchange{Method: method, Status: 200, URL: &url.URL{Path: path}, Answer: answer}, got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", request, diff)
		}
	}
}

// A Link proves that there is more, though no answer shows it.
func TestLinks(t *testing.T) {
	ok := common + "," + isJSON
	image := `{"registry":"` + host + `","imageName":"demo/app",`
	times := `"createdTime":"2024-05-01T10:00:00.1234567Z","lastUpdateTime":"2024-05-01T10:00:00.1234567Z",`
	link := func(target string) string { return ok + `,"Link":"<` + target + `>; rel=\"next\""` }
	tagOf := func(name string) string {
		return `{"name":"` + name + `","digest":"` + leaf + `",` + times + `"signed":false,` + open + `}`
	}
	about := `{"digest":"` + leaf + `","imageSize":7,` + times + `"architecture":"arm64","os":"linux","mediaType":"` +
		manifest2 + `","configMediaType":"` + configType + `","tags":["v1","v2"],` + open + `}`
	got := outcomes(t, "a.json", inProxy([]string{
		entry("GET", "/acr/v1/_catalog?n=1", authorized, "", 200, link("/acr/v1/_catalog?last=demo%2Fapp&n=1&orderby="),
			`{"repositories":["demo/app"]}`),
		entry("GET", "/acr/v1/demo%2Fapp/_tags?n=1", "", "", 401, ok+","+
			bearer("repository:demo/app:metadata_read", ""), refusal("repository", "demo/app", "metadata_read")),
		entry("GET", "/acr/v1/demo%2Fapp/_tags?n=1", authorized, "", 200,
			link("/acr/v1/demo%2Fapp/_tags?last=v1&n=1&orderby="), image+`"tags":[`+tagOf("v1")+`]}`),
		entry("GET", "/acr/v1/demo%2Fapp/_tags?last=v1&n=1&orderby=", authorized, "", 200,
			link("/acr/v1/demo%2Fapp/_tags?last=v2&n=1&orderby="), image+`"tags":[`+tagOf("v2")+`]}`),
		entry("GET", "/acr/v1/demo%2Fapp/_manifests?n=1", authorized, "", 200,
			link("/acr/v1/demo%2Fapp/_manifests?last="+url.QueryEscape(leaf)+"&n=1&orderby="),
			strings.Replace(image+`"manifests":[`+about+`]}`, `["v1","v2"]`, `["v1","v2","v2-and-more"]`, 1)),
	}))
	if got != [3]int{5, 0, 0} {
		t.Errorf("alike, lost, different: %v", got)
	}
}

// What a Link proves, on the state alone.
func TestInferLinks(t *testing.T) {
	page := func(path, link string) recording.Exchange {
		u, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		return recording.Exchange{Method: "GET", Status: 200, URL: u,
			Answer: map[string][]string{"Link": {"<" + link + `>; rel="next"`}}}
	}
	s := &state{repositories: map[string]*repository{}}
	s.inferLinks([]recording.Exchange{
		page("/acr/v1/_catalog", "/acr/v1/_catalog?last=b&n=1&orderby="),
		page("/acr/v1/_catalog?last=b", "/acr/v1/_catalog?last=c&n=1&orderby="),
		page("/acr/v1/a/_tags", "/acr/v1/a/_tags?last=v1&n=1&orderby="),
		page("/acr/v1/a/_manifests", "/acr/v1/a/_manifests?last=637563736656813875%26sha256%3A01&n=1&orderby=timeasc"),
		{Method: "GET", Status: 404, URL: &url.URL{Path: "/acr/v1/_catalog"},
			Answer: map[string][]string{"Link": {"</?last=z>"}}},
	})
	a := s.repositories["a"]
	if a == nil || a.tags["v1"] == nil || a.manifests["sha256:01"] == nil {
		t.Fatalf("%+v", s.repositories)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, sortedKeys(s.repositories)); diff != "" {
		t.Errorf("repositories (-want +got):\n%s", diff)
	}
	if !slices.Equal(s.moreRepositories, []string{"b", "c"}) && !slices.Equal(s.moreRepositories, []string{"c"}) {
		t.Errorf("after %q", s.moreRepositories)
	}
	if len(a.moreTags) != 1 || a.moreTags[0].after != "v1" || len(a.moreManifests) != 1 ||
		a.moreManifests[0].after != "sha256:01" {
		t.Errorf("tags after %+v, manifests after %+v", a.moreTags, a.moreManifests)
	}
}

// The search for a digest after another one ends.
func TestFollowing(t *testing.T) {
	stage := func() *stage { return &stage{digests: map[string]string{}, made: map[string]*generated{}} }
	if g, err := stage().following(leaf); err != nil || g.digest <= leaf {
		t.Errorf("%v, error %v", g, err)
	}
	st := stage()
	last := "sha256:" + strings.Repeat("f", 64)
	if _, err := st.following(last); err == nil || len(st.made) != 7000 {
		t.Errorf("%d were made, error %v", len(st.made), err)
	}
}

// A repository that a whole catalog lacks comes later.
func TestArrival(t *testing.T) {
	ok := common + "," + isJSON
	got := outcomes(t, "a.json", inProxy([]string{
		entry("GET", "/acr/v1/_catalog", authorized, "", 200, ok, `{"repositories":["a"]}`),
		entry("GET", "/acr/v1/_catalog", authorized, "", 200, ok, `{"repositories":["a","b"]}`),
	}))
	if got != [3]int{2, 0, 0} {
		t.Errorf("alike, lost, different: %v", got)
	}
}

// A state that no registry can have leaves a recording out, from there on, and
// nothing else.
func TestNoState(t *testing.T) {
	ok := common + "," + isJSON
	catalog := func(names string) string {
		return entry("GET", "/acr/v1/_catalog", authorized, "", 200, ok, `{"repositories":[`+names+`]}`)
	}
	report := play(t, map[string]string{
		"begin.json": inProxy([]string{catalog(`"NO"`)}),
		"later.json": inProxy([]string{catalog(`"a"`), catalog(`"a","NO"`)}),
		"good.json":  inProxy([]string{catalog(`"a"`)}),
	}, nil)
	var got []string
	for _, e := range report.Excluded {
		got = append(got, fmt.Sprintf("%s %d", e.File, e.Count))
	}
	if diff := cmp.Diff([]string{"begin.json 1", "later.json 1"}, got); diff != "" || report.Matched != 2 {
		t.Errorf("%d alike, excluded (-want +got):\n%s", report.Matched, diff)
	}
}

// Links to storage are alike but for their host, container, time and signature;
// the order of their parameters is compared.
func TestStorageLink(t *testing.T) {
	const good = "https://store.blob.core.windows.net/00112233445566778899aabbccddeeff-0123456789//" +
		"docker/registry/v2/blobs/sha256/ab/abcd/data?" +
		"se=1&sig=2&sp=r&spr=https&sr=b&sv=2016-05-31&regid=3"
	c := new(comparison)
	want := c.storageLink(good)
	for link, alike := range map[string]bool{
		strings.NewReplacer("store", "other", "0011", "ffee", "sig=2", "sig=9", "regid=3",
			"regid=4").Replace(good): true,
		strings.Replace(good, "?se=1&sig=2", "?sig=2&se=1", 1): false,
		strings.Replace(good, "sp=r", "sp=w", 1):               false,
		strings.Replace(good, "abcd", "abce", 1):               false,
		strings.Replace(good, "https:", "http:", 1):            false,
		"": false,
	} {
		if got := c.storageLink(link); (got == want) != alike {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
}

// What storage answers is played too, after the redirect, and where the recorder
// followed it unseen.
func TestStored(t *testing.T) {
	digest := recording.Digest(blobText)
	hex := strings.TrimPrefix(digest, "sha256:")
	stored := `"X-Ms-Blob-Type":"AppendBlob","Accept-Ranges":"bytes",` + octets
	whole := strings.Replace(entry("GET", "/c//docker/registry/v2/blobs/sha256/"+hex[:2]+"/"+hex+"/data?se=1", "", "",
		200, stored+`,"Content-Length":"22"`, inBase64(blobText)),
		host, "store.blob.core.windows.net", 1)
	part := entry("GET", "/v2/demo/app/blobs/"+digest, authorized+`,"Range":"bytes=4-99"`, "", 206, stored+
		`,"Content-Range":"bytes 4-21/22"`, inBase64(blobText[4:]))
	redirect := entry("GET", "/v2/demo/app/blobs/"+digest, authorized, "", 307, common+`,"Location":"x"`, "")
	all := append(uploadEntries(uploadID+"1", blobText, inBase64(blobText)), redirect, whole, part)
	problems := func(content string) (out []string) {
		report := play(t, map[string]string{"a.json": content}, nil)
		for _, d := range report.Differences {
			if d.Exchange != 4 { // the redirect itself is made up, and different
				out = append(out, fmt.Sprint(d.Exchange, d.What))
			}
		}
		if report.Exchanges != 6 {
			out = append(out, fmt.Sprint(report.Excluded))
		}
		return out
	}
	good := inProxy(all)
	if got := problems(good); got != nil {
		t.Errorf("%q", got)
	}
	for from, c := range map[string]struct{ to, want string }{
		`"Content-Range":"bytes 4-21/22"`: {`"Content-Range":"bytes 4-20/22"`, "6 [Content-Range:"},
		inBase64(blobText[4:]):            {inBase64(blobText[5:]), "6 [body: other bytes]"},
		`"StatusCode":206`:                {`"StatusCode":416`, "6 [status 206"},
		`"Content-Length":"22"`:           {`"Content-Length":"21"`, "5 [Content-Length:"},
		`200,"ResponseHeaders":{"X-Ms-Blob-Type":"Append`: {`200,"ResponseHeaders":{"X-Ms-Blob-Type":"Block`,
			"5 [X-Ms-Blob-Type:"},
	} {
		bad := strings.Replace(good, from, c.to, 1)
		if got := problems(bad); bad == good || len(got) != 1 || !strings.HasPrefix(got[0], c.want) {
			t.Errorf("%s: %q, want %q", c.to, got, c.want)
		}
	}
	// A blob that only storage answered has the content of that answer.
	pull := inProxy([]string{entry("GET", "/v2/demo/app/blobs/sha256:00", authorized, "", 200, stored+
		`,"Content-Length":"22"`, inBase64(blobText))})
	if got := outcomes(t, "a.json", pull); got != [3]int{1, 0, 0} {
		t.Errorf("a blob of a made-up digest: alike, lost, different: %v", got)
	}
}

// With DirectBlobs, redirects are left out and said to be.
func TestDirectBlobs(t *testing.T) {
	content := inProxy([]string{
		entry("GET", "/v2/demo/app/blobs/"+leaf, authorized, "", 307, common, ""),
		entry("GET", "/acr/v1/_catalog", authorized, "", 200, common+","+isJSON, `{"repositories":["demo/app"]}`),
	})
	report := play(t, map[string]string{"a.json": content}, &Options{DirectBlobs: true})
	if report.Matched != 1 || len(report.Excluded) != 1 ||
		!strings.Contains(report.Excluded[0].Reason, "redirect to storage") {
		t.Errorf("%+v", report)
	}
	report = play(t, map[string]string{"a.json": content}, nil)
	if report.Exchanges != 2 {
		t.Errorf("%+v", report)
	}
}

// The tables count by folder, client and kind.
func TestSources(t *testing.T) {
	agent := `,"User-Agent":"azsdk-net-Containers.ContainerRegistry/1.1.0"`
	ok := common + "," + isJSON
	report := play(t, map[string]string{
		"2022/x/a.json": inProxy([]string{entry("GET", "/acr/v1/_catalog", authorized+agent, "", 200, ok,
			`{"repositories":["a"]}`), entry("GET", "/acr/v1/_catalog", authorized+agent, "", 400, ok, `{}`)}),
		"b.yaml": cassette,
		"c.json": inProxy(uploadEntries(uploadID+"1", blobText, inBase64(strings.Repeat("y", len(blobText))))),
	}, nil)
	want := []Source{{".", "test proxy", "uploads", Tally{3, 2, 0, 1}},
		{".", "vcr cassette", "metadata", Tally{2, 2, 0, 0}}, {".", "vcr cassette", "tokens", Tally{1, 1, 0, 0}},
		{"2022", "net", "metadata", Tally{2, 1, 1, 0}}}
	if diff := cmp.Diff(want, report.Sources); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"status 200, recorded is 400": 1}, report.classes()); diff != "" {
		t.Errorf("classes (-want +got):\n%s", diff)
	}
	var b strings.Builder
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"          3      2          0           1  ., test proxy, uploads\n",
		"     1  status 200, recorded is 400\n",
		"6 of 7 exchanges match (85.7 %); 1 more do but for bytes that the recordings lost\n"} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("the report lacks %q:\n%s", line, b.String())
		}
	}
}
