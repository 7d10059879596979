package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/shell"
)

func TestNewCmdStart(t *testing.T) {
	for _, tc := range []struct {
		line string
		want StartOptions
	}{
		{"", StartOptions{Addr: "127.0.0.1:5443", DataDir: "/home/u/.local/share/acrkit/emulator"}},
		{"--memory --addr [::1]:0", StartOptions{Addr: "[::1]:0", Memory: true}},
		{"--data d --seed s --seed-mode reset --hostname a --hostname b", StartOptions{Addr: "127.0.0.1:5443", DataDir: "d", SeedFile: "s", SeedMode: "reset", Hostnames: []string{"a", "b"}}},
		{"--addr 0.0.0.0:1 --data d --listen-beyond-loopback", StartOptions{Addr: "0.0.0.0:1", DataDir: "d", BeyondLoopback: true}},
	} {
		var got StartOptions
		cmd := NewCmdStart(clitest.Factory(map[string]string{"HOME": "/home/u"}), func(_ context.Context, opts *StartOptions) error { got = *opts; got.Given = ""; return nil })
		if err := clitest.Execute(t, cmd, tc.line); err != nil {
			t.Errorf("%s: %v", tc.line, err)
			continue
		}
		got.IO, got.Now, got.Environ = nil, nil, nil
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.line, diff)
		}
	}
	for line, words := range map[string]string{
		"x":                                     "takes no argument",
		"x -- y":                                "takes no argument",
		"--":                                    "no command follows",
		"--ca-cert c":                           "need each other",
		"--memory --data d":                     "exclude each other",
		"--seed-mode merge":                     "needs --seed",
		"--seed s --seed-mode check":            "valid values are {merge|reset}",
		"--addr 5443":                           "not HOST:PORT",
		"--addr 0.0.0.0:5443":                   "other machines",
		"--addr :5443":                          "other machines",
		"--addr 192.0.2.1:5443":                 "other machines",
		"--memory --seed /not/there":            "no such file",
		"--data d --addr example.com:80":        "other machines",
		"--addr [::1:5443":                      "not HOST:PORT",
		"--seed-mode reset --seed s --memory x": "takes no argument",
	} {
		clitest.WrongUsage(t, NewCmdStart(clitest.Factory(map[string]string{"HOME": "/home/u"}), nil), line, words)
	}
}

func TestNewCmdEnv(t *testing.T) {
	clitest.WrongUsage(t, NewCmdEnv(clitest.Factory(map[string]string{"HOME": "/"}), nil), "--shell csh", "valid values are {bash|fish|powershell}")
}

// TestDataFolderInTheWay: what the system says of the folder comes with what was
// to be done, and what to do.
func TestDataFolderInTheWay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lock := t.TempDir()
	if err := os.Mkdir(filepath.Join(lock, "lock"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below"), lock} {
		err := clitest.Execute(t, NewCmdStart(clitest.Factory(nil), nil), "--addr 127.0.0.1:0 --data "+shell.Quote(dir))
		e, ok := errors.AsType[*acrkit.Error](err)
		if !ok || cmdutil.ExitCode(err) != cmdutil.ExitUsage || !strings.HasPrefix(err.Error(), fmt.Sprintf("cannot open the data folder %q: ", dir)) || !strings.HasPrefix(e.Hint, "ls -ld "+shell.Quote(dir)+" ") {
			t.Errorf("%s: %v (%d)", dir, err, cmdutil.ExitCode(err))
		}
	}
}

