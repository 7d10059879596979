package refusals_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/acrtest"
	"github.com/acrkit/acrkit/auth"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	cliemulator "github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/iostreams"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/emulator/seed"
	"github.com/acrkit/acrkit/internal/shell"
)

var update = flag.Bool("update", false, "write docs/refusals.md")

// scenario brings a refusal about.
type scenario struct {
	rule  rule.ID
	name  string // distinguishes several of one rule; may be ""
	cause acrkit.Cause
	seed  string // of the registry; "" = an empty one
	make  func(s *stage) diagnose.Attempt
}

// stage is a registry of one scenario.
type stage struct {
	*acrtest.Registry
	t *testing.T
}

// elsewhere has the rules by which no client is refused here, each with the reason.
var elsewhere = map[rule.ID]string{
	rule.RegistryGone:         "only while a reset replaces the state; TestRulesFromWithin of package emulator",
	rule.PasswordNotYet:       "needs a fault; TestGeneratePasswords_delay of emulator/internal/write",
	rule.GraphToken:           "no client of registries asks Microsoft Graph; TestGraph of package emulator",
	rule.GraphPermission:      "no client of registries asks Microsoft Graph; TestGraph of package emulator",
	rule.StorageAuthorization: "needs a host of blobs; TestBlobRedirects of package emulator",
	rule.StorageLinkExpired:   "needs a host of blobs; TestBlobRedirects of package emulator",
	rule.StorageLinkMalformed: "needs a host of blobs; TestBlobRedirects of package emulator",
}

// What Explain cannot know, and why.
const (
	alike     = "the service gives the same answer for every fault of a name and password or token"
	empty401  = "the answer is an empty 401"
	noRight   = "the service gives the same answer for a condition that excludes the repository"
	emulators = "only the emulator refuses so"
	ofARM     = "only in the emulator Azure Resource Manager is at the registry's address"
)

// less lists the causes that [diagnose.Explain] does not name, by rule, with the
// reason. For all others it names the log's cause.
var less = map[rule.ID]string{
	rule.UserUnknown:             alike,
	rule.PasswordWrong:           alike,
	rule.PasswordExpired:         alike,
	rule.ClientSecretExpired:     alike,
	rule.ScopedTokenDisabled:     alike,
	rule.ScopedTokenDeleted:      alike,
	rule.AdminUserDisabled:       alike,
	rule.ApplicationDeleted:      empty401,
	rule.ACRTokenKind:            alike,
	rule.ARMAuthorizationMissing: ofARM,
	rule.ABACRole:                noRight,
	rule.PlainHTTP:               emulators,
	rule.ScopeTooLarge:           emulators,
}

// TestSameCause: of each refusal the decision log, acrtest and Explain say the same
// cause; Explain may know less where the list above says why, and never proves another.
func TestSameCause(t *testing.T) {
	brought := map[rule.ID][]string{}
	for _, sc := range slices.Concat(registryScenarios(), exchangeScenarios(), entraScenarios(), otherScenarios()) {
		t.Run(strings.TrimSuffix(string(sc.rule)+"/"+sc.name, "/"), func(t *testing.T) {
			opts := &acrtest.Options{RateLimits: sc.rule == rule.RateLimit}
			if sc.seed != "" {
				s, err := seed.Read(strings.NewReader(sc.seed))
				if err != nil {
					t.Fatal(err)
				}
				opts.Seed = s
			}
			s := &stage{acrtest.NewRegistry(t, opts), t}
			attempt := sc.make(s)

			// The log itself.
			last := s.last()
			if last.RuleID != sc.rule {
				t.Fatalf("the log has the rule %q: %+v", last.RuleID, last)
			}
			// acrtest.
			if last.Outcome == emulator.OutcomeDenied {
				rules, causes := s.DeniedRules(), s.DeniedCauses()
				if rules[len(rules)-1] != sc.rule || causes[len(causes)-1] != sc.cause {
					t.Errorf("acrtest says %s %s, want %s %s", rules[len(rules)-1],
						causes[len(causes)-1], sc.rule, sc.cause)
				}
			}
			// acrkit emulator log.
			if id, code := s.command(); id != sc.rule || code != sc.cause {
				t.Errorf("the command says %s %s, want %s %s", id, code, sc.rule, sc.cause)
			}
			// acrkit explain.
			if attempt.Err != nil || attempt.Exchange != nil {
				s.explain(sc, attempt)
			}
			status := "no answer"
			if attempt.Exchange != nil && attempt.Exchange.Status != 0 {
				status = fmt.Sprint(attempt.Exchange.Status)
			}
			brought[sc.rule] = append(brought[sc.rule], status, string(sc.cause))
		})
	}
	if t.Failed() {
		return
	}
	for _, r := range rule.All() {
		if why := elsewhere[r.ID]; (why != "") == (brought[r.ID] != nil) {
			t.Errorf("%s: brought about: %t, excused by %q", r.ID, brought[r.ID] != nil, why)
		}
	}
	page(t)
}

