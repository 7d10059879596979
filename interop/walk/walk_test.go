package walk

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var walking = flag.Bool("walk", false, "run the blocks, with empty caches")

// Limits of one block: an installation from empty caches, a start.
const (
	blockLimit = 15 * time.Minute
	startLimit = 60 * time.Second
)

// The token of the emulator's default seed, which the pages name.
const (
	registry = "myregistry.azurecr.io"
	token    = "ci-pull"
)

// TestWalk runs the blocks of every page.
func TestWalk(t *testing.T) {
	if !*walking {
		t.Skip("the pages are NOT walked without -walk; TestPages reads them")
	}
	if os.Geteuid() != 0 {
		t.Fatal("a name of one's own for an address needs root (a mount namespace with its own /etc/hosts)")
	}
	w := newWalker(t)
	for _, page := range pages(t) {
		name := strings.TrimPrefix(strings.TrimSuffix(page, "/README.md"), "../../")
		t.Run(strings.ReplaceAll(name, "../..", "README"), func(t *testing.T) { w.walk(t, page) })
	}
}

// walker is a machine with an emulator that answers as myregistry.azurecr.io.
type walker struct {
	hosts string // the file that replaces /etc/hosts
	seed  string // the default seed
	env   []string
}

func newWalker(t *testing.T) *walker {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin+string(filepath.Separator), "./cmd/acrkit",
		"./cmd/docker-credential-acrkit")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w := &walker{hosts: filepath.Join(dir, "hosts")}
	seed := filepath.Join(dir, "seed.yaml")
	run(t, nil, filepath.Join(bin, "acrkit"), "emulator", "seed", "init", seed)
	w.seed = read(t, seed)
	addr := startEmulator(t, filepath.Join(bin, "acrkit"), filepath.Join(dir, "data"))
	hosts, err := os.ReadFile("/etc/hosts")
	if err != nil {
		t.Fatal(err)
	}
	write(t, w.hosts, string(hosts)+"\n"+addr+" "+registry+"\n")

	// Programs that trust the emulator must still trust the package registries.
	ca := read(t, filepath.Join(dir, "data", "ca.pem"))
	bundle := filepath.Join(dir, "bundle.pem")
	trusted := read(t, systemCA(t))
	// of a company's own mirror, say
	for _, name := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"} {
		if file := os.Getenv(name); file != "" {
			trusted += "\n" + read(t, file)
		}
	}
	write(t, bundle, trusted+"\n"+ca)
	write(t, filepath.Join(dir, "ca.pem"), ca)
	store := filepath.Join(dir, "trust.p12")
	run(t, nil, "keytool", "-importkeystore", "-noprompt", "-srckeystore", cacerts(t), "-srcstorepass", "changeit",
		"-destkeystore", store, "-deststoretype", "PKCS12", "-deststorepass", "changeit")
	run(t, nil, "keytool", "-importcert", "-noprompt", "-keystore", store, "-storepass", "changeit", "-alias",
		"acrkit-walk", "-file", filepath.Join(dir, "ca.pem"))

	caches := filepath.Join(dir, "caches")
	clone, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	w.env = append(slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "ACR") || strings.HasPrefix(v, "AZURE_") || strings.HasPrefix(v, "GOFLAGS=")
	}),
		"ACR_NAME="+registry, "ACR_TOKEN_NAME="+token, "ACR_TOKEN_PASSWORD="+w.password(t, token),
		"SSL_CERT_FILE="+bundle, "REQUESTS_CA_BUNDLE="+bundle, "NODE_EXTRA_CA_CERTS="+bundle,
		"JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore="+store+" -Djavax.net.ssl.trustStorePassword=changeit",
		"PIP_CACHE_DIR="+filepath.Join(caches, "pip"), "npm_config_cache="+filepath.Join(caches, "npm"),
		"npm_config_update_notifier=false",
		"MAVEN_OPTS=-Dmaven.repo.local="+filepath.Join(caches, "m2"), "GOMODCACHE="+filepath.Join(caches, "go"),
		"GOFLAGS=-modcacherw",
		"ACRKIT_KEYRING=off", "ACRKIT_CONFIG_DIR="+filepath.Join(dir, "config"), "NO_COLOR=1", "TERM=dumb",
		"PATH="+bin+":"+os.Getenv("PATH"),
		// The address from which a reader clones is this checkout.
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url."+clone+".insteadOf",
		"GIT_CONFIG_VALUE_0=https://github.com/acrkit/acrkit",
	)
	return w
}

// password is that of a token of the default seed.
func (w *walker) password(t *testing.T, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(w.seed, "- name: "+name+"\n        scopeMap")
	_, value, ok := strings.Cut(rest, "value: ")
	if !found || !ok {
		t.Fatal("the default seed has no password of " + name)
	}
	return value[:strings.IndexAny(value, ",}")]
}

