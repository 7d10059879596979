//go:build linux

package recipes

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// insideVariable hands the folder with all that the recipes need to the test that runs
// itself again, in network and mount namespaces of its own.
const insideVariable = "ACRKIT_RECIPES_INSIDE"

const (
	// healthyTime is how soon the image must be ready.
	healthyTime = 2 * time.Second
	// daemonTime bounds the start of the container engine.
	daemonTime = time.Minute
)

const (
	emulatorImage = "ghcr.io/acrkit/emulator:"
	commandImage  = "ghcr.io/acrkit/acrkit:"
	curlImage     = "curlimages/curl:8.16.0" // of the compose file
)

// The seed of the image's own tests: one variable, whose password is in another.
const (
	imageSeed = `registries: [{name: myregistry, repositories: [{name: samples/app, images: [{tags: [v1, latest]}]}], ` +
		`tokens: [{name: ci-test, scopeMap: _repositories_pull_metadata_read, ` +
		`passwords: [{name: password1, valueFrom: {env: CI_PASSWORD}}]}]}]`
	imagePassword = "of-the-tests-of-recipes-0001"
)

// TestContainers runs the image of the emulator by docker and by podman, and the recipes that
// need an engine. It has an engine of its own, on a network of its own: nothing of this
// machine's is changed, and nothing is fetched but the Python SDK, before.
func TestContainers(t *testing.T) {
	dir := os.Getenv(insideVariable)
	if dir != "" {
		inside(t, dir)
		return
	}
	for _, program := range []string{"dockerd", "podman", "crane", "curl", "pip3", "unshare", "iptables"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program+" is not installed")
		}
	}
	if os.Geteuid() != 0 {
		missing(t, "a container engine must be started as root")
	}
	dir, err := os.MkdirTemp("", "ik-recipes-") // short: a socket's name is; and podman wants no upper case
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	images(t, dir)
	run(t, filepath.Join(examples, "testcontainers"), nil, "go", "test", "-c", "-o",
		filepath.Join(dir, "testcontainers.test"))
	run(t, "", nil, "pip3", "install", "--quiet", "--disable-pip-version-check", "--target", filepath.Join(dir, "lib"),
		"--require-hashes", "-r", "../sdk/python/requirements.txt")
	cmd := exec.CommandContext(t.Context(), "unshare", "--net", "--mount", "--propagation", "private", os.Args[0],
		"-test.run=^TestContainers$", "-test.v", "-test.timeout=8m")
	cmd.Env = append(os.Environ(), insideVariable+"="+dir)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// missing ends a test for which this machine lacks something: in CI it fails.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why + ", so the recipes with containers were NOT tested")
}

// images makes the layouts of the release's images below dir, for this machine's processor.
func images(t *testing.T, dir string) {
	t.Helper()
	program := filepath.Join(dir, "dist", "linux", "acrkit")
	build(t, program)
	for name, content := range map[string]any{
		"metadata.json": map[string]string{"tag": "v" + version(t), "version": version(t), "commit": "of the tests"},
		"artifacts.json": []map[string]string{{"name": "acrkit", "path": "dist/linux/acrkit", "goos": "linux",
			"goarch": runtime.GOARCH, "type": "Binary"}},
	} {
		data, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "dist", name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, root, nil, "go", "run", "-C", "tools/release", ".", "images", filepath.Join(dir, "dist"),
		filepath.Join(dir, "images"))
}

