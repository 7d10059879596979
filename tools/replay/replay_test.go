package main

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/tools/replay/recording"
)

// TestRecordings plays real traffic. It is not part of the project: it lies in a
// folder beside it, or in the one that ACRKIT_RECORDINGS names.
func TestRecordings(t *testing.T) {
	dir := os.Getenv("ACRKIT_RECORDINGS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "recordings")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the recordings are not present (%v); ACRKIT_RECORDINGS names their folder", err)
	}
	report, err := Run(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Good() {
		var b strings.Builder
		if err := report.Write(&b); err != nil {
			t.Fatal(err)
		}
		t.Errorf("the emulator does not answer as recorded:\n%s", b.String())
	}
}

// A made-up recording in the test proxy's form. What is not compared is not in
// it; {login} is the login server.
const (
	common = `"Access-Control-Expose-Headers":["Docker-Content-Digest","WWW-Authenticate","Link","X-Ms-Correlation-Request-Id"],
		"Docker-Distribution-Api-Version":"registry/2.0","X-Content-Type-Options":"nosniff",
		"Strict-Transport-Security":["max-age=31536000; includeSubDomains","max-age=31536000; includeSubDomains"]`
	isJSON = `"Content-Type":"application/json; charset=utf-8"`
	ids    = `"X-Ms-Request-Id":"<guid>","X-Ms-Client-Request-Id":""`
	needs  = `authentication required, visit https://aka.ms/acr/authorization for more information.`
	open   = `"changeableAttributes":{"deleteEnabled":true,"writeEnabled":true,"readEnabled":true,"listEnabled":true}`
	leaf   = "sha256:3c1f000000000000000000000000000000000000000000000000000000000001"
	list   = "sha256:2c1e000000000000000000000000000000000000000000000000000000000002"
	host   = "made-up.azurecr.io"
)

func entry(method, path, request, body string, status int, answer, content string) string {
	if body == "" {
		body = "null"
	}
	if content == "" {
		content = "null"
	}
	code, _ := json.Marshal(status)
	return `{"RequestMethod":"` + method + `","RequestUri":"https://` + host + path + `","RequestHeaders":{` + request +
		`},"RequestBody":` + body +
		`,"StatusCode":` + string(code) + `,"ResponseHeaders":{` + answer + `},"ResponseBody":` + content + `}`
}

func bearer(scope, problem string) string {
	value := `Bearer realm=\"https://` + host + `/oauth2/token\",service=\"` + host + `\",scope=\"` + scope + `\"`
	if problem != "" {
		value += `,error=\"` + problem + `\"`
	}
	return `"WWW-Authenticate":"` + value + `"`
}

func refusal(typ, name string, actions ...string) string {
	details := make([]string, 0, len(actions))
	for _, a := range actions {
		details = append(details, `{"Type":"`+typ+`","Name":"`+name+`","Action":"`+a+`"}`)
	}
	return `{"errors":[{"code":"UNAUTHORIZED","message":"` + needs + `","detail":[` +
		strings.Join(details, ",") + `]}]}`
}

const (
	authorized = `"Authorization":"Bearer <token>"`
	isForm     = `"Content-Type":"application/x-www-form-urlencoded"`
	tokenHead  = isJSON +
		`,"Transfer-Encoding":"chunked","Strict-Transport-Security":"max-age=31536000; includeSubDomains"`
)

