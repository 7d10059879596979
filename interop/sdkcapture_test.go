package interop

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// situation is a cause for which the registry, the token service or Entra refuses,
// and how to bring a program into it.
type situation struct {
	cause string // the cause's name, as package diagnose has it
	// before and after are commands of the emulator that make the situation and end
	// it, without "acrkit emulator".
	before, after [][]string
	run           func(t *testing.T, p programs, s *sdkServer) output
	want          *regexp.Regexp // what the output must say, in any client
	// except are clients that never say it, by title, each with the reason.
	except map[string]string
}

// noRetry makes Java's client give up at once: it waits half a minute before it asks
// for a refused credential again, three times.
const noRetry = "AZURE_REQUEST_RETRY_COUNT=0"

// asPrincipal lists the repositories as a service principal.
func asPrincipal(client, secret string) func(*testing.T, programs, *sdkServer) output {
	return func(t *testing.T, p programs, s *sdkServer) output { return p.repositories(t, s, client, secret) }
}

// asToken approves an image with a scope-mapped token through the proxy.
func asToken(who token, args ...string) func(*testing.T, programs, *sdkServer) output {
	return func(t *testing.T, p programs, s *sdkServer) output {
		own := slices.Clone(args)
		for i := range own {
			own[i] = strings.ReplaceAll(own[i], "OWN", p.repository())
		}
		return p.proxied(t, s, who, nil, "promote", own...)
	}
}

// asEntra approves an image with an Entra token that the service principal got a
// while ago.
func asEntra(later []string) func(*testing.T, programs, *sdkServer) output {
	return func(t *testing.T, p programs, s *sdkServer) output {
		env := s.environment(t, noRetry, "ACRKIT_PROXY_URL="+s.url, "ACRKIT_PROXY_KEY="+s.entraToken(t))
		s.emulator(t, later...)
		return execute(t, env, append(p.javaTrust(t, s, p.command(p.dir, p.installed, "promote")),
			p.repository(), "v1")...)
	}
}

var situations = []situation{
	{cause: "entra-secret-wrong", run: asPrincipal(sdkClient, "not-the-secret-of-this-application"),
		want: regexp.MustCompile(`7000215`)},
	{cause: "entra-secret-expired", run: asPrincipal(oldClient, oldSecret), want: regexp.MustCompile(`7000222`)},
	{cause: "entra-application-unknown", run: asPrincipal("55555555-5555-5555-5555-555555555555", sdkSecret),
		want: regexp.MustCompile(`700016`)},
	{cause: "no-role", run: asPrincipal(noClient, noSecret),
		want: regexp.MustCompile(`(?i)denied|unauthorized|authentication required|forbidden`)},
	{
		cause: "certificate-untrusted", want: regexp.MustCompile(`(?i)certificate|certification path`),
		run: func(t *testing.T, p programs, s *sdkServer) output {
			env := slices.DeleteFunc(s.principal(t, sdkClient, sdkSecret), func(v string) bool {
				return strings.HasSuffix(v, "="+s.ca)
			})
			return execute(t, append(env, noRetry), append(p.command(p.dir, p.installed, "repositories"), s.url)...)
		},
	},
	{
		cause: "network-rule", want: regexp.MustCompile(`(?i)not allowed|denied|firewall`),
		run:    asPrincipal(sdkClient, sdkSecret),
		before: [][]string{{"network", "deny"}}, after: [][]string{{"network", "allow"}},
	},
	{
		cause: "throttled", want: regexp.MustCompile(`(?i)429|too ?many ?requests`),
		run:    asPrincipal(sdkClient, sdkSecret),
		before: [][]string{{"fault", "add", "throttle", "--retry-after", "1s", "--route", "catalog"}},
		after:  [][]string{{"fault", "remove", "--all"}},
	},
	{
		cause: "unavailable", want: regexp.MustCompile(`503`), run: asPrincipal(sdkClient, sdkSecret),
		before: [][]string{{"fault", "add", "status", "--status", "503", "--route", "catalog"}},
		after:  [][]string{{"fault", "remove", "--all"}},
	},
	{cause: "exchange-refused", run: asEntra([]string{"clock", "advance", "2h"}), after: [][]string{{"clock", "reset"}},
		want: regexp.MustCompile(`(?i)unauthorized|401`)},

	{cause: "metadata-read-missing", run: asToken(blind, "OWN", "v1"),
		want: regexp.MustCompile(`(?i)authentication required|unauthorized`)},
	{cause: "missing-right", run: asToken(reader, "OWN", "v1"),
		want: regexp.MustCompile(`(?i)authentication required|unauthorized`)},
	{cause: "no-right-here", run: asToken(reader, "private/app", "v1"),
		want: regexp.MustCompile(`(?i)authentication required|unauthorized`)},
	{cause: "catalog-scoped", run: asToken(reader),
		want: regexp.MustCompile(`(?i)authentication required|unauthorized`)},
	{cause: "tag-unknown", run: asToken(reader, "OWN", "v9"),
		want: regexp.MustCompile(`(?i)manifest unknown|MANIFEST_UNKNOWN|TAG_UNKNOWN|not found`)},
	{
		cause: "repository-unknown", run: asToken(reader, "apps/none", "v1"),
		want:   regexp.MustCompile(`(?i)NAME_UNKNOWN`),
		except: map[string]string{"Java": "it asks for the tag's digest before it lists tags, and gets TAG_UNKNOWN"},
	},
	{
		cause: "tag-locked", want: regexp.MustCompile(`(?i)disallowed`),
		// the second time, the tag has been locked by the first
		run: func(t *testing.T, p programs, s *sdkServer) output {
			if out := asToken(approver, "OWN", "locked")(t, p, s); out.code != 0 {
				t.Fatalf("ended with %d:\n%s", out.code, out)
			}
			return asToken(approver, "OWN", "locked")(t, p, s)
		},
	},
	{
		cause: "credential-rejected", want: regexp.MustCompile(`(?i)unauthorized|401`),
		run: func(t *testing.T, p programs, s *sdkServer) output { // the proxy would say it before the program starts
			return p.proxied(t, s, token{"reader", "not-the-password-of-this-token"}, []string{"--no-check"},
				"promote", p.repository(), "v1")
		},
	},
}