func (s *stage) explain(sc scenario, attempt diagnose.Attempt) {
	s.t.Helper()
	if attempt.Registry.IsZero() {
		reg, err := acrkit.ParseRegistry(s.Host())
		if err != nil {
			s.t.Fatal(err)
		}
		attempt.Registry = reg
	}
	d, err := diagnose.Explain(s.t.Context(), attempt, &diagnose.Options{Base: s.RoundTripper(), Now: s.Clock().Now})
	if err != nil {
		s.t.Fatal(err)
	}
	why, excused := less[sc.rule]
	switch {
	case d.Code == sc.cause && excused && sc.name == "":
		s.t.Errorf("Explain says %s as well: take %s out of the list of what it does not name (%s)", d.Code, sc.rule,
			why)
	case d.Code == sc.cause:
	case !excused:
		s.t.Errorf("Explain says %s %s, candidates %v, and the log %s: %q", d.Confidence, d.Code,
			d.Candidates, sc.cause, d.Evidence)
	case d.Confidence == diagnose.Proved && why != emulators && why != ofARM:
		s.t.Errorf("Explain proves %s, and the log has %s: %q", d.Code, sc.cause, d.Evidence)
	}
}

// last returns the last decision that has a rule.
func (s *stage) last() emulator.Decision {
	s.t.Helper()
	all := s.Decisions()
	for _, d := range slices.Backward(all) {
		if d.RuleID != "" {
			return d
		}
	}
	s.t.Fatalf("nothing was refused: %+v", all)
	return emulator.Decision{}
}