func TestLoginServer(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:5443": "localhost:5443", "127.0.0.1:443": "localhost", "[::1]:5443": "localhost:5443",
		"0.0.0.0:5443": "localhost:5443", "[::]:80": "localhost:80", "127.0.0.7:5443": "127.0.0.7:5443", "192.0.2.1:443": "192.0.2.1",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := loginServer(tcp); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

func TestConnection(t *testing.T) {
	s, err := seed.Read(strings.NewReader(seed.Example()))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := connection{LoginServer: "localhost:5443", Registries: []string{"myregistry"}, CAFile: "/d/ca.pem", DataDir: dir}
	e, err := emulator.Open(t.Context(), &emulator.Options{Seed: s})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := c.describe(e, s); err != nil {
		t.Fatal(err)
	}
	if c.Client != s.Tenants[0].Applications[0].ClientID || c.Tenant != s.Tenants[0].ID ||
		c.Subscription != s.Subscriptions[0].ID || len(c.Tokens) != len(s.Registries[0].Tokens) ||
		c.Tokens[0] != s.Registries[0].Tokens[0].Name {
		t.Errorf("%+v", c)
	}
	if err := c.save(dir); err != nil {
		t.Fatal(err)
	}
	got, err := readConnection(dir)
	if diff := cmp.Diff(c, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, target.ConnectionFile))
	if err != nil || bytes.Contains(raw, []byte("correct-horse")) || bytes.Contains(raw, []byte("app-secret")) {
		t.Errorf("secrets in %s (%v)", raw, err)
	}
	// What is there counts, not what was seeded.
	reg, err := e.Registry("myregistry")
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range reg.Tokens() {
		if err := reg.SetTokenStatus(t.Context(), token.Name, false); err != nil {
			t.Fatal(err)
		}
	}
	later := connection{Registries: []string{"myregistry"}}
	if err := later.describe(e, nil); err != nil || len(later.Tokens) != 0 || later.Client != c.Client {
		t.Errorf("%+v, %v", later, err)
	}
	if _, err := readConnection(t.TempDir()); acrkit.CodeOf(err) != acrkit.CodeNotFound {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, target.ConnectionFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readConnection(dir); acrkit.CodeOf(err) != acrkit.CodeUsage {
		t.Error(err)
	}
}

func TestPrintStart(t *testing.T) {
	s, _, out, errOut := iostreams.Test()
	printStart(s, connection{LoginServer: "localhost:5443", Registries: []string{"one", "two"}, CAFile: "/data dir/ca.pem", DataDir: "/data dir", Tokens: []string{"ci-pull"}, Client: "c", Tenant: "t"}, false)
	for _, want := range []string{
		"one at localhost:5443, also one.azurecr.localhost:5443",
		"two at two.azurecr.localhost:5443",
		`printf %s "$ACR_TOKEN_PASSWORD" | docker login --username ci-pull --password-stdin localhost:5443`,
		`SSL_CERT_FILE='/data dir/ca.pem' podman login --username ci-pull --password-stdin localhost:5443`,
		`oras login --plain-http=false --ca-file '/data dir/ca.pem' --username ci-pull --password-stdin localhost:5443`,
		`SSL_CERT_FILE='/data dir/ca.pem' crane auth login --username ci-pull --password-stdin localhost:5443`,
		`helm registry login --ca-file '/data dir/ca.pem' --username ci-pull --password-stdin localhost:5443`,
		`eval "$(acrkit emulator env --data '/data dir')"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if errOut.Len() > 0 {
		t.Errorf("stderr: %s", errOut)
	}
}

// TestEnvHints: without an emulator there is a command that finds or makes one.
func TestEnvHints(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	home := map[string]string{"XDG_DATA_HOME": filepath.Join(t.TempDir(), "a b")}
	for _, x := range []struct {
		env  map[string]string
		line string
		code int
		hint string
	}{
		{home, "", cmdutil.ExitNotFound, "acrkit emulator start --data " + shell.Quote(home["XDG_DATA_HOME"]+"/acrkit/emulator") + "    # or the folder of another one: acrkit emulator env --data DIR"},
		{nil, "--data " + shell.Quote(file), cmdutil.ExitUsage, "acrkit emulator start --data " + shell.Quote(file)},
	} {
		err := clitest.Execute(t, NewCmdEnv(clitest.Factory(x.env), nil), x.line)
		e, ok := errors.AsType[*acrkit.Error](err)
		if !ok || cmdutil.ExitCode(err) != x.code || e.Hint != x.hint {
			t.Errorf("%v %s: %v (%d), %+v", x.env, x.line, err, cmdutil.ExitCode(err), e)
		}
	}
	_, err := target.DefaultDataDir(func(string) string { return "" }, "acrkit emulator env")
	if e, ok := errors.AsType[*acrkit.Error](err); runtime.GOOS == "linux" && (!ok || e.Hint != "acrkit emulator env --data DIR") {
		t.Errorf("no folder: %v", err)
	}
}

func TestExport(t *testing.T) {
	const value = `it's a \ "path"`
	for shell, want := range map[string]string{
		"bash":       `export X='it'\''s a \ "path"'`,
		"fish":       `set -gx X 'it\'s a \\ "path"'`,
		"powershell": `$env:X = 'it''s a \ "path"'`,
	} {
		if got := export(shell, "X", value); got != want {
			t.Errorf("%s: %s, want %s", shell, got, want)
		}
	}
}

// TestChosenHint: the hint starts what was to be started, without the secrets.
func TestChosenHint(t *testing.T) {
	for _, x := range []struct {
		opts StartOptions
		want string
	}{
		{StartOptions{Memory: true, Addr: ":1"}, "acrkit emulator start --listen-beyond-loopback --addr :1 --memory --seed FILE    #"},
		{StartOptions{DataDir: "a b", Addr: ":1"}, "--data 'a b' --seed FILE --seed-mode merge    #"},
	} {
		s, err := seed.Read(strings.NewReader(seed.Example()))
		if err != nil {
			t.Fatal(err)
		}
		_, err = emulator.Open(t.Context(), &emulator.Options{Seed: s, BeyondLoopback: true})
		err = x.opts.explain(err)
		if e, ok := errors.AsType[*acrkit.Error](err); !ok || !strings.Contains(e.Hint, x.want) || e.Op != "listen beyond loopback" {
			t.Errorf("%+v", e)
		}
	}
}

// TestListenHints: the command of a hint keeps what was given, above all the folder.
func TestListenHints(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for line, want := range map[string]string{
		"--memory --addr " + l.Addr().String(): "acrkit emulator start --addr 127.0.0.1:0 --memory    # takes a free port",
		"--data d --hostname a --addr 0.0.0.0:1": "acrkit emulator start --addr 0.0.0.0:1 --data d --hostname a --listen-beyond-loopback    " +
			"# if that is what you want",
	} {
		err := clitest.Execute(t, NewCmdStart(clitest.Factory(nil), nil), line)
		if e, ok := errors.AsType[*acrkit.Error](err); !ok || e.Hint != want {
			t.Errorf("%s: %+v", line, e)
		}
	}
}