// TestSDKCaptures brings the programs of each language into each situation, and
// holds what they print against captures/, from which the command learns to read
// what other clients say.
func TestSDKCaptures(t *testing.T) {
	server := sdkEmulator(t)
	ready := make([]programs, len(sdks))
	for i, s := range sdks {
		ready[i] = s.ready(t)
	}
	for _, s := range situations {
		t.Run(s.cause, func(t *testing.T) {
			for _, command := range s.before {
				server.emulator(t, command...)
			}
			defer func() { // not a cleanup: then the test's context has ended
				for _, command := range s.after {
					server.emulator(t, command...)
				}
			}()
			t.Run("in", func(t *testing.T) { // ends when all of its parallel tests have
				for _, p := range ready {
					if s.except[p.title] != "" {
						continue
					}
					t.Run(p.title, func(t *testing.T) {
						t.Parallel() // most of the time they wait before they try again
						out := s.run(t, p, server)
						if out.code == 0 || !s.want.MatchString(out.String()) {
							t.Fatalf("ended with %d, want words like %v:\n%s", out.code, s.want, out)
						}
						p.compareCapture(t, server, s.cause, out)
					})
				}
			})
		})
	}
}

// emulator runs a command of the emulator's.
func (s *sdkServer) emulator(t *testing.T, args ...string) {
	t.Helper()
	if out := execute(t, s.environment(t), slices.Concat([]string{acrkitBinary, "emulator"}, args,
		[]string{"--data", s.data})...); out.code != 0 {
		t.Fatalf("%s: %s", strings.Join(args, " "), out)
	}
}

// captureNoise differs from run to run, or from machine to machine.
var captureNoise = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`(?m)^Picked up JAVA_TOOL_OPTIONS: .*\n`), ""}, // Java says so by itself
	{regexp.MustCompile(`(?m)^time=.* level=.*\n`), ""},                // the proxy's log
	{regexp.MustCompile(`(localhost|127\.0\.0\.1):\d+`), "myregistry.azurecr.io"},
	{regexp.MustCompile(`myregistry\.azurecr\.io(/[0-9a-f-]{36}/|/error\?code)`), "login.microsoftonline.com$1"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "00000000-0000-0000-0000-000000000000"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`), "2026-01-01 00:00:00Z"},
	{regexp.MustCompile(`\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT`), "Thu, 01 Jan 2026 00:00:00 GMT"},
	{regexp.MustCompile(`(node:)\d+`), "${1}1"},
	// in a user agent with the system's release
	{regexp.MustCompile(`(Node\.js v\S+|Node/\S+)( \([^()]*\))?`), "Node.js v20"},
	{regexp.MustCompile(`\b(OS/|Python/\S+ )\([^()]*\)`), "$1(…)"},
	{regexp.MustCompile(`0x[0-9a-f]{6,}`), "0x0"},
	{regexp.MustCompile(`_ssl\.c:\d+`), "_ssl.c:1000"}, // a line of Python's source
	{regexp.MustCompile(`"?(content-length|user-agent|x-ms-useragent)"?: .*`), "$1: …"},
}

// capture is what a client printed, without what differs from run to run.
func (p programs) capture(s *sdkServer, out output) string {
	text := out.String()
	for from, to := range map[string]string{p.dir: "/app", p.installed: "/app", s.work: "/app"} {
		if from != "" {
			text = strings.ReplaceAll(text, from, to)
		}
	}
	return steady(text)
}

// steady takes out of a client's words what differs from run to run.
func steady(text string) string {
	for _, n := range captureNoise {
		text = n.pattern.ReplaceAllString(text, n.with)
	}
	return text
}

// frame is a line of a stack trace: it changes with the version of the language.
var frame = regexp.MustCompile(`^\s*(at |File "|\^|~|\.\.\. \d+ more|node:internal)`)

// essentials are the lines that stay the same with another version of Python, Node
// or Java.
func essentials(text string) []string {
	var lines []string
	inPython := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "Traceback"):
			inPython = true
			continue
		case inPython && strings.HasPrefix(line, "  "):
			continue
		case frame.MatchString(line) || strings.TrimSpace(line) == "":
			continue
		}
		inPython = false
		lines = append(lines, line)
	}
	return lines
}

// compareCapture compares with the committed capture, or writes it with -update.
func (p programs) compareCapture(t *testing.T, s *sdkServer, cause string, out output) {
	t.Helper()
	got := p.capture(s, out)
	for _, secret := range []string{sdkSecret, noSecret, oldSecret, approver.password, blind.password,
		reader.password, "not-the-"} {
		if strings.Contains(got, secret) {
			t.Errorf("a secret is in the output: %s", got)
			return
		}
	}
	file := filepath.Join("captures", p.name, cause+".txt")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case bytes.Equal(want, []byte(got)) || slices.Equal(essentials(string(want)), essentials(got)):
	case !p.wordsHeld(t):
		t.Logf("%s was written with %s, which this machine does not have. It says\n%s\nnow it is\n%s",
			file, p.captured, want, got)
	default:
		t.Errorf("%s says\n%s\nnow it is\n%s\nif that is right, run the tests with -update", file, want, got)
	}
}