func proxyRecording() string {
	upload := "/v2/demo/app/blobs/uploads/11111111-2222-3333-4444-555555555555?_nouploadcache=false&_state=Zmlyc3Q"
	next := strings.Replace(upload, "Zmlyc3Q", "c2Vjb25k", 1)
	progress := func(location, span string) string {
		return common + `,` + ids + `,"Content-Length":"0","Location":"` + location + `","Range":"` + span +
			`","Docker-Upload-Uuid":"<guid>"`
	}
	times := `"createdTime":"2024-05-0%T10:00:00.1234567Z","lastUpdateTime":"2024-05-0%T10:00:00.1234567Z",`
	childBody := `{"digest":"` + leaf + `","imageSize":7,` + strings.ReplaceAll(times, "%", "2") +
		`"architecture":"arm64","os":"linux",
		"mediaType":"application/vnd.docker.distribution.manifest.v2+json","configMediaType":"application/vnd.docker.container.image.v1+json",` + open + `}`
	listBody := `{"digest":"` + list + `","imageSize":7,` + strings.ReplaceAll(times, "%", "1") + `
		"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","tags":["v1"],` + open
	tagged := func(locked string) string {
		return `{"registry":"` + host + `","imageName":"demo/app","tag":{"name":"v1","digest":"` + list + `",` +
			strings.ReplaceAll(times, "%", "3") +
			`"signed":false,` + strings.Replace(open, `"writeEnabled":true`, `"writeEnabled":`+locked, 1) + `}}`
	}
	ok := common + "," + isJSON
	entries := []string{
		entry("GET", "/v2/demo/app/blobs/no%20digest", "", "", 404,
			`"Docker-Distribution-Api-Version":"registry/2.0","X-Content-Type-Options":"nosniff",
			"Strict-Transport-Security":["max-age=31536000; includeSubDomains","max-age=31536000; includeSubDomains"],
			"Content-Type":"text/plain; charset=utf-8","Content-Length":"19"`, `"404 page not found\n"`),
		entry("GET", "/acr/v1/_catalog?n=1", "", "", 401, ok+`,"Content-Length":"196",`+
			bearer("registry:catalog:*", ""), refusal("registry", "catalog", "*")),
		entry("POST", "/oauth2/exchange", isForm, `"grant_type=access_token&service=`+host+
			`&tenant=x&access_token=Sanitized"`, 200, tokenHead, `{"refresh_token":"<jwt>"}`),
		entry("POST", "/oauth2/token", isForm, `"grant_type=refresh_token&service=`+host+
			`&scope=registry%3Acatalog%3A%2A&refresh_token=Sanitized"`, 200, tokenHead, `{"access_token":"<jwt>"}`),
		entry("GET", "/acr/v1/_catalog?n=1", authorized, "", 200,
			ok+`,"Link":"</acr/v1/_catalog?last=demo%2Fapp&n=1&orderby=>; rel=\"next\""`,
			`{"repositories":["demo/app"]}`),
		entry("GET", "/acr/v1/_catalog?last=demo%2Fapp&n=1&orderby=", authorized, "", 200, ok,
			`{"repositories":["other"]}`),
		entry("GET", "/acr/v1/demo%2Fapp/_manifests", authorized, "", 401, ok+","+
			bearer("repository:demo/app:metadata_read", "insufficient_scope"),
			refusal("repository", "demo/app", "metadata_read")),
		entry("GET", "/acr/v1/demo%2Fapp/_manifests", authorized, "", 200, ok, `{"registry":"`+host+
			`","imageName":"demo/app","manifests":[`+listBody+`},`+childBody+`]}`),
		entry("GET", "/acr/v1/demo%2Fapp/_manifests?orderby=timedesc", authorized, "", 200, ok, `{"registry":"`+host+
			`","imageName":"demo/app","manifests":[`+childBody+`,`+listBody+`}]}`),
		entry("GET", "/acr/v1/demo%2Fapp/_manifests/"+list, authorized, "", 200, ok, `{"registry":"`+host+
			`","imageName":"demo/app","manifest":`+listBody+
			`,"references":[{"digest":"`+leaf+`","architecture":"arm64","os":"linux"}]}}`),
		entry("GET", "/acr/v1/demo%2Fapp", authorized, "", 200, ok, `{"registry":"`+host+`","imageName":"demo/app",`+
			strings.ReplaceAll(times, "%", "4")+`"manifestCount":2,"tagCount":1,`+open+`}`),
		entry("PATCH", "/acr/v1/demo%2Fapp/_tags/v1", `"Content-Length":"0"`, "", 401, ok+","+
			bearer("repository:demo/app:metadata_write", ""), refusal("repository", "demo/app", "metadata_write")),
		entry("PATCH", "/acr/v1/demo%2Fapp/_tags/v1", authorized, `{"writeEnabled":true}`, 200, ok, tagged("true")),
		entry("PATCH", "/acr/v1/demo%2Fapp/_tags/v1", authorized, `{"writeEnabled":false}`, 200, ok, tagged("false")),
		entry("POST", "/v2/copy/blobs/uploads/?from=demo%2Fapp&mount=sha256%3A00", "", "", 401, ok+","+
			bearer("repository:demo/app:pull repository:copy:pull,push", ""),
			`{"errors":[{"code":"UNAUTHORIZED","message":"`+needs+
				`","detail":[{"Type":"repository","Name":"copy","Action":"pull"},{"Type":"repository","Name":"copy","Action":"push"},{"Type":"repository","Name":"demo/app","Action":"pull"}]}]}`),
		entry("POST", "/v2/copy/blobs/uploads/?from=demo%2Fapp&mount=sha256%3A00", authorized, "", 201, common+","+ids+
			`,"Content-Length":"0","Docker-Content-Digest":"sha256:00","Location":"/v2/copy/blobs/sha256:00"`, ""),
		entry("POST", "/v2/demo/app/blobs/uploads/", "", "", 401, ok+","+bearer("repository:demo/app:push,pull", ""),
			refusal("repository", "demo/app", "pull", "push")),
		entry("POST", "/v2/demo/app/blobs/uploads/", authorized, "", 202, progress(upload, "0-0"), ""),
		entry("PATCH", upload, authorized, `"<12 bytes>"`, 202, progress(next, "0-11"), ""),
		entry("PUT", next+"&digest=sha256%3A0000", authorized, "", 400, ok+","+ids+`,"Content-Length":"131"`,
			`{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content","detail":"digest parsing failed"}]}`),
		entry("DELETE", "/v2/demo/app/manifests/"+leaf, "", "", 401, ok+","+bearer("repository:demo/app:delete", ""),
			refusal("repository", "demo/app", "delete")),
		entry("DELETE", "/v2/demo/app/manifests/"+leaf, authorized, "", 202, common+","+ids+
			`,"Content-Length":"0"`, ""),
	}
	return `{"Entries":[` + strings.Join(entries, ",\n") + `]}`
}

