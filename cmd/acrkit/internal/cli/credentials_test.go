package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/registry"
)

// The outcomes that the table has a row for.
const (
	accepted     = "accepted"
	notAccepted  = "not accepted"
	notAvailable = "not available"
	halfSet      = "half set"
	wrongShape   = "wrong shape"
)

func outcomes() []string { return []string{accepted, notAccepted, notAvailable, halfSet, wrongShape} }

// row is a cell of the table: one credential from one place, with one outcome.
type row struct {
	place, outcome string
	exit           string // "" for the library
	message, hint  string
}

// section is the part of the table about one kind of credential.
type section struct {
	t     *testing.T
	title string
	rows  []row
	none  []row // message is the reason why there is no such cell
}

// none says why there is no such cell.
func (s *section) no(place, reason string, outcomes ...string) {
	for _, o := range outcomes {
		s.none = append(s.none, row{place: place, outcome: o, message: reason})
	}
}

// library uses a credential as a Go program does: it lists the tags of samples/app.
func (s *section) library(w *world, outcome string, cred auth.Credential) {
	s.t.Helper()
	s.libraryAs(w, "library", outcome, cred)
}

func (s *section) libraryAs(w *world, place, outcome string, cred auth.Credential) {
	s.t.Helper()
	r := row{place: place, outcome: outcome}
	err := func() error {
		rt, err := auth.NewTransport(w.reg.Host(), cred, &auth.Options{Base: w.reg.RoundTripper()})
		if err != nil {
			return err
		}
		defer rt.Close()
		c, err := registry.New(w.reg.Host(), rt, nil)
		if err != nil {
			return err
		}
		for _, err := range c.Tags(s.t.Context(), "samples/app", nil) {
			if err != nil {
				return err
			}
		}
		return nil
	}()
	switch e, ok := errors.AsType[*acrkit.Error](err); {
	case outcome == accepted && err != nil || outcome != accepted && !ok:
		s.t.Errorf("%s, %s, %s: %v", s.title, place, outcome, err)
		return
	case ok:
		r.message, r.hint = err.Error(), e.Hint
	default:
		r.message = cred.String()
	}
	s.add(w, "", r)
}

func (s *section) add(w *world, home string, r row) {
	for _, text := range []*string{&r.message, &r.hint} {
		*text = w.normal(*text, home)
		if w.secret(*text) {
			s.t.Errorf("%s, %s, %s tells a secret: %s", s.title, r.place, r.outcome, *text)
		}
	}
	s.rows = append(s.rows, r)
}

// command uses a credential as a person does, with a fresh home folder: it lists the
// tags of samples/app and, where that works, asks whoami who it was.
func (s *section) command(w *world, place, outcome string, c run) {
	s.t.Helper()
	home := c.home
	if home == "" {
		home = s.t.TempDir()
	}
	stdout, stderr, code := w.acrkit(s.t, home, c,
		slices.Concat([]string{"tag", "list", c.host + "samples/app"}, c.flags)...)
	r := row{place: place, outcome: outcome, exit: fmt.Sprint(code)}
	if (code == 0) != (outcome == accepted) || code == 0 && !strings.Contains(stdout, "v1") {
		s.t.Errorf("%s, %s, %s: exit code %d\n%s%s", s.title, place, outcome, code, stdout, stderr)
		return
	}
	if code != 0 {
		r.message, r.hint = messageAndHint(stderr)
		s.add(w, home, r)
		return
	}
	stdout, stderr, code = w.acrkit(s.t, home, c,
		slices.Concat([]string{"whoami", "--repository", "samples/app", "--json", "credential,source"}, c.flags)...)
	var who struct{ Credential, Source string }
	if err := json.Unmarshal([]byte(stdout), &who); err != nil || code != 0 {
		s.t.Errorf("%s, %s: whoami: exit code %d, %v\n%s", s.title, place, code, err, stderr)
		return
	}
	r.message = fmt.Sprintf("%s (source: %s)", who.Credential, who.Source)
	s.add(w, home, r)
}

