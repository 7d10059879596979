package cli_test

import (
	"bytes"
	"errors"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/internal/shell"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// trouble is a row of the table in docs/troubleshooting.md.
type trouble struct {
	id      string
	link    string
	message *regexp.Regexp
	exit    int
	cause   string // its code
}

var troubleRE = regexp.MustCompile("^\\| <a id=\"([a-z-]+)\"></a>\\[[^]]+\\]\\(#([a-z-]+)\\) \\| `([^`]+)` \\| ([0-9]+) \\| \\[(ACRK[0-9]{3})\\]\\(#(acrk[0-9]{3})\\) \\|$")

func readTroubles(t *testing.T) []trouble {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string]bool{}
	for _, line := range strings.Split(string(doc), "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			anchors[strings.ReplaceAll(strings.ToLower(title), " ", "-")] = true
		}
	}
	var rows []trouble
	for _, line := range strings.Split(string(doc), "\n") {
		if !strings.HasPrefix(line, "| <a id") {
			continue
		}
		m := troubleRE.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("row not understood: %s", line)
		}
		exit, err := strconv.Atoi(m[4])
		if err != nil {
			t.Fatal(err)
		}
		if strings.ToLower(m[5]) != m[6] {
			t.Errorf("%s: the code %s leads to #%s", m[1], m[5], m[6])
		}
		if !anchors[m[2]] {
			t.Errorf("%s: there is no section #%s", m[1], m[2])
		}
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(m[3]), "…", ".*") + "$"
		rows = append(rows, trouble{m[1], m[2], regexp.MustCompile(pattern), exit, m[5]})
	}
	return rows
}

