package interop

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// session is one client with a home of its own, so that no login of another test
// or of the user's is seen.
type session struct {
	t    *testing.T
	host string // the login server
	ca   string // file with the CA of its certificate
	home string
	env  []string
}

// newSession returns a session whose registry is the emulator.
func newSession(t *testing.T, e *emulatorProcess) *session {
	t.Helper()
	return newSessionAt(t, e.host, e.caFile)
}

func newSessionAt(t *testing.T, host, caFile string) *session {
	t.Helper()
	home, err := os.MkdirTemp("", "ik-") // podman wants a short one
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	s := &session{t, host, caFile, home, []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_RUNTIME_DIR=" + home, "XDG_CONFIG_HOME=" + home,
		"TMPDIR=" + home,
		"DOCKER_CONFIG=" + home, "REGISTRY_AUTH_FILE=" + filepath.Join(home, "auth.json"), "REGCTL_CONFIG=" +
			filepath.Join(home, "regctl.json"),
		"SSL_CERT_FILE=" + caFile, "LANG=C", "NO_COLOR=1", "ACRKIT_KEYRING=off", "ACRKIT_CONFIG_DIR=" +
			filepath.Join(home, "acrkit"),
	}}
	ca, err := os.ReadFile(caFile)
	if err == nil {
		err = os.Mkdir(s.certDir(), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(s.certDir(), "ca.crt"), ca, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
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

// certDir is the folder with the CA, for programs that want a folder.
func (s *session) certDir() string { return filepath.Join(s.home, "certs.d") }

// podman keeps everything below the session's home and needs no runtime.
func (s *session) podman(args ...string) []string {
	return append([]string{"podman", "--root", filepath.Join(s.home, "storage"), "--runroot",
		filepath.Join(s.home, "run"),
		"--storage-driver", "vfs", "--events-backend=none", "--cgroup-manager=cgroupfs"}, args...)
}

func (s *session) buildah(args ...string) []string {
	return append([]string{"buildah", "--root", filepath.Join(s.home, "storage"), "--runroot",
		filepath.Join(s.home, "run"),
		"--storage-driver", "vfs"}, args...)
}

// docker speaks to the tests' own daemon, which keeps images for all sessions.
func (s *session) docker(args ...string) []string {
	return append([]string{docker.program, "--host", docker.host()}, args...)
}

// steps returns a command of several steps. The script has the program as "$@".
func (s *session) steps(script, layout, ref string, program []string) []string {
	return append([]string{"env", "LAYOUT=" + layout, "REF=" + ref, "CERTS=" + s.certDir(), "sh", "-c", script, "sh"},
		program...)
}

// chart packs a chart whose name and version are those of a reference, as helm
// wants it, and returns its file and the reference of what it lies in.
func (s *session) chart(ref string) (file, parent string) {
	s.t.Helper()
	repository, version := cutTag(ref)
	name := path.Base(repository)
	content := "apiVersion: v2\nname: " + name + "\nversion: " + version + "\ndescription: " +
		strings.Repeat("words ", 200) + "\n"
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	err := tw.WriteHeader(&tar.Header{Name: name + "/Chart.yaml", Mode: 0o644, Size: int64(len(content))})
	if err == nil {
		_, err = tw.Write([]byte(content))
	}
	if err == nil {
		err = tw.Close()
	}
	if err == nil {
		err = zw.Close()
	}
	file = filepath.Join(s.home, name+"-"+version+".tgz")
	if err == nil {
		err = os.WriteFile(file, b.Bytes(), 0o644)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return file, "oci://" + path.Dir(repository)
}

func cutTag(ref string) (repository, tag string) {
	i := strings.LastIndexByte(ref, ':')
	return ref[:i], ref[i+1:]
}

// client is how one program says what every registry client can do.
type client struct {
	name    string
	install string // what to do when it is missing
	version []string
	// daemon: it needs the tests' own dockerd.
	daemon bool
	// tag and evil are tags as it takes them: "v1" and "evil" where they are empty.
	tag, evil string
	// Each returns a command; nil: it cannot. The password comes by standard input.
	login   func(s *session, user string) []string
	push    func(s *session, layout, tag, ref string) []string
	pull    func(s *session, ref, layout, tag string) []string // into a folder that is not there
	copy    func(s *session, from, to string) []string
	tags    func(s *session, repository string) []string
	catalog func(s *session) []string
	remove  func(s *session, ref string) []string // of a manifest by digest
	// lazy: its login asks the registry nothing, so that a password that is not
	// accepted shows at the first request.
	lazy bool
	// repacks: it pushes from a store of its own and pulls into one, so that what it
	// writes has another digest.
	repacks bool
	// refused is how it speaks of a refusal.
	refused *regexp.Regexp
	// tidy replaces what else is not the same in every run of it; nil: nothing.
	tidy *strings.Replacer
}

var clients = []client{
	{
		name: "oras", install: "go install oras.land/oras/cmd/oras@v1.3.6", version: []string{"oras", "version"},
		login: func(s *session, user string) []string {
			return []string{"oras", "login", "--ca-file", s.ca, "--plain-http=false", "-u", user,
				"--password-stdin", s.host}
		},
		push: func(s *session, layout, tag, ref string) []string {
			return []string{"oras", "cp", "--from-oci-layout", "--to-ca-file", s.ca, "--to-plain-http=false", layout +
				":" + tag, ref}
		},
		pull: func(s *session, ref, layout, tag string) []string {
			return []string{"oras", "cp", "--to-oci-layout", "--from-ca-file", s.ca, "--from-plain-http=false",
				ref, layout + ":" + tag}
		},
		copy: func(s *session, from, to string) []string {
			return []string{"oras", "cp", "--from-ca-file", s.ca, "--from-plain-http=false", "--to-ca-file", s.ca,
				"--to-plain-http=false", from, to}
		},
		tags: func(s *session, repository string) []string {
			return []string{"oras", "repo", "tags", "--ca-file", s.ca, "--plain-http=false", repository}
		},
		catalog: func(s *session) []string {
			return []string{"oras", "repo", "ls", "--ca-file", s.ca, "--plain-http=false", s.host}
		},
		remove: func(s *session, ref string) []string {
			return []string{"oras", "manifest", "delete", "--force", "--ca-file", s.ca, "--plain-http=false", ref}
		},
		refused: regexp.MustCompile(`(?i)unauthorized|authentication required`),
	},
	{
		name: "crane", install: "go install github.com/google/go-containerregistry/cmd/crane@v0.22.1",
		version: []string{"crane", "version"},
		login: func(s *session, user string) []string {
			return []string{"crane", "auth", "login", s.host, "-u", user, "--password-stdin"}
		},
		push: func(_ *session, layout, _, ref string) []string { return []string{"crane", "push", layout, ref} },
		pull: func(_ *session, ref, layout, _ string) []string {
			return []string{"crane", "pull", "--format=oci", ref, layout}
		},
		copy:    func(_ *session, from, to string) []string { return []string{"crane", "copy", from, to} },
		tags:    func(_ *session, repository string) []string { return []string{"crane", "ls", repository} },
		catalog: func(s *session) []string { return []string{"crane", "catalog", s.host} },
		remove:  func(_ *session, ref string) []string { return []string{"crane", "delete", ref} },
		lazy:    true,
		refused: regexp.MustCompile(`(?i)unauthorized|authentication required`),
	},
	{
		name: "skopeo", install: "apt-get install skopeo", version: []string{"skopeo", "--version"},
		login: func(s *session, user string) []string {
			return []string{"skopeo", "login", "--cert-dir", s.certDir(), "-u", user, "--password-stdin", s.host}
		},
		push: func(s *session, layout, tag, ref string) []string {
			return []string{"skopeo", "--insecure-policy", "copy", "--dest-cert-dir", s.certDir(), "oci:" + layout +
				":" + tag, "docker://" + ref}
		},
		pull: func(s *session, ref, layout, tag string) []string {
			return []string{"skopeo", "--insecure-policy", "copy", "--src-cert-dir", s.certDir(), "docker://" + ref,
				"oci:" + layout + ":" + tag}
		},
		copy: func(s *session, from, to string) []string {
			return []string{"skopeo", "--insecure-policy", "copy", "--src-cert-dir", s.certDir(), "--dest-cert-dir",
				s.certDir(), "docker://" + from, "docker://" + to}
		},
		tags: func(s *session, repository string) []string {
			return []string{"skopeo", "list-tags", "--cert-dir", s.certDir(), "docker://" + repository}
		},
		remove: func(s *session, ref string) []string {
			return []string{"skopeo", "delete", "--cert-dir", s.certDir(), "docker://" + ref}
		},
		refused: regexp.MustCompile(
			`(?i)unauthorized|authentication required|requested access to the resource is denied|invalid username/password`),
	},
	{
		name: "regctl", install: "go install github.com/regclient/regclient/cmd/regctl@v0.11.7",
		version: []string{"regctl", "version", "--format", "{{.VCSTag}}"},
		login: func(s *session, user string) []string {
			return []string{"regctl", "registry", "login", s.host, "-u", user, "--pass-stdin"}
		},
		push: func(_ *session, layout, tag, ref string) []string {
			return []string{"regctl", "image", "copy", "ocidir://" + layout + ":" + tag, ref}
		},
		pull: func(_ *session, ref, layout, tag string) []string {
			return []string{"regctl", "image", "copy", ref, "ocidir://" + layout + ":" + tag}
		},
		copy:    func(_ *session, from, to string) []string { return []string{"regctl", "image", "copy", from, to} },
		tags:    func(_ *session, repository string) []string { return []string{"regctl", "tag", "ls", repository} },
		catalog: func(s *session) []string { return []string{"regctl", "repo", "ls", s.host} },
		remove:  func(_ *session, ref string) []string { return []string{"regctl", "manifest", "delete", ref} },
		refused: regexp.MustCompile(`(?i)unauthorized|authentication required`),
	},
	{
		name: "podman", install: "apt-get install podman", version: []string{"podman", "--version"},
		login: func(s *session, user string) []string {
			return s.podman("login", "--cert-dir", s.certDir(), "-u", user, "--password-stdin", s.host)
		},
		push: func(s *session, layout, _, ref string) []string {
			// By way of podman's own store, as a built image would.
			return s.steps(
				`id=$("$@" pull -q "oci:$LAYOUT") && "$@" push --format oci --cert-dir "$CERTS" "$id" "docker://$REF"`,
				layout, ref, s.podman())
		},
		pull: func(s *session, ref, layout, _ string) []string {
			return s.steps(
				`id=$("$@" pull -q --cert-dir "$CERTS" "docker://$REF") && "$@" save -q --format oci-dir -o "$LAYOUT" "$id"`, layout, ref, s.podman())
		},
		tags: func(s *session, repository string) []string {
			return s.podman("search", "--list-tags", repository)
		},
		repacks: true,
		refused: regexp.MustCompile(
			`(?i)unauthorized|authentication required|access to the resource is denied|invalid username/password`),
	},
	{
		name: "buildah", install: "apt-get install buildah", version: []string{"buildah", "--version"},
		login: func(s *session, user string) []string {
			return s.buildah("login", "--cert-dir", s.certDir(), "-u", user, "--password-stdin", s.host)
		},
		push: func(s *session, layout, _, ref string) []string {
			return s.steps(
				`id=$("$@" pull -q "oci:$LAYOUT") && "$@" push --format oci --cert-dir "$CERTS" "$id" "docker://$REF"`,
				layout, ref, s.buildah())
		},
		pull: func(s *session, ref, layout, _ string) []string {
			return s.steps(
				`id=$("$@" pull -q --policy always --cert-dir "$CERTS" "docker://$REF") && "$@" push -q "$id" "oci:$LAYOUT"`, layout, ref, s.buildah())
		},
		repacks: true,
		refused: regexp.MustCompile(
			`(?i)unauthorized|authentication required|access to the resource is denied|invalid username/password`),
	},
	{
		name: "docker", install: "apt-get install docker.io", daemon: true,
		login: func(s *session, user string) []string {
			return s.docker("login", "-u", user, "--password-stdin", s.host)
		},
		push: func(s *session, layout, _, ref string) []string {
			// The largest blob is the layer.
			return s.steps(
				`"$@" import "$(ls -S "$LAYOUT"/blobs/sha256/* | head -n 1)" "$REF" >/dev/null && "$@" push "$REF"`,
				layout, ref, s.docker())
		},
		pull: func(s *session, ref, layout, _ string) []string {
			return s.steps(
				`"$@" image rm "$REF" >/dev/null 2>&1; "$@" pull "$REF" && mkdir "$LAYOUT" && "$@" save -o "$LAYOUT/image.tar" "$REF"`, layout, ref, s.docker())
		},
		repacks: true,
		refused: regexp.MustCompile(
			`(?i)unauthorized|authentication required|access to the resource is denied|pull access denied`),
	},
	{
		name: "helm", install: "go install helm.sh/helm/v4/cmd/helm@v4.3.1",
		// built by go install it knows half of its version
		version: []string{"sh", "-c", `go version -m "$(command -v helm)" | awk '$1 == "mod" {print $3}'`},
		tag:     "1.0.0", evil: "6.6.6",
		login: func(s *session, user string) []string {
			return []string{"helm", "registry", "login", "--ca-file", s.ca, "-u", user, "--password-stdin", s.host}
		},
		push: func(s *session, _, _, ref string) []string {
			file, parent := s.chart(ref)
			return []string{"helm", "push", "--ca-file", s.ca, file, parent}
		},
		pull: func(s *session, ref, layout, _ string) []string {
			repository, version := cutTag(ref)
			return s.steps(`mkdir "$LAYOUT" && "$@" --destination "$LAYOUT"`, layout, ref,
				[]string{"helm", "pull", "--ca-file", s.ca, "--version", version, "oci://" + repository})
		},
		// Without a version it looks for the newest one among the tags.
		tags: func(s *session, repository string) []string {
			return []string{"helm", "show", "chart", "--ca-file", s.ca, "oci://" + repository}
		},
		repacks: true,
		refused: regexp.MustCompile(`(?i)unauthorized|authentication required`),
	},
}

// ready returns the client's version, and fails or skips the test without it.
func (c client) ready(t *testing.T) string {
	t.Helper()
	if c.daemon {
		docker.need(t)
		return docker.version(t)
	}
	return need(t, c.name, c.install, c.version)
}

// as logs a client in.
func (c client) as(t *testing.T, e *emulatorProcess, who token) *session {
	t.Helper()
	s := newSession(t, e)
	if out, err := s.run(who.password, c.login(s, who.name)...); err != nil {
		t.Fatalf("login of %s: %v\n%s", who.name, err, out)
	}
	return s
}

// program finds one of the clients by name, with its version.
func program(t *testing.T, name string) (client, string) {
	t.Helper()
	for _, c := range clients {
		if c.name == name {
			return c, c.ready(t)
		}
	}
	t.Fatalf("no client is called %s", name)
	return client{}, ""
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
