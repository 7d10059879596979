package cli_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/acrkit/acrkit/internal/visible"
)

// hostileText has of each kind of character that is not shown one at least: controls,
// overrides and isolates of the direction, zero-width ones, ends of lines, tags,
// variation selectors, private use, and what is no UTF-8.
const hostileText = "\x1b[2J\x07\x7f\u0085\u009b31m" +
	"\u202e\u2066\u200e\u061c\u200b\u200d\u2028\u2029\ufeff\u00ad\ufe0f\u3164\U000E0041\ue000\xff\r\n!"

// hostile is a registry that says such things wherever it says anything.
func hostile(t *testing.T) (host, caFile string) {
	t.Helper()
	// In headers, what HTTP forbids cannot be.
	inHeader := strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return -1
		}
		return r
	}, hostileText)
	srv := httptest.NewUnstartedServer(nil)
	answer := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Ms-Correlation-Request-Id", "id"+inHeader)
		w.Header().Set("X-Ms-Version", "v"+inHeader)
		w.WriteHeader(status)
		if err := json.NewEncoder(w).Encode(body); err != nil {
			t.Error(err)
		}
	}
	type object = map[string]any
	refusal := object{
		"errors": []object{
			{"code": "DENIED" + hostileText, "message": "message" + hostileText, "detail": "detail" + hostileText},
		},
	}
	attributes := object{"deleteEnabled": true, "writeEnabled": true, "listEnabled": true, "readEnabled": true}
	const at = "2026-01-02T03:04:05Z"
	digest := "sha256:" + strings.Repeat("a", 64)
	manifest := object{
		"digest":               digest,
		"imageSize":            1,
		"createdTime":          at,
		"lastUpdateTime":       at,
		"architecture":         "amd64" + hostileText,
		"os":                   "linux" + hostileText,
		"mediaType":            "application/x" + hostileText,
		"configMediaType":      "application/y" + hostileText,
		"tags":                 []string{"v1"},
		"changeableAttributes": attributes,
	}
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		challenge := func(more string) {
			w.Header().
				Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="https://%s/oauth2/token",service="%s"%s`, r.Host,
					r.Host, more))
		}
		switch path := r.URL.Path; {
		case path == "/oauth2/token" && strings.Contains(r.FormValue("password"), "refused"):
			answer(w, 401, refusal)
		case path == "/oauth2/token":
			claims, _ := json.Marshal(
				object{
					"exp": time.Now().Add(time.Hour).Unix(),
					"access": []object{{"type": "repository", "name": "app" + hostileText,
						"actions": []string{"pull" + hostileText}}},
				},
			)
			b64 := base64.RawURLEncoding.EncodeToString
			answer(w, 200, object{"access_token": b64([]byte(`{"alg":"none"}`)) + "." + b64(claims) + ".c2ln"})
		case r.Header.Get("Authorization") == "":
			challenge("")
			answer(w, 401, refusal)
		case path == "/acr/v1/_catalog":
			answer(w, 200, object{"repositories": []string{"plain", "app" + hostileText}})
		case path == "/acr/v1/samples/app/_tags" && r.URL.Query().Has("digest"):
			answer(w, 200, object{"imageName": "samples/app", "tags": nil})
		case path == "/acr/v1/samples/app/_tags":
			answer(
				w,
				200,
				object{
					"registry":  r.Host,
					"imageName": "samples/app",
					"tags": []object{
						{
							"name":                 "v1" + hostileText,
							"digest":               digest,
							"createdTime":          at,
							"lastUpdateTime":       at,
							"changeableAttributes": attributes,
						},
					},
				},
			)
		case path == "/acr/v1/samples/app/_tags/v1":
			answer(
				w,
				200,
				object{
					"registry":  r.Host,
					"imageName": "samples/app",
					"tag": object{
						"name":                 "v1",
						"digest":               digest,
						"createdTime":          at,
						"lastUpdateTime":       at,
						"changeableAttributes": attributes,
					},
				},
			)
		case path == "/acr/v1/samples/app/_manifests":
			answer(w, 200, object{"registry": r.Host, "imageName": "samples/app", "manifests": []object{manifest}})
		case strings.HasPrefix(path, "/acr/v1/samples/app/_manifests/"):
			answer(w, 200, object{"registry": r.Host, "imageName": "samples/app", "manifest": manifest})
		case path == "/acr/v1/samples/app":
			answer(
				w,
				200,
				object{
					"registry":             r.Host,
					"imageName":            "samples/app",
					"createdTime":          at,
					"lastUpdateTime":       at,
					"manifestCount":        1,
					"tagCount":             1,
					"changeableAttributes": attributes,
				},
			)
		case strings.HasPrefix(path, "/v2/samples/app/manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", digest)
			_, _ = w.Write([]byte(`{"schemaVersion":2,"annotations":{"a":"` + hostileText + `"}}`))
		case strings.Contains(path, "broken"):
			answer(w, 500, refusal)
		default:
			challenge(`,error="insufficient_scope` + inHeader + `",scope="repository:app` + inHeader + `:pull"`)
			answer(w, 403, refusal)
		}
	})
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // connections that doctor only tries
	srv.StartTLS()
	t.Cleanup(srv.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	return srv.Listener.Addr().String(), caFile
}

var (
	lineEnd = regexp.MustCompile(`\r+\n`)  // the terminal makes one of \n
	awaited = regexp.MustCompile(`\r +\r`) // takes the line away that says what is awaited
)

// notShown returns the first thing in an output that is not shown; lines and columns
// apart, and at a terminal what the commands' own styles and the terminal add.
func notShown(out []byte, terminal bool) string {
	if terminal {
		for _, code := range []string{"1", "2", "31", "32", "33", "0"} {
			out = bytes.ReplaceAll(out, []byte("\x1b["+code+"m"), nil)
		}
		out = awaited.ReplaceAll(lineEnd.ReplaceAll(out, []byte("\n")), nil)
	}
	text := string(out)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 || visible.Text(string(r)) != string(r) {
			return fmt.Sprintf("%U at %q", r, text[max(0, i-30):min(len(text), i+30)])
		}
		i += n
	}
	return ""
}

// TestHostileServer: of names, media types, errors, headers and claims of a hostile
// registry only visible text reaches a terminal, or a stream that a terminal may show
// later.
func TestHostileServer(t *testing.T) {
	host, caFile := hostile(t)
	for _, tt := range []struct {
		args     string
		password string
		// says is what its output has, so that the server was heard; marked: with
		// replaced characters.
		says   string
		marked bool
		// exact: in a pipe, its output is the data itself, for another program.
		exact bool
	}{
		// Names and tags that cannot be are no data.
		{args: "repo list", says: "where the name of a repository belongs"},
		{args: "__complete tag list ", says: "ShellCompDirectiveNoFileComp"},
		{args: "tag list samples/app", says: "where a tag belongs"},
		{args: "tag list samples/app --debug", says: "/acr/v1/samples/app/_tags", marked: true},
		{args: "repo view samples/app", says: "samples/app"},
		{args: "manifest list samples/app", says: "application/x", marked: true},
		{args: "manifest list samples/app --json digest,mediaType,architecture", says: `\u202e`},
		{args: "manifest list samples/app --json mediaType --jq .[].mediaType", says: "application/x", exact: true},
		{args: "manifest list samples/app --json mediaType --template {{range.}}{{.mediaType}}{{end}}",
			says: "application/x", exact: true},
		{args: "manifest view samples/app:v1", says: "sha256:", marked: true},
		{args: "manifest view samples/app:v1 --json mediaType,configMediaType", says: `\u202e`},
		{args: "tag view samples/app:v1", says: "manifest locks"},
		{args: "tag delete samples/app:v1 --dry-run", says: "would be deleted"},
		{args: "manifest delete samples/app:v1 --yes --force", says: "sha256:"},
		{args: "repo delete samples/app denied --yes", says: "message", marked: true},
		{args: "tag lock samples/app:v1", says: "none"},
		{args: "tag list denied", says: "message", marked: true},
		{args: "tag list broken --debug", says: "message", marked: true},
		{args: "tag list samples/app", password: "refused-1", says: "not accepted"},
		{args: "whoami --repository samples/app", says: "127.0.0.1"},
		{args: "doctor --want samples/app:content/read", says: "127.0.0.1"},
		{args: "explain denied", says: "denied"},
	} {
		t.Run(tt.args+tt.password, func(t *testing.T) {
			command := func() *exec.Cmd {
				cmd := exec.CommandContext(t.Context(), "acrkit", strings.Split(tt.args, " ")...)
				cmd.Env = []string{
					"PATH=" + os.Getenv("PATH"),
					"HOME=" + t.TempDir(),
					"SSL_CERT_FILE=" + caFile,
					"ACR_NAME=" + host,
					"ACR_TOKEN_NAME=reader",
					"ACR_TOKEN_PASSWORD=reader-password-0001" + tt.password,
					"ACRKIT_NO_CACHE=1",
					"ACRKIT_KEYRING=off",
					"TERM=xterm",
				}
				return cmd
			}
			var out, errOut bytes.Buffer
			cmd := command()
			cmd.Stdout, cmd.Stderr = &out, &errOut
			err := cmd.Run()
			said := out.String() + errOut.String()
			if bad := notShown(errOut.Bytes(), false); bad != "" {
				t.Errorf("standard error: %s", bad)
			}
			if bad := notShown(out.Bytes(), false); bad != "" && !tt.exact {
				t.Errorf("standard output: %s", bad)
			}
			if !strings.Contains(said, tt.says) || tt.marked && !strings.ContainsRune(said, visible.Mark) {
				t.Errorf("the server was not heard (%v): %q", err, said)
			}
			t.Logf("%v: %s", err, said)

			term, program := openTerminal(t)
			cmd = command()
			cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if err := program.Close(); err != nil {
				t.Fatal(err)
			}
			term.waitFor("")
			_ = cmd.Wait() // refusals, mostly
			if bad := notShown(term.seen, true); bad != "" {
				t.Errorf("at a terminal: %s", bad)
			}
			if !strings.Contains(string(term.seen), tt.says) && tt.says != "127.0.0.1" {
				t.Errorf("at a terminal, the server was not heard: %q", term.seen)
			}
		})
	}
}
