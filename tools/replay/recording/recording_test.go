package recording

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// One recording in each format; all are made up.
const (
	proxy = `{"Entries":[{"RequestMethod":"PUT","RequestUri":"https://a.azurecr.io/v2/?x=%2F","RequestHeaders":{"accept":"*/*"},"RequestBody":{"a": true},
	"StatusCode":201,"ResponseHeaders":{"link":["a","b"],"content-type":"text/plain"},"ResponseBody":"text\n"},
	{"RequestMethod":"GET","RequestUri":"/","RequestHeaders":null,"RequestBody":null,"StatusCode":204,"ResponseHeaders":{"Content-Type":"text/html"},"ResponseBody":["one\n","two"]},
	{"RequestMethod":"PATCH","RequestUri":"/","RequestHeaders":{"Content-Type":"application/octet-stream"},"RequestBody":"aGVsbG8=","StatusCode":202,"ResponseHeaders":{},"ResponseBody":[]},
	{"RequestMethod":"PUT","RequestUri":"/","RequestHeaders":{"Content-Type":"application/vnd.oci.image.manifest.v1+json"},"RequestBody":"e30=","StatusCode":201,"ResponseHeaders":{},"ResponseBody":null}]}`

	cassette = `interactions:
- request: {method: POST, uri: 'https://a.azurecr.io/oauth2/token', body: !!python/object:x {b: '1 2', a: !!python/object/apply:x.Kind [x]}, headers: {Accept: '*/*'}}
  response: {status: {code: 200}, body: !!python/unicode {string: !!binary aGVsbG8=}, headers: {X-A: b}}
- request: {method: GET, uri: 'https://a.azurecr.io/v2/', body: null, headers: {Authorization: [Bearer x]}}
  response: {status: {code: 401}, body: {string: ''}, headers: {X-A: b}}
- request: {method: PUT, uri: 'https://a.azurecr.io/', body: {base64_string: aGVs bG8=}, headers: {}}
  response: {status: {code: 201}, body: {string: [text]}, headers: {X-A: b}}
- request: {method: GET, url: 'https://a.azurecr.io/', body: "", headers: {}}
  response: {code: 200, body: go, headers: {X-A: b}}
`

	session = `{"networkCallRecords":[{"Method":"GET","Uri":"https://a.azurecr.io/v2/","Headers":{"Content-Type":"x"},
	"Response":{"StatusCode":"200","Body":"aGVsbG8=","Content-Type":"application/octet-stream","retry-after":"0","x-a":"one, two",
	"Strict-Transport-Security":"one,two"},"Exception":null},
	{"Method":"GET","Uri":"https://a.azurecr.io/","Headers":{},"Response":null,"Exception":{"ClassName":"java.lang.Error"}},
	{"Method":"DELETE","Uri":"https://a.azurecr.io/","Headers":{},"Response":{"StatusCode":202,"Body":"text","Content-Type":"text/plain"},"Exception":null}],"variables":[]}`

	browser = `{"recordings":[{"method":"GET","url":"https://a.azurecr.io/x","query":{"n":1,"last":["a/b"]},"requestBody":null,"status":200,"response":"hello",
	"responseHeaders":{"strict-transport-security":"one, two","link":"<a,b>"}}],"uniqueTestInfo":{}}`

	nock = `let nock = require('nock');
module.exports.hash = "4e"; // nock(
nock('https://a.azurecr.io:443', {"encodedQueryParams":true})
  .post('/oauth2/token', "a=b\u0026c=\x64")
  .reply(200, {"access_token":"x", n: [1, -2.5, true, null], 'q': {},}, [
  'Link',
  'one',
  'Link',
  'two'
]);
nock("https://a.azurecr.io:443")
  .patch("/acr/v1/a", {"deleteEnabled":false})
  .query({"n":"1"})
  .reply(
    202,
    null,
    ["Server", "it's", "Content-Type", "text/html"]
  );
nock('https://a.azurecr.io:443').get('/v2/').reply(200, "68656c6c6f", ['Content-Type', 'application/octet-stream']);
`
)

