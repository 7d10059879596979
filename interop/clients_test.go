package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// session is one client with a home of its own, so that no login of another test
// or of the user's is seen.
type session struct {
	t    *testing.T
	e    *emulatorProcess
	home string
	env  []string
}

func newSession(t *testing.T, e *emulatorProcess) *session {
	t.Helper()
	home, err := os.MkdirTemp("", "ik-") // podman wants a short one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	certs := filepath.Join(home, "certs.d")
	ca, err := os.ReadFile(e.caFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(certs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(certs, "ca.crt"), ca, 0o644); err != nil {
		t.Fatal(err)
	}
	return &session{t, e, home, []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + home, "XDG_CONFIG_HOME=" + home, "TMPDIR=" + home,
		"DOCKER_CONFIG=" + home, "REGISTRY_AUTH_FILE=" + filepath.Join(home, "auth.json"), "REGCTL_CONFIG=" + filepath.Join(home, "regctl.json"),
		"SSL_CERT_FILE=" + e.caFile, "LANG=C", "NO_COLOR=1",
	}}
}

// run runs a command and returns what it wrote to both streams, and its error.
func (s *session) run(stdin string, command ...string) (string, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), clientLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Env, cmd.Dir = s.env, s.home
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// client is how one program says what every registry client can do.
type client struct {
	name    string
	install string // what to do when it is missing
	version []string
	// Each returns a command. The password comes by standard input.
	login   func(s *session, user string) []string
	push    func(s *session, layout, tag, ref string) []string
	pull    func(s *session, ref, layout, tag string) []string
	tags    func(s *session, repository string) []string
	catalog func(s *session) []string // nil: it cannot
	// lazy: its login asks the registry nothing, so that a password that is not
	// accepted shows at the first request.
	lazy bool
	// refused is how it speaks of a refusal.
	refused *regexp.Regexp
}

var clients = []client{
	{
		name: "oras", install: "go install oras.land/oras/cmd/oras@v1.3.6", version: []string{"oras", "version"},
		login: func(s *session, user string) []string {
			return []string{"oras", "login", "--ca-file", s.e.caFile, "--plain-http=false", "-u", user, "--password-stdin", s.e.host}
		},
		push: func(s *session, layout, tag, ref string) []string {
			return []string{"oras", "cp", "--from-oci-layout", "--to-ca-file", s.e.caFile, "--to-plain-http=false", layout + ":" + tag, ref}
		},
		pull: func(s *session, ref, layout, tag string) []string {
			return []string{"oras", "cp", "--to-oci-layout", "--from-ca-file", s.e.caFile, "--from-plain-http=false", ref, layout + ":" + tag}
		},
		tags: func(s *session, repository string) []string {
			return []string{"oras", "repo", "tags", "--ca-file", s.e.caFile, "--plain-http=false", repository}
		},
		catalog: func(s *session) []string {
			return []string{"oras", "repo", "ls", "--ca-file", s.e.caFile, "--plain-http=false", s.e.host}
		},
		refused: regexp.MustCompile(`(?i)unauthorized|authentication required`),
	},
	{
		name: "crane", install: "go install github.com/google/go-containerregistry/cmd/crane@v0.22.1", version: []string{"crane", "version"},
		login: func(s *session, user string) []string {
			return []string{"crane", "auth", "login", s.e.host, "-u", user, "--password-stdin"}
		},
		push: func(_ *session, layout, _, ref string) []string { return []string{"crane", "push", layout, ref} },
		pull: func(_ *session, ref, layout, _ string) []string {
			return []string{"crane", "pull", "--format=oci", ref, layout}
		},
		tags:    func(_ *session, repository string) []string { return []string{"crane", "ls", repository} },
		catalog: func(s *session) []string { return []string{"crane", "catalog", s.e.host} },
		lazy:    true,
		refused: regexp.MustCompile(`(?i)unauthorized|authentication required`),
	},
	{
		name: "skopeo", install: "apt-get install skopeo", version: []string{"skopeo", "--version"},
		login: func(s *session, user string) []string {
			return []string{"skopeo", "login", "--cert-dir", s.certDir(), "-u", user, "--password-stdin", s.e.host}
		},
		push: func(s *session, layout, tag, ref string) []string {
			return []string{"skopeo", "--insecure-policy", "copy", "--dest-cert-dir", s.certDir(), "oci:" + layout + ":" + tag, "docker://" + ref}
		},
		pull: func(s *session, ref, layout, tag string) []string {
			return []string{"skopeo", "--insecure-policy", "copy", "--src-cert-dir", s.certDir(), "docker://" + ref, "oci:" + layout + ":" + tag}
		},
		tags: func(s *session, repository string) []string {
			return []string{"skopeo", "list-tags", "--cert-dir", s.certDir(), "docker://" + repository}
		},
		refused: regexp.MustCompile(`(?i)unauthorized|authentication required|requested access to the resource is denied|invalid username/password`),
	},
	{
		name: "regctl", install: "go install github.com/regclient/regclient/cmd/regctl@v0.11.7", version: []string{"regctl", "version", "--format", "{{.VCSTag}}"},
		login: func(s *session, user string) []string {
			return []string{"regctl", "registry", "login", s.e.host, "-u", user, "--pass-stdin"}
		},
		push: func(_ *session, layout, tag, ref string) []string {
			return []string{"regctl", "image", "copy", "ocidir://" + layout + ":" + tag, ref}
		},
		pull: func(_ *session, ref, layout, tag string) []string {
			return []string{"regctl", "image", "copy", ref, "ocidir://" + layout + ":" + tag}
		},
		tags:    func(_ *session, repository string) []string { return []string{"regctl", "tag", "ls", repository} },
		catalog: func(s *session) []string { return []string{"regctl", "repo", "ls", s.e.host} },
		refused: regexp.MustCompile(`(?i)unauthorized|authentication required`),
	},
	{
		name: "podman", install: "apt-get install podman", version: []string{"podman", "--version"},
		login: func(s *session, user string) []string {
			return s.podman("login", "--cert-dir", s.certDir(), "-u", user, "--password-stdin", s.e.host)
		},
		push: func(s *session, layout, tag, ref string) []string {
			// By way of podman's own store, as a built image would.
			return []string{"sh", "-c", `id=$("$@" pull -q "oci:$LAYOUT") && "$@" push --format oci --cert-dir "$CERTS" "$id" "docker://$REF"`, "sh"}
		},
		pull: func(s *session, ref, layout, tag string) []string {
			return []string{"sh", "-c", `id=$("$@" pull -q --cert-dir "$CERTS" "docker://$REF") && "$@" save -q --format oci-dir -o "$LAYOUT" "$id"`, "sh"}
		},
		tags: func(s *session, repository string) []string {
			return s.podman("search", "--list-tags", repository)
		},
		refused: regexp.MustCompile(`(?i)unauthorized|authentication required|access to the resource is denied|invalid username/password`),
	},
}

