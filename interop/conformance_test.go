package interop

import (
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestConformance runs the OCI distribution conformance suite with a token that
// has every right on its repositories, and prints its figures: once as ACR
// answers, and once with the deviations that give the suite what ACR is known to
// refuse, or is not known to do. A failure fails the test, and so does a
// skip that skippedAsACR does not name with its reason: they must add up to the
// suite's own figure.
func TestConformance(t *testing.T) {
	t.Run("as_acr", func(t *testing.T) { conformance(t, shared, "conformance", skippedAsACR) })
	t.Run("deviating", func(t *testing.T) {
		e, err := startEmulator(filepath.Join(t.TempDir(), "data"), seed, nil, "--deviate", "delete-by-tag",
			"--deviate", "mount-from-anywhere")
		if err != nil {
			t.Fatal(err)
		}
		defer e.stop()
		conformance(t, e, "conformance-deviating", nil)
	})
}

// skip is why a test is skipped, and how often the suite counts it.
type skip struct {
	counts int
	why    string
}

// skippedAsACR are the tests that the suite skips because ACR answers so.
// docs/fidelity.md has the evidence.
var skippedAsACR = map[string]skip{
	// The suite counts a deletion that is not served, and that it would take effect
	// at once.
	"tag-delete":           {2, "DELETE of a manifest by tag is 405 UNSUPPORTED (recorded)"},
	"blob-mount-anonymous": {1, "a mount that names no source begins an upload (believed)"},
}

func conformance(t *testing.T, e *emulatorProcess, folder string, maySkip map[string]skip) {
	const program = "conformance"
	const install = "go install " +
		"github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111"
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed: %s", program, install)
		}
		t.Skipf("%s is not installed, so it was NOT run: %s", program, install)
	}
	dir, err := filepath.Abs(filepath.Join("results", folder))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := newSession(t, e)
	// Off by the suite's default, and offered: cancelling an upload, and the digest
	// headers of answers.
	s.env = append(s.env, "OCI_API_BLOBS_UPLOAD_CANCEL=true", "OCI_API_BLOBS_DIGEST_HEADER=true",
		"OCI_API_MANIFESTS_DIGEST_HEADER=true",
		"OCI_REGISTRY="+e.host, "OCI_TLS=enabled", "OCI_VERSION=1.1", "OCI_REPO1=conformance/one",
		"OCI_REPO2=conformance/two",
		"OCI_USERNAME="+conform.name, "OCI_PASSWORD="+conform.password, "OCI_RESULTS_DIR="+dir)
	out, runErr := s.run("", program)
	if exit := (*exec.ExitError)(nil); runErr != nil && !errors.As(runErr, &exit) {
		t.Fatalf("%v\n%s", runErr, clip(out, 2000))
	}
	if strings.Contains(out, conform.password) {
		t.Error("the suite's output holds the password")
	}

	b, err := os.ReadFile(filepath.Join(dir, "junit.xml"))
	if err != nil {
		t.Fatalf("the suite left no results: %v\n%s", err, clip(out, 2000))
	}
	var report struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Skipped  int `xml:"skipped,attr"`
			Disabled int `xml:"disabled,attr"`
			Cases    []struct {
				Name   string `xml:"name,attr"`
				Status string `xml:"status,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b, &report); err != nil || len(report.Suites) != 1 {
		t.Fatalf("results: %d suites, %v", len(report.Suites), err)
	}
	suite := report.Suites[0]
	// The suite counts the groups of a failed test as failed as well.
	var failed []string
	skipped := map[string]int{}
	for _, c := range suite.Cases {
		if c.Status == "skipped" {
			skipped[c.Name[strings.LastIndexByte(c.Name, '/')+1:]]++
		}
		if c.Status == "failed" || c.Status == "error" {
			failed = append(failed, strings.TrimPrefix(c.Name, "OCI Conformance Test/"))
		}
	}
	figures := fmt.Sprintf("%d tests: %d passed, %d failed, %d skipped, %d disabled by the suite's own settings",
		suite.Tests,
		suite.Tests-suite.Failures-suite.Errors-suite.Skipped-suite.Disabled, suite.Failures+suite.Errors,
		suite.Skipped, suite.Disabled)
	t.Log("OCI distribution conformance 1.1: " + figures)
	counted := 0
	for name, n := range skipped {
		skip, ok := maySkip[name]
		if !ok {
			t.Errorf("skipped %d times: %s", n, name)
			continue
		}
		t.Logf("skipped %d times, counted %d times: %s: %s", n, n*skip.counts, name, skip.why)
		counted += n * skip.counts
	}
	if counted != suite.Skipped {
		t.Errorf("the suite counts %d skips, of which %d have a reason", suite.Skipped, counted)
	}
	results.add(result{"OCI conformance", "v0.0.0-20260831232431", "suite 1.1, " + folder, figures, ""})
	if suite.Tests < 500 {
		t.Errorf("only %d tests ran; there should be more than 800: %s", suite.Tests, clip(out, 2000))
	}
	for _, name := range failed {
		t.Errorf("failed: %s", name)
	}
	if len(failed) > 0 {
		t.Logf("the suite's own words:\n%s", failureLines(out))
	}
}

func failureLines(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "failed test") {
			lines = append(lines, line[:min(len(line), 500)])
		}
	}
	return strings.Join(lines[:min(len(lines), 40)], "\n")
}
