package interop

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestClients(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			version := c.ready(t)
			t.Logf("%s %s", c.name, version)
			c.test(t, shared, version)
		})
	}
}

func (c client) test(t *testing.T, e *emulatorProcess, version string) {
	layout, img := c.layout(t, "interop "+c.name, 3<<20)
	repository, tag, evil := e.host+"/team/"+c.name, cmp.Or(c.tag, "v1"), cmp.Or(c.evil, "evil")
	note := func(what, outcome, words string) {
		results.add(result{c.name, version, what, outcome, words})
	}
	must := func(t *testing.T, s *session, command []string) string {
		t.Helper()
		out, err := s.run("", command...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
		}
		return out
	}
	// refuse runs a command that must fail, and for the right reason.
	refuse := func(t *testing.T, what string, s *session, command []string, r refusal) {
		t.Helper()
		out, err := s.run("", command...)
		if err == nil {
			t.Fatalf("%s succeeded:\n%s", strings.Join(command, " "), out)
		}
		if !c.refused.MatchString(out) {
			t.Errorf("%s: the client speaks of something else than a refusal: %s", strings.Join(command, " "), out)
		}
		r.check(t, e)
		note("refused: "+what, "401 insufficient_scope, exit "+exitCode(err), s.neutral(lastLine(out)))
	}

	var pushed string
	t.Run("push", func(t *testing.T) {
		s := c.as(t, e, pusher)
		note("login", "ok", "")
		must(t, s, c.push(s, layout, "v1", repository+":"+tag))
		pushed = e.digest(t, "team/"+c.name, tag)
		if !c.repacks && pushed != img.digest {
			t.Errorf("the registry holds %s, want %s", pushed, img.digest)
		}
		note("push", "ok", "")
	})
	if t.Failed() {
		return
	}
	t.Run("pull", func(t *testing.T) {
		s := c.as(t, e, pusher)
		dir := filepath.Join(t.TempDir(), "pulled")
		must(t, s, c.pull(s, repository+":"+tag, dir, "v1"))
		if files, err := os.ReadDir(dir); err != nil || len(files) == 0 {
			t.Errorf("nothing was pulled: %v", err)
		} else if !c.repacks {
			checkLayout(t, dir, pushed)
		}
		note("pull", "ok", "")
	})
	if c.copy != nil {
		t.Run("copy", func(t *testing.T) {
			s := c.as(t, e, pusher)
			must(t, s, c.copy(s, repository+":"+tag, repository+"-copy:"+tag))
			e.checkImage(t, "team/"+c.name+"-copy", tag, img)
			note("copy", "ok", "")
		})
	}
	if c.tags != nil {
		t.Run("tags", func(t *testing.T) {
			s := c.as(t, e, pusher)
			if out := must(t, s, c.tags(s, repository)); !strings.Contains(out, tag) {
				t.Errorf("tags: %s", out)
			}
			note("tags", "ok", "")
		})
		t.Run("tags/denied_by_scope_map", func(t *testing.T) {
			s := c.as(t, e, bare)
			refuse(t, "tags without metadata/read", s, c.tags(s, e.host+"/samples/app"), tagsRefused)
		})
	}
	if c.catalog != nil {
		t.Run("catalog/with the root", func(t *testing.T) {
			s := c.as(t, e, lister)
			out := must(t, s, c.catalog(s))
			for _, want := range []string{"samples/app", "private/app", "team/" + c.name} {
				if !strings.Contains(out, want) {
					t.Errorf("the catalog misses %s: %s", want, out)
				}
			}
			note("catalog, root map", "ok", "")
		})
		t.Run("catalog/denied_by_scope_map", func(t *testing.T) {
			s := c.as(t, e, puller)
			refuse(t, "catalog", s, c.catalog(s), catalogRefused)
		})
	}
	t.Run("push/denied_by_scope_map", func(t *testing.T) {
		s := c.as(t, e, puller)
		before := e.tags(t, "samples/app")
		refuse(t, "push", s, c.push(s, layout, "v1", e.host+"/samples/app:"+evil), pushRefused)
		if after := e.tags(t, "samples/app"); !slices.Equal(before, after) || slices.Contains(after, evil) {
			t.Errorf("the refused push changed the tags from %v to %v", before, after)
		}
	})
	t.Run("pull/denied_by_scope_map", func(t *testing.T) {
		s := c.as(t, e, puller)
		dir := filepath.Join(t.TempDir(), "pulled")
		refuse(t, "pull", s, c.pull(s, e.host+"/private/app:"+tag, dir, "v1"), pullRefused)
	})
	t.Run("login/not_accepted", func(t *testing.T) {
		s := newSession(t, e)
		out, err := s.run(unknown.password, c.login(s, unknown.name)...)
		if c.lazy && err == nil {
			out, err = s.run("", c.tags(s, e.host+"/samples/app")...)
		}
		if err == nil || !c.refused.MatchString(out) {
			t.Fatalf("with a wrong password: %v, %s", err, out)
		}
		if strings.Contains(out, unknown.password) {
			t.Errorf("the password is in the output: %s", out)
		}
		note("refused: password", "not accepted, exit "+exitCode(err), s.neutral(lastLine(out)))
	})
}

// layout writes a new image as an OCI layout, where its tag is v1.
func (c client) layout(t *testing.T, name string, size int) (string, image) {
	t.Helper()
	img, err := newImage(name, size)
	if err != nil {
		t.Fatal(err)
	}
	// podman makes an image name of the path, which must be lower case then.
	dir, err := os.MkdirTemp("", "acrkit-layout-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	layout := filepath.Join(dir, "layout")
	img.writeLayout(t, layout, "v1")
	return layout, img
}

// exitCode names how a command ended that failed.
func exitCode(err error) string {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return strconv.Itoa(exit.ExitCode())
	}
	return err.Error()
}

// digest asks for the digest of a tag, and checks it.
func (e *emulatorProcess) digest(t *testing.T, repository, tag string) string {
	t.Helper()
	a := e.mustSend(t, http.MethodGet, "/v2/"+repository+"/manifests/"+tag,
		accept(bearer(e.accessToken(t, pusher, "repository:"+repository+":pull"))), nil)
	if a.status != http.StatusOK {
		t.Fatalf("%s:%s: %d %s", repository, tag, a.status, a.body)
	}
	digest := a.header.Get("Docker-Content-Digest")
	if digest != digestOf(a.body) {
		t.Errorf("the manifest's digest is %s, its header says %s", digestOf(a.body), digest)
	}
	return digest
}

func accept(h http.Header) http.Header {
	h["Accept"] = []string{manifestType, indexType, "application/vnd.docker.distribution.manifest.v2+json",
		"application/vnd.docker.distribution.manifest.list.v2+json"}
	return h
}

// tags asks for a repository's tags with a token that may.
func (e *emulatorProcess) tags(t *testing.T, repository string) []string {
	t.Helper()
	a := e.mustSend(t, http.MethodGet, "/v2/"+repository+"/tags/list",
		bearer(e.accessToken(t, puller, "repository:"+repository+":metadata_read")), nil)
	var list struct{ Tags []string }
	if err := json.Unmarshal(a.body, &list); err != nil || a.status != http.StatusOK {
		t.Fatalf("tags of %s: %d %s", repository, a.status, a.body)
	}
	return list.Tags
}

// logPrefix is what the programs of containers/* begin a line with.
var logPrefix = regexp.MustCompile(`^time="[^"]*" level=\w+ msg=`)

// lastLine returns the last line that says something.
func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return logPrefix.ReplaceAllString(lines[len(lines)-1], "")
}
