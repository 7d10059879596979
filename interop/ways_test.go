package interop

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The service principal of the shared emulator; it may push.
const (
	principalTenant = "11111111-1111-1111-1111-111111111111"
	principalClient = "22222222-2222-2222-2222-222222222222"
	principalSecret = "interop-principal-secret-000002"
)

// A way is how a client gets a credential without the password.
type way struct {
	name string
	// open returns a session in which the client has the credential of a token, and a
	// function that returns the command to run for one of the client's.
	open func(t *testing.T, c client, who token) (*session, func(repository string, command []string) []string)
}

func asItIs(_ string, command []string) []string { return command }

var ways = []way{
	{"by helper", func(t *testing.T, _ client, who token) (*session, func(string, []string) []string) {
		s := withHelper(t)
		s.env = append(s.env, "ACR_NAME="+s.host, "ACR_TOKEN_NAME="+who.name, "ACR_TOKEN_PASSWORD="+who.password)
		return s, asItIs
	}},
	{"by proxy", func(t *testing.T, c client, who token) (*session, func(string, []string) []string) {
		return startProxy(t, who).as(t, c), asItIs
	}},
	{"by run", func(t *testing.T, _ client, who token) (*session, func(string, []string) []string) {
		s := newSession(t, shared)
		s.env = append(s.env, "ACR_NAME="+s.host, "ACR_TOKEN_NAME="+who.name, "ACR_TOKEN_PASSWORD="+who.password)
		return s, func(repository string, command []string) []string {
			return append([]string{acrkitBinary, "run", "--repository", repository, "--"}, command...)
		}
	}},
}

