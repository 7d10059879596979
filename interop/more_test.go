package interop

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestMount copies inside the registry, which crane does by mounting blobs: one
// token for two repositories. From a repository that may not be read nothing can
// be mounted, and the answer does not show whether the blob is there.
func TestMount(t *testing.T) {
	c, version := program(t, "crane")
	img, err := newImage("mount", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.pushImage(t, "team/mount-source", "v1", img); err != nil {
		t.Fatal(err)
	}
	t.Run("own repositories", func(t *testing.T) {
		if out, err := c.as(t, shared, pusher).run("", "crane", "copy", shared.host+"/team/mount-source:v1",
			shared.host+"/team/mount-target:v1"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		shared.checkImage(t, "team/mount-target", "v1", img)
		results.add(result{"crane", version, "copy by mount", "ok", ""})
	})
	t.Run("denied_by_scope_map", func(t *testing.T) {
		secret, err := newImage("held by a repository that the token may not read", 1000)
		if err != nil {
			t.Fatal(err)
		}
		auth := bearer(shared.accessToken(t, conform, "repository:conformance/secret:pull,push"))
		if err := shared.pushImageAs(auth, "conformance/secret", "v1", secret, nil); err != nil {
			t.Fatal(err)
		}
		var m manifest
		if err := json.Unmarshal(secret.manifest, &m); err != nil {
			t.Fatal(err)
		}
		there := m.Layers[0].Digest
		const mount = "/v2/team/mount-target/blobs/uploads/?from=conformance/secret&mount="
		accessToken := shared.accessToken(t, pusher,
			"repository:team/mount-target:pull,push repository:conformance/secret:pull")
		for _, digest := range []string{there, digestOf([]byte("held by no repository"))} {
			a := shared.mustSend(t, http.MethodPost, mount+digest, bearer(accessToken), nil)
			m := challengeRE.FindStringSubmatch(a.header.Get("Www-Authenticate"))
			if a.status != http.StatusUnauthorized || m == nil || m[4] != "insufficient_scope" ||
				!sameScope(m[3], "repository:conformance/secret:pull repository:team/mount-target:pull,push") {
				t.Errorf("mounting %s: %d %q, want 401 that asks for both repositories", digest, a.status,
					a.header.Get("Www-Authenticate"))
			}
		}
		a := shared.mustSend(t, http.MethodHead, "/v2/team/mount-target/blobs/"+there, bearer(accessToken), nil)
		if a.status != http.StatusNotFound {
			t.Errorf("HEAD of a blob that only another repository holds: %d, want 404", a.status)
		}
	})
}

// TestReferrers attaches an artifact to an image and finds it again.
func TestReferrers(t *testing.T) {
	c, version := program(t, "oras")
	img, err := newImage("referrers", 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.pushImage(t, "team/referrers", "v1", img); err != nil {
		t.Fatal(err)
	}
	s := c.as(t, shared, pusher)
	run := func(command ...string) (string, error) { return s.run("", command...) }
	file := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(file, []byte(`{"found":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	ref := shared.host + "/team/referrers:v1"
	flags := []string{"--ca-file", shared.caFile, "--plain-http=false"}
	if out, err := run(append([]string{"oras", "attach", "--disable-path-validation", "--artifact-type",
		"application/vnd.example.report", ref, file + ":application/json"}, flags...)...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := run(append([]string{"oras", "discover", "--format", "json", ref}, flags...)...)
	if err != nil || strings.Count(out, "application/vnd.example.report") != 1 {
		t.Fatalf("discover: %v\n%s", err, out)
	}
	results.add(result{"oras", version, "attach and discover", "ok", ""})
	// Nothing was left to the tag that clients fall back to where referrers are
	// not served.
	tags, err := run(append([]string{"oras", "repo", "tags", shared.host + "/team/referrers"}, flags...)...)
	if err != nil || strings.TrimSpace(tags) != "v1" {
		t.Errorf("tags: %v, %q, want v1 alone", err, tags)
	}
}

// TestIndex pulls a generated index with all its platforms.
func TestIndex(t *testing.T) {
	_, version := program(t, "skopeo")
	s := newSession(t, shared)
	if out, err := s.run(puller.password, "skopeo", "login", "--cert-dir", s.certDir(), "-u", puller.name,
		"--password-stdin", shared.host); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir := filepath.Join(t.TempDir(), "all")
	if out, err := s.run("", "skopeo", "--insecure-policy", "copy", "--all", "--src-cert-dir", s.certDir(), "docker://"+
		shared.host+"/samples/app:v1", "oci:"+dir+":v1"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	blobs, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	manifests := 0
	for _, f := range blobs {
		b, err := os.ReadFile(filepath.Join(dir, "blobs", "sha256", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if digestOf(b) != "sha256:"+f.Name() {
			t.Errorf("%s is pulled as %s", f.Name(), digestOf(b))
		}
		if m := (manifest{}); json.Unmarshal(b, &m) == nil && m.Config.Digest != "" {
			manifests++
		}
	}
	if manifests != 2 {
		t.Errorf("%d image manifests were pulled, want one for each of two platforms", manifests)
	}
	results.add(result{"skopeo", version, "pull of an index", "ok", ""})
}

// TestDelete deletes with a token that may, and is refused with one that may push.
func TestDelete(t *testing.T) {
	c, version := program(t, "crane")
	img, err := newImage("delete", 1000)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("denied_by_scope_map", func(t *testing.T) {
		if err := shared.pushImage(t, "team/delete", "v1", img); err != nil {
			t.Fatal(err)
		}
		out, err := c.as(t, shared, pusher).run("", "crane", "delete", shared.host+"/team/delete@"+img.digest)
		if err == nil || !c.refused.MatchString(out) {
			t.Fatalf("%v, want a refusal: %s", err, out)
		}
		refusal{pusher, http.MethodDelete, "/v2/team/delete/manifests/" + img.digest, "repository:team/delete:delete",
			`[{"Type":"repository","Name":"team/delete","Action":"delete"}]`}.check(t, shared)
		shared.checkImage(t, "team/delete", "v1", img)
		results.add(result{"crane", version, "refused: delete", "401 insufficient_scope, exit " + exitCode(err),
			neutral(lastLine(out), shared.host)})
	})
	t.Run("granted", func(t *testing.T) {
		auth := bearer(shared.accessToken(t, conform, "repository:conformance/delete:pull,push,delete"))
		if err := shared.pushImageAs(auth, "conformance/delete", "v1", img, nil); err != nil {
			t.Fatal(err)
		}
		s := c.as(t, shared, conform)
		if out, err := s.run("", "crane", "delete", shared.host+"/conformance/delete@"+img.digest); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		out, err := s.run("", "crane", "manifest", shared.host+"/conformance/delete:v1")
		if err == nil || !regexp.MustCompile(`MANIFEST_UNKNOWN|404`).MatchString(out) {
			t.Errorf("after the delete: %v, %s", err, out)
		}
		results.add(result{"crane", version, "delete", "ok", ""})
	})
}

// TestConnectionsOnOnePort: plain HTTP and TLS answer on the same port, and the
// challenge follows the scheme and host that were used.
func TestConnectionsOnOnePort(t *testing.T) {
	_, port, _ := strings.Cut(shared.host, ":")
	for _, origin := range []string{"http://localhost:" + port, "https://localhost:" + port, "https://127.0.0.1:" +
		port, "http://127.0.0.1:" + port} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+"/v2/", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := shared.client.Do(req)
		if err != nil {
			t.Errorf("%s: %v", origin, err)
			continue
		}
		resp.Body.Close()
		m := challengeRE.FindStringSubmatch(resp.Header.Get("Www-Authenticate"))
		if resp.StatusCode != http.StatusUnauthorized || m == nil || m[1] != origin+"/oauth2/token" ||
			"http://"+m[2] != strings.Replace(origin, "https://", "http://", 1) {
			t.Errorf("%s: %d %q", origin, resp.StatusCode, resp.Header.Get("Www-Authenticate"))
		}
	}
}