// login uses a credential with "acrkit login", which tries it and then stores it.
func (s *section) login(w *world, outcome string, c run) {
	s.t.Helper()
	home := s.t.TempDir()
	_, stderr, code := w.acrkit(s.t, home, c, slices.Concat([]string{"login", w.reg.Host()}, c.flags)...)
	r := row{place: "`acrkit login`", outcome: outcome, exit: fmt.Sprint(code)}
	if (code == 0) != (outcome == accepted) {
		s.t.Errorf("%s, login, %s: exit code %d\n%s", s.title, outcome, code, stderr)
		return
	}
	if r.message, r.hint = messageAndHint(stderr); code == 0 {
		r.message, _, _ = strings.Cut(stderr, "\n")
	}
	s.add(w, home, r)
}

func messageAndHint(stderr string) (message, hint string) {
	for line := range strings.SplitSeq(stderr, "\n") {
		switch {
		case strings.HasPrefix(line, "acrkit: "):
			message = line
		case message != "" && hint == "":
			hint = strings.TrimPrefix(line, "try: ")
		}
	}
	return message, hint
}

// run is how a command is run.
type run struct {
	env   []string
	flags []string
	home  string // "" = a fresh one
	host  string // the registry with a slash, or "" = the one in ACR_NAME
	stdin string
}

// world is what the cells run against.
type world struct {
	reg     *acrtest.Registry
	caFile  string
	bin     string // a folder with the commands that cells may run, in PATH
	dir     string // where cells keep files
	mu      sync.Mutex
	secrets []string // guarded by mu
	clean   *strings.Replacer
}

// acrkit runs the command.
func (w *world) acrkit(t *testing.T, home string, c run, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	program, err := exec.LookPath("acrkit")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	// In this order: the last of two with one name counts.
	cmd.Env = slices.Concat([]string{"HOME=" + home, "PATH=" + w.bin, "XDG_RUNTIME_DIR=" + home, "ACRKIT_KEYRING=off",
		"ACRKIT_CONFIG_DIR=" + filepath.Join(home, "acrkit"),
		"SSL_CERT_FILE=" + w.caFile, "NO_COLOR=1", "ACR_NAME=" + w.reg.Host(), "AZURE_AUTHORITY_HOST=" +
			w.reg.AuthorityHost()}, c.env)
	cmd.Stdin = strings.NewReader(c.stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), code
}

var (
	requestID  = regexp.MustCompile(`request [0-9a-f-]{36}`)
	thumbprint = regexp.MustCompile(`thumbprint [0-9A-F]{40}`)
	endsOn     = regexp.MustCompile(`ends on [0-9]{4}-[0-9]{2}-[0-9]{2}`)
	storedOn   = regexp.MustCompile(`stored [0-9]{4}-[0-9]{2}-[0-9]{2}`)
	otherGUID  = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	loopback   = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
)

// normal takes out of a message what differs from run to run.
func (w *world) normal(s, home string) string {
	if home != "" {
		// In a hint the path is quoted where the name of the temporary folder needs it.
		quoted := regexp.MustCompile(`'` + regexp.QuoteMeta(strings.ReplaceAll(home, "'", `'\''`)) + `([^']*)'`)
		s = quoted.ReplaceAllString(s, "~$1")
		s = strings.ReplaceAll(s, home, "~")
	}
	s = w.clean.Replace(s)
	s = requestID.ReplaceAllString(s, "request …")
	s = thumbprint.ReplaceAllString(s, "thumbprint …")
	s = endsOn.ReplaceAllString(s, "ends on …")
	s = storedOn.ReplaceAllString(s, "stored …")
	s = otherGUID.ReplaceAllStringFunc(s, func(id string) string {
		if strings.HasPrefix(id, "22222222-") {
			return id
		}
		return "…" // what the service calls a correlation id
	})
	return loopback.ReplaceAllString(s, "127.0.0.1:PORT")
}

