package interop

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// containerdDaemon is a containerd of a test's own, with the service that kubelets
// ask for images.
type containerdDaemon struct {
	*daemon
	dir string
}

func (d *containerdDaemon) socket() string { return filepath.Join(d.dir, "s") }

// certs is the folder that names the registries that it trusts: see hosts.
func (d *containerdDaemon) certs() string { return filepath.Join(d.dir, "certs.d") }

// ctr is containerd's own client.
func (d *containerdDaemon) ctr(args ...string) []string {
	return append([]string{"ctr", "--address", d.socket()}, args...)
}

// as returns a command of ctr with a name and password, or an anonymous one. The
// password comes by standard input, and the shell passes it on.
func (d *containerdDaemon) as(who token, reference string, args ...string) []string {
	if who == (token{}) {
		return append(d.ctr(args...), reference)
	}
	return append([]string{"env", "REF=" + reference, "sh", "-c", `"$@" --user ` + who.name + `:"$(cat)" "$REF"`, "sh"},
		d.ctr(args...)...)
}

// startContainerd starts the daemon in folders of its own, until the test is over.
func startContainerd(t *testing.T) *containerdDaemon {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("containerd must be started as root")
		}
		t.Skip("containerd was NOT tested: it must be started as root")
	}
	dir, err := os.MkdirTemp("", "ik-containerd-") // short: a socket's name is
	if err != nil {
		t.Fatal(err)
	}
	d := &containerdDaemon{dir: dir}
	// Nothing that needs a device or a kernel module: images are only pulled here.
	config := fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.overlayfs"]
[grpc]
  address = %q
[ttrpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  disable_tcp_service = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = %q
`, filepath.Join(dir, "root"), filepath.Join(dir, "state"), d.socket(), filepath.Join(dir, "t"), d.certs())
	file := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if d.daemon, err = startDaemon(dir, d.ctr("version"), "containerd", "--config", file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop)
	return d
}

// hosts has the daemon and ctr trust a registry by a CA alone, on loopback too, where
// they would trust any.
func (d *containerdDaemon) hosts(t *testing.T, host, caFile string) {
	t.Helper()
	dir := filepath.Join(d.certs(), host)
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "hosts.toml"),
			fmt.Appendf(nil, "server = \"https://%[1]s\"\nca = %[2]q\n[host.\"https://%[1]s\"]\nca = %[2]q\n", host,
				caFile), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A runtimeClient is how one program has containerd pull and push.
type runtimeClient struct {
	pull func(reference string, who token) []string
	push func(reference string, who token) []string // nil: it has no such operation
}

// containerdSeed has two images, so that one can be pushed where the other is.
var containerdSeed = strings.ReplaceAll(captureSeed, "images: [{tags: [v1, 1.0.0]}]",
	"images: [{tags: [v1]}, {tags: [v2], platforms: [linux/amd64, linux/arm64]}]")

// containerdCaptures are what containerd says by one of the two.
func containerdCaptures(d *containerdDaemon, p runtimeClient) []capture {
	pull := func(repository, tag string, who token) func(c capturing) []string {
		return func(c capturing) []string { return p.pull(c.host+"/"+repository+":"+tag, who) }
	}
	pullAt := func(c capturing, host string) []string {
		c.host = host
		return p.pull(host+"/samples/app:v1", puller)
	}
	pullOne := pull("samples/app", "v1", puller)
	push := func(who token) func(c capturing) []string {
		if p.push == nil {
			return func(capturing) []string { return nil }
		}
		return func(c capturing) []string { return p.push(c.host+"/samples/app:v1", who) }
	}
	// has gets the image that is pushed, which is not the one that is there.
	has := func(c capturing) {
		from, to := c.host+"/samples/app:v2", c.host+"/samples/app:v1"
		for _, command := range [][]string{
			d.as(worker, from, "images", "pull", "--hosts-dir", d.certs(), "--snapshotter",
				"native", "--all-platforms"),
			d.ctr("images", "tag", "--force", from, to),
		} {
			if out, err := c.run(worker.password, command...); err != nil {
				c.t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
			}
		}
	}
	return []capture{
		{cause: "credential-rejected", stdin: unknown.password, do: pull("samples/app", "v1", unknown)},
		// Logged in with docker, whose login containerd does not look for.
		{cause: "silently-anonymous", do: pull("samples/app", "v1", token{}), before: func(c capturing) func() {
			c.dockerFiles(`{"auths":{"` + c.host +
				`":{"auth":"aW50ZXJvcC1wdWxsOmludGVyb3AtcHVsbC1wYXNzd29yZC0wMDAwMDAwMDAx"}}}`)
			return nil
		}},
		// Sometimes containerd reports its own closed pipe, and not the answer.
		{cause: "missing-right", stdin: puller.password, unstable: true, do: push(puller),
			before: func(c capturing) func() {
				if p.push != nil {
					has(c)
				}
				return nil
			}},
		{cause: "tag-locked", stdin: worker.password, unstable: true, do: push(worker),
			before: func(c capturing) func() {
				if p.push == nil {
					return nil
				}
				has(c)
				lock := func(writeEnabled bool) {
					a := c.e.mustSend(c.t, http.MethodPatch, "/acr/v1/samples/app/_tags/v1",
						bearer(c.e.accessToken(c.t, worker, "repository:samples/app:metadata_write,metadata_read")),
						strings.NewReader(fmt.Sprintf(`{"writeEnabled":%t}`, writeEnabled)))
					if a.status != http.StatusOK {
						c.t.Fatalf("the lock: %d %s", a.status, a.body)
					}
				}
				lock(false)
				return func() { lock(true) }
			}},
		{cause: "no-right-here", stdin: puller.password, do: pull("private/app", "v1", puller)},
		{cause: "tag-unknown", stdin: worker.password, do: pull("samples/app", "9.9.9", worker)},
		{cause: "repository-unknown", stdin: worker.password, do: pull("samples/ap", "v1", worker)},
		{cause: "network-rule", stdin: puller.password, do: pullOne, before: func(c capturing) func() {
			c.emulator("network", "deny")
			return func() { c.emulator("network", "allow") }
		}},
		{cause: "throttled", stdin: puller.password, do: pullOne, before: fault("throttle", "--retry-after", "1s",
			"--route", "manifest-get")},
		{cause: "unavailable", stdin: puller.password, do: pullOne,
			before: fault("status", "--status", "503", "--route", "manifest-get")},
		{cause: "certificate-untrusted", stdin: puller.password, do: pullOne, before: func(c capturing) func() {
			for i, v := range c.env {
				if strings.HasPrefix(v, "SSL_CERT_FILE=") {
					c.env[i] = "SSL_CERT_FILE=" + shared.caFile // another emulator's
				}
			}
			d.hosts(c.t, c.host, shared.caFile)
			return func() { d.hosts(c.t, c.e.host, c.ca) }
		}},
		{cause: "connection-refused", stdin: puller.password, do: func(c capturing) []string {
			addr, err := freeAddr()
			if err != nil {
				c.t.Fatal(err)
			}
			return pullAt(c, strings.Replace(addr, "127.0.0.1", "localhost", 1))
		}},
		{cause: "name-unknown", stdin: puller.password, unstable: true, do: func(c capturing) []string {
			return pullAt(c, "myregistry.azurecr.invalid") // RFC 6761: no such name ever
		}},
		{cause: "plain-http-server", stdin: puller.password, do: func(c capturing) []string {
			plain := httptest.NewServer(http.NotFoundHandler())
			c.t.Cleanup(plain.Close)
			host := strings.Replace(plain.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
			d.hosts(c.t, host, c.ca)
			return pullAt(c, host)
		}},
	}
}