func play(t *testing.T, files map[string]string, opts *Options) *Report {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	report, err := Run(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestProxyRecording(t *testing.T) {
	report := play(t, map[string]string{"made-up.json": proxyRecording(), "notes/readme.txt": "",
		"notes/api.json": `{"paths":{}}`, "notes/list.yaml": "- a"}, nil)
	if diff := cmp.Diff(&Report{Recordings: 1, Exchanges: 22, Matched: 22,
		ExcludedParts: []Exclusion{
			{"made-up.json", "bodies: the value of imageSize (of content that is not known)", 3}},
		NotRecordings: []Exclusion{{"notes/", "holds no exchanges", 3}}}, report, cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(Report{}, "Operations", "Sources")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Each case changes one thing in a recording that the emulator agrees with; the
// replayer must see it.
func TestDifferences(t *testing.T) {
	good := proxyRecording()
	cases := map[string]struct{ from, to, want string }{
		"status": {`"StatusCode":202,"ResponseHeaders":{` + common + `,` + ids + `,"Content-Length":"0"}`,
			`"StatusCode":200,"ResponseHeaders":{` + common + `,` + ids + `,"Content-Length":"0"}`,
			"status 202, recorded is 200"},
		"challenge's scope": {`scope=\"registry:catalog:*\"`, `scope=\"registry:catalog:read\"`,
			`WWW-Authenticate: scope=`},
		"challenge's error": {`insufficient_scope`, `invalid_scope`, `WWW-Authenticate: error=`},
		"challenge's params": {`service=\"` + host + `\",scope=\"registry`, `scope=\"registry`,
			`WWW-Authenticate: Bearer with`},
		"code": {`DIGEST_INVALID`, `DIGEST_BAD`, "body: .errors[0].code"},
		"length of refusal": {`"Content-Length":"131"`, `"Content-Length":"130"`,
			"Content-Length: 131, recorded is 130"},
		"detail":             {`"Action":"delete"`, `"Action":"push"`, "body: .errors[0].detail[0].Action"},
		"text of the router": {`404 page not found`, `not found`, "body:"},
		"more fields":        {`"signed":false,`, `"signed":false,"size":1,`, "body: .tag.size is missing"},
		"fewer fields":       {`"signed":false,`, ``, "body: .tag.signed is there, and not recorded"},
		"type":               {`"signed":false,`, `"signed":"no",`, "body: .tag.signed is false, recorded is a text"},
		"lock": {`"writeEnabled":false,"readEnabled"`, `"writeEnabled":true,"readEnabled"`,
			"body: .tag.changeableAttributes.writeEnabled is false, recorded is true"},
		"form of a time": {`"signed":false,`, `"when":"2024-05-01T10:00:00Z","signed":false,`,
			"body: .tag.when is missing"},
		"length of a list": {`"tags":["v1"]`, `"tags":["v1","v2"]`, "body: .manifests[1].tags is a list of 2"},
		"order by time":    {`orderby=timedesc`, `orderby=timeasc`, "body: .manifests[0].digest"},
		"link":             {`last=demo%2Fapp&n=1&orderby=>`, `last=demo%2Fapp&n=1>`, "Link:"},
		"header gone":      {`"X-Content-Type-Options":"nosniff",`, ``, "X-Content-Type-Options:"},
		"header twice": {`["max-age=31536000; includeSubDomains","max-age=31536000; includeSubDomains"]`,
			`"max-age=31536000; includeSubDomains"`, "Strict-Transport-Security:"},
		"range": {`"Range":"0-11"`, `"Range":"0-12"`, "Range:"},
		"location": {`"Location":"/v2/copy/blobs/sha256:00"`, `"Location":"/v2/demo/blobs/sha256:00"`,
			"Location:"},
		"upload location": {`_nouploadcache=false&_state=c2Vjb25k","Range"`, `_state=c2Vjb25k","Range"`, "Location:"},
		"framing": {`"Transfer-Encoding":"chunked"`, `"Content-Length":"999"`,
			"Transfer-Encoding: chunked, recorded is Content-Length: 999"},
		"ids": {`"X-Ms-Request-Id":"<guid>",`, ``, "X-Ms-Request-Id: there, and not recorded"},
	}
	files := map[string]string{} // one run for all: to start an emulator takes longer than to play a recording
	for name, c := range cases {
		bad := strings.Replace(good, c.from, c.to, 1)
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		files[name+".json"] = bad
	}
	report := play(t, files, nil)
	if report.Matched != report.Exchanges-len(report.Differences) {
		t.Errorf("%d differences, %d of %d match", len(report.Differences), report.Matched, report.Exchanges)
	}
	first := map[string]string{}
	for _, d := range report.Differences {
		if first[d.File] == "" {
			first[d.File] = strings.Join(d.What, "\n")
		}
	}
	for name, c := range cases {
		if got := first[name+".json"]; !strings.Contains(got, c.want) || got == "" {
			t.Errorf("%s: difference %q, want %q", name, got, c.want)
		}
	}
}

// A made-up cassette of the kinds that vcrpy writes: credentials scrubbed, tags
// of Python's, forms as mappings, single header values, rewritten challenges.
const cassette = `version: 1
interactions:
- request: {method: GET, uri: 'https://fake.azurecr.io/acr/v1/demo%2Fapp', body: null, headers: {Accept: [application/json]}}
  response:
    status: {code: 401, message: Unauthorized}
    body: !!python/unicode {string: '{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required, visit https://aka.ms/acr/authorization for more information.", "detail": [{"Type": "repository", "Name": "demo/app", "Action": "metadata_read"}]}]}'}
    headers: {content-type: application/json; charset=utf-8, docker-distribution-api-version: registry/2.0, x-content-type-options: nosniff,
      access-control-expose-headers: X-Ms-Correlation-Request-Id, strict-transport-security: max-age=31536000; includeSubDomains,
      www-authenticate: 'Bearer realm="https://fake.azurecr.io/oauth2/token",service="fake.azurecr.io",scope="fake_scope",error="invalid_token"'}
- request: {method: POST, uri: 'https://fake.azurecr.io/oauth2/token', body: !!python/object/new:dict {grant_type: password, service: real.azurecr.io, scope: 'repository:demo/app:metadata_read'}, headers: {}}
  response:
    status: {code: 200, message: OK}
    body: {string: '{"access_token": "REDACTED"}'}
    headers: {content-type: application/json; charset=utf-8, strict-transport-security: max-age=31536000; includeSubDomains, transfer-encoding: chunked}
- request: {method: GET, uri: 'https://fake.azurecr.io/acr/v1/demo%2Fapp', body: null, headers: {}}
  response:
    status: {code: 200, message: OK}
    body: {string: !!binary eyJyZWdpc3RyeSI6ImZha2UuYXp1cmVjci5pbyIsImltYWdlTmFtZSI6ImRlbW8vYXBwIiwiY3JlYXRlZFRpbWUiOiIyMDIxLTAxLTAxVDAwOjAwOjAwWiIsImxhc3RVcGRhdGVUaW1lIjoiMjAyMS0wMS0wMVQwMDowMDowMFoiLCJtYW5pZmVzdENvdW50IjoyLCJ0YWdDb3VudCI6MywiY2hhbmdlYWJsZUF0dHJpYnV0ZXMiOnsiZGVsZXRlRW5hYmxlZCI6ZmFsc2UsIndyaXRlRW5hYmxlZCI6dHJ1ZSwicmVhZEVuYWJsZWQiOnRydWUsImxpc3RFbmFibGVkIjp0cnVlLCJ0ZWxlcG9ydEVuYWJsZWQiOmZhbHNlfX0=}
    headers: {content-type: application/json; charset=utf-8, docker-distribution-api-version: registry/2.0, x-content-type-options: nosniff,
      access-control-expose-headers: X-Ms-Correlation-Request-Id, strict-transport-security: max-age=31536000; includeSubDomains}
- request: {method: GET, uri: 'https://management.azure.com/subscriptions?api-version=1', body: null, headers: {}}
  response: {status: {code: 200}, body: {string: '{}'}, headers: {}}
- request: {method: GET, uri: 'https://login.microsoftonline.com/common', body: null, headers: {}}
  response: {status: {code: 200}, body: {string: '{}'}, headers: {}}
- request: {method: GET, uri: 'https://store.blob.core.windows.net/x', body: null, headers: {}}
  response: {status: {code: 200}, body: {string: ''}, headers: {}}
- request: {method: GET, uri: 'https://vault.example/x', body: null, headers: {}}
  response: {status: {code: 200}, body: {string: ''}, headers: {}}
`

func wantCassette() *Report {
	const file = "sub/cassette.yaml"
	return &Report{Recordings: 1, Exchanges: 3, Matched: 3,
		Excluded: []Exclusion{
			{file, "Azure Resource Manager: a resource that the emulator has none of, or does not make",
				1},
			{file, "Entra's own host", 1},
			{file, "a storage account's answer, without the redirect to it", 1},
			{file, "another service's host", 1},
		},
		ExcludedParts: []Exclusion{
			{file, "bodies: teleportEnabled (of a preview that ended)", 1},
			{file,
				"challenges: scope and error of WWW-Authenticate (rewritten by the recorder; the scope is taken from " +
					"the body)", 1},
			{file, "headers: all values but the last of Access-Control-Expose-Headers (the recorder kept one)", 2},
			{file, "headers: all values but the last of Strict-Transport-Security (the recorder kept one)", 2},
		}}
}

func TestCassette(t *testing.T) {
	report := play(t, map[string]string{"sub/cassette.yaml": cassette}, nil)
	if diff := cmp.Diff(wantCassette(), report, cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(Report{}, "Operations", "Sources")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The scope of a rewritten challenge is taken from the body, and compared.
	report = play(t,
		map[string]string{"sub/cassette.yaml": strings.Replace(cassette, `"Action": "metadata_read"`,
			`"Action": "pull"`, 1)}, nil)
	if len(report.Differences) != 1 || len(report.Differences[0].What) != 2 {
		t.Errorf("differences %+v, want the challenge and the body of one exchange", report.Differences)
	}
	var b strings.Builder
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"DIFFERS sub/cassette.yaml, exchange 1: GET /acr/v1/demo%2Fapp\n",
		"\n1 recordings, 0 files that could not be read, 7 exchanges, 4 of them excluded.\n2 of 3 exchanges match " +
			"(66.7 %)\n",
		"\n  Entra's own host: 1 exchanges\n       1  sub/cassette.yaml\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
}

// startEmulator serves one registry; the owner's secret is "owner's-secret-0001".
func startEmulator(t *testing.T, anonymous bool) (address string, owner Owner, reg *emulator.Registry) {
	t.Helper()
	owner = Owner{tenantID, clientID, "owner's-secret-0001"}
	em, err := emulator.Open(t.Context(), &emulator.Options{Seed: &seed.Seed{
		Tenants: []seed.Tenant{
			{ID: tenantID, Applications: []seed.Application{
				{ClientID: clientID, Secrets: []seed.ClientSecret{{Value: seed.Secret(owner.ClientSecret)}}}}}},
		Registries: []seed.Registry{{Name: "myregistry", AnonymousPullEnabled: anonymous,
			RoleAssignments: []seed.RoleAssignment{{ClientID: clientID, Role: "Owner"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	served := make(chan error, 1)
	go func() { served <- em.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := em.Close(); err != nil {
			t.Error(err)
		}
	})
	if reg, err = em.Registry(""); err != nil {
		t.Fatal(err)
	}
	return "http://" + l.Addr().String(), owner, reg
}

func TestRunningRegistry(t *testing.T) {
	address, owner, reg := startEmulator(t, true)
	// Over plain HTTP the realm is not https, which is a difference and no lie.
	secure := strings.ReplaceAll(cassette, `realm="https:`, `realm="http:`)
	files := map[string]string{"sub/cassette.yaml": secure, "sub/more.yaml": secure}
	report := play(t, files, &Options{Registry: address, Owner: owner})
	if report.Matched != 6 || report.Exchanges != 6 {
		t.Errorf("%d of %d match: %+v", report.Matched, report.Exchanges, report.Differences)
	}
	report = play(t, files, &Options{Registry: address, Owner: owner}) // it was left empty
	if report.Matched != 6 {
		t.Errorf("%d of %d match: %+v", report.Matched, report.Exchanges, report.Differences)
	}
	if _, err := reg.Push(t.Context(), "mine", seed.Image{Tags: []string{"v1"}}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		address string
		owner   Owner
		want    string
	}{
		"not empty":    {address, owner, "the registry holds 1 repositories"},
		"elsewhere":    {"https://myregistry.azurecr.io", owner, "only an emulator on this machine"},
		"lookalike":    {"https://localhost.example.com", owner, "only an emulator on this machine"},
		"no address":   {"localhost:5443", owner, "not of the form"},
		"no owner":     {address, Owner{}, "AZURE_CLIENT_SECRET"},
		"wrong secret": {address, Owner{tenantID, clientID, "wrong"}, "status 401"},
	} {
		_, err := Run(t.Context(), t.TempDir(), &Options{Registry: c.address, Owner: c.owner})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), owner.ClientSecret) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestNoAnonymousPull(t *testing.T) {
	address, owner, _ := startEmulator(t, false)
	report := play(t, map[string]string{"cassette.yaml": cassette}, &Options{Registry: address, Owner: owner})
	if report.Exchanges != 0 || len(report.Excluded) != 5 || report.Excluded[4].Reason != errAnonymous.Error() ||
		report.Excluded[4].Count != 3 {
		t.Errorf("%+v", report)
	}
}

func TestOperations(t *testing.T) {
	for request, want := range map[string]string{
		"GET /v2/":                          "GET /v2/",
		"POST /oauth2/token":                "POST /oauth2/token",
		"GET /acr/v1/_catalog":              "GET /acr/v1/_catalog",
		"PATCH /acr/v1/a/b":                 "PATCH /acr/v1/NAME",
		"GET /acr/v1/a/b/_tags":             "GET /acr/v1/NAME/_tags",
		"DELETE /acr/v1/a/b/_tags/v1":       "DELETE /acr/v1/NAME/_tags/TAG",
		"GET /acr/v1/a/_manifests/sha256:0": "GET /acr/v1/NAME/_manifests/DIGEST",
		"PUT /v2/a/manifests/v1":            "PUT /v2/NAME/manifests/TAG",
		"GET /v2/a/manifests/sha256:0":      "GET /v2/NAME/manifests/DIGEST",
		"POST /v2/a/blobs/uploads/":         "POST /v2/NAME/blobs/uploads/",
		"PATCH /v2/a/blobs/uploads/1-2":     "PATCH /v2/NAME/blobs/uploads/ID",
		"DELETE /v2/a/blobs/wrong digest":   "DELETE /v2/NAME/blobs/DIGEST",
		"GET /v2/a/tags/list":               "GET /v2/NAME/tags/list",
	} {
		method, path, _ := strings.Cut(request, " ")
		if got := operation(method, path); got != want {
			t.Errorf("%s: %q, want %q", request, got, want)
		}
	}
	report := play(t, map[string]string{"cassette.yaml": cassette}, nil)
	if diff := cmp.Diff([]Operation{{"GET /acr/v1/NAME", Tally{Played: 2, Alike: 2}},
		{"POST /oauth2/token", Tally{Played: 1, Alike: 1}}}, report.Operations); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A file that cannot be read is named, and the others are played.
func TestUnreadable(t *testing.T) {
	report := play(t, map[string]string{
		"sub/cassette.yaml": cassette,
		"bad.yaml": "interactions:\n- request: {uri: 'https://x.azurecr.io/'}\n  response: {status: {code: " +
			"what}}\n",
		"half.json": `{"Entries":[`,
	}, nil)
	want := []recording.Unread{{File: "bad.yaml", Format: "vcr cassette",
		Reason: "exchange 1: the status cannot be read"}, {File: "half.json", Format: "JSON", Reason: "is not JSON"}}
	if diff := cmp.Diff(want, report.Unread); diff != "" || report.Matched != 3 || report.Good() {
		t.Errorf("%d match, good %t, unread (-want +got):\n%s", report.Matched, report.Good(), diff)
	}
	var b strings.Builder
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	if line := "UNREAD bad.yaml (vcr cassette): exchange 1: the status cannot be read\n"; !strings.Contains(b.String(),
		line) {
		t.Errorf("the report lacks %q:\n%s", line, b.String())
	}
	if _, err := Run(t.Context(), filepath.Join(t.TempDir(), "nowhere"), nil); err == nil ||
		!strings.Contains(err.Error(), "no such file") {
		t.Errorf("error %v", err)
	}
	report = play(t, nil, nil)
	if report.Good() || report.Exchanges != 0 {
		t.Errorf("an empty folder: %+v", report)
	}
	b.Reset()
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(),
		"\nNothing to compare: 0 recordings, 0 files that could not be read, no exchanges.\n"; got != want {
		t.Errorf("an empty folder: %q, want %q", got, want)
	}
}