func (w *world) secret(s string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.secrets, func(x string) bool { return x != "" && strings.Contains(s, x) })
}

// hide returns a value that no message may hold. Stand-ins call it while the
// command runs.
func (w *world) hide(value string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets = append(w.secrets, value)
	return value
}

// file writes a file for cells.
func (w *world) file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// home makes a home folder with one file.
func (w *world) home(t *testing.T, name, text string) string {
	t.Helper()
	home := t.TempDir()
	path := filepath.Join(home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return home
}

// program puts a shell script into a new folder of programs, which becomes PATH.
func (w *world) program(t *testing.T, name, script string) (path string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return "PATH=" + dir
}

// print renders the sections as the documentation has them.
func printSections(t *testing.T, sections []*section) string {
	t.Helper()
	var b strings.Builder
	code := func(s string) string {
		if s == "" {
			return ""
		}
		s = strings.ReplaceAll(s, "|", `\|`)
		if strings.Contains(s, "`") {
			return "`` " + s + " ``"
		}
		return "`" + s + "`"
	}
	for _, s := range sections {
		fmt.Fprintf(&b, "\n### %s\n\n| place | outcome | exit | what the user sees |\n|---|---|---|---|\n", s.title)
		var places []string
		for _, r := range slices.Concat(s.rows, s.none) {
			if !slices.Contains(places, r.place) {
				places = append(places, r.place)
			}
		}
		var notes []string
		for _, place := range places {
			reasons := map[string][]string{}
			for _, outcome := range outcomes() {
				found := 0
				for _, r := range s.rows {
					if r.place != place || r.outcome != outcome {
						continue
					}
					found++
					text := code(r.message)
					if r.hint != "" {
						text += "<br>" + code(r.hint)
					}
					exit := r.exit
					if exit == "" {
						exit = "–"
					}
					fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.place, r.outcome, exit, text)
				}
				for _, r := range s.none {
					if r.place == place && r.outcome == outcome {
						found++
						reasons[r.message] = append(reasons[r.message], outcome)
						fmt.Fprintf(&b, "| %s | %s | – | – |\n", r.place, r.outcome)
					}
				}
				if found == 0 {
					t.Errorf("%s, %s: no cell for %q, and no reason why", s.title, place, outcome)
				}
			}
			for _, r := range s.none {
				if os := reasons[r.message]; r.place == place && len(os) > 0 {
					notes = append(notes, fmt.Sprintf("%s, %s: %s.", place, strings.Join(os, " and "), r.message))
					delete(reasons, r.message)
				}
			}
		}
		for i, n := range notes {
			if i == 0 {
				b.WriteString("\n")
			}
			fmt.Fprintf(&b, "* – %s\n", n)
		}
	}
	return b.String()
}

const (
	tableBegin = "<!-- begin of the table of credentials: go test ./cmd/acrkit/internal/cli -run TestCredentialTable " +
		"-update -->\n"
	tableEnd = "<!-- end of the table of credentials -->\n"
)

// TestCredentialTable tries each kind of credential from each place it can come from,
// for real, and holds the table in docs/credentials.md to what came of it.
func TestCredentialTable(t *testing.T) {
	got := printSections(t, credentialSections(t))
	if t.Failed() {
		return
	}
	path := filepath.Join("..", "..", "..", "..", "docs", "credentials.md")
	doc, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(doc), tableBegin)
	have, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok1 || !ok2 {
		t.Fatal("docs/credentials.md has no place for the table")
	}
	got += "\n"
	if *update {
		if err := os.WriteFile(path, []byte(before+tableBegin+got+tableEnd+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(have, got); diff != "" {
		t.Errorf("the table in docs/credentials.md is stale; run with -update:\n%s", diff)
	}
}

// roundTrip is a transport for the metadata service's stand-in.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) Do(r *http.Request) (*http.Response, error) { return f(r) }
