package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/internal/shell"
)

// trouble is a row of the table in docs/troubleshooting.md: a case, the section about it,
// and the message, in which … is what differs from case to case. The test adds the exit
// code and the code.
type trouble struct{ id, title, section, message string }

var troubles = []trouble{
	{"credential-not-accepted", "Credential not accepted", "a-credential-is-not-accepted",
		`acrkit: cannot list repositories on …: … (401 credential_rejected…)`},
	{"no-credential", "No credential", "no-credential-is-found",
		`acrkit: cannot list repositories on …: no credential was found, and the registry requires one (401 credential_missing…)`},
	{"half-a-credential", "Half a credential", "no-credential-is-found",
		`acrkit: cannot read a credential from the environment: ACR_TOKEN_NAME is set, but ACR_TOKEN_PASSWORD is missing`},
	{"stale-docker-login", "Stale login of Docker's", "a-credential-is-not-accepted",
		`acrkit: cannot list tags of "samples/app" on …: the user "reader" and its password are not accepted: wrong, expired, disabled or not yet active; it is from "…config.json", entry "…" (401 credential_rejected, request …)`},
	{"broken-docker-config", "Broken configuration of Docker's", "the-configuration-of-docker-cannot-be-used",
		`acrkit: cannot list tags of "samples/app" on …: … "…config.json"…: it is not JSON, at byte …`},
	{"missing-helper", "Missing credential helper", "the-configuration-of-docker-cannot-be-used",
		`acrkit: cannot list tags of "samples/app" on …: … docker-credential-gone…: there is no such program in PATH…`},
	{"run-not-found", "Command not found", "a-command-does-not-run",
		`acrkit: cannot run "no-such-program": there is no such program in PATH`},
	{"run-not-executable", "Command not executable", "a-command-does-not-run",
		`acrkit: cannot run "…": it is no program that this user may run`},
	{"missing-right", "Missing right", "a-right-is-missing",
		`acrkit: cannot list tags of "samples/app" on …: the token "puller" has content/read but not metadata/read (401 insufficient_scope, request …)`},
	{"catalog-refused", "Catalog refused", "the-catalog-is-refused",
		`acrkit: cannot list repositories on …: the token "reader" may not list the catalog; a scope-mapped token can only with a scope map on "*" (401 insufficient_scope, request …)`},
	{"wildcard", "Wildcard not enumerable", "the-catalog-is-refused",
		`acrkit: cannot list all repositories on …: "samples/*" cannot be enumerated: the registry lists its catalog only to a scope map with metadata/read on "*"`},
	{"unknown-repository", "Unknown repository", "something-is-not-found",
		`acrkit: cannot list tags of "samples/gone" on …: there is no such repository (404 not_found, request …)`},
	{"unreachable-host", "Unreachable host", "the-host-is-unreachable",
		`acrkit: cannot list repositories on …: … refuses the connection; nothing listens there`},
	{"silent-host", "Silent host", "the-host-is-unreachable",
		`acrkit: cannot list repositories on …: it was not done within the 1s of --timeout; at last, … accepted the connection and sent nothing for …`},
	{"certificate", "Certificate not trusted", "the-certificate-is-not-trusted",
		`acrkit: cannot list repositories on …: the certificate of … is not trusted: it is signed by an unknown authority`},
	{"look-alike-host", "Look-alike host", "the-host-is-refused",
		`acrkit: cannot use a credential on myregistry.azurecr.io.evil.example: the host is not a login server of Azure Container Registry`},
	{"plain-http", "Plain HTTP off loopback", "the-host-is-refused",
		`acrkit: cannot use a credential on myregistry.azurecr.io: plain HTTP is for loopback hosts only`},
	{"corrupt-seed", "Corrupt seed", "the-seed-is-wrong",
		`acrkit: cannot read the seed "…": line 2: registries[0]: unknown key "tokenz"; …`},
	{"port-in-use", "Port in use", "the-emulator-does-not-start",
		`acrkit: cannot listen on …: the port is in use, perhaps by another emulator`},
	{"data-in-use", "Data folder in use", "the-emulator-does-not-start",
		`acrkit: cannot use the data folder "…": another emulator is using it`},
	{"data-unusable", "Data folder not usable", "the-emulator-does-not-start",
		`acrkit: cannot open the data folder "…": open …: …`},
	{"state-lost", "State that is missing", "the-emulator-does-not-start",
		`acrkit: cannot open the data folder "…": registry.db is missing or empty, and … shows that the folder held state`},
	{"login-refused", "Login not accepted", "a-login-is-not-stored",
		`acrkit: cannot log in on …: the token "reader" and its password are not accepted: wrong, expired, disabled or not yet active; nothing was stored (401 credential_rejected…)`},
	{"login-without-terminal", "No terminal to ask at", "a-login-is-not-stored",
		`acrkit: the secret can be asked for at a terminal only; give it with --password-stdin or --password-file`},
	{"no-login", "No such login", "a-login-is-not-stored",
		`acrkit: cannot log out on …: no login is stored for it`},
	{"store-readable", "Store that others can read", "the-store-of-logins-is-refused",
		`acrkit: cannot use the store of logins: … can be read or written by others (mode 0644)`},
	{"store-damaged", "Damaged store", "the-store-of-logins-is-refused",
		`acrkit: cannot read the store of logins: … is damaged: line 1 is not what acrkit wrote`},
	{"store-newer", "Store of a newer acrkit", "the-store-of-logins-is-refused",
		`acrkit: cannot read the store of logins: a newer acrkit wrote …`},
	{"full-disk", "Full disk under the emulator", "the-disk-is-full",
		`acrkit: cannot keep the emulator's state: the disk that holds … is full`},
	{"full-output", "Full disk under the output", "the-disk-is-full",
		`acrkit: cannot write the output: the disk is full`},
}

