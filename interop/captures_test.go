package interop

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The captures' emulator: what a token lacks, and a lock.
var worker = token{"interop-work", "interop-work-password-0000000006"} // everything on samples/* but deleting

const captureSeed = `
registries:
  - name: interop
    repositories:
      - name: samples/app
        images: [{tags: [v1, 1.0.0]}]
      - name: private/app
        images: [{tags: [v1, 1.0.0]}]
    scopeMaps:
      - name: reads-one
        actions: [repositories/samples/app/content/read, repositories/samples/app/metadata/read]
      - name: reads-content
        actions: [repositories/samples/app/content/read]
      - name: works
        actions: ["repositories/samples/*/content/read", "repositories/samples/*/content/write", "repositories/samples/*/metadata/read", "repositories/samples/*/metadata/write"]
    tokens:
      - {name: interop-pull, scopeMap: reads-one, passwords: [{name: password1, value: interop-pull-password-0000000001}]}
      - {name: interop-bare, scopeMap: reads-content, passwords: [{name: password1, value: interop-bare-password-0000000002}]}
      - {name: interop-work, scopeMap: works, passwords: [{name: password1, value: interop-work-password-0000000006}]}
`

// A capture is one way to be refused, named as package diagnose names its cause.
type capture struct {
	cause string
	who   token // anonymous where it is zero
	stdin string
	do    func(c capturing) []string // nil: the client has no such operation
	// before makes it happen, and returns what ends it.
	before func(c capturing) (after func())
	// except are clients that never say it, each with the reason.
	except map[string]string
	// unstable: what the client says depends on the machine, or on chance.
	unstable bool
}

// capturing is one client about to be refused.
type capturing struct {
	client
	*session
	t      *testing.T
	e      *emulatorProcess
	data   string // the emulator's folder
	layout string
}

func (c capturing) v1() string { return cmp.Or(c.client.tag, "v1") }

func (c capturing) pullOf(repository, tag string) []string {
	return c.client.pull(c.session, c.host+"/"+repository+":"+tag, filepath.Join(c.home, "pulled"), "v1")
}

func (c capturing) pushTo(repository, tag string) []string {
	return c.client.push(c.session, c.layout, "v1", c.host+"/"+repository+":"+tag)
}

func (c capturing) pullOne() []string { return c.pullOf("samples/app", c.v1()) }

