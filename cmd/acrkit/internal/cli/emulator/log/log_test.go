package log

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/emulator/target"
	"github.com/acrkit/acrkit/diagnose"
	"github.com/acrkit/acrkit/emulator"
	"github.com/acrkit/acrkit/emulator/control"
	"github.com/acrkit/acrkit/emulator/rule"
	"github.com/acrkit/acrkit/internal/sentence"
)

// lines collects what a command writes, and tells when something came.
type lines struct {
	mu   sync.Mutex
	b    bytes.Buffer
	came chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Write(p)
	select {
	case l.came <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (l *lines) ids(t *testing.T) (out []int64) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		var d struct{ ID int64 }
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out = append(out, d.ID)
	}
	return out
}

// TestFollow: what is recorded before, meanwhile, and after the connection was
// lost comes once each and in order; an interrupt ends it.
func TestFollow(t *testing.T) {
	dir := t.TempDir()
	e, err := emulator.Open(t.Context(), &emulator.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	serve := func(l net.Listener) *http.Server {
		srv := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
		go func() { _ = srv.Serve(l) }()
		return srv
	}
	srv := serve(l)
	if err := os.WriteFile(filepath.Join(dir, target.ConnectionFile), []byte(`{"loginServer":"`+addr+`"}`),
		0o600); err != nil {
		t.Fatal(err)
	}
	request := func(n int) {
		t.Helper()
		for range n {
			resp, err := http.Get("http://" + addr + "/v2/")
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
	}
	request(3)
	f := clitest.Factory(nil)
	out := &lines{came: make(chan struct{}, 1)}
	f.IO.Out = out
	ctx, interrupt := context.WithCancelCause(t.Context())
	cmd := NewCmdLog(f)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs([]string{"--follow", "--json", "id", "--data", dir})
	done := make(chan error, 1)
	go func() { done <- cmd.ExecuteContext(ctx) }()
	await := func(n int) {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for len(out.ids(t)) < n {
			select {
			case <-out.came:
			case err := <-done:
				t.Fatalf("it ended: %v", err)
			case <-deadline:
				t.Fatalf("%v, want %d", out.ids(t), n)
			}
		}
	}
	await(3)
	request(2)
	await(5)
	// The connection is lost; the emulator is back a moment later.
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr); err != nil {
		t.Fatal(err)
	}
	srv = serve(l)
	defer srv.Close()
	request(4)
	await(9)
	interrupt(cmdutil.ErrInterrupted)
	if err := <-done; cmdutil.ExitCode(err) != cmdutil.ExitInterrupted {
		t.Errorf("%v", err)
	}
	if got := fmt.Sprint(out.ids(t)); got != "[1 2 3 4 5 6 7 8 9]" {
		t.Errorf("%s", got)
	}
}

func TestNewCmdLog(t *testing.T) {
	for line, words := range map[string]string{
		"x":                          "takes no argument",
		"--denied --outcome allowed": "exclude each other",
		"--outcome perhaps":          "valid values are",
		"--follow --json nothing":    "unknown JSON field",
		"--addr example.com:80 --key-file /dev/null": "",
	} {
		clitest.WrongUsage(t, NewCmdLog(clitest.Factory(map[string]string{"HOME": "/home/u"})), line, words)
	}
	clitest.JSONFields(t, NewCmdLog(clitest.Factory(nil)), "id", "time", "registry", "kind", "principal", "method",
		"path", "required", "outcome",
		"missing", "rules", "ruleId", "reason", "requestId", "code", "cause", "fix")
}

// TestExplainedRow: a refusal has its rule and cause; one that an earlier version wrote
// without its rule is reported as unknown for every sentence.
func TestExplainedRow(t *testing.T) {
	for _, tc := range []struct {
		d           control.Decision
		rule, cause string
	}{
		{control.Decision{Outcome: emulator.OutcomeDenied, RuleID: rule.ScopedTokenDeleted,
			Reason: "the token is disabled"}, "scoped-token-deleted", "ACRK036 the registry has no token of this name"},
		{control.Decision{Outcome: emulator.OutcomeDenied, Reason: "the token is disabled"}, "unknown",
			"the token is disabled"},
		{control.Decision{Outcome: emulator.OutcomeDenied, RuleID: "of-a-later-version", Reason: "why"},
			"of-a-later-version", "why"},
		{control.Decision{Outcome: emulator.OutcomeFaulted, RuleID: rule.RateLimit, Reason: "rate limit: …"},
			"rate-limit", "ACRK011 too many requests: the service asks to wait"},
		{control.Decision{Outcome: emulator.OutcomeAllowed}, "-", ""},
	} {
		row := decisionOf(tc.d).explainedRow()
		if got := row[len(row)-2:]; got[0] != tc.rule || got[1] != tc.cause {
			t.Errorf("%+v: %q, want %q %q", tc.d, got, tc.rule, tc.cause)
		}
	}
}

// TestFixHere: the fix of what an emulator refuses is no command for Azure.
func TestFixHere(t *testing.T) {
	for _, c := range diagnose.Causes() {
		if got := sentence.Draft(fixHere(c.Code), nil); got == "" || strings.HasPrefix(got, "az acr ") {
			t.Errorf("%s: %q", c.Code, got)
		}
	}
	// What only a fault brings about is not among the refusals that the log's --denied shows.
	for _, r := range rule.All() {
		c, known := diagnose.Lookup(string(r.ID.Cause("token", "", "")))
		if r.By != rule.Faults || !known || !sentence.OfCause(string(c.Code)).Fix.OfAzure() {
			continue
		}
		if key := sentence.AtEmulator(string(c.Code)); key != sentence.ExplainFaults {
			t.Errorf("%s, which %s brings about: %q", c.Code, r.ID, sentence.Draft(key, nil))
		}
	}
	for _, id := range []rule.ID{rule.RightMissing, rule.NoRightHere, rule.ABACRole, rule.ABACCondition,
		rule.ABACRepository} {
		d := decisionOf(control.Decision{RuleID: id, Kind: "service-principal", Principal: "app",
			Registry: "myregistry", Required: "repository:a:push", Missing: "repository:a:push"})
		role := "AcrPush"
		if strings.HasPrefix(string(id), "abac-") {
			role = `"Container Registry Repository Writer"`
		}
		if want := "az role assignment create --assignee app --role " + role +
			" --scope $(az acr show --name myregistry "; !strings.HasPrefix(d.Fix, want) {
			t.Errorf("%s of an application: %q, want %q", id, d.Fix, want)
		}
	}
	d := decisionOf(control.Decision{RuleID: rule.PasswordWrong, Kind: "token", Principal: "ci"})
	if d.Fix != "acrkit emulator token password ci" {
		t.Errorf("%+v", d)
	}
}