// inside runs in namespaces of its own.
func inside(t *testing.T, dir string) {
	run(t, "", nil, "ip", "link", "set", "lo", "up")
	// Where control groups are mounted in both versions, the engines start nothing before
	// the second is hidden from them.
	if err := syscall.Unmount("/sys/fs/cgroup/unified", syscall.MNT_DETACH); err != nil && err != syscall.EINVAL &&
		err != syscall.ENOENT {
		t.Fatal(err)
	}
	acrkit := filepath.Join(dir, "dist", "linux", "acrkit")
	startDocker(t, dir)
	v := version(t)
	pullImages(t, dir, acrkit, v)
	importCurl(t, dir)
	t.Run("image", func(t *testing.T) { testImage(t, dir, emulatorImage+v, commandImage+v) })
	t.Run("podman", func(t *testing.T) { testPodman(t, dir) })
	t.Run("service container", func(t *testing.T) { testServiceContainer(t) })
	t.Run("compose", func(t *testing.T) { testCompose(t, dir) })
	t.Run("testcontainers", func(t *testing.T) {
		// Its helper that removes containers is an image that cannot be fetched here.
		out := run(t, filepath.Join(examples, "testcontainers"),
			map[string]string{"TESTCONTAINERS_RYUK_DISABLED": "true"},
			filepath.Join(dir, "testcontainers.test"), "-test.v")
		if !strings.Contains(out, "--- PASS: TestTags") {
			t.Errorf("%s", out)
		}
	})
	t.Run("Python", func(t *testing.T) {
		if out := run(t, "", map[string]string{"PYTHONPATH": filepath.Join(dir, "lib")},
			filepath.Join(examples, "python-sdk", "test.sh")); out != "latest\nv1\n" {
			t.Errorf("%s", out)
		}
	})
	t.Run("CronJob", func(t *testing.T) { testCronJob(t, dir, emulatorImage+v) })
}

// startDocker starts a dockerd, and makes "docker" the client that belongs to it.
func startDocker(t *testing.T, dir string) {
	t.Helper()
	dockerd, err := exec.LookPath("dockerd")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	client := filepath.Join(filepath.Dir(filepath.Dir(dockerd)), "bin", "docker")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(client); err == nil { // the one that came with it, where there are several
		if err := os.Symlink(client, filepath.Join(bin, "docker")); err != nil {
			t.Fatal(err)
		}
	}
	host := "unix://" + filepath.Join(dir, "s")
	for name, value := range map[string]string{"PATH": bin + ":" + os.Getenv("PATH"), "DOCKER_HOST": host,
		"DOCKER_CONFIG": filepath.Join(dir, "config"), "HOME": dir} {
		t.Setenv(name, value)
	}
	config := filepath.Join(dir, "daemon.json") // not the machine's
	if err := os.WriteFile(config, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "dockerd.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(dockerd, "--config-file", config, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--host", host,
		"--storage-driver", "vfs")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // its log says how it ended
	})
	until(t, daemonTime, "dockerd answers", func() bool {
		return exec.CommandContext(t.Context(), "docker", "version").Run() == nil
	})
}

// until waits for a condition.
func until(t *testing.T, most time.Duration, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > most {
			t.Fatalf("not so after %v: %s", most, what)
		}
	}
}