// TestTroubleshooting brings about each case of the table, by the real command
// against a real emulator, and compares message and exit code.
func TestTroubleshooting(t *testing.T) {
	s := startServer(t)
	token := func(name, password string) []string {
		return []string{"ACR_NAME=" + s.host, "ACR_TOKEN_NAME=" + name, "ACR_TOKEN_PASSWORD=" + password}
	}
	busy, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	wild := writeFile(t, "wild", "repositories/samples/*/metadata/read\n")
	badSeed := writeFile(t, "seed.yaml", "registries:\n  - {name: myregistry, tokenz: []}\n")
	inUse := t.TempDir()
	startInBackground(t, s, inUse)

	logins := func(mode os.FileMode, text string) []string {
		path := writeFile(t, "logins.json", text)
		if err := errors.Join(os.Chmod(filepath.Dir(path), 0o700), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return []string{"ACR_NAME=" + s.host, "ACRKIT_KEYRING=off", "ACRKIT_CONFIG_DIR=" + filepath.Dir(path)}
	}

	docker := func(config string) []string {
		return []string{"DOCKER_CONFIG=" + filepath.Dir(writeFile(t, "config.json", config))}
	}

	type run struct {
		env  []string
		args string
		sh   string // a shell around the command, which is "$@" there
	}
	reader := token("reader", "reader-password-0001")
	runs := map[string]run{
		"credential-not-accepted": {env: token("reader", "nonsense-password-0"), args: "repo list"},
		"no-credential":           {args: "repo list " + s.host},
		"half-a-credential":       {env: []string{"ACR_NAME=" + s.host, "ACR_TOKEN_NAME=reader"}, args: "repo list"},
		"stale-docker-login":      {env: docker(`{"auths":{"` + s.host + `":{"auth":"cmVhZGVyOm5vbnNlbnNl"}}}`), args: "tag list " + s.host + "/samples/app"},
		"broken-docker-config":    {env: docker(`{"auths":`), args: "tag list " + s.host + "/samples/app"},
		"missing-helper":          {env: docker(`{"credsStore":"gone"}`), args: "tag list " + s.host + "/samples/app"},
		"run-not-found":           {env: reader, args: "run -- no-such-program"},
		"run-not-executable":      {env: reader, args: "run -- " + shell.Quote(wild)},
		"missing-right":           {env: token("puller", "puller-password-0001"), args: "tag list samples/app"},
		"catalog-refused":         {env: reader, args: "repo list"},
		"wildcard":                {env: token("wildcard", "wild-password-000001"), args: "repo list --scope-map " + shell.Quote(wild)},
		"unknown-repository":      {env: token("lister", "all-password-0000001"), args: "tag list samples/gone"},
		"unreachable-host":        {env: reader, args: "repo list " + closed},
		"silent-host":             {env: reader, args: "repo list --plain-http --timeout 1s " + busy.Addr().String()},
		"certificate":             {env: append(reader, "SSL_CERT_FILE="), args: "repo list"},
		"look-alike-host":         {env: []string{"ACR_NAME=myregistry.azurecr.io.evil.example", "ACR_TOKEN_NAME=a", "ACR_TOKEN_PASSWORD=b"}, args: "repo list"},
		"plain-http":              {env: []string{"ACR_NAME=myregistry", "ACR_TOKEN_NAME=a", "ACR_TOKEN_PASSWORD=b"}, args: "repo list --plain-http"},
		"corrupt-seed":            {args: "emulator start --memory --addr 127.0.0.1:0 --seed " + shell.Quote(badSeed)},
		"port-in-use":             {args: "emulator start --memory --addr " + busy.Addr().String()},
		"data-in-use":             {args: "emulator start --addr 127.0.0.1:0 --data " + shell.Quote(inUse)},
		"data-unusable":           {args: "emulator start --addr 127.0.0.1:0 --data " + shell.Quote(badSeed+"/data")},
		"state-lost":              {args: "emulator start --addr 127.0.0.1:0 --data " + shell.Quote(filepath.Dir(writeFile(t, "connection.json", "{}")))},
		"login-refused":           {args: "login " + s.host + " --token-name reader --password-file " + shell.Quote(wild)},
		"login-without-terminal":  {args: "login " + s.host + " --token-name reader"},
		"no-login":                {args: "logout " + s.host},
		"store-readable":          {env: logins(0o644, `{"version": 1, "logins": []}`), args: "repo list"},
		"store-damaged":           {env: logins(0o600, "hidden-password-0"), args: "repo list"},
		"store-newer":             {env: logins(0o600, `{"version": 2}`), args: "repo list"},
		// The kernel refuses to let any file grow, which is as near to a full disk
		// as a test comes without a disk of its own.
		"full-disk":   {args: "emulator start --addr 127.0.0.1:0 --data " + shell.Quote(filepath.Join(t.TempDir(), "data")), sh: `ulimit -f 0; exec "$@"`},
		"full-output": {env: reader, args: "tag list samples/app", sh: `exec "$@" >/dev/full`},
	}
	rows := readTroubles(t)
	for _, row := range rows {
		t.Run(row.id, func(t *testing.T) {
			r, ok := runs[row.id]
			if !ok {
				t.Fatal("no run brings this about")
			}
			delete(runs, row.id)
			args := append([]string{"acrkit"}, clitest.Split(r.args)...)
			if r.sh != "" {
				args = append([]string{"sh", "-c", r.sh, "sh"}, args...)
			}
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Env = append(append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}, s.environment(t.TempDir())...), r.env...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			code := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			message, hint := "", ""
			for block := range strings.SplitSeq(stderr.String(), "\n\n") {
				for line := range strings.SplitSeq(block, "\n") {
					if strings.HasPrefix(line, "acrkit: ") {
						message = line
					} else if message != "" && hint == "" {
						hint = line
					}
				}
			}
			message, cause := cutCause(message)
			if cause != row.cause {
				t.Errorf("the code is %q, want %q", cause, row.cause)
			}
			if code != row.exit || !row.message.MatchString(message) {
				t.Errorf("exit code %d, want %d\n got %s\nwant %s\n%s", code, row.exit, message, row.message, &stderr)
			}
			if hint == "" {
				t.Error("no command that fixes it")
			}
			for _, secret := range []string{"-password-0", "nonsense"} {
				if strings.Contains(stderr.String(), secret) {
					t.Errorf("%q on stderr", secret)
				}
			}
		})
	}
	for id := range runs {
		t.Errorf("the table has no row %q", id)
	}
}

// cutCause takes the code off the end of a message.
func cutCause(message string) (rest, code string) {
	m := regexp.MustCompile(`^(.*) \[(ACRK[0-9]{3})\]$`).FindStringSubmatch(message)
	if m == nil {
		return message, ""
	}
	return m[1], m[2]
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