func TestLoad(t *testing.T) {
	files := map[string]string{"b.json": proxy, "a/c.yml": cassette, "d.json": session, "e.json": browser, "f.js": nock,
		"g.json":      "\xef\xbb\xbf" + browser,
		"a/list.yaml": "- x", "a/api.json": "{}", "a/list.json": "[1]", "a/none.json": `{"Entries":[]}`, "notes": "",
		"a/code.js":     "let a = 1;",
		"bad/half.json": `{"Entries":[`, "bad/entries.json": `{"Entries":{}}`, "bad/text.yaml": "a: b: c"}
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
	f, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"a": 5, ".": 1}, f.Others); diff != "" {
		t.Errorf("others (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Unread{{"bad/entries.json", "test proxy", "its exchanges cannot be read"},
		{"bad/half.json", "JSON", "is not JSON"},
		{"bad/text.yaml", "YAML", "is not YAML"}}, f.Unread); diff != "" {
		t.Errorf("unread (-want +got):\n%s", diff)
	}
	type flat struct {
		Exchange
		URL string
	}
	got := map[string][]any{}
	for _, r := range f.Recordings {
		list := []any{r.Format, r.KeepsCredentials, r.KeepsHeaders, r.KeepsBodies, r.LastValueOnly}
		for _, x := range r.Exchanges {
			f := flat{x, x.URL.String()}
			f.Exchange.URL = nil
			list = append(list, f)
		}
		got[r.File] = list
	}
	const host = "https://a.azurecr.io"
	none := http.Header{}
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	inBrowser := []any{"browser recording", false, false, true, false,
		flat{Exchange{Number: 1, Method: "GET", Header: none, Status: 200, Content: "hello",
			Answer: header("Strict-Transport-Security", "one", "Strict-Transport-Security", "two", "Link", "<a,b>")},
			host + "/x?last=a%2Fb&n=1"}}
	want := map[string][]any{
		"a/c.yml": {"vcr cassette", true, true, true, true,
			flat{Exchange{Number: 1, Method: "POST",
				Header: header("Accept", "*/*", "Content-Type", "application/x-www-form-urlencoded"), Body: "a=x&b=1+2",
				Status: 200, Answer: header("X-A", "b"), Content: "hello"}, host + "/oauth2/token"},
			flat{Exchange{Number: 2, Method: "GET", Header: header("Authorization", "Bearer x"), Status: 401,
				Answer: header("X-A", "b")}, host + "/v2/"},
			flat{Exchange{Number: 3, Method: "PUT", Header: none, Body: "hello", Status: 201,
				Answer: header("X-A", "b"), Content: "text"}, host + "/"},
			flat{Exchange{Number: 4, Method: "GET", Header: none, Status: 200, Answer: header("X-A", "b"),
				Content: "go"}, host + "/"}},
		"b.json": {"test proxy", true, true, true, false,
			flat{Exchange{Number: 1, Method: "PUT", Header: header("Accept", "*/*"), Body: `{"a":true}`,
				Status: 201, Answer: header("Link", "a", "Link", "b", "Content-Type", "text/plain"), Content: "text\n"},
				host + "/v2/?x=%2F"},
			flat{Exchange{Number: 2, Method: "GET", Header: none, Status: 204,
				Answer: header("Content-Type", "text/html"), Content: "one\ntwo"}, "/"},
			flat{Exchange{Number: 3, Method: "PATCH", Header: header("Content-Type", "application/octet-stream"),
				Body: "hello", Status: 202, Answer: none}, "/"},
			flat{Exchange{Number: 4, Method: "PUT",
				Header: header("Content-Type", "application/vnd.oci.image.manifest.v1+json"), Body: "{}", Status: 201,
				Answer: none}, "/"}},
		"d.json": {"session record", false, false, false, false,
			flat{Exchange{Number: 1, Method: "GET", Header: header("Content-Type", "x"), Status: 200, Content: "hello",
				Answer: header("Content-Type", "application/octet-stream",
					"X-A", "one, two", "Strict-Transport-Security", "one", "Strict-Transport-Security", "two")}, host +
				"/v2/"},
			flat{Exchange{Number: 3, Method: "DELETE", Header: none, Status: 202, Content: "text",
				Answer: header("Content-Type", "text/plain")}, host + "/"}},
		"e.json": inBrowser,
		"g.json": inBrowser,
		"f.js": {"nock script", false, false, true, false,
			flat{Exchange{Number: 1, Method: "POST", Header: none, Body: "a=b&c=d", Status: 200,
				Answer:  header("Link", "one", "Link", "two"),
				Content: `{"access_token":"x","n":[1,-2.5,true,null],"q":{}}`}, host + ":443/oauth2/token"},
			flat{Exchange{Number: 2, Method: "PATCH", Header: none, Body: `{"deleteEnabled":false}`, Status: 202,
				Answer: header("Server", "it's", "Content-Type", "text/html")},
				host + ":443/acr/v1/a?n=1"},
			flat{Exchange{Number: 3, Method: "GET", Header: none, Status: 200,
				Answer: header("Content-Type", "application/octet-stream"), Content: "hello"}, host + ":443/v2/"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recordings (-want +got):\n%s", diff)
	}
}

func TestUnreadable(t *testing.T) {
	for content, want := range map[string]string{
		"interactions:\n- request: {uri: 'https://x/'}\n" +
			"  response: {status: {code: what}}\n": "vcr cassette: exchange 1: the status",
		"interactions:\n- response: " +
			"{status: {code: 200}}\n": "vcr cassette: exchange 1: the address",
		"interactions:\n- request: {uri: 'https://x/', body: [1, 2]}\n" +
			"  response: {status: {code: 200}}\n": "vcr cassette: exchange 1: the request's body",
		"interactions:\n- request: {uri: 'https://x/', body: {base64_string: '?'}}\n" +
			"  response: {status: {code: 200}}\n": "vcr cassette: exchange 1: the request's body",
		"interactions:\n- request: {uri: 'https://x/'}\n" +
			"  response: {status: {code: 200}, " +
			"body: {string: {a: b}}}\n": "vcr cassette: exchange 1: the answer's body",
		`{"Entries":[{"RequestUri":"https://x/"}]}`: "test proxy: exchange 1: " +
			"the status",
		`{"Entries":[{"RequestUri":":","StatusCode":200}]}`: "test proxy: exchange 1: the " +
			"address",
		`{"networkCallRecords":[{"Uri":"https://x/","Response":{"StatusCode":"x"}}]}`: "session record: exchange 1: " +
			"the status",
		`{"networkCallRecords":[{"Uri":"https://x/","Response":{"Server":"x"}}]}`: "session record: exchange 1: " +
			"the status",
		`{"networkCallRecords":[{"Uri":"https://x/","Response":{"StatusCode":null}}]}`: "session record: exchange 1: " +
			"the status",
		`{"networkCallRecords":[{"Response":{"StatusCode":"200"}}]}`: "session record: exchange 1: the address",
		`{"recordings":[{"url":"","status":200}]}`:                   "browser recording: exchange 1: the address",
		`{"recordings":[{"url":"https://x/"}]}`:                      "browser recording: exchange 1: the status",
		`nock()`:                                                     "nock script: exchange 1: the address",
		`nock('https://x')`:                                          "nock script: exchange 1: the call",
		`nock('https://x').get()`:                                    "nock script: exchange 1: the path",
		`nock('https://x').get('/', /a/)`:                            "nock script: exchange 1: a call",
		`nock('https://x').get('/').reply('a')`:                      "nock script: exchange 1: the status",
		`nock('https://x').get('/').reply(200, "", [1])`:             "nock script: exchange 1: the headers",
	} {
		read := readCassette
		switch {
		case strings.HasPrefix(content, "{"):
			read = readJSON
		case strings.HasPrefix(content, "nock"):
			read = readNock
		}
		_, err := read([]byte(content))
		var bad *formatError
		if !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", content, err, want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("a folder that is not there was read")
	}
}

// Lists in lists are read to a depth of 64, and no deeper.
func TestDepth(t *testing.T) {
	for depth, want := range map[int]bool{64: true, 65: false} {
		lists := strings.Repeat("[", depth+1) + strings.Repeat("]", depth+1)
		_, err := readNock([]byte(`nock('https://x').get('/').reply(200, ` + lists + `)`))
		if (err == nil) != want {
			t.Errorf("%d: error %v", depth, err)
		}
	}
}

// A file of exactly the largest size is read, a larger one is named.
func TestLargest(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int64{"most.json": 64 << 20, "more.json": 64<<20 + 1} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(browser); err != nil {
			t.Fatal(err)
		}
		// The rest is a hole, which reads as NUL: no JSON, but read.
		if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	f, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []Unread{{"more.json", "JSON", "larger than 67108864 bytes"}, {"most.json", "JSON", "is not JSON"}}
	if diff := cmp.Diff(want, f.Unread); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// nockPage is a page of a catalog, recorded without its query.
func nockPage(link, body string) string {
	head := ""
	if link != "" {
		head = `'Link', '<` + link + `>; rel="next"'`
	}
	return "nock('https://a.azurecr.io').get('/acr/v1/_catalog').query(true).reply(200, " + body + ", [" + head + "])\n"
}

func TestLostQueries(t *testing.T) {
	script := nockPage("/acr/v1/_catalog?last=b&n=2&orderby=", `{"repositories":["a","b"]}`) +
		"nock('https://a.azurecr.io').get('/acr/v1/_catalog').query(true).reply(401, {}, [])\n" +
		nockPage("/acr/v1/_catalog?last=d&n=2&orderby=", `{"repositories":["c","d"]}`) +
		nockPage("", `{"repositories":["e"]}`) +
		nockPage("", `{"repositories":["a","b","c","d","e"]}`) +
		nockPage("/acr/v1/_catalog?last=a&n=1&orderby=timedesc", `{"repositories":["a"]}`) +
		nockPage("/acr/v1/_catalog?last=a&n=1&orderby=", `{"repositories":["a"]}`)
	r, err := readNock([]byte(script))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range r.Exchanges {
		got = append(got, x.URL.RawQuery)
	}
	if diff := cmp.Diff([]string{"n=2", "", "last=b&n=2&orderby=", "last=d&n=2&orderby=", "", "n=1&orderby=timedesc",
		"n=1"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{proxy, cassette, session, browser, nock, "a: &a [*a]",
		nockPage("/acr/v1/_catalog?last=b&n=2", `{"repositories":["b"]}`)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, read := range []func([]byte) (*Recording, error){readJSON, readCassette, readNock} {
			r, err := read(data)
			if (r == nil) == (err == nil) {
				t.Fatalf("recording %v, error %v", r, err)
			}
			if r == nil {
				continue
			}
			recoverBytes(r)
			if len(r.Exchanges) == 0 || r.Format == "" {
				t.Errorf("%d exchanges of the format %q", len(r.Exchanges), r.Format)
			}
			last := 0
			for _, x := range r.Exchanges {
				if x.URL == nil || x.Header == nil || x.Answer == nil || x.Number <= last {
					t.Errorf("%+v", x)
				}
				last = x.Number
			}
		}
	})
}
