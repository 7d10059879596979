package errtext_test

import (
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
		{"docker", `Error response from daemon: Head "https://myregistry.azurecr.io/v2/team/app/manifests/v1": unauthorized: authentication required, visit https://aka.ms/acr/authorization for more information.`,
			want{"myregistry.azurecr.io", "team/app", "v1", "repository:team/app:pull", false}},
		{"docker_push", "The push refers to repository [myregistry.azurecr.io/team/app]\ndenied: requested access to the resource is denied",
			want{"myregistry.azurecr.io", "team/app", "", "repository:team/app:pull,push", false}},
		{"crane", `Error: PUT https://myregistry.azurecr.io/v2/team/app/manifests/v1: UNAUTHORIZED: authentication required; [map[Action:pull Name:team/app Type:repository] map[Action:push Name:team/app Type:repository]]`,
			want{"myregistry.azurecr.io", "team/app", "v1", "repository:team/app:pull,push", true}},
		{"token_request", `GET https://myregistry.azurecr.io/oauth2/token?scope=repository%3Ateam%2Fapp%3Apull&service=myregistry.azurecr.io: 401 Unauthorized`,
			want{"myregistry.azurecr.io", "team/app", "", "repository:team/app:pull", false}},
		{"challenge", `msg="fetch failed" error="401: Bearer realm=\"https://myregistry.azurecr.io/oauth2/token\",service=\"myregistry.azurecr.io\",scope=\"repository:team/app:metadata_read\""`,
			want{"myregistry.azurecr.io", "team/app", "", "repository:team/app:metadata_read", true}},
		{"kubelet", "Failed to pull image \"myregistry.azurecr.io/team/app@" + digest + "\": rpc error: code = Unknown desc = failed to pull and unpack image: failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://myregistry.azurecr.io/oauth2/token?scope=repository%3Ateam%2Fapp%3Apull&service=myregistry.azurecr.io: 401 Unauthorized",
			want{"myregistry.azurecr.io", "team/app", digest, "repository:team/app:pull", false}},
		{"python", "Operation returned an invalid status 'Unauthorized'\nContent: {\"errors\":[{\"code\":\"UNAUTHORIZED\",\"detail\":[{\"Type\":\"repository\",\"Name\":\"team/app\",\"Action\":\"metadata_write\"}]}]}",
			want{"", "team/app", "", "repository:team/app:metadata_write", true}},
		{"javascript", "detail: { '0': { Type: 'registry', Name: 'catalog', Action: '*' } }\n  statusCode: 401,", want{"", "", "", "registry:catalog:*", true}},
		{"colours_and_quotes", "\x1b[31mtime=\"x\" msg=\"Error: reading manifest v1 in localhost:5443/team/app: status code: 403\\nnext\"\x1b[0m",
			want{"localhost:5443", "team/app", "v1", "repository:team/app:pull", false}},
		{"the_last_counts", "GET https://a.azurecr.io/v2/one/manifests/v1: 404 Not Found\nGET https://b.azurecr.io/v2/two/tags/list: 401 Unauthorized",
			want{"b.azurecr.io", "two", "", "repository:two:metadata_read", false}},
		{"catalog", "failed to list repositories for myregistry.azurecr.io: unauthorized", want{"myregistry.azurecr.io", "", "", "registry:catalog:*", false}},
		{"other_hosts", "Get \"https://login.microsoftonline.com/x\": EOF; see https://docs.docker.com/v2/a/manifests/b", want{}},
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
	r := errtext.Read("Authorization: Bearer " + token + "\nGET https://myregistry.azurecr.io/v2/a/manifests/b: 401 Unauthorized")
	if strings.Contains(r.Text, "c2lnbmF0dXJl") {
		t.Error(r.Text)
	}
}

func TestRead_end_of_a_long_text(t *testing.T) {
	r := errtext.Read("GET https://first.azurecr.io/v2/a/manifests/b\n" + strings.Repeat("step 1 of 9: nothing\n", errtext.MaxText/20) + "GET https://last.azurecr.io/v2/a/manifests/b")
	if r.Registry.Host() != "last.azurecr.io" {
		t.Errorf("%+v", r.Registry)
	}
}

func FuzzRead(f *testing.F) {
	for _, text := range []string{
		`GET https://myregistry.azurecr.io/v2/team/app/manifests/v1: UNAUTHORIZED; [map[Action:pull Name:team/app Type:repository]]`,
		`scope="repository:a/b:pull,push",error="insufficient_scope"`,
		"myregistry.azurecr.io/a/b:v1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		`{"Type":"repository","Name":"a/b","Action":"pull"}`, "status code: 401 \x1b[31m", "#: client: x\nlocalhost:5443/x",
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
	})
}
