package cmdutil_test

import (
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/clitest"
	"github.com/acrkit/acrkit/cmd/acrkit/internal/cli/cmdutil"
)

func TestObject(t *testing.T) {
	f := clitest.Factory(map[string]string{"ACR_NAME": "myregistry"})
	for arg, want := range map[string]string{
		"ci-pull":                           "myregistry.azurecr.io ci-pull",
		"other/ci-pull":                     "other.azurecr.io ci-pull",
		"localhost:5443/_repositories_pull": "localhost:5443 _repositories_pull",
		"https://other.azurecr.io/ci_pull":  "other.azurecr.io ci_pull",
	} {
		reg, name, err := f.Object(arg, "a token")
		if got := reg.Host() + " " + name; err != nil || got != want {
			t.Errorf("%s: %s, %v", arg, got, err)
		}
	}
	for _, arg := range []string{"", "other/", "ci pull", "ci.pull", "a?b", "a%2fb", "..", "tök",
		strings.Repeat("a", 51)} {
		if _, _, err := f.Object(arg, "a token"); cmdutil.ExitCode(err) != cmdutil.ExitUsage {
			t.Errorf("%q: %v", arg, err)
		}
	}
	if _, _, err := f.Object(strings.Repeat("a", 50), "a token"); err != nil {
		t.Error(err)
	}
}

func TestExpiry(t *testing.T) {
	now := time.Date(2026, 11, 30, 10, 0, 0, 500, time.UTC)
	for text, want := range map[string]string{"90d": "2027-02-28T10:00:00Z", "12h": "2026-11-30T22:00:00Z",
		"1.5d": "2026-12-01T22:00:00Z", "2030-01-01T01:00:00+01:00": "2030-01-01T00:00:00Z"} {
		if at, err := cmdutil.Expiry(text, now); err != nil || at.Format(time.RFC3339) != want {
			t.Errorf("%s: %s, %v", text, at, err)
		}
	}
	for _, text := range []string{"", "90", "0d", "-1h", "-90d", "d", "2020-01-01T00:00:00Z", "2030-01-01", "36501d",
		"999999999999d"} {
		if at, err := cmdutil.Expiry(text, now); cmdutil.ExitCode(err) != cmdutil.ExitUsage {
			t.Errorf("%s: %s, %v", text, at, err)
		}
	}
	if _, err := cmdutil.Expiry("36500d", now); err != nil {
		t.Error(err)
	}
}
