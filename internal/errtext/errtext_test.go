package errtext_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/errtext"
)

func TestRead(t *testing.T) {
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	type want struct {
		registry, repository, target, required string
		named                                  bool
	}
	for _, tc := range []struct {
		name, text string
		want       want
	}{
		{"nothing", "hello", want{}},
		{"docker",
			`Error response from daemon: Head "https://myregistry.azurecr.io/v2/team/app/manifests/v1": unauthorized: authentication required, visit https://aka.ms/acr/authorization for more information.`,
			want{"myregistry.azurecr.io", "team/app", "v1", "repository:team/app:pull", false}},
		{"docker_push",
			"The push refers to repository [myregistry.azurecr.io/team/app]\ndenied: requested access to the " +
				"resource is denied",
			want{"myregistry.azurecr.io", "team/app", "", "repository:team/app:pull,push", false}},
		{"buildah",
			"Error: pushing image \"2e92be7a94d152110ae06c9133ed26dbbcd6f4cd08c37fb00e9db4a15bea308b\" to " +
				"\"docker://localhost:5443/team/app:v1\": writing blob: initiating layer upload to " +
				"/v2/team/app/blobs/uploads/ in localhost:5443: errors:\ndenied: requested access to the resource " +
				"is denied",
			want{"localhost:5443", "team/app", "v1", "repository:team/app:pull,push", false}},
		{"crane",
			`Error: PUT https://myregistry.azurecr.io/v2/team/app/manifests/v1: UNAUTHORIZED: authentication required; [map[Action:pull Name:team/app Type:repository] map[Action:push Name:team/app Type:repository]]`,
			want{"myregistry.azurecr.io", "team/app", "v1", "repository:team/app:pull,push", true}},
		{"token_request",
			`GET https://myregistry.azurecr.io/oauth2/token?scope=repository%3Ateam%2Fapp%3Apull&service=myregistry.azurecr.io: 401 Unauthorized`,
			want{"myregistry.azurecr.io", "team/app", "", "repository:team/app:pull", false}},
		{"challenge",
			`msg="fetch failed" error="401: Bearer realm=\"https://myregistry.azurecr.io/oauth2/token\",service=\"myregistry.azurecr.io\",scope=\"repository:team/app:metadata_read\""`,
			want{"myregistry.azurecr.io", "team/app", "", "repository:team/app:metadata_read", true}},
		{"kubelet", "Failed to pull image \"myregistry.azurecr.io/team/app@" + digest +
			"\": rpc error: code = Unknown desc = failed to pull and unpack image: failed to authorize: failed to " +
			"fetch anonymous token: unexpected status from GET request to " +
			"https://myregistry.azurecr.io/oauth2/token?scope=repository%3Ateam%2Fapp%3Apull&" +
			"service=myregistry.azurecr.io: 401 Unauthorized",
			want{"myregistry.azurecr.io", "team/app", digest, "repository:team/app:pull", false}},
		{"python",
			"Operation returned an invalid status 'Unauthorized'\nContent: " +
				"{\"errors\":[{\"code\":\"UNAUTHORIZED\"," +
				"\"detail\":[{\"Type\":\"repository\",\"Name\":\"team/app\",\"Action\":\"metadata_write\"}]}]}",
			want{"", "team/app", "", "repository:team/app:metadata_write", true}},
		{"javascript", "detail: { '0': { Type: 'registry', Name: 'catalog', Action: '*' } }\n  statusCode: 401,",
			want{"", "", "", "registry:catalog:*", true}},
		{"colours_and_quotes",
			"\x1b[31mtime=\"x\" msg=\"Error: reading manifest v1 in localhost:5443/team/app: status code: " +
				"403\\nnext\"\x1b[0m",
			want{"localhost:5443", "team/app", "v1", "repository:team/app:pull", false}},
		{"the_last_counts",
			"GET https://a.azurecr.io/v2/one/manifests/v1: 404 Not Found\nGET https://b.azurecr.io/v2/two/tags/list: " +
				"401 Unauthorized",
			want{"b.azurecr.io", "two", "", "repository:two:metadata_read", false}},
		{"catalog", "failed to list repositories for myregistry.azurecr.io: unauthorized",
			want{"myregistry.azurecr.io", "", "", "registry:catalog:*", false}},
		{"other_hosts",
			"Get \"https://login.microsoftonline.com/x\": EOF; see https://docs.docker.com/v2/a/manifests/b", want{}},
		{"look_alike", "https://myregistry.azurecr.io.evil.example/v2/team/app/manifests/v1", want{}},
		{"header_of_a_capture", "#: command: docker pull other.azurecr.io/x:1\ndocker: no such host", want{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := errtext.Read(tc.text)
			got := want{r.Registry.Host(), r.Repository, r.Target, r.Required.String(), r.Named}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A pasted log may hold a token; nothing that is made of it does.
func TestRead_hides_tokens(t *testing.T) {
	const token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJBenVyZSBDb250YWluZXIgUmVnaXN0cnkifQ.c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0"
	r := errtext.Read("Authorization: Bearer " + token +
		"\nGET https://myregistry.azurecr.io/v2/a/manifests/b: 401 Unauthorized")
	if strings.Contains(r.Text, "c2lnbmF0dXJl") {
		t.Error(r.Text)
	}
}

// What an event shows of its line holds no secret either, wherever it is cut.
func TestEvents_hide_secrets(t *testing.T) {
	const secret = "c2VjcmV0LXRoYXQtaXMtbG9uZw"
	const failed = ` contoso.azurecr.io: 401 Unauthorized`
	for _, line := range []string{
		"Authorization: Basic " + secret, "Authorization: Basic ci:" + secret, "Basic ci-pull-token:" + secret + "'s",
		`"Authorization": "Basic ci:` + secret + `"`, "docker login -u ci -p " + secret, "docker login --password=" + secret,
		"tool -password " + secret,
		"tool -pass " + secret, "tool --passwd " + secret, `tool --password "two ` + secret + `"`,
		"tool --password 'two " + secret + "'",
		"GET https://store.blob.core.windows.net/x?sp=r&sig=" + secret + "&se=1",
		"GET https://store.example.org/x?key=" + secret, "https://ci:" + secret + "@contoso.azurecr.io/v2/",
		`{"access_token":"` + secret + `"}`, "client_secret=" + secret, "ACR_TOKEN_PASSWORD=" + secret,
		strings.Repeat(secret, 40), "eyJ0eXAiOiJKV1QifQ." + strings.Repeat(secret, 40) + "." + secret,
	} {
		for _, text := range []string{line + failed, failed + " " + line, strings.Repeat("x ", 200) + line + failed +
			" " + line + strings.Repeat(" y", 200)} {
			r := errtext.Read(text)
			if r.Ended < 0 {
				t.Errorf("no event in %q", text)
			}
			for _, e := range r.Events {
				if strings.Contains(e.Line, secret[:8]) && !strings.HasPrefix(line, secret[:8]) ||
					strings.Contains(e.Line, "eyJ") {
					t.Errorf("%q shows %q", text, e.Line)
				}
			}
		}
	}
}

// What podman and skopeo say of a refusal has "password:" in it, and no password.
func TestEvents_show_what_is_no_secret(t *testing.T) {
	for _, said := range []string{
		`unable to retrieve auth token: invalid username/password: unauthorized: authentication required`,
		`invalid username/password: unauthorized: Application not registered with AAD`,
	} {
		r := errtext.Read(`Error: authenticating creds for "contoso.azurecr.io": ` + said)
		if len(r.Events) == 0 || !strings.Contains(r.Events[len(r.Events)-1].Line, said) {
			t.Errorf("%q shows %+v", said, r.Events)
		}
	}
}

// TestEvents_over_two_lines: what an event shows ends with a line, and not with a word that has
// the status.
func TestEvents_over_two_lines(t *testing.T) {
	const first, second = "An error occurred: CONNECTIVITY_REFRESH_TOKEN_ERROR",
		"Access to registry 'contoso.azurecr.io' was denied. Response code: 403. Please try again."
	r := errtext.Read(first + "\n" + second + "\nanother line\n")
	if len(r.Events) == 0 || r.Events[len(r.Events)-1].Line != first+" "+second {
		t.Errorf("%+v", r.Events)
	}
}

func TestRead_end_of_a_long_text(t *testing.T) {
	r := errtext.Read("GET https://first.azurecr.io/v2/a/manifests/b\n" +
		strings.Repeat("step 1 of 9: nothing\n", errtext.MaxText/20) + "GET https://last.azurecr.io/v2/a/manifests/b")
	if r.Registry.Host() != "last.azurecr.io" {
		t.Errorf("%+v", r.Registry)
	}
}

// elsewhere are lines about other hosts, as a log has them before what failed.
const elsewhere = `#5 sha256:0123 extracting from ghcr.io/example/base:1
failed to do request: Head "https://registry-1.docker.io/v2/library/node/manifests/20": dial tcp: lookup registry-1.docker.io: no such host
error pulling image: received unexpected HTTP status: 503 Service Unavailable from https://ghcr.io/v2/example/app/blobs/x
Failed to pull image "docker.io/library/busybox:latest": toomanyrequests: You have reached your pull rate limit
npm error 403 Forbidden - GET https://registry.npmjs.org/example
dial tcp: lookup db on 127.0.0.11:53: no such host
GET https://quay.io/v2/example/app/manifests/v1: UNAUTHORIZED: access to the requested resource is not authorized
done
`

// changesNothing sees that what was said of other hosts before a text changes nothing
// of what ended it.
func changesNothing(t *testing.T, text string) {
	t.Helper()
	r := errtext.Read(text)
	if r.Ended < 0 {
		return
	}
	// What was said of other hosts before changes nothing of it.
	again := errtext.Read(elsewhere + text)
	if again.Ended < 0 {
		t.Fatalf("%q: no event is left", text)
	}
	was, is := r.Events[r.Ended], again.Events[again.Ended]
	type verdict struct {
		phase                        errtext.Phase
		kind                         errtext.Kind
		class                        errtext.Class
		host                         string
		place                        errtext.Place
		status                       int
		codes                        string
		said                         string
		anonymous, sent, held, login bool
		registry, repository, target string
		required                     string
		named                        bool
	}
	of := func(e errtext.Event, r errtext.Reading) verdict {
		return verdict{e.Phase, e.Kind, e.Class, e.Host, e.Place, e.Status, fmt.Sprint(e.Codes), fmt.Sprint(e.Says),
			e.Anonymous, e.Sent, e.Held, e.Login,
			r.Registry.Host(), r.Repository, r.Target, r.Required.String(), r.Named}
	}
	if diff := cmp.Diff(of(was, r), of(is, again), cmp.AllowUnexported(verdict{})); diff != "" {
		t.Fatalf("%q\n%s", text, diff)
	}
}

// TestRead_elsewhere puts lines about other hosts before the words of real clients.
func TestRead_elsewhere(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(captures, "*", "*.txt"))
	if err != nil || len(files) < 150 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changesNothing(t, string(data))
	}
	for _, text := range []string{"unauthorized: authentication required", "denied: x", "status code: 401",
		"connection refused"} {
		changesNothing(t, text)
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`GET https://myregistry.azurecr.io/v2/team/app/manifests/v1: UNAUTHORIZED; [map[Action:pull Name:team/app Type:repository]]`,
		`scope="repository:a/b:pull,push",error="insufficient_scope"`,
		"myregistry.azurecr.io/a/b:v1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		`{"Type":"repository","Name":"a/b","Action":"pull"}`, "status code: 401 \x1b[31m",
		"#: client: x\nlocalhost:5443/x",
		"The push refers to repository [myregistry.azurecr.io/a/b]\ndenied: requested access to the resource is denied",
		`dial tcp: lookup myregistry.azurecr.io on [::1]:53: read udp: connection refused`,
		"unauthorized: authentication required", "403 Forbidden ghcr.io", "lookup x: no such host",
		"An error occurred: CONNECTIVITY_REFRESH_TOKEN_ERROR\nResponse code: 403", "docker push a/b\ndenied: x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := errtext.Read(text)
		if !utf8.ValidString(r.Text) {
			t.Fatalf("%q is no text", r.Text)
		}
		if !r.Registry.IsZero() && !r.Registry.IsACR() && !r.Registry.IsLoopback() {
			t.Fatalf("%s is no registry that a probe may go to", r.Registry)
		}
		if r.Repository != "" && acrkit.CheckRepositoryName(r.Repository) != nil {
			t.Fatalf("%q is no repository", r.Repository)
		}
		if r.Target != "" && !acrkit.IsTag(r.Target) && !acrkit.IsDigest(r.Target) {
			t.Fatalf("%q is neither tag nor digest", r.Target)
		}
		changesNothing(t, text)
	})
}