// pullImages pushes the layouts to an emulator, as a release pushes them to a registry, and
// pulls them from there under the names that the recipes use.
func pullImages(t *testing.T, dir, acrkit, v string) {
	t.Helper()
	seed := filepath.Join(dir, "images.yaml")
	if err := os.WriteFile(seed, []byte(`registries:
  - name: images
    anonymousPullEnabled: true
    tokens: [{name: pusher, scopeMap: _repositories_push, passwords: [{name: password1, value: of-the-images-0001}]}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, dir, nil, acrkit, "emulator", "start", "--memory", "--seed", seed, "--", "sh", "-euc", `
crane auth login --username pusher --password of-the-images-0001 "$ACR_NAME" 2>&1
for name in acrkit emulator; do
  crane push "images/$name" "$ACR_NAME/$name:$1" 2>&1
  docker pull --quiet "$ACR_NAME/$name:$1"
  docker tag "$ACR_NAME/$name:$1" "ghcr.io/acrkit/$name:$1"
done`, "sh", v)
}

// importCurl makes an image of this machine's curl and shell, in place of curl's own, which
// is in a registry that tests do not reach.
func importCurl(t *testing.T, dir string) {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	add := func(h tar.Header, content []byte) {
		h.Size = int64(len(content))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	add(tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir}, nil)
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal(err)
	}
	files := []string{"/bin/sh", "/bin/sed", curl}
	for _, program := range slices.Clone(files) {
		for word := range strings.FieldsSeq(run(t, "", nil, "ldd", program)) {
			if strings.HasPrefix(word, "/") && !slices.Contains(files, word) {
				files = append(files, word)
			}
		}
	}
	for _, file := range files {
		name := strings.TrimPrefix(file, "/")
		if file == curl {
			name = "bin/curl"
		}
		add(tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg}, readFile(t, file))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "curl.tar")
	if err := os.WriteFile(file, archive.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "", nil, "docker", "import", "--change", "ENV PATH=/bin", file, curlImage)
}

// testImage: one variable seeds the image; it is healthy soon, as a user without rights on a
// root that is read-only, and is used from this machine and from another container by name.
func testImage(t *testing.T, dir, emulator, command string) {
	t.Setenv("ACRKIT_SEED", imageSeed)
	t.Setenv("CI_PASSWORD", imagePassword)
	run(t, "", nil, "docker", "network", "create", "ci")
	began := time.Now()
	run(t, "", nil, "docker", "run", "--detach", "--name", "acr", "--network", "ci", "--network-alias", "unknown",
		"--publish", "127.0.0.1:5443:5443", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
		"--env", "ACRKIT_SEED", "--env", "CI_PASSWORD", "--env", "ACRKIT_HOSTNAMES=acr", emulator)
	t.Cleanup(func() { run(t, "", nil, "docker", "rm", "--force", "--volumes", "acr") })
	started := time.Since(began)
	until(t, healthyTime, "the image's own health check succeeds", func() bool {
		return run(t, "", nil, "docker", "inspect", "--format", "{{.State.Health.Status}}", "acr") == "healthy\n"
	})
	t.Logf("docker run took %v, healthy %v after it", started.Round(time.Millisecond),
		(time.Since(began) - started).Round(time.Millisecond))

	ca := filepath.Join(dir, "acr.pem")
	if err := fetch(t, "http://localhost:5443/ca.pem", ca); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost:5443", "127.0.0.1:5443"} {
		if out := listTags(t, dir, ca, host); out != "latest\nv1\n" {
			t.Errorf("through the mapped port, at %s: %s", host, out)
		}
	}
	list := func(host string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "docker", "run", "--rm", "--network", "ci",
			"--volume", ca+":/acr.pem:ro", "--env", "SSL_CERT_FILE=/acr.pem", "--env", "ACR_NAME="+host,
			"--env", "ACRKIT_REGISTRIES="+host, "--env", "ACR_TOKEN_NAME=ci-test",
			"--env", "ACR_TOKEN_PASSWORD",
			command, "tag", "list", host+"/samples/app")
		cmd.Env = append(os.Environ(), "ACR_TOKEN_PASSWORD="+imagePassword)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if err := os.Chmod(ca, 0o644); err != nil { // a certificate: the container's user reads it
		t.Fatal(err)
	}
	if out, err := list("acr:5443"); err != nil || out != "latest\nv1\n" {
		t.Errorf("from another container, by name: %v: %s", err, out)
	}
	if out, err := list("unknown:5443"); err == nil || !strings.Contains(out, "unrecognized name") {
		t.Errorf("by a name that is not served: %v: %s", err, out)
	}
	// A command in the image.
	logs := run(t, "", nil, "docker", "exec", "acr", "acrkit", "emulator", "log", "--data", "/data")
	if !strings.Contains(logs, "samples/app") {
		t.Errorf("the decision log: %s", logs)
	}
	cmd := exec.CommandContext(t.Context(), "docker", "logs", "acr")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "ACRKIT_HOSTNAMES") ||
		!strings.Contains(string(out), "name=unknown") || strings.Contains(string(out), imagePassword) {
		t.Errorf("its log: %v: %s", err, out)
	}
	if got := run(t, "", nil, "docker", "inspect", "--format", "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}}",
		"acr"); got != "65532:65532 true\n" {
		t.Errorf("user and root: %s", got)
	}
	size := 0
	bytesOf := run(t, "", nil, "docker", "image", "inspect", "--format", "{{.Size}}", emulator)
	if _, err := fmt.Sscan(bytesOf, &size); err != nil ||
		size == 0 || size > 40<<20 {
		t.Errorf("it has %d bytes: %v", size, err)
	}
	t.Logf("the image has %.1f MiB", float64(size)/(1<<20))

	// Nothing well-known: without a seed there would be the example's passwords.
	out, err := exec.CommandContext(t.Context(), "docker", "run", "--rm", emulator).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "others may know these") ||
		!strings.Contains(string(out), "ACRKIT_SEED") {
		t.Errorf("without a seed: %v: %s", err, out)
	}
}

// fetch gets a file, or fails.
func fetch(t *testing.T, url, file string) error {
	return exec.CommandContext(t.Context(), "curl", "--fail", "--silent", "--output", file, url).Run()
}

// listTags lists the tags of the seed's repository from this machine.
func listTags(t *testing.T, dir, ca, host string) string {
	t.Helper()
	return run(t, "", map[string]string{"SSL_CERT_FILE": ca, "ACR_NAME": host, "ACR_TOKEN_NAME": "ci-test",
		"ACR_TOKEN_PASSWORD": imagePassword}, filepath.Join(dir, "dist", "linux", "acrkit"), "tag", "list",
		host+"/samples/app")
}

// testPodman is the same by podman, as root where control groups are of both versions.
func testPodman(t *testing.T, dir string) {
	pod := func(args ...string) string {
		t.Helper()
		env := map[string]string{"ACRKIT_SEED": imageSeed, "CI_PASSWORD": imagePassword}
		own := []string{"--root", dir + "/root", "--runroot", dir + "/runroot", "--storage-driver", "vfs",
			"--network-config-dir", dir + "/networks"}
		return run(t, dir, env, "podman", append(own, args...)...)
	}
	id := strings.TrimSpace(pod("pull", "--quiet", "oci:images/emulator"))
	began := time.Now()
	pod("run", "--detach", "--name", "acr", "--publish", "127.0.0.1:5444:5443", "--read-only", "--cap-drop", "all",
		"--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
		"--env", "ACRKIT_SEED", "--env", "CI_PASSWORD", id)
	t.Cleanup(func() { pod("rm", "--force", "--volumes", "acr") })
	until(t, healthyTime, "the emulator is ready", func() bool {
		return fetch(t, "http://localhost:5444/readyz", filepath.Join(dir, "readyz")) == nil
	})
	t.Logf("ready %v after podman run began", time.Since(began).Round(time.Millisecond))
	if out := pod("exec", "acr", "acrkit", "emulator", "health"); out != "ready\n" {
		t.Errorf("%s", out)
	}
	ca := filepath.Join(dir, "podman.pem")
	if err := fetch(t, "http://localhost:5444/ca.pem", ca); err != nil {
		t.Fatal(err)
	}
	if out := listTags(t, dir, ca, "localhost:5444"); out != "latest\nv1\n" {
		t.Errorf("through the mapped port: %s", out)
	}
}

// testServiceContainer runs the workflow with a service container, which the runner starts
// and whose health it waits for.
func testServiceContainer(t *testing.T) {
	job := readYAML[workflow](t, filepath.Join(examples, "github-actions", "service-container.yml")).Jobs["test"]
	r := newRunner(t, t.TempDir(), job.Env)
	if len(job.Services) != 1 {
		t.Fatalf("%d services", len(job.Services))
	}
	for name, s := range job.Services {
		args := []string{"run", "--detach", "--name", name}
		for _, p := range s.Ports {
			args = append(args, "--publish", p)
		}
		for k, v := range s.Env {
			args = append(args, "--env", k+"="+r.expand(v))
		}
		run(t, "", nil, "docker", append(args, s.Image)...)
		t.Cleanup(func() { run(t, "", nil, "docker", "rm", "--force", "--volumes", name) })
		until(t, stepTime, name+" is healthy", func() bool {
			return run(t, "", nil, "docker", "inspect", "--format", "{{.State.Health.Status}}", name) == "healthy\n"
		})
	}
	r.steps(job.Steps, nil, "")
	if out := r.out.String(); !strings.Contains(out, "Login Succeeded") ||
		!strings.Contains(out, "localhost:5443/samples/app:v1") {
		t.Errorf("the steps print %q", out)
	}
	if token := readFile(t, filepath.Join(r.dir, "token.json")); !bytes.Contains(token, []byte("access_token")) {
		t.Errorf("%s", token)
	}
}

func testCompose(t *testing.T, dir string) {
	compose := []string{"docker", "compose"}
	if exec.CommandContext(t.Context(), "docker", "compose", "version").Run() != nil {
		compose = []string{"docker-compose"} // its first version, which Debian has
	}
	file := filepath.Join(dir, "compose.yaml") // a project is named after the folder
	copyFile(t, filepath.Join(examples, "compose", "compose.yaml"), file)
	env := map[string]string{"ACR_PASSWORD": imagePassword, "COMPOSE_PROJECT_NAME": "recipe"}
	t.Cleanup(func() { run(t, dir, env, compose[0], append(compose[1:], "down", "--volumes")...) })
	if out := run(t, dir, env, compose[0], append(compose[1:], "run", "--rm", "-T", "test")...); !strings.Contains(out, `"latest"`) {
		t.Errorf("%s", out)
	}
	if logs := run(t, dir, env, compose[0], append(compose[1:], "logs", "acr")...); !strings.Contains(logs,
		"path=/acr/v1/samples/app/_tags status=200") || strings.Contains(logs, imagePassword) {
		t.Errorf("the emulator's log: %s", logs)
	}
}

// testCronJob runs the container of the CronJob against the emulator, with its arguments and
// variables, and a registry's name in place of the real one.
func testCronJob(t *testing.T, dir, emulator string) {
	var job struct {
		Spec struct {
			JobTemplate struct {
				Spec struct {
					Template struct {
						Spec struct {
							Containers []struct {
								Image string
								Args  []string
								Env   []struct{ Name, Value string }
							}
						}
					}
				}
			} `yaml:"jobTemplate"`
		}
	}
	if err := yaml.Unmarshal(readFile(t, filepath.Join(examples, "kubernetes", "cronjob.yaml")), &job); err != nil {
		t.Fatal(err)
	}
	container := job.Spec.JobTemplate.Spec.Template.Spec.Containers[0]
	t.Setenv("CI_PASSWORD", imagePassword)
	run(t, "", nil, "docker", "network", "create", "jobs")
	run(t, "", map[string]string{"ACRKIT_SEED": strings.Replace(imageSeed, "ci-test", "ci-pull", 1)}, "docker", "run",
		"--detach", "--name", "jobs-acr", "--network", "jobs", "--env", "ACRKIT_SEED", "--env", "CI_PASSWORD",
		"--env", "ACRKIT_HOSTNAMES=jobs-acr", "--publish", "127.0.0.1:5443:5443", emulator)
	t.Cleanup(func() { run(t, "", nil, "docker", "rm", "--force", "--volumes", "jobs-acr") })
	until(t, healthyTime, "the emulator is ready", func() bool {
		return fetch(t, "http://localhost:5443/ca.pem", filepath.Join(dir, "jobs.pem")) == nil
	})
	secret := filepath.Join(dir, "secret")
	if err := os.MkdirAll(secret, 0o750); err != nil {
		t.Fatal(err)
	}
	try := func(password string) (string, error) {
		file := filepath.Join(secret, "password")
		if err := os.WriteFile(file, []byte(password), 0o440); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(file)
		for _, path := range []string{secret, file} { // what fsGroup does
			if err := os.Chown(path, 0, 65532); err != nil {
				t.Fatal(err)
			}
		}
		args := []string{"run", "--rm", "--network", "jobs", "--read-only", "--cap-drop", "ALL",
			"--volume", secret + ":/run/acr:ro", "--volume", filepath.Join(dir, "jobs.pem") + ":/ca.pem:ro",
			"--env", "SSL_CERT_FILE=/ca.pem", "--env", "ACRKIT_REGISTRIES=jobs-acr:5443"}
		for _, e := range container.Env {
			value := e.Value
			if e.Name == "ACR_NAME" {
				value = "jobs-acr:5443"
			}
			args = append(args, "--env", e.Name+"="+value)
		}
		out, err := exec.CommandContext(t.Context(), "docker", append(append(args, container.Image),
			container.Args...)...).CombinedOutput()
		return string(out), err
	}
	if err := os.Chmod(filepath.Join(dir, "jobs.pem"), 0o644); err != nil { // a certificate
		t.Fatal(err)
	}
	if out, err := try(imagePassword); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := try("another-password-0002"); err == nil {
		t.Errorf("with a wrong password: %s", out)
	}
}