// withHelper returns a session whose files name the helper for the registry.
func withHelper(t *testing.T) *session {
	t.Helper()
	s := newSession(t, shared)
	config := `{"credHelpers":{"` + s.host + `":"acrkit"}}`
	for _, file := range []string{"config.json", "auth.json"} { // Docker's and its relatives'; podman's
		if err := os.WriteFile(filepath.Join(s.home, file), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(s.env, helperPath(), "ACRKIT_REGISTRIES="+s.host)
	return s
}

// helperPath has programs find the helper, which was built beside the command.
func helperPath() string {
	return "PATH=" + filepath.Dir(acrkitBinary) + string(filepath.ListSeparator) + os.Getenv("PATH")
}

// proxyProcess is what "acrkit proxy" says of itself when it is ready.
type proxyProcess struct{ Host, CAFile, KeyFile string }

// startProxy runs "acrkit proxy" as a token until the test is over.
func startProxy(t *testing.T, who token, flags ...string) proxyProcess {
	t.Helper()
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(context.Background(), clientLimit) // it outlives t.Context
	cmd := exec.CommandContext(ctx, acrkitBinary,
		append([]string{"proxy", shared.host, "--addr", "127.0.0.1:0", "--json", "host,caFile,keyFile"}, flags...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_RUNTIME_DIR=" +
		home, "TMPDIR=" + home,
		"ACRKIT_KEYRING=off", "ACRKIT_CONFIG_DIR=" + home, "SSL_CERT_FILE=" + shared.caFile,
		"ACR_NAME=" + shared.host, "ACR_TOKEN_NAME=" + who.name, "ACR_TOKEN_PASSWORD=" + who.password}
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 20 * time.Second
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was interrupted
		if strings.Contains(said.String(), who.password) {
			t.Errorf("the password is in what the proxy says: %s", said.String())
		}
	})
	var p proxyProcess
	if err := json.NewDecoder(stdout).Decode(&p); err != nil {
		cancel()
		_ = cmd.Wait()
		t.Fatalf("the proxy did not begin: %v\n%s", err, said.String())
	}
	return p
}

// as logs a client in to the proxy, with its key.
func (p proxyProcess) as(t *testing.T, c client) *session {
	t.Helper()
	s := newSessionAt(t, p.Host, p.CAFile)
	key, err := os.ReadFile(p.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := s.run(strings.TrimSpace(string(key)), c.login(s, "any-name")...); err != nil {
		t.Fatalf("login with the proxy's key: %v\n%s", err, out)
	}
	return s
}

// TestWays has every client work without the password: push, pull, copy, list, and
// be refused once.
func TestWays(t *testing.T) {
	for _, w := range ways {
		for _, c := range clients {
			t.Run(strings.ReplaceAll(w.name, " ", "_")+"/"+c.name, func(t *testing.T) {
				version := c.ready(t)
				w.test(t, c, version)
			})
		}
	}
}

func (w way) test(t *testing.T, c client, version string) {
	layout, img := c.layout(t, w.name+c.name, 100_000)
	name, tag := "team/"+c.name+strings.ReplaceAll(strings.TrimPrefix(w.name, "by"), " ", "-"), cmp.Or(c.tag, "v1")
	s, wrap := w.open(t, c, pusher)
	repository := s.host + "/" + name
	var did []string
	do := func(what, repository string, command []string) string {
		t.Helper()
		out, err := s.run("", wrap(repository, command)...)
		if err != nil {
			t.Fatalf("%s: %s: %v\n%s", what, strings.Join(command, " "), err, out)
		}
		did = append(did, what)
		return out
	}
	defer func() {
		if !t.Failed() {
			results.add(result{c.name, version, w.name + ": " + strings.Join(did, ", "), "ok", ""})
		}
	}()

	do("push", repository, c.push(s, layout, "v1", repository+":"+tag))
	pushed := shared.digest(t, name, tag)
	if !c.repacks && pushed != img.digest {
		t.Errorf("the registry holds %s, want %s", pushed, img.digest)
	}
	dir := filepath.Join(t.TempDir(), "pulled")
	do("pull", repository, c.pull(s, repository+":"+tag, dir, "v1"))
	if files, err := os.ReadDir(dir); err != nil || len(files) == 0 {
		t.Errorf("nothing was pulled: %v", err)
	} else if !c.repacks {
		checkLayout(t, dir, pushed)
	}
	if c.copy != nil {
		do("copy", repository, c.copy(s, repository+":"+tag, repository+"-copy:"+tag))
		shared.checkImage(t, name+"-copy", tag, img)
	}
	if c.tags != nil {
		if out := do("tags", repository, c.tags(s, repository)); !strings.Contains(out, tag) {
			t.Errorf("tags: %s", out)
		}
	}

	private := s.host + "/private/app"
	command := c.pull(s, private+":"+tag, filepath.Join(t.TempDir(), "refused"), "v1")
	out, err := s.run("", wrap(private, command)...)
	if err == nil || !c.refused.MatchString(out) {
		t.Fatalf("%s: %v, want a refusal: %s", strings.Join(command, " "), err, out)
	}
	if strings.Contains(out, pusher.password) {
		t.Errorf("the password is in the output: %s", out)
	}
	results.add(result{c.name, version, "refused: " + w.name + ", pull", "401 insufficient_scope, exit " +
		exitCode(err), s.neutral(lastLine(out))})
}

// TestHelper_login: every client can pull after "acrkit login --docker", which stores
// the password and names the helper, and none after "acrkit logout --docker".
func TestHelper_login(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			version := c.ready(t)
			s := newSession(t, shared)
			s.env = append(s.env, helperPath(), "ACRKIT_REGISTRIES="+s.host)
			// they want the file that REGISTRY_AUTH_FILE names, and ask the rest then
			if strings.Contains("podman buildah", c.name) {
				s.env = append(s.env, "REGISTRY_AUTH_FILE="+filepath.Join(s.home, "config.json"))
			}
			tag, name := cmp.Or(c.tag, "v1"), "team/"+c.name+"-login"
			layout, _ := c.layout(t, "login "+c.name, 1000)
			if out, err := s.run(pusher.password, acrkitBinary, "login", s.host, "--token-name", pusher.name,
				"--password-stdin", "--docker", "--yes"); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			config, err := os.ReadFile(filepath.Join(s.home, "config.json"))
			if err != nil || strings.Contains(string(config), pusher.password) ||
				strings.Contains(string(config), `"auths"`) {
				t.Fatalf("config.json: %v: %s", err, config)
			}
			pull := func() (string, error) {
				return s.run("", c.pull(s, s.host+"/"+name+":"+tag, filepath.Join(t.TempDir(), "pulled"), "v1")...)
			}
			if out, err := s.run("", c.push(s, layout, "v1", s.host+"/"+name+":"+tag)...); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if out, err := pull(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			results.add(result{c.name, version, "by helper, after acrkit login --docker: push, pull", "ok", ""})
			if out, err := s.run("", acrkitBinary, "logout", s.host, "--docker", "--yes"); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if out, err := pull(); err == nil || !c.refused.MatchString(out) {
				t.Errorf("after the logout: %v: %s", err, out)
			}
		})
	}
}

// TestHelper_principal has every client pull with an ACR refresh token that the
// helper got for a service principal, in both forms in which it answers.
func TestHelper_principal(t *testing.T) {
	for _, c := range clients {
		for _, form := range []string{"password", "token"} {
			t.Run(c.name+"/"+form, func(t *testing.T) {
				version := c.ready(t)
				s := withHelper(t)
				s.env = append(s.env, "ACR_NAME="+s.host, "ACRKIT_HELPER_ANSWER="+form, "AZURE_AUTHORITY_HOST=https://"+
					s.host+"/",
					"AZURE_TENANT_ID="+principalTenant, "AZURE_CLIENT_ID="+principalClient, "AZURE_CLIENT_SECRET="+
						principalSecret)
				tag := cmp.Or(c.tag, "v1")
				layout, _ := c.layout(t, "principal "+c.name, 1000)
				ref := s.host + "/team/" + c.name + "-principal:" + tag
				for _, command := range [][]string{c.push(s, layout, "v1", ref),
					c.pull(s, ref, filepath.Join(t.TempDir(), "pulled"), "v1")} {
					if out, err := s.run("", command...); err != nil {
						t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
					}
				}
				results.add(result{c.name, version, "by helper, service principal, answered as " + form +
					": push, pull", "ok", ""})
			})
		}
	}
}