// TestCaptures_containerd has containerd refused, by its own client and as a kubelet
// asks it, and compares what they print with captures/.
func TestCaptures_containerd(t *testing.T) {
	version := need(t, "containerd", "apt-get install docker.io", []string{"containerd", "--version"})
	t.Parallel()
	d := startContainerd(t)
	data := filepath.Join(t.TempDir(), "data")
	e, err := startEmulator(data, containerdSeed, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.stop)
	d.hosts(t, e.host, e.caFile)
	kubelet := filepath.Join(d.dir, "cri")
	inModule := func(args ...string) string {
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = "cri"
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s in interop/cri: %v\n%s", command, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	inModule("build", "-o", kubelet, ".")
	criVersion := inModule("list", "-m", "-f", "{{.Version}}", "k8s.io/cri-client")
	// Folders have been replaced already.
	tidy := strings.NewReplacer(" --address /home/user/s", "", "/home/user/s ", "/run/containerd/containerd.sock ",
		"/home/user/certs.d", "/etc/containerd/certs.d", "/home/user/cri ", "cri ")
	ctr := runtimeClient{
		pull: func(reference string, who token) []string {
			return d.as(who, reference, "images", "pull", "--hosts-dir", d.certs(), "--snapshotter", "native")
		},
		push: func(reference string, who token) []string {
			return d.as(who, reference, "images", "push", "--hosts-dir", d.certs())
		},
	}
	cri := runtimeClient{pull: func(reference string, who token) []string {
		if who == (token{}) {
			return []string{kubelet, d.socket(), reference}
		}
		return []string{"env", "REF=" + reference, "sh", "-c", `printf ` + who.name + `:%s "$(cat)" | "$@" "$REF"`,
			"sh", kubelet, d.socket()}
	}}
	for _, program := range []struct {
		client
		version string
		runtime runtimeClient
	}{
		{client{name: "containerd", tidy: tidy}, version, ctr},
		{client{name: "kubelet", tidy: tidy}, "by k8s.io/cri-client " + criVersion + ", containerd " + version, cri},
	} {
		t.Run(program.name, func(t *testing.T) {
			for _, k := range containerdCaptures(d, program.runtime) {
				t.Run(k.cause, func(t *testing.T) {
					s := newSession(t, e)
					k.compare(capturing{program.client, s, t, e, data, filepath.Join(s.home, "layout")},
						program.version)
				})
			}
		})
	}
}
