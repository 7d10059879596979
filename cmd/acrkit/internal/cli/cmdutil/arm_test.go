package cmdutil

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/acrkit/acrkit"
	"github.com/acrkit/acrkit/internal/shell"
)

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestARM: each cloud's Azure Resource Manager gets a token of its own audience, and
// what listens on loopback none that would be good anywhere else.
func TestARM(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho \"$*\" >>" + shell.Quote(filepath.Join(dir, "asked")) +
		"\nprintf '{\"accessToken\":\"t\",\"expires_on\":4102444800}'\n"
	if err := os.WriteFile(filepath.Join(dir, "az"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for host, resource := range map[string]string{
		"myregistry.azurecr.io": "https://management.azure.com",
		"myregistry.azurecr.us": "https://management.usgovcloudapi.net",
		"myregistry.azurecr.cn": "https://management.chinacloudapi.cn",
		"localhost:5443":        "https://localhost:5443",
		"127.0.0.1:5443":        "https://127.0.0.1:5443",
	} {
		reg, err := acrkit.ParseRegistry(host)
		if err != nil {
			t.Fatal(err)
		}
		var went []string
		arm, err := (&Factory{Now: time.Now}).arm(reg, roundTripFunc(func(r *http.Request) (*http.Response, error) {
			went = append(went, r.URL.Scheme+"://"+r.URL.Host)
			return nil, errors.New("no network here")
		}))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := arm.Registry(t.Context(), reg); err == nil {
				t.Error("answered without a network")
			}
		}
		asked, err := os.ReadFile(filepath.Join(dir, "asked"))
		if err != nil || os.Remove(filepath.Join(dir, "asked")) != nil {
			t.Fatal(err)
		}
		if strings.Count(string(asked), "\n") != 1 || !strings.Contains(string(asked), "--resource "+resource+"\n") &&
			!strings.Contains(string(asked), "--resource "+resource+" ") {
			t.Errorf("%s: az was asked %q, want one token for %s", host, asked, resource)
		}
		if len(went) != 2 || went[0] != resource || went[1] != resource {
			t.Errorf("%s: the token went to %q, want %s", host, went, resource)
		}
	}
}
