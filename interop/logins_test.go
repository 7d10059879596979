package interop

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The page with who finds what.
const (
	loginsPage  = "../docs/credential-files.md"
	loginsBegin = "<!-- written by interop: go test -C interop . -run TestLogins -update -->\n"
)

// loginsCase is a set of files and variables, and what may differ.
type loginsCase struct {
	name  string
	files map[string]string // by the path below the home folder
	env   []string          // HOME is replaced by the home folder
	// why is the reason for which acrkit differs from Docker, podman or skopeo; "" where
	// it does not.
	why string
}

const (
	dockerFile  = ".docker/config.json"
	runtimeFile = "run/containers/auth.json"
	configFile  = ".config/containers/auth.json"

	notPodmans = "Docker and the kubelet do not read podman's files"
	notDockers = "podman and skopeo do not read this variable, which is Docker's and GitLab's"

	dockerGoesOn = "Docker warns and goes on without a login; podman and acrkit stop"
)

// An entry is base64 of a user of that name and its password.
func entry(user string) string {
	return fmt.Sprintf(`{"auth":%q}`, base64.StdEncoding.EncodeToString([]byte(user+":pw-of-"+user)))
}

// auths are entries by key.
func auths(pairs ...string) string {
	var entries []string
	for i := 0; i < len(pairs); i += 2 {
		entries = append(entries, fmt.Sprintf("%q:%s", pairs[i], pairs[i+1]))
	}
	return `{"auths":{` + strings.Join(entries, ",") + `}}`
}

func one(file, text string) map[string]string { return map[string]string{file: text} }

