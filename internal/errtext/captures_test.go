package errtext_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/diagnose"
)

// captures are what real clients printed: one file for a client and a cause.
const captures = "../../interop/captures"

// classes are causes of which a client's words often show no more than the class.
// To name that is right, and less.
var classes = map[string]string{
	"no-right-here":         "missing-right",
	"metadata-read-missing": "missing-right",
	"catalog-scoped":        "missing-right",
	"tag-locked":            "locked",
	// On the wire both are a token request without a credential.
	"no-credential": "silently-anonymous",
}

// score is how the causes in clients' words were told.
type score struct{ exact, class, second, cannot, wrong []string }

func (s *score) add(file, want string, d diagnose.Diagnosis) {
	row, _ := diagnose.Lookup(string(d.Code))
	isCandidate := slices.ContainsFunc(d.Candidates, func(c acrkit.Cause) bool {
		candidate, _ := diagnose.Lookup(string(c))
		return candidate.Name == want || candidate.Name == classes[want]
	})
	switch {
	case d.Confidence == diagnose.CannotTell && len(d.Candidates) == 0:
		s.cannot = append(s.cannot, file)
	case row.Name == want:
		s.exact = append(s.exact, file)
	case row.Name == classes[want]:
		s.class = append(s.class, file)
	case d.Confidence == diagnose.CannotTell && isCandidate:
		s.cannot = append(s.cannot, file)
	case d.Confidence == diagnose.Suspected && isCandidate:
		s.second = append(s.second, file)
	default:
		s.wrong = append(s.wrong, file+": "+row.Name)
	}
}

// TestCaptures: the words of real clients alone, without a request. At least 95 %
// of the causes that are named are the right ones, what is not the right one is
// only suspected and has the right one beside it, and the rest is "cannot tell".
func TestCaptures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(captures, "*", "*.txt"))
	if err != nil || len(files) < 150 {
		t.Fatalf("%d captures, %v", len(files), err)
	}
	var s score
	causes := map[string]map[string]bool{} // by client
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		client, want := filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".txt")
		if _, ok := diagnose.Lookup(want); !ok {
			t.Errorf("%s: there is no cause %q", file, want)
		}
		if causes[client] == nil {
			causes[client] = map[string]bool{}
		}
		causes[client][want] = true
		d, err := diagnose.Explain(t.Context(), diagnose.Attempt{Text: string(data)}, &diagnose.Options{NoProbes: true})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		s.add(client+"/"+want, want, d)
	}
	named := len(s.exact) + len(s.class)
	t.Logf(
		"%d texts of %d clients: %d causes named, %d of them by their class; %d suspected as another that is listed "+
			"beside the right one: %q; %d cannot be told: %q",
		len(files), len(causes), named, len(s.class), len(s.second), s.second, len(s.cannot), s.cannot)
	sentence := fmt.Sprintf(
		"Of %d outputs of %d clients, read without a probe, %d are named right (%d by their class), %d are suspected "+
			"to be a cause beside the right one, and %d cannot be told.",
		len(files), len(causes), named, len(s.class), len(s.second), len(s.cannot))
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(strings.Fields(string(page)), " "), sentence) {
		t.Errorf("docs/troubleshooting.md does not say:\n%s", sentence)
	}
	if len(s.wrong) > 0 {
		t.Errorf("named wrong: %q", s.wrong)
	}
	if total := named + len(s.second) + len(s.wrong); 100*named < 95*total {
		t.Errorf("%d of %d causes that were named are right, less than 95 %%", named, total)
	}
	for _, client := range []string{"docker", "containerd", "kubelet", "az", "podman", "skopeo", "oras", "crane",
		"helm", "azure-sdk-go", "azure-sdk-python", "azure-sdk-js", "azure-sdk-java"} {
		if len(causes[client]) < 8 {
			t.Errorf("%d causes of %s, want at least 8", len(causes[client]), client)
		}
	}
}