// emulator runs a rehearsal command.
func (c capturing) emulator(args ...string) {
	c.t.Helper()
	if out, err := c.run("",
		append([]string{acrkitBinary, "emulator"}, append(args, "--data", c.data)...)...); err != nil {
		c.t.Fatalf("acrkit emulator %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// fault makes requests fail until the capture is made.
func fault(args ...string) func(c capturing) func() {
	return func(c capturing) func() {
		c.emulator(append([]string{"fault", "add"}, args...)...)
		return func() { c.emulator("fault", "remove", "--all") }
	}
}

// dockerFiles replaces the client's files of logins.
func (c capturing) dockerFiles(content string) {
	c.t.Helper()
	for _, file := range []string{"config.json", "auth.json"} {
		if err := os.WriteFile(filepath.Join(c.home, file), []byte(content), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

const (
	dockerTrustsLoopback = "a daemon trusts any certificate on loopback, and plain HTTP"
	craneTriesHTTP       = "it tries plain HTTP on localhost by itself where TLS fails"
)

var captures = []capture{
	{cause: "credential-rejected", stdin: unknown.password, do: func(c capturing) []string {
		if !c.lazy {
			return c.login(c.session, unknown.name)
		}
		// Its login only writes the password down.
		if out, err := c.run(unknown.password, c.login(c.session, unknown.name)...); err != nil {
			c.t.Fatalf("%v\n%s", err, out)
		}
		return c.client.tags(c.session, c.host+"/samples/app")
	}},
	{cause: "missing-right", who: puller, do: func(c capturing) []string { return c.pushTo("samples/app", c.v1()) }},
	{cause: "no-right-here", who: puller, do: func(c capturing) []string { return c.pullOf("private/app", c.v1()) }},
	{cause: "metadata-read-missing", who: bare, do: func(c capturing) []string {
		if c.client.tags == nil {
			return nil
		}
		return c.client.tags(c.session, c.host+"/samples/app")
	}},
	{cause: "catalog-scoped", who: puller, do: func(c capturing) []string {
		if c.catalog == nil {
			return nil
		}
		return c.catalog(c.session)
	}},
	{cause: "tag-unknown", who: worker, do: func(c capturing) []string { return c.pullOf("samples/app", "9.9.9") }},
	{cause: "repository-unknown", who: worker, do: func(c capturing) []string {
		if c.client.tags == nil { // a pull gets the same answer for a tag that is not there
			return c.pullOf("samples/ap", c.v1())
		}
		return c.client.tags(c.session, c.host+"/samples/ap")
	}},
	{cause: "tag-locked", who: worker, do: func(c capturing) []string {
		return c.pushTo("samples/app", c.v1())
	}, before: func(c capturing) func() {
		lock := func(writeEnabled bool) {
			a := c.e.mustSend(c.t, http.MethodPatch, "/acr/v1/samples/app/_tags/"+c.v1(),
				bearer(c.e.accessToken(c.t, worker, "repository:samples/app:metadata_write,metadata_read")),
				strings.NewReader(fmt.Sprintf(`{"writeEnabled":%t}`, writeEnabled)))
			if a.status != http.StatusOK {
				c.t.Fatalf("the lock: %d %s", a.status, a.body)
			}
		}
		lock(false)
		return func() { lock(true) }
	}},
	{cause: "network-rule", who: puller, do: capturing.pullOne, before: func(c capturing) func() {
		c.emulator("network", "deny")
		return func() { c.emulator("network", "allow") }
	}},
	{cause: "throttled", who: puller, do: capturing.pullOne, before: fault("throttle", "--retry-after", "1s",
		"--route", "manifest-get")},
	{cause: "unavailable", who: puller, do: capturing.pullOne,
		before: fault("status", "--status", "503", "--route", "manifest-get")},
	{cause: "no-credential", do: capturing.pullOne, before: func(c capturing) func() {
		c.dockerFiles(`{}`)
		return nil
	}},
	{cause: "certificate-untrusted", who: puller, do: func(c capturing) []string {
		c.ca = shared.caFile // another emulator's
		return c.pullOne()
	}, before: func(c capturing) func() {
		for i, v := range c.env {
			if strings.HasPrefix(v, "SSL_CERT_FILE=") {
				c.env[i] = "SSL_CERT_FILE=" + shared.caFile
			}
		}
		if err := os.Remove(filepath.Join(c.certDir(), "ca.crt")); err != nil {
			c.t.Fatal(err)
		}
		return nil
	}, except: map[string]string{"docker": dockerTrustsLoopback, "crane": craneTriesHTTP}},
	{cause: "connection-refused", who: puller, do: func(c capturing) []string {
		addr, err := freeAddr()
		if err != nil {
			c.t.Fatal(err)
		}
		c.host = strings.Replace(addr, "127.0.0.1", "localhost", 1)
		return c.pullOne()
	}},
	{cause: "name-unknown", who: puller, unstable: true, do: func(c capturing) []string {
		c.host = "myregistry.azurecr.invalid" // RFC 6761: no such name ever
		return c.pullOne()
	}},
	{cause: "plain-http-server", who: puller, do: func(c capturing) []string {
		plain := httptest.NewServer(http.NotFoundHandler())
		c.t.Cleanup(plain.Close)
		c.host = strings.Replace(plain.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
		return c.pullOne()
	}, except: map[string]string{"docker": dockerTrustsLoopback, "crane": craneTriesHTTP}},
	{cause: "helper-missing", do: capturing.pullOne, before: func(c capturing) func() {
		c.dockerFiles(`{"credHelpers":{"` + c.host + `":"gone"}}`)
		return nil
	}, except: map[string]string{"docker": "it goes on without a credential, and says nothing"}},
	{cause: "docker-config-broken", do: capturing.pullOne, before: func(c capturing) func() {
		c.dockerFiles(`{"auths":`)
		return nil
	}, except: map[string]string{"helm": "it goes on without a credential, and says nothing"}},
}

// TestCaptures has every client refused in every way, and compares what it prints
// with the committed files below captures/, which the reader of errors is tested
// with.
func TestCaptures(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			version := c.ready(t)
			t.Parallel() // each with an emulator of its own, whose faults are global
			data := filepath.Join(t.TempDir(), "data")
			e, err := startEmulator(data, captureSeed, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(e.stop)
			layout, _ := c.layout(t, "captures", 1000)
			for _, k := range captures {
				t.Run(k.cause, func(t *testing.T) {
					if why, ok := k.except[c.name]; ok {
						t.Log("not captured: " + why)
						return
					}
					s := newSession(t, e)
					if k.who != (token{}) {
						s = c.as(t, e, k.who)
					}
					k.compare(capturing{c, s, t, e, data, layout}, version)
				})
			}
		})
	}
}

// compare has the client refused, and compares its words with those that are kept,
// or keeps them.
func (k capture) compare(c capturing, version string) {
	t := c.t
	t.Helper()
	if k.before != nil {
		if after := k.before(c); after != nil {
			defer after()
		}
	}
	command := k.do(c)
	if command == nil {
		t.Log("not captured: the client has no such operation")
		return
	}
	out, err := c.run(k.stdin, command...)
	if err == nil {
		t.Fatalf("%s succeeded:\n%s", strings.Join(command, " "), out)
	}
	for _, who := range []token{puller, bare, worker, unknown} {
		if strings.Contains(out, who.password) {
			t.Fatalf("a password is in the output: %s", out)
		}
	}
	k.explain(c, out)
	tidy := func(text string) string {
		text = strings.NewReplacer(c.layout, "/home/user/layout", c.home, "/home/user").Replace(text)
		text = neutral(text, c.host, c.e.host)
		if c.client.tidy != nil {
			text = c.client.tidy.Replace(text)
		}
		return text
	}
	got := header{c.client.name + " " + version, tidy(c.shown(command)), exitCode(err)}.String() + tidy(out)
	file := filepath.Join("captures", c.client.name, k.cause+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v: run the tests with -update", err)
	}
	want := string(b)
	switch {
	case k.unstable:
	case !strings.HasPrefix(want, "#: client: "+c.client.name+" "+version+"\n"):
		t.Logf("%s was made with another version and is not compared: %s", file, clip(want, 60))
	case comparison(want) == comparison(got):
	case !c.client.pinned():
		t.Logf("%s: the client, which the system updates, says something else now:\n%s\nwant\n%s", file, got, want)
	default:
		t.Errorf("%s: the client says something else now:\n%s\nwant\n%s", file, got, want)
	}
}

// pinned reports whether the tests install the client, at one version. The others
// are the system's: it updates them, or a library of theirs, without another
// version, so that their words are not held, only that they are refused and for
// which cause.
func (c client) pinned() bool { return strings.HasPrefix(c.install, "go install ") }

// header is the head of a capture, above a client's words: see captures/README.md.
type header struct{ client, command, exit string }

func (h header) String() string {
	return fmt.Sprintf("#: client: %s\n#: command: %s\n#: exit: %s\n", h.client, h.command, h.exit)
}

// shown writes a command as a user would type it, without the flags that keep it
// apart from other tests.
func (c capturing) shown(command []string) string {
	text := strings.Join(command, " ")
	if command[0] == "env" { // steps: values, then sh -c SCRIPT sh PROGRAM
		i := slices.Index(command, "sh")
		values := []string{`"$@"`, strings.Join(command[i+4:], " ")}
		for _, v := range command[1:i] {
			name, value, _ := strings.Cut(v, "=")
			values = append(values, "$"+name, value)
		}
		text = strings.NewReplacer(values...).Replace(command[i+2])
	}
	for _, program := range [][]string{c.podman(), c.buildah(), c.docker()} {
		text = strings.ReplaceAll(text, strings.Join(program, " "), filepath.Base(program[0]))
	}
	return text
}

// What a client's words hold that is not the same in every run: ids of content that
// holds a time, progress of work that goes on side by side, the order of the actions
// that a registry names.
var (
	someID   = regexp.MustCompile(`[0-9a-f]{12,}`)
	progress = regexp.MustCompile(
		`^(Copying|Copied|Exists|Skipped|Getting|Writing|Pushed|ID: |#: command|\S+-sha256:|elapsed: |2026/01/02 03:04:05 (pushed|existing) |time=\S+ level=WARN msg="Failed to (push|copy))`)
)

func comparison(text string) string {
	var lines []string
	for line := range strings.Lines(someID.ReplaceAllString(text, "ID")) {
		if progress.MatchString(line) {
			continue
		}
		words := strings.Fields(strings.NewReplacer("[", " ", "]", " ").Replace(line))
		slices.Sort(words)
		lines = append(lines, strings.Join(words, " "))
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}
