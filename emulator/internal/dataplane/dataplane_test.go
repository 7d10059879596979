package dataplane_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/emulator/internal/dataplane"
	"github.com/acrkit/acrkit/emulator/internal/db"
)

const (
	login        = "myregistry.azurecr.io"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	unknown      = "sha256:00000000000000000000000000000000000000000000000000000000000000ff"
)

const needAuth = "authentication required, visit https://aka.ms/acr/authorization for more information."

func TestChallenges(t *testing.T) {
	s := serve(t, setup{})
	item := func(name string, actions ...string) string {
		var all []string
		for _, a := range actions {
			typ := "repository"
			if name == "catalog" {
				typ = "registry"
			}
			all = append(all, fmt.Sprintf(`{"Type":%q,"Name":%q,"Action":%q}`, typ, name, a))
		}
		return strings.Join(all, ",")
	}
	const d = unknown
	for _, c := range []struct {
		method, path, scope, detail string
	}{
		{"GET", "/v2/", "", "null"},
		{"GET", "/v2", "", "null"},
		{"GET", "/v2/_catalog", "registry:catalog:*", item("catalog", "*")},
		{"GET", "/acr/v1/_catalog?n=2", "registry:catalog:*", item("catalog", "*")},
		{"GET", "/v2/a/manifests/v1", "repository:a:pull", item("a", "pull")},
		{"HEAD", "/v2/a/manifests/v1", "repository:a:pull", ""},
		{"PUT", "/v2/library%2Fhello-world/manifests/v1", "repository:library/hello-world:pull,push",
			item("library/hello-world", "pull", "push")},
		{"DELETE", "/v2/a/manifests/" + d, "repository:a:delete", item("a", "delete")},
		{"GET", "/v2/a/blobs/" + d, "repository:a:pull", item("a", "pull")},
		{"DELETE", "/v2/a/blobs/" + d, "repository:a:delete", item("a", "delete")},
		{"POST", "/v2/a/blobs/uploads/", "repository:a:pull,push", item("a", "pull", "push")},
		{"POST", "/v2/a/blobs/uploads/?mount=" + d, "repository:a:pull,push", item("a", "pull", "push")},
		{"POST", "/v2/dst/blobs/uploads/?from=src&mount=" + d, "repository:src:pull repository:dst:pull,push",
			item("dst", "pull", "push") + "," + item("src", "pull")},
		{"PATCH", "/v2/a/blobs/uploads/1-2", "repository:a:pull,push", item("a", "pull", "push")},
		{"PUT", "/v2/a/blobs/uploads/1-2?digest=" + d, "repository:a:pull,push", item("a", "pull", "push")},
		{"GET", "/v2/a/blobs/uploads/1-2", "repository:a:pull,push", item("a", "pull", "push")},
		{"DELETE", "/v2/a/blobs/uploads/1-2", "repository:a:delete", item("a", "delete")},
		{"GET", "/v2/a/tags/list", "repository:a:metadata_read", item("a", "metadata_read")},
		{"GET", "/v2/a/referrers/" + d, "repository:a:pull", item("a", "pull")},
		{"GET", "/acr/v1/a", "repository:a:metadata_read", item("a", "metadata_read")},
		{"PATCH", "/acr/v1/a", "repository:a:metadata_write", item("a", "metadata_write")},
		{"DELETE", "/acr/v1/a", "repository:a:delete", item("a", "delete")},
		{"GET", "/acr/v1/a/_tags", "repository:a:metadata_read", item("a", "metadata_read")},
		{"GET", "/acr/v1/a/_tags/v1", "repository:a:metadata_read", item("a", "metadata_read")},
		{"PATCH", "/acr/v1/a/_tags/v1", "repository:a:metadata_write", item("a", "metadata_write")},
		{"DELETE", "/acr/v1/a/_tags/v1", "repository:a:delete", item("a", "delete")},
		{"GET", "/acr/v1/a/_manifests", "repository:a:metadata_read", item("a", "metadata_read")},
		{"GET", "/acr/v1/a/_manifests/" + d, "repository:a:metadata_read", item("a", "metadata_read")},
		{"PATCH", "/acr/v1/a/_manifests/" + d, "repository:a:metadata_write", item("a", "metadata_write")},
	} {
		for _, v := range []dataplane.Verdict{{}, {ChallengeError: "insufficient_scope"},
			{ChallengeError: "invalid_token"}, {Basic: true}} {
			t.Run(c.method+c.path+"/"+v.ChallengeError, func(t *testing.T) {
				s.t = t
				s.deny(v)
				s.required = nil
				detail := c.detail
				if detail != "null" {
					detail = "[" + detail + "]"
				}
				body := errorBody("UNAUTHORIZED", needAuth, detail)
				if c.method == "HEAD" {
					body = ""
				}
				a := s.want(s.do(c.method, c.path, ""), 401, body)
				want := `Bearer realm="https://` + login + `/oauth2/token",service="` + login + `"`
				if c.scope != "" {
					want += `,scope="` + c.scope + `"`
				}
				if v.ChallengeError != "" {
					want += `,error="` + v.ChallengeError + `"`
				}
				if v.Basic {
					want = `Basic realm="Azure Container Registry"`
				}
				got := strings.Replace(a.header.Get("WWW-Authenticate"), "push,pull", "pull,push", 1)
				if got != want {
					t.Errorf("challenge\n%s, want\n%s", got, want)
				}
				required, err := acrkit.ParseScope(c.scope)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]string{required.String()}, s.required); diff != "" {
					t.Errorf("required scope (-want +got):\n%s", diff)
				}
				if a.header.Get("X-Ms-Request-Id") != "" {
					t.Error("X-Ms-Request-Id on an answer to the unauthorised")
				}
			})
		}
	}
	s.t = t
	s.deny(dataplane.Verdict{})
	if a := s.do("GET", "/v2/", ""); a.header.Get("Content-Length") != "149" {
		t.Errorf("Content-Length %s, 149 is recorded", a.header.Get("Content-Length"))
	}
	if a := s.do("HEAD", "/v2/hello-world/manifests/v1", ""); a.header.Get("Content-Length") != "205" {
		t.Errorf("Content-Length %s of a HEAD answer", a.header.Get("Content-Length"))
	}
	orders := map[string]bool{}
	for range 64 {
		orders[s.do("POST", "/v2/a/blobs/uploads/", "").header.Get("WWW-Authenticate")] = true
	}
	if len(orders) != 2 {
		t.Errorf("%d orders of actions, want both", len(orders))
	}
}

