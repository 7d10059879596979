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
// has every right on its repositories, and prints its figures.
//
// ACR itself does not pass it all, and the emulator answers as ACR does first. So
// failures are listed here, and those that are known are named in knownFailures
// with their reason; a failure that is not named fails the test.
func TestConformance(t *testing.T) {
	const program = "conformance"
	const install = "go install github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111"
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed: %s", program, install)
		}
		t.Skipf("%s is not installed, so it was NOT run: %s", program, install)
	}
	dir, err := filepath.Abs(filepath.Join("results", "conformance"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := newSession(t, shared)
	s.env = append(s.env, "OCI_REGISTRY="+shared.host, "OCI_TLS=enabled", "OCI_VERSION=1.1", "OCI_REPO1=conformance/one", "OCI_REPO2=conformance/two",
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
	figures := fmt.Sprintf("%d tests: %d passed, %d failed, %d skipped, %d disabled by the suite's own settings", suite.Tests,
		suite.Tests-suite.Failures-suite.Errors-suite.Skipped-suite.Disabled, suite.Failures+suite.Errors, suite.Skipped, suite.Disabled)
	t.Log("OCI distribution conformance 1.1: " + figures)
	t.Logf("skipped, because the registry does not offer them or the suite leaves them out: %v", skipped)
	results.add(result{"OCI conformance", "v0.0.0-20260831232431", "suite 1.1", figures, ""})
	if suite.Tests < 500 {
		t.Errorf("only %d tests ran; there should be more than 800: %s", suite.Tests, clip(out, 2000))
	}
	for _, name := range failed {
		if why, ok := knownFailures[name]; ok {
			t.Logf("failed, as known: %s: %s", name, why)
			continue
		}
		t.Errorf("failed: %s", name)
	}
	if len(failed) > 0 {
		t.Logf("the suite's own words:\n%s", failureLines(out))
	}
}

// knownFailures are conformance tests that the emulator fails because ACR is
// known to answer so, each with the reason.
var knownFailures = map[string]string{}

func failureLines(out string) string {
	var lines []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "failed test") {
			lines = append(lines, line[:min(len(line), 500)])
		}
	}
	return strings.Join(lines[:min(len(lines), 40)], "\n")
}