func (s *session) certDir() string { return filepath.Join(s.home, "certs.d") }

// podman keeps everything below the session's home and needs no runtime.
func (s *session) podman(args ...string) []string {
	return append([]string{"podman", "--root", filepath.Join(s.home, "storage"), "--runroot", filepath.Join(s.home, "run"),
		"--storage-driver", "vfs", "--events-backend=none", "--cgroup-manager=cgroupfs"}, args...)
}

// need returns the program's version. Without the program the test cannot speak:
// that is a failure where CI is set, and a skip by name elsewhere.
func need(t *testing.T, name, install string, version []string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed: %s", name, install)
		}
		t.Skipf("%s is not installed, so it was NOT tested: %s", name, install)
	}
	out, err := exec.CommandContext(t.Context(), version[0], version[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(version, " "), err, out)
	}
	if v := regexp.MustCompile(`v?\d+\.\d+\.\d+\S*`).FindString(string(out)); v != "" {
		return v
	}
	return clip(string(out), 40)
}

func TestClients(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			version := need(t, c.name, c.install, c.version)
			t.Logf("%s %s", c.name, version)
			c.test(t, shared, version)
		})
	}
}

func (c client) test(t *testing.T, e *emulatorProcess, version string) {
	img, err := newImage("interop "+c.name, 3<<20)
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
	repository := e.host + "/team/" + c.name

	note := func(what, outcome, words string) {
		results.add(result{c.name, version, what, outcome, words})
	}
	logIn := func(t *testing.T, who token) *session {
		t.Helper()
		s := newSession(t, e)
		if out, err := s.run(who.password, c.login(s, who.name)...); err != nil {
			t.Fatalf("login of %s: %v\n%s", who.name, err, out)
		}
		return s
	}
	must := func(t *testing.T, s *session, command []string, env ...string) string {
		t.Helper()
		s.env = append(s.env, env...)
		out, err := s.run("", s.complete(command)...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
		}
		return out
	}
	// refuse runs a command that must fail, and for the right reason.
	refuse := func(t *testing.T, what string, s *session, command []string, r refusal, env ...string) {
		t.Helper()
		s.env = append(s.env, env...)
		out, err := s.run("", s.complete(command)...)
		if err == nil {
			t.Fatalf("%s succeeded:\n%s", strings.Join(command, " "), out)
		}
		if !c.refused.MatchString(out) {
			t.Errorf("%s: the client speaks of something else than a refusal: %s", strings.Join(command, " "), out)
		}
		r.check(t, e)
		note("refused: "+what, "401 insufficient_scope", lastLine(out))
	}

	var pushed string
	t.Run("push", func(t *testing.T) {
		s := logIn(t, pusher)
		note("login", "ok", "")
		must(t, s, c.push(s, layout, "v1", repository+":v1"), s.shell(layout+":v1", repository+":v1")...)
		a := e.mustSend(t, http.MethodGet, "/v2/team/"+c.name+"/manifests/v1", accept(bearer(e.accessToken(t, pusher, "repository:team/"+c.name+":pull"))), nil)
		if a.status != http.StatusOK {
			t.Fatalf("after the push: %d %s", a.status, a.body)
		}
		pushed = a.header.Get("Docker-Content-Digest")
		if pushed != digestOf(a.body) {
			t.Errorf("the manifest's digest is %s, its header says %s", digestOf(a.body), pushed)
		}
		if c.name != "podman" && pushed != img.digest { // podman packs the layers anew
			t.Errorf("the registry holds %s, want %s", pushed, img.digest)
		}
		note("push", "ok", "")
	})
	if t.Failed() {
		return
	}
	t.Run("pull", func(t *testing.T) {
		s := logIn(t, pusher)
		dir := filepath.Join(t.TempDir(), "pulled")
		must(t, s, c.pull(s, repository+":v1", dir, "v1"), s.shell(dir, repository+":v1")...)
		if c.name == "podman" { // its store keeps layers unpacked; what it saves has a digest of its own
			if _, err := os.Stat(filepath.Join(dir, "index.json")); err != nil {
				t.Error(err)
			}
		} else {
			checkLayout(t, dir, pushed)
		}
		note("pull", "ok", "")
	})
	t.Run("tags", func(t *testing.T) {
		s := logIn(t, pusher)
		if out := must(t, s, c.tags(s, repository)); !strings.Contains(out, "v1") {
			t.Errorf("tags: %s", out)
		}
		note("tags", "ok", "")
	})
	if c.catalog != nil {
		t.Run("catalog/with the root", func(t *testing.T) {
			s := logIn(t, lister)
			out := must(t, s, c.catalog(s))
			for _, want := range []string{"samples/app", "private/app", "team/" + c.name} {
				if !strings.Contains(out, want) {
					t.Errorf("the catalog misses %s: %s", want, out)
				}
			}
			note("catalog, root map", "ok", "")
		})
		t.Run("catalog/denied_by_scope_map", func(t *testing.T) {
			s := logIn(t, puller)
			refuse(t, "catalog", s, c.catalog(s), catalogRefused)
		})
	}
	t.Run("push/denied_by_scope_map", func(t *testing.T) {
		s := logIn(t, puller)
		before := e.tags(t, "samples/app")
		refuse(t, "push", s, c.push(s, layout, "v1", e.host+"/samples/app:evil"), pushRefused, s.shell(layout+":v1", e.host+"/samples/app:evil")...)
		if after := e.tags(t, "samples/app"); !slices.Equal(before, after) || slices.Contains(after, "evil") {
			t.Errorf("the refused push changed the tags from %v to %v", before, after)
		}
	})
	t.Run("pull/denied_by_scope_map", func(t *testing.T) {
		s := logIn(t, puller)
		dir := filepath.Join(t.TempDir(), "pulled")
		refuse(t, "pull", s, c.pull(s, e.host+"/private/app:v1", dir, "v1"), pullRefused, s.shell(dir, e.host+"/private/app:v1")...)
	})
	t.Run("tags/denied_by_scope_map", func(t *testing.T) {
		s := logIn(t, bare)
		refuse(t, "tags without metadata/read", s, c.tags(s, e.host+"/samples/app"), tagsRefused)
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
		note("refused: password", "not accepted", lastLine(out))
	})
}

// shell hands a command of several steps its values.
func (s *session) shell(layout, ref string) []string {
	return []string{"LAYOUT=" + layout, "REF=" + ref, "CERTS=" + s.certDir()}
}

// complete gives the shell steps of podman their program.
func (s *session) complete(command []string) []string {
	if command[0] == "sh" {
		return append(slices.Clone(command), s.podman()...)
	}
	return command
}

func accept(h http.Header) http.Header {
	h["Accept"] = []string{manifestType, indexType, "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
	return h
}

// tags asks for a repository's tags with a token that may.
func (e *emulatorProcess) tags(t *testing.T, repository string) []string {
	t.Helper()
	a := e.mustSend(t, http.MethodGet, "/v2/"+repository+"/tags/list", bearer(e.accessToken(t, puller, "repository:"+repository+":metadata_read")), nil)
	var list struct{ Tags []string }
	if err := json.Unmarshal(a.body, &list); err != nil || a.status != http.StatusOK {
		t.Fatalf("tags of %s: %d %s", repository, a.status, a.body)
	}
	return list.Tags
}

// lastLine returns the last line that says something.
func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