// TestProxy_command has every client find the proxy where "acrkit proxy -- COMMAND"
// puts it: no login, no flag with a secret, and of the token's password no trace in
// the command's environment.
func TestProxy_command(t *testing.T) {
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			version := c.ready(t)
			s := newSession(t, shared)
			s.env = append(s.env, "ACR_NAME="+s.host, "ACR_TOKEN_NAME="+pusher.name, "ACR_TOKEN_PASSWORD="+
				pusher.password)
			// The shell below knows the proxy; the client's functions write commands with
			// its variables.
			inside := *s
			inside.host, inside.ca = "$ACRKIT_PROXY_HOST", "$ACRKIT_PROXY_CA"
			name, tag := "team/"+c.name+"-proxy-command", cmp.Or(c.tag, "v1")
			layout, _ := c.layout(t, "proxy command "+c.name, 1000)
			proxied := func(command []string) (string, error) {
				return s.run("", acrkitBinary, "proxy", s.host, "--", "sh", "-c", `env | grep -c "`+pusher.password+
					`" && exit 99; `+quoted(command))
			}
			if out, err := proxied(c.push(&inside, layout, "v1", inside.host+"/"+name+":"+tag)); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			shared.digest(t, name, tag)
			out, err := proxied(c.pull(&inside, inside.host+"/private/app:"+tag,
				filepath.Join(s.home, "refused"), "v1"))
			if err == nil || !c.refused.MatchString(out) {
				t.Fatalf("%v, want a refusal: %s", err, out)
			}
			results.add(result{c.name, version, "by proxy -- COMMAND: push", "ok", ""})
		})
	}
}

// quoted writes a command for a shell, in which the proxy's variables are left for
// the shell.
func quoted(command []string) string {
	var b strings.Builder
	for _, word := range command {
		word = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$ACRKIT_PROXY", "$ACRKIT_PROXY", "$",
			`\$`).Replace(word)
		b.WriteString(` "` + word + `"`)
	}
	return b.String()
}

// TestProxy_key sees that every client is refused by the proxy without its key.
func TestProxy_key(t *testing.T) {
	p := startProxy(t, pusher)
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			version := c.ready(t)
			s := newSessionAt(t, p.Host, p.CAFile)
			out, err := s.run(pusher.password, c.login(s, pusher.name)...) // not even the registry's own
			if c.lazy && err == nil {
				out, err = s.run("", c.tags(s, s.host+"/samples/app")...)
			}
			if err == nil || !c.refused.MatchString(out) {
				t.Fatalf("%v, want a refusal: %s", err, out)
			}
			results.add(result{c.name, version, "refused: by proxy, without its key", "not accepted, exit " +
				exitCode(err), s.neutral(lastLine(out))})
		})
	}
}

// TestProxy_scopeMap narrows a token that may push to reading: every client pulls
// through the proxy, and is refused a push in the registry's own words, of which the
// registry sees nothing.
func TestProxy_scopeMap(t *testing.T) {
	narrow := filepath.Join(t.TempDir(), "narrow.txt")
	if err := os.WriteFile(narrow, []byte("repositories/team/*/content/read\nrepositories/team/*/metadata/read\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	p := startProxy(t, pusher, "--scope-map", narrow)
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			version := c.ready(t)
			tag, name := cmp.Or(c.tag, "v1"), "team/"+c.name+"-narrow"
			layout, _ := c.layout(t, "narrow "+c.name, 1000)
			direct := c.as(t, shared, pusher)
			if out, err := direct.run("", c.push(direct, layout, "v1", direct.host+"/"+name+":"+tag)...); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			s := p.as(t, c)
			if out, err := s.run("", c.pull(s, s.host+"/"+name+":"+tag, filepath.Join(t.TempDir(), "pulled"),
				"v1")...); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			out, err := s.run("", c.push(s, layout, "v1", s.host+"/"+name+"-new:"+tag)...)
			if err == nil || !c.refused.MatchString(out) {
				t.Fatalf("%v, want a refusal: %s", err, out)
			}
			seen, seenErr := s.run("", acrkitBinary, "emulator", "log", "--data", filepath.Dir(shared.caFile),
				"--repository", name+"-new", "--json", "method,path,outcome")
			if seenErr != nil || strings.Contains(seen, "/blobs/uploads/") || strings.Contains(seen, "denied") {
				t.Errorf("the registry has seen it: %v: %s", seenErr, seen)
			}
			results.add(result{c.name, version, "refused: by proxy --scope-map, push", "401 insufficient_scope, exit " +
				exitCode(err), s.neutral(lastLine(out))})
		})
	}
}