// command runs "acrkit emulator log" and returns what it says of the last refusal.
func (s *stage) command() (rule.ID, acrkit.Cause) {
	s.t.Helper()
	key := filepath.Join(s.t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(s.Emulator().ControlKey()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	streams, _, out, _ := iostreams.Test()
	f := &cmdutil.Factory{IO: streams, Now: time.Now, LookupEnv: func(string) (string, bool) { return "", false },
		Global: cmdutil.Global{NoCache: true}}
	line := "log --json ruleId,code --addr " + s.Host() + " --key-file " + shell.Quote(key) + " --ca-file " +
		shell.Quote(s.CAFile())
	if err := clitest.Execute(s.t, cliemulator.NewCmdEmulator(f), line); err != nil {
		s.t.Fatal(err)
	}
	var all []struct {
		RuleID rule.ID
		Code   acrkit.Cause
	}
	if err := json.Unmarshal(out.Bytes(), &all); err != nil {
		s.t.Fatalf("%v in %s", err, out)
	}
	for _, d := range slices.Backward(all) {
		if d.RuleID != "" {
			return d.RuleID, d.Code
		}
	}
	s.t.Fatalf("no refusal in %s", out)
	return "", ""
}

// call makes a request, and returns what a client shows of it.
func (s *stage) call(method, target string, header http.Header, body []byte) diagnose.Attempt {
	s.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = s.URL() + target
	}
	x := &diagnose.Exchange{Method: method, URL: target, RequestHeader: header.Clone(), RequestBody: body}
	if x.RequestHeader == nil {
		x.RequestHeader = http.Header{}
	}
	if body != nil {
		x.RequestHeader.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, target, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = x.RequestHeader.Clone()
	resp, err := s.RoundTripper().RoundTrip(req)
	if err != nil {
		return diagnose.Attempt{Err: err}
	}
	defer resp.Body.Close()
	x.Status, x.Header = resp.StatusCode, resp.Header
	if x.Body, err = io.ReadAll(resp.Body); err != nil {
		return diagnose.Attempt{Err: err}
	}
	return diagnose.Attempt{Exchange: x}
}

func (s *stage) get(path string, header http.Header) diagnose.Attempt {
	s.t.Helper()
	return s.call(http.MethodGet, path, header, nil)
}

// post sends a form of names and values.
func (s *stage) post(path string, pairs ...string) diagnose.Attempt {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return s.call(http.MethodPost, path, nil, []byte(form.Encode()))
}

func (s *stage) password(user, password string) diagnose.Attempt {
	s.t.Helper()
	return s.post("/oauth2/token", "grant_type", "password", "service", s.Host(), "username", user, "password",
		password, "scope", "repository:team/app:pull")
}

// field returns a field of a good answer.
func (s *stage) field(a diagnose.Attempt, name string) string {
	s.t.Helper()
	var doc map[string]any
	if a.Exchange == nil || json.Unmarshal(a.Exchange.Body, &doc) != nil {
		s.t.Fatalf("no JSON: %+v", a)
	}
	value, _ := doc[name].(string)
	if value == "" {
		s.t.Fatalf("no %s: %d %s", name, a.Exchange.Status, a.Exchange.Body)
	}
	return value
}

// access returns an access token of a scope-mapped token.
func (s *stage) access(k acrtest.Token, scope string) string {
	s.t.Helper()
	return s.field(s.post("/oauth2/token", "grant_type", "password", "service", s.Host(), "username", k.Name,
		"password", k.Password1, "scope", scope), "access_token")
}

// entra returns an Entra token of a service principal.
func (s *stage) entra(p acrtest.ServicePrincipal, scope string) string {
	s.t.Helper()
	return s.field(s.post("/"+p.TenantID+"/oauth2/v2.0/token", "grant_type", "client_credentials", "client_id",
		p.ClientID, "client_secret", p.ClientSecret, "scope", scope), "access_token")
}

const (
	acrScope = "https://containerregistry.azure.net/.default"
	armScope = "https://management.azure.com/.default"
	tagsPath = "/v2/team/app/tags/list"
	tagsNeed = "repository:team/app:metadata_read"
)

func (s *stage) exchange(token string, more ...string) diagnose.Attempt {
	s.t.Helper()
	return s.post("/oauth2/exchange", append([]string{"grant_type", "access_token", "service", s.Host(),
		"access_token", token}, more...)...)
}

// refresh returns an ACR refresh token of a service principal.
func (s *stage) refresh(p acrtest.ServicePrincipal) string {
	s.t.Helper()
	return s.field(s.exchange(s.entra(p, acrScope)), "refresh_token")
}

func (s *stage) byRefresh(token string) diagnose.Attempt {
	s.t.Helper()
	return s.post("/oauth2/token", "grant_type", "refresh_token", "service", s.Host(), "refresh_token",
		token, "scope", tagsNeed)
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func basic(user, password string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// with adds the transport of a credential, which Explain may ask with.
func (s *stage) with(a diagnose.Attempt, cred auth.Credential) diagnose.Attempt {
	a.Transport = s.Transport(cred)
	return a
}

// page writes and compares docs/refusals.md.
func page(t *testing.T) {
	t.Helper()
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# The emulator's rules of refusal")
	line("")
	line("Written by `go test ./cmd/acrkit/internal/cli/refusals -run TestSameCause -update`; do not edit.")
	line("")
	line(
		"Each refusal has a rule in the decision log (`ruleId`), beside its sentence. A rule never changes its " +
			"meaning; a")
	line(
		"sentence may be reworded. `acrkit emulator log --explain`, `acrtest` and `acrkit explain` name the same cause")
	line("(`acrkit explain CODE` says what it is); the service's answer often says less, and so does the emulator's.")
	line("An answer that something does not exist, or that a request is malformed, is no refusal, except at the token")
	line("service and at Entra. A decision of an earlier version has no rule, and its cause is not known.")
	line("")
	line("| rule | refused by | sentence | cause |")
	line("|---|---|---|---|")
	causes := map[rule.ID][]string{}
	for _, sc := range slices.Concat(registryScenarios(), exchangeScenarios(), entraScenarios(), otherScenarios()) {
		text := "none: it only slows"
		if c, ok := diagnose.Lookup(string(sc.cause)); ok {
			text = string(c.Code) + " " + c.Name
		}
		if !slices.Contains(causes[sc.rule], text) {
			causes[sc.rule] = append(causes[sc.rule], text)
		}
	}
	for _, r := range rule.All() {
		text := strings.Join(causes[r.ID], ", ")
		if elsewhere[r.ID] != "" {
			c, _ := diagnose.Lookup(string(causeOf(r.ID)))
			text = string(c.Code) + " " + c.Name
		}
		line("| `%s` | %s | %s | %s |", r.ID, r.By, r.Text, text)
	}
	file := filepath.Join("..", "..", "..", "..", "..", "docs", "refusals.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), b.String()); diff != "" {
		t.Errorf("docs/refusals.md is not what was measured; -update writes it (-page +measured):\n%s", diff)
	}
}