func TestCommonHeaders(t *testing.T) {
	s := serve(t, setup{})
	guid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	expose := []string{"Docker-Content-Digest", "WWW-Authenticate", "Link", "X-Ms-Correlation-Request-Id"}
	check := func(a answer, expose, client []string) {
		t.Helper()
		for name, want := range map[string][]string{
			"Docker-Distribution-Api-Version": {"registry/2.0"},
			"Strict-Transport-Security": {"max-age=31536000; includeSubDomains",
				"max-age=31536000; includeSubDomains"},
			"X-Content-Type-Options":        {"nosniff"},
			"Access-Control-Expose-Headers": expose,
			"X-Ms-Client-Request-Id":        client,
		} {
			if diff := cmp.Diff(want, a.header[name]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		if id := a.header.Get("X-Ms-Correlation-Request-Id"); !guid.MatchString(id) {
			t.Errorf("X-Ms-Correlation-Request-Id %q", id)
		}
	}
	check(s.want(s.do("GET", "/v2/", ""), 200, "{}\n"), expose, []string{""})
	check(s.do("GET", "/v2/a/tags/list", "", "X-Ms-Client-Request-Id: mine"), expose, []string{"mine"})
	check(s.do("GET", "/acr/v1/_catalog", ""), expose, nil)
	// Malformed names and digests are refused before a credential is asked for.
	s.deny(dataplane.Verdict{})
	for _, path := range []string{"/v2/testblobclient/blobs/wrong%20digest", "/acr/v1/Nonexistent/_tags/x",
		"/v2/a//manifests/v1", "/v2/a/../b/manifests/v1", "/v2/nothing"} {
		a := s.want(s.do("DELETE", path, ""), 404, "404 page not found\n")
		check(a, nil, nil)
		if got := a.header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("Content-Type %q", got)
		}
	}
	a := s.want(s.do("POST", "/acr/v1/_catalog", ""), 405, "*")
	if got := a.header.Get("Allow"); got != "GET, HEAD" {
		t.Errorf("Allow %q", got)
	}
}

func TestLongBodies(t *testing.T) {
	s := serve(t, setup{})
	for i := range 40 {
		s.image("a", fmt.Sprintf("tag-%02d", i))
	}
	// Each tag has about 280 bytes here.
	for n, counted := range map[string]bool{"1": true, "6": true, "20": false, "40": false} {
		a := s.want(s.do("GET", "/acr/v1/a/_tags?n="+n, ""), 200, "*")
		length := ""
		if counted {
			length = fmt.Sprint(len(a.body))
		}
		if got := a.header.Get("Content-Length"); got != length || !strings.HasSuffix(a.body, "}\n") {
			t.Errorf("%s tags, %d bytes: Content-Length %q, want %q", n, len(a.body), got, length)
		}
	}
}

func TestAuthorizeFails(t *testing.T) {
	s := serve(t, setup{})
	s.broken = errors.New("secret cause")
	s.want(s.do("GET", "/v2/", ""), 500, errorBody("UNKNOWN", "the emulator failed; its log says why", ""))
	s.broken = fmt.Errorf("write the decision: %w", db.ErrFull)
	s.want(s.do("GET", "/v2/", ""), 500, errorBody("UNKNOWN", "the emulator's data folder has no space left", ""))
}

func TestAttributes(t *testing.T) {
	s := serve(t, setup{})
	d := s.image("a/b", "v1")
	enabled := `"changeableAttributes":{"deleteEnabled":true,"writeEnabled":true,"readEnabled":true,"listEnabled":true}`
	locked := strings.Replace(enabled, `"writeEnabled":true`, `"writeEnabled":false`, 1)
	created := regexp.MustCompile(`"(createdTime|lastUpdateTime)":"2026-01-02T03:[0-9:]{5}\.12Z"`)
	norm := func(a answer) answer {
		a.body = created.ReplaceAllString(a.body, `"$1":"T"`)
		return a
	}
	repo := `{"registry":"` + login +
		`","imageName":"a/b","createdTime":"T","lastUpdateTime":"T","manifestCount":1,"tagCount":1,` + enabled + "}\n"
	tag := `{"name":"v1","digest":"` + d + `","createdTime":"T","lastUpdateTime":"T","signed":false,` + enabled + "}"
	manifest := `{"digest":"` + d +
		`","imageSize":11,"createdTime":"T","lastUpdateTime":"T","architecture":"amd64","os":"linux","mediaType":"` +
		manifestType +
		`","configMediaType":"application/vnd.oci.image.config.v1+json","tags":["v1"],` + enabled + "}"
	head := `{"registry":"` + login + `","imageName":"a/b",`
	s.want(norm(s.do("GET", "/acr/v1/a%2Fb", "")), 200, repo)
	s.want(norm(s.do("GET", "/acr/v1/a/b/_tags/v1", "")), 200, head+`"tag":`+tag+"}\n")
	s.want(norm(s.do("GET", "/acr/v1/a/b/_tags", "")), 200, head+`"tags":[`+tag+"]}\n")
	s.want(norm(s.do("GET", "/acr/v1/a/b/_manifests/"+d, "")), 200, head+`"manifest":`+manifest+"}\n")
	s.want(norm(s.do("GET", "/acr/v1/a/b/_manifests?orderby=timedesc", "")), 200, head+`"manifests":[`+manifest+"]}\n")
	s.want(norm(s.do("GET", "/acr/v1/a/b/_tags?digest="+unknown, "")), 200, head+`"tags":null}`+"\n")
	index := `{"schemaVersion":2,"manifests":[{"digest":"` + d +
		`","size":1,"platform":{"architecture":"amd64","os":"linux"}}]}`
	s.want(s.do("PUT", "/v2/a/b/manifests/multi", index, "Content-Type: "+indexType), 201, "")
	s.want(norm(s.do("GET", "/acr/v1/a/b/_manifests/"+digestOf(index), "")), 200, head+`"manifest":{"digest":"`+
		digestOf(index)+
		`","imageSize":11,"createdTime":"T","lastUpdateTime":"T","mediaType":"`+indexType+`","tags":["multi"],`+enabled+
		`,"references":[{"digest":"`+d+`","architecture":"amd64","os":"linux"}]}}`+"\n")

	for _, item := range []struct{ path, body string }{
		{"/acr/v1/a/b", strings.NewReplacer(`"manifestCount":1,"tagCount":1`,
			`"manifestCount":2,"tagCount":2`).Replace(repo)},
		{"/acr/v1/a/b/_tags/v1", head + `"tag":` + tag + "}\n"},
		{"/acr/v1/a/b/_manifests/" + d, head + `"manifest":` + manifest + "}\n"},
	} {
		s.want(norm(s.do("PATCH", item.path, `{"writeEnabled":false,"quarantineState":"x"}`)), 200,
			strings.Replace(item.body, enabled, locked, 1))
		s.want(norm(s.do("PATCH", item.path, `{"deleteEnabled":true,"writeEnabled":true}`)), 200, item.body)
		for _, bad := range []string{"", "null", "[]", `{"writeEnabled":"no"}`, "{",
			`{"writeEnabled":false,"WriteEnabled":true}`, `{"WriteEnabled":false}`,
			`{"writeEnabled":false,"writeEnabled":true}`} {
			s.want(s.do("PATCH", item.path, bad), 400, "*")
		}
		s.want(s.do("PATCH", item.path, strings.Repeat(" ", 64<<10-2)+"{}"), 200, "*")
		s.want(s.do("PATCH", item.path, strings.Repeat(" ", 64<<10-1)+"{}"), 413, "*")
		s.want(norm(s.do("GET", item.path, "")), 200, item.body)
	}

	// Locked items.
	disallowed := errorBody("REGISTRY_DISALLOWED_OPERATION",
		"The operation is disallowed on this registry, repository or image. View troubleshooting steps at "+
			"https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation", "{}")
	s.want(s.do("PATCH", "/acr/v1/a/b/_tags/v1", `{"deleteEnabled":false,"readEnabled":false}`), 200, "*")
	s.want(s.do("DELETE", "/acr/v1/a/b/_tags/v1", ""), 405, disallowed)
	s.want(s.do("DELETE", "/acr/v1/a/b", ""), 405, disallowed)
	s.want(s.do("GET", "/v2/a/b/manifests/v1", ""), 405, disallowed)
	s.want(s.do("PATCH", "/acr/v1/a/b/_tags/v1", `{"deleteEnabled":true,"readEnabled":true}`), 200, "*")

	a := s.want(s.do("DELETE", "/acr/v1/a/b/_tags/v1", ""), 202, "")
	if got := a.header["X-Ms-Int-Docker-Content-Digest"]; !slices.Equal(got, []string{d}) {
		t.Errorf("digest of the tag: %v", got)
	}
	digests := []string{d, digestOf(index)}
	slices.Sort(digests)
	s.want(s.do("DELETE", "/acr/v1/a/b", ""), 202, `{"manifestsDeleted":["`+strings.Join(digests, `","`)+
		`"],"tagsDeleted":["multi"]}`+"\n")
}

func TestUnknown(t *testing.T) {
	s := serve(t, setup{})
	s.image("here", "v1")
	notFound := errorBody("NAME_UNKNOWN", `repository "wrong-name" is not found`, "")
	noTag := errorBody("TAG_UNKNOWN", "the specified tag does not exist", "")
	noManifest := errorBody("MANIFEST_UNKNOWN", "manifest unknown", "")
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/acr/v1/wrong-name", notFound},
		{"PATCH", "/acr/v1/wrong-name", notFound},
		{"GET", "/acr/v1/wrong-name/_tags", notFound},
		{"GET", "/acr/v1/wrong-name/_manifests", notFound},
		{"GET", "/v2/wrong-name/tags/list", notFound},
		{"DELETE", "/acr/v1/wrong-name", errorBody("NAME_UNKNOWN", "repository name not known to registry",
			`{"name":"wrong-name"}`)},
		{"GET", "/acr/v1/here/_tags/no", noTag},
		{"PATCH", "/acr/v1/here/_tags/no", noTag},
		{"DELETE", "/acr/v1/here/_tags/no", noTag},
		{"DELETE", "/acr/v1/wrong-name/_tags/no", noTag},
		{"GET", "/acr/v1/here/_manifests/" + unknown, noManifest},
		{"PATCH", "/acr/v1/wrong-name/_manifests/" + unknown, noManifest},
		{"GET", "/acr/v1/here/_manifests/sha999:" + strings.Repeat("0", 64), noManifest},
	} {
		s.want(s.do(c.method, c.path, "{}"), 404, c.body)
	}
}