const (
	troublesBegin = "<!-- written by go test ./cmd/acrkit/internal/cli -run TestTroubleshooting -update -->\n"
	troublesEnd   = "<!-- end of the cases -->\n"
)

// compareTroubles compares the rows with the page's, and writes them with -update.
func compareTroubles(t *testing.T, rows []string) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "docs", "troubleshooting.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), troublesBegin)
	old, tail, ok2 := strings.Cut(rest, troublesEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the cases", path)
	}
	anchors := map[string]bool{}
	for line := range strings.Lines(tail) {
		if title, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			anchors[strings.ReplaceAll(strings.ToLower(title), " ", "-")] = true
		}
	}
	for _, row := range troubles {
		if !anchors[row.section] {
			t.Errorf("%s: there is no section #%s", row.id, row.section)
		}
	}
	table := "| case | message | exit code | code |\n|---|---|---|---|\n" + strings.Join(rows, "")
	if *update {
		if err := os.WriteFile(path, []byte(head+troublesBegin+table+troublesEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(table, old); diff != "" {
		t.Errorf("the cases in %s are not what happened (-happened +page); run with -update:\n%s", path, diff)
	}
}

// TestTroubleshooting brings about each case, by the real command against a real
// emulator, and compares message, exit code and code.
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
		"stale-docker-login": {env: docker(`{"auths":{"` + s.host + `":{"auth":"cmVhZGVyOm5vbnNlbnNl"}}}`),
			args: "tag list " + s.host + "/samples/app"},
		"broken-docker-config": {env: docker(`{"auths":`), args: "tag list " + s.host + "/samples/app"},
		"missing-helper":       {env: docker(`{"credsStore":"gone"}`), args: "tag list " + s.host + "/samples/app"},
		"run-not-found":        {env: reader, args: "run -- no-such-program"},
		"run-not-executable":   {env: reader, args: "run -- " + shell.Quote(wild)},
		"missing-right":        {env: token("puller", "puller-password-0001"), args: "tag list samples/app"},
		"catalog-refused":      {env: reader, args: "repo list"},
		"wildcard": {env: token("wildcard", "wild-password-000001"), args: "repo list --scope-map " +
			shell.Quote(wild)},
		"unknown-repository": {env: token("lister", "all-password-0000001"), args: "tag list samples/gone"},
		"unreachable-host":   {env: reader, args: "repo list " + closed},
		"silent-host":        {env: reader, args: "repo list --plain-http --timeout 1s " + busy.Addr().String()},
		"certificate":        {env: append(reader, "SSL_CERT_FILE="), args: "repo list"},
		"look-alike-host": {env: []string{"ACR_NAME=myregistry.azurecr.io.evil.example", "ACR_TOKEN_NAME=a",
			"ACR_TOKEN_PASSWORD=b"}, args: "repo list"},
		"plain-http": {env: []string{"ACR_NAME=myregistry", "ACR_TOKEN_NAME=a", "ACR_TOKEN_PASSWORD=b"},
			args: "repo list --plain-http"},
		"corrupt-seed":  {args: "emulator start --memory --addr 127.0.0.1:0 --seed " + shell.Quote(badSeed)},
		"port-in-use":   {args: "emulator start --memory --addr " + busy.Addr().String()},
		"data-in-use":   {args: "emulator start --addr 127.0.0.1:0 --data " + shell.Quote(inUse)},
		"data-unusable": {args: "emulator start --addr 127.0.0.1:0 --data " + shell.Quote(badSeed+"/data")},
		"state-lost": {args: "emulator start --addr 127.0.0.1:0 --data " +
			shell.Quote(filepath.Dir(writeFile(t, "connection.json", "{}")))},
		"login-refused": {args: "login " + s.host + " --token-name reader --password-file " +
			shell.Quote(wild)},
		"login-without-terminal": {args: "login " + s.host + " --token-name reader"},
		"no-login":               {args: "logout " + s.host},
		"store-readable":         {env: logins(0o644, `{"version": 1, "logins": []}`), args: "repo list"},
		"store-damaged":          {env: logins(0o600, "hidden-password-0"), args: "repo list"},
		"store-newer":            {env: logins(0o600, `{"version": 2}`), args: "repo list"},
		// The kernel refuses to let any file grow, which is as near to a full disk
		// as a test comes without a disk of its own.
		"full-disk": {args: "emulator start --addr 127.0.0.1:0 --data " +
			shell.Quote(filepath.Join(t.TempDir(), "data")), sh: `ulimit -f 0; exec "$@"`},
		"full-output": {env: reader, args: "tag list samples/app", sh: `exec "$@" >/dev/full`},
	}
	var rows []string
	for _, row := range troubles {
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
			cmd.Env = append(append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()},
				s.environment(t.TempDir())...), r.env...)
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
			pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(row.message), "…", ".*") + "$"
			if !regexp.MustCompile(pattern).MatchString(message) {
				t.Errorf("exit code %d\n got %s\nwant %s\n%s", code, message, row.message, &stderr)
			}
			rows = append(rows, fmt.Sprintf("| [%s](#%s) | `%s` | %d | [%s](#%s) |\n",
				row.title, row.section, row.message, code, cause, strings.ToLower(cause)))
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
		t.Errorf("no row says what %q is", id)
	}
	compareTroubles(t, rows)
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