// startEmulator starts the default emulator on an address whose port 443 is free, and
// returns the address.
func startEmulator(t *testing.T, acrkit, data string) string {
	t.Helper()
	addr := ""
	for i := 2; i < 20 && addr == ""; i++ {
		candidate := fmt.Sprintf("127.0.0.%d", i)
		if l, err := net.Listen("tcp", candidate+":443"); err == nil {
			_ = l.Close()
			addr = candidate
		}
	}
	if addr == "" {
		t.Fatal("no loopback address has a free port 443")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, acrkit, "emulator", "start", "--addr", addr+":443", "--hostname",
		registry, "--data", data)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	stderr, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		said := ""
		for lines.Scan() {
			said += lines.Text() + "\n"
			if strings.Contains(lines.Text(), addr) {
				select {
				case ready <- "":
				default:
				}
			}
		}
		select {
		case ready <- "the emulator ended: " + said:
		default:
		}
	}()
	select {
	case why := <-ready:
		if why != "" {
			t.Fatal(why)
		}
	case <-time.After(startLimit):
		t.Fatal("the emulator is not ready after " + startLimit.String())
	}
	return addr
}

// walk runs one page.
func (w *walker) walk(t *testing.T, page string) {
	blocks, err := readBlocks(read(t, page))
	if err != nil {
		t.Fatal(err)
	}
	dir, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	write(t, state, "")
	ran := 0
	// Fragments come first on the page, and need what is installed below them.
	slices.SortStableFunc(blocks, func(a, b block) int {
		last := map[string]int{"main": 1}
		return last[a.verb] - last[b.verb]
	})
	for _, b := range blocks {
		where := fmt.Sprintf("%s:%d", strings.TrimPrefix(page, "../../"), b.line)
		switch b.verb {
		case "not run":
			t.Logf("%s: NOT run: %s", where, b.argument)
			continue
		case "file":
			file := filepath.Join(dir, b.argument)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, file, b.text)
		case "main":
			makeFolder(t, filepath.Join(dir, "fragment"))
			out, err := w.shell(t, dir, state, mains[b.language](t, dir, b.text))
			if err != nil || !strings.Contains(out, "latest") {
				t.Fatalf("%s: %v\n%s", where, err, out)
			}
		default:
			text := b.text
			if b.language == "console" {
				text = commands(text)
			}
			keep := state
			if b.verb == "as" {
				keep = filepath.Join(t.TempDir(), "state")
				write(t, keep, read(t, state))
				text = "export ACR_TOKEN_NAME=" + b.argument + " ACR_TOKEN_PASSWORD=" + w.password(t, b.argument) +
					"\n" + text
			}
			out, err := w.shell(t, dir, keep, text)
			switch {
			case b.verb == "fails" && (err == nil || !strings.Contains(out, b.argument)):
				t.Fatalf("%s: want a failure with %q: %v\n%s", where, b.argument, err, out)
			case b.verb != "fails" && err != nil:
				t.Fatalf("%s: %v\n%s\n%s", where, err, text, out)
			case b.verb == "prints" && !strings.Contains(out, b.argument):
				t.Fatalf("%s: the output does not hold %q:\n%s", where, b.argument, out)
			}
		}
		ran++
		t.Logf("%s: %s", where, b.language)
	}
	t.Logf("%d of %d blocks", ran, len(blocks))
}

// commands are the commands of a console block, without what they printed.
func commands(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			out = append(out, command)
		}
	}
	return strings.Join(out, "\n")
}

// shell runs a block. The folder and the variables that it leaves are those of the
// next block of the page.
func (w *walker) shell(t *testing.T, dir, state, text string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), blockLimit)
	defer cancel()
	script := `mount --bind "$1" /etc/hosts || exit 99
cd "$2"; . "$3"; set -euo pipefail
` + text + `
{ export -p; printf 'cd %q\n' "$PWD"; } >"$3"
`
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--propagation", "private", "bash", "-c", script,
		"bash", w.hosts, dir, state)
	cmd.Env, cmd.Dir = w.env, dir
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = errors.Join(err, fmt.Errorf("not done after %v", blockLimit))
	}
	return out.String(), err
}

func run(t *testing.T, env []string, command ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env = env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// first returns the first of the files that is there.
func first(t *testing.T, what string, files ...string) string {
	t.Helper()
	for _, f := range files {
		if _, err := os.Stat(f); err == nil {
			return f
		}
	}
	t.Fatalf("no %s is found in %v", what, files)
	return ""
}

func systemCA(t *testing.T) string {
	return first(t, "bundle of certificate authorities", "/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
}

func cacerts(t *testing.T) string {
	java, err := exec.LookPath("java")
	if err != nil {
		t.Fatal(err)
	}
	java, err = filepath.EvalSymlinks(java)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Dir(filepath.Dir(java))
	return first(t, "trust store of Java", filepath.Join(home, "lib/security/cacerts"), "/etc/ssl/certs/java/cacerts")
}

func makeFolder(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}