func TestPages(t *testing.T) {
	s := serve(t, setup{})
	for _, tag := range []string{"c", "a", "b"} {
		s.image("library/busybox", tag)
	}
	s.image("alpine", "v1")
	next := func(a answer, want string) {
		t.Helper()
		if got := a.header.Get("Link"); got != want {
			t.Errorf("Link %q, want %q", got, want)
		}
	}
	link := func(path string) string { return "<" + path + `>; rel="next"` }
	next(s.want(s.do("GET", "/acr/v1/_catalog?n=1&api-version=2021-07-01", ""), 200, `{"repositories":["alpine"]}`+
		"\n"), link("/acr/v1/_catalog?last=alpine&n=1&orderby="))
	next(s.want(s.do("GET", "/acr/v1/_catalog?last=alpine&n=1&orderby=", ""), 200,
		`{"repositories":["library/busybox"]}`+"\n"), "")
	next(s.want(s.do("GET", "/v2/_catalog?n=2", ""), 200, `{"repositories":["alpine","library/busybox"]}`+"\n"), "")
	next(s.want(s.do("GET", "/v2/library/busybox/tags/list?n=2", ""), 200,
		`{"name":"library/busybox","tags":["a","b"]}`+"\n"), link("/v2/library/busybox/tags/list?last=b&n=2&orderby="))
	next(s.do("GET", "/acr/v1/library%2Fbusybox/_tags?n=1&orderby=0", ""),
		link("/acr/v1/library%2Fbusybox/_tags?last=a&n=1&orderby="))
	if a := s.do("GET", "/acr/v1/library%2Fbusybox/_manifests?n=1", ""); !strings.HasPrefix(a.header.Get("Link"),
		"</acr/v1/library%2Fbusybox/_manifests?last=sha256%3A") {
		t.Errorf("Link %q", a.header.Get("Link"))
	}
	s.want(s.do("GET", "/v2/library/busybox/tags/list?n=0", ""), 200, `{"name":"library/busybox","tags":[]}`+"\n")
	for _, n := range []string{"-1", "x", "1.5"} {
		s.want(s.do("GET", "/acr/v1/_catalog?n="+n, ""), 400,
			errorBody("PAGINATION_NUMBER_INVALID", "invalid number of results requested", `{"n":"`+n+`"}`))
		s.want(s.do("GET", "/acr/v1/alpine/_tags?n="+n, ""), 400, "*")
		s.want(s.do("GET", "/v2/alpine/tags/list?n="+n, ""), 400, "*")
	}
	// 1100 tags: 100 by default, 1000 at most, whole by following Link.
	for i := range 1100 {
		if _, _, err := s.store.PutManifest(t.Context(), s.reg, "many", fmt.Sprintf("t%04d", i), indexType,
			[]byte(`{"schemaVersion":2,"manifests":[]}`)); err != nil {
			t.Fatal(err)
		}
	}
	tags := func(a answer) (n int) {
		var body struct{ Tags []any }
		if err := json.Unmarshal([]byte(a.body), &body); err != nil {
			t.Fatal(err)
		}
		return len(body.Tags)
	}
	for _, path := range []string{"/acr/v1/many/_tags", "/v2/many/tags/list"} {
		a := s.do("GET", path, "")
		next(a, link(path+"?last=t0099&n=100&orderby="))
		if n := tags(a); n != 100 {
			t.Errorf("%s: %d tags, want 100", path, n)
		}
		for _, n := range []string{"5000", "99999999999999999999"} {
			a = s.do("GET", path+"?n="+n, "")
			next(a, link(path+"?last=t0999&n=1000&orderby="))
		}
		to := strings.TrimPrefix(strings.TrimSuffix(a.header.Get("Link"), `>; rel="next"`), "<")
		a = s.do("GET", to, "")
		next(a, "")
		if n := tags(a); n != 100 {
			t.Errorf("%s: %d tags on the last page, want 100", path, n)
		}
	}
}