// loginsCases: HOST and UPPER are replaced by the registry's host. The image is
// HOST/team/app:v1.
func loginsCases(host string) []loginsCase {
	raw := func(enc *base64.Encoding, pair string) string {
		return fmt.Sprintf(`{"auth":%q}`, enc.EncodeToString([]byte(pair)))
	}
	payload, _ := json.Marshal(map[string]any{"iss": "Azure Container Registry", "grant_type": "refresh_token",
		"aud": host, "exp": 4e9})
	b64 := base64.RawURLEncoding.EncodeToString
	refresh := b64([]byte(`{"alg":"RS256"}`)) + "." + b64(payload) + "." + b64([]byte("no signature"))
	return []loginsCase{
		{"`~/.docker/config.json`", one(dockerFile, auths("HOST", entry("docker"))), nil, ""},
		{"`$DOCKER_CONFIG/config.json`", map[string]string{"d/config.json": auths("HOST", entry("variable")),
			dockerFile: auths("HOST", entry("docker"))}, []string{"DOCKER_CONFIG=HOME/d"}, ""},
		{"`DOCKER_AUTH_CONFIG`", nil, []string{"DOCKER_AUTH_CONFIG=" + auths("HOST", entry("text"))}, notDockers},
		{"`DOCKER_AUTH_CONFIG` and `config.json`", one(dockerFile, auths("HOST", entry("docker"))),
			[]string{"DOCKER_AUTH_CONFIG=" + auths("HOST", entry("text"))}, notDockers},
		{"`DOCKER_AUTH_CONFIG` for another host, and `config.json`", one(dockerFile, auths("HOST", entry("docker"))),
			[]string{"DOCKER_AUTH_CONFIG=" + auths("other.azurecr.io", entry("text"))}, ""},
		{"`DOCKER_AUTH_CONFIG` that is not JSON, and `config.json`", one(dockerFile, auths("HOST", entry("docker"))),
			[]string{"DOCKER_AUTH_CONFIG={"},
			"Docker warns and goes on with the file; acrkit stops, as with a file that it cannot read"},
		{"`DOCKER_AUTH_CONFIG` with an identity token", nil,
			[]string{`DOCKER_AUTH_CONFIG={"auths":{"HOST":{"identitytoken":"text"}}}`},
			"Docker takes `auth` alone in the variable; GitLab's runner reads a whole `config.json`, as acrkit does"},
		{"`$XDG_RUNTIME_DIR/containers/auth.json`", one(runtimeFile, auths("HOST", entry("runtime"))), nil, notPodmans},
		{"`~/.config/containers/auth.json`", one(configFile, auths("HOST", entry("home"))), nil, notPodmans},
		{"`$XDG_CONFIG_HOME/containers/auth.json`, and `~/.config`",
			map[string]string{"c/containers/auth.json": auths("HOST", entry("variable")),
				configFile: auths("HOST", entry("home"))}, []string{"XDG_CONFIG_HOME=HOME/c"}, notPodmans},
		{"`$REGISTRY_AUTH_FILE`", one("named.json", auths("HOST", entry("named"))),
			[]string{"REGISTRY_AUTH_FILE=HOME/named.json"}, notPodmans},
		{"`$REGISTRY_AUTH_FILE` without an entry, and podman's other files",
			map[string]string{"named.json": auths(), runtimeFile: auths("HOST", entry("runtime"))},
			[]string{"REGISTRY_AUTH_FILE=HOME/named.json"}, ""},
		{"`$XDG_RUNTIME_DIR` and `~/.config`", map[string]string{runtimeFile: auths("HOST", entry("runtime")),
			configFile: auths("HOST", entry("home"))}, nil, notPodmans},
		{"`config.json` and podman's file", map[string]string{dockerFile: auths("HOST", entry("docker")),
			runtimeFile: auths("HOST", entry("runtime"))}, nil,
			"podman reads its own file first; acrkit reads Docker's first, as go-containerregistry does"},
		{"`config.json` and `$REGISTRY_AUTH_FILE` without an entry",
			map[string]string{dockerFile: auths("HOST", entry("docker")), "named.json": auths()},
			[]string{"REGISTRY_AUTH_FILE=HOME/named.json"},
			""},
		{"`~/.dockercfg`", one(".dockercfg", `{"HOST":`+entry("legacy")+`}`), nil,
			"Docker itself does not read it any more"},

		{"keys `HOST/team/app`, `HOST/team`, `HOST`",
			one(runtimeFile, auths("HOST/team/app", entry("app"), "HOST/team", entry("team"), "HOST", entry("host"))),
			nil, notPodmans},
		{"keys `HOST/team`, `HOST`", one(runtimeFile, auths("HOST/team", entry("team"), "HOST", entry("host"))), nil,
			notPodmans},
		{"key `HOST/team` in `config.json`, beside `HOST`",
			one(dockerFile, auths("HOST/team", entry("team"), "HOST", entry("host"))), nil,
			"Docker has one login for a host; podman, the kubelet and acrkit take the longest key"},
		{"key `HOST/other`", one(runtimeFile, auths("HOST/other", entry("other"))), nil, ""},
		{"key `HOST/tea`", one(runtimeFile, auths("HOST/tea", entry("other"))), nil, ""},
		{"key `HOST/team` in one file, `HOST` in an earlier one",
			map[string]string{runtimeFile: auths("HOST", entry("host")), configFile: auths("HOST/team", entry("team"))},
			nil,
			"podman takes the first file that has either; for acrkit the longest key counts, in whichever file"},
		{"key with another port", one(dockerFile, auths("localhost:1", entry("port"))), nil, ""},
		{"key without the port", one(dockerFile, auths("localhost", entry("port"))), nil, ""},
		{"key `https://HOST`", one(dockerFile, auths("https://HOST", entry("url"))), nil, ""},
		{"key `https://HOST/v1/`", one(dockerFile, auths("https://HOST/v1/", entry("url"))), nil, ""},
		{"key `HOST/v1/`", one(dockerFile, auths("HOST/v1/", entry("url"))), nil,
			"podman reads it as a repository; Docker, the kubelet and acrkit as the host"},
		{"key `https://HOST/team`", one(dockerFile, auths("https://HOST/team", entry("url"))), nil,
			"Docker and podman take it for all of HOST, and the kubelet for `team` alone; acrkit does not guess " +
				"which is meant"},
		{"key in upper case", one(dockerFile, auths("UPPER", entry("upper"))), nil,
			"The name of a host has no case; Docker, podman and the kubelet compare letters"},

		{"`username` and `password`", one(dockerFile, auths("HOST", `{"username":"fields","password":"pw-of-fields"}`)),
			nil, "podman reads `auth` and `identitytoken` alone"},
		{"`auth` beside another `username` and `password`",
			one(dockerFile, auths("HOST", strings.TrimSuffix(entry("auth"), "}")+
				`,"username":"fields","password":"pw-of-fields"}`)), nil, ""},
		{"`identitytoken`",
			one(dockerFile, auths("HOST", `{"auth":"`+
				base64.StdEncoding.EncodeToString([]byte("00000000-0000-0000-0000-000000000000:"))+
				`","identitytoken":"identity"}`)), nil, ""},
		{"`identitytoken` beside a pair",
			one(dockerFile, auths("HOST", strings.TrimSuffix(entry("pair"), "}")+`,"identitytoken":"identity"}`)),
			nil, ""},
		{"`identitytoken` alone", one(dockerFile, auths("HOST", `{"identitytoken":"identity"}`)), nil,
			"podman needs an `auth` with a colon beside it"},
		{"no user name and an ACR refresh token", one(dockerFile, auths("HOST", raw(base64.StdEncoding, ":"+refresh))),
			nil,
			"Docker and podman go on without a login, and the kubelet sends an empty name; acrkit uses the token as " +
				"a token"},
		{"no user name and a password", one(dockerFile, auths("HOST", entry(""))), nil,
			"Docker warns and podman does not, and both go on without a login; acrkit says that half of it is missing"},
		{"`auth` without padding",
			one(dockerFile, auths("HOST", raw(base64.RawStdEncoding, "unpadded:pw-of-unpadded"))), nil,
			"The kubelet and go-containerregistry read it; Docker and podman refuse it"},
		{"`auth` in base64url", one(dockerFile, auths("HOST", raw(base64.URLEncoding, "url:???>>>"))), nil,
			dockerGoesOn},
		{"`auth` with a line feed at its end",
			one(dockerFile, auths("HOST", `{"auth":"`+base64.StdEncoding.EncodeToString([]byte("lf:pw-of-lf"))+`\n"}`)),
			nil, ""},
		{"NUL at the end of the password",
			one(dockerFile, auths("HOST", raw(base64.StdEncoding, "nul:pw-of-nul\x00"))), nil, ""},
		{"line feed at the end of the password",
			one(dockerFile, auths("HOST", raw(base64.StdEncoding, "lf:pw-of-lf\n"))), nil,
			"The others send it, and ACR answers as to a wrong password; acrkit says what is wrong and sends nothing"},
		{"password without a user name's colon", one(dockerFile, auths("HOST", raw(base64.StdEncoding, "nocolon"))),
			nil, "Docker and podman go on without a login; acrkit says that half of it is missing"},

		{"`credHelpers`", one(dockerFile, `{"credHelpers":{"HOST":"works"}}`), nil, ""},
		{"`credHelpers` in podman's file", one(runtimeFile, `{"credHelpers":{"HOST":"works"}}`), nil, notPodmans},
		{"`credsStore`", one(dockerFile, `{"credsStore":"works"}`), nil, "podman and the kubelet do not know it"},
		{"`credHelpers` beside an entry",
			one(dockerFile, `{"credHelpers":{"HOST":"works"},`+auths("HOST", entry("entry"))[1:]), nil, ""},
		{"`credHelpers` beside the key `HOST/team`",
			one(runtimeFile, `{"credHelpers":{"HOST":"works"},`+auths("HOST/team", entry("team"))[1:]), nil,
			"podman asks the helper of a host first; for acrkit the longest key counts, in whichever way it is kept"},
		{"a helper that has nothing, beside an entry",
			one(dockerFile, `{"credHelpers":{"HOST":"empty"},`+auths("HOST", entry("entry"))[1:]), nil,
			"Docker and podman go on without a login; acrkit takes the entry beside the helper, as the kubelet does"},
		{"a helper that is not installed", one(dockerFile, `{"credHelpers":{"HOST":"missing"}}`), nil, ""},

		{"an empty file", one(dockerFile, ""), nil, "podman refuses it; Docker and acrkit find nothing in it"},
		{"a file that is not JSON", one(dockerFile, `{"auths":`), nil, dockerGoesOn},
		{"a byte order mark before the JSON",
			one(dockerFile, "\ufeff"+auths("HOST", entry("mark"))), nil, dockerGoesOn},
		{"podman's file that is not JSON, and `config.json`",
			map[string]string{runtimeFile: `{"auths":`, dockerFile: auths("HOST", entry("docker"))}, nil,
			"Docker does not read podman's file; for podman and acrkit it may hold what counts more"},
	}
}

// refuser is a registry that refuses every credential and records those it got.
type refuser struct {
	*httptest.Server
	host string

	mu   sync.Mutex
	seen []string
}

func newRefuser(t *testing.T) *refuser {
	r := &refuser{}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	r.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that try https first
	r.Start()
	t.Cleanup(r.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(r.URL, "http://"), ":")
	r.host = "localhost:" + port
	return r
}

func (r *refuser) serve(w http.ResponseWriter, req *http.Request) {
	who := "anonymous"
	if user, password, ok := req.BasicAuth(); ok {
		who = "user " + user + " " + password
	} else if req.ParseForm() == nil && req.PostForm.Get("username") != "" {
		who = "user " + req.PostForm.Get("username") + " " + req.PostForm.Get("password")
	} else if token := req.PostForm.Get("refresh_token"); token != "" {
		who = "identity token " + token
	}
	r.mu.Lock()
	r.seen = append(r.seen, who)
	r.mu.Unlock()
	w.Header().Set("Www-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/oauth2/token",service=%q`, r.host, r.host))
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
}

// credential returns the first credential since the last call, "anonymous" if no request
// had one, and "" if there was no request.
func (r *refuser) credential() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	who := ""
	for _, s := range r.seen {
		if who == "" || who == "anonymous" {
			who = s
		}
	}
	r.seen = nil
	return who
}

// cell is what the table says of one answer. A password is not shown, but must be that
// of its user.
func cell(answer string) string {
	switch user, password, _ := strings.Cut(strings.TrimPrefix(answer, "user "), " "); {
	case answer == "nothing" || answer == "anonymous":
		return "–"
	case answer == "":
		return "error"
	case strings.HasPrefix(answer, "identity token ey"):
		return "the token"
	case strings.HasPrefix(answer, "identity token "):
		return "token `" + strings.TrimPrefix(answer, "identity token ") + "`"
	case user == "", strings.HasPrefix(password, "ey"):
		return "user without a name"
	case password == "":
		return "`" + user + "`, without a password"
	case password == "pw-of-"+user:
		return "`" + user + "`"
	case strings.TrimSpace(password) == "pw-of-"+user:
		return "`" + user + "`, with the line feed"
	case strings.Trim(password, "\x00") == "pw-of-"+user:
		return "`" + user + "`, with the NUL"
	default:
		return "`" + user + "`, another password"
	}
}

// TestLogins asks acrkit, Docker's code, podman, skopeo and the kubelet's code who they
// are by the same files and variables. podman, skopeo and acrkit ask a registry on
// loopback; of the others the code that finds the login is asked.
func TestLogins(t *testing.T) {
	podman := need(t, "podman", "apt-get install podman", []string{"podman", "--version"})
	skopeo := need(t, "skopeo", "apt-get install skopeo", []string{"skopeo", "--version"})
	program := filepath.Join(t.TempDir(), "logins")
	inModule := func(args ...string) string {
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = "logins"
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s in interop/logins: %v\n%s", command, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	inModule("build", "-o", program, ".")
	t.Logf("%s; %s; docker/cli %s; kubelet %s", podman, skopeo,
		inModule("list", "-m", "-f", "{{.Version}}", "github.com/docker/cli"),
		inModule("list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes"))
	r := newRefuser(t)
	helpers := t.TempDir()
	for name, script := range map[string]string{
		"works": `cat >/dev/null; echo '{"ServerURL":"x","Username":"helper","Secret":"pw-of-helper"}'`,
		"empty": `cat >/dev/null; echo 'credentials not found in native keychain'; exit 1`,
	} {
		if err := os.WriteFile(filepath.Join(helpers, "docker-credential-"+name), []byte("#!/bin/sh\n"+script+"\n"),
			0o755); err != nil {
			t.Fatal(err)
		}
	}
	replace := strings.NewReplacer("HOST", r.host, "UPPER", strings.ToUpper(r.host))
	var table, reasons strings.Builder
	table.WriteString(
		"| files and variables | acrkit | docker | podman | skopeo | kubelet |\n|---|---|---|---|---|---|\n")
	numbers := map[string]int{}
	for _, c := range loginsCases(r.host) {
		home, err := os.MkdirTemp("", "ik-") // podman wants a short one
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(home) })
		for file, text := range c.files {
			path := filepath.Join(home, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(replace.Replace(text)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(filepath.Join(home, "run"), 0o700); err != nil {
			t.Fatal(err)
		}
		s := &session{t: t, host: r.host, home: home,
			env: []string{"PATH=" + helpers + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + home,
				"XDG_RUNTIME_DIR=" + filepath.Join(home, "run"), "TMPDIR=" + home, "LANG=C", "ACRKIT_KEYRING=off",
				"ACRKIT_CONFIG_DIR=" + filepath.Join(home, "acrkit")}}
		for _, v := range c.env {
			s.env = append(s.env, replace.Replace(strings.ReplaceAll(v, "=HOME/", "="+home+"/")))
		}
		asked := func(command ...string) string {
			out, err := s.run("", command...)
			if err == nil {
				t.Errorf("%s: %s succeeded: %s", c.name, command[0], out)
			}
			return cell(r.credential())
		}
		code := func(args ...string) string {
			out, err := s.run("", append([]string{program}, args...)...)
			lines := strings.Split(strings.TrimSpace(out), "\n")
			last, quoted := strconv.Unquote(lines[len(lines)-1])
			switch {
			case err != nil:
				return "error"
			case quoted != nil:
				t.Fatalf("%s: %s printed %q", c.name, args[0], out)
			case len(lines) > 1 && args[0] == "docker":
				return cell(last) + ", after a warning"
			}
			return cell(last)
		}
		image := r.host + "/team/app:v1"
		row := []string{
			asked(acrkitBinary, "whoami", r.host, "--plain-http", "--repository", "team/app"),
			code("docker", r.host),
			asked(s.podman("pull", "--quiet", "--tls-verify=false", image)...),
			asked("skopeo", "inspect", "--tls-verify=false", "docker://"+image),
			code("kubelet", image),
		}
		differs := row[0] != row[1] || row[0] != row[2] || row[0] != row[3]
		switch {
		case differs && c.why == "":
			t.Errorf("%s: acrkit %s, docker %s, podman %s, skopeo %s: no reason is given", c.name, row[0],
				row[1], row[2], row[3])
		case !differs && c.why != "":
			t.Errorf("%s: there is no difference, but a reason: %s", c.name, c.why)
		case row[2] != row[3]:
			t.Errorf("%s: podman %s, skopeo %s: they share their code", c.name, row[2], row[3])
		}
		name := c.name
		if c.why != "" {
			if numbers[c.why] == 0 {
				numbers[c.why] = len(numbers) + 1
				fmt.Fprintf(&reasons, "%d. %s.\n", numbers[c.why], c.why)
			}
			name += fmt.Sprintf(" (%d)", numbers[c.why])
		}
		fmt.Fprintf(&table, "| %s | %s |\n", name, strings.Join(row, " | "))
	}
	comparePage(t, table.String()+"\nWhere acrkit differs from Docker or podman, and why:\n\n"+reasons.String())
}

// comparePage compares the page's table with one, or writes it there with -update.
func comparePage(t *testing.T, table string) {
	t.Helper()
	page, err := os.ReadFile(loginsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), loginsBegin)
	committed, after, end := strings.Cut(rest, tableEnd)
	switch {
	case !found || !end:
		t.Fatalf("%s has no markers", loginsPage)
	case *update:
		if err := os.WriteFile(loginsPage, []byte(before+loginsBegin+table+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case committed != table:
		t.Errorf("%s is stale; run with -update:\n%s", loginsPage, table)
	}
}
